"""Each dial of the simulated line against the variation meter: what was planted, and what is measured, by pairs.

    python benchmarks/line_dials.py [--parts 4] [--seconds 2] [--seed 900]

For every dial that has a quantity of the meter, at its three sizes: the change planted between the frames of each
measured pair (from the truth), the change measured, both as root mean squares over the valid pairs, and the median
of the absolute error. A pair is planted with

    gain        the ratio of the gains less 1          shift_x_px   the difference of the shakes
    hue_deg     the difference of the angles           sharpness    sqrt |s2^2 - s1^2| of the blurs, signed
    noise_sigma the dial and the sensor's own noise    part_shift_x_px  the belt's run, against the camera
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.plugins.line.camera import SENSOR_LEVELS
from vidrobust.plugins.line.dials import BY_NAME
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.stages.variation.meter import VariationMeter
from vidrobust.video.source import open_video

Planted = Callable[[pd.Series, pd.Series], float]


def _blur(a: pd.Series, b: pd.Series) -> float:
    change = b["focus_px"] ** 2 - a["focus_px"] ** 2
    return float(np.sign(change) * np.sqrt(abs(change)))


GAIN = ("gain", lambda a, b: b["gain"] / a["gain"] - 1)
QUANTITY: dict[str, tuple[str, Planted]] = {
    "light": GAIN,
    "drift": GAIN,
    "flicker": GAIN,
    "exposure": GAIN,
    "hue": ("hue_deg", lambda a, b: b["hue_deg"] - a["hue_deg"]),
    "shake": ("shift_x_px", lambda a, b: b["shake_x_px"] - a["shake_x_px"]),
    "focus": ("sharpness", _blur),
    "noise": ("noise_sigma", lambda a, b: float(np.hypot(b["noise"], SENSOR_LEVELS))),
    "speed": ("part_shift_x_px", lambda a, b: b["speed_px"] * (b["frame"] - a["frame"])),
}
RATIOS = ("gain",)


def measured(path: Path) -> pd.DataFrame:
    """The meter's pairs of neighbours."""
    with open_video(path) as video:
        meter, watcher = (
            VariationMeter(path.stem, video.info.frame_rate, content=path.stem, stride=2),
            PairWatcher(),
        )
        for batch in video.batches(16):
            meter.feed(batch, watcher.feed(batch).reason)
    pairs = meter.finish().pairs
    return pairs[pairs["scale"] == "adjacent"]


def compare(dial: str, size: float, parts: int, seconds: float, seed: int) -> str:
    """One row."""
    quantity, planted = QUANTITY[dial]
    with TemporaryDirectory() as folder:
        settings = RenderSettings(
            parts=parts, seconds=seconds, seed=seed, dials=(f"{dial}={size}",)
        )
        manifest = render(settings, Path(folder))
        truth = pd.read_parquet(Path(folder) / "truth.parquet").set_index(
            ["item", "frame"], drop=False
        )
        pairs = pd.concat([measured(Path(folder) / path) for path in manifest["path"]])
    pairs = pairs[pairs["quantity"] == quantity]
    good = pairs[pairs["valid"]]
    true = np.array(
        [
            planted(*(truth.loc[(p.item, f)] for f in (p.frame_a, p.frame_b)))
            for p in good.itertuples()
        ],
        float,
    )
    seen = good["value"].to_numpy(float) - (1.0 if quantity in RATIOS else 0.0)
    rms = [
        float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
        for values in (true, seen)
    ]
    error = float(np.median(np.abs(seen - true))) if len(true) else float("nan")
    counts = f"{len(good)} of {len(pairs)}"
    return f"{dial:10s} {size:6g} {quantity:16s} {counts:>14s} {rms[0]:9.4f} {rms[1]:9.4f} {error:9.4f}"


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=900)
    parser.add_argument("--dial", choices=[*QUANTITY], nargs="+", default=[*QUANTITY])
    given = parser.parse_args()
    say(
        f"{'dial':10s} {'size':>6s} {'quantity':16s} {'valid pairs':>14s} "
        f"{'planted':>9s} {'measured':>9s} {'error':>9s}"
    )
    for dial in given.dial:
        for size in BY_NAME[dial].sizes:
            say(compare(dial, size, given.parts, given.seconds, given.seed))


if __name__ == "__main__":
    harness.run(main)
