"""The account of causes: what share of the model's change each cause holds, with its interval.

    share(cause)      = sum w projection / sum w change  over the pairs that lie across no keyframe
    specific(cause)   = share less the same of the placebos, where that is above 0
    share(keyframes)  = excess of the pairs across keyframes over the pairs beside them / change of all pairs
    unexplained       = 1 - all the others

w is the inverse of the probability with which the pair was drawn. The other causes' shares are taken of what the
keyframes leave, so that all of them add up to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.causes.catalogue import (
    ACCOUNT_CAUSES,
    KEYFRAMES,
    NOISE,
    REPLAYED,
    UNEXPLAINED,
    together_with,
)
from vidrobust.stages.causes.excluded import excluded_pairs
from vidrobust.stages.causes.margins import SURE, Margins, at_most
from vidrobust.stages.causes.pair_table import PairTable
from vidrobust.stages.causes.ratio import share_of_totals
from vidrobust.statistics.intervals import TestedInterval
from vidrobust.statistics.levels import FEWEST_CLUSTERS
from vidrobust.statistics.significance import sign_flip_p

ADJACENT, SECOND = "adjacent", "second"
"""The two distances in time: neighbours, and pairs about a second apart."""
SMALLEST_SHARE = 0.05
"""A cause is named only where its share is surely above this."""
MISFIT = 1.15
"""Noise and coding that are surely more than this share of the change do not fit: what differs is something
else."""

COLUMNS = (
    *("cause", "share", "low", "high", "n", "specific", "specific_low", "specific_high"),
    *("p", "p_clips", "misfit", "clusters", "occurs"),
    *("flips", "flips_mostly"),
    *("flips_due", "flips_due_low", "flips_due_high", "flips_at_most", "flips_all"),
    "excluded",
)


def summarise(
    causes: pd.DataFrame,
    *,
    per_item: bool = True,
    keyframes: Mapping[str, float] | None = None,
    flips: Mapping[tuple[str, str], int] | None = None,
) -> pd.DataFrame:
    """The table ``account``, of neighbours: per model, over all items (item "") and per item, one row a cause.

    causes  the table ``causes``, any number of items and models
    per_item  whether the rows of single items are wanted as well
    keyframes  per model the p-value of ``keyframe_tests``, which knows all pairs and not only the replayed ones
    flips      per model and item ("" = all) how often the label flips between neighbours, of ``flip_counts``;
               None: as many as the sample stands for

    share, low, high                       with a 95 % interval over independent clusters of pairs
    n                                      pairs that count
    specific, specific_low, specific_high  what no placebo does; NaN where there is none to play
    p                                      one-sided, of this footage: that the share is not above 5 %, nor
                                           above what the placebos do; signs of the pairs are flipped
    p_clips                                the same of footage like this: signs of whole clips are flipped; NaN
                                           with fewer than five
    misfit                                 noise and coding are surely above 1.15 times the change: something else
                                           differs between the frames, and nothing follows from this row
    clusters                               independent clusters
    occurs                                 pairs in which such a change was measured at all
    flips                                  flips among them
    flips_mostly                           those of whose change more than half is this cause
    flips_due, _low, _high                 those that would not have happened without this cause: its margin
                                           without it is above 0 (``margins.py``); surely so, and possibly so. A
                                           motion counts with what it brought into view
    flips_at_most                          upper limit (95 %, one-sided) of these among all flips of the footage
    flips_all                              all flips between neighbours of the footage
    excluded                               pairs that could not be replayed
    """
    rows: list[dict[str, Any]] = []
    for model, of_model in causes[causes["scale"] == ADJACENT].groupby("model", sort=False):
        whole = [("", of_model), *((str(i), g) for i, g in of_model.groupby("item", sort=False) if per_item)]
        for item, own in whole:
            known = None if flips is None else flips.get((str(model), item), 0)
            rows += account_rows({"model": str(model), "item": item}, own, known)
            row = rows[-len(ACCOUNT_CAUSES) + ACCOUNT_CAUSES.index(KEYFRAMES)]
            if not item and keyframes and str(model) in keyframes:
                row["p"] = keyframes[str(model)]
    return pd.DataFrame(rows, columns=["model", "item", *COLUMNS])


def summarise_by(causes: pd.DataFrame) -> pd.DataFrame:
    """The table ``account_by``: columns by, value, model, item ("" = all) and those of ``account``.

    by  "scale" (neighbours against pairs about a second apart), "class" (the model's class at t, of neighbours)
    """
    rows: list[dict[str, Any]] = []
    neighbours = causes[causes["scale"] == ADJACENT]
    for by, column, table in (("scale", "scale", causes), ("class", "class_a", neighbours)):
        for (model, value), group in table.groupby(["model", column], sort=False):
            ids = {"by": by, "value": str(value), "model": str(model), "item": ""}
            rows += account_rows(ids, group)
    return pd.DataFrame(rows, columns=["by", "value", "model", "item", *COLUMNS])


def over_a_second(by: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table ``account_by`` that are of pairs a second apart, over all items."""
    return by[(by["by"] == "scale") & (by["value"] == SECOND)]


def account_rows(
    ids: Mapping[str, str], rows: pd.DataFrame, flips: int | None = None
) -> list[dict[str, Any]]:
    """The rows of one model and one cut of its pairs; ``flips`` in all the footage, where they are known."""
    pairs = PairTable.of(rows)
    shared: dict[str, Any] = {
        "n": len(pairs.change),
        "flips": int(pairs.flip.sum()),
        "flips_all": max(
            int(pairs.flip.sum()), round(pairs.weight[pairs.flip].sum()) if flips is None else flips
        ),
        "excluded": int(excluded_pairs(rows).sum()),
    }
    return [{**ids, **shared, **account_of(pairs, cause, shared["flips_all"])} for cause in ACCOUNT_CAUSES]


def account_of(pairs: PairTable, cause: str, flips: int = 0) -> dict[str, Any]:
    """What is reported of one cause: columns of ``account``."""
    part = part_of(pairs, cause)
    share = estimate(pairs, part, floor=SMALLEST_SHARE, keyframes=cause == KEYFRAMES)
    p = share.p
    if cause == KEYFRAMES and not pairs.at_keyframe.any():
        # every keyframe is known, so that none is surely none
        share, p = TestedInterval(0.0, 0.0, 0.0, share.n, share.clusters, p=1.0), 1.0
    specific, p_clips = TestedInterval.unknown(), float("nan")
    if cause in (*REPLAYED, NOISE):
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
        "low": share.low,
        "high": share.high,
        "specific": specific.value,
        "specific_low": specific.low,
        "specific_high": specific.high,
        "p": p,
        "p_clips": p_clips,
        "misfit": cause == NOISE and p_value_of(pairs, NOISE, floor=MISFIT) <= 0.025,
        "clusters": share.clusters,
        "occurs": int((pairs.occurs(cause)).sum()),
        "flips_mostly": int(mostly.sum()),
        **_flips(pairs, cause, flips),
    }


