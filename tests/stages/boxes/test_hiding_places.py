"""A pillar behind which objects go is suggested; faults all over the picture are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.stages.boxes.pictures import hiding_places, sentence


def ended(at: list[tuple[float, float, bool, bool]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tracks of two boxes of 20 px: x of the first and of the last, and whether they appear and vanish."""
    tracks, boxes = [], []
    for number, (start, stop, appeared, vanished) in enumerate(at):
        keys = {"model": "m", "item": "belt", "track": number}
        tracks.append({**keys, "appeared": float(appeared), "vanished": float(vanished)})
        boxes += [
            {**keys, "frame": 10 * number + k, "x1": x - 10, "y1": 50.0, "x2": x + 10, "y2": 70.0}
            for k, x in enumerate((start, stop))
        ]
    return pd.DataFrame(tracks), pd.DataFrame(boxes)


def test_a_pillar_is_found_between_where_objects_go_and_come() -> None:
    before = [(0.0, 100.0 + k, False, True) for k in range(6)]
    behind = [(112.0 + k, 200.0, True, False) for k in range(5)]
    tracks, boxes = ended([*before, *behind, (0, 30.0, False, True)])
    (place,) = hiding_places(tracks, boxes)
    assert (place.vanish, place.appear, place.of_vanished, place.of_appeared) == (6, 5, 7, 5)
    assert 90 <= place.x <= 105
    assert 112 <= place.x + place.width <= 126
    assert (place.y, place.height) == (50, 20)
    assert f"--occluder {place.x},50,{place.width},20" in sentence(place)


def test_ends_all_over_the_picture_are_no_place() -> None:
    spread = np.arange(8) * 60.0
    tracks, boxes = ended([(x, x + 25, True, True) for x in spread.tolist()])
    assert hiding_places(tracks, boxes) == []
    few = [(0.0, 100.0, False, True)] * 4 + [(110.0, 200.0, True, False)] * 9
    assert hiding_places(*ended(few)) == []
