"""Poses and their meter against hand counts and a few plain lines."""

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.made_frames import batch_of
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.metrics.metric import AlongTime
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.pose import people
from vidrobust.plugins.pose.people import COCO
from vidrobust.plugins.pose.task import METRICS, PoseMeter, whole
from vidrobust.stages.causes.scene import ShownMotion

SIZE, COUNT = (240, 320), 40


BODY = np.array([
    (0, -70), (5, -74), (-5, -74), (9, -72), (-9, -72), (22, -50), (-22, -50), (32, -22), (-32, -22),
    (36, 4), (-36, 4), (14, 6), (-14, 6), (15, 44), (-15, 44), (16, 82), (-16, 82),
], float)  # fmt: skip
LEFT_WRIST, RIGHT_WRIST = COCO.index("left_wrist"), COCO.index("right_wrist")


def said(points):
    """(N, P, 17, 3) as predictions."""
    return people.people([(each, np.full(len(each), 0.9)) for each in points], COCO)


@pytest.fixture(scope="module")
def footage():
    """Frames of a texture that goes 2 px to the right a frame, and poses (40, 2, 17, 3) on it."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (24, 64, 3)).astype(np.uint8)
    wide = cv2.resize(coarse, (512, 256), interpolation=cv2.INTER_CUBIC)
    frames = np.stack([wide[:240, 128 - 2 * k : 448 - 2 * k] for k in range(COUNT)])
    points = np.full((COUNT, 2, 17, 3), 0.9)
    points[..., :2] = BODY + np.array([[80.0, 110.0], [180.0, 120.0]])[:, None]
    points[..., 0] += 2 * np.arange(COUNT)[:, None, None]
    return frames, points


def measured(frames, points):
    meter = PoseMeter("made", "net", AlongTime(), METRICS)
    batch = batch_of(frames)
    meter.feed(batch, PairWatcher().feed(batch), said(points))
    return meter.finish()


@pytest.fixture(scope="module")
def planted(footage):
    """Normal jitter of .8 px, seven swaps of the wrists, eleven lost joints; and what is measured of it."""
    frames, points = footage[0], footage[1].copy()
    offsets = np.random.default_rng(0).normal(0, 0.8, points[..., :2].shape)
    points[..., :2] += offsets
    for k in range(7):  # for one frame, so that each swap goes back
        wrists = points[5 + 5 * k, 0]
        wrists[[LEFT_WRIST, RIGHT_WRIST]] = wrists[[RIGHT_WRIST, LEFT_WRIST]]
    for k in range(11):
        points[3 + 3 * k, 1, k, 2] = 0.1
    return offsets, measured(frames, points)


def test_planted_jitter_is_recovered_on_moving_people(planted):
    offsets, tables = planted
    rows = tables["task_parts"]
    still = rows[~rows["component"].isin(["left_wrist", "right_wrist"])]["joint_jitter"].dropna()
    wanted = np.linalg.norm(np.diff(offsets, n=2, axis=0), axis=3).mean() / 2
    assert still.mean() == pytest.approx(wanted, rel=0.05)
    # the deviation a coordinate, which is .8
    assert np.sqrt(rows["squared_jitter"].mean()) == pytest.approx(0.8, rel=0.05)


def test_swaps_and_lost_joints_are_counted_exactly(planted):
    rows = planted[1]["task_parts"]
    swapped = rows[rows["swapped"] == 1]
    assert len(swapped) == 14  # seven to the other side, seven back
    assert set(swapped["component"]) == {"left_wrist"}
    assert rows["joint_lost"].sum() == 11
    assert rows.groupby("track")["frame"].nunique().to_dict() == {0: COUNT, 1: COUNT}


def test_a_whole_person_may_change_sides(footage):
    frames, points = footage[0][:6], footage[1][:6].copy()
    points[3, 0] = points[3, 0][people.mirrored(COCO)]
    rows = measured(frames, points)["task_parts"]
    assert rows["track"].nunique() == 2
    assert set(rows.loc[rows["swapped"] == 1, "frame"]) == {3, 4}


def test_segments_are_joined_into_the_same_tracks(footage):
    frames, points = footage[0][:8], footage[1][:8]
    once = measured(frames, points)
    parts = once["task_parts"]
    cut = pd.concat([parts[parts["frame"] >= 4].assign(track=7), parts[parts["frame"] < 4]])
    again = whole({**once, "task_parts": cut}, pd.DataFrame(), SIZE, AlongTime())["task_parts"]
    assert again["track"].tolist() == parts["track"].tolist()


def test_bone_lengths_shake_with_their_ends(footage):
    frames, points = footage[0][:5], footage[1][:5, :1].copy()
    points[2, 0, COCO.index("left_ankle"), 1] += 6  # the shank is 38.01 px long
    rows = measured(frames, points)["task_parts"].query("component == 'left_knee to left_ankle'")
    lengths = np.hypot(1, [38, 38, 44, 38, 38])
    wanted = np.abs(np.diff(lengths, n=2)) / 2 / lengths[1:-1]
    assert rows["bone_change"].tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


def test_similarity_is_oks(footage):
    p = footage[1][:1, 0]
    q = p.copy()
    q[0, :, 0] += 5
    area = people.areas(p)[0]
    wanted = np.exp(-25 / (2 * people.sigmas_of(COCO)) ** 2 / area / 2).mean()
    assert people.similarities(p, q, people.sigmas_of(COCO))[0, 0] == pytest.approx(wanted)
    assert area == pytest.approx(0.53 * 72 * 156)


def test_a_lost_person_counts_in_full(footage):
    both, one = said(footage[1][:1]), said(footage[1][:1, :1])
    assert people.changes(both, one)[0] == pytest.approx(0.5)
    assert (people.lost_or_new(both, one)[0], people.lost_or_new(both, both)[0]) == (1, 0)


def test_a_perturbation_takes_joints_along(footage):
    found, flip = said(footage[1][:1]), PERTURBATIONS["horizontal_flip"]
    turned = people.moved(found, flip, 1.0, [from_seed(0)], SIZE).points
    mirrored = SIZE[1] - 1 - found.points[0, RIGHT_WRIST, 0]
    assert turned[0, LEFT_WRIST, 0] == pytest.approx(mirrored, abs=1)
    move = PERTURBATIONS["translation"]
    shifted = people.moved(found, move, 5.0, [from_seed(3)], SIZE).points - found.points
    assert shifted[0, 0, :2] == pytest.approx(move.motion(SIZE, 5.0, from_seed(3))[:2, 2], abs=1e-4)


def test_joints_that_move_with_their_pixels_are_at_rest_in_the_account(footage):
    points = footage[1][[0, 2]]  # 4 px to the right
    still = np.zeros((60, 80, 2), np.float32)
    own = np.zeros((60, 80), bool)
    motions = [ShownMotion(still, own), ShownMotion(still + np.float32([-4, 0]), own)]
    moved, taken = (people.coordinates(said(points), of, SIZE) for of in (motions[:1] * 2, motions))
    assert np.square(moved[1] - moved[0]).sum() > 1
    assert np.square(taken[1] - taken[0]).sum() < 1e-9
