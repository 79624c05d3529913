"""Tables of a run, written down by hand."""

import pandas as pd

from vidrobust.tables import schema as tables


def frames_table(rows):
    """rows (item, frame, margin)."""
    table = pd.DataFrame(rows, columns=["item", "frame", "margin"])
    table = table.assign(time_s=table["frame"] / 10, model="net", label=0, label_name="bolt")
    table = table.assign(probability=0.5, second_label=1, entropy=1.0, track=0, keyframe=False)
    return tables.check("frames", table)


def pairs_table(rows):
    """rows (item, frame_a, excluded, total_variation, pixel_change), adjacent."""
    names = ["item", "frame_a", "excluded", "total_variation", "pixel_change"]
    table = pd.DataFrame(rows, columns=names)
    frame, moved = table["frame_a"], table["total_variation"]
    table = table.assign(frame_b=frame + 1, delta_frames=1, delta_ms=100.0, time_s=frame / 10)
    table = table.assign(model="net", kind="adjacent", track=0, label_flip=moved > 0.5)
    table = table.assign(top1_probability_change=moved, jensen_shannon=0.0, top5_distance=0.0)
    return tables.check("pairs", table)


def sensitivity_table(rows, **columns):
    """rows (item, frame, perturbation, strength, draw, value)."""
    names = ["item", "frame", "perturbation", "strength", "draw", "value"]
    table = pd.DataFrame(rows, columns=names).assign(model="net", metric="total_variation")
    return tables.check("sensitivity", table.assign(**columns))
