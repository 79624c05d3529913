"""Studies of reference parts: type 1, bias and linearity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.variables.gauge import mean_range
from vidrobust.statistics.levels import ALPHA, LEVEL
from vidrobust.text.phrases import plural

# Share of the tolerance that the readings may spread over, and the standard deviations that count as their
# spread.
SHARE, WIDTH = 0.20, 6.0
USUAL, FEWEST = 50, 25
NAN = float("nan")


def type1_study(
    values: np.ndarray,
    reference: float,
    *,
    tolerance: float = NAN,
    share: float = SHARE,
    width: float = WIDTH,
) -> dict[str, Any]:
    """Study readings (n,) in their order, of one part whose true value is ``reference``.

    ``cg`` is SHARE x tolerance / (WIDTH x sd), ``cgk`` the same with the bias taken off (Bissell 1990); NaN
    without a tolerance or spread. ``drift_p`` is of a line over the order.
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
    return {
        "study": "type1",
        "n": n,
        "mean": mean,
        "sd": sd,
        "reference": reference,
        "tolerance": tolerance,
        "share": share,
        "width": width,
        "bias": bias,
        "bias_low": bias - reach,
        "bias_high": bias + reach,
        "t": t,
        "df": n - 1,
        "p": float(2 * stats.t.sf(abs(t), n - 1)) if error > 0 else NAN,
        "cg": cg,
        "cg_low": float(ends[0]),
        "cg_high": float(ends[1]),
        "cgk": cgk,
        "cgk_low": _bissell(cgk, n, width / 2, -1),
        "cgk_high": _bissell(cgk, n, width / 2, 1),
        "percent_repeatability": 100 * share / cg if cg > 0 else NAN,
        "percent_repeatability_bias": 100 * share / cgk if cgk > 0 else NAN,
        "percent_bias": 100 * abs(bias) / tolerance,
        "percent_bias_low": 100 * size_interval(bias - reach, bias + reach)[0] / tolerance,
        "percent_bias_high": 100 * size_interval(bias - reach, bias + reach)[1] / tolerance,
        "drift_p": drift,
        "charts": _chart_state(values, drift),
        "notes": _notes(values, tolerance, drift),
    }


def size_interval(low: float, high: float) -> tuple[float, float]:
    """Return the ends of |x| where x lies between low and high."""
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return least, max(abs(low), abs(high))


def _bissell(index: float, n: int, half: float, side: int) -> float:
    """An end of the interval of a capability index over ``half`` standard deviations."""
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    return index + side * z * math.sqrt(1 / (half**2 * n) + index**2 / (2 * (n - 1)))


def least_cgk(limit: float, n: int, half: float) -> float:
    """Return the smallest Cgk of n readings whose interval lies above a limit."""
    return float(
        optimize.brentq(lambda c: _bissell(c, n, half, -1) - limit, limit, 100 * (1 + abs(limit)))
    )


def least_cg(limit: float, n: int) -> float:
    return limit / math.sqrt(float(stats.chi2.ppf((1 - LEVEL) / 2, n - 1)) / (n - 1))


def _chart_state(values: np.ndarray, drift: float) -> dict[str, Any] | None:
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


DRIFT = 0.01  # A drift of the readings with a p-value below this keeps a study from being accepted


def _notes(values: np.ndarray, tolerance: float, drift: float) -> list[str]:
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
    return notes


NAN = float("nan")


def linearity_study(table: pd.DataFrame, *, process_variation: float = NAN) -> dict[str, Any]:
    """Study part, value and reference: the line of bias over reference, and the bias of each part and of all.

    ``percent_bias`` and ``percent_largest_bias`` are in percent of the process variation, the latter with the
    line's 95 % band; it shows equivalence where its upper end is small (Schuirmann, J. Pharmacokin. Biopharm.
    15, 1987). ``u_linearity`` and ``u_repeatability``: ISO 22514-7, A.1.
    """
    known = table[table["reference"].notna()]
    _check(known)
    x, y = (known[name].to_numpy(np.float64) for name in ("reference", "value"))
    bias = y - x
    line = stats.linregress(x, bias)
    n = len(x)
    residual = bias - line.intercept - line.slope * x
    residual_sd = math.sqrt(float((residual**2).sum()) / (n - 2)) if n > 2 else NAN
    parts = [_part(str(part), rows) for part, rows in known.groupby("part", sort=False)]
    worst = max(parts, key=lambda part: abs(part["bias"]))
    left = _left_over(known, float((residual**2).sum()))
    mean, t = float(bias.mean()), float(stats.t.ppf((1 + LEVEL) / 2, n - 2))
    reach = t * residual_sd / math.sqrt(n) if n > 2 else NAN

    def band(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N,) the line, and the ends of its 95 % band, at these references."""
        spread = float(((x - x.mean()) ** 2).sum())
        half = t * residual_sd * np.sqrt(1 / n + (reference - x.mean()) ** 2 / spread)
        middle = float(line.intercept) + float(line.slope) * reference
        return middle, middle - half, middle + half

    _, low, high = band(np.linspace(x.min(), x.max(), 201))
    rows = list(zip(*band(np.array([x.min(), x.max()])), strict=True))
    if left["lack_of_fit_p"] < ALPHA:
        rows += [(part["bias"], part["low"], part["high"]) for part in parts]
    ends = [size_interval(float(a), float(b)) for _, a, b in rows]
    least, most = size_interval(mean - reach, mean + reach)
    return {
        "study": "linearity",
        "intercept": float(line.intercept),
        "intercept_se": float(line.intercept_stderr),
        "intercept_p": _p_of(line.intercept, line.intercept_stderr, n - 2),
        "slope": float(line.slope),
        "slope_se": float(line.stderr),
        "slope_p": _p_of(line.slope, line.stderr, n - 2),
        "r_squared": float(line.rvalue**2),
        "residual_sd": residual_sd,
        "n": n,
        "parts": parts,
        "bias": mean,
        "bias_low": mean - reach,
        "bias_high": mean + reach,
        "bias_p": _p_of(mean, residual_sd / math.sqrt(n), n - 2),
        "largest_bias": worst["bias"],
        "largest_bias_at": worst["reference"],
        **left,
        "process_variation": process_variation,
        "linearity": abs(float(line.slope)) * process_variation,
        "percent_linearity": 100 * abs(float(line.slope)),
        "percent_bias": 100 * abs(mean) / process_variation,
        "percent_bias_low": 100 * least / process_variation,
        "percent_bias_high": 100 * most / process_variation,
        "percent_largest_bias": 100 * max(abs(float(v)) for v, _, _ in rows) / process_variation,
        "percent_largest_bias_low": 100 * max(a for a, _ in ends) / process_variation,
        "percent_largest_bias_high": 100 * max(b for _, b in ends) / process_variation,
        "zero_inside": bool((low <= 0).all() and (high >= 0).all()),
        "notes": _notes_on_line(known, len(table) - len(known)),
    }


def _p_of(value: float, error: float, df: int) -> float:
    """Student's two-sided p that a coefficient is 0; NaN where nothing is left over."""
    return float(2 * stats.t.sf(abs(value) / error, df)) if error > 0 and df > 0 else NAN


