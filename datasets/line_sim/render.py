"""Render line footage whose truth is known: ``python -m datasets.line_sim.render --out DIR --parts 4``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vidrobust.errors import VidrobustError
from vidrobust.plugins.line.dials import DIALS
from vidrobust.plugins.line.render import RenderSettings, render


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m datasets.line_sim.render``; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.line_sim.render",
        description="Render line footage whose truth is known: clips, manifest.csv, truth.parquet, boxes.json.",
        epilog="dials: " + "; ".join(f"{d.name} ({d.unit})" for d in DIALS),
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument(
        "--passes", type=int, default=1, help="how often each part passes each station"
    )
    parser.add_argument("--stations", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a clip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--dial", action="append", default=[], metavar="[STATION:]NAME=SIZE", help="may be repeated"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--overwrite", action="store_true")
    given = parser.parse_args(arguments)
    try:
        settings = RenderSettings(
            parts=given.parts,
            passes=given.passes,
            stations=given.stations,
            seconds=given.seconds,
            seed=given.seed,
            dials=tuple(given.dial),
        )
        manifest = render(
            settings,
            given.out,
            workers=given.workers,
            overwrite=given.overwrite,
            progress=_say_progress,
        )
    except VidrobustError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(
        f"{given.out}: {len(manifest)} clips, manifest.csv, truth.parquet, boxes.json",
        file=sys.stderr,
    )
    return 0


def _say_progress(done: int, total: int) -> None:
    if done % 10 == 0 and done < total:
        print(f"{done} of {total} clips", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
