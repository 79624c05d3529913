"""Class maps compared: hand counts, planted jitter of known px, and temporal consistency by a plain loop."""

import cv2
import numpy as np
import pytest
import torch

from tests.made_frames import batch_of
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.metrics.metric import AlongTime
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.semantic import maps
from vidrobust.plugins.semantic.maps import UNKNOWN, ClassMaps
from vidrobust.plugins.semantic.task import METRICS, MapMeter
from vidrobust.stages.causes.scene import ShownMotion

NAMES = ("floor", "part", "hand")


def said(labels):
    return ClassMaps(labels.astype(np.uint8), NAMES, np.ones(len(labels), np.float32))


def disc(radius, size=160):
    y, x = np.mgrid[:size, :size] - size / 2
    return (np.hypot(x, y) <= radius).astype(np.uint8)


def test_flips_and_ious_of_a_hand_count():
    p = np.array([[0, 0, 1, 1], [0, 2, 1, UNKNOWN]], np.uint8)
    q = np.array([[0, 1, 1, 1], [0, 2, 0, 1]], np.uint8)
    table = maps.confusion(p, q, 3)
    assert maps.changed_share(table) == pytest.approx(2 / 7)
    # floor 2 of 4, part 2 of 4, hand 1 of 1
    assert maps.mean_iou(table) == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_a_region_is_lone_where_no_pixel_of_its_class_meets_it():
    p, q = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    p[10:20, 10:20], p[60:70, 60:70], p[0, 99] = 1, 1, 2  # the last is too small to count
    q[12:22, 12:22] = 1
    assert maps.lone_regions(p, q) == 1
    assert maps.lone_regions(q, p) == 0
    seen = np.ones((100, 100), bool)
    seen[55:75, 55:75] = False
    assert maps.lone_regions(p, q, seen) == 0


def test_planted_boundary_jitter_is_recovered_within_5_percent():
    rng = np.random.default_rng(0)
    for most in (1, 2, 3):
        radius = 40 + rng.integers(-most, most + 1, 60)
        planted = np.abs(radius[2:] - 2 * radius[1:-1] + radius[:-2]) / 2
        discs = [disc(r) for r in radius]
        found = [maps.boundary_jitter(*discs[k : k + 3]) for k in range(len(discs) - 2)]
        assert np.mean(found) == pytest.approx(planted.mean(), rel=0.05)


def test_a_disc_that_grows_steadily_has_no_jitter():
    discs = ([disc(30 + 2 * (k + more)) for more in range(3)] for k in range(5))
    found = [maps.boundary_jitter(*three) for three in discs]
    assert max(found) < 0.2


@pytest.fixture(scope="module")
def drifting():
    """Frames (8, 120, 160, 3) of a texture that drifts 2 px a frame, and its maps, which drift with it."""
    rng = np.random.default_rng(3)
    wide = cv2.resize(rng.integers(0, 256, (20, 40, 3)).astype(np.uint8), (320, 160))
    blocks = rng.integers(0, 3, (8, 16)).astype(np.uint8)
    labels = cv2.resize(blocks, (320, 160), interpolation=cv2.INTER_NEAREST)
    at = [np.s_[20:140, 40 + 2 * k : 200 + 2 * k] for k in range(8)]
    return np.stack([wide[place] for place in at]), np.stack([labels[place] for place in at])


def measured(frames, labels):
    meter, batch = MapMeter("made", "net", AlongTime(), METRICS), batch_of(frames)
    meter.feed(batch, PairWatcher().feed(batch), said(labels))
    return meter.finish()


def test_maps_that_move_with_the_picture_are_steady(drifting):
    pairs = measured(*drifting)["task_pairs"]
    assert len(pairs) == 7
    assert (pairs["delta_frames"] == pairs["frame_b"] - pairs["frame_a"]).all()
    assert pairs["pixel_flip"].max() < 0.01
    assert pairs["consistency"].min() > 0.95
    assert pairs["regions_changed"].sum() == 0


def test_planted_flips_are_recovered_on_moving_maps(drifting):
    """A tenth of the pixels of every other map takes the next class; the texture moves on."""
    frames, labels = drifting
    rng = np.random.default_rng(1)
    turned = labels.copy()
    odd = labels[1::2]
    turned[1::2] = np.where(rng.random(odd.shape) < 0.1, (odd + 1) % 3, odd)
    flips = measured(frames, turned)["task_pairs"]["pixel_flip"]
    assert flips.mean() == pytest.approx(0.1, rel=0.1)