def _check(known: pd.DataFrame) -> None:
    if known["reference"].nunique() < 2:
        raise InputError(
            f"linearity: {plural(known['reference'].nunique(), 'reference value')}; parts of at least two are "
            "needed, five over the range are usual. One part alone is a type-1 study (--type1)"
        )
    if len(known) <= known["part"].nunique():
        raise InputError("linearity: no part was measured twice; ten times and more are usual")
    per_part = known.groupby("part")["reference"].nunique()
    if (per_part > 1).any():
        raise InputError(
            f"linearity: part {per_part.index[per_part > 1][0]} has several references"
        )


def _part(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Mean reading of one part less its reference, with Student's interval and test."""
    bias = (rows["value"] - rows["reference"]).to_numpy(np.float64)
    n, sd = len(bias), float(np.std(bias, ddof=1)) if len(bias) > 1 else NAN
    t, p = _against_zero(bias)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * sd / math.sqrt(n) if n > 1 else NAN
    mean = float(bias.mean())
    return {
        "part": name,
        "reference": float(rows["reference"].iloc[0]),
        "n": n,
        "mean": float(rows["value"].mean()),
        "bias": mean,
        "sd": sd,
        "low": mean - reach,
        "high": mean + reach,
        "t": t,
        "p": p,
    }


def _against_zero(bias: np.ndarray) -> tuple[float, float]:
    if len(bias) < 2 or np.ptp(bias) == 0:
        return NAN, NAN
    t = float(bias.mean() / (bias.std(ddof=1) / math.sqrt(len(bias))))
    return t, float(2 * stats.t.sf(abs(t), len(bias) - 1))


def _left_over(known: pd.DataFrame, residual_squares: float) -> dict[str, float]:
    """What the line leaves over, between references and within them (ISO 22514-7:2012, tables A.2 and A.3)."""
    by = known.groupby("reference")["value"]
    inside = float(((known["value"] - by.transform("mean")) ** 2).sum())
    references, n = by.ngroups, len(known)
    df_line, df_inside = references - 2, n - references
    between = max(0.0, residual_squares - inside)
    within = math.sqrt(inside / df_inside) if df_inside else NAN
    if df_line < 1 or not df_inside:
        return {
            "u_linearity": NAN, "u_repeatability": within, "lack_of_fit_f": NAN, "lack_of_fit_p": NAN,
        }  # fmt: skip
    f = (between / df_line) / (inside / df_inside) if inside > 0 else NAN
    return {
        "u_linearity": math.sqrt(between / df_line),
        "u_repeatability": within,
        "lack_of_fit_f": f,
        "lack_of_fit_p": float(stats.f.sf(f, df_line, df_inside)) if inside > 0 else NAN,
    }


def _notes_on_line(known: pd.DataFrame, unknown: int) -> list[str]:
    notes = []
    sizes = known.groupby("part").size()
    if len(sizes) < 5:
        notes.append(f"{len(sizes)} parts: five over the whole range are usual")
    if sizes.min() < 10:
        notes.append(f"a part has {sizes.min()} readings: ten and more are usual")
    if unknown:
        notes.append(f"left out: {plural(unknown, 'value')} of parts without a reference")
    spread = [group["value"].var(ddof=1) for _, group in known.groupby("part") if len(group) > 1]
    if len(spread) > 1 and min(spread) > 0:
        p = stats.bartlett(*[g["value"] for _, g in known.groupby("part") if len(g) > 1]).pvalue
        if p < ALPHA:
            notes.append(
                f"the spread of readings differs between parts (Bartlett p = {p:.2g}): the tests of the line "
                "suppose that it is the same"
            )
    return notes
