"""Bias and linearity: how far readings lie from the true values, and whether that changes over the range.

AIAG, MSA, 4th edition (2010), chapter III-B; ISO 22514-7:2012, 7.1.3 and annex A (after ISO 11095).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.variables.type1 import size_interval
from vidrobust.statistics.levels import ALPHA, LEVEL
from vidrobust.text.phrases import plural

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class BiasOfPart:
    """Readings of one part: their mean less its reference, with Student's interval and test against 0."""

    part: str
    reference: float
    n: int
    mean: float
    bias: float
    sd: float
    low: float
    high: float
    t: float
    p: float


@dataclass(frozen=True, kw_only=True)
class LinearityStudy:
    """The line of bias over reference, the bias of each part and of all, with p-values against 0.

    intercept, slope        bias = intercept + slope x reference; with standard errors and p-values against 0
    r_squared, residual_sd  of the line
    bias, bias_p            mean bias of all readings, and Student's test of it against 0 by the residuals of
                            the line
    largest_bias, at        the largest bias of a part, and its reference
    u_linearity             standard uncertainty of what the line leaves over between parts (ISO 22514-7, A.1);
                            u_repeatability within them; lack_of_fit_p of the F test of the one against the other
    bias_low, bias_high     95 % interval of the mean bias
    percent_linearity       100 |slope|; percent_bias 100 |bias| / process variation (NaN without one)
    percent_largest_bias    the largest |bias| over the range in percent of the process variation, with the
                            interval of the line's 95 % band at both ends; of each part's bias where the line does
                            not fit. A gauge is equivalent to an unbiased one where the upper end is small enough
                            (two one-sided tests: Schuirmann, J. Pharmacokin. Biopharm. 15, 1987, p. 657-680)
    zero_inside             whether a bias of 0 lies in the line's 95 % band over the whole range
    """

    intercept: float
    intercept_se: float
    intercept_p: float
    slope: float
    slope_se: float
    slope_p: float
    r_squared: float
    residual_sd: float
    n: int
    parts: tuple[BiasOfPart, ...]
    bias: float
    bias_low: float
    bias_high: float
    bias_p: float
    largest_bias: float
    largest_bias_at: float
    u_linearity: float
    u_repeatability: float
    lack_of_fit_f: float
    lack_of_fit_p: float
    process_variation: float
    linearity: float
    percent_linearity: float
    percent_bias: float
    percent_bias_low: float
    percent_bias_high: float
    percent_largest_bias: float
    percent_largest_bias_low: float
    percent_largest_bias_high: float
    zero_inside: bool
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"study": "linearity", **asdict(self), "notes": list(self.notes)}

    def band(self, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N,) the line, and the ends of its 95 % band, at these references."""
        x = np.concatenate([np.full(part.n, part.reference) for part in self.parts])
        spread = float(((x - x.mean()) ** 2).sum())
        half = self.residual_sd * np.sqrt(1 / len(x) + (reference - x.mean()) ** 2 / spread)
        half *= stats.t.ppf((1 + LEVEL) / 2, len(x) - 2)
        line = self.intercept + self.slope * reference
        return line, line - half, line + half


def linearity_study(table: pd.DataFrame, *, process_variation: float = NAN) -> LinearityStudy:
    """Study part, value and reference; InputError with fewer than two references, or no part measured twice.

    ``process_variation`` is six standard deviations of the process, or the tolerance, for percentages; NaN: none.
    """
    known = table[table["reference"].notna()]
    _check(known)
    x, y = (known[name].to_numpy(np.float64) for name in ("reference", "value"))
    bias = y - x
    line = stats.linregress(x, bias)
    n = len(x)
    residual = bias - line.intercept - line.slope * x
    residual_sd = math.sqrt(float((residual**2).sum()) / (n - 2)) if n > 2 else NAN
    parts = tuple(_part(str(part), rows) for part, rows in known.groupby("part", sort=False))
    worst = max(parts, key=lambda part: abs(part.bias))
    left = _left_over(known, float((residual**2).sum()))
    mean = float(bias.mean())
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 2)) * residual_sd / math.sqrt(n) if n > 2 else NAN
    percents = [100 * end / process_variation for end in size_interval(mean - reach, mean + reach)]
    found = LinearityStudy(
        intercept=float(line.intercept),
        intercept_se=float(line.intercept_stderr),
        intercept_p=_p_of(line.intercept, line.intercept_stderr, n - 2),
        slope=float(line.slope),
        slope_se=float(line.stderr),
        slope_p=_p_of(line.slope, line.stderr, n - 2),
        r_squared=float(line.rvalue**2),
        residual_sd=residual_sd,
        n=n,
        parts=parts,
        bias=mean,
        bias_low=mean - reach,
        bias_high=mean + reach,
        bias_p=_p_of(float(bias.mean()), residual_sd / math.sqrt(n), n - 2),
        largest_bias=worst.bias,
        largest_bias_at=worst.reference,
        **left,
        process_variation=process_variation,
        linearity=abs(float(line.slope)) * process_variation,
        percent_linearity=100 * abs(float(line.slope)),
        percent_bias=100 * abs(mean) / process_variation,
        percent_bias_low=percents[0],
        percent_bias_high=percents[1],
        percent_largest_bias=NAN,
        percent_largest_bias_low=NAN,
        percent_largest_bias_high=NAN,
        zero_inside=False,
        notes=_notes(known, len(table) - len(known)),
    )
    _, low, high = found.band(np.linspace(x.min(), x.max(), 201))
    more: dict[str, Any] = {"zero_inside": bool((low <= 0).all() and (high >= 0).all())}
    for name, value in zip(("", "_low", "_high"), _largest(found, x.min(), x.max()), strict=True):
        more[f"percent_largest_bias{name}"] = 100 * value / process_variation
    return LinearityStudy(**{**vars(found), **more})


def _largest(found: LinearityStudy, first: float, last: float) -> tuple[float, float, float]:
    """The largest |bias| over the range, and the ends of its interval."""
    line, low, high = found.band(np.array([first, last]))
    rows = list(zip(line, low, high, strict=True))
    if found.lack_of_fit_p < ALPHA:
        rows += [(part.bias, part.low, part.high) for part in found.parts]
    ends = [size_interval(float(a), float(b)) for _, a, b in rows]
    return max(abs(float(v)) for v, _, _ in rows), max(a for a, _ in ends), max(b for _, b in ends)


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
        raise InputError(f"linearity: part {per_part.index[per_part > 1][0]} has several references")


def _part(name: str, rows: pd.DataFrame) -> BiasOfPart:
    bias = (rows["value"] - rows["reference"]).to_numpy(np.float64)
    n, sd = len(bias), float(np.std(bias, ddof=1)) if len(bias) > 1 else NAN
    t, p = _against_zero(bias)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * sd / math.sqrt(n) if n > 1 else NAN
    mean = float(bias.mean())
    return BiasOfPart(
        part=name,
        reference=float(rows["reference"].iloc[0]),
        n=n,
        mean=float(rows["value"].mean()),
        bias=mean,
        sd=sd,
        low=mean - reach,
        high=mean + reach,
        t=t,
        p=p,
    )


def _against_zero(bias: np.ndarray) -> tuple[float, float]:
    """Student's t and its two-sided p; NaN where nothing varies."""
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


def _notes(known: pd.DataFrame, unknown: int) -> tuple[str, ...]:
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
    return tuple(notes)
