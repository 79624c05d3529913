"""Bias and repeatability of a go/no-go gauge from how often it accepts parts of known size.

The probability of acceptance over size is a normal distribution function: its middle is the gauge's limit, its
spread the gauge's own (AIAG, Measurement Systems Analysis, 4th edition, 2010, chapter III-C).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.statistics.levels import LEVEL
from vidrobust.statistics.standard_errors import t_two_sided

NAN = float("nan")
# A part is judged 20 times; one part is never accepted, one always, six lie between (AIAG).
ENOUGH_TRIALS, ENOUGH_PARTS = 20, 8
T_FACTOR, T_DF = 31.3, ENOUGH_TRIALS - 1
# By so much the spread is too wide, since no probability is below .025 or above .975 (AIAG).
OVERSTATED = 1.08


@dataclass(frozen=True, kw_only=True)
class AnalyticMethod:
    """The gauge at one limit of the tolerance, in the unit of the sizes.

    side                "lower" or "upper"; limit: of the tolerance
    switches_at         the size of which half are accepted
    bias                limit less switches_at: how much too high the gauge reads; NaN without a limit
    bias_low, bias_high  95 % interval of the bias, from the same t
    t, p                of the bias against 0, on T_DF degrees of freedom; NaN where trials or parts are too few
    repeatability       5.15 standard deviations of the gauge, less what the method overstates; unadjusted: as
                        fitted, from .5 % to 99.5 % accepted
    intercept, slope, r_squared  of the line of normal quantiles over sizes
    sizes, accepted     of the parts that the line stands on, and the adjusted probabilities
    """

    side: str
    limit: float
    switches_at: float
    bias: float
    bias_low: float
    bias_high: float
    t: float
    p: float
    unadjusted: float
    repeatability: float
    intercept: float
    slope: float
    r_squared: float
    sizes: tuple[float, ...]
    accepted: tuple[float, ...]
    trials: int
    notes: tuple[str, ...]


def analytic_method(
    table: pd.DataFrame, defect: set[str], *, low: float | None = None, high: float | None = None
) -> tuple[AnalyticMethod, ...]:
    """Apply the analytic method at each limit about which parts of known size lie.

    The table has part, value and measured (the true size); ``defect`` names the classes that reject. A limit with
    fewer than three parts between never and always accepted, or whose line falls, is left out.
    """
    known = table[table["measured"].notna()]
    by = known.assign(good=~known["value"].isin(defect)).groupby("part")
    size, good = by["measured"].first().to_numpy(np.float64), by["good"].sum().to_numpy(np.float64)
    count = by.size().to_numpy(np.float64)
    always = size[good == count]
    if not len(always):
        return ()
    found = []
    for side, limit, sign in (("lower", low, 1), ("upper", high, -1)):
        here = sign * size <= (sign * always).max()
        order = np.argsort(sign * size[here], kind="stable")
        each = _at_limit(size[here][order], good[here][order], count[here][order], side, limit)
        found += [] if each is None else [each]
    return tuple(found)


def adjusted(good: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Probabilities of acceptance half a trial nearer to .5, as the manual has them, so that none is 0 or 1."""
    share = good / count
    towards = np.sign(share - 0.5) * 0.5 / count
    return np.asarray(np.where(share == 0.5, 0.5, share - towards))


def _at_limit(
    size: np.ndarray, good: np.ndarray, count: np.ndarray, side: str, limit: float | None
) -> AnalyticMethod | None:
    """Parts in order from outside to inside."""
    some, rest = np.flatnonzero(good > 0), np.flatnonzero(good < count)
    if not len(some) or not len(rest) or some[0] == 0:
        return None
    used = slice(some[0] - 1, rest[-1] + 2)
    x, probability = size[used], adjusted(good[used], count[used])
    if len(np.unique(x)) < 3:
        return None
    fit = stats.linregress(x, stats.norm.ppf(probability))
    if (fit.slope > 0) != (side == "lower"):
        return None
    trials = int(count[used].min())
    known = NAN if limit is None else limit
    wide = 2 * float(stats.norm.ppf(0.995)) / abs(fit.slope)
    repeatability = wide / OVERSTATED
    bias = known + fit.intercept / fit.slope
    notes = _notes(len(x), trials, side)
    t = NAN if notes else T_FACTOR * abs(bias) / repeatability
    reach = NAN if notes else float(stats.t.ppf((1 + LEVEL) / 2, T_DF)) * repeatability / T_FACTOR
    return AnalyticMethod(
        side=side,
        limit=known,
        switches_at=-fit.intercept / fit.slope,
        bias=bias,
        bias_low=bias - reach,
        bias_high=bias + reach,
        t=t,
        p=NAN if math.isnan(t) else t_two_sided(t, 1.0, T_DF),
        unadjusted=wide,
        repeatability=repeatability,
        intercept=float(fit.intercept),
        slope=float(fit.slope),
        r_squared=float(fit.rvalue**2),
        sizes=tuple(map(float, x)),
        accepted=tuple(map(float, probability)),
        trials=trials,
        notes=notes,
    )


def _notes(parts: int, trials: int, side: str) -> tuple[str, ...]:
    """What keeps the bias from being tested."""
    wanted = [f"{ENOUGH_PARTS} parts from never to always accepted, and has {parts}"] * (parts < ENOUGH_PARTS)
    wanted += [f"{ENOUGH_TRIALS} verdicts a part, and has {trials}"] * (trials < ENOUGH_TRIALS)
    return (f"no test of the bias at the {side} limit: it wants {' and '.join(wanted)}",) if wanted else ()
