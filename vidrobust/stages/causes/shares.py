"""The account of causes: what share of the model's change each cause holds, with its interval.

::

    share(cause)      = sum w projection / sum w change  over the pairs that lie across no keyframe
    specific(cause)   = share less the same of the placebos, where that is above 0
    share(keyframes)  = excess of the pairs across keyframes over the pairs beside them / change of all pairs
    unexplained       = 1 - all the others
    low, high         = interval over pairs and error of the measurement

w is the inverse of the probability with which the pair was drawn. Other shares are of what the keyframes leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.causes.catalogue import (
    ACCOUNT_CAUSES,
    CATALOGUE,
    KEYFRAMES,
    NOISE,
    REPLAYED,
    UNEXPLAINED,
    together_with,
)
from vidrobust.stages.causes.margins import SURE, Margins, at_most
from vidrobust.stages.causes.outcomes import LEFT_OUT, PAIR, excluded_pairs
from vidrobust.statistics.clusters import SHORTEST_SAMPLED, independent_clusters
from vidrobust.statistics.intervals import TestedInterval
from vidrobust.statistics.levels import FEWEST_CLUSTERS
from vidrobust.statistics.significance import sign_flip_p
from vidrobust.statistics.standard_errors import (
    effective_freedom,
    influence,
    jackknife_error,
    t_half_width,
    t_upper_tail,
)

# The two distances in time: neighbours, and pairs about a second apart.
ADJACENT, SECOND = "adjacent", "second"
SMALLEST_SHARE = 0.05  # a cause is named only where its share is surely above this
# Noise and coding that surely hold more than this share of the change do not fit: something else differs.
MISFIT = 1.15
MISFIT_ALPHA = 0.025
# What a pair that was not drawn may hold, as a share of its change: how one more such pair moves each end.
UNSEEN = (-0.1, 0.25)
# How far below and above a share the true one may lie however many pairs there are, as parts of the share, and
# how far at least: 95 of 100 planted worlds (docs/truth.md#intervals-of-shares). Of thin objects that move half is
# taken for noise, and of noise under a change of focus a third for the focus.
ERRORS: Mapping[str, tuple[float, float]] = {
    "light": (0.12, 0.12),
    "local_light": (0.05, 0.3),
    "colour": (0.05, 0.2),
    "camera": (0.05, 0.2),
    "objects": (0.2, 1.0),
    "came_into_view": (0.2, 1.0),
    "sharpness": (0.35, 0.35),
    NOISE: (0.2, 0.2),
}
LEAST_ERROR = 0.02
ERROR_OF_OTHERS = (0.35, 0.35)  # causes that were added and not measured in planted worlds
# The same below for motion in footage whose codec predicts: it carries its errors along, and they are replayed.
CODED_MOTION = 0.7
# Unexplained from which on causes do not fit: 21 of 21 such worlds have a share off by .1, 23 of 103 others.
MISSED = 0.1
Ends = tuple[float, float]
MEASURED = (
    *REPLAYED,
    NOISE,
)  # causes of a pair across no keyframe, in the columns of ``PairTable``
COLUMNS = (
    *("cause", "share", "low", "high", "pairs_low", "pairs_high", "n"),
    *("specific", "specific_low", "specific_high", "p", "p_clips", "misfit", "clusters", "occurs"),
    *("flips", "flips_mostly"),
    *("flips_due", "flips_due_low", "flips_due_high", "flips_at_most", "flips_all"),
    "excluded",
)

RatioOfTotals = Callable[[np.ndarray], np.ndarray]  # totals (..., columns) -> value (...)


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """Rows of the table ``causes`` of one model as arrays: n pairs and C causes, those of ``MEASURED``."""

    # projection, placebo: (n, C) float64; Weighted; 0 if the pair could not be replayed
    projection: np.ndarray
    placebo: np.ndarray
    measured: np.ndarray  # (n, C) bool: Such a change was measured
    # margin_step, margin_undone: (n, C) float64; How far this cause moves the margin towards the flip, and
    # the lead of the label of t in t+1 with this cause undone; NaN where not known
    margin_step: np.ndarray
    margin_undone: np.ndarray
    # margin_before, margin_past: (n,) float64; Margin of the label of t over that of t+1, at t; how far t+1
    # lies beyond the border between the two; NaN where not known
    margin_before: np.ndarray
    margin_past: np.ndarray
    weight: np.ndarray  # (n,) float64: How many pairs each stands for
    # change, excess, at_keyframe: (n,) float64; Weighted <d, d> of pairs across no keyframe, excess of pairs
    # across a keyframe over the pairs beside them, and <d, d> of those; else 0
    change: np.ndarray
    excess: np.ndarray
    at_keyframe: np.ndarray
    flip: np.ndarray  # (n,) bool
    # item, frame: (n,) int64; Code of the item, and first frame
    item: np.ndarray
    frame: np.ndarray
    part: np.ndarray  # (n,) str: The part that was shown; empty where unknown

    @cached_property
    def cluster(self) -> np.ndarray:
        """(n,) int code of the independent unit of each pair (``statistics/clusters.py``)."""
        found = independent_clusters(
            self.item, self.frame, part=self.part, shortest=SHORTEST_SAMPLED
        )
        return found.label

    @cached_property
    def footage(self) -> np.ndarray:
        """The part that a pair shows, or its clip where no part is known, (n,) int."""
        names = np.where(self.part == "", [f"clip {code}" for code in self.item], self.part)
        return np.asarray(np.unique(names.astype(str), return_inverse=True)[1])

    @cached_property
    def misfit(self) -> bool:
        """Whether so much is unexplained that the causes do not fit."""
        return bool(estimate(self, self.part_of(UNEXPLAINED)).value >= MISSED)

    def take(self, chosen: np.ndarray) -> PairTable:
        return PairTable(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})

    @classmethod
    def of(cls, rows: pd.DataFrame) -> PairTable:
        kept = rows[~rows["excluded"].isin(LEFT_OUT)]
        pairs = kept.drop_duplicates(PAIR).reset_index(drop=True)
        place = pd.MultiIndex.from_frame(pairs[PAIR]).get_indexer(
            pd.MultiIndex.from_frame(kept[PAIR])
        )
        names = (*MEASURED, KEYFRAMES)
        column = kept["cause"].map({name: k for k, name in enumerate(names)}).to_numpy(np.int64)

        def wide(name: str, missing: float = 0.0) -> np.ndarray:
            table = np.full((len(pairs), len(names)), missing)
            table[place, column] = np.nan_to_num(kept[name].to_numpy(np.float64), nan=missing)
            return table

        weight = pairs["weight"].to_numpy(np.float64)
        change = weight * pairs["squared_change"].to_numpy(np.float64)
        keyframe = (pairs["cause"] == KEYFRAMES).to_numpy(bool)
        projection = weight[:, None] * wide("projection")
        return cls(
            projection=projection[:, :-1],
            placebo=weight[:, None] * wide("placebo")[:, :-1],
            measured=wide("size")[:, :-1] != 0,
            margin_step=wide("margin_step", np.nan)[:, :-1],
            margin_undone=wide("margin_undone", np.nan)[:, :-1],
            margin_before=pairs["margin_before"].to_numpy(np.float64),
            margin_past=pairs["margin_past"].to_numpy(np.float64),
            weight=weight,
            change=np.where(keyframe, 0.0, change),
            excess=projection[:, -1],
            at_keyframe=np.where(keyframe, change, 0.0),
            flip=pairs["flip"].to_numpy(bool),
            item=pd.factorize(pairs["item"])[0],
            frame=pairs["frame_a"].to_numpy(np.int64),
            part=(pairs["part"] if "part" in pairs else pd.Series("", pairs.index)).to_numpy(
                object
            ),
        )

    def occurs(self, cause: str) -> np.ndarray:
        """Return (n,) bool: such a change was measured in this pair."""
        if cause == KEYFRAMES:
            return self.at_keyframe > 0
        return self.measured[:, MEASURED.index(cause)] if cause in MEASURED else self.change > 0

    def part_of(self, cause: str) -> np.ndarray:
        """Return (n,) the weighted part of each pair's change that is this cause."""
        if cause == KEYFRAMES:
            return self.excess
        if cause == UNEXPLAINED:
            return np.asarray(self.change - self.projection.sum(axis=1))
        return np.asarray(self.projection[:, MEASURED.index(cause)])

    def beyond(self, cause: str, floor: float = SMALLEST_SHARE) -> np.ndarray:
        """Return what each pair has of a cause beyond ``floor`` of all change and beyond the placebos, (n,)."""
        # Placebos are pooled: one pair's alone are as uncertain as what they are compared with. What all pairs
        # are to exceed is laid on those in which such a change was measured.
        column = MEASURED.index(cause)
        least = max(floor * float(self.change.sum()), float(self.placebo[:, column].sum()))
        projection = self.projection[:, column]
        acting = np.where(self.measured[:, column] | (projection != 0), self.change, 0.0)
        if not acting.sum() > 0:
            return np.zeros(len(projection))
        return np.asarray(projection - least * acting / acting.sum())


