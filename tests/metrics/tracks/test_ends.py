"""Objects lost for good and objects that leave, at speeds from 1 to 80 px a frame: frames counted by hand."""

import numpy as np
import pytest

from tests.metrics.tracks.planted import item
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import measure
from vidrobust.metrics.tracks.states import decide

BAND = TrackSettings()
WIDTH, SIDE = 640, 60
SPEEDS = (1, 4, 8, 16, 32, 56, 80)
EDGE = 1.5
"""A box so near to the edge, px, is cut by it: what follows is its exit, no miss."""


def going(speed, *, lost_at, objects=3):
    """Objects go to the right, one above the other, and have no box from ``lost_at`` px on.

    Also returns the frames in which one of them is wholly in view and has no box, up to a second.
    """
    frames = int(np.ceil((WIDTH + 2 * SIDE) / speed)) + 2
    rows = []
    for k in range(objects):
        for f in range(frames):
            left = 2.0 + speed * f
            right = min(left + SIDE, WIDTH)
            # of less the follower waits for nothing
            if left < lost_at and right - left > 0.4 * SIDE:
                rows.append((f, (left, 5.0 + 80 * k, right, 5.0 + 80 * k + SIDE), 0.9, 1))
    left_sides = [2.0 + speed * frame for frame in range(frames)]
    missed = sum(lost_at <= left < WIDTH - EDGE - SIDE for left in left_sides)
    found = item(rows, frames, size=(80 * objects + 10, WIDTH), shift=(speed, 0.0))
    return measure(found, follow(found, BAND), BAND), min(missed, BAND.look_on)


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_frame_after_a_loss_half_way_is_counted(speed):
    found, missed = going(speed, lost_at=WIDTH / 2 - SIDE / 2)
    assert len(found.tracks) == 3
    assert set(found.tracks["ends"]) == {"mid-picture"}
    assert found.along["uncovered"].sum() == 3 * missed
    assert missed >= 3


@pytest.mark.parametrize("speed", SPEEDS)
def test_what_leaves_over_the_border_is_no_loss(speed):
    found, _ = going(speed, lost_at=np.inf)
    assert len(found.tracks) == 3
    assert set(found.tracks["ends"]) == {"border"}
    assert found.along["uncovered"].sum() == 0


@pytest.mark.parametrize("speed", [8, 24, 56, 80])
def test_a_box_lost_in_the_frame_before_the_border_is_an_exit(speed):
    """The last box lies less than one frame's way from the border."""
    found, _ = going(speed, lost_at=WIDTH - SIDE - EDGE - speed * 0.1)
    assert set(found.tracks["ends"]) == {"border"}
    assert found.along["uncovered"].sum() == 0


def test_frames_without_a_box_before_a_cut_are_missed():
    """At rest in mid-picture and lost three frames before the end: missed, whether or not it comes back."""
    rows = [(f, (300.0, 100.0, 360.0, 160.0), 0.9, 1) for f in range(17)]
    found = item(rows, 20)
    seen = measure(found, follow(found, BAND), BAND)
    assert seen.tracks["ends"].tolist() == ["cut"]
    assert seen.along["uncovered"].sum() == 3
    assert seen.tracks["vanished"].sum() == 0


def test_the_surest_evidence_decides():
    evidence = {
        "covered": np.array([True, True, False, True, False]),
        "behind": np.array([True, False, False, True, False]),
        "border": np.array([True, False, False, False, False]),
        "occluder": np.array([False, False, True, True, False]),
    }
    state, why = decide(evidence, "missed")
    assert state.tolist() == ["out", "covered", "hidden", "hidden", "missed"]
    assert why.tolist() == ["border", "covered", "occluder", "occluder", ""]


@pytest.mark.parametrize(("speed", "late"), [(4, 22), (10, 12), (40, 3), (60, 3)])
def test_a_late_first_box_is_counted_in_frames(speed, late):
    """Comes in from the left, wholly in view for ``late`` frames before its first box."""
    rows = []
    # the first frame in which the left side is in view
    first = int(np.ceil((EDGE + 0.01 + SIDE) / speed))
    for f in range(first + late, int((WIDTH + SIDE) / speed)):
        left, right = speed * f - SIDE, min(speed * f, WIDTH)
        if right - left > 0.4 * SIDE:
            rows.append((f, (left, 100.0, right, 160.0), 0.9, 1))
    found = item(rows, int((WIDTH + SIDE) / speed) + 2, size=(400, WIDTH), shift=(speed, 0.0))
    seen = measure(found, follow(found, BAND), BAND)
    assert seen.tracks["begins"].tolist() == ["mid-picture"]
    assert seen.tracks["late"].tolist() == [late]


def test_objects_there_from_the_start_or_found_at_the_border_are_not_late():
    found, _ = going(8, lost_at=np.inf)
    assert found.tracks["late"].isna().all()  # there in the first frame
    rows = [(f, (max(8.0 * f - 100, 0), 100.0, 8.0 * f - 40, 160.0), 0.9, 1) for f in range(6, 60)]
    rows += [(30, (300.0, 300.0, 340.0, 340.0), 0.9, 2)]  # one box alone may be a false alarm
    boxes = item(rows, 60, size=(400, WIDTH))
    late = measure(boxes, follow(boxes, BAND), BAND).tracks["late"].to_numpy()
    np.testing.assert_array_equal(late, [0, np.nan])
