"""Variance components of any design by restricted maximum likelihood: missing cells, more factors than two.

y = mean + sum of random effects + error, each effect independent normal with a variance of its own (Patterson &
Thompson, Biometrika 58, 1971, p. 545-554; Searle, Casella & McCulloch, Variance Components, 1992, chapter 6).
Variances are estimated within their range, so none is negative. For balanced designs the estimates are those of
the analysis of variance wherever that gives none below 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from vidrobust.errors import InputError
from vidrobust.repeatability.variables.profile_likelihood import Curve, curve_of

MOST_LEVELS = 2000
"""Levels of all effects together up to which their covariance is solved as a whole."""
RESIDUAL = "repeatability"
LEAST = 1e-9
"""Share of the variance of the values that counts as 0."""
STEPS = 200
ENOUGH = 1e-8
"""Gain of log-likelihood below which the climb ends; the rounding of very unlike variances is no less."""
STARTS = (0.1, 10.0)
"""Ratios of every variance to that of the error from which the climb begins."""


@dataclass(frozen=True, kw_only=True)
class Reml:
    """The fit: mean, its standard error, variances (K,) in the order of ``names``, the error's last.

    log_likelihood  of the residuals
    freedom         (K,) independent contrasts that each effect has of its own: levels less those of what it holds
    """

    mean: float
    mean_se: float
    names: tuple[str, ...]
    variances: np.ndarray
    log_likelihood: float
    freedom: tuple[int, ...]
    n: int
    likelihood: Likelihood

    def curve(self, name: str) -> Curve:
        """How well each value of a variance agrees with the data, all others as they then fit best."""
        k = self.names.index(name)
        seen = self.variances.copy()

        def loss(value: float) -> float:
            nonlocal seen
            start = np.maximum(seen, LEAST * self.likelihood.scale)
            start[k] = value
            found = _climb(self.likelihood, start, np.arange(len(start)) == k)
            seen = found[0]
            return self.log_likelihood - found[1]

        least = LEAST * self.likelihood.scale if name == RESIDUAL else 0.0
        return curve_of(
            float(self.variances[k]),
            loss,
            least=least,
            scale=self.likelihood.scale,
            freedom=self.freedom[k],
        )

    def loss_without(self, names: Sequence[str]) -> float:
        """How much less the log-likelihood is where all of these variances are 0."""
        held = [name in names for name in self.names]
        start = np.where(held, 0.0, np.maximum(self.variances, LEAST * self.likelihood.scale))
        return max(0.0, self.log_likelihood - _climb(self.likelihood, start, np.array(held))[1])


@dataclass(frozen=True)
class Likelihood:
    """The restricted likelihood of values y (n,), of which only inner products with the effects are kept.

    Z is the (n, q) indicator of all levels of all effects; sizes (K - 1,): levels of each effect; products:
    Z'Z, cross: Z'[1, y], inner: [1, y]'[1, y].
    """

    n: int
    products: np.ndarray
    cross: np.ndarray
    inner: np.ndarray
    sizes: np.ndarray
    scale: float

    def at(self, variances: np.ndarray) -> Point:
        """Value, slope and information at variances (K,), the error's last."""
        error, n = float(variances[-1]), self.n
        root = np.repeat(np.sqrt(variances[:-1]), self.sizes)
        inside = root[:, None] * self.products * root / error
        factor = linalg.cho_factor(inside + np.eye(len(root)), lower=True, check_finite=False)
        half = linalg.solve_triangular(
            factor[0],
            root[:, None] * np.column_stack([self.products, self.cross]),
            lower=True,
            check_finite=False,
        )
        q = len(root)
        of_levels, of_values = half[:, :q], half[:, q:]
        inner = (self.inner - of_values.T @ of_values / error) / error
        levels = (self.products - of_levels.T @ of_levels / error) / error
        cross = (self.cross - of_levels.T @ of_values / error) / error
        weight = float(inner[0, 0])
        mean = float(inner[0, 1]) / weight if weight > 0 else math.nan
        squares = float(inner[1, 1]) - float(inner[0, 1]) * mean
        log_det = n * math.log(error) + 2 * float(np.log(np.diag(factor[0])).sum())
        if not (weight > 0 and squares > 0):  # so unlike each other that nothing is left of their difference
            return Point(-math.inf, mean, weight, np.zeros(len(variances)), np.eye(len(variances)))
        value = -0.5 * ((n - 1) * math.log(2 * math.pi) + log_det + math.log(weight) + squares)
        projected = levels - np.outer(cross[:, 0], cross[:, 0]) / weight
        residual = cross[:, 1] - cross[:, 0] * mean
        return Point(value, mean, weight, *self._slopes(variances, projected, residual, squares))

    def _slopes(
        self, variances: np.ndarray, projected: np.ndarray, residual: np.ndarray, squares: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slope (K,) and expected information (K, K), from Z'PZ, Z'Py and y'Py (Searle et al. 1992, 6.6)."""
        error, effects = float(variances[-1]), variances[:-1]
        trace, fit = self._sums(np.diag(projected)), self._sums(residual**2)
        pairs = self._sums(self._sums(projected**2).T)
        all_trace, all_fit = (self.n - 1 - effects @ trace) / error, (squares - effects @ fit) / error
        of_error = (trace - pairs @ effects) / error
        twice = (all_trace - effects @ of_error) / error
        information = np.block([[pairs, of_error[:, None]], [of_error[None], np.array([[twice]])]]) / 2
        return np.append(fit - trace, all_fit - all_trace) / 2, information

    def _sums(self, of_levels: np.ndarray) -> np.ndarray:
        """Sums over the levels of each effect, along the first axis."""
        return np.asarray(np.add.reduceat(of_levels, np.cumsum([0, *self.sizes[:-1]]), axis=0))


@dataclass(frozen=True)
class Point:
    """The likelihood at some variances: its value, the mean and the weight of all values, slope (K,), expected
    information (K, K)."""

    value: float
    mean: float
    weight: float
    slope: np.ndarray
    information: np.ndarray


def fit_reml(y: np.ndarray, factors: Mapping[str, np.ndarray]) -> Reml:
    """The fit of values (n,) with random effects, each given by its level of every value (n,).

    InputError where there are too many levels, or a factor that has as many levels as values.
    """
    y = np.asarray(y, np.float64)
    codes = {name: np.unique(np.asarray(level), return_inverse=True)[1] for name, level in factors.items()}
    for name, code in codes.items():
        if code.max(initial=0) + 1 >= len(y):
            raise InputError(
                f"{name} has a level for every value: it cannot be distinguished from repeatability"
            )
    if not np.ptp(y) > 0:
        raise InputError("all values are equal: there is no variation to share out")
    likelihood, freedom = _likelihood(y, list(codes.values()))
    starts = (np.append(np.full(len(codes), ratio), 1.0) / (1 + len(codes) * ratio) for ratio in STARTS)
    best = max((_climb(likelihood, likelihood.scale * s) for s in starts), key=lambda found: found[1])
    variances, value, point = best
    return Reml(
        mean=float(point.mean + y.mean()),
        mean_se=1 / math.sqrt(point.weight),
        names=(*codes, RESIDUAL),
        variances=np.where(variances > LEAST * likelihood.scale, variances, 0.0),
        log_likelihood=value,
        freedom=freedom,
        n=len(y),
        likelihood=likelihood,
    )


def _likelihood(y: np.ndarray, codes: list[np.ndarray]) -> tuple[Likelihood, tuple[int, ...]]:
    """The likelihood of values, and the contrasts that each effect, and the error, has of its own."""
    sizes = [int(code.max()) + 1 for code in codes]
    if sum(sizes) > MOST_LEVELS:
        raise InputError(
            f"{sum(sizes)} levels: the fit of a design that is not balanced takes up to {MOST_LEVELS}"
        )
    ends = np.cumsum([0, *sizes])
    z = np.zeros((len(y), int(ends[-1])))
    for start, code in zip(ends, codes, strict=False):
        z[np.arange(len(y)), start + code] = 1
    both = np.column_stack([np.ones(len(y)), y - y.mean()])
    found = Likelihood(
        n=len(y),
        products=z.T @ z,
        cross=z.T @ both,
        inner=both.T @ both,
        sizes=np.array(sizes),
        scale=float(np.var(y)),
    )
    ranks = [1]
    for end in ends[1:]:
        ranks.append(int(np.linalg.matrix_rank(found.products[:end, :end])))
    own = np.diff([*ranks, len(y)])
    return found, tuple(max(1, int(count)) for count in own)


def _climb(
    likelihood: Likelihood, start: np.ndarray, held: np.ndarray | None = None
) -> tuple[np.ndarray, float, Point]:
    """The variances of largest likelihood by Fisher's scoring, none below 0; held: (K,) those that stay."""
    least = np.zeros(len(start))
    least[-1] = LEAST * likelihood.scale
    here = np.maximum(start, least)
    point = likelihood.at(here)
    for _ in range(STEPS):
        free = (here > least) | (point.slope > 0)
        if held is not None:
            free &= ~held
        if not free.any():
            break
        step = np.zeros(len(here))
        inside = point.information[np.ix_(free, free)]
        step[free] = linalg.lstsq(inside, point.slope[free], check_finite=False)[0]
        there, next_point = _uphill(likelihood, here, step, least, point.value)
        gain = next_point.value - point.value
        here, point = there, next_point
        if gain < ENOUGH:
            break
    return here, point.value, point


def _uphill(
    likelihood: Likelihood, here: np.ndarray, step: np.ndarray, least: np.ndarray, value: float
) -> tuple[np.ndarray, Point]:
    """The step, halved until the likelihood does not fall; where it is where it cannot rise."""
    for half in range(30):
        there = np.maximum(here + step / 2**half, least)
        found = likelihood.at(there)
        if found.value >= value:
            return there, found
    return here, likelihood.at(here)