def summarise(
    causes: pd.DataFrame,
    *,
    per_item: bool = True,
    keyframes: Mapping[str, float] | None = None,
    flips: Mapping[tuple[str, str], int] | None = None,
    coded: bool = False,
) -> pd.DataFrame:
    """Make the table ``account`` of neighbours: one row a model, item ("" = all) and cause.

    ``keyframes``: p-values by model; ``flips`` by (model, item), by default as many as the sample stands for;
    ``coded``: by a codec that predicts from frame to frame.
    """
    rows: list[dict[str, Any]] = []
    for model, of_model in causes[causes["scale"] == ADJACENT].groupby("model", sort=False):
        whole = [
            ("", of_model),
            *((str(i), g) for i, g in of_model.groupby("item", sort=False) if per_item),
        ]
        for item, own in whole:
            known = None if flips is None else flips.get((str(model), item), 0)
            rows += account_rows({"model": str(model), "item": item}, own, known, coded=coded)
            row = rows[-len(ACCOUNT_CAUSES) + ACCOUNT_CAUSES.index(KEYFRAMES)]
            if not item and keyframes and str(model) in keyframes:
                row["p"] = keyframes[str(model)]
    return pd.DataFrame(rows, columns=["model", "item", *COLUMNS])


def summarise_by(causes: pd.DataFrame, *, coded: bool = False) -> pd.DataFrame:
    """Make the table ``account_by``: as ``account``, by "scale" (a second apart or not) or "class" (at t)."""
    rows: list[dict[str, Any]] = []
    neighbours = causes[causes["scale"] == ADJACENT]
    for by, column, table in (("scale", "scale", causes), ("class", "class_a", neighbours)):
        for (model, value), group in table.groupby(["model", column], sort=False):
            ids = {"by": by, "value": str(value), "model": str(model), "item": ""}
            rows += account_rows(ids, group, coded=coded)
    return pd.DataFrame(rows, columns=["by", "value", "model", "item", *COLUMNS])


