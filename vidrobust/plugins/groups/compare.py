"""Whether the rate differs between the groups of a column of the manifest.

A part is one observation where all its clips are of one group, else a clip is. The groups' labels are rearranged over
these, and p is corrected for the columns that were asked (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.levels import LEVEL
from vidrobust.statistics.permutations import free_orders
from vidrobust.statistics.posteriors import rate_posterior

# Columns that name inputs or cut them, and so group nothing.
NO_GROUPS = frozenset(
    ("item", "path", "part", "start_s", "end_s", "label_offset", "roi_x", "roi_y", "roi_w", "roi_h")
)
MOST_GROUPS = 12
FEWEST_UNITS = 3  # of a group; smaller ones are left out
FEWEST_TOGETHER = (
    8  # units of a column: 4 against 4 have 70 arrangements, the least for a p below .05 corrected
)
ORDERS = 9_999
HALF = 0.5  # of a difference that a cause explains


@dataclass(frozen=True, kw_only=True)
class Group:
    """One value of a column: the rate with its interval, units and trials; ``causes`` are parts of the rate."""

    name: str
    value: float
    low: float
    high: float
    units: int
    n: int
    causes: dict[str, float]
    worst: str = ""  # where and when it is worst


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A column of the manifest: its groups from the highest rate, p as it is and corrected."""

    model: str
    column: str
    groups: tuple[Group, ...]
    left_out: int  # units of groups that are too small
    p: float
    p_corrected: float = float("nan")

    @property
    def differs(self) -> bool:
        return self.p_corrected <= 1 - LEVEL

    @property
    def cause(self) -> str:
        """What explains at least half of the difference between the extreme groups; "" where nothing does."""
        first, last = self.groups[0], self.groups[-1]
        apart = {c: v - last.causes.get(c, 0.0) for c, v in first.causes.items()}
        best = max(apart, key=lambda name: apart[name], default="")
        if not best or not last.causes or apart[best] < HALF * (first.value - last.value):
            return ""
        return best.replace("_", " ")


def group_p(rate: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> float:
    """Return the p-value that rates (n,) have nothing to do with their labels (n,), by rearranging them.

    The statistic is the sum of squares between groups.
    """
    code, values = np.unique(label, return_inverse=True)[1], rate - rate.mean()
    shares = np.eye(code.max() + 1)[code]
    size = shares.sum(axis=0)
    orders = np.vstack([np.arange(len(values)), free_orders(len(values), ORDERS, rng)])
    between = np.square(values[orders] @ shares) @ (1 / size)
    return float((between >= between[0] - 1e-12).mean())


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many were asked.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    corrected, largest = np.ones(len(p)), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = largest
    return [float(value) for value in corrected]


def comparisons(run: RunTables, seed: int = 0) -> list[Comparison]:
    """Compare the groups of every column of the manifest that groups the clips, for every model."""
    found = [c for model in run.tasks for c in _of_model(run, model, np.random.default_rng(seed))]
    corrected = holm([c.p for c in found])
    return [replace(c, p_corrected=p) for c, p in zip(found, corrected, strict=True)]


def _of_model(run: RunTables, model: str, rng: np.random.Generator) -> Iterator[Comparison]:
    items, stability = run.rows("items"), run.rows("stability")
    metric = run.tasks[model].answered[0]
    rates = stability[
        (stability["model"] == model) & (stability["metric"] == metric) & (stability["item"] != "")
    ]
    rates = rates[(rates["n"] > 0) & rates["value"].notna()][["item", "value", "n"]]
    rows = rates.merge(items.drop_duplicates("item"), on="item")
    rows = rows.assign(events=rows["value"] * rows["n"])
    account = run.rows("account")
    account = account[(account["model"] == model) & (account["level"] == "cause")]
    for column in (name for name in items if name not in NO_GROUPS):
        found = _compared(run, rows, account, model, str(column), rng)
        if found is not None:
            yield found


def _compared(
    run: RunTables,
    rows: pd.DataFrame,
    account: pd.DataFrame,
    model: str,
    column: str,
    rng: np.random.Generator,
) -> Comparison | None:
    rows = rows.assign(group=rows[column].fillna("").astype(str).str.strip())
    rows = rows[rows["group"] != ""]
    named = rows["part"].where(rows["part"] != "", rows["item"])
    whole = (rows.groupby(named)["group"].nunique() == 1).all()
    rows = rows.assign(unit=named if whole else rows["item"])
    units = rows.groupby(["group", "unit"], sort=False)[["events", "n"]].sum().reset_index()
    counts = units["group"].value_counts()
    kept = counts[counts >= FEWEST_UNITS].index
    left_out = int(counts[counts < FEWEST_UNITS].sum())
    units = units[units["group"].isin(kept)]
    if not 2 <= len(kept) <= MOST_GROUPS or len(units) < FEWEST_TOGETHER:
        return None
    rate = np.sqrt((units["events"].to_numpy(np.float64) + 0.375) / units["n"].to_numpy(np.float64))
    groups = [
        _group(run, model, str(name), of, rows, account) for name, of in units.groupby("group")
    ]
    return Comparison(
        model=model,
        column=column,
        groups=tuple(sorted(groups, key=lambda g: -g.value)),
        left_out=left_out,
        p=group_p(rate, units["group"].to_numpy(str), rng),
    )


def _group(
    run: RunTables,
    model: str,
    name: str,
    units: pd.DataFrame,
    rows: pd.DataFrame,
    account: pd.DataFrame,
) -> Group:
    events, n = units["events"].to_numpy(np.float64), units["n"].to_numpy(np.int64)
    value = float(events.sum() / n.sum())
    posterior = rate_posterior(np.minimum(events, n), n, level=LEVEL)
    members = rows[rows["group"] == name].set_index("item")
    shares = account[account["item"].isin(members.index)]
    parts = shares.assign(part=shares["share"].clip(0, 1) * shares["item"].map(members["events"]))
    worst = next(
        (m for m in run.moments if m["model"] == model and m["item"] in members.index), None
    )
    return Group(
        name=name,
        value=value,
        low=min(posterior.low, value),
        high=max(posterior.high, value),
        units=len(units),
        n=int(n.sum()),
        causes={
            str(c): float(v) / n.sum() for c, v in parts.groupby("cause")["part"].sum().items()
        },
        worst=f"{worst['item']} at {worst['time_b_s']:.1f} s" if worst else "",
    )
