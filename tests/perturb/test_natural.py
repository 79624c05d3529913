"""The natural suite: values by hand, and torchvision as an independent implementation."""

import math

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.stats import chisquare, norm, poisson
from torchvision.transforms.v2 import functional as v2

from vidrobust.errors import InputError
from vidrobust.perturb import blur, geometric, noise
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed

from .conftest import make_picture


def flat(*rgb):
    """(1, 3, 40, 60) of one colour."""
    return torch.tensor(rgb, dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 40, 60).contiguous()


def colour(pixels):
    assert (pixels == pixels[:, :, :1, :1]).all()
    return [int(v) for v in pixels[0, :, 0, 0]]


def signed(name, pixels, strength, direction=""):
    return PERTURBATIONS[name].apply_signed(pixels, strength, direction)


@pytest.mark.parametrize(
    ("name", "strength", "expected"),
    [
        ("brightness", 0.1, [110, 55, 220]),  # times 1.1
        ("brightness", -0.25, [80, 40, 160]),  # over 1.25
        ("exposure_offset", 60, [160, 110, 255]),  # 260 is clipped
        ("exposure_offset", -60, [40, 0, 140]),
        ("gamma", 1, [39, 10, 157]),  # 255 (v / 255)^2
        ("gamma", -1, [160, 113, 226]),  # 255 (v / 255)^(1/2)
        ("white_balance", 0.21, [110, 50, 182]),  # red times 1.1, blue over 1.1
        ("white_balance", -0.21, [91, 50, 220]),
    ],
)
def test_light_by_hand(name, strength, expected):
    assert colour(signed(name, flat(100, 50, 200), strength)) == expected


def test_contrast_turns_about_the_mean_luma():
    """Half black, half white: mean 127.5; a factor of 1/2 gives 63.75 and 191.25."""
    pixels = flat(0, 0, 0)
    pixels[..., 30:] = 255
    assert set(signed("contrast", pixels, -1).unique().tolist()) == {64, 191}


def test_quantization_by_hand():
    """6 bits lost leave 4 levels: 0, 85, 170, 255; 7 bits leave 2."""
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    apply = PERTURBATIONS["quantization"].apply
    assert set(apply(ramp, 6, from_seed(0)).unique().tolist()) == {0, 85, 170, 255}
    assert set(apply(ramp, 7, from_seed(0)).unique().tolist()) == {0, 255}
    assert len(apply(ramp, 2, from_seed(0)).unique()) == 64


