"""A type-1 study: one reference part measured repeatedly by one operator.

Cg compares the spread of the readings with a share of the tolerance, Cgk also takes their bias off (Bosch,
*Quality Management in the Bosch Group* no. 10, 2003; VDA 5; AIAG, MSA, 2010, chapter III-B).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.variables.range_method import mean_range
from vidrobust.statistics.levels import ALPHA, LEVEL

# Share of the tolerance that the readings may spread over, and the standard deviations that count as their
# spread.
SHARE, WIDTH = 0.20, 6.0
USUAL, FEWEST = 50, 25
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Type1Study:
    """The study of readings of one part whose true value is known.

    bias, bias_low, bias_high   mean reading less reference, with Student's interval; t, df, p of its test
                                against 0
    cg, cgk                     SHARE x tolerance / (WIDTH x sd), and the same with the bias taken off; NaN without
                                a tolerance or where no reading differs from another
    cg_low, cg_high             95 % interval of cg (chi-square); cgk_low, cgk_high: of cgk (Bissell 1990)
    percent_repeatability, percent_repeatability_bias  100 SHARE / cg and 100 SHARE / cgk
    percent_bias                |bias| in percent of the tolerance, with the ends of its interval
    drift_p                     p-value of a straight line of the readings over their order
    notes                       what a reader must know
    """

    n: int
    mean: float
    sd: float
    reference: float
    tolerance: float
    share: float
    width: float
    bias: float
    bias_low: float
    bias_high: float
    t: float
    df: int
    p: float
    cg: float
    cg_low: float
    cg_high: float
    cgk: float
    cgk_low: float
    cgk_high: float
    percent_repeatability: float
    percent_repeatability_bias: float
    percent_bias: float
    percent_bias_low: float
    percent_bias_high: float
    drift_p: float
    charts: dict[str, Any] | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The fields as plain values; what is not known is NaN."""
        return {"study": "type1", **asdict(self), "notes": list(self.notes)}


def type1_study(
    values: np.ndarray,
    reference: float,
    *,
    tolerance: float = NAN,
    share: float = SHARE,
    width: float = WIDTH,
) -> Type1Study:
    """Study readings (n,) in their order, of one part whose true value is ``reference``; InputError for fewer
    than two.

    ``share`` of the tolerance may be used; ``width`` standard deviations are the spread (6 or 4).
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    if n < 2:
        raise InputError(
            f"type-1 study: {n} reading{'s' * (n != 1)}; at least 2 are needed, {USUAL} are usual"
        )
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    bias, error = mean - reference, sd / math.sqrt(n)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    t = bias / error if error > 0 else NAN
    cg = share * tolerance / (width * sd) if sd > 0 else NAN
    cgk = (share * tolerance / 2 - abs(bias)) / (width / 2 * sd) if sd > 0 else NAN
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    ends = np.sqrt(stats.chi2.ppf(tails, n - 1) / (n - 1)) * cg
    drift = float(stats.linregress(np.arange(n), values).pvalue) if sd > 0 and n > 2 else NAN
    return Type1Study(
        n=n,
        mean=mean,
        sd=sd,
        reference=reference,
        tolerance=tolerance,
        share=share,
        width=width,
        bias=bias,
        bias_low=bias - reach,
        bias_high=bias + reach,
        t=t,
        df=n - 1,
        p=float(2 * stats.t.sf(abs(t), n - 1)) if error > 0 else NAN,
        cg=cg,
        cg_low=float(ends[0]),
        cg_high=float(ends[1]),
        cgk=cgk,
        cgk_low=_bissell(cgk, n, width / 2, -1),
        cgk_high=_bissell(cgk, n, width / 2, 1),
        percent_repeatability=100 * share / cg if cg > 0 else NAN,
        percent_repeatability_bias=100 * share / cgk if cgk > 0 else NAN,
        percent_bias=100 * abs(bias) / tolerance,
        percent_bias_low=100 * size_interval(bias - reach, bias + reach)[0] / tolerance,
        percent_bias_high=100 * size_interval(bias - reach, bias + reach)[1] / tolerance,
        drift_p=drift,
        charts=_chart_state(values, drift),
        notes=_notes(values, tolerance, drift),
    )


def size_interval(low: float, high: float) -> tuple[float, float]:
    """Return the ends of |x| where x lies between low and high."""
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return least, max(abs(low), abs(high))


def _bissell(index: float, n: int, half: float, side: int) -> float:
    """An end of the interval of a capability index over ``half`` standard deviations.

    Bissell, Applied Statistics 39 (1990), p. 331-340.
    """
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    return index + side * z * math.sqrt(1 / (half**2 * n) + index**2 / (2 * (n - 1)))


def least_cgk(limit: float, n: int, half: float) -> float:
    """Return the smallest Cgk of n readings whose interval lies above a limit."""
    return float(optimize.brentq(lambda c: _bissell(c, n, half, -1) - limit, limit, 100 * (1 + abs(limit))))


def least_cg(limit: float, n: int) -> float:
    """Return the smallest Cg of n readings whose interval lies above a limit."""
    return limit / math.sqrt(float(stats.chi2.ppf((1 - LEVEL) / 2, n - 1)) / (n - 1))


def _chart_state(values: np.ndarray, drift: float) -> dict[str, Any] | None:
    """Whether single readings in their order are in control: no reading too far off, no drift.

    The limits are those of the moving range, at ALPHA for all readings together (Bonferroni); ``out`` counts from
    1.
    """
    sigma = float(np.abs(np.diff(values)).mean()) / mean_range(2)
    if not sigma > 0:
        return None
    gap = np.abs(values - values.mean()) / sigma
    p = min(1.0, float(2 * stats.norm.sf(gap.max()) * len(values)))
    out = np.flatnonzero(gap > stats.norm.isf(ALPHA / 2 / len(values)))
    return {
        "kind": "readings",
        "points": len(values),
        "out": [int(k) + 1 for k in out],
        "p": p,
        "level": ALPHA,
        "drift_p": drift,
        "in_control": p >= ALPHA and not drift < DRIFT,
    }


DRIFT = 0.01
"""A drift of the readings with a p-value below this keeps a study from being accepted."""


def _notes(values: np.ndarray, tolerance: float, drift: float) -> tuple[str, ...]:
    n, notes = len(values), []
    if n < FEWEST:
        notes.append(f"{n} readings: at least {FEWEST} are wanted, {USUAL} are usual")
    if math.isnan(tolerance):
        notes.append("no tolerance: Cg and Cgk are not computed; give --tolerance")
    kinds = len(np.unique(values))
    if kinds == 1:
        notes.append(
            "all readings are equal: the resolution is too coarse to show a spread, or the part was not read anew"
        )
    elif n >= FEWEST and kinds < 5:
        notes.append(f"only {kinds} different readings: the resolution is coarse beside the spread")
    if drift < DRIFT:
        notes.append(
            f"the readings drift over their order (p = {drift:.2g}): spread and bias hold for no one moment"
        )
    return tuple(notes)
