"""How often a comparison of two runs says better or worse of some metric, where the truth is known.

    python benchmarks/compare_worlds.py [--runs 400] [--clips 1 3 6 8 12 14 20 30] [--seed 0] [--world equal]

Two runs on the same clips of 120 pairs, ten metrics. Worlds:

equal     what flips does so by chance, at a rate of the clip's own; the metrics share half of their chance
favours   each clip suits one of the two models, by heavy-tailed amounts (Student's t, 2 degrees of freedom), the
          other way as often
one bad   one clip in five is 20 points worse for B, the others 5 points better: no difference in the mean, and the
          few clips may hold none of the bad ones
planted   as equal, and B has 3 points more in every metric

Columns: share of comparisons in which some metric is called better or worse of footage like this; the same without
allowing for ten metrics; the same said of these clips alone, below fourteen of them; share of metrics called worse
where worse was planted. The binomial error of 5 % in 400 comparisons is 1.1.
"""

from __future__ import annotations

from collections.abc import Callable

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.repeatability.compare import Paired, compare_metrics, paired_difference

METRICS, PAIRS = 10, 120
SURE = ("better", "worse")


def rates(rng: np.random.Generator, clips: int, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, clips x PAIRS) bool of both runs; away (clips, M) is what B flips more, or A where it is below 0."""
    base = rng.beta(0.5, 9.5, (clips, 1, 1))
    shared = rng.random((clips, PAIRS, 1)) < 0.5
    chance = [
        np.where(shared, rng.random((clips, PAIRS, 1)), rng.random((clips, PAIRS, METRICS))) for _ in "ab"
    ]
    more = [np.clip(-away, 0, 1)[:, None], np.clip(away, 0, 1)[:, None]]
    a, b = ((c < base) | (rng.random(c.shape) < m) for c, m in zip(chance, more, strict=True))
    return tuple(np.moveaxis(x, -1, 0).reshape(METRICS, -1) for x in (a, b))  # type: ignore[return-value]


def equal(rng: np.random.Generator, clips: int) -> np.ndarray:
    """No clip suits either."""
    return np.zeros((clips, METRICS))


def favours(rng: np.random.Generator, clips: int) -> np.ndarray:
    """Each clip suits one of the two."""
    return 0.02 * (rng.standard_t(2, (clips, 1)) + rng.standard_t(2, (clips, METRICS)))


def one_bad(rng: np.random.Generator, clips: int) -> np.ndarray:
    """One clip in five is bad for B."""
    return np.repeat(np.where(rng.random((clips, 1)) < 0.2, 0.2, -0.05), METRICS, axis=1)


def planted(rng: np.random.Generator, clips: int) -> np.ndarray:
    """Three points more."""
    return np.full((clips, METRICS), 0.03)


WORLDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "equal": equal,
    "favours": favours,
    "one bad": one_bad,
    "planted": planted,
}


def paired(a: np.ndarray, b: np.ndarray, clips: int) -> dict[str, Paired]:
    """Ten metrics as rows of clips at 25 pairs a second."""
    clip = np.repeat([f"clip{k}" for k in range(clips)], PAIRS).astype(object)
    place = pd.DataFrame({"item": clip, "time_s": np.tile(np.arange(PAIRS) / 25, clips), "part": ""})
    return {
        f"metric{m}": Paired(a[m].astype(float), b[m].astype(float), clip, False, place)
        for m in range(METRICS)
    }


def alone(a: np.ndarray, b: np.ndarray, clips: int) -> list[bool]:
    """Which metrics differ by their own interval, clips or stretches of a second as clusters."""
    rows = np.arange(clips * PAIRS)
    label = rows // (PAIRS if clips >= 5 else 25)
    found = [paired_difference(x, y, label) for x, y in zip(a, b, strict=True)]
    return [each.low > 0 or each.high < 0 for each in found]


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 3, 6, 8, 12, 14, 20, 30])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    given = parser.parse_args()
    say(
        "| world | clips | some better or worse | by each interval alone | on these clips alone | found worse |"
    )
    say("|---" * 6 + "|")
    for name in given.world:
        world = WORLDS[name]
        for clips in given.clips:
            rng = np.random.default_rng([given.seed, clips])
            called = plain = here = worse = 0.0
            for number in range(given.runs):
                a, b = rates(rng, clips, world(rng, clips))
                found = list(compare_metrics(paired(a, b, clips), seed=number).values())
                called += any(each.verdict in SURE for each in found)
                here += any(each.on_these_clips in SURE for each in found)
                worse += np.mean([each.verdict == "worse" for each in found])
                plain += any(alone(a, b, clips))
            row = [called, plain, here, worse] if name == "planted" else [called, plain, here]
            cells = [f"{100 * each / given.runs:.1f}" for each in row] + ["-"] * (4 - len(row))
            say(f"| {name} | {clips} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    harness.run(main)
