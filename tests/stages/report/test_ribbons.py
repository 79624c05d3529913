"""The ribbon of an object behind a rule, counted by hand."""

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.stages.remedies.box_rows import play_boxes
from vidrobust.stages.remedies.catalogue import box_rule
from vidrobust.stages.report.ribbons import RuledBoxes
from vidrobust.stages.stability.ribbon_section import NO_ANSWER

FRAMES, LOST, BOX = 12, 6, (40.0, 40.0, 90.0, 80.0)


def test_a_rule_that_holds_boxes_closes_the_gap_in_the_ribbon_of_an_object():
    """An object at rest in 12 frames of 25 per second has no box in the seventh."""
    seen = np.array([k for k in range(FRAMES) if k != LOST])
    boxes = ItemBoxes(
        frame=seen,
        boxes=np.tile(BOX, (len(seen), 1)),
        scores=np.full(len(seen), 0.9),
        labels=np.full(len(seen), 2),
        shift=np.zeros((len(seen), 2)),
        num_frames=FRAMES,
        joined=np.ones(FRAMES, bool),
        size=(120, 160),
    )
    corners = dict(zip(("x1", "y1", "x2", "y2"), BOX, strict=True))
    steps = pd.DataFrame(
        {"frame": 100 + np.arange(FRAMES), "time_s": np.arange(FRAMES) / 25, "label": 2}
    ).assign(**corners, uncovered=(np.arange(FRAMES) == LOST).astype(float))
    tracks = TrackSettings()
    ribbons = [
        RuledBoxes(rule, shown, tracks, {100 + k: k for k in range(FRAMES)}, {2: "car"}).ribbon(
            steps
        )
        for rule, shown in (
            ("none", boxes),
            ("max-gap-1", play_boxes(box_rule("max-gap-1", tracks), boxes)),
        )
    ]
    without, held = ([str(name) for name in ribbon.label] for ribbon in ribbons)
    assert [k for k, name in enumerate(without) if name == NO_ANSWER] == [LOST]
    assert set(without) == {"car", NO_ANSWER}
    assert held[LOST] == "car"
    assert (ribbons[0].time_s == steps["time_s"]).all()
