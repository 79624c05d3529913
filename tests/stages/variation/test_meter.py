"""The meter on clips made frame by frame from a real photograph, so that every change is known."""

import dataclasses
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of, film
from vidrobust.stages.variation.meter import (
    UNITS,
    VariationMeter,
    absolute_change,
    stride_for,
    summarise,
)
from vidrobust.tables import schema as tables

RATE = 25
HEIGHT, WIDTH = 270, 480


@pytest.fixture(scope="module")
def scene(corpus):
    """(720, 1280, 3) float32: a photograph, smoothed for sampling at less than half its size."""
    with av.open(str(corpus / "objects/sam2_01_dog.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 1.0)


def _frame(scene, shift=(0.0, 0.0), gain=1.0, offset=0.0):
    """The scene at 480 x 270, its content moved by ``shift`` px, then its levels changed."""
    ratio = 0.85 * scene.shape[1] / WIDTH
    middle = np.array([WIDTH - 1, HEIGHT - 1]) / 2 + shift
    centre = np.array([scene.shape[1] - 1, scene.shape[0] - 1]) / 2 - ratio * middle
    matrix = np.array([[ratio, 0, centre[0]], [0, ratio, centre[1]]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=flags)
    return np.clip(np.rint(gain * moved + offset), 0, 255).astype(np.uint8)


def _measure(frames, reasons=None, *, size=16, stride=1, seed=0, **kwargs):
    how = {"frame_rate": Fraction(RATE), "stride": stride, "seed": seed}
    meter = VariationMeter("clip", content="clip", **how)
    reasons = [""] * len(frames) if reasons is None else reasons
    for start in range(0, len(frames), size):
        part = slice(start, start + size)
        meter.feed(batch_of(frames[part], start, **kwargs), reasons[part])
    return meter.finish()


def _row(result, quantity, scale="adjacent"):
    table = result.table
    return table[(table["scale"] == scale) & (table["quantity"] == quantity)].iloc[0]


@pytest.fixture(scope="module")
def drifting(scene):
    """30 frames: 1.5 px right and 0.4 px up per frame, brighter by 6 % in every second frame."""
    return [_frame(scene, (1.5 * t, -0.4 * t), gain=1.06 if t % 2 else 1.0) for t in range(30)]


@pytest.fixture(scope="module")
def small(drifting):
    """The same at a third of the size."""
    return [np.ascontiguousarray(frame[::3, ::3]) for frame in drifting]


@pytest.fixture(scope="module")
def tiny(drifting):
    """Too small to be measured: for tests of which pairs are drawn."""
    return [np.ascontiguousarray(frame[:20, :20]) for frame in drifting]


def test_planted_drift_and_flicker(drifting):
    result = _measure(drifting)
    assert _row(result, "shift_x_px")["p50"] == pytest.approx(1.5, rel=0.05)
    assert _row(result, "shift_y_px")["p50"] == pytest.approx(0.4, rel=0.1)
    # up by 6 %, down by 1 - 1 / 1.06 = 5.66 %, in turn
    assert _row(result, "gain")["p50"] == pytest.approx(0.0583, abs=0.003)
    for quantity, phantom in {
        "offset": 1.0,
        "uneven_light": 0.01,
        "saturation": 0.02,
        "hue_deg": 0.6,
        "white_balance": 0.01,
        "rotation_deg": 0.03,
        "zoom": 0.001,
        "sharpness": 0.25,
        "noise_sigma": 0.75,
        "blockiness": 0.3,
    }.items():
        assert _row(result, quantity)["p95"] < phantom, quantity
    # a second on, 25 frames: 37.5 px and one odd flicker
    assert _row(result, "shift_x_px", "second")["p50"] == pytest.approx(37.5, rel=0.02)
    assert _row(result, "gain", "second")["p50"] == pytest.approx(0.0583, abs=0.005)
    # frames of the shot against its first one, at random distances: 1.5 px for each frame between
    far = result.pairs[result.pairs["scale"] == "clip"]
    far = far[far["quantity"] == "shift_x_px"]
    apart = (far["frame_b"] - far["frame_a"]).to_numpy()
    assert len(set(apart)) > 8
    assert np.abs(far["value"].to_numpy()) == pytest.approx(1.5 * apart, rel=0.05)


def test_a_shadow_that_wanders_is_uneven_light(scene):
    """The gain between two frames, known in every pixel, has the standard deviation that is told."""
    still = _frame(scene)
    height, width = still.shape[:2]
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    places = [((x - 0.3 - 0.03 * t) / 0.15) ** 2 + ((y - 0.5) / 0.25) ** 2 for t in range(12)]
    shades = [1 - 0.4 * np.exp(-place) for place in places]
    result = _measure([np.rint(still * shade[..., None]).astype(np.uint8) for shade in shades])
    planted = np.median([(b / a).std() for a, b in pairwise(shades)])
    row = _row(result, "uneven_light")
    assert row["p50"] == pytest.approx(planted, rel=0.25)
    assert row["valid"] > 0.8


def test_planted_drift_survives_h264(drifting, tmp_path):
    coded = film(tmp_path / "x.mkv", drifting[:16], rate=int(RATE), crf="20", preset="fast")
    with av.open(str(coded)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    result = _measure(frames)
    assert _row(result, "shift_x_px")["p50"] == pytest.approx(1.5, rel=0.1)
    assert _row(result, "gain")["p50"] == pytest.approx(0.0583, rel=0.1)
    assert _row(result, "saturation")["p50"] < 0.02
    assert _row(result, "zoom")["p50"] < 0.001
    assert _row(result, "shift_x_px")["valid"] > 0.9


def test_a_still_clip_has_no_variation(scene):
    frame = _frame(scene)
    result = _measure([frame] * 8)
    quantities = result.pairs["quantity"].to_numpy(str)
    changes = absolute_change(quantities, result.pairs["value"].to_numpy(float))
    valid = result.pairs["valid"].to_numpy(bool)
    assert valid.mean() > 0.5
    assert np.nanmax(changes[valid]) < 1e-3


def test_table_keeps_the_contract(small):
    result = _measure(small[:4])
    checked = tables.check("variation", result.table)
    names = list(tables.TABLES["variation"])
    assert list(checked.columns[: len(names)]) == names
    near = result.table[result.table["scale"] == "adjacent"]
    assert list(near["quantity"]) == list(UNITS)
    assert set(result.table["who"]) == {"frame", "camera", "part"}
    assert (near["n"] == 3).all()
    assert _row(result, "shift_x_px")["unit"] == "px"


def test_no_pair_reaches_over_a_cut(tiny):
    frames = tiny + [frame[::-1].copy() for frame in tiny]
    reasons = ["first"] + [""] * 29 + ["scene_cut"] + [""] * 29
    result = _measure(frames, reasons, stride=4)
    before, after = result.pairs["frame_a"] < 30, result.pairs["frame_b"] < 30
    assert (before == after).all()
    assert result.excluded == {"scene_cut": 1}
    assert set(result.pairs["scale"]) == {"adjacent", "second", "clip"}
    # each shot is compared with its own first frame
    assert set(result.pairs.loc[result.pairs["scale"] == "clip", "frame_a"]) == {0, 30}


def test_excluded_pairs_are_counted_and_not_measured(tiny):
    reasons = ["first", "", "duplicate", "", "motion", "", "", ""]
    result = _measure(tiny[:8], reasons)
    assert result.excluded == {"duplicate": 1, "motion": 1}
    assert result.counts["pairs_adjacent"] == 7
    assert result.counts["pairs_drawn"] == 5
    measured = set(result.pairs.loc[result.pairs["scale"] == "adjacent", "frame_b"])
    assert measured == {1, 3, 5, 6, 7}


def test_corrupt_frames_are_never_used(tiny):
    result = _measure(tiny, corrupt=(0, 3, 25))
    adjacent = result.pairs[result.pairs["scale"] == "adjacent"]
    far = result.pairs[result.pairs["scale"] != "adjacent"]
    assert not {0, 3, 25} & (set(adjacent["frame_a"]) | set(adjacent["frame_b"]))
    assert not {0, 3, 25} & (set(far["frame_a"]) | set(far["frame_b"]))


def test_batches_and_memory_do_not_matter(small):
    whole = _measure(small[:15], stride=3, size=15)
    pieces = _measure(small[:15], stride=3, size=7)
    pd.testing.assert_frame_equal(whole.pairs, pieces.pairs)
    # a source that writes every batch into the same memory
    meter = VariationMeter("clip", content="clip", frame_rate=RATE, stride=3)
    memory = np.empty((5, *small[0].shape), np.uint8)
    for start in range(0, 15, 5):
        memory[:] = np.stack(small[start : start + 5])
        batch = batch_of(small[start : start + 5], start)
        meter.feed(dataclasses.replace(batch, pixels=torch.from_numpy(memory).permute(0, 3, 1, 2)))
        memory[:] = 0
    pd.testing.assert_frame_equal(whole.pairs, meter.finish().pairs)


def test_planar_pixels_give_the_same(small):
    meter = VariationMeter("clip", content="clip", frame_rate=RATE, stride=1)
    batch = batch_of(small[:4])
    meter.feed(dataclasses.replace(batch, pixels=batch.pixels.contiguous()))
    pd.testing.assert_frame_equal(meter.finish().pairs, _measure(small[:4]).pairs)


def test_one_pair_of_every_stride_is_drawn(tiny):
    result = _measure(tiny, stride=5)
    drawn = result.pairs.loc[result.pairs["scale"] == "adjacent", "frame_a"].unique()
    # 30 frames: six blocks of five; the last pair of the last block, 29 to 30, does not exist
    assert sorted(set(drawn // 5)) in ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4])
    assert len(drawn) == len(set(drawn // 5))
    again = _measure(tiny, stride=5).pairs
    pd.testing.assert_frame_equal(result.pairs, again)
    others = [set(_measure(tiny[:12], stride=5, seed=seed).pairs["frame_a"]) for seed in range(3)]
    assert any(o != others[0] for o in others)


def test_stride_follows_size_and_rate_and_nothing_else():
    # a pair costs 10.5 + 5 * 0.2304 = 11.65 ms; far pairs, one each in 20 and in 3 frames, 4.47 ms a frame;
    # 11.65 / (7 - 4.47) = 4.6
    assert stride_for(360, 640, 30) == 5
    assert stride_for(1080, 1920, 30) > stride_for(360, 640, 30)
    assert stride_for(360, 640, 5) >= stride_for(360, 640, 30)


def test_few_frames_a_second_do_not_multiply_far_pairs(tiny):
    meter = VariationMeter("clip", content="clip", frame_rate=1, stride=4)
    meter.feed(batch_of(tiny, time_s=np.arange(30.0)))
    counts = meter.finish().counts
    assert counts["pairs_second"] == 2  # from frames 0 and 20
    # every frame while the shot is young, then ever fewer: with the 40th of its length between them
    assert counts["pairs_clip"] <= 29
    longer = VariationMeter("clip", content="clip", frame_rate=1, stride=4)
    for start in range(0, 120, 30):
        longer.feed(batch_of(tiny, start, time_s=start + np.arange(30.0)))
    assert longer.finish().counts["pairs_clip"] < 100  # of 119: about 40 + 40 ln 3


def test_gap_in_time_gives_no_second_pair(tiny):
    # the clock jumps by ten seconds: no frame is one second after the frames before the gap
    times = np.concatenate([np.arange(10) / RATE, 10 + np.arange(20) / RATE])
    meter = VariationMeter("clip", content="clip", frame_rate=RATE, stride=100)
    meter.feed(batch_of(tiny, time_s=times))
    result = meter.finish()
    assert result.counts["pairs_second"] == 0
    assert result.timing.dropped == 240


def test_percentiles_by_hand():
    values = [1.10, 0.90, 1.00, 1.40, 0.95]
    of = {"item": "a", "frame_a": range(5), "frame_b": range(1, 6), "delta_ms": 40.0}
    of |= {"scale": "adjacent", "quantity": "gain", "who": "frame", "error": 0.01}
    pairs = pd.DataFrame({**of, "value": values, "valid": [True, True, True, False, True]})
    row = summarise(pairs).iloc[0]
    # changes of the valid: 0, 0.05, 0.1, 0.1; two sigma is 0.02
    assert row["p50"] == pytest.approx(0.075)
    assert row["p99"] == pytest.approx(0.1)
    assert (row["n"], row["valid"], row["resolved"]) == (5, 0.8, 0.75)


def test_nothing_valid_is_nan_and_says_so():
    blank = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * 3
    row = _row(_measure(blank), "gain")
    assert np.isnan(row["p50"])
    assert (row["n"], row["valid"]) == (2, 0)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames(count, drifting):
    result = _measure(drifting[:count])
    assert len(result.table) == 0
    assert tables.check("variation", result.table).empty


def test_wrong_number_of_reasons(drifting):
    with pytest.raises(ValueError, match="pair_excluded"):
        VariationMeter("clip", content="clip", frame_rate=RATE).feed(batch_of(drifting[:3]), [""])
