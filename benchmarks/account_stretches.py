"""How long must a stretch be, where pairs of one clip are sampled? Coverage of a share's interval in made clips.

    python benchmarks/account_stretches.py [--draws 250]

In a made clip the change of each pair and the share that a cause has of it remember their state for ``memory``
frames. Pairs are drawn as a study draws them. Per way of counting independent units: how often the 95 % interval
holds the share over all pairs of this clip, and that of the process that made it; its mean width; the units.
"""

from __future__ import annotations

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.stages.causes.shares import share_of_totals
from vidrobust.statistics.clusters import SHORTEST_FRAMES, SHORTEST_SAMPLED, independent_clusters

CLIPS = ((60, 24), (150, 24), (150, 64), (270, 64), (1500, 64))
"""Pairs of the clip, and of the sample."""
MEMORY = (0, 8, 25, 75)
EACH_PAIR = 0
SHORTEST = (SHORTEST_SAMPLED, SHORTEST_FRAMES, EACH_PAIR)


def remembering(length: int, memory: int, rng: np.random.Generator) -> np.ndarray:
    """(length,) a standard normal series that forgets its state over ``memory`` frames."""
    stay = float(np.exp(-1 / memory)) if memory else 0.0
    steps = rng.normal(size=length)
    found = np.empty(length)
    found[0] = steps[0]
    for place in range(1, length):
        found[place] = stay * found[place - 1] + np.sqrt(1 - stay**2) * steps[place]
    return found


def share_of(state: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(0.4 - 1.2 * state))


def drawn(
    length: int, pairs: int, memory: int, process: float, rng: np.random.Generator
) -> list[list[float]]:
    """Per way of counting: holds the clip's share, holds the process's, width, units."""
    change = np.exp(0.8 * remembering(length, memory, rng) + 0.4 * rng.normal(size=length))
    along = change * (share_of(remembering(length, memory, rng)) + 0.3 * rng.normal(size=length))
    frame = np.arange(length)
    pixels = change * np.exp(0.5 * rng.normal(size=length))
    links = pd.DataFrame(
        {"frame_a": frame, "frame_b": frame + 1, "pixel_change": pixels, "excluded": ""}
    )
    chosen = choose_pairs(links, pairs, str(rng.integers(1 << 30)))
    at, weight = chosen["frame_a"].to_numpy(), chosen["weight"].to_numpy()
    columns = np.column_stack([weight * along[at], weight * change[at]])
    found = []
    for shortest in SHORTEST:
        label = np.arange(len(at))
        if shortest != EACH_PAIR:
            label = independent_clusters(np.zeros(len(at)), at, shortest=shortest).label
        totals = np.zeros((label.max() + 1, 2))
        np.add.at(totals, label, columns)
        summary = share_of_totals(totals, lambda t: t[..., 0] / t[..., 1], draws=len(at))
        truths = (along.sum() / change.sum(), process)
        found.append(
            [
                *(summary.low <= t <= summary.high for t in truths),
                summary.high - summary.low,
                len(totals),
            ]
        )
    return found


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=250)
    draws = parser.parse_args().draws
    rng = np.random.default_rng(1)
    process = float(share_of(rng.normal(size=1_000_000)).mean())
    rows = []
    for length, pairs in CLIPS:
        for memory in MEMORY:
            every = np.array(
                [drawn(length, pairs, memory, process, rng) for _ in range(draws)], float
            )
            for shortest, own in zip(SHORTEST, np.moveaxis(every, 1, 0), strict=True):
                summary = dict(zip(("this_clip", "process"), own[:, :2].mean(axis=0), strict=True))
                summary |= {"width": float(np.nanmean(own[:, 2])), "units": float(own[:, 3].mean())}
                rows.append(
                    {
                        "clip": length,
                        "pairs": pairs,
                        "memory": memory,
                        "shortest": shortest,
                        **summary,
                    }
                )
    say(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    harness.run(main)
