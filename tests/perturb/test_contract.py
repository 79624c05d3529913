"""What holds for every perturbation of the catalogue."""

import dataclasses

import numpy as np
import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from vidrobust.errors import SettingsError
from vidrobust.perturb import blur, geometric, light, noise
from vidrobust.perturb.catalogue import PERTURBATIONS, catalogue_of
from vidrobust.perturb.draws import from_seed, one_per_frame, seeded
from vidrobust.perturb.perturbation import random_time_s
from vidrobust.shapes.mask import Mask

from ..stand_in import stand_in
from .conftest import make_picture

every = pytest.mark.parametrize("perturbation", PERTURBATIONS.values(), ids=PERTURBATIONS)
guarded = pytest.mark.parametrize("name", ["hue", "rolling_shutter", "imagenet-c:frost"])
"""One check of arguments guards all; these draw alike for all frames, in time, and for each frame."""
CLIPS = {key: each for key, each in PERTURBATIONS.items() if each.apply_clip}
in_time = pytest.mark.parametrize("perturbation", CLIPS.values(), ids=CLIPS)
signed = pytest.mark.parametrize(
    ("perturbation", "direction"),
    [pytest.param(p, d, id=d) for p in PERTURBATIONS.values() for d in p.signed],
)


def middle(perturbation):
    return perturbation.strengths[len(perturbation.strengths) // 2]


def damage(clean, changed):
    """Root mean square difference, levels."""
    return float((clean.float() - changed.float()).square().mean().sqrt())


def test_all_are_described():
    for key, perturbation in PERTURBATIONS.items():
        assert perturbation.key == key
        assert perturbation.unit, key
        assert perturbation.doc.endswith("."), key
        strengths = list(perturbation.strengths)
        assert strengths == sorted(set(strengths)), key
        assert perturbation.range[0] <= strengths[0] <= strengths[-1] <= perturbation.range[1], key


@every
def test_input_untouched_fresh_memory_same_shape_in_any_layout(perturbation, pictures):
    # a decoder's memory layout
    rows = pictures.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    results = []
    for pixels in (pictures.clone(), rows):
        before = pixels.clone()
        changed = perturbation.apply(pixels, middle(perturbation), from_seed(1))
        assert torch.equal(pixels, before)
        assert changed.shape == pixels.shape
        assert changed.dtype == torch.uint8
        assert changed.device == pixels.device
        assert changed.untyped_storage().data_ptr() != pixels.untyped_storage().data_ptr()
        results.append(changed)
    assert torch.equal(*results)


@every
def test_same_seed_same_result_on_any_split(perturbation, pictures):
    strength = middle(perturbation)
    whole = perturbation.apply(pictures, strength, from_seed(5))
    one = from_seed(5)
    pieces = (pictures[:1], pictures[:0], pictures[1:])
    parts = [perturbation.apply(part, strength, one) for part in pieces]
    assert torch.equal(whole, torch.cat(parts))


@every
def test_one_generator_a_frame_is_bound_to_its_frame(perturbation, pictures):
    strength = middle(perturbation)

    def generators(frames):
        return [seeded("clip", frame, 0, perturbation.key, 3) for frame in frames]

    together = perturbation.apply(pictures, strength, generators((0, 1, 2)))
    backwards = perturbation.apply(pictures.flip(0), strength, generators((2, 1, 0)))
    assert torch.equal(together, backwards.flip(0))


@guarded
def test_strength_zero_is_the_identity(name, pictures):
    perturbation = PERTURBATIONS[name]
    same = perturbation.apply(pictures, 0, from_seed(1))
    assert torch.equal(same, pictures)
    assert same.data_ptr() != pictures.data_ptr()
    if perturbation.apply_clip:
        again = perturbation.apply_clip(pictures, np.arange(3.0), 0, from_seed(1))
        assert torch.equal(again, pictures)


@every
def test_damage_grows_with_strength_or_the_reason_is_given(perturbation, pictures):
    """With common draws, over six frames; h264 needs frames that are worth a bit rate."""
    pixels = pictures.repeat(2, 1, 1, 1)
    made = (perturbation.apply(pixels, s, from_seed(2)) for s in perturbation.strengths)
    damages = [damage(pixels, each) for each in made]
    if not perturbation.not_monotone:
        assert damages == sorted(damages)
        assert damages[0] > 0


@every
def test_any_size(perturbation):
    for size in ((1, 1), (2, 3), (3, 1100)):
        pixels = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=from_seed(0))
        for given in (pixels, pixels[:0]):
            made = perturbation.apply(given, middle(perturbation), from_seed(1))
            assert made.shape == given.shape


@pytest.mark.parametrize("name", ["rotation", "gaussian_blur"])
def test_a_4k_frame(name):
    pixels = torch.randint(0, 256, (1, 3, 2160, 3840), dtype=torch.uint8, generator=from_seed(0))
    changed = PERTURBATIONS[name].apply(pixels, PERTURBATIONS[name].strengths[0], from_seed(1))
    assert changed.shape == pixels.shape
    assert 0 < damage(pixels, changed) < 120


