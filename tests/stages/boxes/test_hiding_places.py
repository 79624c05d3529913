"""A pillar behind which objects go is suggested; faults all over the picture are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.stages.boxes.pictures import hiding_places, sentence


def ended(at: list[tuple[float, float, bool, bool]]) -> pd.DataFrame:
    """Objects of two boxes of 20 px: x of the first and of the last, and whether they are found late and lost."""
    rows = []
    for number, (start, stop, late, lost) in enumerate(at):
        states = [*(["late"] if late else []), "covered", "covered", *(["lost"] if lost else [])]
        xs = [*([start] if late else []), start, stop, *([stop] if lost else [])]
        for frame, (state, x) in enumerate(zip(states, xs, strict=True)):
            box = {"x1": x - 10, "y1": 50.0, "x2": x + 10, "y2": 70.0}
            about = {"state": state, "evidence": "box" if state == "covered" else "after", "alarm": 0.0}
            rows.append({"model": "m", "item": "belt", "track": number, "frame": frame, **about, **box})
    return pd.DataFrame(rows)


def test_a_pillar_is_found_between_where_objects_go_and_come() -> None:
    before = [(0.0, 100.0 + k, False, True) for k in range(6)]
    behind = [(112.0 + k, 200.0, True, False) for k in range(5)]
    (place,) = hiding_places(ended([*before, *behind, (0, 30.0, False, True)]))
    assert (place.vanish, place.appear, place.of_vanished, place.of_appeared) == (6, 5, 7, 5)
    assert 90 <= place.x <= 105
    assert 112 <= place.x + place.width <= 126
    assert (place.y, place.height) == (50, 20)
    assert f"--occluder {place.x},50,{place.width},20" in sentence(place)


def test_ends_all_over_the_picture_are_no_place() -> None:
    spread = np.arange(8) * 60.0
    assert hiding_places(ended([(x, x + 25, True, True) for x in spread.tolist()])) == []
    few = [(0.0, 100.0, False, True)] * 4 + [(110.0, 200.0, True, False)] * 9
    assert hiding_places(ended(few)) == []
