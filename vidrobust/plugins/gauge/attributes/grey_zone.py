"""The grey zone of an attribute study: parts on which verdicts split, and its width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError
from vidrobust.statistics.levels import LEVEL
from vidrobust.statistics.standard_errors import t_two_sided

# The grey zone of a go/no-go gauge in the unit of the parts: signal detection.
#
# Between parts that are always rejected and parts that are always accepted, verdicts split. The width of that zone
# is the gauge's error (AIAG, MSA, 4th edition, 2010, chapter III-C; ISO 22514-7:2012, 12.3).


def signal_detection(
    table: pd.DataFrame, defect: set[str], *, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    """Find the grey zones of part, value and measured (the true size), and their mean width.

    A zone lies between the innermost always rejected and the outermost always accepted part at one limit.
    """
    of = table[table["measured"].notna()]
    of = of.assign(bad=of["value"].isin(defect)).groupby("part")
    size = of["measured"].first().to_numpy(np.float64)
    share = of["bad"].mean().to_numpy(np.float64)
    order = np.argsort(size, kind="stable")
    size, share = size[order], share[order]
    sure = np.flatnonzero(share == 0)
    if not len(sure) or not (share == 1).any():
        what = "accepted" if not len(sure) else "rejected"
        raise InputError(
            f"signal detection: no part is {what} every time; take parts that surely are, on both sides"
        )
    zones = [
        zone
        for zone in (_zone(size, share, "lower"), _zone(size, share, "upper"))
        if zone is not None
    ]
    if not zones:
        raise InputError(
            "signal detection: no zone between parts that are always rejected and always accepted"
        )
    width = float(np.mean([zone["width"] for zone in zones]))
    tolerance = high - low if low is not None and high is not None else math.nan
    notes = []
    for zone in zones:
        limit = low if zone["side"] == "lower" else high
        if limit is not None and not min(zone["rejected"], zone["accepted"]) <= limit <= max(
            zone["rejected"], zone["accepted"]
        ):
            notes.append(
                f"the {zone['side']} limit {limit:g} lies outside its grey zone: the gauge is biased there"
            )
        if not zone["parts"]:
            notes.append(f"no part lies in the {zone['side']} grey zone: it is at most that wide")
    return {
        "zones": tuple(zones),
        "width": width,
        "percent_tolerance": 100 * width / tolerance if not math.isnan(tolerance) else math.nan,
        "tolerance": tolerance,
        "notes": tuple(notes),
    }


def _zone(size: np.ndarray, share: np.ndarray, side: str) -> dict[str, Any] | None:
    sign = 1 if side == "upper" else -1
    place = sign * size
    order = np.argsort(place, kind="stable")
    place, share = place[order], share[order]
    outer = len(share)
    while outer > 0 and share[outer - 1] == 1:
        outer -= 1
    accepted = np.flatnonzero(share == 0)
    if outer == len(share) or not len(accepted):
        return None
    inner = int(accepted[-1])
    width = float(place[outer] - place[inner])
    return {
        "side": side,
        "rejected": sign * float(place[outer]),
        "accepted": sign * float(place[inner]),
        "width": width,
        "parts": outer - inner - 1,
    }


# Bias and repeatability of a go/no-go gauge from how often it accepts parts of known size.
#
# The probability of acceptance over size is a normal distribution function: its middle is the gauge's limit, its
# spread the gauge's own (AIAG, Measurement Systems Analysis, 4th edition, 2010, chapter III-C).

NAN = float("nan")
# A part is judged 20 times; one part is never accepted, one always, six lie between (AIAG).
ENOUGH_TRIALS, ENOUGH_PARTS = 20, 8
T_FACTOR, T_DF = 31.3, ENOUGH_TRIALS - 1
# The spread is so much too wide, as no probability is below .025 or above .975 (AIAG)
OVERSTATED = 1.08


def analytic_method(
    table: pd.DataFrame, defect: set[str], *, low: float | None = None, high: float | None = None
) -> list[dict[str, Any]]:
    """Apply the analytic method at each limit about which parts of known size lie, in the unit of the sizes.

    Half of the parts of size ``switches_at`` are accepted; ``bias`` is the limit less that. ``repeatability``
    is 5.15 standard deviations less what the method overstates, ``unadjusted`` as fitted. ``t`` and ``p``
    test the bias on T_DF degrees of freedom. NaN where not known.
    """
    known = table[table["measured"].notna()]
    by = known.assign(good=~known["value"].isin(defect)).groupby("part")
    size, good = by["measured"].first().to_numpy(np.float64), by["good"].sum().to_numpy(np.float64)
    count = by.size().to_numpy(np.float64)
    always = size[good == count]
    if not len(always):
        return []
    found: list[dict[str, Any]] = []
    for side, limit, sign in (("lower", low, 1), ("upper", high, -1)):
        here = sign * size <= (sign * always).max()
        order = np.argsort(sign * size[here], kind="stable")
        each = _at_limit(size[here][order], good[here][order], count[here][order], side, limit)
        found += [] if each is None else [each]
    return found


def adjusted(good: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Probabilities of acceptance half a trial nearer to .5, as the manual has them."""
    share = good / count
    towards = np.sign(share - 0.5) * 0.5 / count
    return np.asarray(np.where(share == 0.5, 0.5, share - towards))