def _flips(pairs: PairTable, cause: str, total: int) -> dict[str, float]:
    """Of the flips, those for which a cause is necessary: in the sample, and at most in all the footage."""
    flips = pairs.take(pairs.flip)
    if cause not in (*REPLAYED, NOISE) or not (flips.margin_past >= 0).any():
        return dict.fromkeys(("flips_due", "flips_due_low", "flips_due_high", "flips_at_most"), float("nan"))
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
        margin = np.where(there | np.isnan(margin), margin, -np.inf)  # no flip is due to what is not there
    unknown = np.isnan(margin)
    possible = unknown | (margin > -SURE * error)
    return {
        "flips_due": float((margin > 0).sum()),
        "flips_due_low": float((margin > SURE * error).sum()),
        "flips_due_high": float(possible.sum()),
        "flips_at_most": at_most(possible, unknown, flips.weight, total),
    }


def p_value_of(pairs: PairTable, cause: str, *, clips: bool = False, floor: float = SMALLEST_SHARE) -> float:
    """One-sided p-value that a cause's share is not above ``floor``, nor above what its placebos do together.

    The signs of what each pair adds beyond that are flipped at random, or those of whole ``clips``. The
    placebos of all pairs are pooled: one pair's alone are as uncertain as what they are to be compared with.
    Pairs in which no such change was measured add nothing, whatever the chance: what all pairs are to exceed is
    laid on the others, by their change.
    """
    if not pairs.change.sum() > 0:
        return float("nan")
    beyond = _beyond(pairs, cause, floor)
    if not clips:
        return sign_flip_p(beyond)
    sums = np.bincount(pairs.footage, weights=beyond)
    return sign_flip_p(sums) if len(sums) >= FEWEST_CLUSTERS else float("nan")


