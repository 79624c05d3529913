"""Do objects keep their numbers where the truth is known and boxes are bad?

    python benchmarks/followed.py [--truth FILE] [--seeds 6]

Known walks (MOTChallenge; of the corpus the eight pedestrians of TUD-Campus) are boxed by a made-up detector,
whose boxes shake, are missed, are drawn about a part of their object and come with further boxes on halves of it;
what the pixels show is known for a share of the boxes. Followed by the program's rules, judged as a tracker is.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import harness
import numpy as np

from vidrobust.metrics.tracks.against_truth import NOTHING, Truth, identity_counts
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes

ROOT = Path(__file__).parents[1]
TUD = "annotations/mmtracking/demo_MOT15_data/train/TUD-Campus/gt/gt.txt"
SIZE = (480, 640)


@dataclasses.dataclass(frozen=True)
class Detector:
    """shake: of each side, share of the box; the others: how often a box is missed, drawn otherwise, has a half
    beside it, and shows by its pixels where it goes."""

    shake: float
    missed: float
    redrawn: float
    halves: float
    pixels: float


DETECTORS = {
    "good": Detector(0.02, 0.05, 0.0, 0.0, 1.0),
    "redrawn": Detector(0.03, 0.1, 0.2, 0.2, 0.7),
    "bad": Detector(0.05, 0.2, 0.3, 0.5, 0.4),
    "no pixels": Detector(0.04, 0.1, 0.2, 0.3, 0.0),
}


def known(path: Path) -> Truth:
    """The walks of a MOTChallenge file, frames from 0."""
    rows = np.loadtxt(path, delimiter=",")
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    boxes = np.column_stack([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]])
    return Truth(
        frame=rows[:, 0].astype(np.int64) - 1,
        boxes=np.clip(boxes, 0, [SIZE[1], SIZE[0]] * 2),
        labels=np.zeros(len(rows), np.int64),
        trajectory=rows[:, 1].astype(np.int64),
    )


def boxed(truth: Truth, detector: Detector, seed: int) -> ItemBoxes:
    """What the detector says of the walks."""
    rng = np.random.default_rng(seed)
    of = zip(truth.frame.tolist(), truth.trajectory.tolist(), truth.boxes, strict=True)
    at = {(frame, number): box for frame, number, box in of}
    rows: list[tuple[int, np.ndarray, float, np.ndarray]] = []
    for (frame, number), box in at.items():
        side = np.tile(box[2:] - box[:2], 2)
        after = at.get((frame + 1, number), box)
        shift = (after[:2] + after[2:] - box[:2] - box[2:]) / 2
        shift = shift if rng.random() < detector.pixels else np.full(2, np.nan)
        if rng.random() >= detector.missed:
            drawn = box + rng.normal(0, detector.shake, 4) * side
            if rng.random() < detector.redrawn:
                edge = rng.integers(4)
                drawn[edge] += (1 if edge < 2 else -1) * rng.uniform(0.25, 0.5) * side[edge]
            rows.append((frame, drawn, rng.uniform(0.5, 0.95), shift))
        if rng.random() < detector.halves:
            top = box[1] + rng.uniform(0, 0.5) * side[1]
            half = np.array([box[0], top, box[2], top + side[1] / 2])
            rows.append(
                (
                    frame,
                    half + rng.normal(0, detector.shake, 4) * side,
                    rng.uniform(0.3, 0.8),
                    shift,
                )
            )
    boxes = np.clip([row[1] for row in rows], 0, [SIZE[1], SIZE[0]] * 2)
    kept = [k for k, box in enumerate(boxes) if (box[2:] - box[:2] > 2).all()]
    kept.sort(key=lambda k: rows[k][0])
    frames = int(truth.frame.max()) + 1
    return ItemBoxes(
        frame=np.array([rows[k][0] for k in kept]),
        boxes=boxes[kept],
        scores=np.array([rows[k][2] for k in kept]),
        labels=np.zeros(len(kept), np.int64),
        shift=np.array([rows[k][3] for k in kept]),
        num_frames=frames,
        joined=np.arange(frames) > 0,
        size=SIZE,
    )


def main() -> None:
    """Ask for arguments, then a row a detector."""
    parser = harness.parser(__doc__)
    parser.add_argument("--truth", type=Path, default=ROOT.parent / "shared" / "corpus" / TUD)
    parser.add_argument("--seeds", type=int, default=6)
    given = parser.parse_args()
    truth = known(given.truth)
    table = harness.table("detector", "IDF1", "HOTA", "association", "changes of number")
    for name, detector in DETECTORS.items():
        total = NOTHING
        for seed in range(given.seeds):
            boxes = boxed(truth, detector, seed)
            numbered = dataclasses.replace(boxes, given=follow(boxes, TrackSettings()).track)
            total += identity_counts(numbered, truth, TrackSettings().keep_score)
        table.row(name, total.idf1, total.hota, total.association, total.switches)


if __name__ == "__main__":
    harness.run(main)
