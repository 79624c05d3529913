"""Which operator repeats less well, measures higher or lower, or is right less often than the others.

Each question has a test corrected for the number of operators (Bonferroni). Scores of models are not normal, so
spread is compared by exchanging operators within parts; Bartlett's test is reported beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.statistics.levels import ALPHA

# Exchanges of operators within parts behind a p-value; all of them where there are fewer.
EXCHANGES = 20_000
FEWEST_PARTS = 4


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One operator against the others.

    Attributes
    ----------
    kind
        "spread" (standard deviation between trials), "mean" or "right" (share of parts right in all trials).
    value, other
        Its figure and that of the others; for a mean the difference and 0.
    p
        Two-sided for means, else one-sided; adjusted for ``compared`` operators or pairs.
    """

    kind: Literal["spread", "mean", "right"]
    operator: str
    others: str
    value: float
    other: float
    p: float
    n: int
    compared: int

    @property
    def shown(self) -> bool:
        """Whether it is surely a difference."""
        return self.p < ALPHA


def spread_by_operator(table: pd.DataFrame, *, nested: bool = False, seed: int = 0) -> list[Difference]:
    """Compare each operator's variance between trials of a part with that of the others.

    Cells of a part are exchanged between operators; with ``nested`` parts, cells of all parts. Empty with one
    operator or fewer than FEWEST_PARTS parts measured more than once.
    """
    cells = table.groupby(["part", "operator"])["value"].agg(["var", "size"]).reset_index()
    cells = cells[cells["size"] > 1].assign(free=lambda t: t["size"] - 1)
    cells = cells.assign(squares=lambda t: t["var"] * t["free"])
    operators = sorted(cells["operator"].unique())
    if len(operators) < 2:
        return []
    blocks = np.zeros(len(cells), np.int64) if nested else pd.factorize(cells["part"])[0]
    code = pd.Categorical(cells["operator"], categories=operators).codes.astype(np.int64)
    squares, free = cells["squares"].to_numpy(np.float64), cells["free"].to_numpy(np.float64)
    usable = {p for p, rows in cells.groupby("part") if nested or len(rows) > 1}
    if len(usable) < FEWEST_PARTS:
        return []
    seen = np.array([_excess_of((code == k)[None], squares, free)[0] for k in range(len(operators))])
    drawn = _exchanged(code, blocks, squares, free, len(operators), seed)
    tolerance = 1e-12 * max(float(np.abs(seen).max()), 1e-300)
    p = (1 + (drawn >= seen - tolerance).sum(axis=0)) / (1 + len(drawn))
    found = []
    for k, operator in enumerate(operators):
        own = code == k
        sd, rest = (math.sqrt(squares[m].sum() / free[m].sum()) for m in (own, ~own))
        parts = int(cells.loc[own, "part"].nunique())
        found.append(
            Difference(
                kind="spread",
                operator=str(operator),
                others=_all_but(operators, k),
                value=sd,
                other=rest,
                p=min(1.0, float(p[k]) * len(operators)),
                n=parts,
                compared=len(operators),
            )
        )
    return found


def _excess_of(own: np.ndarray, squares: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(N,) pooled variance of the cells that are an operator's (N, cells) bool, less that of the others."""
    squares_own, free_own = own @ squares, own @ free
    rest = (squares.sum() - squares_own) / np.maximum(free.sum() - free_own, 1)
    return np.asarray(squares_own / np.maximum(free_own, 1) - rest)


def _exchanged(
    code: np.ndarray, blocks: np.ndarray, squares: np.ndarray, free: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """(EXCHANGES, count) the statistic with the operators of each block put in random order."""
    rng = np.random.default_rng(seed)
    order = np.argsort(blocks, kind="stable")
    code, squares, free, blocks = code[order], squares[order], free[order], blocks[order]
    found = []
    step = max(1, 500_000 // max(len(code), 1))
    for begin in range(0, EXCHANGES, step):
        # sorting random keys within blocks puts each block in random order
        keys = blocks[None] + rng.random((min(step, EXCHANGES - begin), len(code)))
        put = code[np.argsort(keys, axis=1)]
        found.append(np.stack([_excess_of(put == k, squares, free) for k in range(count)], axis=1))
    return np.concatenate(found)


def mean_by_operator(table: pd.DataFrame) -> list[Difference]:
    """Compare each operator's mean with the others on the same parts: Student's t over parts, two-sided."""
    means = table.groupby(["part", "operator"])["value"].mean().unstack()
    operators = sorted(means.columns)
    found = []
    compared = len(operators) if len(operators) > 2 else 1
    for k, operator in enumerate(operators[:compared]):
        rest = means.drop(columns=operator).mean(axis=1)
        gap = (means[operator] - rest).dropna()
        if len(gap) < 2:
            continue
        error = float(gap.std(ddof=1)) / math.sqrt(len(gap))
        value = float(gap.mean())
        p = float(2 * stats.t.sf(abs(value) / error, len(gap) - 1)) if error > 0 else float(value == 0)
        found.append(
            Difference(
                kind="mean",
                operator=str(operator),
                others=_all_but(operators, k),
                value=value,
                other=0.0,
                p=min(1.0, p * compared),
                n=len(gap),
                compared=compared,
            )
        )
    return found


def right_by_operator(table: pd.DataFrame) -> list[Difference]:
    """Name of each two operators the one that is right less often: McNemar's exact test over parts."""
    known = table[table["reference"] != ""]
    right = (known["value"] == known["reference"]).groupby([known["part"], known["operator"]]).all().unstack()
    pairs = list(combinations(sorted(right.columns), 2))
    found = []
    for a, b in pairs:
        both = right[[a, b]].dropna().astype(bool)
        if both.empty:
            continue
        only_a, only_b = int((both[a] & ~both[b]).sum()), int((~both[a] & both[b]).sum())
        worse, better = (b, a) if only_a > only_b else (a, b)
        n = only_a + only_b
        p = float(stats.binomtest(max(only_a, only_b), n).pvalue) if n else 1.0
        found.append(
            Difference(
                kind="right",
                operator=str(worse),
                others=str(better),
                value=float(both[worse].mean()),
                other=float(both[better].mean()),
                p=min(1.0, p * len(pairs)),
                n=len(both),
                compared=len(pairs),
            )
        )
    return found


@dataclass(frozen=True)
class EqualVariances:
    """Bartlett's test that all operators repeat alike, of normal measurements (Snedecor & Cochran 1989)."""

    statistic: float
    df: int
    p: float


def equal_variances(table: pd.DataFrame) -> EqualVariances | None:
    """Bartlett's test on the pooled variance of each operator; None with one operator or where one never varies.

    table   part, operator, value
    """
    cells = table.groupby(["operator", "part"])["value"].agg(["var", "size"]).reset_index()
    cells = cells[cells["size"] > 1].assign(free=lambda t: t["size"] - 1)
    by = cells.assign(squares=cells["var"] * cells["free"]).groupby("operator")[["squares", "free"]].sum()
    variance = by["squares"] / by["free"]
    if len(by) < 2 or (variance <= 0).any():
        return None
    free, k = by["free"], len(by)
    pooled = by["squares"].sum() / free.sum()
    statistic = float(free.sum() * math.log(pooled) - (free * np.log(variance)).sum())
    statistic /= 1 + ((1 / free).sum() - 1 / free.sum()) / (3 * (k - 1))
    return EqualVariances(statistic, k - 1, float(stats.chi2.sf(statistic, k - 1)))


def _all_but(operators: list[str], k: int) -> str:
    rest = [str(name) for place, name in enumerate(operators) if place != k]
    return rest[0] if len(rest) == 1 else "the others"
