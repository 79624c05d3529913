"""What a unit of work costs, with one process and with several, and so what a thousand hours of footage would.

    python benchmarks/scale.py CLIP... --model SPEC [--workers 2] [--hours 1000] [--cores 64] [--fps 30]

Both runs are made one after the other in new folders, with the parts of each stage timed; the tables must be the
same to the last bit. Numbers hold for this machine, the model, and footage of this size and coding.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import pandas as pd
import torch
from harness import say

import vidrobust
from vidrobust.run_folder.settings import Settings

STREAM = ("transitions", "stability", "variation")
SAMPLED = ("sensitivity", "causes")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1000)
    parser.add_argument("--cores", type=int, default=64, help="of the cluster that is sized")
    parser.add_argument(
        "--fps", type=float, default=30, help="of the footage whose cost is estimated"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        one = timed(asked.clips, asked.model, Path(base) / "one", 1)
        many = timed(asked.clips, asked.model, Path(base) / "many", asked.workers)
        check_same(Path(base) / "one", Path(base) / "many")
    describe(one, many, asked)


def timed(clips: list[str], model: str, out: Path, workers: int) -> dict[str, Any]:
    """Seconds in all and by stage, frames, and bytes of parts."""
    started = time.perf_counter()
    settings = Settings(workers=workers)
    run = vidrobust.study(clips, model, out=out, stages=[*STREAM, *SAMPLED], settings=settings)
    wall = time.perf_counter() - started
    record = run.folder.run
    return {
        "wall": wall,
        "frames": sum(entry["frames"] for entry in record["inputs"]),
        "stages": {name: record["stages"][name]["seconds"] for name in (*STREAM, *SAMPLED)},
        "bytes": sum(path.stat().st_size for path in (out / "cache").rglob("*.parquet")),
        "samples": len(run.table("sensitivity")[["item", "frame"]].drop_duplicates()),
        "pairs": len(run.table("causes")[["item", "frame_a", "frame_b"]].drop_duplicates()),
    }


def check_same(one: Path, many: Path) -> None:
    """Every table is the same to the last bit, but for the noise floor, which is rounding itself."""
    for path in sorted(one.glob("*.parquet")):
        tables = [pd.read_parquet(folder / path.name) for folder in (one, many)]
        if "metric" in tables[0]:
            tables = [
                each[~each["metric"].astype(str).str.startswith("noise_floor")] for each in tables
            ]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    say("tables of both runs, but for the noise floor: the same to the last bit")


def describe(one: dict[str, Any], many: dict[str, Any], asked: argparse.Namespace) -> None:
    each = max(1, torch.get_num_threads() // asked.workers)  # threads of a worker
    say(
        f"{one['frames']} frames, {torch.get_num_threads()} threads, {each} of each of {asked.workers} workers"
    )
    say(
        f"one process {one['wall']:.1f} s, {asked.workers} workers {many['wall']:.1f} s with their start"
    )
    for what, stages, count in (
        ("a frame seen by transitions, stability and variation", STREAM, "frames"),
        ("a frame of sensitivity", ("sensitivity",), "samples"),
        ("a pair of causes", ("causes",), "pairs"),
    ):
        alone, in_worker = (_seconds(run, stages, count) for run in (one, many))
        say(f"{what}: {alone:.4f} s in one process, {in_worker * each:.4f} s of a core in a worker")
    say(f"parts: {one['bytes'] / one['frames']:.0f} bytes a frame")
    frames = asked.hours * 3600 * asked.fps
    core_hours = frames * _seconds(many, STREAM, "frames") * each / 3600
    say(
        f"{asked.hours:g} hours at {asked.fps:g} frames/s: {frames:.3g} frames, {core_hours:.0f} core-hours, "
        f"{core_hours / asked.cores:.1f} hours on {asked.cores} cores like these, "
        f"{frames * one['bytes'] / one['frames'] / 1e9:.1f} GB of parts; sampled frames and pairs "
        "are numbers of the run, and do not grow with it"
    )


def _seconds(run: dict[str, Any], stages: tuple[str, ...], count: str) -> float:
    """Of one frame or pair in these stages; of several workers the sum of theirs."""
    return float(sum(run["stages"][stage] for stage in stages)) / max(run[count], 1)


if __name__ == "__main__":
    harness.run(main)
