"""What one witness says about one perturbation: a figure, its interval, and a vote.

variation    does the footage change that way?             99th percentile of the change, as a strength
sensitivity  does the model care, at that size?            mean total variation at that strength
causes       does the change, replayed alone, explain it?  share explained beyond the placebo
direction    does the output move the same way?            cosine of the changes of the logits
correlation  do both go up and down together?              partial correlation given the confounder
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.policy.pairings import RESOLUTION, Pairing
from vidrobust.statistics.intervals import Interval, clustered_mean

FOR, AGAINST, CANNOT_TELL = "for", "against", "cannot tell"
VOTES = (FOR, AGAINST, CANNOT_TELL)
NAN = float("nan")
CHANCE = 0.05
"""Share of pairs whose change exceeds two of its standard errors though nothing changed."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When a witness speaks, and for what.

    scale            "adjacent", "second" or "clip": the distance in time of the variation, and so of the ranges.
                     Adjacent by default, since flips, causes and directions are those of neighbours
    min_measured     valid pairs that the variation needs
    resolved         the 99th percentile must exceed so many standard errors of the meter; errors alone, were
                     they normal, reach 2.6. And more pairs than the 5 % of chance must exceed two of their own
    smallest_effect  total variation below which a change of the output is not worth training against
    min_clusters     items from which on the interval of the sensitivity is over items, below it is over frames
    small_share      a cause that explains surely less than this share, or a cosine that is surely no more
                     than this beyond the others, speaks against
    least_cosine     a mean cosine below this speaks for nothing
    """

    scale: str = "adjacent"
    min_measured: int = 10
    resolved: float = 3.5
    smallest_effect: float = 0.01
    min_clusters: int = 5
    small_share: float = 0.05
    least_cosine: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One witness's figure, its 95 % interval (NaN where there is none), its vote, and the same in words."""

    value: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    vote: str = CANNOT_TELL
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Observed(Finding):
    """The variation: value, low and high are strengths: the footage, its quietest and its liveliest clip.

    quantity   what was measured · of_parts: whether it is the moving parts' · axes: strength per quantity
    error      standard error of the meter, as a strength
    """

    quantity: str = ""
    of_parts: bool = False
    axes: tuple[float, ...] = ()
    error: float = NAN


def observed(variation: pd.DataFrame, asked: Pairing, unit: str, limits: Thresholds) -> Observed:
    """What the footage does, in the strength of the perturbation.

    The camera's motion is asked first, the parts' where the camera rests or could not be measured.
    """
    if not asked.quantities or math.isnan(asked.strength_per_unit):
        return Observed(words=f"its size in the footage is not known: {asked.not_measured}")
    found = _observed(variation, asked.quantities, asked.strength_per_unit, unit, limits)
    if found.vote == FOR or not asked.part_quantities:
        return found
    parts = _observed(variation, asked.part_quantities, asked.strength_per_unit, unit, limits, of_parts=True)
    return parts if parts.vote == FOR else found


def _observed(
    variation: pd.DataFrame,
    quantities: tuple[str, ...],
    per_unit: float,
    unit: str,
    limits: Thresholds,
    *,
    of_parts: bool = False,
) -> Observed:
    rows = variation[(variation["scale"] == limits.scale) & variation["quantity"].isin(quantities)]
    measured = rows.assign(measured=rows["n"] * rows["valid"].fillna(0.0)).dropna(
        subset=["p50", "p95", "p99"]
    )
    measured = measured[measured["measured"] > 0]
    each = [_one_quantity(measured[measured["quantity"] == q], q, limits) for q in quantities]
    known = [one for one in each if one.n >= limits.min_measured]
    name = " and ".join(quantities)
    if not known:
        n = max((one.n for one in each), default=0)
        words = f"{name} could be measured on {n} pairs only, {limits.min_measured} are needed"
        return Observed(quantity=name, n=n, of_parts=of_parts, words=words)
    axes = tuple(per_unit * one.p99 if one in known else 0.0 for one in each)
    top = max(known, key=lambda one: one.p99)
    resolved = top.p99 > top.needed and not top.resolved <= CHANCE
    size = f"{per_unit * top.p99:.3g} {unit}"
    where = {"adjacent": "between neighbouring frames", "second": "within a second", "clip": "over a clip"}
    who = "the moving parts change" if of_parts else "the footage changes"
    words = f"{who} by {size} {where[limits.scale]} (99th percentile)"
    if not resolved:
        words = (
            f"the footage does not change that way {where[limits.scale]}: {size} is within the meter's error"
        )
    return Observed(
        value=per_unit * top.p99,
        low=per_unit * top.low,
        high=per_unit * top.high,
        n=top.n,
        vote=FOR if resolved else AGAINST,
        words=words,
        quantity=top.quantity,
        of_parts=of_parts,
        axes=axes,
        error=per_unit * top.needed / limits.resolved,
    )


