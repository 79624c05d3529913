"""A gauge study whose design is not balanced, or has more factors than part and operator, by likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import linalg, stats

from vidrobust.errors import InputError
from vidrobust.repeatability.variables.profile_likelihood import Curve
from vidrobust.repeatability.variables.reml import LEAST, RESIDUAL, Reml, fit_reml

LEVEL = 0.95
DRAWS = 20_000


@dataclass(frozen=True)
class LikelihoodVariance:
    """A variance, or a sum of variances, with its interval."""

    variance: float
    low: float
    high: float

    def interval(self) -> tuple[float, float]:
        """The interval, which holds the variance."""
        return self.low, self.high


@dataclass(frozen=True)
class Fit:
    """A fit with the curves of its variances, from which intervals of sums and ratios are drawn."""

    reml: Reml
    seed: int

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """The curve of each variance."""
        return {name: self.reml.curve(name) for name in self.reml.names}

    @cached_property
    def drawn(self) -> dict[str, np.ndarray]:
        """Each variance as it may be (DRAWS,): its curve at normal numbers as correlated as the estimates are."""
        normal = np.random.default_rng(self.seed).standard_normal((len(self.reml.names), DRAWS))
        roots = _root_of(self._correlation()) @ normal
        return {
            name: self.curves[name].value(root) for name, root in zip(self.reml.names, roots, strict=True)
        }

    def _correlation(self) -> np.ndarray:
        """(K, K) of the estimates, by the expected information."""
        variances = np.maximum(self.reml.variances, LEAST * self.reml.likelihood.scale)
        covariance = linalg.pinvh(self.reml.likelihood.at(variances).information)
        spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        found = np.clip(covariance / np.outer(spread, spread), -1, 1)
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)

    def of(self, names: Sequence[str]) -> LikelihoodVariance:
        """One variance with the interval of its curve, or the sum of several with that of the draws."""
        held = dict(zip(self.reml.names, self.reml.variances, strict=True))
        variance = float(sum(held[name] for name in names))
        if len(names) == 1:
            half = float(stats.norm.ppf((1 + LEVEL) / 2))
            low, high = self.curves[names[0]].value(np.array([-half, half]))
        else:
            every = np.sum([self.drawn[name] for name in names], axis=0)
            low, high = np.quantile(every, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            low = min(low, self._least(names))
        return LikelihoodVariance(variance, min(variance, float(low)), max(variance, float(high)))

    def _least(self, names: Sequence[str]) -> float:
        """How low a sum may lie where what is between operators may all be 0: the low end of what is left."""
        between = [name for name in names if name not in ("part", RESIDUAL)]
        if not between or not self._may_be_none(between):
            return math.inf
        rest = [name for name in names if name not in between]
        return self.of(rest).low if rest else 0.0

    def _may_be_none(self, names: Sequence[str]) -> bool:
        """Whether the data allow that all of these variances are 0: the likelihood ratio's test at 5 %."""
        loss = self.reml.loss_without(names)
        return 2 * loss <= float(stats.chi2.ppf(LEVEL, len(names)))


def _root_of(correlation: np.ndarray) -> np.ndarray:
    """A matrix whose product with itself is the correlation, cut where it is not quite one."""
    values, vectors = np.linalg.eigh(correlation)
    found = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(found / np.sqrt(np.square(found).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class LikelihoodStudy:
    """components by name, as an analysis of variance gives them; fit; counts of the design; notes."""

    components: dict[str, LikelihoodVariance]
    fit: Fit
    parts: int
    operators: int
    trials: float
    notes: tuple[str, ...]

    def percent_grr(self) -> tuple[float, float, float]:
        """100 grr / total as standard deviations, with an interval from the draws."""
        drawn = self.fit.drawn
        grr = np.sum([drawn[name] for name in drawn if name != "part"], axis=0)
        value = 100 * math.sqrt(self.components["grr"].variance / self.components["total"].variance)
        share = 100 * np.sqrt(grr / np.maximum(grr + drawn["part"], 1e-300))
        low, high = np.quantile(share, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return value, min(value, float(low)), max(value, float(high))


def by_likelihood(
    table: pd.DataFrame, factors: Sequence[str] = (), *, nested: bool = False, seed: int = 0
) -> LikelihoodStudy:
    """The study of part, operator, value and further factors (columns), whatever is missing of it.

    seed    of the draws behind the intervals of sums and of percent_grr
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
    fit = Fit(fit_reml(table["value"].to_numpy(np.float64), effects), seed)
    names = fit.reml.names
    between = [name for name in names if name not in ("part", RESIDUAL)]
    components = {name: fit.of([name]) for name in names}
    if between:
        components["reproducibility"] = fit.of(between)
    components["grr"] = fit.of([RESIDUAL, *between])
    components["total"] = fit.of(names)
    notes = [
        "estimated by restricted maximum likelihood (REML), intervals from the profile of the likelihood"
    ]
    at_zero = [name for name in names if components[name].variance == 0]
    if at_zero:
        notes.append(f"no variance is seen of {', '.join(at_zero)}: the estimate is 0")
    return LikelihoodStudy(
        components=components,
        fit=fit,
        parts=int(table["part"].nunique()),
        operators=int(table["operator"].nunique()),
        trials=len(table) / cell.nunique(),
        notes=tuple(notes),
    )
