"""Replays of pairs in which one thing was planted, and steps that add up to the change of any model."""

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.frame_pairs.planted import HEIGHT, WIDTH, Grid, recorded, still, view
from vidrobust.frame_pairs.change import edges_of, measure_change, unchanged
from vidrobust.frame_pairs.transitions import Unregistered
from vidrobust.frames.pixels import LUMA, to_levels
from vidrobust.predictions import Classifications
from vidrobust.stages.causes.catalogue import (
    DIVIDED,
    KEYFRAMES,
    NOISE,
    NOT_MEASURED,
    REPLAYED,
    UNDIVIDED,
)
from vidrobust.stages.causes.outcomes import NoThirdFrame
from vidrobust.stages.causes.pair_replays import slight_of, study_pair
from vidrobust.stages.causes.scene import other_motion
from vidrobust.stages.causes.score import answers, score, seen_by

MODEL = Grid()


@pytest.fixture(scope="module")
def scene(corpus):
    return still(corpus)


def scored(pair, model):
    return score(pair, model, seen_by(model, pair.pictures))


def shares(clean, sigma, pairs=1):
    """Shares over several recordings of the same four frames, and the truth of the noise-free twin."""
    rows, along, change, made = [], 0.0, 0.0, []
    for seed in range(pairs):
        frames = recorded(clean, sigma, seed)
        made.append(study_pair(*frames))
        rows += scored(made[-1], MODEL)
        z = seen_by(MODEL, (*frames[1:3], *map(to_levels, clean[1:3]))).z
        along += float((z[3] - z[2]) @ (z[1] - z[0]))
        change += float(np.square(z[1] - z[0]).sum())
    table = pd.DataFrame(rows).groupby("cause", sort=False)[["projection", "squared_change"]].sum()
    return table["projection"] / table["squared_change"], along / change, made


def test_light(scene):
    found, truth, made = shares([view(scene, gain=g) for g in (1.0, 0.95, 1.03, 0.99)], 2.0)
    assert found["light"] == pytest.approx(truth, abs=0.05)
    assert found[list(REPLAYED)].sum() == pytest.approx(truth, abs=0.05)
    # 1.03 / 0.95 is 8.4 % more
    assert made[0].sizes["light"].size == pytest.approx(0.084, abs=0.01)


@pytest.mark.parametrize(
    "gains", [(1.0, 0.9, 1.1, 1.0), (1.0, 1.1, 0.9, 1.0)], ids=["brighter", "darker"]
)
def test_light_that_saturates(scene, gains):
    clean = [view(1.3 * scene, gain=g) for g in gains]
    assert np.mean(clean[1] >= 255) > 0.1
    found, truth, made = shares(clean, 1.0)
    assert truth > 0.95
    assert found["light"] == pytest.approx(truth, abs=0.05)
    assert abs(found[[cause for cause in (*REPLAYED, NOISE) if cause != "light"]]).max() < 0.05
    assert made[0].sizes["light"].more["gain"] == pytest.approx(gains[2] / gains[1], abs=0.05)


def test_camera(scene):
    clean = [view(scene, shift=s) for s in ((0, 0), (1.2, 0.4), (-0.8, 1.9), (0.5, 0.5))]
    found, truth, made = shares(clean, 2.0)
    assert truth > 0.6
    assert found["camera"] == pytest.approx(truth, abs=0.1)
    assert abs(found[["light", "colour", "objects", "sharpness"]]).max() < 0.05
    # the camera moves by (-2.0, +1.5), so that the picture moves the other way
    more = made[0].sizes["camera"].more
    assert (more["shift_x_px"], more["shift_y_px"]) == pytest.approx((2.0, -1.5), abs=0.1)


def test_a_reduced_pair_has_the_shares_of_the_whole_one_and_its_sizes_in_px(scene):
    shifts = ((0, 0), (1.2, 0.4), (-0.8, 1.9), (0.5, 0.5))
    large = (2 * WIDTH, 2 * HEIGHT)
    clean = [cv2.resize(view(scene, shift=s), large, interpolation=cv2.INTER_CUBIC) for s in shifts]
    frames = recorded(clean, 3.0, 0)
    shares_of = {}
    for factor in (1, 2):
        made = study_pair(*frames, factor=factor)
        shares_of[factor] = {row["cause"]: row["projection"] for row in scored(made, MODEL)}
        # the camera moves by (-2.0, +1.5) px of the small view, so that the picture moves (+4, -3)
        more = made.sizes["camera"].more
        assert (more["shift_x_px"], more["shift_y_px"]) == pytest.approx((4.0, -3.0), abs=0.2)
        # noise of 3 levels in each channel is 2 in their luma
        in_luma = 3.0 * np.sqrt(np.square(LUMA).sum())
        assert made.sizes[NOISE].size == pytest.approx(in_luma, rel=0.15)
    assert made.px == 2
    chain = {made.pictures[k].shape for k in (*made.forwards, *made.backwards)}
    assert chain == {(HEIGHT, WIDTH, 3)}
    noisy = {made.pictures[k].shape for both in made.exchange for k in both}
    assert noisy == {(2 * HEIGHT, 2 * WIDTH, 3)}
    z = seen_by(MODEL, tuple(frames[1:3])).z
    whole = float(np.square(z[1] - z[0]).sum())
    for each in shares_of.values():
        assert sum(each.values()) == pytest.approx(whole)
    for cause, projection in shares_of[1].items():
        assert shares_of[2][cause] / whole == pytest.approx(projection / whole, abs=0.09)


