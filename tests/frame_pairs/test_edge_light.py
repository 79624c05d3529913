"""Light with edges and by rows is told from things that move by the texture that stays under it."""

import cv2
import numpy as np
import pytest

from tests.frame_pairs.planted import still, view
from vidrobust.frame_pairs.change import measure_change
from vidrobust.frame_pairs.edge_light import fit_edges, row_profile
from vidrobust.frames.pixels import luma

NOISE = 1.0


@pytest.fixture(scope="module")
def scene(corpus):
    return still(corpus)


def recorded(picture, seed):
    noise = np.random.default_rng(seed).normal(0, NOISE, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def shadow(shape, middle, edge, depth=0.4):
    across = np.abs(np.arange(shape[1], dtype=np.float32) - middle)
    t = np.clip((30 - across) / edge + 0.5, 0, 1)
    gain = 1 - depth * t * t * (3 - 2 * t)
    return np.broadcast_to(gain[None], shape[:2]).astype(np.float32)


@pytest.mark.parametrize("edge", [2, 11, 35])
def test_a_shadow_with_an_edge_is_light_and_not_something_that_moves(scene, edge):
    clean = view(0.8 * scene)
    one, two = (shadow(clean.shape, middle, edge) for middle in (100, 112))
    found = measure_change(*(recorded(clean * g[..., None], k) for k, g in enumerate((one, two))))
    truth = np.log(two / one)
    gain = np.log(found.local_gain)
    assert np.sqrt(np.mean((gain - truth) ** 2)) < 0.3 * np.sqrt(np.mean(truth**2))
    # a flow still takes a part of a soft edge for motion
    assert found.objects_move.mean() < (0.02 if edge == 2 else 0.08)
    assert found.new.mean() < 0.04


@pytest.mark.parametrize("period", [80, 150])
def test_bands_over_the_rows_are_light(scene, period):
    clean = view(0.8 * scene)
    rows = np.arange(clean.shape[0])
    one, two = (1 + 0.15 * np.sin(2 * np.pi * (rows / period + turn)) for turn in (0.0, 0.3))
    pair = (recorded(clean * g[:, None, None], k) for k, g in enumerate((one, two)))
    found = measure_change(*pair)
    truth = np.broadcast_to(np.log(two / one)[:, None], found.new.shape)
    gain = np.log(found.local_gain)
    assert np.sqrt(np.mean((gain - truth) ** 2)) < 0.25 * np.sqrt(np.mean(truth**2))
    assert not found.has_camera
    # a flow still follows some of narrow bands where there is little texture
    assert found.objects_move.mean() < (0.25 if period == 80 else 0.02)


def test_a_part_that_moves_is_no_light(scene):
    clean = view(0.8 * scene)
    part = clean[::-1, ::-1].copy()

    def with_part(left):
        made = clean.copy()
        made[60:130, left : left + 80] = 0.6 * part[20:90, 20:100]
        return made

    found = measure_change(recorded(with_part(40), 0), recorded(with_part(45), 1))
    assert found.has_objects
    assert found.local.edges is None or np.mean(np.abs(found.local.edges - 1) > 0.03) < 0.01


def test_nothing_but_noise_has_no_edges(scene):
    clean = view(0.8 * scene)
    found = measure_change(recorded(clean, 0), recorded(clean, 1))
    assert found.local.edges is None


def test_a_profile_of_rows_must_be_the_same_in_both_halves_of_the_columns():
    rng = np.random.default_rng(0)
    profile = 0.05 * np.sin(np.arange(120) / 6)
    clear = np.ones((120, 160), bool)
    noise = rng.normal(0, 0.02, clear.shape).astype(np.float32)
    found = row_profile(noise + profile[:, None].astype(np.float32), clear)
    assert np.abs(found - profile).max() < 0.02
    assert row_profile(noise, clear) is None


def test_another_surface_under_the_same_levels_is_no_light(scene):
    one = luma(view(0.8 * scene)).astype(np.float32)
    other = one.copy()
    other[50:120, 60:150] = 0.6 * one[::-1][50:120, 60:150]
    moves, clear = np.zeros(one.shape, bool), np.ones(one.shape, bool)
    gain = fit_edges(one, one, other, moves, clear)
    inside = np.zeros(one.shape, bool)
    inside[60:110, 70:140] = True
    taken = 0.0 if gain is None else float((np.abs(np.log(gain)) > 0.03)[inside].mean())
    assert taken < 0.15
    lit = one.copy()
    lit[50:120, 60:150] *= 0.6
    gain = fit_edges(one, one, lit, moves, clear)
    assert np.median(gain[inside]) == pytest.approx(0.6, abs=0.03)
    assert cv2.countNonZero((np.abs(np.log(gain)) > 0.03).view(np.uint8)) < 90 * 110
