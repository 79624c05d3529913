"""A gauge study whose design is not balanced, or has more factors than part and operator, by likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.repeatability.variables.reml import LEVEL, RESIDUAL, Reml, fit_reml

DRAWS = 20_000


@dataclass(frozen=True)
class LikelihoodVariance:
    """A variance, or a sum of variances, with its Satterthwaite interval (Searle et al. 1992, section 6.7)."""

    variance: float
    low: float
    high: float

    def interval(self) -> tuple[float, float]:
        """The interval; that of a variance estimated as 0 begins there and has no end that could be reported."""
        return self.low, self.high


@dataclass(frozen=True)
class LikelihoodStudy:
    """components by name, as an analysis of variance gives them; fit; counts of the design; notes."""

    components: dict[str, LikelihoodVariance]
    fit: Reml
    parts: int
    operators: int
    trials: float
    notes: tuple[str, ...]

    def percent_grr(self, seed: int) -> tuple[float, float, float]:
        """100 grr / total as standard deviations, with an interval from draws of each variance on its own."""
        names = list(self.fit.estimates)
        drawn = _drawn(self.fit, names, seed)
        part = drawn[names.index("part")]
        grr = drawn.sum(axis=0) - part
        value = 100 * math.sqrt(self.components["grr"].variance / self.components["total"].variance)
        share = 100 * np.sqrt(grr / np.maximum(grr + part, 1e-300))
        low, high = np.quantile(share, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return value, min(value, float(low)), max(value, float(high))


def _drawn(fit: Reml, names: Sequence[str], seed: int = 0) -> np.ndarray:
    """(K, DRAWS) variances as they may be: df x variance / chi-square of its Satterthwaite df; 0 stays 0."""
    rng = np.random.default_rng(seed)
    found = np.zeros((len(names), DRAWS))
    for k, name in enumerate(names):
        each = fit.estimates[name]
        if each.df > 0:
            found[k] = each.variance * each.df / rng.chisquare(max(each.df, 0.2), DRAWS)
    return found


def by_likelihood(
    table: pd.DataFrame, factors: Sequence[str] = (), *, nested: bool = False
) -> LikelihoodStudy:
    """The study of part, operator, value and further factors (columns), whatever is missing of it.

    nested  parts belong to operators (names are distinct already): there is no operator by part then
    InputError where nothing was measured twice, or a factor is missing or has one level.
    """
    for name in factors:
        if name not in table:
            raise InputError(f"gauge study: there is no column {name!r} for --factor {name}")
        if table[name].nunique() < 2:
            raise InputError(f"gauge study: factor {name} has one level only")
    cell = table["part"] + "\x1f" + table["operator"]
    together = cell
    for name in factors:
        together = together + "\x1f" + table[name].astype(str)
    if together.nunique() == len(table) and not factors:
        raise InputError("gauge study: nothing was measured twice by one operator; repeatability needs that")
    effects = {"part": table["part"].to_numpy(str)}
    if table["operator"].nunique() > 1:
        effects["operator"] = table["operator"].to_numpy(str)
        if not nested and cell.nunique() < len(table) and cell.nunique() > table["part"].nunique():
            effects["interaction"] = cell.to_numpy(str)
    effects |= {name: table[name].astype(str).to_numpy(str) for name in factors}
    fit = fit_reml(table["value"].to_numpy(np.float64), effects)
    between = [name for name in fit.names if name not in ("part", RESIDUAL)]
    components = {name: _variance(fit, [name]) for name in fit.names}
    if between:
        components["reproducibility"] = _variance(fit, between)
    components["grr"] = _variance(fit, [RESIDUAL, *between])
    components["total"] = _variance(fit, list(fit.names))
    at_zero = [
        name for name in between if fit.estimates[name].variance <= 0 or not fit.estimates[name].df > 0
    ]
    notes = ["estimated by restricted maximum likelihood (REML), intervals by Satterthwaite's approximation"]
    if at_zero:
        notes.append(f"no variance is seen of {', '.join(at_zero)}: it is 0 at the edge, and has no interval")
    return LikelihoodStudy(
        components=components,
        fit=fit,
        parts=int(table["part"].nunique()),
        operators=int(table["operator"].nunique()),
        trials=len(table) / cell.nunique(),
        notes=tuple(notes),
    )


def _variance(fit: Reml, names: Sequence[str]) -> LikelihoodVariance:
    """One variance, or the sum of several, whose interval is that of the sums drawn: few operators have a long
    tail."""
    variance = sum(fit.estimates[name].variance for name in names)
    if len(names) == 1:
        one = fit.estimates[names[0]]
        return LikelihoodVariance(variance, 0.0 if math.isnan(one.low) else one.low, one.high)
    low, high = np.quantile(_drawn(fit, names).sum(axis=0), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return LikelihoodVariance(variance, min(variance, float(low)), max(variance, float(high)))
