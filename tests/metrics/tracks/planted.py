"""Planted detectors: boxes whose faults are known because they were put there."""

import numpy as np

from vidrobust.metrics.tracks.item_boxes import ItemBoxes


def item(rows, num_frames, *, size=(400, 1000), shift=None, cuts=()):
    """The boxes of one item, sorted by frame; ``shift`` is what the pixels show for every box."""
    rows = sorted(rows, key=lambda row: row[0])
    joined = np.ones(num_frames, bool)
    joined[[0, *cuts]] = False
    return ItemBoxes(
        frame=np.array([r[0] for r in rows], np.int64),
        boxes=np.array([r[1] for r in rows], np.float64).reshape(-1, 4),
        scores=np.array([r[2] for r in rows], np.float64),
        labels=np.array([r[3] for r in rows], np.int64),
        shift=np.full((len(rows), 2), np.nan if shift is None else shift, np.float64),
        num_frames=num_frames,
        joined=joined,
        size=size,
    )


def box(x, y, width=50, height=80):
    """Around a centre."""
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def standing(frames, x=300, *, score=0.9, label=1):
    """An object that stands still, found in these frames."""
    return [(frame, box(x, 200), score, label) for frame in frames]
