"""Which perturbation stands for a cause, and how far it moves the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import ResponseSpec
from vidrobust.run_folder.reader import with_parts
from vidrobust.stages.causes.candidate_fits import CANDIDATES
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.shares import ADJACENT, share_of_totals
from vidrobust.stages.policy.rejection import Rejection
from vidrobust.statistics.associations import spearman
from vidrobust.statistics.clusters import SHORTEST_FRAMES, SHORTEST_SAMPLED, clusters_of_rows
from vidrobust.statistics.intervals import TestedInterval, clustered_mean
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.permutations import rise_across, rise_within

# A part of a cause that is a sum of its candidates (a shift and a turn) is worth a step where it surely does
# this much of it.
LEAST_PART = 0.2
# The perturbation that stands for any other cause does at least half of it, and at most twice as much.
LEAST_WHOLE, MOST_WHOLE = 0.5, 2.0
GRAIN_NEAR = 0.15  # grains no further apart than this are alike
# What may stand for noise and coding in a stream whose codec predicts from frame to frame: noise of the
# sensor, and what the codec leaves.
NOISE_OR_CODING = ("gaussian_noise", "h264")
LEVEL = 0.025  # of the test that more does more
FEWEST_RANKED = 4  # of no more than so many values no ranking is sure
LEAST = 0.005  # from here on a model is said to be moved: half a percent of its probability, or of its boxes


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How much of a cause one candidate does (1: as much), and why it does not stand for it, if so.

    ``alike`` are others that cannot be distinguished from it; it is the plainest of them.
    """

    perturbation: str
    does: TestedInterval
    alike: tuple[str, ...] = ()
    why: Rejection | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        """Whether it stands for the cause."""
        return self.why is None


def standings(cause: str, within: pd.DataFrame, scale: str = ADJACENT) -> list[Standing]:
    """Every candidate of a cause, from the rows of one model and distance in time; the plainest first."""
    rows = within[(within["cause"] == cause) & (within["scale"] == scale)]
    names = [name for name in CANDIDATES.get(cause, ()) if (rows["perturbation"] == name).any()]
    if not names:
        return []
    does = {name: _ratio(rows, name) for name in names}
    chosen = CATALOGUE[cause].chosen
    if chosen == "part":
        return [_part(name, does[name]) for name in names]
    if chosen == "grain":
        return _by_grain(rows, names, does)
    return _best(rows, _as_measured(rows, names), does)


def _ratio(rows: pd.DataFrame, name: str) -> TestedInterval:
    mine = rows[rows["perturbation"] == name]
    weight = mine["weight"].to_numpy(float)[:, None]
    columns = weight * mine[["along", "along_cause"]].to_numpy(float)
    return share_of_totals(
        _totals(mine, columns), draws=len(mine), statistic=lambda t: _safe(t[..., 0], t[..., 1])
    )


