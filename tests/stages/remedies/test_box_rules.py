"""Rules on boxes, by hand and against independent filters."""

import inspect

import numpy as np
import pytest

from vidrobust.errors import SettingsError
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.stages.remedies import box_rules
from vidrobust.stages.remedies.box_rows import (
    BoxStudy,
    TimedBoxes,
    agreement,
    box_rows,
    play_boxes,
    rows_against,
)
from vidrobust.stages.remedies.box_rules import (
    BoxMean,
    BoxRule,
    ClassHold,
    ClassVote,
    MaxGap,
    MinHits,
    ScoreMean,
)
from vidrobust.stages.remedies.catalogue import BOX_RULES, box_rule, kind_of, late_frames
from vidrobust.stages.remedies.row import Costs

SETTINGS = TrackSettings()


def item_boxes(frame, corners, frames, size):
    """Boxes of an item, all of one class and score."""
    count = len(frame)
    return ItemBoxes(
        frame=frame, boxes=corners, scores=np.full(count, 0.9), labels=np.zeros(count, np.int64),
        shift=np.zeros((count, 2)), num_frames=frames, joined=np.arange(frames) > 0, size=size,
    )  # fmt: skip


def box(x=0.0, score=0.9, label=0):
    return (x, 0.0, x + 10.0, 20.0, score, label)


def shown(rule, frames):
    """How many boxes are shown in each frame."""
    return [len(rule.update(frame)) for frame in frames]


def test_nothing_done_shows_the_boxes_of_tracks_as_they_are():
    rule = BoxRule()
    frames = [[box()], [box(1)], [box(2, score=0.35)], [box(30, score=0.35)], [box(3)]]
    # the fourth is below the start of a track and nowhere near it
    assert [rule.update(frame) for frame in frames] == [*frames[:3], [], [box(3)]]


def test_a_track_is_shown_from_its_third_box_on():
    assert shown(MinHits(amount=3), [[box()], [box()], [], [box()], [box()]]) == [0, 0, 0, 1, 1]


def test_a_gap_is_filled_where_the_speed_takes_the_box():
    rule = MaxGap(amount=2)
    for x in (0, 2, 4):
        rule.update([box(x)])
    filled = [[list(b[:4]) for b in rule.update([])] for _ in range(3)]
    assert filled == [[[6, 0, 16, 20]], [[8, 0, 18, 20]], []]


def test_class_and_score_follow_the_mean_along_the_track():
    rule = ScoreMean(amount=0.5)
    lines = [rule.update([box(score=s, label=k)])[0][4:] for s, k in ((0.8, 0), (0.6, 1), (0.6, 1))]
    # means of class 0 and 1: .8 0; .4 .3; .2 .45
    assert [(pytest.approx(s), k) for s, k in lines] == [(0.8, 0), (0.7, 0), (0.65, 1)]


def test_corners_follow_their_mean():
    rule = BoxMean(amount=0.5)
    rule.update([box(0)])
    assert list(rule.update([box(4)])[0][:4]) == [2, 0, 12, 20]


def test_classes_by_vote_and_held():
    labels = [1, 1, 2, 1, 2, 2, 3, 2]
    by_vote, by_hold = [1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 1, 1, 1, 2, 2, 2]
    for rule, expected in ((ClassVote(amount=3), by_vote), (ClassHold(amount=2), by_hold)):
        assert [rule.update([box(label=k)])[0][5] for k in labels] == expected


def test_lag_and_distance_to_known_boxes():
    """4 px a frame; a running mean of .5 comes to lie 4 px, one frame, behind: .1 of a box of 40 px."""
    frames = 100
    left = 20 + 4.0 * np.arange(frames)
    corners = np.column_stack([left, np.full(frames, 50.0), left + 40, np.full(frames, 90.0)])
    boxes = item_boxes(np.arange(frames), corners, frames, (200, 600))
    time_s, shown = np.arange(frames) / 25, (np.arange(frames), corners)
    seen = TimedBoxes("clip", "", boxes, time_s, SETTINGS, shown)
    found = BoxStudy("model", [seen])
    measured = found.precision([play_boxes(box_rule("box-mean-0.5", SETTINGS), boxes)])
    assert measured["lag_frames"] == pytest.approx(1, abs=0.03)
    assert measured["distance_before"] == 0
    assert measured["distance_after"] == pytest.approx(0.1, abs=0.003)


def test_hiding_boxes_costs_uncovered_frames():
    """Found in 20 frames of every 24: each of four returns hides two more frames."""
    boxes = item(0.0, 0.0, frames=120)
    boxes = boxes.rows(boxes.frame % 24 < 20)
    rows = rows_of(boxes, "min-hits-3")
    before = rows["min-hits-3", "uncovered_rate"]["before"]
    assert before == pytest.approx(20 / 120)
    # a rule forgets its track after five frames, which is longer than four: only the first two boxes are hidden
    assert rows["min-hits-3", "uncovered_rate"]["after"] == pytest.approx(22 / 120)


def test_two_boxes_keep_their_tracks():
    rule = BoxMean(amount=0.5)
    rule.update([box(0), box(40)])
    assert sorted(b[0] for b in rule.update([box(42), box(2)])) == [1, 41]