def test_consistency_is_that_of_a_plain_loop(drifting):
    """Of each pair the mean IoU over classes of the map and the one before, carried by the flow."""
    frames, labels = drifting
    noisy = np.where(np.random.default_rng(2).random(labels.shape) < 0.2, 0, labels)
    pairs = measured(frames, noisy)["task_pairs"]
    for k in range(7):
        flow, _ = maps.flow_between(frames[k], frames[k + 1])
        y, x = np.mgrid[: labels.shape[1], : labels.shape[2]]
        places = ((at + flow[..., k]).astype(np.float32) for k, at in enumerate((x, y)))
        how = {"interpolation": cv2.INTER_NEAREST, "borderMode": cv2.BORDER_REFLECT_101}
        before = cv2.remap(noisy[k].astype(np.uint8), *places, **how)
        ious = []
        for label in range(3):
            one, other = before == label, noisy[k + 1] == label
            ious.append((one & other).sum() / (one | other).sum())
        assert pairs["consistency"].iloc[k] == pytest.approx(np.mean(ious))


def test_a_majority_is_that_of_a_plain_count():
    along = list(np.random.default_rng(0).integers(0, 3, (5, 12, 14)).astype(np.uint8))
    found = maps.majority(along)
    for place in np.ndindex(12, 14):
        values = [int(each[place]) for each in along]
        most = max(map(values.count, values))
        assert found[place] == next(v for v in values if values.count(v) == most)


def test_rules_take_single_flips_away():
    still = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    still = cv2.GaussianBlur(still, (0, 0), 2)
    labels = np.zeros((9, 96, 128), np.uint8)
    labels[4, 20:60, 20:60] = 1  # for one frame
    frames = np.stack([still + np.uint8(k % 2) for k in range(9)])
    pairs = measured(frames, labels)["task_pairs"]
    assert pairs["pixel_flip"].max() > 0.1
    for column in ("pixel_flip_majority", "pixel_flip_majority_5", "pixel_flip_hold"):
        assert pairs[column].max() == 0


def test_a_perturbation_takes_the_map_along():
    labels = np.zeros((1, 60, 80), np.uint8)
    labels[0, 20:40, 30:50] = 1
    move = PERTURBATIONS["translation"]
    found = maps.moved(said(labels), move, 5.0, [from_seed(3)], (60, 80))
    matrix = move.motion((60, 80), 5.0, from_seed(3))
    y, x = np.argwhere(found.labels[0] == 1).mean(axis=0)
    assert x - 39.5 == pytest.approx(matrix[0, 2], abs=0.6)
    assert y - 29.5 == pytest.approx(matrix[1, 2], abs=0.6)
    assert (found.labels == UNKNOWN).any()


def test_maps_go_as_their_pictures_do():
    """Pictures whose levels are the classes, moved by the perturbation itself."""
    y, x = np.mgrid[:60, :80]
    labels = ((np.hypot(x - 30, y - 25) < 18) + (x > 55)).astype(np.uint8)[None]
    pixels = torch.from_numpy(100 * labels)[:, None].repeat(1, 3, 1, 1)
    strengths = {"horizontal_flip": 1.0, "rotation": 8.0, "scale": 0.1, "perspective": 0.05}
    for name, strength in strengths.items():
        perturbation = PERTURBATIONS[name]
        shown = perturbation.apply(pixels, strength, [from_seed(3)])[0, 0].numpy() / 100
        found = maps.moved(said(labels), perturbation, strength, [from_seed(3)], (60, 80)).labels[0]
        judged = found != UNKNOWN
        assert judged.mean() > 0.7
        assert (np.round(shown) == found)[judged].mean() > 0.98


def test_a_map_that_moves_with_its_picture_is_at_rest_in_the_account():
    blocks = np.random.default_rng(0).integers(0, 3, (8, 12)).astype(np.uint8)
    wide = cv2.resize(blocks, (192, 128), interpolation=cv2.INTER_NEAREST)
    # what is at x in the later map was at x + 4
    both = said(np.stack([wide[:, 16:176], wide[:, 20:180]]))
    back, own = np.zeros((64, 80, 2), np.float32), np.zeros((64, 80), bool)
    motions = [ShownMotion(back, own), ShownMotion(back + np.float32([4, 0]), own)]
    still, moved = (
        maps.coordinates(both, of, (128, 160)).reshape(2, 3, 16, 20)[
            ..., :-1
        ]  # at the right something comes in
        for of in (motions[:1] * 2, motions)
    )
    assert np.square(still[1] - still[0]).sum() > 10
    assert np.square(moved[1] - moved[0]).sum() < 1e-6
