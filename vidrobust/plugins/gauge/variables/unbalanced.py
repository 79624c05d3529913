"""Gauge studies that are unbalanced or have further factors, by likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import linalg, stats
from scipy.interpolate import PchipInterpolator

from vidrobust.errors import InputError
from vidrobust.statistics.levels import LEVEL

# The interval of a variance: how far the likelihood falls where the variance is held at another value. The signed
# root of twice the fall is nearly standard normal (Pawitan, In All Likelihood, 2001, section 9). It lies
# sqrt(2 / df) / 3 too low for few degrees of freedom and is corrected; of a single mean square the interval is
# then that of the chi-square within 8 %.

# Roots up to which the curve is drawn; beyond it goes on as a straight line over the logarithm.
LARGEST_ROOT = 3.2
STEP = 2.5
MOST_POINTS = 30


@dataclass(frozen=True)
class LossCurve:
    """Signed roots (m,) of the loss over the logarithms of a variance (m,); ``at_zero`` is the root at 0."""

    estimate: float
    log_variance: np.ndarray
    root: np.ndarray
    at_zero: float

    def value(self, root: np.ndarray | float) -> np.ndarray:
        """The variances at these roots."""
        root = np.asarray(root, np.float64)
        variance = np.exp(np.minimum(_line(root, self.root, self.log_variance), 700.0))
        return np.where(root <= self.at_zero, 0.0, variance)


def curve_of(
    estimate: float, loss: Callable[[float], float], *, least: float, scale: float, freedom: int
) -> LossCurve:
    """Return the curve of a variance."""
    shift = math.sqrt(2 / freedom) / 3

    def root(value: float) -> float:
        return math.copysign(math.sqrt(2 * max(0.0, loss(value))), value - estimate) - shift

    at_zero = root(0.0) if least == 0 and estimate > 0 else -shift if least == 0 else -math.inf
    start = estimate if estimate > least else _first_above(loss, scale * 1e-6, scale)
    up = [(start, root(start) if estimate <= least else -shift)]
    down: list[tuple[float, float]] = []
    while up[-1][1] < LARGEST_ROOT and len(up) < MOST_POINTS:
        value = STEP * up[-1][0]
        signed = root(value)
        if not math.isfinite(signed):
            break
        up.append((value, signed))
    value = start
    while estimate > least and len(down) < MOST_POINTS:
        value /= STEP
        signed = root(value) if value > least else -math.inf
        if value <= least or not math.isfinite(signed) or signed <= at_zero + 1e-3:
            break
        down.append((value, signed))
        if signed < -LARGEST_ROOT:
            break
    points = [*reversed(down), *up]
    values, roots = (np.array(column) for column in zip(*points, strict=True))
    return LossCurve(estimate, np.log(values), np.maximum.accumulate(roots), at_zero)


def _first_above(loss: Callable[[float], float], value: float, most: float) -> float:
    while loss(10 * value) < 1e-4 and value < most:
        value *= 10
    return value


def _line(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth rising curve through the points (x, y), and on as a straight line beyond them."""
    if len(x) < 2:
        return np.full(np.shape(at), y[0])
    keep = np.append(True, np.diff(x) > 1e-9)
    x, y = x[keep], y[keep]
    if len(x) < 2:
        return np.full(np.shape(at), y[0])
    inside = PchipInterpolator(x, y)(np.clip(at, x[0], x[-1]))
    low = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    high = y[-1] + (at - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.where(at < x[0], low, np.where(at > x[-1], high, inside))


# Variance components of any design by restricted maximum likelihood: missing cells, more factors than two.
#
# y = mean + sum of random effects + error, each effect independent normal with a variance of its own (Patterson &
# Thompson, Biometrika 58, 1971, p. 545-554; Searle, Casella & McCulloch, Variance Components, 1992, chapter 6).
# Variances are estimated within their range, so none is negative. For balanced designs the estimates are those of
# the analysis of variance wherever that gives none below 0.

# Levels of all effects together up to which their covariance is solved as a whole.
MOST_LEVELS = 2000
RESIDUAL = "repeatability"
# Share of the variance of the values that counts as 0.
LEAST = 1e-9
STEPS = 200
# Gain of log-likelihood below which the climb ends; the rounding of very unlike variances is no less.
ENOUGH = 1e-8
STARTS = (0.1, 10.0)  # Ratios of every variance to that of the error from which the climb begins


@dataclass(frozen=True, kw_only=True)
class Reml:
    """A fit: mean, its standard error, variances (K,) in the order of ``names``, the error's last.

    ``freedom`` (K,): independent contrasts of each effect.
    """

    mean: float
    names: tuple[str, ...]
    variances: np.ndarray
    log_likelihood: float
    freedom: tuple[int, ...]
    n: int
    likelihood: Likelihood

    def curve(self, name: str) -> LossCurve:
        """The profile likelihood of a variance."""
        k = self.names.index(name)
        seen = self.variances.copy()

        def loss(value: float) -> float:
            nonlocal seen
            start = np.maximum(seen, LEAST * self.likelihood.scale)
            start[k] = value
            peak = _climb(self.likelihood, start, np.arange(len(start)) == k)
            seen = peak[0]
            return self.log_likelihood - peak[1]

        least = LEAST * self.likelihood.scale if name == RESIDUAL else 0.0
        return curve_of(
            float(self.variances[k]),
            loss,
            least=least,
            scale=self.likelihood.scale,
            freedom=self.freedom[k],
        )

    def loss_without(self, names: Sequence[str]) -> float:
        """Loss of log-likelihood where all of these variances are 0."""
        held = [name in names for name in self.names]
        start = np.where(held, 0.0, np.maximum(self.variances, LEAST * self.likelihood.scale))
        return max(0.0, self.log_likelihood - _climb(self.likelihood, start, np.array(held))[1])


@dataclass(frozen=True)
class Likelihood:
    """The restricted likelihood of values y (n,), from inner products with the indicators Z of all effects."""

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
        # so unlike each other that nothing is left of their difference
        if not (weight > 0 and squares > 0):
            return Point(-math.inf, mean, weight, np.zeros(len(variances)), np.eye(len(variances)))
        value = -0.5 * ((n - 1) * math.log(2 * math.pi) + log_det + math.log(weight) + squares)
        projected = levels - np.outer(cross[:, 0], cross[:, 0]) / weight
        residual = cross[:, 1] - cross[:, 0] * mean
        return Point(value, mean, weight, *self._slopes(variances, projected, residual, squares))

    def _slopes(
        self, variances: np.ndarray, projected: np.ndarray, residual: np.ndarray, squares: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slope (K,) and expected information (K, K) (Searle et al. 1992, 6.6)."""
        error, effects = float(variances[-1]), variances[:-1]
        trace, fit = self._sums(np.diag(projected)), self._sums(residual**2)
        pairs = self._sums(self._sums(projected**2).T)
        all_trace, all_fit = (
            (self.n - 1 - effects @ trace) / error,
            (squares - effects @ fit) / error,
        )
        of_error = (trace - pairs @ effects) / error
        twice = (all_trace - effects @ of_error) / error
        information = (
            np.block([[pairs, of_error[:, None]], [of_error[None], np.array([[twice]])]]) / 2
        )
        return np.append(fit - trace, all_fit - all_trace) / 2, information

    def _sums(self, of_levels: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(of_levels, np.cumsum([0, *self.sizes[:-1]]), axis=0))


@dataclass(frozen=True)
class Point:
    """The likelihood, its slope (K,) and expected information (K, K) at some variances."""

    value: float
    mean: float
    weight: float
    slope: np.ndarray
    information: np.ndarray


def fit_reml(y: np.ndarray, factors: Mapping[str, np.ndarray]) -> Reml:
    """Fit values (n,) with random effects, each given by its level of every value."""
    y = np.asarray(y, np.float64)
    codes = {
        name: np.unique(np.asarray(level), return_inverse=True)[1]
        for name, level in factors.items()
    }
    for name, code in codes.items():
        if code.max(initial=0) + 1 >= len(y):
            raise InputError(
                f"{name} has a level for every value: it cannot be distinguished from repeatability"
            )
    if not np.ptp(y) > 0:
        raise InputError("all values are equal: there is no variation to share out")
    likelihood, freedom = _likelihood(y, list(codes.values()))
    starts = (
        np.append(np.full(len(codes), ratio), 1.0) / (1 + len(codes) * ratio) for ratio in STARTS
    )
    best = max(
        (_climb(likelihood, likelihood.scale * s) for s in starts), key=lambda found: found[1]
    )
    variances, value, point = best
    return Reml(
        mean=float(point.mean + y.mean()),
        names=(*codes, RESIDUAL),
        variances=np.where(variances > LEAST * likelihood.scale, variances, 0.0),
        log_likelihood=value,
        freedom=freedom,
        n=len(y),
        likelihood=likelihood,
    )


def _likelihood(y: np.ndarray, codes: list[np.ndarray]) -> tuple[Likelihood, tuple[int, ...]]:
    """The likelihood, and the number of contrasts that each effect and the error has of its own."""
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
    model = Likelihood(
        n=len(y),
        products=z.T @ z,
        cross=z.T @ both,
        inner=both.T @ both,
        sizes=np.array(sizes),
        scale=float(np.var(y)),
    )
    ranks = [1]
    for end in ends[1:]:
        ranks.append(int(np.linalg.matrix_rank(model.products[:end, :end])))
    free = np.diff([*ranks, len(y)])
    if free[-1] < 1:
        raise InputError(
            f"{len(y)} values are all taken up by {sum(sizes)} levels: nothing is left to estimate "
            "repeatability from; measure parts again, or leave a factor out"
        )
    return model, tuple(max(1, int(count)) for count in free)


def _climb(
    likelihood: Likelihood, start: np.ndarray, held: np.ndarray | None = None
) -> tuple[np.ndarray, float, Point]:
    """The variances of largest likelihood by Fisher's scoring, none below 0."""
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
    for half in range(30):
        there = np.maximum(here + step / 2**half, least)
        point = likelihood.at(there)
        if point.value >= value:
            return there, point
    return here, likelihood.at(here)


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
    def curves(self) -> dict[str, LossCurve]:
        return {name: self.reml.curve(name) for name in self.reml.names}

    @cached_property
    def drawn(self) -> dict[str, np.ndarray]:
        normal = np.random.default_rng(self.seed).standard_normal((len(self.reml.names), DRAWS))
        roots = _root_of(self._correlation()) @ normal
        return {
            name: self.curves[name].value(root)
            for name, root in zip(self.reml.names, roots, strict=True)
        }

    def _correlation(self) -> np.ndarray:
        variances = np.maximum(self.reml.variances, LEAST * self.reml.likelihood.scale)
        covariance = linalg.pinvh(self.reml.likelihood.at(variances).information)
        spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        matrix = np.clip(covariance / np.outer(spread, spread), -1, 1)
        np.fill_diagonal(matrix, 1.0)
        return np.asarray(matrix)

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
        between = [name for name in names if name not in ("part", RESIDUAL)]
        if not between or not self._may_be_none(between):
            return math.inf
        rest = [name for name in names if name not in between]
        return self.of(rest).low if rest else 0.0

    def _may_be_none(self, names: Sequence[str]) -> bool:
        loss = self.reml.loss_without(names)
        return 2 * loss <= float(stats.chi2.ppf(LEVEL, len(names)))


def _root_of(correlation: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(root / np.sqrt(np.square(root).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class LikelihoodStudy:
    """A fit with its components by name, as an analysis of variance gives them."""

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
    """Study part, operator, value and further factors, whatever is missing of them."""
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
        raise InputError(
            "gauge study: nothing was measured twice by one operator; repeatability needs that"
        )
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
