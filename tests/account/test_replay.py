"""Each replay against a change that was planted, without any model: are the pixels those of frame t+1?"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from vidrobust.account.replay import CAUSES, Replay, misplaced_detail, random_tone, replays, turned
from vidrobust.differences.detail import energy
from vidrobust.pixels import luma

H, W = 144, 192


def texture(seed: int, height: int = H, width: int = W) -> np.ndarray:
    """A random coloured picture with detail at several sizes, levels 40 to 180."""
    rng = np.random.default_rng(seed)
    sizes = (1.5, 4, 12)
    luma = sum((x := ndimage.gaussian_filter(rng.normal(size=(height, width)), s)) / x.std() for s in sizes)
    tint = [(x := ndimage.gaussian_filter(rng.normal(size=(height, width)), 8)) / x.std() for _ in range(3)]
    return np.rint(np.clip(110 + 20 * np.stack([luma + t for t in tint], axis=2), 40, 180)).astype(np.uint8)


def played(a: np.ndarray, b: np.ndarray, **options: int) -> dict[str, Replay]:
    made = replays(a, b, generator=np.random.default_rng(0), **options)
    assert tuple(replay.cause for replay in made) == CAUSES
    return {replay.cause: replay for replay in made}


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference, levels, away from the border."""
    inner = (slice(12, -12), slice(12, -12))
    return float(np.sqrt(np.mean((a[inner].astype(float) - b[inner]) ** 2)))


A = texture(0)
BIG = texture(1, H + 40, W + 40)
VIEW = np.ascontiguousarray(BIG[20:-20, 20:-20])


