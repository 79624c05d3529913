"""The account of causes: what share of the model's change each cause holds, with its interval.

    share(cause)      = sum w along / sum w change       over the pairs that lie across no keyframe
    specific(cause)   = share less the same of the wrong directions, where that is above 0
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

from vidrobust.stages.causes.pair_table import PairTable
from vidrobust.stages.causes.ratio import Estimate, jackknife
from vidrobust.stages.causes.scene import CAUSES
from vidrobust.stages.causes.score import KEYFRAMES, NOISE

UNEXPLAINED = "unexplained"
ACCOUNT_CAUSES: tuple[str, ...] = (*CAUSES, KEYFRAMES, NOISE, UNEXPLAINED)
"""Every cause of the account, in the order in which it is told."""
ADJACENT, SECOND = "adjacent", "second"
"""The two distances in time: neighbours, and pairs about a second apart."""
SMALLEST_SHARE = 0.05
"""A cause is named only where its share is surely above this."""

COLUMNS = (
    *("cause", "share", "low", "high", "n", "specific", "specific_low", "specific_high"),
    *("p", "clusters", "occurs", "flips", "flips_mostly", "flips_reproduced", "excluded", "reasons"),
)


def summarise(
    causes: pd.DataFrame,
    *,
    per_item: bool = True,
    keyframes: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The table ``account``, of neighbours: per model, over all items (item "") and per item, one row a cause.

    causes  the table ``causes``, any number of items and models
    per_item  whether the rows of single items are wanted as well
    keyframes  per model the p-value of ``keyframe_tests``, which knows all pairs and not only the replayed ones

    share, low, high                       with a 95 % interval over independent clusters of pairs
    n                                      pairs that count
    specific, specific_low, specific_high  what no wrong direction does; NaN where there is none to play
    p                                      one-sided: that the share is not above 5 %, or nothing of it specific
    clusters                               independent clusters
    occurs                                 pairs in which such a change was measured at all
    flips                                  flips among them
    flips_mostly                           those of whose change more than half is this cause
    flips_reproduced                       those that this step of the chain turns to the label of t+1 (half where
                                           only one of the chain's two orders does)
    excluded, reasons                      pairs that could not be replayed, and why
    """
    rows: list[dict[str, Any]] = []
    for model, of_model in causes[causes["scale"] == ADJACENT].groupby("model", sort=False):
        rows += account_rows({"model": str(model), "item": ""}, of_model)
        for row in rows[-len(ACCOUNT_CAUSES) :]:
            if row["cause"] == KEYFRAMES and keyframes and str(model) in keyframes:
                row["p"] = keyframes[str(model)]
        for item, of_item in of_model.groupby("item", sort=False) if per_item else ():
            rows += account_rows({"model": str(model), "item": str(item)}, of_item)
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


def account_rows(ids: Mapping[str, str], rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one model and one cut of its pairs."""
    pairs = PairTable.of(rows)
    out = rows.drop_duplicates(["item", "frame_a", "frame_b"])["excluded"]
    reasons = out[out != ""].value_counts()
    shared = {
        "n": len(pairs.change),
        "flips": int(pairs.flip.sum()),
        "excluded": int(reasons.sum()),
        "reasons": "; ".join(f"{why} ({number})" for why, number in reasons.items()),
    }
    return [{**ids, **shared, **account_of(pairs, cause)} for cause in ACCOUNT_CAUSES]


def account_of(pairs: PairTable, cause: str) -> dict[str, Any]:
    """What is told of one cause: columns of ``account``."""
    part = _part(pairs, cause)
    share = estimate(pairs, part, floor=SMALLEST_SHARE, keyframes=cause == KEYFRAMES)
    if cause == KEYFRAMES and not pairs.at_keyframe.any():
        # every keyframe is known, so that none is surely none
        share = Estimate(value=0.0, low=0.0, high=0.0, p=1.0, clusters=share.clusters)
    specific = Estimate.unknown()
    if cause in CAUSES:
        specific = estimate(pairs, part, wrong=pairs.wrong[:, CAUSES.index(cause)])
    turns = pairs.turns[:, CAUSES.index(cause)] if cause in CAUSES else np.zeros(len(part))
    mostly = pairs.flip & (part > 0.5 * (pairs.change + pairs.at_keyframe))
    return {
        "cause": cause,
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "specific": specific.value,
        "specific_low": specific.low,
        "specific_high": specific.high,
        "p": share.p if np.isnan(specific.p) else max(share.p, specific.p),
        "clusters": share.clusters,
        "occurs": int((pairs.occurs(cause)).sum()),
        "flips_mostly": int(mostly.sum()),
        "flips_reproduced": float(turns[pairs.flip].sum()),
    }


def values_of(pairs: PairTable, cause: str) -> tuple[float, float]:
    """Share and specific part of one cause without intervals; the latter NaN where there is no wrong direction."""
    part, nan = _part(pairs, cause), float("nan")
    if cause == KEYFRAMES:
        return float(_of_keyframes(_columns(pairs, part).sum(axis=0))), nan
    share = float(_of_the_rest(_columns(pairs, part).sum(axis=0)))
    if cause not in CAUSES:
        return share, nan
    wrong = pairs.wrong[:, CAUSES.index(cause)]
    return share, float(_of_the_rest(_columns(pairs, part, wrong).sum(axis=0)))


def _part(pairs: PairTable, cause: str) -> np.ndarray:
    """(n,) weighted part of each pair's change that is this cause."""
    if cause == KEYFRAMES:
        return pairs.excess
    if cause == UNEXPLAINED:
        return np.asarray(pairs.change - pairs.along.sum(axis=1))
    return np.asarray(pairs.along[:, (*CAUSES, NOISE).index(cause)])


def estimate(
    pairs: PairTable,
    part: np.ndarray,
    *,
    wrong: np.ndarray | None = None,
    floor: float = 0.0,
    keyframes: bool = False,
) -> Estimate:
    """The share of one part of the change, less that of the wrong directions, with its interval over clusters."""
    columns = _columns(pairs, part, wrong)
    cluster = pairs.cluster
    totals = np.zeros((int(cluster.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(totals, cluster, columns)
    return jackknife(totals, _of_keyframes if keyframes else _of_the_rest, draws=len(part), floor=floor)


def _columns(pairs: PairTable, part: np.ndarray, wrong: np.ndarray | None = None) -> np.ndarray:
    """(n, 5): part, wrong, change, excess and change at keyframes of each pair."""
    less = np.zeros(len(part)) if wrong is None else wrong
    return np.column_stack([part, less, pairs.change, pairs.excess, pairs.at_keyframe])


def _of_keyframes(totals: np.ndarray) -> np.ndarray:
    change, excess, at_keyframe = (totals[..., k] for k in (2, 3, 4))
    return _ratio(excess, change + at_keyframe)


def _of_the_rest(totals: np.ndarray) -> np.ndarray:
    # a wrong direction that does the opposite is no reason to add to the right one
    part = totals[..., 0] - np.maximum(totals[..., 1], 0)
    return np.asarray(_ratio(part, totals[..., 2]) * (1 - _of_keyframes(totals)))


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.divide(over, under, out=np.full(np.shape(under), np.nan), where=np.asarray(under) > 0)
    )
