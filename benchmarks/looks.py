"""A sample of pairs that grows while something is undecided: what is named, how falsely, and with how many pairs?

    python benchmarks/looks.py [--draws 400] [--world steps] [--seed 0]

The made line of ``pair_power.py``, 240 pairs, seen by the account as it is: one cause (light) that is planted in
three worlds, six that only seem to be there, with heavy-tailed projections and placebos (Student's t, 2 degrees of
freedom) that have no tie to the change, and noise. Worlds:

steps     light acts on every fourth pair
small     the same, a third as strong
always    light acts on every pair
nothing   its replays have no tie to the change

Columns: pairs that were asked for; how they are taken, at once or at several looks; light is named; some other
cause is; the mean number of pairs used; how often the 95 % interval of light's share holds that over all pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import harness
import numpy as np
import pandas as pd
from pair_power import EVERY, PAIRS, line_of

from vidrobust.pipeline.estimate import looks, usual
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import AccountLook, named_at, open_causes
from vidrobust.stages.causes.pairs import choose_pairs
from vidrobust.stages.causes.shares import summarise

PLANTED = "light"
SEEMING = tuple(cause for cause in REPLAYED if cause != PLANTED)
LARGEST = 96


@dataclass(frozen=True)
class Line:
    """All pairs of a line: what they are drawn from, and the rows of the table ``causes`` with a weight of 1."""

    pairs: pd.DataFrame
    rows: pd.DataFrame
    share: float


def _steps(rng: np.random.Generator, size: float) -> np.ndarray:
    acting = np.arange(PAIRS) % EVERY == EVERY - 1
    return size * np.where(acting, np.abs(rng.standard_t(3, PAIRS)), 0.0)


WORLDS: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], bool]] = {
    "steps": (lambda rng: _steps(rng, 1.0), True),
    "small": (lambda rng: _steps(rng, 1 / 3), True),
    "always": (lambda rng: 0.5 * np.abs(rng.standard_t(3, PAIRS)), True),
    "nothing": (lambda rng: _steps(rng, 1.0), False),
}
"""Sizes of the cause in each pair, and whether its replays hold it."""


def line(world: str, seed: int) -> Line:
    """A line of a world."""
    rng, t = np.random.default_rng([seed, list(WORLDS).index(world)]), np.arange(PAIRS)
    sizes, planted = WORLDS[world]
    drawn = line_of(rng, sizes(rng), planted=planted)
    along, change = drawn.projection, drawn.change
    shared = {
        "item": "line",
        "model": "m",
        "frame_a": t,
        "frame_b": t + 1,
        "squared_change": change,
    }
    shared |= {
        "weight": 1.0,
        "flip": False,
        "excluded": "",
        "scale": "adjacent",
        "class_a": "cat",
        "size": 1.0,
    }
    shared |= dict.fromkeys(
        ("margin_step", "margin_undone", "margin_before", "margin_past"), np.nan
    )
    by_cause = {PLANTED: (along, 0.1 * change * rng.standard_t(2, PAIRS))}
    by_cause |= {c: tuple(0.1 * change * rng.standard_t(2, (2, PAIRS))) for c in SEEMING}  # type: ignore[misc]
    by_cause[NOISE] = (0.5 * np.maximum(change - along, 0.0), np.full(PAIRS, np.nan))
    rows = [
        pd.DataFrame({**shared, "cause": cause, "projection": projection, "placebo": placebo})
        for cause, (projection, placebo) in by_cause.items()
    ]
    return Line(drawn.pairs, pd.concat(rows, ignore_index=True), float(along.sum() / change.sum()))


def looked_at(of: Line, sizes: tuple[int, ...], key: str) -> list[float]:
    """Light named, some other cause named, pairs used, light's share held; on while something is undecided."""
    seen: list[AccountLook] = []
    names = pd.DataFrame()
    for size in sizes:
        chosen = choose_pairs(of.pairs, size, key)[["frame_a", "weight"]]
        rows = of.rows.drop(columns="weight").merge(chosen, on="frame_a")
        account = summarise(rows, per_item=False)
        seen.append(AccountLook(part=size / sizes[-1], account=account, slow=account.iloc[:0]))
        names = named_at(seen)
        if not open_causes(account, names).any():
            break
    own = account.set_index("cause").loc[PLANTED]
    found = set(names["cause"])
    held = bool(own["low"] <= of.share <= own["high"])
    return [PLANTED in found, bool(found & {*SEEMING}), seen[-1].size / len(account), held]


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--design", nargs="+", help="these alone: '48 at once', 'up to 96'")
    given = parser.parse_args()
    first = usual(1).pairs
    designs = {f"{size} at once": (size,) for size in looks(LARGEST, first)}
    for size in looks(LARGEST, first)[1:]:
        designs[f"up to {size}"] = looks(size, first)
    table = harness.table(
        "world", "pairs", "light named", "another named", "pairs used", "share held", digits=2
    )
    for world in given.world:
        for title in given.design or designs:
            sizes = designs[title]
            found = [
                looked_at(line(world, given.seed + number), sizes, f"draw {number}")
                for number in range(given.draws)
            ]
            table.row(world, title, *(float(each) for each in np.mean(found, axis=0)))


if __name__ == "__main__":
    harness.run(main)