def _at_limit(
    size: np.ndarray, good: np.ndarray, count: np.ndarray, side: str, limit: float | None
) -> dict[str, Any] | None:
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
    return {
        "side": side,
        "limit": known,
        "switches_at": -fit.intercept / fit.slope,
        "bias": bias,
        "bias_low": bias - reach,
        "bias_high": bias + reach,
        "t": t,
        "p": NAN if math.isnan(t) else t_two_sided(t, 1.0, T_DF),
        "unadjusted": wide,
        "repeatability": repeatability,
        "intercept": float(fit.intercept),
        "slope": float(fit.slope),
        "r_squared": float(fit.rvalue**2),
        "sizes": tuple(map(float, x)),
        "accepted": tuple(map(float, probability)),
        "trials": trials,
        "notes": notes,
    }


def _notes(parts: int, trials: int, side: str) -> tuple[str, ...]:
    wanted = [f"{ENOUGH_PARTS} parts from never to always accepted, and has {parts}"] * (
        parts < ENOUGH_PARTS
    )
    wanted += [f"{ENOUGH_TRIALS} verdicts a part, and has {trials}"] * (trials < ENOUGH_TRIALS)
    return (
        (f"no test of the bias at the {side} limit: it wants {' and '.join(wanted)}",)
        if wanted
        else ()
    )


def grey_zone(table: pd.DataFrame) -> dict[str, Any]:
    """Parts without one class throughout, and whether operators waver on the same ones (Fisher's exact)."""
    counts = table.groupby(["part", "value"], sort=False).size()
    kinds = table.groupby("part", sort=False)["value"].nunique()
    parts = [
        {"part": str(part), "verdicts": {str(v): int(n) for v, n in counts[part].items()}}
        for part in kinds.index[kinds > 1]
    ]
    operators = {}
    for operator in sorted(table["operator"].unique()):
        own = table[table["operator"] == operator].groupby("part")["value"].nunique() > 1
        rest = table[table["operator"] != operator].groupby("part")["value"].nunique() > 1
        both = own.index.intersection(rest.index)
        if not len(both):
            continue
        names = ("both", "only_it", "only_others", "neither")
        operators[str(operator)] = _together(own[both].to_numpy(), rest[both].to_numpy(), names)
    return {"parts": parts, "operators": operators}


def model_and_people(table: pd.DataFrame, people: Iterable[str]) -> dict[str, Any] | None:
    """Parts on which verdicts of the model, of people or of both split, with Fisher's exact p."""
    persons = table["operator"].isin(set(people))
    model = table[~persons].groupby("part", sort=False)["value"].nunique() > 1
    human = table[persons].groupby("part", sort=False)["value"].nunique() > 1
    shared = model.index[model.index.isin(human.index)]
    if not len(shared):
        return None
    a, b = model[shared].to_numpy(), human[shared].to_numpy()
    found = _together(a, b, ("both", "only_model", "only_people", "neither"))
    return {
        "parts": len(shared),
        **found,
        "parts_only_model": [str(part) for part in shared[a & ~b]],
    }


def _together(a: np.ndarray, b: np.ndarray, names: tuple[str, str, str, str]) -> dict[str, Any]:
    cells = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    odds, p = stats.fisher_exact(cells)
    return {
        **dict(zip(names, (*cells[0], *cells[1]), strict=True)),
        "odds": float(odds),
        "p": float(p),
    }
