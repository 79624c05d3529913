"""Objects, not boxes: worlds whose second names, duplicates, losses, exits and pillars were put there."""

import dataclasses

import pytest

from tests.metrics.tracks.planted import box, item, standing
from vidrobust.metrics.tracks.borders import EntryLine
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.measures import measure

BAND = TrackSettings()


def measured(found, settings=BAND):
    return measure(found, follow(found, settings), settings)


def share(found, column):
    return float(found.along[column].mean())


def test_a_second_name_that_blinks_is_no_dropout():
    """cup .8 always; bottle .7 on it in frames 3, 4 and 9: one object, a second box in 3 frames of 20."""
    rows = standing(range(20), score=0.8, label=1)
    rows += [(f, box(303, 202), 0.7, 2) for f in (3, 4, 9)]
    found = measured(item(rows, 20))
    assert len(found.tracks) == 1
    assert share(found, "missed") == share(found, "flip") == 0
    assert share(found, "second_box") == pytest.approx(3 / 20)


def test_where_the_name_is_lost_and_another_box_is_there_it_is_a_rename():
    rows = [r for r in standing(range(20), score=0.8, label=1) if r[0] not in (7, 8)]
    rows += [(f, box(303, 202), 0.7, 2) for f in (6, 7, 8)]
    found = measured(item(rows, 20))
    assert len(found.tracks) == 1
    assert share(found, "missed") == 0
    assert found.along["flip"].sum() == 2


@pytest.mark.parametrize("offset", [8, 20])
def test_four_objects_with_duplicates_are_four_objects_that_are_never_lost(offset):
    """A duplicate of 50 x 80 px, 8 to 20 px aside (IoU .72 to .43), in every third frame."""
    rows = []
    for f in range(60):
        for k in range(4):
            rows.append((f, box(120 + 200 * k, 200), 0.9, 1))
            if (f + k) % 3 == 0:
                rows.append((f, box(120 + 200 * k + offset, 200), 0.6, 1))
    found = measured(item(rows, 60))
    assert len(found.tracks) == 4
    assert share(found, "missed") == share(found, "uncovered") == 0
    assert found.tracks["fragments"].tolist() == [1] * 4
    assert share(found, "second_box") == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("run", [2, 6, 30])
