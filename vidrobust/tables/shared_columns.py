"""Columns that several tables have, and mean the same in each."""

from __future__ import annotations

from vidrobust.tables.table import UNKNOWN, Column, float64, int64, string

ITEM = string("item", "name of the input")
ITEM_OR_ALL = string("item", 'name of the input; "" over all of them')
MODEL = string("model", "name of the model")
FRAME = int64("frame", "number of the frame as decoded, from 0")
FRAME_A = int64("frame_a", "number of the first frame of the pair, from 0")
FRAME_B = int64("frame_b", "number of the second frame of the pair, from 0")
PTS = int64(
    "pts", "presentation time stamp in ticks of the stream; -2**63 where it has none", absent=-(2**63)
)
CONTENT = string("content", "hash of the decoded RGB bytes (XXH3, 64 bits)", absent="")
TIME = float64("time_s", "presentation time of the frame", unit="s")
TIME_A = float64("time_s", "presentation time of the first frame", unit="s")
DELTA = float64("delta_ms", "time from the first frame to the second; negative for one before", unit="ms")
PAIR = (ITEM, FRAME_A, FRAME_B)
TRACK = int64("track", "number of the track the row belongs to")
LABEL = int64("label", "number of the class")
LABEL_NAME = string("label_name", "name of the class")
EXCLUDED = string("excluded", 'why the pair does not count; "" where it does')
PIXEL_CHANGE = float64(
    "pixel_change",
    "mean absolute difference of luma, frames averaged down to 160 px width",
    unit="levels of 255",
)
SHIFT = (
    float64("shift_x", "shift of the picture to the right since the frame before", unit="share of the width"),
    float64("shift_y", "shift of the picture downwards since the frame before", unit="share of the width"),
)
BOX = (
    float64("x1", "left side of the box", unit="px"),
    float64("y1", "upper side of the box", unit="px"),
    float64("x2", "right side of the box", unit="px"),
    float64("y2", "lower side of the box", unit="px"),
)
PART = string("part", "the part that the input shows, where the manifest names parts", absent="")
SIZE = string("size", "small, medium or large, by area as in COCO (below 32 px squared, below 96 px squared)")
INTERVAL = (
    float64("low", "lower end of the 95 % interval"),
    float64("high", "upper end of the 95 % interval"),
)
CLUSTERS = (
    string("cluster", "what was taken as independent for the interval: part, item, stretch", absent=""),
    int64("clusters", "how many of those there are", absent=0),
)
EXACT = (
    float64(
        "exact_low",
        "lower end of the interval as if all n were independent; of right answers",
        absent=UNKNOWN,
    ),
    float64("exact_high", "upper end of the same", absent=UNKNOWN),
)
SCALE: Column = string(
    "scale", "distance in time: adjacent (neighbours), second (about a second apart), clip"
)