def too_few(pairs: PairTable, cause: str, level: float) -> bool:
    """Whether these pairs speak for a cause, but so few weigh in that all signs alike are no rarer than ``level``.

    They count as (sum of |x|)^2 / sum of x^2 equal ones (Kish 1965), which no change of signs alters: a dip of the
    light in thirty pairs, down and up again, counts as two.
    """
    beyond = _beyond(pairs, cause) if pairs.change.sum() > 0 else np.zeros(0)
    if not beyond.sum() > 0:
        return False
    return 2.0 ** -(float(np.abs(beyond).sum()) ** 2 / float(np.square(beyond).sum())) > level


def _beyond(pairs: PairTable, cause: str, floor: float = SMALLEST_SHARE) -> np.ndarray:
    """(n,) what each pair has of a cause beyond ``floor`` of all change, or beyond what the placebos do."""
    column = (*REPLAYED, NOISE).index(cause)
    least = max(floor * float(pairs.change.sum()), float(pairs.placebo[:, column].sum()))
    projection = pairs.projection[:, column]
    acting = np.where(pairs.measured[:, column] | (projection != 0), pairs.change, 0.0)
    if not acting.sum() > 0:
        return np.zeros(len(projection))
    return np.asarray(projection - least * acting / acting.sum())


def part_of(pairs: PairTable, cause: str) -> np.ndarray:
    """(n,) weighted part of each pair's change that is this cause."""
    if cause == KEYFRAMES:
        return pairs.excess
    if cause == UNEXPLAINED:
        return np.asarray(pairs.change - pairs.projection.sum(axis=1))
    return np.asarray(pairs.projection[:, (*REPLAYED, NOISE).index(cause)])


def estimate(
    pairs: PairTable,
    part: np.ndarray,
    *,
    placebo: np.ndarray | None = None,
    floor: float = 0.0,
    keyframes: bool = False,
) -> TestedInterval:
    """The share of one part of the change, less that of the placebos, with its interval over clusters."""
    columns = _columns(pairs, part, placebo)
    cluster = pairs.cluster
    totals = np.zeros((int(cluster.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(totals, cluster, columns)
    return share_of_totals(totals, _of_keyframes if keyframes else _of_the_rest, draws=len(part), floor=floor)


def _columns(pairs: PairTable, part: np.ndarray, placebo: np.ndarray | None = None) -> np.ndarray:
    """(n, 5): part, placebo, change, excess and change at keyframes of each pair."""
    less = np.zeros(len(part)) if placebo is None else placebo
    return np.column_stack([part, less, pairs.change, pairs.excess, pairs.at_keyframe])


def _of_keyframes(totals: np.ndarray) -> np.ndarray:
    change, excess, at_keyframe = (totals[..., k] for k in (2, 3, 4))
    return _ratio(excess, change + at_keyframe)


def _of_the_rest(totals: np.ndarray) -> np.ndarray:
    # a placebo that does the opposite is no reason to add to the right one
    part = totals[..., 0] - np.maximum(totals[..., 1], 0)
    return np.asarray(_ratio(part, totals[..., 2]) * (1 - _of_keyframes(totals)))


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.divide(over, under, out=np.full(np.shape(under), np.nan), where=np.asarray(under) > 0)
    )
