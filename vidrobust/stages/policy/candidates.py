"""Which perturbations stand for a named cause: by how much of the cause each one does when played in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.causes.candidate_fits import CANDIDATES
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.shares import ADJACENT, share_of_totals
from vidrobust.stages.policy.rejection import Why
from vidrobust.statistics.clusters import SHORTEST_SAMPLED, clusters_of_rows
from vidrobust.statistics.intervals import TestedInterval

# A part of a cause that is a sum of its candidates (a shift and a turn) is worth a step where it surely does
# this much of it.
LEAST_PART = 0.2
# The perturbation that stands for any other cause does at least half of it, and at most twice as much.
LEAST_WHOLE, MOST_WHOLE = 0.5, 2.0
GRAIN_NEAR = 0.15  # grains no further apart than this are alike
# What may stand for noise and coding in a stream whose codec predicts from frame to frame: noise of the
# sensor, and what the codec leaves.
NOISE_OR_CODING = ("gaussian_noise", "h264")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How much of a cause one candidate does (1: as much as the cause), and why it does not stand for it, if so.

    ``alike`` are others that cannot be distinguished from it; it is the plainest of them.
    """

    perturbation: str
    does: TestedInterval
    alike: tuple[str, ...] = ()
    why: Why | None = None
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


def _as_measured(rows: pd.DataFrame, names: list[str]) -> list[str]:
    if "motion_blur" not in names:
        return names
    others = [name for name in names if name != "motion_blur"]
    fitted = rows["perturbation"].value_counts()
    most = 2 * fitted["motion_blur"] > fitted[others].max() if others else True
    return ["motion_blur", *others] if most else others


def _part(name: str, does: TestedInterval) -> Standing:
    surely = does.low > LEAST_PART or (np.isnan(does.low) and does.value > LEAST_WHOLE)
    if surely and does.value <= MOST_WHOLE:
        return Standing(perturbation=name, does=does)
    return _other_amount(name, does)


def _other_amount(name: str, does: TestedInterval) -> Standing:
    return Standing(perturbation=name, does=does, why=Why.OTHER_AMOUNT, evidence={"does": does.value})


def _best(rows: pd.DataFrame, names: list[str], does: dict[str, TestedInterval]) -> list[Standing]:
    enough = [name for name in names if _enough(does[name])]
    best = max(enough, key=lambda name: does[name].value, default="")
    tied = [name for name in enough if name == best or not _surely_less(rows, name, best)]
    return [_standing(_other_amount(name, does[name]), tied) for name in names]


def _enough(does: TestedInterval) -> bool:
    return bool(LEAST_WHOLE <= does.value <= MOST_WHOLE)


def _standing(otherwise: Standing, tied: list[str]) -> Standing:
    """The first of ``tied`` stands for the cause, the others say so, and of all else holds ``otherwise``."""
    name, does = otherwise.perturbation, otherwise.does
    if name not in tied:
        return otherwise
    if name == tied[0]:
        return Standing(perturbation=name, does=does, alike=tuple(tied[1:]))
    return Standing(perturbation=name, does=does, why=Why.LIKE_ANOTHER, evidence={"other": tied[0]})


def _by_grain(rows: pd.DataFrame, names: list[str], does: dict[str, TestedInterval]) -> list[Standing]:
    """Of noise and coding: the plainest of those that look like the footage's and do about as much; else none."""
    seen = float(rows["grain_seen"].median())
    grain = {name: float(rows.loc[rows["perturbation"] == name, "grain"].median()) for name in names}
    near = [name for name in names if abs(grain[name] - seen) <= GRAIN_NEAR]
    tied = [name for name in near if _enough(does[name])]
    # JPEG is asked for in every stream but those whose codec predicts from frame to frame (``fits/noise.py``)
    predicts = "jpeg" not in names
    undecided = NOISE_OR_CODING if predicts and not tied and {*NOISE_OR_CODING} <= {*names} else ()

    def otherwise(name: str) -> Standing:
        if name in undecided:
            figures = {"grain_seen": seen, **_both(rows, grain, does)}
            return Standing(perturbation=name, does=does[name], why=Why.NOISE_OR_CODING, evidence=figures)
        if name in near:
            return _other_amount(name, does[name])
        grains = {"grain": grain[name], "grain_seen": seen}
        return Standing(perturbation=name, does=does[name], why=Why.OTHER_GRAIN, evidence=grains)

    return [_standing(otherwise(name), tied) for name in names]


def _both(rows: pd.DataFrame, grain: dict[str, float], does: dict[str, TestedInterval]) -> dict[str, float]:
    found: dict[str, float] = {}
    for kind, name in zip(("noise", "coding"), NOISE_OR_CODING, strict=True):
        low, high = rows.loc[rows["perturbation"] == name, "strength"].quantile([0.1, 0.9])
        found |= {f"{kind}_low": float(low), f"{kind}_high": float(high)}
        found |= {f"{kind}_grain": grain[name], f"{kind}_does": does[name].value}
    return found


def _totals(rows: pd.DataFrame, columns: np.ndarray) -> np.ndarray:
    cluster = clusters_of_rows(rows, "frame_a", SHORTEST_SAMPLED).label
    totals = np.zeros((int(cluster.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(totals, cluster, columns)
    return totals


def _ratio(rows: pd.DataFrame, name: str) -> TestedInterval:
    own = rows[rows["perturbation"] == name]
    weight = own["weight"].to_numpy(float)[:, None]
    columns = weight * own[["along", "along_cause"]].to_numpy(float)
    return share_of_totals(
        _totals(own, columns), draws=len(own), statistic=lambda t: _safe(t[..., 0], t[..., 1])
    )


def _surely_less(rows: pd.DataFrame, name: str, best: str) -> bool:
    keys = ["item", "frame_a", "frame_b"]
    one, other = (rows[rows["perturbation"] == each] for each in (name, best))
    both = one.merge(other[[*keys, "along"]].rename(columns={"along": "along_best"}), on=keys)
    weight = both["weight"].to_numpy(float)[:, None]
    columns = weight * both[["along_best", "along", "along_cause"]].to_numpy(float)
    gap = share_of_totals(
        _totals(both, columns), draws=len(both), statistic=lambda t: _safe(t[..., 0] - t[..., 1], t[..., 2])
    )
    return bool(gap.low > 0.05)


def _safe(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    known = np.abs(under) > 1e-12
    return np.divide(over, under, out=np.full(np.shape(under), np.nan), where=known)
