"""Boxes along a track, by hand."""

import pytest

from vidrobust.footage.item import ObjectBoxes, crop_window


def test_between_labels_the_box_lies_on_a_straight_line():
    shown = ((0, 0, 4, 4), (8, 4, 12, 8), (8, 4, 16, 12))
    boxes = ObjectBoxes(places=(2.0, 3.0, 5.0), boxes=shown, counted=False)
    assert boxes.at(0, 2.25) == (2.0, 1.0, 6.0, 5.0)
    assert boxes.at(0, 3.0) == (8.0, 4.0, 12.0, 8.0)
    assert boxes.at(0, 4.0) == (8.0, 4.0, 14.0, 10.0)
    assert boxes.at(0, 1.99) == (0.0, 0.0, 4.0, 4.0)
    assert boxes.at(0, 1.9) is None
    assert boxes.at(0, 5.1) is None
    assert [boxes.is_past(0, t) for t in (4.9, 5.01, 5.1)] == [False, False, True]


def test_by_frame_numbers_times_do_not_matter():
    boxes = ObjectBoxes(places=(10, 13), boxes=((0, 0, 3, 3), (3, 0, 6, 3)), counted=True)
    assert boxes.at(11, 99.0) == (1.0, 0.0, 4.0, 3.0)
    assert [boxes.at(i, 0.0) is None for i in (9, 10, 13, 14)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((100, 100, 140, 120), 0.0, (100, 90, 40)),  # the longer side, about the middle (120, 110)
        ((100, 100, 140, 120), 0.25, (90, 80, 60)),
        ((0, 0, 40, 20), 0.25, (0, 0, 60)),  # moved in from -10, -20
        ((600, 340, 640, 360), 0.25, (580, 300, 60)),
        ((0, 0, 640, 200), 0.5, (140, 0, 360)),  # no longer than the frame is high
        ((5, 5, 5, 5), 0.0, (4, 4, 1)),
    ],
)
def test_the_window_about_a_box(box, margin, expected):
    x1, y1, x2, y2 = box
    assert crop_window((x1, y1, x2, y2), margin=margin, width=640, height=360) == expected


def test_what_is_no_track_is_refused():
    with pytest.raises(ValueError, match="expected as many places as boxes"):
        ObjectBoxes(places=(1.0,), boxes=(), counted=False)
    with pytest.raises(ValueError, match="expected rising numbers"):
        ObjectBoxes(places=(1.0, 1.0), boxes=((0, 0, 1, 1),) * 2, counted=False)
    with pytest.raises(ValueError, match="unit: expected px or share"):
        ObjectBoxes(places=(1.0,), boxes=((0, 0, 1, 1),), counted=False, unit="%")