def test_the_rules_import_nothing():
    lines = inspect.getsource(box_rules).splitlines()
    lines = [line for line in lines if line.startswith(("import", "from"))]
    modules = {"__future__": "annotations", "collections.abc": "Sequence", "typing": "Any"}
    assert lines == [f"from {module} import {name}" for module, name in modules.items()]


def test_names_and_delays():
    assert [late_frames(name) for name in ("min-hits-3", "max-gap-3", "box-mean-0.5")] == [2, 3, 0]
    assert kind_of("two-thresholds") == "two-thresholds"
    with pytest.raises(SettingsError, match=r"unknown rule 'kalman-1': expected .* box-mean-"):
        box_rule("kalman-1", SETTINGS)


def item(drop, wobble, seed=0, frames=300):
    """One object that stands still; its box is lost now and then and wobbles."""
    rng = np.random.default_rng(seed)
    seen = np.flatnonzero(rng.random(frames) >= drop)
    corner = 50 + rng.normal(0, wobble, (len(seen), 2)) if wobble else np.full((len(seen), 2), 50.0)
    return item_boxes(seen, np.concatenate([corner, corner + 40], axis=1), frames, (200, 200))


def study(boxes):
    time_s = np.arange(boxes.num_frames) / 30
    return BoxStudy("model", [TimedBoxes("clip", "", boxes, time_s, SETTINGS)])


def rows_of(boxes, *names):
    """The rows of these rules by rule and metric."""
    made = study(boxes)
    rows = {}
    for name in names:
        after = made.on_same([play_boxes(box_rule(name, SETTINGS), boxes)], made.settings)
        for row in rows_against(made, name, "boxes", made.before, after, Costs(), ""):
            rows[name, row["metric"]] = row
    return rows


def test_a_planted_dropout_is_bridged():
    rows = rows_of(item(0.1, 0.0, frames=150), "max-gap-5", "min-hits-3")
    bridged = rows["max-gap-5", "dropout_rate"]
    assert bridged["before"] == pytest.approx(0.1, abs=0.04)
    assert (bridged["after"], bridged["tested"]) == (0, 5)
    assert np.isnan(bridged["low"])  # five stretches of a second decide nothing
    assert rows["max-gap-5", "uncovered_rate"]["after"] == 0
    # 16 of 150 frames are missed, and the first two boxes are hidden besides
    assert rows["min-hits-3", "dropout_rate"]["ratio"] == pytest.approx(18 / 16)


def test_a_planted_wobble_is_smoothed_as_by_a_filter_of_its_own():
    boxes = item(0.0, 1.0, frames=60)
    row = rows_of(boxes, "box-mean-0.3")["box-mean-0.3", "center_jitter"]
    centre = (boxes.boxes[:, :2] + boxes.boxes[:, 2:]) / 2
    mean = [centre[0]]
    for now in centre[1:]:
        mean.append(0.3 * now + 0.7 * mean[-1])
    second = (np.diff(path, 2, axis=0) for path in (centre, np.array(mean)))
    jitter = [np.linalg.norm(each, axis=1).mean() for each in second]
    assert row["ratio"] == pytest.approx(jitter[1] / jitter[0], rel=1e-6)


def test_boxes_that_are_steady_leave_nothing_to_help():
    for row in box_rows(study(item(0.0, 0.0, frames=40))):
        name, metric = row["remedy"], row["metric"]
        assert not row["before"] > 0
        assert np.isnan(row["ratio"])
        if kind_of(name) == "min-hits" and metric in ("uncovered_rate", "dropout_rate"):
            hidden = int(name.rpartition("-")[2]) - 1  # of 40 boxes the first ones
            assert row["after"] == pytest.approx(hidden / 40)
        elif metric != "count_jitter":  # a box that is shown later begins later
            assert not row["after"] > 1e-12


def test_what_is_shown_knows_where_its_pixels_move_only_in_its_own_frame():
    boxes = item(0.3, 0.0, frames=40)
    found = play_boxes(box_rule("max-gap-3", SETTINGS), boxes)
    own = np.isin(found.frame, boxes.frame)
    assert len(found.frame) > len(boxes.frame)
    assert np.isfinite(found.shift[own]).all()
    assert np.isnan(found.shift[~own]).all()


def test_agreement_counts_boxes_that_both_have():
    a, b = item(0.0, 0.0, frames=10), item(0.0, 0.0, frames=10)
    assert agreement([a], [b]) == 1
    half = b.rows(np.arange(10) < 5)
    assert agreement([a], [half]) == pytest.approx(2 * 5 / 15)


def test_a_track_ends_where_the_frames_do_not_go_on():
    boxes = item(0.0, 0.0, frames=10)
    cut = ItemBoxes(**{**vars(boxes), "joined": np.arange(10) % 5 > 0})
    assert len(play_boxes(box_rule("min-hits-3", SETTINGS), cut).frame) == 6


@pytest.mark.parametrize("name", BOX_RULES)
def test_a_rule_looks_at_no_frame_that_is_yet_to_come(name):
    boxes = item(0.2, 2.0, frames=30)
    numbers = (np.flatnonzero(boxes.frame == frame) for frame in range(30))
    rows = [[(*boxes.boxes[row], 0.9, 0) for row in of] for of in numbers]
    whole, part = box_rule(name, SETTINGS), box_rule(name, SETTINGS)
    begun = [part.update(frame) for frame in rows[:15]]
    assert [whole.update(frame) for frame in rows][:15] == begun
