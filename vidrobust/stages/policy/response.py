"""What a perturbation of some strength does to the model, and whether more of it does more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.metrics.metric import ResponseSpec
from vidrobust.run_folder.reader import with_parts
from vidrobust.statistics.clusters import SHORTEST_FRAMES, clusters_of_rows
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.permutations import rise_across, rise_within

LEVEL = 0.025  # of the test that more does more
FEWEST_RANKED = 4  # of no more than so many values no ranking is sure
LEAST = 0.005  # from here on a model is said to be moved: half a percent of its probability, or of its boxes


@dataclass(frozen=True, kw_only=True)
class Response:
    """How far a perturbation of some strength moves the model, with interval, and how often the answer is
    another.

    ``grows``: the stronger surely do more than the weaker, without which (Hill 1965) it is not the perturbation
    that acts. True with one strength alone, and where all other perturbations together surely grow. ``moves``:
    more than the computer's own noise, and than LEAST.
    """

    value: float
    low: float
    high: float
    flips: float
    n: int
    moves: bool
    grows: bool


def response(
    sensitivity: pd.DataFrame, perturbation: str, strength: float, floor: float, response: ResponseSpec
) -> Response:
    """The model's response at a strength, linear between the strengths tried; 0 at 0.

    ``sensitivity`` are the rows of one model, with parts where known. The result's ``n`` counts frames tried at
    one of the two strengths about it.
    """
    rows = sensitivity[sensitivity["perturbation"] == perturbation]
    nan = float("nan")
    if not len(rows) or not math.isfinite(strength):
        return _nothing()
    moved = _summed(rows, response.columns)
    change = _at(moved, strength)
    flips = _at(_summed(rows, response.turns), strength)
    if not len(change):
        return _nothing()
    change = with_parts(change, dict(zip(rows["item"], rows["part"], strict=True)) if "part" in rows else {})
    clusters = clusters_of_rows(change, "frame", SHORTEST_FRAMES)
    found = clustered_mean(change["value"].to_numpy(float), clusters.label, bounds=(0.0, 1.0))
    # with a handful of stretches an interval of a mean says little, and the account has shown the rest
    sure = found.low if clusters.count >= FEWEST_CORRELATED and math.isfinite(found.low) else found.value
    least = max(0.0 if math.isnan(floor) else floor, 0.0)
    return Response(
        value=found.value,
        low=found.low,
        high=found.high,
        flips=float(flips["value"].mean()) if len(flips) else nan,
        n=found.n,
        moves=sure > least and found.value >= LEAST,
        grows=_grows(moved, sensitivity[sensitivity["perturbation"] != perturbation], response),
    )


def _nothing() -> Response:
    nan = float("nan")
    return Response(value=nan, low=nan, high=nan, flips=nan, n=0, moves=False, grows=False)


def _grows(rows: pd.DataFrame, others: pd.DataFrame, response: ResponseSpec) -> bool:
    strengths = rows["strength"].nunique()
    if strengths < 2:
        return True
    if rows["value"].nunique() < 2:
        return False
    strength, value = rows["strength"].to_numpy(float), rows["value"].to_numpy(float)
    if len(rows) <= FEWEST_RANKED:
        return bool(stats.spearmanr(strength, value).statistic > 0)
    alone = rise_within(strength, value, _alike(rows))
    return alone < LEVEL or (alone < 0.5 and _grow_together(others, response))


def _alike(rows: pd.DataFrame) -> np.ndarray:
    """(n,) which rows of a perturbation are ranked together: those of a clip where each was shown all
    strengths.
    """
    shown = rows.groupby("item", sort=False)["strength"].nunique()
    if shown.median() == rows["strength"].nunique():
        return np.asarray(pd.factorize(rows["item"])[0])
    return np.zeros(len(rows), np.int64)


def _grow_together(sensitivity: pd.DataFrame, response: ResponseSpec) -> bool:
    each, blocks, count = [], [], 0
    for _, own in sensitivity.groupby("perturbation", sort=False):
        rows = _summed(own, response.columns)
        alike = _alike(rows)
        each.append(rows)
        blocks.append(alike + count)
        count += int(alike.max(initial=0)) + 1
    if not each:
        return False
    rows = pd.concat(each)
    frame = rows.groupby(["item", "frame"], sort=False).ngroup().to_numpy()
    x, y = rows["strength"].to_numpy(float), rows["value"].to_numpy(float)
    return rise_across(x, y, np.concatenate(blocks), frame) < LEVEL


def _summed(rows: pd.DataFrame, metrics: tuple[str, ...]) -> pd.DataFrame:
    """item, frame, strength, value: the sum of these metrics, 1 at most; without frames of which none is known."""
    own = rows[rows["metric"].isin(metrics) & rows["value"].notna()]
    mean = own.groupby(["item", "frame", "strength", "metric"], sort=False)["value"].mean()
    return mean.groupby(level=[0, 1, 2], sort=False).sum().clip(upper=1.0).reset_index()


def _at(rows: pd.DataFrame, strength: float) -> pd.DataFrame:
    """item, frame, value: of each frame that was tried at one of the two strengths about this one.

    The response is the line between the means of the two strengths, and not every frame need have been tried at
    both. A value is that mean plus what the frame departs from each strength's mean, weighed so that clusters of
    values have the variance of the mean (linearisation, Cochran 1977, section 6.3).
    """
    table = rows.pivot_table(index=["item", "frame"], columns="strength", values="value", aggfunc="mean")
    known = np.concatenate([[0.0], table.columns.to_numpy(float)])
    if not len(table):
        return pd.DataFrame({"item": [], "frame": [], "value": []})
    values = np.column_stack([np.zeros(len(table)), table.to_numpy(float)])
    place = int(np.clip(np.searchsorted(known, strength), 1, len(known) - 1))
    part = min(1.0, (strength - known[place - 1]) / (known[place] - known[place - 1]))
    weight = np.array([1 - part, part])
    about = values[:, place - 1 : place + 1]
    # strength 0 is known of every frame, and does not show which frames were tried
    tried = ~np.isnan(about) & np.array([place > 1 and part < 1, place == 1 or part > 0])
    some = tried.any(axis=1)
    about, tried = about[some], tried[some]
    share = tried.mean(axis=0)
    means = [column[of].mean() if of.any() else 0.0 for column, of in zip(about.T, tried.T, strict=True)]
    apart = np.where(tried, about - means, 0.0) * weight / np.where(share > 0, share, 1.0)
    found = float(np.dot(weight, means)) + apart.sum(axis=1)
    return table.index[some].to_frame(index=False).assign(value=found)
