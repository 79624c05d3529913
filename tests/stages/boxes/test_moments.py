"""Which moment of a detector is worst: by hand, one object missed for one frame at .9, another for six at .6."""

import pandas as pd

from vidrobust.stages.boxes.moments import choose


def track(number, frames, missing, score):
    steps, boxes = [], []
    for frame in range(frames):
        lost = frame in missing
        place = {"x1": 1.0, "y1": 2.0, "x2": 30.0, "y2": 40.0}
        of = {"item": "a", "track": number, "frame": frame}
        evidence, state = ("none", "missed") if lost else ("box", "covered")
        steps.append(
            {**of, "time_s": frame / 10, "state": state, "evidence": evidence, "flip": 0.0}
            | {"uncovered": float(lost), "label_name": "cup", **place}
        )
        if not lost:
            boxes.append({**of, "score": score, "label_name": "cup"})
    return steps, boxes


def test_six_frames_in_a_row_come_before_one():
    one, six = track(1, 40, {5}, 0.9), track(2, 40, range(25, 31), 0.6)
    steps, boxes = (pd.DataFrame([*a, *b]) for a, b in zip(one, six, strict=True))
    moments = choose("net", steps, boxes)
    assert [(m.track, m.what) for m in moments] == [
        (2, "cup is missed for 6 frames"),
        (1, "cup is missed for 1 frame"),
    ]
    assert [m.sure for m in moments] == [0.6, 0.9]
