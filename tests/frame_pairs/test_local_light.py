"""Light from place to place: planted fields are found, and noise, codecs and one gain for all are none."""

import cv2
import numpy as np
import pytest

from vidrobust.frame_pairs import local_light, robust
from vidrobust.frame_pairs.local_light import fit_local_light

HEIGHT, WIDTH = 144, 192
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    coarse = rng.uniform(50, 190, (18, 24, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))


def shadow(depth, x=0.4):
    across, down = np.arange(WIDTH) / WIDTH - x, np.arange(HEIGHT)[:, None] / HEIGHT - 0.5
    return np.asarray(1 - depth * np.exp(-((across / 0.2) ** 2) - (down / 0.3) ** 2))


def noisy(picture, sigma, seed):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.asarray(picture + noise, np.float32)


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_shadow_is_found_with_its_depth(picture, sigma):
    gain = shadow(0.3)
    lit = noisy(picture * gain[..., None], sigma, 2)
    found = fit_local_light(noisy(picture, sigma, 1), lit, EVERYWHERE)
    assert found.there
    assert found.predicted > (0.8 if sigma else 0.95)
    error = found.gain(HEIGHT, WIDTH) - gain
    assert np.sqrt(np.square(error).mean()) < 0.012
    assert np.abs(found.of(picture) - picture * gain[..., None]).mean() < 1.5


def test_noise_is_none(picture):
    for seed in range(8):
        first, second = (noisy(picture, 4, 2 * seed + k) for k in (0, 1))
        found = fit_local_light(first, second, EVERYWHERE)
        assert not found.there
        assert not found.predicted >= 0.1


def test_jpeg_is_none(picture):
    for quality in (15, 40, 70):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        _, data = cv2.imencode(".jpg", noisy(picture, 2, quality), options)
        coded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32)
        assert not fit_local_light(noisy(picture, 2, quality), coded, EVERYWHERE).there


def test_a_change_within_the_rounding_is_none(picture):
    assert not fit_local_light(picture, picture * shadow(0.002)[..., None], EVERYWHERE).there


def test_a_moving_thing_hidden_from_one_frame_decides_nothing(picture):
    second = picture.copy()
    second[40:90, 60:120] = 240
    seen = EVERYWHERE.copy()
    seen[40:90, 60:120] = False
    assert not fit_local_light(picture, second, seen).there
    gain = shadow(0.3, x=0.75)
    found = fit_local_light(picture, second * gain[..., None], seen)
    assert np.abs(found.gain(HEIGHT, WIDTH) - gain)[seen].mean() < 0.015


def test_too_little_to_see_is_none(picture):
    seen = np.zeros((HEIGHT, WIDTH), bool)
    seen[:40, :40] = True
    found = fit_local_light(picture, picture * shadow(0.3)[..., None], seen)
    assert not found.there
    assert np.array_equal(found.of(picture), picture)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_a_shadow_that_covers_little_is_found_where_what_is_still_is_known(picture, sigma):
    across, down = np.arange(WIDTH) / WIDTH - 0.35, np.arange(HEIGHT)[:, None] / HEIGHT - 0.5
    gain = 1 - 0.3 * np.exp(-(((across / 0.1) ** 2 + (down / 0.13) ** 2) ** 2))
    first, second = noisy(picture, sigma, 1), noisy(picture * gain[..., None], sigma, 2)
    assert not fit_local_light(first, second, EVERYWHERE).there
    found = fit_local_light(first, second, EVERYWHERE, still=EVERYWHERE)
    assert np.sqrt(np.square(found.gain(HEIGHT, WIDTH) - gain).mean()) < 0.015
    # the same of a thing that moves, in a scene that stands still and keeps its light
    still = gain > 0.999
    assert not fit_local_light(first, second, EVERYWHERE, still=still).there


@pytest.mark.parametrize("shape", [(96, 160), (160, 96), (40, 200)])
def test_the_fit_is_that_of_all_splines_at_once(shape):
    """Against a dense least-squares solution of the same weighted problem, splines by splines."""
    rng = np.random.default_rng(3)
    a, b = (rng.uniform(40, 200, (*shape, 3)).astype(np.float32) for _ in range(2))
    blocks = local_light._blocks(a, local_light._Target.of(b), np.ones(shape, bool), 8)
    found = local_light._fit(blocks, blocks.weight)
    both = np.einsum("yr,xc->yxrc", blocks.down, blocks.across).reshape(blocks.first.size, -1)
    lattice = np.zeros(both.shape[1])
    for _ in range(local_light.ROUNDS):
        left = np.abs(blocks.difference.ravel() - blocks.first.ravel() * (both @ lattice))
        scale = robust.spread(left, local_light.LEAST_SCALE)
        weight = np.sqrt(blocks.weight.ravel() * robust.biweight(left, scale))
        prior = np.eye(both.shape[1]) * scale / local_light.PRIOR
        design = np.vstack([both * (weight * blocks.first.ravel())[:, None], prior])
        target = np.concatenate([weight * blocks.difference.ravel(), np.zeros(both.shape[1])])
        lattice = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(found.ravel(), lattice, atol=1e-8)
