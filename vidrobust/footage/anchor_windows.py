"""Windows about anchors, as on YouTube-BoundingBoxes: the frames within so many of a labelled one."""

from __future__ import annotations

import numpy as np
import pandas as pd

COLUMNS = ("item", "track", "anchor", "frame", "offset", "offset_ms")


def anchor_windows(rows: pd.DataFrame, time_s: np.ndarray, *, k: int = 10) -> pd.DataFrame:
    """The frames within ``k`` of each anchor of one item: item, track, anchor, frame, offset, offset_ms.

    rows    labels with frames (``labels.matching.at_frames``); anchors are those where the object is present
    time_s  (N,) time of each frame of the item

    ``offset`` is frame - anchor, ``offset_ms`` the same by the frames' own time stamps: 10 frames are a third
    of a second at 30 frames a second and 1.4 s at 7. The anchor itself has offset 0. Windows end where the
    item ends. An anchor with a set of labels gives one window.
    """
    anchors = rows[(rows["frame"] >= 0) & (rows["presence"] == "present")]
    anchors = anchors.drop_duplicates(["item", "track", "frame"])
    offsets = np.arange(-k, k + 1)
    anchor = np.repeat(anchors["frame"].to_numpy(np.int64), len(offsets))
    offset = np.tile(offsets, len(anchors))
    frame = anchor + offset
    inside = (frame >= 0) & (frame < len(time_s))
    anchor, frame, offset = anchor[inside], frame[inside], offset[inside]
    return pd.DataFrame(
        {
            "item": np.repeat(anchors["item"].to_numpy(), len(offsets))[inside],
            "track": np.repeat(anchors["track"].to_numpy(), len(offsets))[inside],
            "anchor": anchor,
            "frame": frame,
            "offset": offset,
            "offset_ms": 1000 * (time_s[frame] - time_s[anchor]),
        },
        columns=list(COLUMNS),
    )
