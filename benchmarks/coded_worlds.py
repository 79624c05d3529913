"""Footage that a codec made noisy: which perturbation is found to stand for it?

    python benchmarks/coded_worlds.py [--stills 1] [--pairs 9] [--model mobilenet_v1_0.25_128] [--world ...]

A still of a real clip with noise of two levels is panned and coded by H.264 at a low rate, or frame by frame by
JPEG. Each pair is replayed and every kind of noise fitted, as in a run. Columns: the share of noise and coding,
the grain of what lies between the frames, and of each perturbation in how many pairs it could be fitted, its
grain, and how much of noise and coding it does; then what stands for it, were noise and coding named.
"""

from __future__ import annotations

from pathlib import Path

import account_worlds as worlds
import cv2
import harness
import numpy as np
import pandas as pd
import torch

from vidrobust.frames.pixels import to_levels
from vidrobust.models.load import load_model
from vidrobust.predictions import Classifier
from vidrobust.stages.causes.candidate_fits import candidates
from vidrobust.stages.causes.candidate_fits import rows as candidate_rows
from vidrobust.stages.causes.catalogue import NOISE
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import score, seen_by
from vidrobust.stages.causes.shares import summarise
from vidrobust.stages.policy.candidates import standings

WORLDS: dict[str, tuple[str, dict[str, str]]] = {
    "H.264, crf 36": ("libx264", {"crf": "36", "g": "10000"}),
    "H.264, 150 kbit/s": (
        "libx264",
        {"b": "150k", "maxrate": "150k", "bufsize": "150k", "g": "10000"},
    ),
    "H.264, crf 28": ("libx264", {"crf": "28", "g": "10000"}),
    "HEVC, crf 34": ("libx265", {"crf": "34", "x265-params": "keyint=10000:log-level=none"}),
    "JPEG, quality 40": ("jpeg", {}),
    "noise": ("", {}),
    "noise in a lossless stream": ("ffv1", {}),
    "lossless": ("ffv1", {}),
}
STREAM = {"libx264": "h264", "libx265": "hevc", "jpeg": "mjpeg", "": "", "ffv1": "ffv1"}
"""The name of the stream's codec, as a run knows it."""
PAN, SIGMA, QUALITY = (1.5, 0.45), 2.0, 40
"""Px a frame, levels, and the quality of JPEG."""
FIRST = 3
"""The rate control of a codec needs some frames to settle."""


def coded(frames: list[np.ndarray], codec: str, options: dict[str, str]) -> list[np.ndarray]:
    """The frames as decoded."""
    if codec in ("", "ffv1"):
        return frames
    if codec == "jpeg":
        found = []
        for frame in frames:
            data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            found.append(
                np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])
            )
        return found
    return worlds.coded(frames, codec, options)


def study(
    frames: list[np.ndarray], model: Classifier, pairs: int, codec: str
) -> tuple[float, pd.DataFrame]:
    """The share of noise and coding, and its rows of ``candidate_fits``."""
    rows, fits = [], []
    for t in range(FIRST, FIRST + pairs):
        pair = study_pair(*frames[t - 1 : t + 3])
        ids = {"item": "world", "frame_a": t, "frame_b": t + 1, "weight": 1.0, "scale": "adjacent"}
        album, fitted = candidates(pair, codec)
        seen = seen_by(model, album)
        rows += [{**ids, **row} for row in score(pair, model, seen)]
        fits += [{**ids, **row} for row in candidate_rows(pair, fitted, seen[0])]
    account = summarise(pd.DataFrame(rows), per_item=False).set_index("cause")
    table = pd.DataFrame(fits, columns=list(fits[0]) if fits else ["cause"])
    return float(account.loc[NOISE, "share"]), table[table["cause"] == NOISE]


def shown(rows: pd.DataFrame) -> str:
    """In how many pairs, grain, and how much it does."""
    does = rows["along"].sum() / rows["along_cause"].sum() if len(rows) else np.nan
    return f"{len(rows)}, {rows['grain'].median():.2f}, {does:.1f}" if len(rows) else "-"


def main() -> None:
    """Print the table."""
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--model", default="mobilenet_v1_0.25_128")
    parser.add_argument("--stills", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model: Classifier = load_model(f"onnx:{given.models / given.model}.onnx", device="cpu")
    names = ("gaussian_noise", "jpeg", "h264")
    table = harness.table(
        "still", "world", "noise and coding", "its grain", *names, "stands for it", digits=2
    )
    for number, (clip, frame) in enumerate(worlds.STILLS[: given.stills]):
        scene = worlds.still(given.corpus / clip, frame)
        for world in given.world:
            rng = np.random.default_rng(number)
            places = [
                worlds.Frame(shift=(PAN[0] * (t - 6), PAN[1] * (t - 6)))
                for t in range(given.pairs + 6)
            ]
            clean = [worlds.render(scene, scene, place) for place in places]
            recorded = [
                to_levels(x + rng.normal(0, SIGMA if world != "lossless" else 0, x.shape))
                for x in clean
            ]
            codec, options = WORLDS[world]
            share, fits = study(coded(recorded, codec, options), model, given.pairs, STREAM[codec])
            each = [
                shown(fits[fits["perturbation"] == name]) if len(fits) else "-" for name in names
            ]
            stand = (
                [s.perturbation for s in standings(NOISE, fits) if s.stands] if len(fits) else []
            )
            grain = float(fits["grain_seen"].median()) if len(fits) else float("nan")
            table.row(number, world, share, grain, *each, ", ".join(stand) or "none")


if __name__ == "__main__":
    harness.run(main)
