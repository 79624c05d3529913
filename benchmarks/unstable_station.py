"""A line with one planted unstable station: does the study of repeatability name it?

    python benchmarks/unstable_station.py [--dial light=0.8] [--dial shake=8] [--parts 8] [--passes 3]

Three stations see the same parts in the same passes; at the second one a dial is turned. The model is that of
``line_kinds``. Printed: each station's own repeatability of the score, verdicts repeated, and parts always right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness
import pandas as pd

from vidrobust.plugins.line.render import RenderSettings, render

ROOT = Path(__file__).parents[1]


def study(
    dial: str, parts: int, passes: int, seconds: float, seed: int, stations: int = 3
) -> dict[str, Any]:
    """The JSON of ``vidrobust repeatability`` on a rendered line whose second station has the dial."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dials = (f"2:{dial}",) if dial else ()
        settings = RenderSettings(
            parts=parts, passes=passes, stations=stations, seconds=seconds, seed=seed, dials=dials
        )
        render(settings, folder / "line")
        manifest = folder / "line" / "kinds.csv"
        pd.read_csv(folder / "line" / "manifest.csv").assign(label=lambda t: t["kind"]).to_csv(
            manifest
        )
        call = [
            *(sys.executable, "-m", "vidrobust", "repeatability", str(manifest)),
            *("--model", "benchmarks.line_kinds:classifier", "--out", str(folder / "run")),
            *("--defect", "bolt", "--json", "--quiet", "--no-pictures"),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            call, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Station, repeatability of its score, verdicts repeated, parts right in all passes."""
    lines = []
    for each in found["by_operator"]:
        station = each["operator"]
        same = found["attribute"]["within_operator"][station]["agreement"]
        right = found["attribute"]["against_reference"]["operators"][station]["effectiveness"]
        sd = f"{each['repeatability_sd']:.3f} ({each['low']:.3f} to {each['high']:.3f})"
        lines.append(
            (station, sd, f"{same['count']} of {same['n']}", f"{right['count']} of {right['n']}")
        )
    return lines


def main() -> None:
    """Print a row a station and dial."""
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", action="append", default=[])
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    columns = "dial of station 2", "station", "sd between passes", "same verdict", "always right"
    table = harness.table(*columns)
    for dial in given.dial or ["light=0.8"]:
        found = study(dial, given.parts, given.passes, given.seconds, given.seed)
        for row in rows(found):
            table.row(dial, *row)


if __name__ == "__main__":
    harness.run(main)
