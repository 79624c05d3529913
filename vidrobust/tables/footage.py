"""Tables of the footage itself: inputs, labels known beforehand, and what lies between frames."""

from __future__ import annotations

from vidrobust.tables.table import (
    BOX,
    CONTENT,
    DELTA,
    FRAME,
    ITEM,
    ITEM_OR_ALL,
    LABEL,
    LABEL_NAME,
    PAIR,
    PIXEL_CHANGE,
    PTS,
    SCALE,
    SHIFT,
    TIME,
    UNKNOWN,
    Extra,
    Table,
    boolean,
    float64,
    int64,
    string,
)

ITEMS = Table(
    "items",
    "sources",
    "an input: a clip, an image set, or a stretch or an object of one",
    (
        ITEM,
        string("path", "where it was read from"),
        string("part", "the product that is shown, as the manifest names it"),
        string("pass", "which time the part is seen"),
        string("station", "camera or station"),
        string("label", "the class in the manifest; several that are all right with semicolons between"),
        float64("start_s", "begin of the window that is used", unit="s"),
        float64("end_s", "end of the window that is used", unit="s"),
        float64("roi_x", "left side of the region that is used", unit="px"),
        float64("roi_y", "upper side of the region", unit="px"),
        float64("roi_w", "width of the region", unit="px"),
        float64("roi_h", "height of the region", unit="px"),
    ),
    Extra.MANIFEST,
)

LABELS = Table(
    "labels",
    "sources",
    "a label known beforehand, from the manifest or --labels; several that are all right are several rows",
    (
        ITEM,
        int64("frame", "number of the frame as decoded, from 0; -1: all frames, or known by its time"),
        TIME,
        string("track", "the object, where labels follow objects"),
        LABEL,
        LABEL_NAME,
        *BOX,
        string("source", "what the label comes from"),
    ),
    Extra.ANNOTATIONS,
)

TRANSITIONS = Table(
    "transitions",
    "transitions",
    "a frame, and what lies between it and the one before",
    (
        ITEM,
        FRAME,
        TIME,
        string("reason", 'why the two may not be compared; "" where they may, "first" for the very first'),
        PIXEL_CHANGE,
        *SHIFT,
        boolean("keyframe", "the coding of the recording begins anew with this frame"),
        PTS,
        CONTENT,
        boolean("corrupt", "the frame was damaged in decoding"),
    ),
)

CHANGES = Table(
    "changes",
    "variation",
    "a measured pair of frames and a quantity",
    (
        *PAIR,
        DELTA,
        SCALE,
        string("quantity", "what was measured: gain, offset, shift_x_px, ..."),
        string("who", "whose change it is: frame (the whole picture), camera or part (what moves)"),
        float64("value", "the change, signed; ratios lie about 1, all else about 0", unit="of the quantity"),
        boolean("valid", "the measurement passed its own test"),
        float64("error", "standard error of the value", unit="of the quantity"),
    ),
)

VARIATION = Table(
    "variation",
    "variation",
    "an input, a distance in time and a quantity",
    (
        ITEM,
        SCALE,
        string("quantity", "what was measured"),
        string("unit", "its unit"),
        float64("p50", "median of the absolute change, |ratio - 1| of ratios", unit="of the quantity"),
        float64("p95", "95th percentile of the same", unit="of the quantity"),
        float64("p99", "99th percentile of the same", unit="of the quantity"),
        int64("n", "measured pairs"),
        float64("valid", "share of them that passed the measurement's own test"),
        float64("error", "median standard error of the valid ones", unit="of the quantity", absent=UNKNOWN),
        float64("resolved", "share of valid ones whose change exceeds two standard errors", absent=UNKNOWN),
        string(
            "who", "whose change it is: frame (the whole picture), camera or part (what moves)", absent=""
        ),
    ),
)

SPREAD = Table(
    "spread",
    "variation",
    "an input and a quantity: how its condition is spread about its median",
    (
        ITEM_OR_ALL,
        string("quantity", "what was measured"),
        string("unit", "its unit"),
        float64(
            "spread", "half the 2.5th to 97.5th percentile without the meter's error", unit="of the quantity"
        ),
        float64("low", "2.5th percentile about the median; ratios about 1", unit="of the quantity"),
        float64("high", "97.5th percentile about the median", unit="of the quantity"),
        float64("least", "the smallest value about the median", unit="of the quantity"),
        float64("most", "the largest value about the median", unit="of the quantity"),
        float64("error", "the meter's own standard error", unit="of the quantity"),
        int64("n", "values the percentiles stand on"),
        float64("share", "of lengths: the spread as a share of the frame's width"),
        string("basis", "the distance in time of the pairs it stands on: clip, second or adjacent"),
    ),
)

PLAYER_FRAMES = Table(
    "player_frames",
    "moments",
    "a picture of the report's player: a frame, or the difference of a flip's two frames",
    (
        ITEM,
        FRAME,
        string("kind", "frame, or difference: of this frame and the one before"),
        float64("factor", "by which a difference is magnified; 1 of a frame"),
        string("picture", "a JPEG in base64"),
    ),
)

TABLES = (ITEMS, LABELS, TRANSITIONS, CHANGES, VARIATION, SPREAD, PLAYER_FRAMES)
