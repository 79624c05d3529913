"""Mean squares of crossed, nested or one-operator gauge studies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.variables.unbalanced import (
    LikelihoodStudy,
    LikelihoodVariance,
    by_likelihood,
)
from vidrobust.statistics.levels import LEVEL
from vidrobust.text.numbers import percent

# Variance components as combinations of mean squares, with intervals.
#
# Modified large sample intervals (Ting, Burdick, Graybill, Jeyaratnam & Lu, Journal of Statistical Planning and
# Inference 26, 1990; Burdick, Borror & Montgomery, Design and Analysis of Gauge R&R Studies, 2005, appendix B);
# ratios
# have generalized intervals (the same book, chapter 5).

DRAWS = 20_000  # Draws of a generalized interval


@dataclass(frozen=True)
class MeanSquare:
    """A mean square with its degrees of freedom."""

    source: str
    value: float
    df: int


@dataclass(frozen=True)
class Component:
    """A variance as coefficients on mean squares, or a sum ``of`` variances that are each cut at 0."""

    terms: tuple[tuple[float, MeanSquare], ...]
    of: tuple[Component, ...] = ()

    @property
    def uncut(self) -> float:
        """The estimate as it comes, which may be negative."""
        return sum(c * square.value for c, square in self.terms)

    @property
    def variance(self) -> float:
        return sum(part.variance for part in self.of) if self.of else max(0.0, self.uncut)

    def interval(self) -> tuple[float, float]:
        """Return the modified large sample interval, cut at 0."""
        below, above = _spread(self.terms, lower=True), _spread(self.terms, lower=False)
        low = max(0.0, self.uncut - math.sqrt(max(0.0, below)))
        high = max(0.0, self.uncut + math.sqrt(max(0.0, above)))
        for part in self.of:
            least, most = part.interval()
            low, high = max(low, least), max(high, most)
        return min(low, self.variance), max(high, self.variance)

    def drawn(self, squares: Mapping[str, np.ndarray]) -> np.ndarray:
        """(DRAWS,) the variance where the mean squares are these."""
        variance = np.maximum(sum(c * squares[square.source] for c, square in self.terms), 0.0)
        for part in self.of:
            variance = np.maximum(variance, part.drawn(squares))
        return variance


def sum_of(*components: Component) -> Component:
    """The sum of variances, with what they have in common put together."""
    weights: dict[str, float] = {}
    squares = {square.source: square for one in components for _, square in one.terms}
    for part in components:
        for c, square in part.terms:
            weights[square.source] = weights.get(square.source, 0.0) + c
    return Component(
        tuple((c, squares[name]) for name, c in weights.items() if abs(c) > 1e-15), components
    )


def _spread(terms: Sequence[tuple[float, MeanSquare]], *, lower: bool) -> float:
    # for the upper end the negative terms take the part of the positive ones
    front = [(abs(c), square) for c, square in terms if (c > 0) == lower]
    back = [(abs(c), square) for c, square in terms if (c > 0) != lower]
    total = sum((_g(square.df) * c * square.value) ** 2 for c, square in front)
    total += sum((_h(square.df) * c * square.value) ** 2 for c, square in back)
    for c, one in front:
        for d, other in back:
            total += _cross(one.df, other.df) * c * d * one.value * other.value
    if back and len(front) > 1:
        for k, (c, one) in enumerate(front):
            for d, other in front[k + 1 :]:
                total += (
                    _same_sign(one.df, other.df)
                    / (len(front) - 1)
                    * c
                    * d
                    * one.value
                    * other.value
                )
    return total


@cache
def _g(df: int) -> float:
    return float(1 - df / stats.chi2.ppf((1 + LEVEL) / 2, df))


@cache
def _h(df: int) -> float:
    return float(df / stats.chi2.ppf((1 - LEVEL) / 2, df) - 1)


@cache
def _cross(front: int, back: int) -> float:
    ratio = float(stats.f.ppf((1 + LEVEL) / 2, front, back))
    return ((ratio - 1) ** 2 - (_g(front) * ratio) ** 2 - _h(back) ** 2) / ratio


@cache
def _same_sign(one: int, other: int) -> float:
    both = one + other
    pooled = (1 - both / stats.chi2.ppf((1 + LEVEL) / 2, both)) ** 2 * both**2 / (one * other)
    return float(pooled - _g(one) ** 2 * one / other - _g(other) ** 2 * other / one)


def percent_of_total(
    gauge: Component, part: Component, *, seed: int = 0
) -> tuple[float, float, float]:
    """100 sqrt(gauge / (gauge + part)): estimate, low, high, by the generalized interval; NaN without
    variation.
    """
    squares = {square.source: square for c, square in (*gauge.terms, *part.terms)}
    total = gauge.variance + part.variance
    if not total > 0:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    drawn = {
        name: s.df * s.value / rng.chisquare(s.df, DRAWS) if s.value > 0 else np.zeros(DRAWS)
        for name, s in sorted(squares.items())
    }
    error, parts = gauge.drawn(drawn), part.drawn(drawn)
    share = np.divide(error, error + parts, out=np.ones(DRAWS), where=error + parts > 0)
    low, high = np.quantile(100 * np.sqrt(share), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = 100 * math.sqrt(gauge.variance / total)
    return value, min(float(low), value), max(float(high), value)


Design = Literal["crossed", "nested", "one operator", "unbalanced", "expanded"]
AskedDesign = Literal["auto", "crossed", "nested"]
Interaction = Literal["kept", "pooled", "none"]
# p-value of the interaction above which it is pooled with repeatability (AIAG, MSA, 4th edition, 2010).
POOL_ABOVE = 0.25
ONE_OPERATOR = "one operator: nothing is known of reproducibility"
NO_SPREAD = "no repeat differs from another: the values are rounded too coarsely, or copied"
COARSE = "in {share} of the cells all repeats are equal: the values' step is coarse against the gauge's spread"
# Share of ranges that are 0 from which on a step is too coarse (AIAG, MSA, 4th edition, 2010, chapter II-D).
COARSE_FROM = 0.25
MAYBE_NESTED = (
    "parts of one name differ between operators and no more from part to part: if each operator had parts of its "
    "own, say --design nested"
)
# p-values of the interaction and of parts that hint at parts of one name which are not one part.
SURE, LIKELY = 0.001, 0.05
NAN = float("nan")


@dataclass(frozen=True)
class AnovaRow:
    """A line of the table of variance; F and p are NaN where there is nothing to test against."""

    source: str
    df: int
    sum_of_squares: float
    mean_square: float
    f: float = NAN
    p: float = NAN


@dataclass(frozen=True)
class Anova:
    """Tables of variance with and without the interaction, and components by name.

    ``likelihood`` is the fit where mean squares would not do, else None.
    """

    design: Design
    interaction: Interaction
    rows: tuple[AnovaRow, ...]
    pooled: tuple[AnovaRow, ...]
    components: Mapping[str, Component | LikelihoodVariance]
    parts: int
    operators: int
    trials: float
    notes: tuple[str, ...]
    likelihood: LikelihoodStudy | None = None

    def percent_grr(self, seed: int) -> tuple[float, float, float]:
        """The gauge's standard deviation in percent of the study's."""
        if self.likelihood is not None:
            return self.likelihood.percent_grr()
        grr, part = self.components["grr"], self.components["part"]
        assert isinstance(grr, Component)
        assert isinstance(part, Component)
        return percent_of_total(grr, part, seed=seed)


def analyse(
    table: pd.DataFrame,
    *,
    pool_above: float = POOL_ABOVE,
    design: AskedDesign = "auto",
    factors: Sequence[str] = (),
    seed: int = 0,
) -> Anova:
    """Analyse the variance of part, operator, trial, value; InputError where the design allows none."""
    if design == "nested":
        table = table.assign(part=table["operator"].astype(str) + "/" + table["part"].astype(str))
    actual = find_design(table)
    if design == "nested" and actual == "crossed":
        raise InputError(
            "gauge study: --design nested was asked for, and there is one operator only"
        )
    if design == "crossed" and actual == "nested":
        raise InputError(
            "gauge study: --design crossed was asked for, and no part was measured by two operators: the table is "
            "nested"
        )
    nested = design == "nested" or actual == "nested"
    sizes = table.groupby("operator")["part"].nunique()
    if factors or actual == "unbalanced" or (nested and sizes.nunique() > 1):
        done = _by_likelihood(table, factors, nested=nested, seed=seed)
    elif actual == "crossed":
        done = _crossed(table, pool_above)
    else:
        done = _one_operator(table) if actual == "one operator" else _nested(table)
    return replace(done, notes=(*done.notes, *_coarse(table)))


def _coarse(table: pd.DataFrame) -> list[str]:
    cells = table.groupby(["part", "operator"])["value"].agg(["size", np.ptp])
    equal = float((cells["ptp"] == 0)[cells["size"] > 1].mean())
    if not equal > COARSE_FROM or table["value"].nunique() == 1:
        return []
    return [NO_SPREAD if equal == 1 else COARSE.format(share=percent(equal))]


def find_design(table: pd.DataFrame) -> Design:
    """Which design it is."""
    if table["part"].nunique() < 2:
        raise InputError("gauge study: one part only; at least two are needed, ten are usual")
    counts = table.groupby(["part", "operator"]).size().unstack(fill_value=0)
    if counts.shape[1] == 1:
        return "one operator"
    if (counts > 0).all(axis=None):
        return "crossed"
    return "nested" if ((counts > 0).sum(axis=1) == 1).all() else "unbalanced"


def _by_likelihood(
    table: pd.DataFrame, factors: Sequence[str], *, nested: bool, seed: int
) -> Anova:
    counts = table.groupby(["part", "operator"]).size().unstack(fill_value=0).stack()
    empty = counts.index[counts == 0]
    fit = by_likelihood(table, factors, nested=nested, seed=seed)
    notes = [*fit.notes, *([ONE_OPERATOR] if fit.operators == 1 else [])]
    if len(empty) and not nested and not factors:
        part, operator = empty[0]
        notes.insert(
            0,
            f"{len(empty)} of {len(counts)} cells are empty, such as part {part} by operator {operator}",
        )
    return Anova(
        "expanded" if factors else "nested" if nested else "unbalanced",
        "kept" if "interaction" in fit.components else "none",
        (),
        (),
        fit.components,
        fit.parts,
        fit.operators,
        fit.trials,
        tuple(notes),
        fit,
    )


def _within(table: pd.DataFrame, cell: str) -> tuple[float, int, float, list[str]]:
    """Sum of squares and degrees of freedom within cells, harmonic mean of their sizes, and a note if they differ."""
    cells = table.groupby(["part", "operator"])["value"]
    sizes = cells.size().to_numpy()
    inside = float(((table["value"] - cells.transform("mean")) ** 2).sum())
    r = float(len(sizes) / np.sum(1 / sizes))
    note = f"numbers of trials differ: unweighted means, {r:.3g} trials a {cell} on average"
    return inside, int(sizes.sum() - len(sizes)), r, [note] if np.ptp(sizes) else []


def _row(source: str, df: int, ss: float, against: AnovaRow | None = None) -> AnovaRow:
    square = ss / df if df else NAN
    if against is None or not against.mean_square > 0:
        return AnovaRow(source, df, ss, square)
    f = square / against.mean_square
    return AnovaRow(source, df, ss, square, f, float(stats.f.sf(f, df, against.df)))


def _crossed(table: pd.DataFrame, pool_above: float) -> Anova:
    inside, df_inside, r, notes = _within(table, "cell")
    means = table.groupby(["part", "operator"])["value"].mean().unstack().to_numpy()
    p, o = means.shape
    centre = means.mean()
    by_part, by_operator = means.mean(axis=1) - centre, means.mean(axis=0) - centre
    left = means - centre - by_part[:, None] - by_operator[None]
    ss = {
        "part": r * o * float((by_part**2).sum()),
        "operator": r * p * float((by_operator**2).sum()),
        "interaction": r * float((left**2).sum()),
    }
    df = {"part": p - 1, "operator": o - 1, "interaction": (p - 1) * (o - 1)}
    both = _row("repeatability", df_inside + df["interaction"], inside + ss["interaction"])
    pooled = (*(_row(k, df[k], ss[k], both) for k in ("part", "operator")), both)
    interaction: Interaction = "kept"
    if not df_inside:
        interaction, rows = "none", pooled
        notes.append(
            "one trial a cell: repeatability cannot be distinguished from interaction of parts and operators"
        )
    else:
        within = _row("repeatability", df_inside, inside)
        between = _row("interaction", df["interaction"], ss["interaction"], within)
        rows = (*(_row(k, df[k], ss[k], between) for k in ("part", "operator")), between, within)
        if between.p < SURE and not rows[0].p < LIKELY:
            notes.append(MAYBE_NESTED)
        if between.p > pool_above or np.isnan(between.p):
            interaction = "pooled"
            why = (
                "nothing varies"
                if np.isnan(between.p)
                else f"its p-value {between.p:.3g} is above {pool_above:g}"
            )
            notes.append(f"interaction pooled with repeatability: {why}")
    used = rows if interaction == "kept" else pooled
    square = {row.source: MeanSquare(row.source, row.mean_square, row.df) for row in used}
    part, operator, error = square["part"], square["operator"], square["repeatability"]
    below = square.get("interaction", error)  # what parts and operators are tested against
    leaves = {
        "repeatability": _of((1, error)),
        "operator": _of((1 / (p * r), operator), (-1 / (p * r), below)),
        "part": _of((1 / (o * r), part), (-1 / (o * r), below)),
    }
    if interaction == "kept":
        leaves["interaction"] = _of((1 / r, below), (-1 / r, error))
    components = with_sums(leaves)
    return Anova("crossed", interaction, rows, pooled, components, p, o, r, tuple(notes))


def _nested(table: pd.DataFrame) -> Anova:
    inside, df_inside, r, unequal = _within(table, "part")
    of = table.groupby(["operator", "part"])["value"].mean()
    per_operator = of.groupby("operator").size()
    if not df_inside:
        raise InputError(
            "gauge study: parts are nested in operators (each part was measured by one operator), and no part was "
            "measured twice; a nested study wants each part measured at least twice"
        )
    o, p = len(per_operator), int(per_operator.iloc[0])
    by_operator = of.groupby("operator").mean()
    within_operators = of - of.index.get_level_values("operator").map(by_operator)
    error = _row("repeatability", df_inside, inside)
    part = _row("part", o * (p - 1), r * float((within_operators**2).sum()), error)
    spread = r * p * float(((by_operator - by_operator.mean()) ** 2).sum())
    operator = _row("operator", o - 1, spread, part)
    e, s, a = (MeanSquare(row.source, row.mean_square, row.df) for row in (error, part, operator))
    components = with_sums(
        {
            "repeatability": _of((1, e)),
            "operator": _of((1 / (p * r), a), (-1 / (p * r), s)),
            "part": _of((1 / r, s), (-1 / r, e)),
        }
    )
    notes = [
        "parts are nested in operators: differences of operators and of parts cannot be separated",
        *unequal,
    ]
    rows = (operator, part, error)
    return Anova("nested", "none", rows, rows, components, p, o, r, tuple(notes))


def _one_operator(table: pd.DataFrame) -> Anova:
    inside, df_inside, r, unequal = _within(table, "part")
    if not df_inside:
        raise InputError(
            "gauge study: one operator and one trial a part; repeatability needs at least two trials of a part"
        )
    means = table.groupby("part")["value"].mean()
    error = _row("repeatability", df_inside, inside)
    part = _row("part", len(means) - 1, r * float(((means - means.mean()) ** 2).sum()), error)
    e, s = (MeanSquare(row.source, row.mean_square, row.df) for row in (error, part))
    components = with_sums({"repeatability": _of((1, e)), "part": _of((1 / r, s), (-1 / r, e))})
    rows, notes = (part, error), (ONE_OPERATOR, *unequal)
    return Anova("one operator", "none", rows, rows, components, len(means), 1, r, notes)


def with_sums(leaves: dict[str, Component]) -> dict[str, Component]:
    """The components of a design with their sums."""
    between = [leaves[name] for name in ("operator", "interaction") if name in leaves]
    every = dict(leaves)
    if between:
        every["reproducibility"] = sum_of(*between)
    every["grr"] = sum_of(leaves["repeatability"], *between)
    every["total"] = sum_of(every["grr"], leaves["part"])
    return every


def _of(*terms: tuple[float, MeanSquare]) -> Component:
    return Component(tuple((float(c), square) for c, square in terms if c))