@dataclass(frozen=True)
class _Quantity:
    """n measured pairs, their pooled 99th percentile, that of the quietest and the liveliest clip, the size that
    the meter needs to tell a change from its own error, and the share of pairs that exceed their own."""

    quantity: str
    n: int = 0
    p99: float = NAN
    low: float = NAN
    high: float = NAN
    needed: float = NAN
    resolved: float = NAN


def _one_quantity(rows: pd.DataFrame, quantity: str, limits: Thresholds) -> _Quantity:
    n = round(float(rows["measured"].sum()))
    if not n:
        return _Quantity(quantity)
    needed = RESOLUTION[quantity]
    error = rows["error"].dropna() if "error" in rows else pd.Series(dtype=float)
    if len(error):
        needed = limits.resolved * float(error.median())
    pooled = pooled_p99(rows[["p50", "p95", "p99"]].to_numpy(float), rows["measured"].to_numpy(float))
    resolved = NAN
    if "resolved" in rows and rows["resolved"].notna().any():
        known = rows[rows["resolved"].notna()]
        resolved = float(np.average(known["resolved"], weights=known["measured"]))
    return _Quantity(
        quantity, n, pooled, float(rows["p99"].min()), float(rows["p99"].max()), needed, resolved
    )


def pooled_p99(percentiles: np.ndarray, counts: np.ndarray) -> float:
    """The 99th percentile of the pairs of all clips together, from percentiles of each.

    percentiles (C, 3) p50, p95, p99 of each clip · counts (C,) its pairs. Each clip's distribution is taken as
    straight between 0, its percentiles, and its p99 as its largest. With one clip it is that clip's p99.
    """
    knots = np.maximum.accumulate(np.column_stack([np.zeros(len(counts)), percentiles]), axis=1)
    weights = counts / counts.sum()
    low, high = 0.0, float(knots[:, -1].max())
    for _ in range(60):
        middle = (low + high) / 2
        shares = [_share_below(middle, row) for row in knots]
        if float(weights @ shares) < 0.99:
            low = middle
        else:
            high = middle
    return high


def _share_below(value: float, knots: np.ndarray) -> float:
    """Share of a clip's pairs whose change is at most ``value``."""
    if value >= knots[-1]:
        return 1.0
    shares = (0.0, 0.5, 0.95, 0.99)
    place = int(np.searchsorted(knots, value, side="right"))  # knots[place - 1] <= value < knots[place]
    width = knots[place] - knots[place - 1]
    return float(shares[place - 1] + (shares[place] - shares[place - 1]) * (value - knots[place - 1]) / width)


