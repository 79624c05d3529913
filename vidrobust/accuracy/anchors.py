"""Anchors and their neighbours, for pm-k and conditional robustness.

offset   -2  -1   0  +1  +2
correct   1   1   1   0   1          pm0 = 1, pm1 = 0 (one neighbour within 1 frame is wrong)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.accuracy.said_classes import label_sets
from vidrobust.errors import InputError

WITHIN = 10  # frames on either side that count as neighbours, as in Shankar et al. 2019.


@dataclass(frozen=True, kw_only=True)
class AnchorSets:
    """n anchors of one model and their m neighbours; ``of`` (m,) is the row of a neighbour's anchor.

    ``anchor`` is "item:frame", ``cluster`` the video; ``offset`` and ``offset_ms`` are distances from the
    anchor (NaN where frames are missing); ``correct`` and ``neighbour`` say who is right.
    """

    anchor: np.ndarray
    cluster: np.ndarray
    correct: np.ndarray
    of: np.ndarray
    frame: np.ndarray
    offset: np.ndarray
    offset_ms: np.ndarray
    neighbour: np.ndarray

    def __post_init__(self) -> None:
        n, m = len(self.anchor), len(self.of)
        if not len(self.cluster) == len(self.correct) == n:
            raise ValueError(f"AnchorSets: expected cluster and correct for {n} anchors")
        if not len(self.frame) == len(self.offset) == len(self.offset_ms) == len(self.neighbour) == m:
            raise ValueError(
                f"AnchorSets: expected frame, offset, offset_ms and neighbour for {m} neighbours"
            )
        if m and (self.of.min() < 0 or self.of.max() >= n or (self.offset == 0).any()):
            raise ValueError("AnchorSets: a neighbour belongs to no anchor, or is the anchor itself")

    def only(self, anchors: np.ndarray) -> AnchorSets:
        place = np.cumsum(anchors) - 1
        kept = anchors[self.of]
        return AnchorSets(
            anchor=self.anchor[anchors],
            cluster=self.cluster[anchors],
            correct=self.correct[anchors],
            of=place[self.of[kept]],
            frame=self.frame[kept],
            offset=self.offset[kept],
            offset_ms=self.offset_ms[kept],
            neighbour=self.neighbour[kept],
        )


def anchor_sets(
    frames: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    within: int = WITHIN,
    judged_by: Literal["own", "anchor"] = "own",
    anchors: pd.DataFrame | None = None,
    reviewed: pd.DataFrame | None = None,
) -> AnchorSets:
    """Make the sets of one model from its tables ``frames`` and ``labels``.

    Neighbours are judged by their "own" labels (ImageNet-Vid-Robust) or those of the "anchor" (YTBB-Robust).
    ``anchors`` (item, frame) are by default all labelled frames; of ``reviewed`` (item, anchor, frame,
    offset) only these sets count. InputError without a predicted anchor.
    """
    if frames["model"].nunique() != 1:
        raise InputError(f"anchor sets are of one model, got {frames['model'].nunique()}")
    seen = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"]).reset_index(drop=True)
    own = label_sets(labels, seen)
    is_anchor = np.array([bool(s) for s in own])
    if reviewed is not None:
        anchors = reviewed[reviewed["offset"] == 0]
    if anchors is not None:
        wanted = set(anchors[["item", "frame"]].itertuples(index=False, name=None))
        here = seen[["item", "frame"]].itertuples(index=False, name=None)
        is_anchor &= np.array([key in wanted for key in here], dtype=bool)
    if not is_anchor.any():
        raise InputError(
            "labels: no anchor frame was predicted; do labels and predictions name inputs and number frames alike?"
        )
    right = [(int(k), str(name)) for k, name in seen[["label", "label_name"]].itertuples(index=False)]
    frame, time_s = seen["frame"].to_numpy(np.int64), seen["time_s"].to_numpy(np.float64)
    if reviewed is None:
        pairs = _pairs(seen, np.flatnonzero(is_anchor), within)
        offset = frame[pairs[:, 1]] - frame[pairs[:, 0]]
    else:
        pairs, offset = _reviewed_pairs(seen, is_anchor, reviewed, within)
    if judged_by == "own":
        kept = np.array([bool(own[b]) for b in pairs[:, 1]], dtype=bool)
        pairs, offset = pairs[kept], offset[kept]
    row_of = np.cumsum(is_anchor) - 1
    judge = pairs[:, 1] if judged_by == "own" else pairs[:, 0]
    between = frame[pairs[:, 1]] - frame[pairs[:, 0]]
    apart_ms = 1000 * (time_s[pairs[:, 1]] - time_s[pairs[:, 0]])
    rows = np.flatnonzero(is_anchor)
    item = seen["item"].astype(str).to_numpy(object)
    return AnchorSets(
        anchor=np.array([f"{item[r]}:{frame[r]}" for r in rows], dtype=object),
        cluster=item[rows],
        correct=np.array([_among(right[r], own[r]) for r in rows], dtype=bool),
        of=row_of[pairs[:, 0]],
        frame=frame[pairs[:, 1]],
        offset=offset,
        offset_ms=np.where(between == offset, apart_ms, np.nan),
        neighbour=np.array(
            [_among(right[b], own[j]) for b, j in zip(pairs[:, 1], judge, strict=True)], dtype=bool
        ),
    )


def _among(prediction: tuple[int, str], wanted: frozenset[object]) -> bool:
    return prediction[0] in wanted or prediction[1] in wanted


def _pairs(seen: pd.DataFrame, anchors: np.ndarray, within: int) -> np.ndarray:
    item = pd.factorize(seen["item"])[0]
    frame = seen["frame"].to_numpy(np.int64)
    found = []
    for a in anchors:
        for step in (-1, 1):
            b = a + step
            while 0 <= b < len(seen) and item[b] == item[a] and abs(frame[b] - frame[a]) <= within:
                found.append((int(a), int(b)))
                b += step
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _reviewed_pairs(
    seen: pd.DataFrame, is_anchor: np.ndarray, reviewed: pd.DataFrame, within: int
) -> tuple[np.ndarray, np.ndarray]:
    """(m, 2) rows of anchor and reviewed neighbour, and (m,) offsets."""
    row = {key: k for k, key in enumerate(seen[["item", "frame"]].itertuples(index=False, name=None))}
    found = []
    for item, anchor, frame, offset in reviewed[["item", "anchor", "frame", "offset"]].itertuples(
        index=False
    ):
        a, b = row.get((item, anchor)), row.get((item, frame))
        if offset and abs(offset) <= within and a is not None and b is not None and is_anchor[a]:
            found.append((a, b, offset))
    rows = np.array(sorted(set(found)), dtype=np.int64).reshape(-1, 3)
    return rows[:, :2], rows[:, 2]
