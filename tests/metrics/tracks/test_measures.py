"""Numbers of planted detectors: what was put there comes out, and what is no fault costs nothing."""

import numpy as np
import pandas as pd
import pytest

from tests.metrics.tracks.planted import box, item, standing
from vidrobust.metrics.tracks.curve import curve
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import duplicate_boxes, measure
from vidrobust.metrics.tracks.states import lives

BAND = TrackSettings()


def measured(found):
    return measure(found, follow(found, BAND), BAND)


def missed(found):
    along = measured(found).along
    return along.loc[along["missed"] == 1, "row"].tolist()


def test_planted_dropouts():
    """Frames 0 to 19 but 4, 9 and 10: 3 of 20 missed, in two gaps, so three fragments."""
    found = measured(item(standing([f for f in range(20) if f not in (4, 9, 10)]), 20))
    assert found.along["missed"].sum() == 3
    assert len(found.along) == 20
    assert found.tracks["fragments"].tolist() == [3]
    assert found.tracks[["frames", "boxes"]].to_numpy().tolist() == [[20, 17]]


def test_entering_and_leaving_is_no_dropout():
    """Out over the right edge, unseen in frames 5 and 6, and back in; what is between is the border's."""
    xs = [970, 975, 980, 985, 990, None, None, 990, 985, 980]
    rows = [(f, (x - 25, 160, min(x + 25, 1000), 240), 0.9, 1) for f, x in enumerate(xs) if x]
    found = item(rows, 10)
    assert missed(found) == []
    assert lives(found, follow(found, BAND), BAND).rows.state.tolist() == ["out", "out"]
    assert measured(found).tracks["ends"].tolist() == ["border"]


def test_an_object_at_rest_at_the_border_can_be_missed():
    rows = [(f, (0.0, 100.0, 60.0, 200.0), 0.9, 1) for f in range(10) if f != 5]
    assert missed(item(rows, 10)) == [5]


def test_behind_another_object_is_no_dropout():
    """A large box passes over a standing one, which has no box while it is covered: frames 4 to 6."""
    rows = standing([0, 1, 2, 3, 7, 8, 9], x=500)
    rows += [(f, box(500 + 60 * (f - 5), 200, 160, 160), 0.9, 2) for f in range(10)]
    assert missed(item(rows, 10)) == []


def test_covered_all_along_is_not_behind():
    """A box that lies over the object before, in and after the gap does not explain it."""
    rows = standing([0, 1, 2, 4, 5], x=500)
    rows += [(f, box(500, 200, 200, 160), 0.9, 2) for f in range(6)]
    assert missed(item(rows, 6)) == [3]


def test_planted_renames():
    """A A B A A C C C: three flips in seven steps, and one excursion that comes back."""
    rows = [(f, box(300, 200), 0.9, label) for f, label in enumerate((1, 1, 2, 1, 1, 3, 3, 3))]
    along = measured(item(rows, 8)).along
    assert along["flip"].tolist()[1:] == [0, 1, 1, 0, 1, 0, 0]
    assert np.isnan(along["flip"][0])
    assert along["revert_flip"].sum() == 1
    assert along["revert_flip"].count() == 7


def test_a_return_across_a_gap_counts_frames():
    """A B . . A: away for three frames, within 3; with another frame between, not."""
    for gap, expected in (((2, 3), 1), ((2, 3, 4), 0)):
        seen = [f for f in range(9) if f not in gap]
        rows = [(f, box(300, 200), 0.9, 2 if f == 1 else 1) for f in seen]
        assert measured(item(rows, 9)).along["revert_flip"].sum() == expected


@pytest.mark.parametrize("offset", [0.0, 7.0])
def test_offsets_and_steady_motion_cost_nothing(offset):
    """Moving by 5 px and growing by 2 px a frame."""
    rows = [(f, box(100 + 5 * f + offset, 200, 50 + 2 * f, 80 + 2 * f), 0.9, 1) for f in range(30)]
    along = measured(item(rows, 30)).along
    for name in ("score_jitter", "center_jitter", "size_jitter"):
        assert along[name].count() == 28
        assert along[name].max() < 1e-12


def test_planted_jitter():
    """Every other frame 3 px to the right, .1 less sure, 4 px wider: second differences of 6 px, .2 and 8 px."""
    turns = [frame % 2 for frame in range(10)]
    boxes = [(box(300 + 3 * odd, 200, 50 + 4 * odd, 80), 0.9 - 0.1 * odd) for odd in turns]
    rows = [(frame, place, score, 1) for frame, (place, score) in enumerate(boxes)]
    along = measured(item(rows, 10)).along
    sides = np.sqrt([80 * (50 + 4 * (f % 2)) for f in range(1, 9)])
    np.testing.assert_allclose(along["center_jitter"].dropna(), 6 / sides)
    np.testing.assert_allclose(along["size_jitter"].dropna(), 8 / sides)
    np.testing.assert_allclose(along["score_jitter"].dropna(), 0.2)


def test_jitter_needs_three_frames_in_a_row():
    along = measured(item(standing([0, 1, 3, 4, 5]), 6)).along
    assert along["center_jitter"].count() == 1


def test_a_box_that_comes_in_over_the_border_does_not_jitter():
    """Its left side stays at 0 until all of it is there: a kink of the box, none of the detector."""
    rows = [(f, (max(0.0, 10.0 * f - 60), 100.0, 10.0 * f + 20, 200.0), 0.9, 1) for f in range(14)]
    along = measured(item(rows, 14)).along
    assert along["size_jitter"].max() < 1e-12


def test_counts_and_duplicates():
    """Counts 1 2 1 1: second differences 2 and 1. Of two boxes of IoU .9 and one class the lesser is one."""
    rows = standing(range(4)) + standing([1], x=700)
    found = item(rows, 4)
    assert measured(found).counts["count_jitter"].tolist()[1:3] == [2, 1]
    same, near = (0, 0, 100, 100), (0, 0, 100, 90)
    again = item([(0, same, 0.9, 1), (0, near, 0.8, 1), (0, near, 0.7, 2)], 1)
    assert duplicate_boxes(again, 0.5).tolist() == [0, 1, 0]
    assert np.isnan(duplicate_boxes(again, 0.75)[2])


def test_no_boxes_at_all():
    found = measured(item([], 5))
    assert (len(found.along), len(found.tracks), len(found.counts)) == (0, 0, 5)
    assert found.counts["count_jitter"].dropna().tolist() == [0, 0, 0]
    assert isinstance(found.tracks, pd.DataFrame)


def test_labels_and_sizes_of_tracks():
    rows = [(f, box(300, 200, 30, 30), 0.9, 5 if f else 2) for f in range(5)]
    rows += [(f, box(700, 200, 100, 100), 0.9, 3) for f in range(5)]
    tracks = measured(item(rows, 5)).tracks
    assert tracks["track_label"].tolist() == [5, 3]
    assert tracks["size"].tolist() == ["small", "large"]


def test_the_curve_over_thresholds():
    """Scores .9 but .55 in frames 4 and 5: found up to a start score of .75 (kept from .55), missed beyond."""
    rows = [(f, box(300, 200), 0.55 if f in (4, 5) else 0.9, 1) for f in range(10)]
    found = curve(item(rows, 10), BAND, (0.5, 0.75, 0.8, 0.95)).set_index("threshold")
    assert found["missed"].tolist() == [0, 0, 2, 0]
    assert found["tracks"].tolist() == [1, 1, 1, 0]