@guarded
def test_refuses_what_it_cannot_do(name, pictures):
    perturbation = PERTURBATIONS[name]
    with pytest.raises(SettingsError, match=r"outside its range; use 0 or"):
        perturbation.apply(pictures, perturbation.range[1] * 2, from_seed(1))
    with pytest.raises(SettingsError, match="negative"):
        perturbation.apply(pictures, -middle(perturbation), from_seed(1))
    said = r"expected pixels uint8 of shape \(N, 3, H, W\), got torch.float32"
    with pytest.raises(ValueError, match=said):
        perturbation.apply(pictures.float(), 0, from_seed(1))
    with pytest.raises(SettingsError, match="one for each of the 3 frames; got 2"):
        perturbation.apply(pictures, middle(perturbation), [from_seed(1), from_seed(2)])


NATIVE = set(catalogue_of((light, geometric, blur, noise)))
# Warps are OpenCV's on the CPU, in fixed point, and float32 on other devices; the suites that inpaint or warp likewise
WARPS = {"rotation", "scale", "shear", "perspective", "rolling_shutter"}
# Codecs and the published suites that OpenCV or SciPy computes take the frames to main memory once
ROUND_TRIPS = {"jpeg", "h264"}


@every
def test_a_device_gets_what_the_cpu_gets(perturbation):
    """On the stand-in; a picture of several bands of an odd width, so that no band ends with a word of bits."""
    pixels = make_picture(340, 401)[None]
    strength = middle(perturbation)
    expected = perturbation.apply(pixels, strength, from_seed(1))
    with stand_in() as copies:
        there = pixels.to("cuda:0")
        copies.made.clear()
        changed = perturbation.apply(there, strength, from_seed(1))
        down = sum(copy.bytes for copy in copies.of("down"))
        assert str(changed.device) == "cuda:0"
        apart = (changed.cpu().int() - expected.int()).abs()
    warped = perturbation.name in WARPS or perturbation.suite in ("shift", "imagenet-p")
    assert int(apart.max()) <= (2 if warped else 0)
    assert float(apart.float().mean()) < 0.05
    if perturbation.suite == "natural" and perturbation.key in NATIVE:
        assert down <= (pixels.nbytes if perturbation.name in ROUND_TRIPS else 64)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu(pictures):
    for key, perturbation in PERTURBATIONS.items():
        strength = middle(perturbation)
        on_cpu = perturbation.apply(pictures, strength, from_seed(1))
        on_cuda = perturbation.apply(pictures.cuda(), strength, from_seed(1))
        assert on_cuda.device.type == "cuda", key
        apart = (on_cuda.cpu().int() - on_cpu.int()).abs().float()
        warped = perturbation.name in WARPS or perturbation.suite in ("shift", "imagenet-p")
        assert apart.mean() < (0.2 if warped else 1e-4), key


@every
def test_what_needs_neighbours_leaves_lone_frames_and_says_why(perturbation, pictures):
    """And everything else changes a lone frame, at its strongest and under some draw of five."""
    strength = perturbation.strengths[-1]
    made = [perturbation.apply(pictures, strength, from_seed(seed)) for seed in range(5)]
    changed = not all(torch.equal(each, pictures) for each in made)
    assert changed == perturbation.on_single_frames
    assert perturbation.on_single_frames or perturbation.needs_neighbours.endswith(".")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"family": "magic"}, "there is no family 'magic'; families are light, colour"),
        ({"strengths": (2.0, 1.0)}, r"strengths \(2.0, 1.0\) do not grow from mild to strong"),
        ({"strengths": ()}, r"strengths \(\) do not grow"),
        ({"range": (0.0, 1.0), "strengths": (0.5, 2.0)}, r"lie outside its range \(0.0, 1.0\)"),
    ],
    ids=["family", "order", "none", "range"],
)
def test_a_record_that_contradicts_itself_is_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        dataclasses.replace(PERTURBATIONS["hue"], **wrong)


@signed
def test_signed_form_is_either_outcome_of_the_random_one(perturbation, direction, pictures):
    strength = perturbation.strengths[0]
    frame = pictures[:1]
    both = [(sign * strength, name) for name in perturbation.signed for sign in (1, -1)]
    ways = [perturbation.apply_signed(frame, *way) for way in both]
    drawn = [perturbation.apply(frame, strength, from_seed(seed)) for seed in range(16)]
    assert all(any(torch.equal(d, way) for way in ways) for d in drawn)
    up, down = (perturbation.apply_signed(pictures, s, direction) for s in (strength, -strength))
    assert not torch.equal(up, down)
    if perturbation.name != "gaussian_blur":  # its random form only blurs
        assert any(torch.equal(d, up[:1]) for d in drawn)
        assert any(torch.equal(d, down[:1]) for d in drawn)


