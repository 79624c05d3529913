"""How often a comparison of the average precision of two detectors is right, where the truth is known.

    python benchmarks/compare_precision.py [--worlds 200] [--clips 1 2 3 5 6 12 30] [--frames 24]

In each world two detectors see the same clips, of which every fifth frame has known boxes, so that 24 are 4.8 s.
Both find boxes of two classes with an offset and a chance of missing them that hangs on the clip, both have boxes
too many, and their noise is their own. "Equal" detectors have the same faults: "better" and "worse", of footage
like this or of these clips, are false alarms, no more than 5 % of the worlds but for binomial error. So they are
in "moments": for two seconds one of the two misses up to ``MOMENTS`` more, and for the next two as likely the
other one. A planted detector misses ``PLANTED`` more.
"""

from __future__ import annotations

import harness
import numpy as np
import pandas as pd

from vidrobust.accuracy.average_precision import BOX
from vidrobust.plugins.comparison.compare_sides import Side, precision_differences, with_p
from vidrobust.run_folder.folder import RunFolder
from vidrobust.statistics.levels import FEWEST_TESTED

PLANTED = 0.15
"""Chance of missing a box that the planted detector has more than the other."""
MOMENTS, MOMENT = 0.4, 10
"""Chance of missing a box that one of two has more than the other, at most, and for so many frames."""


class Made(Side):
    """A side of a comparison whose tables are made, not run."""

    def __init__(self, tables: dict[str, pd.DataFrame]) -> None:
        items = list(dict.fromkeys(tables["box_counts"]["item"]))
        super().__init__(RunFolder, "made", "detection", dict.fromkeys(items, ""), {})  # type: ignore[arg-type]
        self.__dict__["tables"] = tables

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables."""
        found: pd.DataFrame = self.__dict__["tables"][name]
        return found


def world(
    rng: np.random.Generator, clips: int, frames: int, more: float = 0.0, moments: float = 0.0
) -> tuple[Made, Made]:
    """Two detectors on the same clips; the second misses ``more``, and one of the two more for ``moments``."""
    item = np.repeat([f"clip{k}" for k in range(clips)], frames)
    frame = np.tile(np.arange(frames), clips)
    seen = pd.DataFrame({"item": item, "frame": frame, "time_s": frame / 5, "part": ""})
    rows = seen.loc[seen.index.repeat(rng.integers(1, 4, len(seen)))].reset_index(drop=True)
    corner = rng.uniform(0, 400, (len(rows), 2))
    known = rows.assign(object="", label=rng.integers(0, 2, len(rows)))
    known["label_name"] = known["label"].map({0: "bolt", 1: "nut"})
    known[BOX] = np.hstack([corner, corner + rng.uniform(30, 80, (len(rows), 2))])
    code = np.unique(known["item"], return_inverse=True)[1]
    hard = rng.beta(1, 4, clips)  # of a clip: how much of it is missed, by both
    begun, size = (
        rng.integers(0, MOMENT, clips),
        rng.uniform(-moments, moments, (clips, frames // MOMENT + 2)),
    )
    lean = size[code, (begun[code] + known["frame"].to_numpy()) // MOMENT]
    sides = []
    for extra, own in ((0.0, np.maximum(-lean, 0)), (more, np.maximum(lean, 0))):
        # below six clips what is said is said of these alone: there a clip that suits one of the two is no chance
        lasting = (
            hard
            + extra
            + (rng.normal(0, 0.05, clips) if clips >= FEWEST_TESTED and not moments else 0.0)
        )
        missed = np.clip(lasting[code] + own, 0, 0.95)
        found = known[rng.uniform(size=len(known)) >= missed].copy()
        found[BOX] = found[BOX] + rng.normal(0, 4, (len(found), 4))
        wrong = known.sample(frac=0.2, random_state=int(rng.integers(1 << 31))).copy()
        wrong[BOX] = wrong[BOX] + rng.uniform(60, 120, (len(wrong), 1))
        found["score"], wrong["score"] = rng.beta(5, 2, len(found)), rng.beta(2, 3, len(wrong))
        boxes = pd.concat([found, wrong], ignore_index=True)
        sides.append(Made({"known_boxes": known, "box_counts": seen, "detections": boxes}))
    return sides[0], sides[1]


def said(a: Made, b: Made) -> tuple[str, float]:
    """What a comparison says of b, of footage like this or of these clips; and by how much they differ."""
    found = with_p(precision_differences(a, b, "content", 0.01)[0])["average_precision"]
    return found.on_these_clips or found.verdict, found.difference


def main() -> None:
    """Print a table: a row a number of clips."""
    parser = harness.parser(__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 2, 3, 5, 6, 12, 30])
    parser.add_argument("--frames", type=int, default=24)
    given = parser.parse_args()
    calls = "equal: better or worse, %", "moments: better or worse, %", "planted: worse, %"
    table = harness.table("clips", *calls, "difference")
    for clips in given.clips:
        rng = np.random.default_rng(0)
        alarms, by_moments, found, size = 0, 0, 0, []
        for _ in range(given.worlds):
            alarms += said(*world(rng, clips, given.frames))[0] in ("better", "worse")
            by_moments += said(*world(rng, clips, given.frames, moments=MOMENTS))[0] in (
                "better",
                "worse",
            )
            verdict, difference = said(*world(rng, clips, given.frames, PLANTED))
            found += verdict == "worse"
            size.append(difference)
        shares = (round(100 * n / given.worlds, 1) for n in (alarms, by_moments, found))
        table.row(clips, *shares, float(np.mean(size)))


if __name__ == "__main__":
    harness.run(main)
