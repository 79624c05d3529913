"""What lies between two aligned pictures, divided: exactly, and what was planted to where it belongs."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frame_pairs.planted import still, view
from vidrobust.stages.causes.remainder import divided, grown

PARTS = ("noise", "detail", "moving", "light", "camera")


@pytest.fixture(scope="module")
def scene(corpus):
    return view(still(corpus))


def energy(found):
    """Share of the difference's energy that each part holds."""
    parts = {name: getattr(found, name) for name in PARTS}
    power = {k: 0.0 if v is None else float(np.square(v).sum()) for k, v in parts.items()}
    return {name: each / sum(power.values()) for name, each in power.items()}


def noise(shape, sigma, seed):
    return sigma * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["none", "some", "most", "all"]),
    st.booleans(),
    st.sampled_from([(33, 47), (64, 96)]),
)
def test_the_parts_add_up_to_the_difference_of_any_two_pictures(seed, mask, coded, size):
    rng = np.random.default_rng(seed)
    start, end = rng.uniform(0, 255, (2, *size, 3)).astype(np.float32)
    smooth = float(rng.uniform(0, 4))
    start, end = (cv2.GaussianBlur(x, (0, 0), smooth) if smooth > 0.3 else x for x in (start, end))
    share = {"none": 0.0, "some": 0.1, "most": 0.99, "all": 1.0}[mask]
    found = divided(start, end, rng.random(size) < share, coded=coded)
    whole = sum(part for name in PARTS if (part := getattr(found, name)) is not None)
    assert np.abs(whole - (end - start)).max() < 1e-3
    assert 0 <= found.hidden <= 1


def test_nothing_is_nothing(scene):
    found = divided(scene, scene, np.ones(scene.shape[:2], bool))
    assert not found.noise.any()
    assert [getattr(found, name) for name in PARTS[1:]] == [None] * 4


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_noise_whatever_is_said_to_move(scene, seed, coded):
    rng = np.random.default_rng(seed)
    mask = cv2.resize(rng.random((6, 8)).astype(np.float32), scene.shape[1::-1]) > 0.6
    assert 0.1 < mask.mean() < 0.7
    start, end = (scene + noise(scene.shape, 3.0, 2 * seed + k) for k in (0, 1))
    found = divided(start, end, mask, coded=coded)
    share = energy(found)
    assert share["noise"] > 0.97
    assert share["moving"] < 0.02
    assert found.hidden < 0.2


def test_a_small_shift_is_the_cameras(scene, corpus):
    start, end = (view(still(corpus), shift=s) for s in ((0, 0), (0.15, -0.1)))
    share = energy(divided(start, end + noise(end.shape, 0.5, 0), np.zeros(end.shape[:2], bool)))
    clean = np.square(end - start).sum()
    planted = clean / (clean + 0.25 * end.size)
    assert planted > 0.9
    # the slope of the picture is known to half a px or so; what lies between pixels stays with the noise
    assert share["camera"] > 0.65
    assert share["moving"] + share["light"] < 0.02


def test_a_small_change_of_focus_is_detail(scene):
    end = cv2.GaussianBlur(scene, (0, 0), 0.4)
    share = energy(divided(scene, end, np.zeros(end.shape[:2], bool)))
    assert share["detail"] > 0.8


def test_a_smooth_change_is_light_and_in_coded_footage_none(scene):
    across = np.linspace(-4, 4, scene.shape[1], dtype=np.float32)[None, :, None]
    start, end = scene + noise(scene.shape, 2.0, 0), scene + across + noise(scene.shape, 2.0, 1)
    still_all = np.zeros(scene.shape[:2], bool)
    wanted = float(np.square(across).mean() / (np.square(across).mean() + 8))
    assert energy(divided(start, end, still_all))["light"] == pytest.approx(wanted, abs=0.1)
    assert divided(start, end, still_all, coded=True).light is None


def test_what_moves_is_what_is_above_the_noise_in_its_mask(scene):
    start, end = scene + noise(scene.shape, 2.0, 0), scene + noise(scene.shape, 2.0, 1)
    end[40:80, 60:120] += 40.0 * np.sin(np.arange(60, dtype=np.float32) / 3)[None, :, None]
    mask = np.zeros(scene.shape[:2], bool)
    mask[40:80, 60:120] = True
    found = divided(start, end, grown(mask))
    added = float(np.square(end - start)[mask].sum()) - 8 * 3 * mask.sum()
    assert float(np.square(found.moving).sum()) == pytest.approx(added, rel=0.1)


def test_what_no_flow_can_follow_moves(scene):
    """Drops of rain: bright lines of which the other picture shows none."""
    start, end = (scene + noise(scene.shape, 1.0, k) for k in (0, 1))
    rng, drops = np.random.default_rng(3), np.zeros(scene.shape[:2], np.uint8)
    for x, y in rng.integers(0, 200, (25, 2)):
        cv2.line(drops, (int(x), int(y)), (int(x) + 3, int(y) + 14), 255, 2, cv2.LINE_AA)
    end = end + 70 / 255 * drops.astype(np.float32)[..., None]
    share = energy(divided(start, end, np.zeros(scene.shape[:2], bool)))
    planted = np.square(70 / 255 * drops.astype(float)).mean()
    assert share["moving"] == pytest.approx(planted / (planted + 2), abs=0.15)
