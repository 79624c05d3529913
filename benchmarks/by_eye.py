"""Does the code see the frames without a box that are seen by eye?

    python benchmarks/by_eye.py [--corpus DIR] [--models DIR] [--counts FILE]

Runs stability over the clips of a count by eye (tests/metrics/tracks/by_eye.md) and sets beside each
thing that was counted what the code's objects on it say; what it follows besides stands below.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.metrics.box_differences import ious
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES

ROOT = Path(__file__).parents[1]
ON_IT = 0.3
"""Mean IoU from which an object of the code is taken to be a thing that was counted."""
BOX = ["x1", "y1", "x2", "y2"]


def where(about: str, frames: np.ndarray) -> np.ndarray:
    """(N, 4) px where a thing is, on a straight line between the frames that say."""
    keys = [key.split(":") for key in about.split(";")]
    at, boxes = [int(frame) for frame, _ in keys], np.array([box.split() for _, box in keys], float)
    return np.column_stack([np.interp(frames, at, side) for side in boxes.T])


def overlap(along: pd.DataFrame, about: str) -> float:
    """Mean IoU of an object's boxes with a thing."""
    boxes, there = along[BOX].to_numpy(np.float64), where(about, along["frame"].to_numpy())
    pairs = [ious(a[None], b[None])[2].sum() for a, b in zip(boxes, there, strict=True)]
    return float(np.mean(pairs))


def studied(clip: Path, last: int, models: list[str], out: Path) -> pd.DataFrame:
    """The frames of objects, of frames 0 to last."""
    with av.open(str(clip)) as container:
        times = [
            float(frame.time or 0)
            for frame in itertools.islice(container.decode(video=0), last + 2)
        ]
    end_s = times[last + 1] if len(times) > last + 1 else None
    settings = Settings(sources=(str(clip),), model=tuple(models)).changed(
        {"end_s": end_s}, "--end"
    )
    with opened_sources(settings, str(out), Reporter(quiet=True)) as run:
        build(run, STAGES, ["stability"])
        return run.table("object_frames")


def main() -> None:
    """Ask for arguments, then a table for the clips and one for the rest."""
    parser = harness.parser(__doc__)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models")
    parser.add_argument(
        "--counts", type=Path, default=ROOT / "tests/metrics/tracks/four_clips_by_eye.csv"
    )
    given = parser.parse_args()
    seen = pd.read_csv(given.counts, keep_default_na=False)
    rows = []
    for clip, things in seen.groupby("clip", sort=False):
        specs = [f"onnx:{given.models / model}.onnx" for model in things["model"].unique()]
        with TemporaryDirectory() as folder:
            found = studied(
                given.corpus / str(clip), int(things["last"].max()), specs, Path(folder) / "run"
            )
        for model, own in things.groupby("model", sort=False):
            rows += [(clip, model, *row) for row in compared(own, found[found["model"] == model])]
    said = harness.table(
        "clip", "detector", "thing", "frames by eye", "without a box by eye", "by the code", "by both",
    )  # fmt: skip
    for clip, *row in rows:
        said.row(Path(clip).stem, *row)
    say("")


def compared(things: pd.DataFrame, along: pd.DataFrame) -> list[tuple[object, ...]]:
    """A row a thing, and one for all else that is followed."""
    of: dict[object, list[pd.DataFrame]] = {}
    for _, steps in along.groupby("track"):
        near = {thing.object: overlap(steps, thing.about) for thing in things.itertuples()}
        best = max(near, key=lambda name: near[name])
        of.setdefault(best if near[best] >= ON_IT else "else", []).append(steps)
    rows = []
    for thing in things.itertuples():
        missing = {int(frame) for frame in str(thing.frames_without_any_box).split()}
        frames = thing.last - thing.first + 1
        lost = _uncovered(of.get(thing.object, []))
        both = sum(frame in missing for frame in lost)
        rows.append((thing.object, frames, len(missing), len(lost), both))
    rows.append(("all else", "", "", len(_uncovered(of.get("else", []))), ""))
    return rows


def _uncovered(parts: list[pd.DataFrame]) -> list[int]:
    """Frames of objects of the code that it says have no box."""
    return [frame for steps in parts for frame in steps.loc[steps["uncovered"] > 0, "frame"]]


if __name__ == "__main__":
    harness.run(main)
