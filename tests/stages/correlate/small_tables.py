"""Tables of a run, written down by hand."""

from __future__ import annotations

import pandas as pd

from vidrobust.tables import schema as tables


def frames_table(rows):
    """rows (item, frame, margin)."""
    table = pd.DataFrame(rows, columns=["item", "frame", "margin"])
    table = table.assign(
        time_s=table["frame"] / 10,
        model="net",
        label=0,
        label_name="bolt",
        probability=0.5,
        second_label=1,
        entropy=1.0,
        track=0,
        keyframe=False,
    )
    return tables.check("frames", table)


def pairs_table(rows):
    """rows (item, frame_a, excluded, total_variation, pixel_change), adjacent."""
    table = pd.DataFrame(
        rows, columns=["item", "frame_a", "excluded", "total_variation", "pixel_change"]
    )
    table = table.assign(
        frame_b=table["frame_a"] + 1,
        delta_ms=100.0,
        model="net",
        kind="adjacent",
        label_flip=table["total_variation"] > 0.5,
        top1_probability_change=table["total_variation"],
        jensen_shannon=0.0,
        top5_distance=0.0,
        track=0,
        time_s=table["frame_a"] / 10,
        delta_frames=1,
    )
    return tables.check("pairs", table)


def sensitivity_table(rows, **columns):
    """rows (item, frame, perturbation, strength, draw, value)."""
    names = ["item", "frame", "perturbation", "strength", "draw", "value"]
    table = pd.DataFrame(rows, columns=names).assign(model="net", metric="total_variation")
    return tables.check("sensitivity", table.assign(**columns))