def sensitivity_at(
    sensitivity: pd.DataFrame, strength: float, floor: float, limits: Thresholds
) -> tuple[Finding, Interval]:
    """What the model does at a strength: mean total variation, and the rate of label flips.

    sensitivity  rows of one model and one perturbation · floor  total variation of the very same frame again
    Between the strengths measured the curve of each frame is straight, from 0 at strength 0; beyond the largest
    the value there is taken, as "at least".
    """
    nothing = Interval(NAN, NAN, NAN, 0, 0)
    moved, clusters, beyond = _at(sensitivity, "total_variation", strength, limits)
    if not len(moved):
        why = "no size to look at" if math.isnan(strength) else "it was not measured"
        return Finding(words=f"the model's sensitivity is not known: {why}"), nothing
    mean = clustered_mean(moved, clusters, bounds=(0.0, 1.0))
    flips, flip_clusters, _ = _at(sensitivity, "label_flip", strength, limits)
    flipped = clustered_mean(flips, flip_clusters, bounds=(0.0, 1.0)) if len(flips) else nothing
    needed = max(limits.smallest_effect, floor if math.isfinite(floor) else 0.0)
    vote = FOR if mean.low > needed else AGAINST if mean.high <= needed else CANNOT_TELL
    least = "at least " if beyond else ""
    words = f"at that size it moves the model's output by {least}{_figure(mean)}"
    words += {
        FOR: "",
        AGAINST: f", no more than the {needed:.3g} that matters",
        CANNOT_TELL: f", which may be less than the {needed:.3g} that matters",
    }[vote]
    return Finding(value=mean.value, low=mean.low, high=mean.high, n=mean.n, vote=vote, words=words), flipped


