"""Perturbations fitted to a step: each finds the strength that was planted, and makes the picture after the step."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import still, view
from vidrobust.frame_pairs.change import unchanged
from vidrobust.frames.pixels import to_array, to_levels, to_tensor
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.causes.catalogue import COLOUR
from vidrobust.stages.causes.cause import CauseStep, Size
from vidrobust.stages.causes.fits import DARK, fit_blur, fit_gain_field, fit_levels, fit_motion

MOVES = {"shift_x_px": 6.0, "shift_y_px": -4.0, "rotation_deg": 3.0, "zoom": 1.1}


@pytest.fixture(scope="module")
def picture(corpus):
    return to_levels(np.clip(view(still(corpus)), 20, 200))


def step(before, after=None, *, backwards=False, size=0.0, **more):
    size = Size(size=size, unit="", measured="", more=more)
    return CauseStep(before=before, after=after, size=size, backwards=backwards)


def test_a_plane_of_gain_is_fitted_where_light_can_be_told(picture):
    height, width = picture.shape[:2]
    slope = 0.3 * np.linspace(-1, 1, width)[None, :, None]
    before = picture.copy()
    before[: height // 3] = DARK // 2
    after = to_levels(before * np.exp(slope))
    after[: height // 3] = 90  # a lamp comes on where it was dark: no ratio is known there
    found = fit_gain_field("light_gradient", step(before, after))
    assert found.strength == pytest.approx(slope.std(), rel=0.03)
    assert np.abs(found.picture - after.astype(float))[height // 3 :].mean() < 1
    assert fit_gain_field("light_gradient", step(before, before)) is None


@pytest.mark.parametrize("name", ["brightness", "contrast", "gamma", "saturation"])
@pytest.mark.parametrize("share", [0.3, -0.3])
def test_levels_are_fitted_by_least_squares(picture, name, share):
    planted = share * PERTURBATIONS[name].range[1]
    after = to_array(PERTURBATIONS[name].apply_signed(to_tensor([picture]), planted)[0])
    found = fit_levels(name, step(picture, after))
    assert found.strength == pytest.approx(planted, rel=0.05)
    assert np.abs(found.picture - after.astype(float)).mean() < 1
    assert fit_levels(name, step(picture, picture)) is None


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("name", "strength", "point"),
    [
        ("translation", np.hypot(6, 4), (+6, -4)),
        # of a point 100 px to the right of the centre: a turn with the clock brings it down, a zoom to the right
        ("rotation", 3.0, (100 * np.cos(np.pi / 60) - 100, 100 * np.sin(np.pi / 60))),
        ("scale", 0.1, (10, 0)),
    ],
)
def test_each_perturbation_takes_its_part_of_a_motion(picture, name, strength, point, backwards):
    found = fit_motion(name, step(picture, backwards=backwards, **MOVES))
    height, width = picture.shape[:2]
    place = np.array([(width - 1) / 2 + 100, (height - 1) / 2])
    if backwards:  # what happened from t to t+1 is undone
        place = place + point
    moved = found.matrix @ [*place, 1] - place
    sign = -1 if backwards else 1
    assert moved == pytest.approx(sign * np.array(point), abs=1e-6)
    assert found.strength == pytest.approx(strength if name == "translation" else sign * strength)
    expected = cv2.warpAffine(picture, found.matrix, (width, height), flags=cv2.INTER_LINEAR)
    inside = (slice(30, -30), slice(30, -30))
    assert np.abs(found.picture[inside] - expected[inside].astype(float)).mean() < 3
    still_step = step(picture, shift_x_px=0.01, rotation_deg=0.001, zoom=1.0)
    assert fit_motion(name, still_step) is None


def test_a_blur_has_the_spread_that_was_measured(picture):
    after = cv2.GaussianBlur(picture, (0, 0), 1.5)
    unknown = step(picture, after, size=1.5, blur_angle_deg=float("nan"))
    assert fit_blur("motion_blur", unknown) is None
    found = fit_blur("gaussian_blur", unknown)
    assert found.strength == pytest.approx(1.5)
    assert np.abs(found.picture - after.astype(float)).mean() < 0.5
    along = fit_blur("motion_blur", step(picture, after, size=1.5, blur_angle_deg=0.0))
    assert along.strength == pytest.approx(1.5 * np.sqrt(12))
    # along a row only: what is left of the slope is less along than across
    left = along.picture.astype(float)
    assert np.abs(np.diff(left, axis=1)).mean() < 0.7 * np.abs(np.diff(left, axis=0)).mean()


def test_colour_is_told_from_t_to_t_1_whichever_way_the_chain_leads(picture):
    warm = np.diag([1.2, 1.0, 0.9]) @ (np.eye(3) * 0.6 + 0.4 / 3)  # red up, blue down, paler
    change = unchanged(picture.shape)
    tone = replace(change.levels, matrix=warm)
    assert tone.has_colour
    there, back = (
        COLOUR.size(replace(change, levels=replace(tone, matrix=matrix)), picture, reverse).more
        for matrix, reverse in ((warm, False), (np.linalg.inv(warm), True))
    )
    assert there["saturation"] < 0.8
    assert back == pytest.approx(there, rel=1e-3)