def test_noise_alone_is_noise_alone(scene):
    found, _, _ = shares([view(scene)] * 4, 4.0, pairs=4)
    assert abs(found[list(REPLAYED)]).max() < 0.04
    assert 0.7 < found[NOISE] < 1.3


@pytest.mark.parametrize(
    "blurs", [(0, 0.3, 1.2, 1.5), (1.5, 1.2, 0.3, 0.0)], ids=["blurrier", "sharper"]
)
def test_sharpness_is_played_in_the_direction_in_which_it_can_be(scene, blurs):
    found, truth, made = shares([view(scene, blur=s) for s in blurs], 1.0)
    assert made[0].reversed == (blurs[1] > blurs[2])
    # sqrt(1.2^2 - 0.3^2) = 1.16 px, negative where it gets sharper
    blurred_px = 1.16 * np.sign(blurs[2] - blurs[1])
    assert made[0].sizes["sharpness"].size == pytest.approx(blurred_px, abs=0.25)
    assert found["sharpness"] == pytest.approx(truth, abs=0.15)


@dataclass(frozen=True)
class Hash:
    """A model that answers to any change alike: probabilities drawn by the bytes of a picture."""

    salt: int = 0
    name: str = "hash"
    class_names: tuple[str, ...] = ("a", "b", "c", "d")
    task: str = "classification"

    def __call__(self, pixels):
        seeds = ([self.salt, zlib.crc32(x.numpy().tobytes())] for x in pixels)
        drawn = [np.random.default_rng(seed).dirichlet(np.full(4, 3.0)) for seed in seeds]
        return Classifications(np.array(drawn, np.float32), self.class_names)


PLANTED = {
    "noise": [{} for _ in range(4)],
    "all at once": [
        {"shift": (s, 0), "gain": g, "blur": b}
        for s, g, b in ((0, 1, 0.3), (1, 1.05, 0.3), (2.5, 0.97, 0.9), (2, 1, 0.4))
    ],
}


@pytest.mark.parametrize(
    ("own", "slight"),
    [
        ((0.3, 0.2), 1.0),  # less than half a pixel beyond the camera
        ((-2.0, 0.0), 1.0),  # left where it was
        ((-1.2, 0.2), 1.0),  # moved a part of the way
        ((-3.0, 0.0), 0.0),  # moved the other way
        ((0.0, 2.0), 0.0),
        ((2.0, 0.0), 0.0),
    ],
)
def test_blocks_move_by_themselves_little_or_lag_behind_the_camera(own, slight):
    change = unchanged((HEIGHT, WIDTH))
    camera = np.zeros((HEIGHT, WIDTH, 2), np.float32) + np.float32([2, 0])
    objects = np.zeros_like(camera)
    assert slight_of(replace(change, camera=camera, objects=objects), 1.0) == 0
    objects[20:40, 20:60] = own
    moved = replace(change, camera=camera, objects=objects)
    assert slight_of(moved, 1.0) == slight
    assert slight_of(moved, 4.0) <= slight  # each px is four of the whole frame


@pytest.mark.parametrize("coded", [False, True], ids=["raw", "coded"])
@pytest.mark.parametrize("planted", PLANTED)
def test_the_steps_add_up_to_the_change_of_any_model(scene, planted, coded):
    frames = recorded([view(scene, **kw) for kw in PLANTED[planted]], 2.0, 0)
    pair = study_pair(*frames, coded=coded)
    for model in (MODEL, Hash(), Grid(classes=2)):
        rows = pd.DataFrame(scored(pair, model)).set_index("cause")
        assert rows.index.tolist() == list(DIVIDED)
        assert rows["projection"].sum() == pytest.approx(rows["squared_change"].iloc[0])