def _at(
    sensitivity: pd.DataFrame, metric: str, strength: float, limits: Thresholds
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Values of one metric at a strength, one per frame and draw, their clusters, and whether it lies beyond."""
    rows = sensitivity[(sensitivity["metric"] == metric) & (sensitivity["strength"] > 0)]
    if rows.empty or not math.isfinite(strength):
        return np.empty(0), np.empty(0), False
    curves = rows.pivot_table(index=["item", "frame", "draw"], columns="strength", values="value").dropna()
    strengths = np.concatenate([[0.0], curves.columns.to_numpy(float)])
    values = np.column_stack([np.zeros(len(curves)), curves.to_numpy(float)])
    beyond = strength > strengths[-1]
    at = min(strength, strengths[-1])
    right = max(1, int(np.searchsorted(strengths, at)))
    share = (at - strengths[right - 1]) / (strengths[right] - strengths[right - 1])
    found = values[:, right - 1] * (1 - share) + values[:, right] * share
    items = curves.index.get_level_values("item")
    clusters = items.astype(str)
    if items.nunique() < limits.min_clusters:
        clusters = clusters + "\x1f" + curves.index.get_level_values("frame").astype(str)
    return found, clusters.to_numpy(), beyond


def explained(
    causes: pd.DataFrame, asked: Pairing, seen: Observed, limits: Thresholds
) -> tuple[Finding, str]:
    """What the replay says, from the summary of the causes of one model; and the cause that speaks.

    A cause speaks for several perturbations: for one that the footage does not show it cannot speak. ``affine``
    holds the shift as well, so it speaks for a rotation or a zoom only as far as it explains surely more.
    """
    of_parts = seen.of_parts
    if not asked.causes:
        return Finding(words="no replay can test it"), ""
    names = asked.causes[1:] if of_parts and len(asked.causes) > 1 else asked.causes[:1]
    rows = causes[causes["cause"].isin(names)] if len(causes) else causes
    if not len(rows) or rows.iloc[0]["n"] == 0 or math.isnan(rows.iloc[0]["value"]):
        return Finding(words="no pair was replayed"), names[0]
    row = rows.iloc[0]
    value, low, high, cause = float(row["value"]), float(row["low"]), float(row["high"]), str(row["cause"])
    vote = FOR if low > 0 else AGAINST if high < limits.small_share else CANNOT_TELL
    words = f"{cause} replayed alone explains {_numbers(value, low, high)} of the change beyond its placebo"
    if row["flips"]:
        words += f" and reproduces {int(row['reproduced'])} of {int(row['flips'])} flips"
        placebo = row.get("placebo_flips", NAN)
        words += f" (a placebo {placebo:.3g})" if math.isfinite(placebo) else ""
    if vote == FOR and seen.vote == AGAINST:
        vote = CANNOT_TELL
        words += ", by other changes than this one"
    shift = causes[causes["cause"] == "shift"]
    if vote == FOR and cause == "affine" and len(shift) and float(shift.iloc[0]["value"]) >= low:
        vote = CANNOT_TELL
        words += f", but the shift alone explains {float(shift.iloc[0]['value']):.2f}"
    if vote == FOR and of_parts and "affine" in asked.causes:
        vote = CANNOT_TELL
        words += ", but the motion of the parts is not told apart into shift, turn and size"
    return Finding(value=value, low=low, high=high, n=int(row["n"]), vote=vote, words=words), cause


def points(directions: pd.DataFrame, limits: Thresholds) -> tuple[Finding, float]:
    """What the direction says, from the summary rows of one model and one perturbation; and the mean cosine.

    The figure is the cosine beyond that of other causes; of several rows (signs) the best counts. A cosine that is
    small in itself does not speak for it, however far above the others it stands.
    """
    rows = directions.dropna(subset=["value"]) if len(directions) else directions
    if not len(rows):
        spread = directions["spread"].dropna() if "spread" in directions else pd.Series(dtype=float)
        if len(spread):
            words = f"it has no direction; the changes it causes are {spread.iloc[0]:.2g} of the real ones"
            return Finding(words=words), NAN
        return Finding(words="no direction was measured"), NAN
    row = rows.loc[rows["low"].fillna(-2.0).idxmax()]
    value, low, high = float(row["value"]), float(row["low"]), float(row["high"])
    itself = float(row.get("cosine", NAN))
    vote = FOR if low > 0 else AGAINST if high < limits.small_share else CANNOT_TELL
    words = f"the output moves as under it with cosine {_numbers(value, low, high)}"
    if math.isfinite(itself):
        beyond = _numbers(value, low, high)
        words = f"the output moves as under it with cosine {itself:.2g}, {beyond} beyond other causes"
        if vote == FOR and itself < limits.least_cosine:
            vote = CANNOT_TELL
            words += ", which is little"
    return Finding(value=value, low=low, high=high, n=int(row["n"]), vote=vote, words=words), itself


def correlated(correlation: pd.DataFrame, contaminated: bool) -> tuple[Finding, str, str]:
    """What the correlation says, from the rows of one perturbation; also across what, and the verdict."""
    rows = _primary(correlation)
    if not len(rows):
        return Finding(words="no correlation was computed"), "", ""
    proxies, denials = rows[rows["verdict"] == "proxy"], rows[rows["verdict"] == "no evidence"]
    row = (proxies if len(proxies) else denials if len(denials) else rows).iloc[0]
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if len(proxies) and not len(denials):
        vote = FOR
    elif len(denials) and not len(proxies):
        vote = AGAINST
    else:
        vote = CANNOT_TELL
    verdict, across = str(row["verdict"]), str(row["across"])
    words = f"across {int(row['n'])} {across} the verdict is {verdict}"
    if math.isfinite(value):
        words += f" ({_numbers(value, low, high)} given {row['given'] or 'nothing'})"
    if len(proxies) and len(denials):
        words += f", but across {denials.iloc[0]['across']} it is no evidence"
    if contaminated:
        vote = CANNOT_TELL
        words += ", which does not count since a model was trained with this family"
    return Finding(value=value, low=low, high=high, n=int(row["n"]), vote=vote, words=words), across, verdict


def _primary(correlation: pd.DataFrame) -> pd.DataFrame:
    """One row per study: the partial Spearman that its verdict rests on; clips before models before frames."""
    rows = correlation[correlation["method"] == "partial_spearman"]
    if not len(rows):
        rows = correlation[correlation["method"] == "spearman"]
    if "primary" in rows:
        rows = rows[rows["primary"].astype(bool)]
    rows = rows.assign(
        overall=rows["strength"].isna(), order=rows["across"].map({"clips": 0, "models": 1}).fillna(2)
    )
    rows = rows.sort_values(["order", "overall"], ascending=[True, False], kind="stable")
    return rows.drop_duplicates("across")


def _figure(found: Interval) -> str:
    return _numbers(found.value, found.low, found.high)


def _numbers(value: float, low: float, high: float) -> str:
    if math.isnan(low) or math.isnan(high):
        return f"{value:.2g}"
    return f"{value:.2g} [{low:.2g}, {high:.2g}]"