def over_a_second(by: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``account_by`` that are of pairs a second apart, over all items."""
    return by[(by["by"] == "scale") & (by["value"] == SECOND)]


def account_rows(
    ids: Mapping[str, str], rows: pd.DataFrame, flips: int | None = None, *, coded: bool = False
) -> list[dict[str, Any]]:
    """Return the rows of one model and one cut of its pairs; ``flips`` of all the footage, if known."""
    pairs = PairTable.of(rows)
    known = round(pairs.weight[pairs.flip].sum()) if flips is None else flips
    shared: dict[str, Any] = {
        "n": len(pairs.change),
        "flips": int(pairs.flip.sum()),
        "flips_all": max(int(pairs.flip.sum()), known),
        "excluded": int(excluded_pairs(rows).sum()),
    }
    rows = [
        {**ids, **shared, **account_of(pairs, cause, shared["flips_all"])}
        for cause in ACCOUNT_CAUSES
    ]
    shares = {
        row["cause"]: row["share"] for row in rows if row["cause"] in MEASURED and row["occurs"]
    }
    errors = measurement_errors(shares, coded=coded)
    for row in rows:
        error = errors.get(row["cause"], (0.0, 0.0))
        over = (row["share"], (row["pairs_low"], row["pairs_high"]), error)
        row["low"], row["high"] = with_error(*over)
        if row["cause"] in MEASURED:
            row["low"], row["high"] = with_the_rest(pairs, (row["cause"],), *over, coded=coded)
    return rows


def with_the_rest(
    pairs: PairTable,
    causes: Sequence[str],
    share: float,
    over_pairs: Ends,
    error: Ends,
    *,
    coded: bool,
) -> Ends:
    """Return the ends of the share of causes; of a misfit the upper one holds the rest where they act."""
    low, high = with_error(share, over_pairs, error)
    if not pairs.misfit:
        return low, high
    # a codec may hide a change of detail in any pair
    there = np.any(
        [pairs.occurs(cause) | (coded and cause == "sharpness") for cause in causes], axis=0
    )
    rest = np.where(there, pairs.part_of(UNEXPLAINED), 0.0)
    both = estimate(pairs, np.sum([pairs.part_of(cause) for cause in causes], axis=0) + rest)
    return low, float(
        np.fmax(high, with_error(both.value, (both.low, both.high), (0.0, error[1]))[1])
    )


def measurement_errors(
    shares: Mapping[str, float], *, coded: bool = False
) -> dict[str, tuple[float, float]]:
    """Return how far below and above each share the true one may lie, however many pairs there are."""
    # what replayed causes have too little of, noise or the unexplained part has too much of
    left = 1 - sum(share for cause, share in shares.items() if cause != NOISE)
    found = {
        cause: measurement_error(cause, share, left, coded=coded) for cause, share in shares.items()
    }
    others = [error[::-1] for cause, error in found.items() if cause != NOISE]
    total = np.sqrt(np.square([found.get(NOISE, (0.0, 0.0)), *others]).sum(axis=0))
    return found | dict.fromkeys((NOISE, UNEXPLAINED), (float(total[0]), float(total[1])))


def measurement_error(
    cause: str, share: float, left: float, *, coded: bool = False
) -> tuple[float, float]:
    """Return the same of one share, which lacks no more than replayed causes have ``left``."""
    below, above = (part * abs(share) for part in ERRORS.get(cause, ERROR_OF_OTHERS))
    below = CODED_MOTION * abs(share) if coded and CATALOGUE[cause].moves else below
    above = above if cause == NOISE else min(above, max(left, 0.0))
    return max(LEAST_ERROR, below), max(LEAST_ERROR, above)


def with_error(share: float, over_pairs: Ends, error: Ends) -> Ends:
    """Return the ends of an interval over pairs, widened in quadrature."""
    (low, high), (below, above) = over_pairs, error
    return share - float(np.hypot(share - low, below)), share + float(np.hypot(high - share, above))


def account_of(pairs: PairTable, cause: str, flips: int = 0) -> dict[str, Any]:
    """Return what is reported of one cause: columns of ``account``."""
    part = pairs.part_of(cause)
    share = estimate(pairs, part, floor=SMALLEST_SHARE, keyframes=cause == KEYFRAMES)
    p = share.p
    if cause == KEYFRAMES and not pairs.at_keyframe.any():
        # every keyframe is known, so that none is surely none
        share, p = TestedInterval(0.0, 0.0, 0.0, share.n, share.clusters, p=1.0), 1.0
    specific, p_clips = TestedInterval.unknown(), float("nan")
    if cause in MEASURED:
        p, p_clips = p_value_of(pairs, cause), p_value_of(pairs, cause, clips=True)
    if cause == NOISE:
        # it is never below zero in a pair, so that signs alone would be too sure of a small share
        p = float(np.maximum(p, share.p))
    if cause in REPLAYED:
        specific = estimate(pairs, part, placebo=pairs.placebo[:, REPLAYED.index(cause)])
    mostly = pairs.flip & (part > 0.5 * (pairs.change + pairs.at_keyframe))
    return {
        "cause": cause,
        "share": share.value,
        "pairs_low": share.low,
        "pairs_high": share.high,
        "specific": specific.value,
        "specific_low": specific.low,
        "specific_high": specific.high,
        "p": p,
        "p_clips": p_clips,
        "misfit": (cause == NOISE and p_value_of(pairs, NOISE, floor=MISFIT) <= MISFIT_ALPHA)
        or (cause == UNEXPLAINED and pairs.misfit),
        "clusters": share.clusters,
        "occurs": int(pairs.occurs(cause).sum()),
        "flips_mostly": int(mostly.sum()),
        **_flips(pairs, cause, flips),
    }


def _flips(pairs: PairTable, cause: str, total: int) -> dict[str, float]:
    flips = pairs.take(pairs.flip)
    if cause not in MEASURED or not (flips.margin_past >= 0).any():
        return dict.fromkeys(
            ("flips_due", "flips_due_low", "flips_due_high", "flips_at_most"), float("nan")
        )
    margins = Margins(
        before=flips.margin_before,
        past=flips.margin_past,
        step=flips.margin_step[:, :-1],
        undone=flips.margin_undone[:, :-1],
        noise=flips.margin_step[:, -1],
        noise_undone=flips.margin_undone[:, -1],
    )
    if cause == NOISE:
        margin, error = margins.without_noise()
    else:
        own, *others = (REPLAYED.index(each) for each in together_with(cause))
        there = flips.measured[:, own]
        margin, error = margins.without(own, there, others)
        margin = np.where(
            there | np.isnan(margin), margin, -np.inf
        )  # no flip is due to what is not there
    unknown = np.isnan(margin)
    possible = unknown | (margin > -SURE * error)
    return {
        "flips_due": float((margin > 0).sum()),
        "flips_due_low": float((margin > SURE * error).sum()),
        "flips_due_high": float(possible.sum()),
        "flips_at_most": at_most(possible, unknown, flips.weight, total),
    }


def p_value_of(
    pairs: PairTable, cause: str, *, clips: bool = False, floor: float = SMALLEST_SHARE
) -> float:
    """Return the one-sided p that a cause's share is not above ``floor``, nor above its placebos'.

    The signs of what each pair, or whole clip, adds beyond that are flipped at random.
    """
    if not pairs.change.sum() > 0:
        return float("nan")
    beyond = pairs.beyond(cause, floor)
    if not clips:
        return sign_flip_p(beyond)
    sums = np.bincount(pairs.footage, weights=beyond)
    return sign_flip_p(sums) if len(sums) >= FEWEST_CLUSTERS else float("nan")


def too_few(pairs: PairTable, cause: str, level: float) -> bool:
    """Say whether pairs speak for a cause, but too few weigh in to reach ``level`` with all signs alike.

    They count as (sum of |x|)^2 / sum of x^2 equal ones (Kish 1965).
    """
    beyond = pairs.beyond(cause) if pairs.change.sum() > 0 else np.zeros(0)
    if not beyond.sum() > 0:
        return False
    return 2.0 ** -(float(np.abs(beyond).sum()) ** 2 / float(np.square(beyond).sum())) > level


def estimate(
    pairs: PairTable,
    part: np.ndarray,
    *,
    placebo: np.ndarray | None = None,
    floor: float = 0.0,
    keyframes: bool = False,
) -> TestedInterval:
    """Return the share of a part (n,) of the change, less that of placebos, with its interval."""
    less = np.zeros(len(part)) if placebo is None else placebo
    columns = np.column_stack([part, less, pairs.change, pairs.excess, pairs.at_keyframe])
    cluster = pairs.cluster
    totals = np.zeros((int(cluster.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(totals, cluster, columns)
    return share_of_totals(
        totals, _of_keyframes if keyframes else _of_the_rest, draws=len(part), floor=floor
    )


def _of_keyframes(totals: np.ndarray) -> np.ndarray:
    change, excess, at_keyframe = (totals[..., k] for k in (2, 3, 4))
    return _ratio(excess, change + at_keyframe)


def _of_the_rest(totals: np.ndarray) -> np.ndarray:
    # a placebo that does the opposite is no reason to add to the right one
    part = totals[..., 0] - np.maximum(totals[..., 1], 0)
    return np.asarray(_ratio(part, totals[..., 2]) * (1 - _of_keyframes(totals)))


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    unknown = np.full(np.shape(under), np.nan)
    return np.asarray(np.divide(over, under, out=unknown, where=np.asarray(under) > 0))


def share_of_totals(
    totals: np.ndarray, statistic: RatioOfTotals, *, draws: int, floor: float = 0.0
) -> TestedInterval:
    """Return the ratio ``statistic`` of totals (G, columns), with an interval that trusts no normal.

    Degrees of freedom are as many as clusters carry the spread. Each end is moved as if one more of the
    ``draws`` pairs had been drawn (UNSEEN): else a share near zero would be called surely zero. p asks about
    ``floor``.
    """
    count = len(totals)
    if not count:
        return TestedInterval.unknown()
    value = float(statistic(totals.sum(axis=0)))
    if count < 2 or not np.isfinite(value):
        return TestedInterval(value, np.nan, np.nan, draws, count)
    without = statistic(totals.sum(axis=0)[None] - totals)
    error = float(jackknife_error(without))
    freedom = effective_freedom(influence(without))
    down, up = ((bound - value) / (draws + 1) for bound in UNSEEN)
    down, up = min(down, 0.0), max(up, 0.0)
    # the clusters' own spread and that of one more pair, which is one draw like any other
    own = t_half_width(error, freedom)
    low, high = (float(np.hypot(own, t_half_width(step, count - 1))) for step in (down, up))
    below = float(np.hypot(error, down))
    p = (
        float(t_upper_tail((value + down - floor) / below, freedom))
        if below > 0
        else float(value <= floor)
    )
    return TestedInterval(value, value + down - low, value + up + high, draws, count, p=p)