def test_to_a_model_that_answers_to_any_change_alike_all_is_noise(scene):
    """Over pairs at rest and pairs under every condition; a step from a real frame is its whole answer."""
    rows = []
    for planted in PLANTED.values():
        pair = study_pair(*recorded([view(scene, **kw) for kw in planted], 2.0, 0))
        rows += [row for salt in range(40) for row in scored(pair, Hash(salt))]
    table = pd.DataFrame(rows).groupby("cause")[["projection", "squared_change"]].sum()
    found = table["projection"] / table["squared_change"]
    assert found[NOISE] == pytest.approx(1, abs=0.2)
    assert found.drop(NOISE).abs().max() < 0.2


def test_results_depend_on_the_pictures_alone(scene):
    frames = recorded([view(scene, shift=(s, 0)) for s in (0, 1, 3, 2)], 2.0, 0)
    first, again = (study_pair(*[x.copy() for x in frames]) for _ in range(2))
    for one, other in zip(first.pictures, again.pictures, strict=True):
        assert np.array_equal(one, other)


def test_a_repeated_frame_is_no_third_frame(scene):
    a, b = recorded([view(scene), view(scene)], 2.0, 0)
    pair = study_pair(a.copy(), a, b, None)
    assert pair.excluded is NoThirdFrame.MISSING
    rows = scored(pair, MODEL)
    assert {row["cause"] for row in rows} == set(DIVIDED)
    assert all(np.isnan(row["projection"]) and row["squared_change"] > 0 for row in rows)


def test_the_frame_after_serves_where_there_is_none_before(scene):
    frames = recorded([view(scene, shift=(s, 0)) for s in (0, 1, 3, 2)], 1.0, 0)
    rows = pd.DataFrame(scored(study_pair(None, *frames[1:]), MODEL)).set_index("cause")
    assert rows.loc["camera", "projection"] / rows.loc["camera", "squared_change"] > 0.6


def test_another_scene_cannot_be_replayed(scene):
    frames = recorded([view(scene)] * 2 + [view(scene[::-1, ::-1].copy())] * 2, 1.0, 0)
    pair = study_pair(*frames)
    assert pair.excluded in (Unregistered.OTHER_SCENE, Unregistered.MUCH_IS_NEW)
    # nothing tells whose its change is
    rows = pd.DataFrame(scored(pair, MODEL)).set_index("cause")
    moved = rows.loc[UNDIVIDED[NOT_MEASURED]]
    assert moved["projection"] == pytest.approx(moved["squared_change"])
    assert not rows.drop(UNDIVIDED[NOT_MEASURED])["projection"].any()


def test_a_pair_across_a_keyframe_is_compared_with_the_pairs_beside_it(scene):
    frames = recorded([view(scene, gain=g) for g in (1.0, 1.0, 1.1, 1.1)], 0.5, 0)
    (row,) = scored(study_pair(*frames, keyframe=True), MODEL)
    z = seen_by(MODEL, tuple(frames)).z
    before, change, after = (float(np.square(z[k + 1] - z[k]).sum()) for k in range(3))
    assert row["cause"] == KEYFRAMES
    assert row["projection"] == pytest.approx(change - (before + after) / 2)


def test_two_classes_are_compared_by_square_roots(scene):
    frames = recorded([view(scene, gain=g) for g in (1.0, 0.9, 1.1, 1.0)], 1.0, 0)
    pair, model = study_pair(*frames), Grid(classes=2)
    row = {each["cause"]: each for each in scored(pair, model)}["light"]
    p = answers(model, tuple(frames[1:3]), "cpu").probabilities.astype(np.float64)
    # Hellinger: the squared distance of the square roots
    assert row["squared_change"] == pytest.approx(np.square(np.sqrt(p[1]) - np.sqrt(p[0])).sum())
    assert 0.8 < row["projection"] / row["squared_change"] < 1.2


def test_a_picture_without_texture_can_still_become_lighter():
    flat = [np.full((96, 128, 3), level, np.float32) for level in (90, 100, 112, 100)]
    rows = pd.DataFrame(scored(study_pair(*recorded(flat, 1.0, 0)), MODEL)).set_index("cause")
    assert 0.8 < rows.loc["light", "projection"] / rows.loc["light", "squared_change"] < 1.2
    assert rows.loc["light", "size"] == pytest.approx(0.12, abs=0.02)


