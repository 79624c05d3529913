"""Rendering a data set: parts, passes and stations become clips, a manifest and their truth."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pandas as pd

from vidrobust.errors import SettingsError, VidrobustError
from vidrobust.files.atomic import write_text
from vidrobust.line_sim.clip import ClipPlan, render_clip
from vidrobust.line_sim.coco import boxes_as_coco
from vidrobust.line_sim.dials import BELT_SPEED_PX, DIALS, FRAME_RATE, station_settings
from vidrobust.line_sim.scene import most_traffic

LONGEST_TRAVEL_PX = 220.0
"""How far the belt runs in a clip whose dial speed is not turned: the part stays in view."""
MOST_BELT_PX = 20_000.0
"""Longest stretch of belt that is drawn for one clip."""


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """parts x passes x stations clips of ``seconds`` each; dials as ``--dial`` gives them, [STATION:]NAME=SIZE."""

    parts: int
    passes: int = 1
    stations: int = 1
    seconds: float = 4.0
    seed: int = 0
    dials: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("parts", "passes", "stations"):
            if not 1 <= getattr(self, name) <= 999:
                raise SettingsError(f"--{name}: expected 1 to 999, got {getattr(self, name)}")
        if not 0.1 <= self.seconds <= 600:
            raise SettingsError(f"--seconds: expected 0.1 to 600, got {self.seconds:g}")
        if self.seed < 0:
            raise SettingsError(f"--seed: expected 0 or more, got {self.seed}")

    def plans(self) -> list[ClipPlan]:
        """Every clip; raises SettingsError for dials that do not exist or cannot be had together."""
        frames = max(3, round(self.seconds * FRAME_RATE))
        slow = min(BELT_SPEED_PX, LONGEST_TRAVEL_PX / frames)
        settings = station_settings(self.dials, self.stations, slow)
        for number, dials in enumerate(settings, 1):
            _possible(dials, frames, number)
        return [
            ClipPlan(part=part, pass_=again, station=station, frames=frames, seed=self.seed, settings=dials)
            for part in range(1, self.parts + 1)
            for again in range(1, self.passes + 1)
            for station, dials in enumerate(settings, 1)
        ]


def render(
    settings: RenderSettings,
    out: Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write ``out/clips/*.mp4``, ``manifest.csv``, ``truth.parquet`` and ``boxes.json``; the manifest is returned.

    The same settings give the same bytes, whatever the number of workers (with one x264 and one OpenCV).

    workers   processes that render at the same time
    progress  called with clips done and clips in all

    Raises SettingsError where ``out`` holds a data set already, unless ``overwrite``.
    """
    plans = settings.plans()
    if (out / "manifest.csv").exists() and not overwrite:
        raise SettingsError(f"{out}: holds a data set already; give another folder, or --overwrite")
    clips = out / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    for row, frames in _each(plans, clips, workers):
        rows.append(row)
        truth += frames
        if progress:
            progress(len(rows), len(plans))
    manifest = pd.DataFrame(rows)
    beside = out / "truth.parquet.part"
    pd.DataFrame(truth).to_parquet(beside, index=False)
    os.replace(beside, out / "truth.parquet")
    write_text(out / "boxes.json", json.dumps(boxes_as_coco(truth)) + "\n")
    write_text(out / "manifest.csv", manifest.to_csv(index=False))  # last: a manifest means that all is there
    return manifest


def _each(plans: Sequence[ClipPlan], clips: Path, workers: int) -> Any:
    """Rows of manifest and truth, in the order of the plans."""
    if workers <= 1:
        yield from map(partial(render_clip, folder=clips), plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(partial(render_clip, folder=clips), plans)


def _possible(dials: dict[str, float], frames: int, station: int) -> None:
    speed, traffic = dials["speed"], dials["traffic"]
    if abs(speed) * frames > MOST_BELT_PX:
        raise SettingsError(
            f"station {station}: {frames} frames at {speed:g} px need more than {MOST_BELT_PX:g} px of belt; "
            "give fewer --seconds, or a slower --dial speed"
        )
    if traffic > most_traffic(speed):
        raise SettingsError(
            f"station {station}: a belt that runs {speed:.3g} px a frame brings at most "
            f"{most_traffic(speed):.2f} parts a second, not traffic={traffic:g}; give a faster --dial speed"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m datasets.line_sim.render``; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.line_sim.render",
        description="Render line footage whose truth is known: clips, manifest.csv, truth.parquet, boxes.json.",
        epilog="dials: " + "; ".join(f"{d.name} ({d.unit})" for d in DIALS),
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--passes", type=int, default=1, help="how often each part passes each station")
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
            settings, given.out, workers=given.workers, overwrite=given.overwrite, progress=_say_progress
        )
    except VidrobustError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{given.out}: {len(manifest)} clips, manifest.csv, truth.parquet, boxes.json", file=sys.stderr)
    return 0


def _say_progress(done: int, total: int) -> None:
    if done % 10 == 0 and done < total:
        print(f"{done} of {total} clips", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
