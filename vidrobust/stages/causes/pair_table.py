"""Rows of the table ``causes`` of one model as arrays, one row a pair, weights multiplied in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd

from vidrobust.stages.causes.catalogue import KEYFRAMES, NOISE, REPLAYED
from vidrobust.stages.causes.excluded import LEFT_OUT, PAIR
from vidrobust.statistics.clusters import SHORTEST_SAMPLED, independent_clusters


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """The pairs of one model; C causes: those of REPLAYED, then noise and coding.

    projection   (n, C) weighted; 0 if it could not be replayed
    placebo      (n, C) the same of the placebos
    measured     (n, C) bool, such a change was measured
    margin_step  (n, C) how far this cause moves the margin towards the flip; NaN where not known
    margin_undone (n, C) lead of the label of t in t+1 with this cause taken back; NaN where not known
    margin_before (n,) margin of the label of t over that of t+1, at t; NaN where not known
    margin_past  (n,) how far t+1 lies beyond the border between its label and that of t; NaN where not known
    weight       (n,) how many pairs each stands for
    change       (n,) weighted <d, d> of pairs across no keyframe, else 0
    excess       (n,) weighted excess of pairs across a keyframe over the pairs beside them, else 0
    at_keyframe  (n,) weighted <d, d> of those, else 0
    flip         (n,) bool
    item, frame  (n,) int, code of the item and first frame
    part         (n,) str, the part that was shown, "" where unknown
    """

    projection: np.ndarray
    placebo: np.ndarray
    measured: np.ndarray
    margin_step: np.ndarray
    margin_undone: np.ndarray
    margin_before: np.ndarray
    margin_past: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    excess: np.ndarray
    at_keyframe: np.ndarray
    flip: np.ndarray
    item: np.ndarray
    frame: np.ndarray
    part: np.ndarray

    @cached_property
    def cluster(self) -> np.ndarray:
        """(n,) int code of the independent unit of each pair, by the one rule (``statistics/clusters.py``)."""
        found = independent_clusters(self.item, self.frame, part=self.part, shortest=SHORTEST_SAMPLED)
        return found.label

    @cached_property
    def footage(self) -> np.ndarray:
        """(n,) int code of the part that a pair shows, or of its clip where no part is known."""
        names = np.where(self.part == "", [f"clip {code}" for code in self.item], self.part)
        return np.asarray(np.unique(names.astype(str), return_inverse=True)[1])

    def take(self, chosen: np.ndarray) -> PairTable:
        """Some of the pairs."""
        return PairTable(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})

    @classmethod
    def of(cls, rows: pd.DataFrame) -> PairTable:
        """From the rows of one model."""
        kept = rows[~rows["excluded"].isin(LEFT_OUT)]
        pairs = kept.drop_duplicates(PAIR).reset_index(drop=True)
        place = pd.MultiIndex.from_frame(pairs[PAIR]).get_indexer(pd.MultiIndex.from_frame(kept[PAIR]))
        names = (*REPLAYED, NOISE, KEYFRAMES)
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
            part=(pairs["part"] if "part" in pairs else pd.Series("", pairs.index)).to_numpy(object),
        )

    def occurs(self, cause: str) -> np.ndarray:
        """(n,) bool: such a change was measured in this pair."""
        if cause == KEYFRAMES:
            return self.at_keyframe > 0
        names = (*REPLAYED, NOISE)
        return self.measured[:, names.index(cause)] if cause in names else self.change > 0
