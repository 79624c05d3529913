"""From the rows of the table ``detections`` back to the boxes of an item, to follow them otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.shapes.places import Places, shape_array
from vidrobust.shapes.shape import read_shape

ENDS = ("first", "scene_cut", "frame_size", "corrupt")
"""What lies between two frames that no track goes across."""


def item_boxes(detections: pd.DataFrame, transitions: pd.DataFrame, size: tuple[int, int]) -> ItemBoxes:
    """The boxes of one item and model.

    detections  rows of the table; transitions: rows of that table of the item, in the order of delivery
    size        height and width of the frames, px
    """
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
    """Boxes of a table x1, y1, x2, y2, ``shaped`` with what its column shape says."""
    boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
    return Places(boxes, shape_array(map(read_shape, rows["shape"].fillna(""))) if shaped else None)


def are_shaped(*tables: pd.DataFrame) -> bool:
    """Whether each of the tables says of some boxes what lies in them, so that this can be compared."""
    return all("shape" in rows and (rows["shape"].fillna("") != "").any() for rows in tables)


def joined(reason: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a track may go on from the frame before; reason (N,) as in ``transitions``."""
    return ~np.isin(np.asarray(reason).astype(str), ENDS)
