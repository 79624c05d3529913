"""Light and colour between aligned frames: planted on a still of strong colours, by other implementations."""

import colorsys

import cv2
import numpy as np
import pytest
from scipy import ndimage

from vidrobust.frame_pairs.tone import (
    KNOTS,
    at_hues,
    chroma_of,
    fit_tone,
    hue_basis,
    hue_of,
    turn_deg,
)
from vidrobust.frames.pixels import to_levels

EVERYWHERE = np.ones((240, 320), bool)


@pytest.fixture(scope="module")
def vivid():
    """(240, 320, 3) float32, patches of many colours with soft edges, levels 20 to 230."""
    rng = np.random.default_rng(4)
    cells = rng.uniform(20, 230, (12, 16, 3)).astype(np.float32)
    big = cv2.resize(cells, (320, 240), interpolation=cv2.INTER_NEAREST)
    return np.asarray(ndimage.gaussian_filter(big, (1.5, 1.5, 0))).astype(np.float32)


def turned(picture, degrees):
    hsv = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = np.mod(hsv[..., 0] + degrees, 360)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def recorded(picture, sigma, seed):
    return to_levels(picture + np.random.default_rng(seed).normal(0, sigma, picture.shape))


def test_hue_and_chroma_are_those_of_the_standard_library():
    colours = np.random.default_rng(0).uniform(0, 255, (60, 3))
    for colour, hue, chroma in zip(colours, hue_of(colours), chroma_of(colours), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*colour)
        assert hue == pytest.approx(6 * h)
        assert chroma == pytest.approx(s * v)


def test_what_is_fitted_is_what_is_played():
    rng = np.random.default_rng(1)
    colours, values = rng.uniform(0, 255, (200, 3)), rng.normal(0, 1, (KNOTS, 3))
    expected = hue_basis(colours) @ values
    assert at_hues(colours.astype(np.float32), values) == pytest.approx(expected, abs=0.05)
    grey = np.full((1, 3), 80.0)
    assert np.abs(hue_basis(grey)).max() == 0


def test_the_turn_of_a_hue_is_found_whatever_the_colours():
    colours = np.random.default_rng(2).uniform(20, 230, (400, 3)).astype(np.float32)
    for degrees in (-60, -5, 40, 170):
        found = turn_deg(colours, turned(colours[None], degrees)[0])
        assert found == pytest.approx(degrees, abs=0.01)


@pytest.mark.parametrize("degrees", [40, -50, 60, 150])
@pytest.mark.parametrize("sigma", [1.0, 6.0])
def test_a_strong_turn_of_hue_is_taken_over_whole(vivid, degrees, sigma):
    after = turned(vivid, degrees)
    tone = fit_tone(recorded(vivid, sigma, 0), recorded(after, sigma, 1), EVERYWHERE)
    assert tone.hues is not None
    assert not tone.has_light
    left = tone.colour(tone.light(vivid)) - after
    whole = float(np.sqrt(np.square(after - vivid).mean()))
    assert float(np.sqrt(np.square(left).mean())) < 0.1 * whole
    back = tone.uncoloured(after) - vivid
    assert float(np.sqrt(np.square(back).mean())) < 0.15 * whole
    found = turn_deg(vivid.reshape(-1, 3), tone.colour(vivid).reshape(-1, 3))
    assert found == pytest.approx(degrees, abs=1.5)


def test_light_beside_a_strong_turn_of_hue_is_found(vivid):
    after = np.clip(1.08 * turned(vivid, 50), 0, 255)
    tone = fit_tone(recorded(vivid, 1.0, 0), recorded(after, 1.0, 1), EVERYWHERE)
    assert tone.hues is not None
    assert tone.light(np.array([128.0]))[0] == pytest.approx(1.08 * 128, rel=0.02)


