"""ImageNet-P: numbers of frames, where the clean one lies, the authors' formulas, and the flip rate."""

import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional
from torchvision.transforms.v2 import InterpolationMode

from tests.perturb.conftest import make_picture
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.published.perturbations.sequences import (
    SEQUENCES,
    compared_pairs,
    flip_probability,
)


def smooth_picture():
    """(3, 128, 128) without fine detail, so that two interpolations agree."""
    picture = make_picture(128, 128).permute(1, 2, 0).numpy()
    return torch.from_numpy(cv2.GaussianBlur(picture, (0, 0), 2)).permute(2, 0, 1)


def test_ten_are_scored_and_the_table_of_the_paper_holds():
    scored = [s.name for s in SEQUENCES.values() if s.scored]
    drawn = {"gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow", "brightness"}
    assert set(scored) == drawn | {"translate", "rotate", "tilt", "scale"}
    others = {"speckle_noise", "gaussian_blur", "spatter", "shear"}
    assert {p.name for p in suite("imagenet-p")} == {*scored} | others
    assert {s.name for s in SEQUENCES.values() if s.num_frames == 41} == {"translate"}
    assert {s.num_frames for s in SEQUENCES.values()} == {31, 41}
    assert {s.name for s in SEQUENCES.values() if s.compare == "first"} == {
        f"{noise}_noise{level}"
        for noise in ("gaussian", "shot", "speckle")
        for level in ("", "_2", "_3")
    }


@pytest.mark.parametrize("name", SEQUENCES)
def test_clean_frame_is_where_it_is_said_to_be(name):
    sequence, picture = SEQUENCES[name], make_picture(64, 48)
    frames = list(sequence.frames(picture, from_seed(1)))
    assert len(frames) == sequence.num_frames
    distances = [float((frame.float() - picture.float()).abs().mean()) for frame in frames]
    if sequence.clean is None:
        assert min(distances) > 0.1
    elif name == "tilt":  # the authors' middle frame is smaller by 1 / (diagonal + 1)
        assert 0 < distances[15] < distances[10]
    else:
        assert [k for k, distance in enumerate(distances) if distance == 0] == [sequence.clean]


@pytest.mark.parametrize("name", ["gaussian_noise", "snow", "translate", "zoom_blur", "spatter"])
def test_a_perturbation_gives_the_frames_of_the_sequence(name):
    picture = make_picture(40, 40)
    frames = list(SEQUENCES[name].frames(picture, seeded("x", 0, 0, f"imagenet-p:{name}", 0)))
    for number in (2, 17, 31):
        own = seeded("x", 0, 0, f"imagenet-p:{name}", 0)
        (alone,) = PERTURBATIONS[f"imagenet-p:{name}"].apply(picture[None], number, [own])
        assert torch.equal(alone, frames[number - 1])
    with pytest.raises(SettingsError, match=r"there is no frame 2\.5"):
        PERTURBATIONS[f"imagenet-p:{name}"].apply(picture[None], 2.5, from_seed(0))


@pytest.mark.parametrize("name", ["translate", "rotate", "shear", "scale"])
def test_motions_are_those_of_torchvision(name):
    """The authors call ``affine``; away from the black border two levels are the rounding of both."""
    picture = smooth_picture()
    image = Image.fromarray(picture.permute(1, 2, 0).numpy())
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0]}
    for number in (0, 9, 22, 30):
        moved = {
            "translate": {"translate": [number - 20, 0]},
            "rotate": {"angle": number - 15.0},
            "shear": {"shear": [number - 15.0, 0.0]},
            "scale": {"scale": (2.5 * number + 40) / 100},
        }[name]
        how = {**still, **moved, "interpolation": InterpolationMode.BILINEAR}
        theirs = functional.affine(image, **how)
        mine = SEQUENCES[name].at(picture[None], number, from_seed(0))[0]
        a = mine.permute(1, 2, 0).numpy().astype(int)
        b = np.asarray(theirs).astype(int)
        seen = ((a.sum(2) > 0) & (b.sum(2) > 0)).astype(np.uint8)
        inside = cv2.erode(seen, np.ones((7, 7)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        assert inside.mean() > 0.1
        assert np.abs(a - b)[inside].max() <= 2


def test_tilt_is_the_authors_projection():
    picture = smooth_picture().permute(1, 2, 0).contiguous().numpy()
    h, w = picture.shape[:2]
    for number in (0, 20, 30):
        a, f = math.radians(number - 15), math.hypot(h, w)
        c, s = math.cos(a), math.sin(a)
        onto = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1], [0, 0, 1]])
        about_x = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
        about_y = np.array([[c, 0, -s, 0], [0, 1, 0, 0], [s, 0, c, 0], [0, 0, 0, 1]])
        away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, f], [0, 0, 0, 1]])
        back = np.array([[f, 0, w / 2, 0], [0, f, h / 2, 0], [0, 0, 1, 0]])
        theirs = cv2.warpPerspective(picture, back @ away @ about_x @ about_y @ onto, (w, h))
        whole = torch.from_numpy(picture).permute(2, 0, 1)[None]
        ours = SEQUENCES["tilt"].at(whole, number, from_seed(0))
        assert np.abs(ours[0].permute(1, 2, 0).numpy().astype(int) - theirs).max() <= 1


def test_noise_is_independent_from_frame_to_frame():
    grey = torch.full((3, 60, 60), 128, dtype=torch.uint8)
    frames = list(SEQUENCES["gaussian_noise_3"].frames(grey, from_seed(0)))
    frames = torch.stack(frames).double() - 128
    assert frames[1:].std() == pytest.approx(0.08 * 255, rel=0.02)
    assert abs(float((frames[1] * frames[2]).mean())) < 0.05 * 20.4**2


def test_running_drops_follow_the_authors_convolution():
    """``np.convolve`` with (.05, .1, .15, .7), mode same, on a column, against the filter used."""
    column = np.random.default_rng(0).random(30).astype(np.float32)
    run = np.array([[0.7], [0.15], [0.1], [0.05]], np.float32)
    ours = cv2.filter2D(column[:, None], -1, run, anchor=(0, 2), borderType=cv2.BORDER_CONSTANT)
    expected = np.convolve(column, [0.05, 0.1, 0.15, 0.7], mode="same")
    assert ours.ravel() == pytest.approx(expected, abs=1e-6)


def test_pairs_by_hand():
    assert compared_pairs(4, "first") == [(0, 1), (0, 2), (0, 3)]
    assert compared_pairs(4, "previous") == [(0, 1), (1, 2), (2, 3)]
    assert compared_pairs(5, "previous", difficulty=2) == [(0, 2), (1, 3), (2, 4)]


def test_flip_probability_by_hand():
    """a b a b ...: 31 frames flip at each of 30 steps; against the first 15 of 30 differ; every second never."""
    alternating = np.arange(31)[None] % 2
    assert flip_probability(alternating, "previous") == 1
    assert flip_probability(alternating, "first") == 0.5
    assert flip_probability(alternating, "previous", difficulty=2) == 0
    assert flip_probability(np.zeros((3, 31)), "previous") == 0
    assert flip_probability(np.array([[0, 0, 1], [2, 2, 2]]), "previous") == 0.25
    assert math.isnan(flip_probability(np.zeros((2, 1)), "previous"))
    assert math.isnan(flip_probability(np.zeros((2, 1)), "first"))