@pytest.mark.parametrize("size", [(20, 40), (33, 47), (32, 200)])
def test_odd_sizes_are_replayed_or_refused_in_words(scene, size):
    frames = recorded([view(scene, (s, 0)) for s in range(4)], 1.0, 0)
    frames = [frame[: size[0], : size[1]].copy() for frame in frames]
    pair = study_pair(*frames)
    assert pair.excluded or len(pair.forwards) == len(REPLAYED) + 1
    assert (pair.excluded is Unregistered.SMALL_FRAME) == (size[0] < 32)


def test_edges_lie_two_pixels_about_a_jump():
    motion = np.zeros((9, 12, 2), np.float32)
    motion[:, 6:, 0] = 3
    # the jump lies between columns 5 and 6; both, and two to each side
    assert np.flatnonzero(edges_of(motion)[4]).tolist() == [3, 4, 5, 6, 7, 8]
    motion[:, 6:, 0] = 0.9
    assert not edges_of(motion).any()


def test_a_placebo_of_motion_is_as_large_as_smooth_and_another():
    motion = np.zeros((120, 160, 2), np.float32)
    motion[:, 40:] = (3.0, 1.0)
    first, second = (other_motion(motion, draw, seed=5) for draw in (0, 1))
    assert not first[:, :40].any()
    assert np.square(first[:, 40:]).sum(axis=2).mean() == pytest.approx(10, rel=1e-3)
    assert np.abs(np.diff(first[:, 40:], axis=0)).max() < 0.3
    assert abs(float((first * motion).mean())) < 4.0
    assert not np.allclose(first, second)
    assert np.array_equal(first, other_motion(motion, 0, seed=5))


@pytest.mark.parametrize("cause", ["light", "local_light"])
def test_a_placebo_of_light_has_its_energy_and_nothing_of_its_direction(scene, cause):
    clean = [view(scene, gain=g) for g in (0.7, 0.7, 0.8, 0.8)]  # nothing is clipped
    if cause == "local_light":
        clean = [shaded(view(scene), x) for x in (0.3, 0.3, 0.5, 0.5)]
    pair = study_pair(*recorded(clean, 0.5, 0))
    step = pair.forwards[REPLAYED.index(cause) :][:2]
    before, after = (pair.pictures[k].astype(float) for k in step)
    real = after - before
    for b, p in pair.placebo[cause]:
        made = pair.pictures[p].astype(float) - pair.pictures[b]
        assert np.square(made).mean() == pytest.approx(np.square(real).mean(), rel=0.2)
        assert abs((made * real).sum()) < 0.1 * np.square(real).sum()


def shaded(picture, x):
    """A soft shadow, its middle at this share of the width."""
    height, width = picture.shape[:2]
    across, down = np.arange(width) / width - x, np.arange(height)[:, None] / height - 0.5
    dark = np.exp(-((across / 0.18) ** 2) - (down / 0.3) ** 2)
    return np.asarray(picture * (1 - 0.4 * dark)[..., None])


def test_a_shadow_that_wanders_is_local_light_and_no_noise(scene):
    """Neither noise nor codec: all of it was once told as noise and coding, two to five times the change."""
    clean = [shaded(view(scene), x) for x in (0.35, 0.42, 0.5, 0.55)]
    found, truth, made = shares(clean, 0.0)
    assert truth == pytest.approx(1)
    assert found["local_light"] > 0.7
    assert found[NOISE] < 0.15
    assert abs(found[["camera", "objects", "colour"]]).max() < 0.15
    assert made[0].sizes["local_light"].size == pytest.approx(0.08, abs=0.05)


def test_noise_is_the_same_beside_a_shadow(scene):
    clean = [shaded(view(scene), x) for x in (0.35, 0.42, 0.5, 0.55)]
    found, truth, _ = shares(clean, 2.0)
    assert found["local_light"] == pytest.approx(truth, abs=0.2)
    assert found[NOISE] < 0.4


@pytest.mark.parametrize(
    "blurs", [(2.0, 0.2, 1.6, 1.9), (1.8, 1.7, 0.2, 2.2)], ids=["blurrier", "sharper"]
)
def test_a_pair_sharper_than_the_frames_about_it_is_replayed(scene, blurs):
    found, truth, made = shares([view(scene, blur=s) for s in blurs], 1.0)
    assert made[0].excluded is None
    assert truth > 0.8
    assert found["sharpness"] == pytest.approx(truth, abs=0.15)
    assert abs(found[["light", "colour", "camera", "came_into_view"]]).max() < 0.05


def test_noise_stays_when_the_lens_blurs(scene):
    """The last picture of the chain is as noisy as t+1: a lens blurs the scene and not the sensor's noise."""
    sigma = 8.0
    frames = recorded([view(scene, blur=s) for s in (0.2, 0.3, 1.6, 1.5)], sigma, 0)
    pair = study_pair(*frames)
    last = pair.pictures[pair.forwards[-1]].astype(np.float32)
    clean = view(scene, blur=1.6)
    middle = (clean > 50) & (clean < 205)
    assert (last - clean)[middle].std() == pytest.approx(sigma, rel=0.25)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.7, -2.3), (5.0, 3.0)])
