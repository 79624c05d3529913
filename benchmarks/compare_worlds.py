"""How often a comparison of two runs says better or worse of some metric, where the truth is known.

    python benchmarks/compare_worlds.py [--runs 400] [--clips 1 3 6 8 12 14 20 30] [--seed 0] [--world equal]

Two runs on the same clips of 120 pairs (4.8 s), ten metrics. Worlds:

equal     what flips does so by chance, at a rate of the clip's own; the metrics share half of their chance
favours   each clip suits one of the two models, by heavy-tailed amounts (Student's t, 2 degrees of freedom), the
          other way as often
one bad   one clip in five is 20 points worse for B, the others 5 points better: no difference in the mean, and the
          few clips may hold none of the bad ones
moments   what suits one of the two lasts two seconds and is as likely the other one's next: no clip suits either
planted   as equal, and B has 3 points more in every metric

Columns, in percent of comparisons: some metric is called better or worse of footage like this; some metric is called
so of these clips alone, below fourteen of them; and falsely so: what these very clips hold, were each as long as one
likes, goes the other way or is nothing; share of metrics called worse where worse was planted, of footage like this
and of these clips. The binomial error of 5 % in 400 comparisons is 1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import harness
import numpy as np
import pandas as pd

from vidrobust.plugins.comparison.compare_metrics import Paired, compare_metrics

METRICS, PAIRS = 10, 120
MOMENT = 50
"""Pairs, two seconds, for which a moment suits one of the two."""
SURE = ("better", "worse")


@dataclass(frozen=True)
class World:
    """How much more B flips than A in every row (A where it is below 0), and what of it lasts in each clip.

    away    (clips, PAIRS or 1, M) chance of a further flip
    lasting (clips, M) its mean over a clip that goes on without end
    """

    away: np.ndarray
    lasting: np.ndarray


def rates(
    rng: np.random.Generator, clips: int, world: World
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(M, clips x PAIRS) bool of both runs, and (M,) by how much B flips more in these clips if they went on."""
    base = rng.beta(0.5, 9.5, (clips, 1, 1))
    shared = rng.random((clips, PAIRS, 1)) < 0.5
    chance = [
        np.where(shared, rng.random((clips, PAIRS, 1)), rng.random((clips, PAIRS, METRICS)))
        for _ in "ab"
    ]
    more = [np.clip(-world.away, 0, 1), np.clip(world.away, 0, 1)]
    a, b = ((c < base) | (rng.random(c.shape) < m) for c, m in zip(chance, more, strict=True))
    flips = [np.moveaxis(x, -1, 0).reshape(METRICS, -1) for x in (a, b)]
    return flips[0], flips[1], ((1 - base[:, 0]) * world.lasting).mean(axis=0)


def steady(away: np.ndarray) -> World:
    """What a clip holds it holds throughout: (clips, M)."""
    away = np.clip(away, -1, 1)
    return World(away[:, None], away)


def equal(rng: np.random.Generator, clips: int) -> World:
    """No clip suits either."""
    return steady(np.zeros((clips, METRICS)))


def favours(rng: np.random.Generator, clips: int) -> World:
    """Each clip suits one of the two."""
    return steady(0.02 * (rng.standard_t(2, (clips, 1)) + rng.standard_t(2, (clips, METRICS))))


def one_bad(rng: np.random.Generator, clips: int) -> World:
    """One clip in five is bad for B."""
    return steady(np.repeat(np.where(rng.random((clips, 1)) < 0.2, 0.2, -0.05), METRICS, axis=1))


def moments(rng: np.random.Generator, clips: int) -> World:
    """What suits one of the two lasts MOMENT pairs, which begin anywhere before a clip does."""
    begun = rng.integers(0, MOMENT, (clips, 1)) + np.arange(PAIRS)
    sizes = 0.05 * rng.standard_normal((clips, PAIRS // MOMENT + 2, METRICS))
    away = np.take_along_axis(sizes, (begun // MOMENT)[..., None], axis=1)
    return World(away, np.zeros((clips, METRICS)))


def planted(rng: np.random.Generator, clips: int) -> World:
    """Three points more."""
    return steady(np.full((clips, METRICS), 0.03))


WORLDS: dict[str, Callable[[np.random.Generator, int], World]] = {
    "equal": equal,
    "favours": favours,
    "one bad": one_bad,
    "moments": moments,
    "planted": planted,
}


def paired(a: np.ndarray, b: np.ndarray, clips: int) -> dict[str, Paired]:
    """Ten metrics as rows of clips at 25 pairs a second."""
    clip = np.repeat([f"clip{k}" for k in range(clips)], PAIRS).astype(object)
    place = pd.DataFrame(
        {"item": clip, "time_s": np.tile(np.arange(PAIRS) / 25, clips), "part": ""}
    )
    return {
        f"metric{m}": Paired(a[m].astype(float), b[m].astype(float), clip, False, place)
        for m in range(METRICS)
    }


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 3, 6, 8, 12, 14, 20, 30])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    given = parser.parse_args()
    titles = "some better or worse", "of these clips"
    more = "falsely of these clips", "worse found", "worse of these clips"
    table = harness.table("world", "clips", *titles, *more, digits=1)
    for name in given.world:
        for clips in given.clips:
            rng = np.random.default_rng([given.seed, clips])
            counts = np.sum(
                [compared(rng, name, clips, number) for number in range(given.runs)], axis=0
            )
            cells = [round(float(100 * each / given.runs), 1) for each in counts]
            table.row(name, clips, *(cells if name == "planted" else [*cells[:3], "-", "-"]))


def compared(rng: np.random.Generator, name: str, clips: int, number: int) -> list[float]:
    """One comparison: the columns of the table, 0 or 1, or a share of the metrics."""
    a, b, lasting = rates(rng, clips, WORLDS[name](rng, clips))
    found = list(compare_metrics(paired(a, b, clips), seed=number).values())
    truly = [{1: "worse", -1: "better", 0: ""}[int(np.sign(each))] for each in lasting]
    here = [each.on_these_clips for each in found]
    return [
        any(each.verdict in SURE for each in found),
        any(each in SURE for each in here),
        any(each in SURE and each != true for each, true in zip(here, truly, strict=True)),
        float(np.mean([each.verdict == "worse" for each in found])),
        float(np.mean([each == "worse" for each in here])),
    ]


if __name__ == "__main__":
    harness.run(main)