def test_missing_half_the_time_is_missing_half_the_time_however_long_the_runs(run):
    """Three things at rest, found in runs and lost in runs as long; over 240 frames, the last run found."""
    rows = []
    for k in range(3):
        rows += standing([f for f in range(240) if (f // run) % 2 == 0], x=200 + 250 * k)
    found = measured(item(rows, 240))
    assert len(found.tracks) == 3
    runs = -(-240 // run)
    lost_runs = (runs - 1) // 2  # between two that are found
    seen = sum(1 for f in range(240) if (f // run) % 2 == 0)
    assert share(found, "missed") == pytest.approx(lost_runs * run / (lost_runs * run + seen))


@pytest.mark.parametrize(
    ("run", "vanish"), [(3, False), (5, False), (6, False), (20, False), (30, True)]
)
def test_a_moving_object_that_is_lost_for_long_has_vanished(run, vanish):
    """4 px a frame from x 100, without a box in ``run`` frames from 40 on, found until 180 in mid-picture.

    It is found again where its motion leads within a second.
    """
    rows = [(f, box(100 + 4 * f, 200), 0.9, 1) for f in range(181) if not 40 <= f < 40 + run]
    found = measured(item(rows, 181))
    assert found.tracks["vanished"].tolist() == ([1.0, 0.0] if vanish else [0.0])
    assert found.tracks["appeared"].tolist() == ([0.0, 1.0] if vanish else [0.0])
    lost = run if run <= BAND.look_on else BAND.look_on
    assert found.along["uncovered"].sum() == lost
    assert found.along["missed"].sum() == (0 if vanish else run)
    per_minute = found.counts["vanished_per_minute"].mean()
    assert per_minute == pytest.approx(60 * 25 / 181 if vanish else 0)


def test_longer_gaps_never_look_better():
    """The same share of frames lost, at rest and moving, in ever longer runs: the sum does not fall."""
    lines = []
    for run in (3, 5, 6, 10, 20):
        rows = [(f, box(60 + 4 * f, 100), 0.9, 1) for f in range(220) if (f // run) % 2 == 0]
        rows += standing([f for f in range(220) if (f // run) % 2 == 0], x=700)
        lines.append(share(measured(item(rows, 220)), "uncovered"))
    assert min(lines) > 0.4
    assert max(lines) - min(lines) < 0.05


def belt(step, pitch, *, count=8, known):
    """Parts of 50 x 80 px, ``pitch`` px apart, that go ``step`` px a frame and are cut off at both borders."""
    rows, truth = [], []
    frames = int((1000 + 100 + pitch * count) / step)
    for f in range(frames):
        for part in range(count):
            x1, _, x2, _ = box(-60 + step * f - pitch * part, 200)
            x1, x2 = max(x1, 0.0), min(x2, 1000.0)
            if x2 - x1 >= 6:
                rows.append((f, (x1, 160.0, x2, 240.0), 0.9, 1))
                truth.append(part)
    return item(rows, frames, shift=(step, 0.0) if known else None), truth


@pytest.mark.parametrize(
    ("step", "pitch", "known"),
    [
        *((6, 70, True), (12, 60, True), (20, 90, True), (28, 70, True), (60, 70, True)),
        *((6, 70, False), (12, 60, False), (20, 90, False)),
    ],
)
def test_a_part_that_leaves_takes_no_other_part_along(step, pitch, known):
    found, truth = belt(step, pitch, known=known)
    objects = follow(found, BAND)
    parts_of = {}
    for track, part in zip(objects.track.tolist(), truth, strict=True):
        parts_of.setdefault(track, set()).add(part)
    assert -1 not in parts_of
    assert all(len(parts) == 1 for parts in parts_of.values())
    seen = measured(found)
    assert seen.along["missed"].sum() == 0
    assert seen.tracks[["vanished", "appeared"]].to_numpy().sum() == 0


def test_a_pillar_that_is_named_hides_and_the_object_goes_on_behind_it():
    """An object goes 5 px a frame behind a pillar at x 450 to 550, where it has no box in 31 frames."""
    rows = [(f, box(100 + 5 * f, 200), 0.9, 1) for f in range(160) if not 425 <= 100 + 5 * f <= 575]
    found = item(rows, 160)
    assert measured(found).tracks["vanished"].sum() == 1
    named = dataclasses.replace(BAND, occluders=((450.0, 0.0, 100.0, 400.0),))
    seen = measured(found, named)
    assert len(seen.tracks) == 1
    without = seen.along[seen.along["evidence"] != "box"]
    assert without["state"].value_counts().to_dict() == {"hidden": 27, "missed": 4}


@pytest.mark.parametrize(
    ("first_seen", "begins"), [(0, "ignored"), (310, "ignored"), (400, "mid-picture")]
)
def test_objects_count_from_an_entry_line_on(first_seen, begins):
    """10 px a frame to the right over a line at x 300: one first seen well behind it has appeared too late."""
    line = EntryLine(300, 400, 300, 0)
    places = [(f, 105 + 10 * f) for f in range(60)]
    rows = [(f, box(x, 200), 0.9, 1) for f, x in places if x > max(first_seen, 300)]
    late = [(f, box(x, 300), 0.9, 1) for f, x in places if x > 300]
    seen = measured(item(rows + late, 80), dataclasses.replace(BAND, ignored=(line,)))
    assert sorted(seen.tracks["begins"]) == sorted([begins, "ignored"])
    assert seen.tracks["vanished"].sum() == 2  # both are lost at 695, far from every border
    without = measured(item(rows + late, 80))
    assert without.tracks["appeared"].sum() == 2


def test_what_goes_into_an_ignored_zone_has_not_vanished():
    rows = [(f, box(105 + 10 * f, 200), 0.9, 1) for f in range(30)]
    within = dataclasses.replace(BAND, ignored=((390.0, 100.0, 200.0, 200.0),))
    seen = measured(item(rows[:29], 60), within)
    assert seen.tracks["ends"].tolist() == ["ignored"]
    assert seen.along["uncovered"].sum() == 0


def test_where_another_object_lies_over_the_place_it_is_not_missed():
    """Two like things pass each other: the one behind has no box of its own where they overlap by half or more."""
    rows = []
    for f in range(60):
        x = 200 + 10 * f
        rows.append((f, box(x, 200), 0.9, 1))
        if not abs(x - 500) < 16:
            rows.append((f, box(500, 200), 0.8, 2))
    found = measured(item(rows, 60))
    assert len(found.tracks) == 2
    assert found.along["missed"].sum() == 0
    assert set(found.along["evidence"]) & {"covered", "behind"}


def test_tracks_that_are_too_short_count_for_nothing():
    rows = standing(range(30)) + [(f, box(700, 200), 0.9, 1) for f in (5, 6)]
    assert len(measured(item(rows, 30)).tracks) == 2
    found = measured(item(rows, 30), dataclasses.replace(BAND, min_boxes=3))
    assert len(found.tracks) == 1
    assert found.tracks["vanished"].sum() == 0


def test_a_class_may_have_a_threshold_of_its_own():
    rows = standing(range(10), score=0.6, label=1) + standing(range(10), x=700, score=0.6, label=2)
    of = follow(item(rows, 10), dataclasses.replace(BAND, start_scores=((2, 0.9),)))
    assert set(of.track.tolist()) == {0, -1}