def test_motion_is_found_through_strong_noise(scene, shift):
    change = measure_change(*recorded([view(scene), view(scene, shift=shift)], 32.0, 1))
    assert change.failed is None
    # the affine map leads from the second frame back to the first: content moved the other way
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1.0])
    assert change.affine @ centre - centre[:2] == pytest.approx(shift, abs=0.35)
    assert (change.objects != 0).any(axis=2).mean() < 0.03
    assert not any((change.levels.has_light, change.levels.has_colour, change.local.there))
    assert change.blur.sigma_px == 0


@pytest.mark.parametrize("sigma", [14.0, 60.0])
def test_neither_another_scene_nor_noise_alone_registers(scene, sigma):
    others = [scene[::-1, ::-1], np.roll(scene, 90, axis=1), 255 - scene]
    for seed, other in enumerate(others):
        failed = measure_change(*recorded([view(scene), view(other.copy())], sigma, seed)).failed
        assert failed in (Unregistered.OTHER_SCENE, Unregistered.MUCH_IS_NEW)
    flat = np.full((HEIGHT, WIDTH, 3), 120.0, np.float32)
    change = measure_change(*recorded([flat, flat], sigma, 0))
    assert change.failed is None
    levels = change.levels
    assert not any((change.has_camera, change.has_objects, levels.has_light, levels.has_colour))


def test_strong_noise_is_noise_and_nothing_else(scene):
    found, _, made = shares([view(scene)] * 4, 32.0, pairs=2)
    assert [pair.excluded for pair in made] == [None] * 2
    assert abs(found[list(REPLAYED)]).max() < 0.05
    assert 0.6 < found[NOISE] < 1.4


def test_a_strong_turn_of_hue_is_colour_and_nothing_else(scene):
    clean = []
    for degrees in (0, 50, 5, 60):
        hsv = cv2.cvtColor(view(scene), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = np.mod(hsv[..., 0] + degrees, 360)
        clean.append(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    found, truth, made = shares(clean, 1.0)
    assert truth > 0.9
    assert found["colour"] == pytest.approx(truth, abs=0.15)
    assert abs(found[["light", "camera", "objects", "came_into_view", "sharpness"]]).max() < 0.05
    assert made[0].sizes["colour"].more["hue_deg"] == pytest.approx(-45, abs=2)


def test_the_margins_of_a_flip_add_up_over_its_steps(scene):
    """Two frames to which a hash gives different labels; the way from one to the other crosses the border."""
    for seed in range(20):
        pair = study_pair(*recorded([view(scene, gain=g) for g in (1, 0.95, 1.05, 1)], 2.0, seed))
        rows = pd.DataFrame(scored(pair, Hash()))
        if not rows["flip"].iloc[0]:
            continue
        z = seen_by(Hash(), pair.pictures[:2]).z
        a, b = z.argmax(axis=1)
        before, past = z[0, a] - z[0, b], z[1, b] - z[1, a]
        assert rows["margin_step"].sum() == pytest.approx(before + past)
        assert rows["margin_past"].iloc[0] == pytest.approx(past)
        return
    pytest.fail("no flip in 20 pairs of a model that answers at random")


class Bright(Hash):
    """Says whether a picture is brighter than 100 levels in the mean."""

    def __call__(self, pixels):
        dark = (pixels.float().mean(dim=(1, 2, 3)) < 100).numpy() * 0.8 + 0.1
        shares = np.stack([dark, 1 - dark], axis=1).astype(np.float32)
        return Classifications(shares, self.class_names)


@pytest.mark.parametrize("gains", [(0.9, 1.1), (1.1, 0.9), (1.1, 1.2)], ids=["up", "down", "none"])
def test_light_reproduces_the_flips_that_light_makes_and_nothing_else_does(scene, gains):
    scene = scene * (100 / scene.mean())
    clean = [view(scene, gain=g) for g in (gains[0], *gains, gains[1])]
    pair = study_pair(*recorded(clean, 2.0, 0))
    rows = pd.DataFrame(scored(pair, Bright(class_names=("dark", "bright"))))
    flips = gains != (1.1, 1.2)
    assert rows["flip"].all() == flips
    expected = dict.fromkeys(DIVIDED, False) | {"light": flips}
    assert rows.set_index("cause")["reproduced"].to_dict() == expected
