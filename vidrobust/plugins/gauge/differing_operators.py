"""Operators that repeat less well, measure higher or lower, or are right less often.

Tests are Bonferroni corrected. Scores of models are not normal, so spread is compared by exchanging operators
within parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.statistics.levels import ALPHA
from vidrobust.text.phrases import listing, plural

# Exchanges of operators within parts behind a p-value; all of them where there are fewer.
EXCHANGES = 20_000
FEWEST_PARTS = 4


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One operator against the others on common parts, in "spread", "mean" or "right".

    ``p`` is corrected; ``low`` is the lower end of the ratio of a spread.
    """

    kind: Literal["spread", "mean", "right"]
    operator: str
    others: str
    value: float
    other: float
    p: float
    n: int
    compared: int
    low: float | None = None
    shown: bool = False


def spread_by_operator(
    table: pd.DataFrame, *, nested: bool = False, seed: int = 0
) -> list[Difference]:
    """Compare each operator's repeatability with that of the others on the same parts."""
    cells = table.groupby(["part", "operator"])["value"].agg(["var", "size"]).reset_index()
    cells = cells[cells["size"] > 1].assign(free=lambda t: t["size"] - 1)
    cells = cells.assign(squares=lambda t: t["var"] * t["free"])
    if not nested:
        cells = cells[cells.groupby("part")["operator"].transform("size") > 1]
    kept = {
        name: cells.loc[cells["operator"] == name, "part"]
        for name in sorted(cells["operator"].unique())
    }
    shared = {
        name: cells if nested else cells[cells["part"].isin(parts)] for name, parts in kept.items()
    }
    shared = {name: rows for name, rows in shared.items() if rows["part"].nunique() >= FEWEST_PARTS}
    if len(kept) < 2:
        return []
    differences = []
    for operator, rows in shared.items():
        mine = (rows["operator"] == operator).to_numpy()
        if mine.all():
            continue
        exchange = _Exchange.of(rows, mine, nested, seed)
        p = min(1.0, exchange.p() * len(shared))
        squares, free = exchange.squares, exchange.free
        sd, rest = (math.sqrt(squares[m].sum() / free[m].sum()) for m in (mine, ~mine))
        shown = p < ALPHA and sd > rest
        differences.append(
            Difference(
                kind="spread",
                operator=str(operator),
                others=_others(set(rows["operator"]) - {operator}, len(kept) - 1),
                value=sd,
                other=rest,
                p=p,
                n=int(rows["part"].nunique()),
                compared=len(shared),
                low=exchange.least_ratio(ALPHA / len(shared), sd / rest)
                if shown and rest > 0
                else None,
                shown=shown,
            )
        )
    return differences


