"""A pillar behind which objects go is suggested; faults all over the picture are not."""

from tests.metrics.tracks.planted import box, item
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import measure
from vidrobust.stages.boxes.pictures import hiding_places, sentence

BAND = TrackSettings()


def walkers(count, *, behind):
    """Go 10 px a frame, one after the other; no box from x 450 to 550, or in as many frames elsewhere each."""
    rows = []
    for k in range(count):
        for f in range(99):
            x = 5.0 + 10 * f
            start = 450 if behind else 150 + 100 * k
            if not start <= x <= start + 100:
                rows.append((f + 12 * k, box(x, 200), 0.9, 1))
    found = item(rows, 99 + 12 * count, shift=(10.0, 0.0))
    return measure(found, follow(found, BAND), BAND)


def places(found):
    return hiding_places(found.along.assign(model="m", item="belt"))


def test_a_pillar_is_found_where_objects_are_missed_and_none_is_seen():
    found = walkers(6, behind=True)
    assert len(found.tracks) == 6
    (place,) = places(found)
    assert (place.missed, place.seen) == (6, 0)
    assert 440 <= place.x + place.width / 2 <= 560
    assert f"--occluder {place.x},{place.y},{place.width},{place.height}" in sentence(place)
    behind = found.along[found.along["evidence"] == "place"]
    assert set(behind["state"]) == {"unknown"}
    assert len(behind) == 6 * 10
    assert found.along["uncovered"].sum() == 0


def test_a_few_objects_and_losses_all_over_the_picture_are_no_place():
    for found in (walkers(2, behind=True), walkers(6, behind=False)):
        assert places(found) == []
        assert found.along["uncovered"].sum() == len(found.tracks) * 10


def test_what_is_never_found_again_is_lost_and_hidden_by_nothing():
    """Eight objects lose their box at one place for good."""
    rows = [(f + 12 * k, box(5.0 + 10 * f, 200), 0.9, 1) for k in range(8) for f in range(45)]
    found = item(rows, 240, shift=(10.0, 0.0))
    seen = measure(found, follow(found, BAND), BAND)
    assert places(seen) == []
    assert (seen.along["state"] == "lost").sum() == 8 * BAND.look_on