def _totals(rows: pd.DataFrame, columns: np.ndarray) -> np.ndarray:
    cluster = clusters_of_rows(rows, "frame_a", SHORTEST_SAMPLED).label
    totals = np.zeros((int(cluster.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(totals, cluster, columns)
    return totals


def _safe(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    known = np.abs(under) > 1e-12
    return np.divide(over, under, out=np.full(np.shape(under), np.nan), where=known)


def _part(name: str, does: TestedInterval) -> Standing:
    surely = does.low > LEAST_PART or (np.isnan(does.low) and does.value > LEAST_WHOLE)
    if surely and does.value <= MOST_WHOLE:
        return Standing(perturbation=name, does=does)
    return _other_amount(name, does)


def _other_amount(name: str, does: TestedInterval) -> Standing:
    return Standing(
        perturbation=name, does=does, why=Rejection.OTHER_AMOUNT, evidence={"does": does.value}
    )


def _by_grain(
    rows: pd.DataFrame, names: list[str], does: dict[str, TestedInterval]
) -> list[Standing]:
    """Of noise and coding: the plainest that looks like the footage's and does about as much; else none."""
    seen = float(rows["grain_seen"].median())
    grain = {
        name: float(rows.loc[rows["perturbation"] == name, "grain"].median()) for name in names
    }
    near = [name for name in names if abs(grain[name] - seen) <= GRAIN_NEAR]
    tied = [name for name in near if _enough(does[name])]
    # JPEG is asked for in every stream but those whose codec predicts from frame to frame (``fits/noise.py``)
    predicts = "jpeg" not in names
    undecided = NOISE_OR_CODING if predicts and not tied and {*NOISE_OR_CODING} <= {*names} else ()

    def otherwise(name: str) -> Standing:
        if name in undecided:
            figures = {"grain_seen": seen, **_both(rows, grain, does)}
            return Standing(
                perturbation=name, does=does[name], why=Rejection.NOISE_OR_CODING, evidence=figures
            )
        if name in near:
            return _other_amount(name, does[name])
        grains = {"grain": grain[name], "grain_seen": seen}
        return Standing(
            perturbation=name, does=does[name], why=Rejection.OTHER_GRAIN, evidence=grains
        )

    return [_standing(otherwise(name), tied) for name in names]


def _enough(does: TestedInterval) -> bool:
    return bool(LEAST_WHOLE <= does.value <= MOST_WHOLE)


def _both(
    rows: pd.DataFrame, grain: dict[str, float], does: dict[str, TestedInterval]
) -> dict[str, float]:
    fits: dict[str, float] = {}
    for kind, name in zip(("noise", "coding"), NOISE_OR_CODING, strict=True):
        low, high = rows.loc[rows["perturbation"] == name, "strength"].quantile([0.1, 0.9])
        fits |= {f"{kind}_low": float(low), f"{kind}_high": float(high)}
        fits |= {f"{kind}_grain": grain[name], f"{kind}_does": does[name].value}
    return fits


def _standing(otherwise: Standing, tied: list[str]) -> Standing:
    """The first of ``tied`` stands for the cause, the others say so, and of all else holds ``otherwise``."""
    name, does = otherwise.perturbation, otherwise.does
    if name not in tied:
        return otherwise
    if name == tied[0]:
        return Standing(perturbation=name, does=does, alike=tuple(tied[1:]))
    return Standing(
        perturbation=name, does=does, why=Rejection.LIKE_ANOTHER, evidence={"other": tied[0]}
    )


def _as_measured(rows: pd.DataFrame, names: list[str]) -> list[str]:
    if "motion_blur" not in names:
        return names
    others = [name for name in names if name != "motion_blur"]
    fitted = rows["perturbation"].value_counts()
    most = 2 * fitted["motion_blur"] > fitted[others].max() if others else True
    return ["motion_blur", *others] if most else others


def _best(rows: pd.DataFrame, names: list[str], does: dict[str, TestedInterval]) -> list[Standing]:
    enough = [name for name in names if _enough(does[name])]
    best = max(enough, key=lambda name: does[name].value, default="")
    tied = [name for name in enough if name == best or not _surely_less(rows, name, best)]
    return [_standing(_other_amount(name, does[name]), tied) for name in names]


def _surely_less(rows: pd.DataFrame, name: str, best: str) -> bool:
    keys = ["item", "frame_a", "frame_b"]
    one, other = (rows[rows["perturbation"] == each] for each in (name, best))
    both = one.merge(other[[*keys, "along"]].rename(columns={"along": "along_best"}), on=keys)
    weight = both["weight"].to_numpy(float)[:, None]
    columns = weight * both[["along_best", "along", "along_cause"]].to_numpy(float)
    gap = share_of_totals(
        _totals(both, columns),
        draws=len(both),
        statistic=lambda t: _safe(t[..., 0] - t[..., 1], t[..., 2]),
    )
    return bool(gap.low > 0.05)


@dataclass(frozen=True, kw_only=True)
class Response:
    """How far a perturbation of some strength moves the model, and how often the answer changes.

    ``grows``: the stronger surely do more than the weaker, without which (Hill 1965) it is not the
    perturbation that acts. True with one strength alone, and where all others together surely grow.
    ``moves``: more than the computer's own noise, and than LEAST.
    """

    value: float
    low: float
    high: float
    flips: float
    n: int
    moves: bool
    grows: bool


def response(
    sensitivity: pd.DataFrame,
    perturbation: str,
    strength: float,
    floor: float,
    response: ResponseSpec,
) -> Response:
    """The model's response at a strength, linear between the strengths tried; 0 at 0.

    ``n`` counts frames tried at one of the two strengths about it.
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
    change = with_parts(
        change, dict(zip(rows["item"], rows["part"], strict=True)) if "part" in rows else {}
    )
    clusters = clusters_of_rows(change, "frame", SHORTEST_FRAMES)
    mean = clustered_mean(change["value"].to_numpy(float), clusters.label, bounds=(0.0, 1.0))
    # with a handful of stretches an interval of a mean says little, and the account has shown the rest
    sure = (
        mean.low if clusters.count >= FEWEST_CORRELATED and math.isfinite(mean.low) else mean.value
    )
    least = max(0.0 if math.isnan(floor) else floor, 0.0)
    return Response(
        value=mean.value,
        low=mean.low,
        high=mean.high,
        flips=float(flips["value"].mean()) if len(flips) else nan,
        n=mean.n,
        moves=sure > least and mean.value >= LEAST,
        grows=_grows(moved, sensitivity[sensitivity["perturbation"] != perturbation], response),
    )


def _nothing() -> Response:
    nan = float("nan")
    return Response(value=nan, low=nan, high=nan, flips=nan, n=0, moves=False, grows=False)


def _summed(rows: pd.DataFrame, metrics: tuple[str, ...]) -> pd.DataFrame:
    kept = rows[rows["metric"].isin(metrics) & rows["value"].notna()]
    mean = kept.groupby(["item", "frame", "strength", "metric"], sort=False)["value"].mean()
    return mean.groupby(level=[0, 1, 2], sort=False).sum().clip(upper=1.0).reset_index()


def _at(rows: pd.DataFrame, strength: float) -> pd.DataFrame:
    """Each frame's mean response and its departure from it (linearisation, Cochran 1977, section 6.3)."""
    table = rows.pivot_table(
        index=["item", "frame"], columns="strength", values="value", aggfunc="mean"
    )
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
    means = [
        column[of].mean() if of.any() else 0.0 for column, of in zip(about.T, tried.T, strict=True)
    ]
    apart = np.where(tried, about - means, 0.0) * weight / np.where(share > 0, share, 1.0)
    sums = float(np.dot(weight, means)) + apart.sum(axis=1)
    return table.index[some].to_frame(index=False).assign(value=sums)


def _grows(rows: pd.DataFrame, others: pd.DataFrame, response: ResponseSpec) -> bool:
    strengths = rows["strength"].nunique()
    if strengths < 2:
        return True
    if rows["value"].nunique() < 2:
        return False
    strength, value = rows["strength"].to_numpy(float), rows["value"].to_numpy(float)
    if len(rows) <= FEWEST_RANKED:
        return bool(spearman(strength[:, None], value[:, None])[0, 0] > 0)
    alone = rise_within(strength, value, _alike(rows))
    return alone < LEVEL or (alone < 0.5 and _grow_together(others, response))


def _alike(rows: pd.DataFrame) -> np.ndarray:
    """Which rows are ranked together, (n,): those of a clip where each was shown all strengths."""
    shown = rows.groupby("item", sort=False)["strength"].nunique()
    if shown.median() == rows["strength"].nunique():
        return np.asarray(pd.factorize(rows["item"])[0])
    return np.zeros(len(rows), np.int64)


def _grow_together(sensitivity: pd.DataFrame, response: ResponseSpec) -> bool:
    by_family, blocks, count = [], [], 0
    for _, changes in sensitivity.groupby("perturbation", sort=False):
        rows = _summed(changes, response.columns)
        alike = _alike(rows)
        by_family.append(rows)
        blocks.append(alike + count)
        count += int(alike.max(initial=0)) + 1
    if not by_family:
        return False
    rows = pd.concat(by_family)
    frame = rows.groupby(["item", "frame"], sort=False).ngroup().to_numpy()
    x, y = rows["strength"].to_numpy(float), rows["value"].to_numpy(float)
    return rise_across(x, y, np.concatenate(blocks), frame) < LEVEL
