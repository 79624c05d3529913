"""All boxes of one input and model, in which objects are followed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.shapes.shape import Places, check_arrays, read_shape, shape_array

PER_BOX = (
    "frame",
    "boxes",
    "scores",
    "labels",
    "shift",
    "given",
    "shapes",
)  # arrays with a row a box


@dataclass(frozen=True, kw_only=True)
class ItemBoxes:
    """All boxes of one input and model, flat: boxes (D, 4) xyxy px."""

    frame: np.ndarray  # row of the frame, sorted, in the order of delivery
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    # how far the pixels in the box move until the next frame, px; NaN where unknown
    shift: np.ndarray
    num_frames: int  # also those without boxes
    joined: np.ndarray  # whether the frame continues the one before, without a cut
    size: tuple[int, int]  # height and width of the frame, px
    # The detector's own track number, -1 for none; None where it tracks nothing.
    given: np.ndarray | None = None
    # Mask or rotated box in each box, or None; None where there is none at all.
    shapes: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.frame)
        check_arrays(self, (count, 4), "boxes")
        check_arrays(self, (count,), "scores", "labels", "given", "shapes")
        check_arrays(self, (count, 2), "shift")
        check_arrays(self, (self.num_frames,), "joined")
        if count and (
            np.any(np.diff(self.frame) < 0)
            or not 0 <= self.frame[0] <= self.frame[-1] < self.num_frames
        ):
            raise ValueError(f"ItemBoxes.frame: expected sorted rows in 0..{self.num_frames - 1}")

    @property
    def bounds(self) -> np.ndarray:
        """(num_frames + 1,): the boxes of frame f are rows bounds[f] to bounds[f + 1]."""
        return np.searchsorted(self.frame, np.arange(self.num_frames + 1))

    def places(self, rows: np.ndarray | slice) -> Places:
        """Return some boxes with their masks."""
        return Places(self.boxes[rows], None if self.shapes is None else self.shapes[rows])

    def rows(self, keep: np.ndarray) -> ItemBoxes:
        """Return the same frames with some of the boxes, (D,) bool."""
        columns = {name: getattr(self, name) for name in PER_BOX}
        kept: dict[str, Any] = {
            name: None if of is None else of[keep] for name, of in columns.items()
        }
        return dataclasses.replace(self, **kept)


# What lies between two frames that no track goes across.
ENDS = ("first", "scene_cut", "frame_size", "corrupt")


def item_boxes(
    detections: pd.DataFrame, transitions: pd.DataFrame, size: tuple[int, int]
) -> ItemBoxes:
    """Return the boxes of one input and model from rows of two tables; ``size`` is (H, W)."""
    place = pd.Series(np.arange(len(transitions)), index=transitions["frame"].to_numpy())
    frame = place.loc[detections["frame"]].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    rows = detections.iloc[order]
    return ItemBoxes(
        frame=frame[order],
        boxes=rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
        scores=rows["score"].to_numpy(np.float64),
        labels=rows["label"].to_numpy(np.int64),
        shift=rows[["shift_x", "shift_y"]].to_numpy(np.float64),
        num_frames=len(transitions),
        joined=joined(transitions["reason"].to_numpy()),
        size=size,
        given=rows["own_track"].to_numpy(np.int64) if (rows["own_track"] >= 0).any() else None,
        shapes=shape_array(map(read_shape, rows["shape"])) if (rows["shape"] != "").any() else None,
    )


def places_of(rows: pd.DataFrame, *, shaped: bool) -> Places:
    """Return the boxes of a table, with masks where ``shaped``."""
    boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
    return Places(boxes, shape_array(map(read_shape, rows["shape"].fillna(""))) if shaped else None)


def are_shaped(*tables: pd.DataFrame) -> bool:
    """Return whether each table has masks or rotated boxes."""
    return all("shape" in rows and (rows["shape"].fillna("") != "").any() for rows in tables)


def joined(reason: np.ndarray) -> np.ndarray:
    """Return whether a track may go on from the frame before, (N,) bool, by the reasons of ``transitions``."""
    return ~np.isin(np.asarray(reason).astype(str), ENDS)