@pytest.mark.parametrize(
    ("name", "strength", "oracle"),
    [
        ("saturation", 0.5, lambda p: v2.adjust_saturation(p, 1.5)),
        ("saturation", -1.0, lambda p: v2.adjust_saturation(p, 0.5)),
        ("contrast", 0.5, lambda p: v2.adjust_contrast(p, 1.5)),
        ("hue", 40.0, lambda p: v2.adjust_hue(p, 40 / 360)),
        ("hue", -100.0, lambda p: v2.adjust_hue(p, -100 / 360)),
    ],
)
def test_colour_against_torchvision(name, strength, oracle, pictures):
    """Torchvision cuts where we round, hence one level."""
    expected = oracle(pictures)
    assert (signed(name, pictures, strength).int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("border", ["mirrored", "black"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_both_warps_agree(border, interpolation):
    """On a smooth picture the fixed point of OpenCV is within two levels of float32."""
    picture = cv2.GaussianBlur(make_picture(60, 80).permute(1, 2, 0).numpy(), (0, 0), 3)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
    tilt = np.array([[1, 0, 0], [0, 1, 0], [5e-4, -4e-4, 1]])
    for matrix in (geometric.turned(7) @ geometric.zoomed(1.1), geometric.turned(-11) @ tilt):
        centre = np.array([[1, 0, 39.5], [0, 1, 29.5], [0, 0, 1]])
        back = centre @ np.linalg.inv(matrix) @ np.linalg.inv(centre)
        a = geometric.warp(pixels, [matrix], interpolation=interpolation, border=border)
        b = geometric._warp_in_float(pixels, back, interpolation, border)
        inner = (..., slice(12, -12), slice(12, -12)) if border == "black" else ...
        assert (a[inner].int() - b[inner].int()).abs().max() <= 2


@pytest.mark.parametrize(("length_px", "degrees"), [(16, 40), (32, 40), (32, 3), (40, 88)])
def test_thin_kernels_convolve_as_scipy_does(length_px, degrees):
    """In floating point, within the rounding to a level; both mirror without repeating the edge."""
    frame = np.random.default_rng(2).integers(0, 256, (90, 70, 3)).astype(np.uint8)
    kernel = blur.in_steps(blur.line_kernel(length_px, math.radians(degrees)))
    planes = frame.transpose(2, 0, 1) / 1.0
    expected = np.stack([correlate(plane, kernel, mode="mirror") for plane in planes], 2)
    assert np.abs(blur.convolve(frame, kernel) - expected).max() < 0.51


def test_disk_kernel_has_the_radius():
    """Second moment of a disk about an axis: r^2 / 4, and 1 / 12 for the pixels it is summed up in."""
    for radius in (2.5, 5.0, 8.0):
        kernel = blur.disk_kernel(radius).astype(np.float64)
        at = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
        assert kernel.sum() == pytest.approx(1)
        assert np.sum(kernel * at[None] ** 2) == pytest.approx(radius**2 / 4 + 1 / 12, rel=0.03)
    small = blur.disk_kernel(1.0)
    assert small[1, 1] == pytest.approx(1 / math.pi, rel=0.04)  # one whole pixel of an area of pi
    assert blur.disk_kernel(0.4).shape == (1, 1)


@pytest.mark.parametrize(("sigma", "apart"), [(1.0, 2), (2.0, 2), (5.0, 1)])
def test_gaussian_blur_against_torchvision(sigma, apart, pictures):
    side = 2 * int(4 * sigma + 0.5) + 1
    expected = v2.gaussian_blur(pictures, [side, side], [sigma, sigma])
    assert (signed("gaussian_blur", pictures, sigma).int() - expected.int()).abs().max() <= apart


def test_steps_of_a_kernel_by_hand():
    """Quarters of .2 .2 .2 .2 .2: sums .2 and .4 are 1 and 2 quarters, and the middle takes what is left."""
    assert blur.in_steps(np.full(5, 0.2), 2).tolist() == [0.25, 0.25, 0.0, 0.25, 0.25]
    kernel = blur.in_steps(blur.line_kernel(23.0, 0.4))
    assert kernel.sum() == 1
    assert np.array_equal(kernel, kernel[::-1, ::-1])
    assert np.abs(kernel - blur.line_kernel(23.0, 0.4)).max() <= 1.01 / 2**blur.BITS


def test_negative_blur_mirrors_the_blur(pictures):
    gentle = (pictures // 3) + 80  # nothing is clipped
    blurred, sharpened = (signed("gaussian_blur", gentle, s).int() for s in (1.5, -1.5))
    assert (blurred + sharpened - 2 * gentle.int()).abs().max() <= 1


def test_sharpening_of_a_step_by_hand():
    """A step of 100: at the edge a blur of sigma 1 keeps 0.6915 of it on the bright side, so 2 x adds 61.7."""
    pixels = torch.full((1, 3, 21, 21), 80, dtype=torch.uint8)
    pixels[..., 10:] = 180
    sharp = PERTURBATIONS["sharpening"].apply(pixels, 0.5, from_seed(0))
    edge = 180 + 0.5 * 100 * (1 - 0.6915)
    assert int(sharp[0, 0, 10, 10]) == pytest.approx(edge, abs=1.5)
    assert int(sharp[0, 0, 10, 2]) == 80


@pytest.mark.parametrize("photons", [0.7, 12.0, 650.0])
def test_shot_noise_is_poisson(photons):
    """Mean and variance of the table's counts at a few levels against the distribution's."""
    table = noise.poisson_levels(photons).double().numpy() * photons / 255
    for level in (0, 1, 60, 255):
        mean = photons * level / 255
        assert table[level].mean() == pytest.approx(mean, abs=0.002 * math.sqrt(mean) + 1e-6)
        assert table[level].var() == pytest.approx(mean, rel=0.01, abs=1e-9)
    counts = np.bincount(table[60].round().astype(int))
    expected = poisson.pmf(np.arange(counts.size), photons * 60 / 255)
    assert np.abs(counts / counts.sum() - expected).max() < 1.1 / 2**noise.POISSON_BITS


def levels_of(level, name, strength):
    """(360, 200, 3): a flat frame of one level under noise; 216,000 draws."""
    pixels = flat(level, level, level).repeat(1, 1, 9, 4)[..., :200]
    return PERTURBATIONS[name].apply(pixels, strength, from_seed(3))[0].permute(1, 2, 0).numpy()


def cells(cumulated):
    """Chances of levels 0..255 from the distribution function at k + 1/2: the ends take what is clipped."""
    return np.diff(np.concatenate([[0], cumulated[:-1], [1]]))


def by_normal(level, sigma):
    return cells(norm.cdf(np.arange(256) + 0.5, level, sigma))


def by_poisson(level, sigma):
    photons = (255 / sigma) ** 2
    upper = np.floor((np.arange(256) + 0.5) * photons / 255)
    return cells(poisson.cdf(upper, photons * level / 255))


@pytest.mark.parametrize(
    ("name", "strength", "chances"),
    [
        ("gaussian_noise", 2, lambda v: by_normal(v, 2)),
        ("gaussian_noise", 40, lambda v: by_normal(v, 40)),
        ("speckle_noise", 0.1, lambda v: by_normal(v, 0.1 * v)),
        ("shot_noise", 2, lambda v: by_poisson(v, 2)),
        ("shot_noise", 20, lambda v: by_poisson(v, 20)),
        ("impulse_noise", 0.03, lambda v: np.bincount([0, v, 255], [0.015, 0.97, 0.015], 256)),
    ],
)
@pytest.mark.parametrize("level", [20, 120])
def test_noise_has_its_distribution(name, strength, chances, level):
    """Chi-square of 216,000 draws against SciPy's distributions; cells of fewer than ten are taken together."""
    noisy = levels_of(level, name, strength)
    expected = chances(level) * noisy.size
    found = np.bincount(noisy.ravel(), minlength=256)
    rare = expected < 10
    many, few = (np.append(counts[~rare], counts[rare].sum()) for counts in (found, expected))
    kept = few > 10
    assert many[~kept].sum() <= 30
    few = few[kept] * many[kept].sum() / few[kept].sum()
    assert chisquare(many[kept], few).pvalue > 1e-3


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise", "impulse_noise"])
def test_noise_is_independent_from_value_to_value(name):
    """Correlations with neighbours, of the next row and of another channel; five standard errors."""
    noisy = levels_of(120, name, PERTURBATIONS[name].strengths[2]).astype(np.float64)
    neighbours = ((noisy[1:], noisy[:-1]), (noisy[:, 1:], noisy[:, :-1]))
    for one, other in (*neighbours, (noisy[..., 1:], noisy[..., :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / math.sqrt(one.size)


@pytest.mark.parametrize("name", ["illumination", "light_gradient"])
def test_uneven_light_varies_by_its_strength(name):
    """Log gain has standard deviation s and mean 0, but for the rounding of levels and rare clipping."""
    pixels = torch.full((12, 3, 90, 120), 100, dtype=torch.uint8)
    gains = np.log(PERTURBATIONS[name].apply(pixels, 0.2, from_seed(2)).double().numpy() / 100)
    assert gains.std(axis=(1, 2, 3)) == pytest.approx(0.2, rel=0.02)
    assert gains.mean(axis=(1, 2, 3)) == pytest.approx(0, abs=0.005)


def test_soft_shadow_takes_its_share_at_its_middle():
    pixels = torch.full((12, 3, 90, 120), 200, dtype=torch.uint8)
    lit = PERTURBATIONS["soft_shadow"].apply(pixels, 0.5, from_seed(2)).flatten(1)
    assert lit.amin(dim=1).tolist() == pytest.approx([100] * 12, abs=8)
    assert int(lit.max()) == 200


@pytest.mark.parametrize("shift", [(7, 0), (0, -30), (-45, 38)])
def test_far_whole_pixel_shifts_are_mirrored(shift, pictures):
    x, y = shift
    moved = geometric.warp(pictures, [geometric.shifted(x, y)] * 3)
    padded = np.pad(pictures.numpy(), ((0, 0), (0, 0), (60, 60), (80, 80)), mode="reflect")
    assert np.array_equal(moved.numpy(), padded[:, :, 60 - y : 121 - y, 80 - x : 163 - x])


def test_jpeg_has_quality_and_half_chroma():
    frame = make_picture(64, 64).permute(1, 2, 0).contiguous().numpy()
    options = [[cv2.IMWRITE_JPEG_QUALITY, quality] for quality in (30, 90)]
    sizes = [len(cv2.imencode(".jpg", frame[..., ::-1], each)[1]) for each in options]
    assert sizes[0] < sizes[1]
    checker = np.zeros((32, 32, 3), np.uint8)
    checker[::2, ::2] = checker[1::2, 1::2] = (255, 0, 0)
    checker[checker.sum(axis=2) == 0] = (0, 0, 255)
    coded = noise.jpeg(checker, 95)
    # red and blue of 2 x 2 pixels are averaged
    assert coded[..., 0].std() < 0.6 * checker[..., 0].std()
    wide = torch.zeros(1, 3, 1, 65501, dtype=torch.uint8)
    with pytest.raises(InputError, match="jpeg: frames of 65501x1 px do not fit the codec"):
        PERTURBATIONS["jpeg"].apply(wide, 10, from_seed(0))


def test_h264_keeps_to_its_bit_rate_and_to_the_clip():
    """Two seconds of a moving picture: coded size within a third of 24 W H frames / ratio; order is kept."""
    large = make_picture(160, 240, 1).permute(1, 2, 0).numpy()
    frames = [np.ascontiguousarray(large[k : k + 96, 2 * k : 2 * k + 128]) for k in range(50)]
    ratio = 200
    packets = noise._encode(frames, round(96 * 128 * 24 * 25 / ratio), 25)
    budget = 50 * 96 * 128 * 24 / ratio / 8
    assert 0.5 * budget < sum(map(len, packets)) < 1.34 * budget
    clip = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    entry = PERTURBATIONS["h264"]
    errors = []
    for strength in (50, 200, 800):
        coded = entry.apply_clip(clip, np.arange(50) / 25, strength, from_seed(0)).float()
        own = (coded - clip.float()).square().mean(dim=(1, 2, 3))
        other = (coded[1:] - clip[:-1].float()).square().mean(dim=(1, 2, 3))
        assert strength == 800 or (own[1:] < other).all()
        errors.append(float(own.mean()))
    assert errors == sorted(errors)


def test_h264_of_odd_sizes_and_one_frame():
    pixels = make_picture(33, 51)[None]
    coded = PERTURBATIONS["h264"].apply(pixels, 50, from_seed(0))
    assert coded.shape == pixels.shape
    assert (coded.float() - pixels.float()).square().mean().sqrt() < 40
    wide = torch.zeros(1, 3, 16, 16400, dtype=torch.uint8)
    with pytest.raises(InputError, match="sides have at most 16384 px"):
        PERTURBATIONS["h264"].apply(wide, 50, from_seed(0))


def test_occlusion_is_one_square_inside_the_frame():
    pixels = torch.full((20, 3, 50, 80), 77, dtype=torch.uint8)
    covered = (PERTURBATIONS["occlusion"].apply(pixels, 0.4, from_seed(0)) != 77).any(dim=1)
    for mask in covered:
        y, x = mask.nonzero().unbind(1)
        assert int(mask.sum()) == 20 * 20  # 0.4 of 50 px
        assert (y.max() - y.min(), x.max() - x.min()) == (19, 19)
    assert len({tuple(mask.nonzero()[0].tolist()) for mask in covered}) > 10


def test_patch_gaussian_is_noise_in_a_square():
    pixels = torch.full((30, 3, 60, 60), 128, dtype=torch.uint8)
    noisy = PERTURBATIONS["patch_gaussian"].apply(pixels, 30, from_seed(0))
    sides = []
    for frame in noisy:
        y, x = (frame != 128).any(dim=0).nonzero().unbind(1)
        box = frame[:, y.min() : y.max() + 1, x.min() : x.max() + 1].double()
        sides.append(max(box.shape[1:]))
        if box[0].numel() > 400:
            assert box.std() == pytest.approx(30, rel=0.15)
            assert (box == 128).float().mean() < 0.05
    assert min(sides) < 20
    assert max(sides) > 40