@signed
def test_signed_form_takes_opposite_directions(perturbation, direction, pictures):
    """To first order the two changes cancel: on a smooth picture their cosine is clearly negative."""
    strength, smooth = perturbation.strengths[0], gaussian_blur(pictures, [13, 13], [3.0, 3.0])
    made = (perturbation.apply_signed(smooth, s, direction) for s in (strength, -strength))
    a, b = ((each.float() - smooth.float()).flatten() for each in made)
    assert torch.dot(a, b) / (a.norm() * b.norm()) < -0.8
    assert torch.equal(perturbation.apply_signed(pictures, 0, direction), pictures)


def test_no_direction_is_an_error(pictures):
    with pytest.raises(SettingsError, match="jpeg: no direction ''; directions are none"):
        PERTURBATIONS["jpeg"].apply_signed(pictures, 10)
    with pytest.raises(SettingsError, match="directions are translation_x, translation_y"):
        PERTURBATIONS["translation"].apply_signed(pictures, 10, "z")


@in_time
def test_a_clip_in_parts_is_the_clip(perturbation, pictures):
    """Unless it says that it needs the whole clip; also when the same generator is handed on."""
    if perturbation.whole_clip:
        return
    clip, times_s = pictures.repeat(2, 1, 1, 1), 7.5 + np.arange(6) / 30
    strength = middle(perturbation)
    whole = perturbation.apply_clip(clip, times_s, strength, from_seed(4))
    one = from_seed(4)
    cuts = (slice(0, 2), slice(2, 6))
    parts = [perturbation.apply_clip(clip[s], times_s[s], strength, one) for s in cuts]
    assert torch.equal(whole, torch.cat(parts))


@in_time
def test_a_lone_frame_is_a_clip_at_a_random_time(perturbation, pictures):
    strength, frame = middle(perturbation), pictures[:1]
    time_s = random_time_s(from_seed(8))
    assert 0 <= time_s < 60
    alone = perturbation.apply(frame, strength, [from_seed(8)])
    clip = perturbation.apply_clip(frame, np.array([time_s]), strength, from_seed(8))
    assert torch.equal(alone, clip)


def test_clip_checks_its_times(pictures):
    perturbation = PERTURBATIONS["rolling_shutter"]
    times_s = np.array([0.0, np.nan, 1.0])
    with pytest.raises(ValueError, match="expected 3 finite times_s"):
        perturbation.apply_clip(pictures, times_s, middle(perturbation), from_seed(1))


MOVING = {key: each for key, each in PERTURBATIONS.items() if each.move_boxes}
moving = pytest.mark.parametrize("perturbation", MOVING.values(), ids=MOVING)


@moving
def test_boxes_go_where_the_pixels_go(perturbation):
    """A white rectangle on black, found again by its pixels."""
    pixels = torch.zeros(4, 3, 120, 160, dtype=torch.uint8)
    pixels[:, :, 50:70, 60:95] = 255
    box = np.array([[60, 50, 95, 70]], np.float32)
    strength = perturbation.strengths[len(perturbation.strengths) // 2]
    changed = perturbation.apply(pixels, strength, one_per_frame(from_seed(6), 4))
    for frame, own in zip(changed, one_per_frame(from_seed(6), 4), strict=True):
        moved = perturbation.move_boxes(box, (120, 160), strength, own)[0]
        y, x = np.nonzero(frame[0].numpy() > 127)
        found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert np.abs(moved - found).max() <= 1.0
    same = perturbation.move_boxes(box, (120, 160), 0, from_seed(6))
    assert np.array_equal(same, box)


@moving
def test_masks_go_where_the_pixels_go(perturbation):
    """A white angle on black, by its pixels: but for those on its outline."""
    clean = np.zeros((120, 160), bool)
    clean[40:80, 60:100] = True
    clean[50:80, 70:100] = False
    pixels = torch.from_numpy(255 * clean.astype(np.uint8)).expand(2, 3, -1, -1).contiguous()
    strength = perturbation.strengths[len(perturbation.strengths) // 2]
    changed = perturbation.apply(pixels, strength, one_per_frame(from_seed(6), 2))
    for frame, own in zip(changed, one_per_frame(from_seed(6), 2), strict=True):
        matrix = perturbation.motion((120, 160), strength, own)
        moved = Mask.of_picture(clean).mapped(matrix, (120, 160)).array((120, 160))
        seen = frame[0].numpy() > 127
        assert (moved & seen).sum() >= 0.94 * (moved | seen).sum() > 400
    np.testing.assert_array_equal(perturbation.motion((120, 160), 0, from_seed(6)), np.eye(3))


def test_entries_stay_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PERTURBATIONS["brightness"].unit = "%"
