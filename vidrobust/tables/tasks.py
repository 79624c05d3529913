"""Tables of models of tasks that plugins bring: a frame, a pair of frames, a part of a frame's answer."""

from __future__ import annotations

from vidrobust.tables.table import (
    DELTA,
    EXCLUDED,
    FRAME,
    ITEM,
    MODEL,
    PAIR,
    PIXEL_CHANGE,
    TIME,
    TIME_A,
    TRACK,
    Extra,
    Table,
    float64,
    int64,
    string,
)

TASK_FRAMES = Table(
    "task_frames",
    "stability",
    "a frame and model",
    (
        *(ITEM, FRAME, TIME, MODEL),
        string("answer", "the answer in a few words"),
        float64("sure", "how sure the model is, from 0 to 1"),
    ),
    Extra.METRICS,
)
TASK_PAIRS = Table(
    "task_pairs",
    "stability",
    "a pair of neighbouring frames and model",
    (
        *(*PAIR, DELTA, MODEL),
        string("kind", "adjacent"),
        *(EXCLUDED, PIXEL_CHANGE, TIME_A),
        int64("delta_frames", "distance in delivered frames"),
    ),
    Extra.METRICS,
)
TASK_PARTS = Table(
    "task_parts",
    "stability",
    "a part of a frame's answer, such as a class of a mask or a joint of a person, and model",
    (*(ITEM, FRAME, TIME, MODEL), string("component", "its name"), TRACK),
    Extra.METRICS,
)
TASK_TRUTH = Table(
    "task_truth",
    "stability",
    "a frame with a label and model",
    (ITEM, FRAME, TIME, MODEL),
    Extra.METRICS,
)
TABLES = (TASK_FRAMES, TASK_PAIRS, TASK_PARTS, TASK_TRUTH)
