"""Walkers over a line, visitors of a zone, and alarms: every figure counted by hand."""

import os

import numpy as np
import pandas as pd
import pytest

from tests.metrics.tracks.planted import box, item
from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.plugins.decisions.decide import (
    ClipTimes,
    compared_alarm,
    compared_crossings,
    compared_zone,
    counted_paths,
    crossings,
    occupancy,
    path_rows,
)
from vidrobust.plugins.decisions.places import LineOrZone, place_of, read_places

# drawn upwards: to the right of it is x > 500
DOOR = LineOrZone("door", ((500.0, 400.0), (500.0, 0.0)))
FOOTAGE = ClipTimes("street", np.arange(100) / 25)


def walk(frames, *, speed=10.0, y=200.0):
    """To the right from x 55: the anchor is on the line at x 500 between frames 44 and 45."""
    return [(f, box(55 + speed * f, y), 0.9, 1) for f in frames]


def counted(rows):
    return counted_paths(item(rows, 100, shift=None), TrackSettings(), "bottom")


def known(xs, y=200.0):
    corners = pd.DataFrame([box(x, y) for x in xs], columns=["x1", "y1", "x2", "y2"])
    corners["row"] = range(len(xs))
    return path_rows(corners, "bottom", np.zeros(len(xs), int), np.ones(len(xs), bool))


TRUTH = known([55 + 10.0 * f for f in range(80)])


def compared(rows):
    reference = crossings(TRUTH, DOOR, FOOTAGE, settled=True)
    assert reference[["row", "direction"]].to_numpy().tolist() == [[45, 1]]
    found = crossings(counted(rows), DOOR, FOOTAGE, settled=False)
    return compared_crossings(reference, found, FOOTAGE)


ALWAYS = {"counted": 1, "lost": 0, "double": 0, "false": 0, "late": 0}


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (list(range(80)), ALWAYS),
        # without a box from frame 40 to 52: a counter forgets it after five frames
        ([*range(40), *range(53, 80)], {**ALWAYS, "counted": 0, "lost": 1}),
        ([*range(43), *range(47, 80)], ALWAYS),
    ],
    ids=["always found", "lost at the line", "a short gap at the line"],
)
def test_a_walker_over_a_line(frames, expected):
    assert {name: compared(walk(frames))[name] for name in expected} == expected


def test_a_box_that_shakes_on_the_line_is_counted_double():
    rows = walk(list(range(80)))
    for f, x in ((45, 505), (46, 497), (47, 510)):
        rows[f] = (f, box(x, 200), 0.9, 1)
    found = compared(rows)
    assert (found["counted"], found["double"], found["false"]) == (3, 1, 1)  # once more each way


def test_beside_the_ends_of_a_line_nothing_is_counted():
    short = LineOrZone("gate", ((500.0, 100.0), (500.0, 50.0)))
    assert crossings(TRUTH, short, FOOTAGE, settled=True).empty


def test_time_in_a_zone_and_wrong_occupancy():
    """The anchor is in x 300 to 400 in frames 25 to 34 (305 to 395); the box is missing in four of these ten."""
    zone = LineOrZone("dock", ((300.0, 0.0), (400.0, 0.0), (400.0, 400.0), (300.0, 400.0)))
    assert np.flatnonzero(occupancy(TRUTH, zone, FOOTAGE)).tolist() == list(range(25, 35))
    seen = counted(walk([f for f in range(80) if f not in (26, 27, 28, 30)]))
    found = compared_zone(TRUTH, seen, zone, FOOTAGE)
    assert found["dwell_s"] == pytest.approx(10 / 25)
    assert found["counted_dwell_s"] == pytest.approx(6 / 25)
    assert found["occupancy_error"] == found["wrong_frames"] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("0111110000", {"missed": 0, "late": 0, "repeated": 0, "false": 0}),
        ("0101000000", {"missed": 1, "late": 0, "repeated": 0, "false": 0}),
        ("0010110000", {"missed": 0, "late": 1, "repeated": 0, "false": 0}),
        ("1110000000", {"missed": 0, "late": 0, "repeated": 0, "false": 0}),
    ],
)
def test_an_alarm_of_three_in_five(signal, expected):
    """Something is there in frames 1 to 5."""
    there = np.array([0, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    found = compared_alarm(there, np.array([int(each) for each in signal]), 3, 5)
    assert found["presences"] == 1
    assert {name: found[name] for name in expected} == expected


def test_an_alarm_that_rings_twice_and_one_for_nothing():
    there, signal = np.zeros(60, int), np.zeros(60, int)
    there[5:35] = 1
    signal[5:10] = signal[25:30] = signal[50:55] = 1
    found = compared_alarm(there, signal, 3, 5)
    assert (found["missed"], found["repeated"], found["false"]) == (0, 1, 1)


def test_places_as_written_and_from_files(tmp_path):
    assert place_of("door:1,2,3,4", "line", 1) == LineOrZone("door", ((1.0, 2.0), (3.0, 4.0)))
    assert place_of("1,2,3,4,5,6", "zone", 2).name == "zone 2"
    for text, option in (("door:1,2,3", "line"), ("1,2,3,4", "zone"), ("door:a,b,c,d", "line")):
        with pytest.raises(SettingsError):
            place_of(text, option, 1)
    (tmp_path / "zones.json").write_text("[[[0, 0], [10, 0], [10, 10]], [[1, 2], [3, 4]]]")
    zone, line = read_places(tmp_path / "zones.json")
    assert (len(zone.points), line.is_line) == (3, True)
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(InputError):
        read_places(tmp_path / "empty.json")


@pytest.mark.parametrize(
    "content",
    ["[" * 5000, '{"a": {"points": []}}', '["ab"]', '{"a": [[1, 2]]}', "[[[1, NaN], [2, 3]]]"],
)
def test_places_that_are_none(content, tmp_path):
    (tmp_path / "zones.json").write_text(content)
    with pytest.raises((InputError, SettingsError)):
        read_places(tmp_path / "zones.json")


def test_a_pipe_is_not_read_as_places(tmp_path):
    os.mkfifo(tmp_path / "zones.json")
    with pytest.raises(InputError):
        read_places(tmp_path / "zones.json")
