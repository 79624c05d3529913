"""Tracks of planted boxes, counted by hand."""

import numpy as np
import pytest

from tests.metrics.tracks.planted import box, item, standing
from vidrobust.errors import SettingsError
from vidrobust.metrics.tracks.borders import free_edge_velocity
from vidrobust.metrics.tracks.follow import TrackSettings, follow

BAND = TrackSettings()


def test_a_moving_object_is_found_again_over_so_many_frames_and_no_more():
    seen = [0, 1, 2, 8, 9, 16]  # 5 frames missing, then 6
    rows = [(f, box(100 + 10 * f, 200), 0.9, 1) for f in seen]
    assert follow(item(rows, 20), BAND).track.tolist() == [0, 0, 0, 0, 0, 1]


def test_what_stands_still_is_found_again_after_any_gap_under_its_name():
    seen = [0, 1, 7, 8, 200, 201]
    assert follow(item(standing(seen), 210), BAND).track.tolist() == [0] * 6
    other = standing([0, 1]) + standing([200, 201], label=2)
    assert follow(item(other, 210), BAND).track.tolist() == [0, 0, 1, 1]
    assert follow(item(standing(seen), 210, cuts=[100]), BAND).track.tolist() == [0, 0, 0, 0, 1, 1]


def test_the_band_of_scores():
    """Born at .5 or more, kept from .3 on."""
    rows = [(f, box(300, 200), s, 1) for f, s in enumerate((0.4, 0.5, 0.3, 0.29, 0.6, 0.4))]
    assert follow(item(rows, 6), BAND).track.tolist() == [-1, 0, 0, -1, 0, 0]


def test_the_class_is_not_required():
    rows = [(f, box(300, 200), 0.9, label) for f, label in enumerate((1, 2, 1))]
    assert follow(item(rows, 3), BAND).track.tolist() == [0, 0, 0]


def test_of_two_boxes_on_one_object_the_better_is_the_object():
    """A second name begins no object of its own; where it is surer, it is the object's box of the frame."""
    rows = []
    for f in range(6):
        wobble = 4 if f % 2 else 0
        rows.append((f, box(300 + wobble, 200), 0.9, 1))
        rows.append((f, box(304 - wobble, 200), 0.95 if f == 3 else 0.8, 2))
    found = follow(item(rows, 6), BAND)
    assert found.track.tolist() == [0, -1, 0, -1, 0, -1, -1, 0, 0, -1, 0, -1]
    assert found.second.tolist() == [-1, 0, -1, 0, -1, 0, 0, -1, -1, 0, -1, 0]


def test_a_cut_ends_every_track():
    assert follow(item(standing(range(6)), 6, cuts=[3]), BAND).track.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_belt_at_60_px_a_frame_makes_one_track():
    """Parts 50 px wide, 60 px apart, moving by 60 px: each comes to lie where the next one was."""
    rows, truth = [], []
    for f in range(8):
        for part in range(6):
            x = 100 + 60 * (f - part)
            if 30 <= x <= 970:
                rows.append((f, box(x, 200), 0.9, 1))
                truth.append(part)
    track = follow(item(rows, 8, shift=(60.0, 0.0)), BAND).track
    pairs = set(zip(truth, track.tolist(), strict=True))
    assert len(pairs) == 6  # one track for each part, and one part for each track
    assert len({t for _, t in pairs}) == 6


def test_a_gap_on_a_moving_belt_is_bridged_along_the_motion():
    rows = [(f, box(100 + 60 * f, 200), 0.9, 1) for f in (0, 1, 2, 5, 6)]
    assert follow(item(rows, 7, shift=(60.0, 0.0)), BAND).track.tolist() == [0] * 5


def test_without_pixels_the_own_velocity_carries_on():
    """20 px a frame: the overlap of 50 px boxes is .43; after a gap of two frames they do not overlap at rest."""
    rows = [(f, box(100 + 20 * f, 200), 0.9, 1) for f in (0, 1, 2, 5, 6)]
    assert follow(item(rows, 7), BAND).track.tolist() == [0] * 5


def test_crossing_objects_are_matched_one_to_one():
    rng = np.random.default_rng(0)
    rows, truth = [], []
    for f in range(40):
        for k in range(3):
            jitter = rng.normal(0, 1, 2)
            rows.append((f, box(200 + 120 * k + jitter[0], 200 + jitter[1]), 0.9, 1))
            truth.append(k)
    assert follow(item(rows, 40), BAND).track.tolist() == truth


def test_frames_without_boxes_and_a_thousand_boxes():
    assert follow(item([], 1000), BAND).track.tolist() == []
    grid = [(20 + 12 * (k % 40), 20 + 15 * (k // 40), k % 3) for k in range(1000)]
    rows = [(f, box(x + f, y, 10, 12), 0.9, label) for f in range(20) for x, y, label in grid]
    track = follow(item(rows, 20), BAND).track
    assert track.reshape(20, 1000).tolist() == [list(range(1000))] * 20


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"start_score": 0.2}, "got keep_score 0.3 and start_score 0.2"),
        ({"iou": 0.0}, "an iou in"),
        ({"max_gap": -1}, "a max_gap of 0 frames or more"),
    ],
)
def test_settings_are_checked(settings, says):
    with pytest.raises(SettingsError, match=says):
        TrackSettings(**settings)


def test_a_box_drawn_otherwise_at_the_border_has_not_moved():
    """What comes in keeps its size along the border: only then does its free edge tell how fast it moves."""
    size, since = (100, 200), np.ones((3, 1))
    before = np.array([[50.0, 0, 90, 20], [50.0, 0, 90, 20], [0.0, 0, 40, 20]])
    # comes in by 10 px; is drawn 25 px wider and 30 px longer; in the corner nothing tells the two apart
    now = np.array([[50.0, 0, 90, 30], [40.0, 0, 105, 50], [0.0, 0, 60, 50]])
    found = free_edge_velocity(before, now, since, size)
    assert found.tolist() == [[0, 10], [2.5, 0], [20, 30]]


def test_one_good_pair_is_not_given_up_for_two_lesser_ones():
    """The dog's box stays, and from frame 10 on a part of it is found instead of the leash below it.

    In sum leash to dog and dog to part overlap more than dog to dog.
    """
    dog, leash = (100.0, 100.0, 300.0, 300.0), (120.0, 200.0, 280.0, 330.0)
    part = (100.0, 100.0, 260.0, 240.0)
    rows = [(f, dog, 0.9, 1) for f in range(20)]
    rows += [(f, leash, 0.6, 1) for f in range(10)]
    rows += [(f, part, 0.4, 1) for f in range(10, 20)]
    found = item(rows, 20, shift=(0.0, 0.0))
    track = follow(found, TrackSettings()).track
    of_dog = track[(found.scores == 0.9) & (track >= 0)]
    assert len(of_dog) == 20
    assert len(np.unique(of_dog)) == 1


def test_a_box_drawn_about_more_of_its_object_has_not_moved():
    """A person at 4 px a frame, the upper half alone boxed in frame 10: the next box is expected where it is."""
    rows = []
    for f in range(20):
        bottom = 120.0 if f == 10 else 240.0
        rows.append((f, (50.0 + 4 * f, 40.0, 90.0 + 4 * f, bottom), 0.9, 1))
    track = follow(item(rows, 20), TrackSettings()).track
    assert track.tolist() == [0] * 20
