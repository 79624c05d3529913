"""How often a comparison of the average precision of two detectors is right, where the truth is known.

    python benchmarks/compare_precision.py [--worlds 200] [--clips 6 12 30] [--frames 10] [--resamples 200]

In each world two detectors see the same clips. Both find boxes of two classes with an offset and a chance of
missing them that hangs on the clip, both have boxes too many, and their noise is their own. "Equal" detectors have
the same faults: "better" and "worse" are false alarms, no more than 5 % of the worlds but for binomial error. A
planted detector misses ``PLANTED`` more. Beside the jackknife of ``vidrobust compare`` a bootstrap over clips.
"""

from __future__ import annotations

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.finished_runs.compare_precision import precision_differences, with_p
from vidrobust.finished_runs.compare_sides import Side
from vidrobust.protocols.average_precision import BOX, FramesOfBoxes
from vidrobust.run_folder.folder import RunFolder

PLANTED = 0.15
"""Chance of missing a box that the planted detector has more than the other."""
LEVEL = 0.95


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


def world(rng: np.random.Generator, clips: int, frames: int, more: float = 0.0) -> tuple[Made, Made]:
    """Two detectors on the same clips; the second misses ``more``."""
    item = np.repeat([f"clip{k}" for k in range(clips)], frames)
    frame = np.tile(np.arange(frames), clips)
    seen = pd.DataFrame({"item": item, "frame": frame, "time_s": frame / 25, "part": ""})
    rows = seen.loc[seen.index.repeat(rng.integers(1, 4, len(seen)))].reset_index(drop=True)
    corner = rng.uniform(0, 400, (len(rows), 2))
    known = rows.assign(object="", label=rng.integers(0, 2, len(rows)))
    known["label_name"] = known["label"].map({0: "bolt", 1: "nut"})
    known[BOX] = np.hstack([corner, corner + rng.uniform(30, 80, (len(rows), 2))])
    hard = rng.beta(1, 4, clips)  # of a clip: how much of it is missed, by both
    sides = []
    for extra in (0.0, more):
        missed = np.clip(hard + extra + rng.normal(0, 0.05, clips), 0, 0.95)
        code = np.unique(known["item"], return_inverse=True)[1]
        found = known[rng.uniform(size=len(known)) >= missed[code]].copy()
        found[BOX] = found[BOX] + rng.normal(0, 4, (len(found), 4))
        wrong = known.sample(frac=0.2, random_state=int(rng.integers(1 << 31))).copy()
        wrong[BOX] = wrong[BOX] + rng.uniform(60, 120, (len(wrong), 1))
        found["score"], wrong["score"] = rng.beta(5, 2, len(found)), rng.beta(2, 3, len(wrong))
        boxes = pd.concat([found, wrong], ignore_index=True)
        sides.append(Made({"known_boxes": known, "box_counts": seen, "detections": boxes}))
    return sides[0], sides[1]


def bootstrap(a: Made, b: Made, rng: np.random.Generator, resamples: int) -> tuple[float, float]:
    """Percentile interval of the difference over resampled clips."""
    seen = a.table("box_counts")
    code = pd.MultiIndex.from_frame(seen[["item", "frame"]])

    def boxes(side: Made) -> FramesOfBoxes:
        tables = [side.table(name) for name in ("known_boxes", "detections")]
        index = [code.get_indexer(pd.MultiIndex.from_frame(t[["item", "frame"]])) for t in tables]
        return FramesOfBoxes(*(t.assign(frame=k) for t, k in zip(tables, index, strict=True)))

    both, clips = [boxes(side) for side in (a, b)], list(seen.groupby("item").indices.values())
    drawn = []
    for _ in range(resamples):
        chosen = np.concatenate([clips[k] for k in rng.integers(0, len(clips), len(clips))])
        drawn.append(both[1].precision(chosen).ap - both[0].precision(chosen).ap)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def main() -> None:
    """Print a table: a row a number of clips."""
    parser = harness.parser(__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--clips", type=int, nargs="+", default=[6, 12, 30])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=200, help="0: no bootstrap beside")
    given = parser.parse_args()
    say("| clips | equal: better or worse, % | the same by a bootstrap, % | planted: worse, % | difference |")
    say("|---|---|---|---|---|")
    for clips in given.clips:
        rng = np.random.default_rng(0)
        alarms, by_bootstrap, found, size = 0, 0, 0, []
        for _ in range(given.worlds):
            equal = world(rng, clips, given.frames)
            summary = with_p(precision_differences(*equal, "content", 0.01)[0])["average_precision"]
            alarms += summary.verdict in ("better", "worse")
            if given.resamples:
                low, high = bootstrap(*equal, rng, given.resamples)
                by_bootstrap += low > 0 or high < 0
            planted = world(rng, clips, given.frames, PLANTED)
            summary = with_p(precision_differences(*planted, "content", 0.01)[0])["average_precision"]
            found += summary.verdict == "worse"
            size.append(summary.difference)
        share = [100 * count / given.worlds for count in (alarms, by_bootstrap, found)]
        second = f"{share[1]:.1f}" if given.resamples else "-"
        say(f"| {clips} | {share[0]:.1f} | {second} | {share[2]:.1f} | {np.mean(size):.3f} |")


if __name__ == "__main__":
    harness.run(main)
