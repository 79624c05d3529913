"""What covers a place: a box on it, or one that holds it."""

import pytest

from tests.metrics.tracks.planted import box, item
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import measure

SETTINGS = TrackSettings()


def whole_and_part(label, side):
    """A box of 200 x 200 px at rest, and for ten frames one of ``side`` within it, of this class or another."""
    rows = [(f, box(300, 200, 200, 200), 0.9, 1) for f in range(40)]
    rows += [(f, box(340, 240, side, side), 0.6, label) for f in range(10)]
    found = item(rows, 40)
    return measure(found, follow(found, SETTINGS), SETTINGS)


@pytest.mark.parametrize(
    ("label", "side", "fault"),
    [(1, 60, False), (2, 60, True), (2, 100, False), (2, 98, True)],
    ids=["same class", "small, other class", "a quarter, other class", "less than a quarter"],
)
def test_a_part_that_ends_within_a_box_that_holds_it(label, side, fault):
    """One of the same class has not vanished; one of another class has, unless the box is not much larger."""
    found = whole_and_part(label, side)
    part = found.tracks[found.tracks["boxes"] == 10]
    assert len(part) == 1
    assert (part["ends"].iloc[0] == "mid-picture") == fault
    along = found.along[found.along["track"] == part["track"].iloc[0]]
    assert (along["uncovered"].sum() > 0) == fault
    others = found.along[found.along["track"] != part["track"].iloc[0]]
    assert others["uncovered"].sum() == 0


def test_the_worker_does_not_hide_his_helmet():
    """Three quarters lie in his box, all of it where it is lost: in frames 10 to 12, and from 30 on."""
    rows = []
    for f in range(50):
        top = 75 if 10 <= f <= 12 or f >= 30 else 85
        rows.append((f, (260.0 + 2 * f, float(top), 340.0 + 2 * f, 300.0), 0.9, 1))
        if not 10 <= f <= 12 and f < 30:
            rows.append((f, box(300 + 2 * f, 95, 40, 40), 0.8, 2))
    found_in = item(rows, 50)
    found = measure(found_in, follow(found_in, SETTINGS), SETTINGS)
    helmet = found.tracks.loc[found.tracks["boxes"] == 27, "track"].item()
    along = found.along[found.along["track"] == helmet]
    assert along.loc[along["missed"] == 1, "row"].tolist() == [10, 11, 12]
    assert found.tracks.loc[found.tracks["track"] == helmet, "vanished"].item() == 1
    assert along.loc[along["state"] == "lost", "row"].tolist() == list(range(30, 50))
