"""Type 1, bias and linearity of a gauge: values of parts whose true value is known.

References
----------
AIAG 2010, "Measurement Systems Analysis", 4th edition, III-B (bias, linearity). VDA 5 and Bosch booklet 10 (type 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError, SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.statistics.levels import ALPHA, LEVEL

TOLERANCE_SHARE = 0.2  # of the tolerance that the spread of a gauge may fill (Bosch booklet 10)
FEWEST_VALUES, FEWEST_REFERENCES = 2, 3  # of a part with a spread, and of a line that is not exact


def bias_study(table: pd.DataFrame, *, tolerance: float, width: float) -> dict[str, Any]:
    """Return bias of each part, and of several parts the linearity.

    Parameters
    ----------
    table
        A row a value: part, value and reference, in one unit.
    tolerance
        Width of the tolerance in that unit; NaN where it is not known, and then Cg and Cgk are None.
    width
        Standard deviations that are the spread of the gauge.

    Returns
    -------
    dict
        ``parts`` (``bias_of`` of each), ``linearity`` (``linearity_of``, or None below three references), n.

    Raises
    ------
    InputError
        If a part has no reference, or several, or one value alone.
    """
    rows = []
    for part, values in table.groupby("part", sort=False):
        known = values["reference"].unique()
        if len(known) != 1 or not np.isfinite(known[0]):
            raise InputError(
                f"bias study: part {part} has {len(known)} references; give it one number"
            )
        if len(values) < FEWEST_VALUES:
            raise InputError(f"bias study: part {part} has one value; measure it at least twice")
        of_part = bias_of(values["value"].to_numpy(), float(known[0]), tolerance, width)
        rows.append({"part": str(part), **of_part})
    several = table["reference"].nunique() >= FEWEST_REFERENCES
    return {
        "parts": rows,
        "linearity": linearity_of(table["reference"], table["value"]) if several else None,
        "tolerance": tolerance,
        "width": width,
        "n": len(table),
    }


def bias_of(
    values: Sequence[float] | np.ndarray, reference: float, tolerance: float, width: float = 6.0
) -> dict[str, Any]:
    """Return bias with its t test, and Cg and Cgk, of values (n,) of one part.

    Cg is 0.2 tolerance / (width sd); Cgk is (0.1 tolerance - \\|bias\\|) / (width sd / 2). The interval of Cg is that
    of the variance (chi-square), the one of Cgk Bissell's (1990).

    Examples
    --------
    >>> bias_of([5.9, 6.0, 6.1], 6.0, 6.0)["cg"]
    2.0
    """
    n, mean, sd = len(values), float(np.mean(values)), float(np.std(values, ddof=1))
    bias, error, free = mean - reference, sd / math.sqrt(n), n - 1
    half = float(stats.t.ppf((1 + LEVEL) / 2, free)) * error
    t = bias / error if error else math.copysign(math.inf, bias) if bias else 0.0
    found = {"reference": reference, "n": n, "mean": mean, "sd": sd, "bias": bias}
    found |= {
        "low": bias - half,
        "high": bias + half,
        "t": t,
        "p": float(2 * stats.t.sf(abs(t), free)),
    }
    nothing = dict.fromkeys(("cg", "cg_low", "cg_high", "cgk", "cgk_low", "cgk_high"))
    if math.isnan(tolerance) or not sd:
        return found | nothing
    cg = TOLERANCE_SHARE * tolerance / (width * sd)
    cgk = (TOLERANCE_SHARE / 2 * tolerance - abs(bias)) / (width * sd / 2)
    ends = [math.sqrt(stats.chi2.ppf(q, free) / free) for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    # Cgk is a Cpk whose limits lie a tenth of the tolerance on either side of the reference
    about = float(stats.norm.ppf((1 + LEVEL) / 2))
    about *= math.sqrt((2 / width) ** 2 / n + cgk**2 / (2 * free))
    cgk_ends = {"cgk": cgk, "cgk_low": cgk - about, "cgk_high": cgk + about}
    return found | {"cg": cg, "cg_low": cg * ends[0], "cg_high": cg * ends[1], **cgk_ends}


def linearity_of(reference: pd.Series, value: pd.Series) -> dict[str, Any]:
    """Return the regression of bias on the reference, both (n,).

    ``outside`` lists references at which the 95 % band of the line leaves out a bias of 0: a linear gauge has none
    (AIAG). ``percent_linearity`` is 100 times the slope's size.

    Raises
    ------
    SettingsError
        If statsmodels is not installed.
    """
    try:
        import statsmodels.api as sm
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--bias: needs the package statsmodels: {pip_install('gauge')}"
        ) from error

    bias, exact = (value - reference).to_numpy(np.float64), reference.to_numpy(np.float64)
    fit = sm.OLS(bias, sm.add_constant(exact)).fit()
    ends = fit.conf_int(ALPHA)
    places = np.unique(exact)
    band = fit.get_prediction(sm.add_constant(places, has_constant="add")).conf_int(alpha=ALPHA)
    outside = (band[:, 0] > 0) | (band[:, 1] < 0)
    found: dict[str, Any] = {"r_squared": float(fit.rsquared), "sd": math.sqrt(fit.mse_resid)}
    for row, name in enumerate(("intercept", "slope")):
        low, high = map(float, ends[row])
        found |= {name: float(fit.params[row]), f"{name}_low": low, f"{name}_high": high}
        found |= {f"{name}_t": float(fit.tvalues[row]), f"{name}_p": float(fit.pvalues[row])}
    found["percent_linearity"] = 100 * abs(found["slope"])
    return found | {"outside": places[outside].tolist(), "linear": not outside.any()}