@dataclass(frozen=True)
class _Exchange:
    """The exchange test of one operator's cells against the others' of the same parts."""

    squares: np.ndarray
    free: np.ndarray
    mine: np.ndarray
    # (EXCHANGES, cells) whether a cell is the operator's, with the operators of each part in random order
    put: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, mine: np.ndarray, nested: bool, seed: int) -> _Exchange:
        blocks = np.zeros(len(rows), np.int64) if nested else pd.factorize(rows["part"])[0]
        squares, free = rows["squares"].to_numpy(np.float64), rows["free"].to_numpy(np.float64)
        order = np.argsort(blocks, kind="stable")
        rng = np.random.default_rng(seed)
        put = np.empty((EXCHANGES, len(rows)), bool)
        step = max(1, 500_000 // max(len(rows), 1))
        for begin in range(0, EXCHANGES, step):
            here = slice(begin, min(begin + step, EXCHANGES))
            # sorting random keys within blocks puts each block in random order
            keys = blocks[order][None] + rng.random((here.stop - begin, len(rows)))
            put[here][:, order] = mine[order][np.argsort(keys, axis=1)]
        return cls(squares, free, mine, put)

    def p(self, ratio: float = 1.0) -> float:
        """One-sided p that the operator's standard deviation is at most ``ratio`` times that of the others."""
        squares = np.where(self.mine, self.squares / ratio**2, self.squares)
        seen = float(_excess_of(self.mine[None], squares, self.free)[0])
        tolerance = 1e-12 * max(abs(seen), 1e-300)
        return float(
            (1 + (_excess_of(self.put, squares, self.free) >= seen - tolerance).sum())
            / (1 + EXCHANGES)
        )

    def least_ratio(self, level: float, most: float) -> float:
        """The largest ratio, up to ``most``, that is excluded at this level."""
        low, high = 1.0, most
        for _ in range(8):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self.p(middle) < level else (low, middle)
        return low


def _excess_of(mine: np.ndarray, squares: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(N,) pooled variance of the cells that are an operator's (N, cells) bool, less that of the others."""
    mine = mine.astype(np.float64)
    squares_own, free_own = mine @ squares, mine @ free
    rest = (squares.sum() - squares_own) / np.maximum(free.sum() - free_own, 1)
    return np.asarray(squares_own / np.maximum(free_own, 1) - rest)


def mean_by_operator(table: pd.DataFrame) -> list[Difference]:
    """Compare each operator's mean with the others on the same parts."""
    means = table.groupby(["part", "operator"])["value"].mean().unstack()
    operators = sorted(means.columns)
    differences = []
    compared = len(operators) if len(operators) > 2 else 1
    for operator in operators[:compared]:
        rest = means.drop(columns=operator).mean(axis=1)
        gap = (means[operator] - rest).dropna()
        if len(gap) < 2:
            continue
        shared = [n for n in operators if n != operator and means.loc[gap.index, n].notna().any()]
        value = float(gap.mean())
        varies = float(gap.std(ddof=1)) > 0
        p = float(stats.ttest_1samp(gap, 0.0).pvalue) if varies else float(value == 0)
        differences.append(
            Difference(
                kind="mean",
                operator=str(operator),
                others=_others(set(shared), len(operators) - 1),
                value=value,
                other=0.0,
                p=min(1.0, p * compared),
                n=len(gap),
                compared=compared,
                shown=p * compared < ALPHA,
            )
        )
    return differences


def right_by_operator(table: pd.DataFrame) -> list[Difference]:
    """Name of each two operators the one that is right less often."""
    known = table[table["reference"] != ""]
    right = (
        (known["value"] == known["reference"])
        .groupby([known["part"], known["operator"]])
        .all()
        .unstack()
    )
    pairs = list(combinations(sorted(right.columns), 2))
    differences = []
    for a, b in pairs:
        both = right[[a, b]].dropna().astype(bool)
        if both.empty:
            continue
        only_a, only_b = int((both[a] & ~both[b]).sum()), int((~both[a] & both[b]).sum())
        worse, better = (b, a) if only_a > only_b else (a, b)
        n = only_a + only_b
        p = float(stats.binomtest(max(only_a, only_b), n).pvalue) if n else 1.0
        differences.append(
            Difference(
                kind="right",
                operator=str(worse),
                others=str(better),
                value=float(both[worse].mean()),
                other=float(both[better].mean()),
                p=min(1.0, p * len(pairs)),
                n=len(both),
                compared=len(pairs),
                shown=p * len(pairs) < ALPHA,
            )
        )
    return differences


def _others(names: set[str], rest: int) -> str:
    return "the others" if 1 < len(names) == rest else listing(sorted(map(str, names)))


def differences_in(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the comparisons of operators in a study, those of a run's verdicts behind those of its scores."""
    of_verdicts = (study.get("attribute") or {}).get("differences") or []
    return [*(study.get("differences") or []), *of_verdicts]


def worst_words(differences: Sequence[Mapping[str, Any]], unit: str = "") -> list[str]:
    """Return which operator is worse."""
    lines = []
    for row in differences:
        if not row["shown"]:
            continue
        p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.2g}"
        corrected = f"{p} after Bonferroni for {row['compared']}" if row["compared"] > 1 else p
        who, others = row["operator"], row["others"]
        if row["kind"] == "spread":
            times = f", {row['value'] / row['other']:.2g} times as much" if row["other"] > 0 else ""
            times += f" (at least {row['low']:.2g} times)" if times and row["low"] else ""
            lines.append(
                f"{who} repeats less well than {others}: standard deviation {row['value']:.3g}{unit} against "
                f"{row['other']:.3g}{unit} on the same {plural(row['n'], 'part')}{times} ({corrected}; exchange "
                "of operators within parts)"
            )
        elif row["kind"] == "mean":
            way = "higher" if row["value"] > 0 else "lower"
            lines.append(
                f"{who} measures {abs(row['value']):.3g}{unit} {way} than {others} on the same parts "
                f"({corrected}; Student's t over parts)"
            )
        else:
            lines.append(
                f"{who} is right on {100 * row['value']:.3g} % of the parts, {others} on "
                f"{100 * row['other']:.3g} % ({corrected}; McNemar's exact test)"
            )
    return lines