def test_what_a_matrix_does_stays_a_matrix(vivid):
    angle = np.radians(50)
    axes = np.array([[1, 1, 1], [2, -1, -1], [0, np.sqrt(3), -np.sqrt(3)]], float)
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    c, s = np.cos(angle), np.sin(angle)
    matrix = axes.T @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ axes
    muted = 128 + 0.4 * (vivid - 128)
    # the last turns by 120
    for planted in (matrix, np.diag([1.25, 1.0, 0.8]), np.roll(np.eye(3), 1, axis=0)):
        after = muted @ planted.T.astype(np.float32)
        tone = fit_tone(recorded(muted, 1.0, 0), recorded(after, 1.0, 1), EVERYWHERE)
        assert tone.hues is None
        assert np.abs(tone.colour(tone.light(muted)) - after).mean() < 1.5
        assert abs(tone.light(np.array([128.0]))[0] - 128) < 5
        assert np.abs(tone.uncoloured(tone.colour(muted)) - muted).max() < 0.05


def test_strong_noise_makes_no_change_flatter(vivid):
    """Without its variance taken off, noise of a cell in frame a draws every gain and every colour to the mean."""
    muted = 128 + 0.25 * (vivid - 128)
    sigma = 32.0
    luma_noise = sigma * float(np.linalg.norm([0.299, 0.587, 0.114]))
    before, again = recorded(muted, sigma, 0), recorded(muted, sigma, 1)
    same = fit_tone(before, again, EVERYWHERE, luma_noise)
    assert not same.has_light
    assert not same.has_colour
    assert fit_tone(before, again, EVERYWHERE).has_light  # a loss of contrast that is not there
    after = recorded(1.15 * muted, sigma, 2)
    found = fit_tone(before, after, EVERYWHERE, luma_noise)
    for level in (90.0, 128.0, 160.0):
        assert found.light(np.array([level]))[0] == pytest.approx(1.15 * level, rel=0.03)
    flat = np.full_like(muted, 120)
    tone = fit_tone(recorded(flat, sigma, 0), recorded(flat + 12, sigma, 1), EVERYWHERE, luma_noise)
    assert tone.gain == pytest.approx(1.0, abs=0.05)
    assert tone.light(np.array([120.0]))[0] == pytest.approx(132, abs=1)


def test_noise_is_no_colour(vivid):
    for sigma in (1.0, 8.0, 32.0):
        tone = fit_tone(recorded(vivid, sigma, 0), recorded(vivid, sigma, 1), EVERYWHERE)
        assert tone.hues is None
        assert np.abs(tone.colour(tone.light(vivid)) - vivid).mean() < 0.1 + 0.05 * sigma


@pytest.mark.parametrize("gamma", [0.72, 0.95, 1.1, 1.4])
@pytest.mark.parametrize("sigma", [0.0, 2.0])
def test_a_gamma_acts_on_single_channels_and_is_found_whole(vivid, gamma, sigma):
    after = 255 * (vivid / 255) ** gamma
    found = fit_tone(recorded(vivid, sigma, 0), recorded(after, sigma, 1), EVERYWHERE)
    assert found.power == pytest.approx(gamma, abs=0.02)
    assert not found.has_colour
    assert np.sqrt(np.square(found.light(vivid) - after).mean()) < 0.3


def test_light_is_found_in_the_few_cells_that_differ_from_a_flat_picture():
    # rounded alike, the flat cells come nearest to a curve that is far off elsewhere
    rng = np.random.default_rng(5)
    shades = ndimage.gaussian_filter(rng.normal(0, 40, (240, 320)), 12)
    scene = np.full((240, 320, 3), 104.0) + 4 * shades[..., None]
    scene[60:120, 80:160] = rng.uniform(35, 85, (4, 5, 1)).repeat(15, 0).repeat(16, 1)[:60, :80]
    for gamma in (0.72, 0.9, 1.2):
        after = 255 * (np.rint(scene) / 255) ** gamma
        found = fit_tone(to_levels(scene), to_levels(after), EVERYWHERE)
        dark = scene < 85
        assert np.sqrt(np.square(found.light(np.rint(scene)) - after)[dark].mean()) < 0.6