def planted(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames t and t+1 that differ by one thing."""
    x = A.astype(float)
    grey = (x @ [0.299, 0.587, 0.114])[..., None]
    pairs = {
        "light": (A, 1.15 * x + 4),
        "colour": (A, grey + 1.4 * (x - grey)),
        "shift": (VIEW, BIG[23 : 23 + H, 15 : 15 + W].astype(float)),
        "sharpness": (A, ndimage.gaussian_filter(x, (1.0, 1.0, 0), mode="mirror")),
    }
    a, b = pairs[name]
    return a, np.rint(np.clip(b, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("name", ["light", "colour", "shift", "sharpness"])
def test_the_planted_change_alone_makes_frame_b(name: str) -> None:
    a, b = planted(name)
    made = played(a, b)
    real = distance(a, b)
    assert distance(made[name].image, b) < 0.12 * real
    assert distance(made["all"].image, b) < 0.15 * real
    # a shift is also an affine motion and a dense one; nothing else explains anything
    right = {name, "all"} | ({"affine", "motion"} if name == "shift" else set())
    for cause in set(CAUSES) - right:
        assert distance(made[cause].image, b) > 0.95 * real, cause


def test_a_curve_of_light_is_replayed() -> None:
    b = np.rint(255 * (A / 255) ** 1.2).astype(np.uint8)
    made = played(A, b)
    assert distance(made["light"].image, b) < 0.1 * distance(A, b)


def test_rotation_is_the_affine_cause_and_no_shift() -> None:
    turn = cv2.getRotationMatrix2D(((W - 1) / 2, (H - 1) / 2), 2.0, 1.0)
    b = cv2.warpAffine(A, turn, (W, H), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    made = played(A, b)
    assert distance(made["affine"].image, b) < 0.15 * distance(A, b)
    assert distance(made["shift"].image, b) > 0.95 * distance(A, b)
    assert "+2.0" in made["affine"].measured  # OpenCV's angle is counter-clockwise, and so is ours


def test_light_and_motion_together_need_all() -> None:
    a = VIEW
    b = np.rint(np.clip(1.15 * BIG[23 : 23 + H, 15 : 15 + W].astype(float), 0, 255)).astype(np.uint8)
    made = played(a, b)
    assert distance(made["all"].image, b) < 0.1 * distance(a, b)
    assert distance(made["light"].image, b) > 0.5 * distance(a, b)
    assert distance(made["motion"].image, b) > 0.2 * distance(a, b)


def test_the_same_frame_again_has_nothing_to_replay() -> None:
    for replay in played(A, A).values():
        assert np.array_equal(replay.image, A)
        assert not replay.changes
        assert replay.excluded == ""


def test_noise_is_no_cause() -> None:
    # nothing moves and no light changes when frame b is frame a with another noise
    b = np.clip(A + np.random.default_rng(3).normal(0, 3, A.shape), 0, 255).round().astype(np.uint8)
    made = played(A, b)
    assert not made["light"].changes
    assert not made["shift"].changes
    assert distance(made["motion"].image, b) > 0.9 * distance(A, b)


@pytest.mark.parametrize("name", ["light", "colour", "shift", "sharpness"])
def test_placebos_are_as_large_and_elsewhere(name: str) -> None:
    a, b = planted(name)
    replay = played(a, b, placebos=4)[name]
    assert len(replay.placebos) == 4
    size = distance(replay.image, a)
    for placebo in replay.placebos:
        assert distance(placebo, a) == pytest.approx(size, rel=0.35)
        assert distance(placebo, replay.image) > 0.3 * size


def test_placebos_come_in_opposite_pairs() -> None:
    a, b = planted("light")
    first, second = played(a, b, placebos=2)["light"].placebos
    # what one adds the other takes away, up to rounding, where neither is clipped
    free = (np.minimum(first, second) > 0) & (np.maximum(first, second) < 255)
    assert free.mean() > 0.9
    assert np.abs(((first.astype(int) - a) + (second.astype(int) - a))[free]).max() <= 1


def test_the_interpolation_control_blurs_as_the_warp_and_moves_nothing() -> None:
    half = ndimage.shift(A.astype(float), (0.5, 0.5, 0), order=3, mode="mirror")
    b = np.clip(half, 0, 255).round().astype(np.uint8)
    replay = played(A, b)["shift"]
    assert replay.interpolation is not None
    assert energy(luma(replay.interpolation)) == pytest.approx(energy(luma(replay.image)), rel=0.03)
    assert distance(replay.interpolation, A) < 0.2 * distance(replay.image, A)
    assert played(*planted("light"))["light"].interpolation is None


def test_another_scene_excludes_every_cause() -> None:
    made = played(A, texture(9))
    assert {replay.excluded for replay in made.values()} == {"not the same scene"}
    assert not any(replay.changes for replay in made.values())


def test_the_same_generator_gives_the_same_replays() -> None:
    a, b = planted("shift")
    first, second = played(a, b), played(a, b)
    for cause in CAUSES:
        for x, y in zip(first[cause].placebos, second[cause].placebos, strict=True):
            assert np.array_equal(x, y)


def test_inputs_are_left_alone() -> None:
    a, b = (x.copy() for x in planted("light"))
    played(a, b)
    assert np.array_equal(a, planted("light")[0])
    assert np.array_equal(b, planted("light")[1])


def test_a_turned_motion_keeps_its_length() -> None:
    field = np.random.default_rng(0).normal(size=(5, 6, 2)).astype(np.float32)
    quarter = turned(field, np.pi / 2)
    assert quarter[..., 0] == pytest.approx(-field[..., 1], abs=1e-6)
    assert quarter[..., 1] == pytest.approx(field[..., 0], abs=1e-6)


def test_a_random_tone_has_the_size_asked_for() -> None:
    matrix, constant = random_tone(A, 5.0, np.random.default_rng(2))
    change = A[::4, ::4].astype(float) @ matrix.T + constant
    assert np.sqrt((change**2).mean()) == pytest.approx(5.0, rel=1e-6)


def test_misplaced_detail_is_the_same_detail_elsewhere() -> None:
    change = np.arange(24.0).reshape(4, 6)
    moved = misplaced_detail(change, np.random.default_rng(0))
    assert sorted(moved.ravel()) == sorted(change.ravel())
    assert not np.array_equal(moved, change)
