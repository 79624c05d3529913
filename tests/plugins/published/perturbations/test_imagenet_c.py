"""ImageNet-C against the maintained reference package, imagecorruptions-imaug.

Deterministic corruptions are compared pixel by pixel. Random ones too, wherever our cores take their random
numbers as an argument: NumPy's seeded stream is drawn again in the package's order and handed to ours. Noise
whose numbers cannot be shared is compared by its statistics. Tolerance is one level: both cut instead of
rounding, the package in float64 and ours in float32.
"""

import warnings

import numpy as np
import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the package's own dependencies
    import imagecorruptions

from tests.perturb.conftest import make_picture
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.perturbations import bit_exact, imagenet_c, small_c, weather
from vidrobust.plugins.published.perturbations.bit_exact import exact

SEVERITIES = (1, 2, 3, 4, 5)
SIZES = (pytest.param((224, 224), marks=pytest.mark.nightly), (45, 70))
"""That of the package's own pictures, and a small one that no stride divides."""
severities = pytest.mark.parametrize("severity", SEVERITIES)
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def array(size):
    return make_picture(*size).permute(1, 2, 0).contiguous().numpy()


def ours(name, frame, severity, seed=0):
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    changed = PERTURBATIONS[f"imagenet-c:{name}"].apply(pixels, severity, from_seed(seed))
    return changed[0].permute(1, 2, 0).numpy()


def reference(name, frame, severity, seed=0):
    np.random.seed(seed)  # noqa: NPY002 - the package draws from the global stream
    return np.asarray(imagecorruptions.corrupt(frame, severity, name))


def harm(corrupted, name, frame, severity, draws):
    """Mean absolute difference from the frame, over draws."""
    made = [corrupted(name, frame, severity, seed).astype(float) for seed in range(draws)]
    return np.mean([np.abs(each - frame).mean() for each in made])


def assert_within_one_level(a, b, share=0.2):
    """Flat areas are what the share is for: the package's kernels sum to less than one there and lose a level."""
    difference = np.abs(a.astype(int) - b.astype(int))
    assert difference.max() <= 1
    assert np.mean(difference > 0) <= share


def test_names_and_order_are_those_of_the_package():
    assert [p.name for p in suite("imagenet-c")] == imagecorruptions.get_corruption_names("all")
    assert list(imagenet_c.TEST) == imagecorruptions.get_corruption_names("common")


NOT_DRAWN = ["defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"]


@sizes
@pytest.mark.parametrize("name", [*NOT_DRAWN, "gaussian_blur", "saturate"])
def test_deterministic_corruptions_pixel_by_pixel(name, size):
    frame = array(size)
    for severity in SEVERITIES:
        assert_within_one_level(ours(name, frame, severity), reference(name, frame, severity))


@sizes
@pytest.mark.parametrize(
    "name", ["defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"]
)
def test_where_errors_are_compared_every_level_is_that_of_the_package(name, size):
    """Also on flat areas and greys, where the package loses a level to its own rounding."""
    frame = array(size)
    frame[: size[0] // 3] = 51
    frame[size[0] // 3 : size[0] // 2] = frame[size[0] // 3 : size[0] // 2, :, :1]
    exactly = exact(PERTURBATIONS[f"imagenet-c:{name}"])
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    for severity in SEVERITIES:
        made = exactly.apply(pixels, severity, from_seed(0))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(made, reference(name, frame, severity)), severity


@pytest.mark.nightly
def test_ice_is_that_of_the_package_where_it_is_installed(monkeypatch):
    """Over twelve draws the same damage; without the package the ice is drawn, as in a study."""
    frame = array((224, 224))
    with_photographs = exact(PERTURBATIONS["imagenet-c:frost"])
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    for severity in (1, 5):
        drawn = (with_photographs.apply(pixels, severity, from_seed(k)) for k in range(12))
        made = [each.float().mean().item() for each in drawn]
        theirs = [reference("frost", frame, severity, k).mean() for k in range(12)]
        half = 2.5 * np.sqrt((np.var(made) + np.var(theirs)) / 11)
        assert abs(np.mean(made) - np.mean(theirs)) < half
    monkeypatch.setattr(bit_exact, "ice_photographs", tuple)
    assert exact(PERTURBATIONS["imagenet-c:frost"]) is PERTURBATIONS["imagenet-c:frost"]


def shared_motion(frame, severity, stream):
    c = imagenet_c.SIZES["motion_blur"][severity - 1]
    return weather.trail(frame.astype(np.float32), *c, stream.uniform(-45, 45))


def shared_snow(frame, severity, stream):
    """The package draws noise for the whole frame and enlarges its middle; ours draws only the middle."""
    c, (h, w) = imagenet_c.SIZES["snow"][severity - 1], frame.shape[:2]
    noise = (stream.normal(size=(h, w), loc=c[0], scale=c[1]) - c[0]) / c[1]
    rows, columns = weather.snow_noise_size((h, w), c[2])
    top, left = (h - rows) // 2, (w - columns) // 2
    middle = noise[top : top + rows, left : left + columns].astype(np.float32)
    clean = frame.astype(np.float32) / np.float32(255)
    return weather.snow(clean, middle, stream.uniform(-135, -45), c)


def shared_spatter(frame, severity, stream):
    noise = stream.normal(size=frame.shape[:2]).astype(np.float32)
    clean = frame.astype(np.float32) / np.float32(255)
    return weather.spatter(clean, noise, imagenet_c.SIZES["spatter"][severity - 1])


def shared_elastic(frame, severity, stream):
    uniforms = np.stack([stream.uniform(-1, 1, size=frame.shape[:2]) for _ in range(2)])
    size = imagenet_c.SIZES["elastic_transform"][severity - 1]
    return imagenet_c.elastic(frame, uniforms.astype(np.float32), size)


def shared_fog(frame, severity, stream):
    """Diamond-square draws level by level: the centres, then the two kinds of edges."""
    side = weather.fog_side((frame.shape[0], frame.shape[1]))
    uniforms = np.zeros((side, side), np.float32)
    step = side
    while step >= 2:
        half, count = step // 2, side // step
        for rows, columns in ((half, half), (0, half), (half, 0)):
            uniforms[rows::step, columns::step] = stream.uniform(-1, 1, (count, count))
        step = half
    clean = frame.astype(np.float32) / np.float32(255)
    return weather.fog(clean, uniforms, imagenet_c.SIZES["fog"][severity - 1])


@sizes
@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("motion_blur", shared_motion),
        ("snow", shared_snow),
        ("spatter", shared_spatter),
        ("elastic_transform", shared_elastic),
        ("fog", shared_fog),
    ],
)
def test_random_corruptions_with_the_same_numbers(name, shared, size):
    frame = array(size)
    for severity in SEVERITIES:
        made = shared(frame, severity, np.random.RandomState(7))
        levels = np.clip(made + 1e-3, 0, 255).astype(np.uint8)
        assert_within_one_level(levels, reference(name, frame, severity, 7))


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"])
def test_noise_has_the_statistics_of_the_package(name):
    """Mean and deviation of 30 000 noisy levels, for three clean levels and every severity.

    Within five standard errors of the difference: sd sqrt(2 / n) of the mean, and of the deviation, by its fourth
    moment, sd sqrt((kurtosis - 1) / 4 n) sqrt(2).
    """
    for severity in SEVERITIES:
        for level in (20, 128, 230):
            frame = np.full((100, 100, 3), level, np.uint8)
            a, b = (f(name, frame, severity, 1).astype(float) for f in (ours, reference))
            spread, n = b.std(), b.size
            kurtosis = np.mean((b - b.mean()) ** 4) / spread**4
            assert a.mean() == pytest.approx(b.mean(), abs=5 * spread * np.sqrt(2 / n))
            assert a.std() == pytest.approx(spread, rel=5 * np.sqrt((kurtosis - 1) / (2 * n)))


def test_noise_is_independent_in_channels_and_places():
    frame = np.full((100, 100, 3), 128, np.uint8)
    for name in ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"):
        noise = ours(name, frame, 1).astype(float) - 128
        noise -= noise.mean()
        for other in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), np.roll(noise, 1, 2)):
            assert abs(np.mean(noise * other)) < 0.05 * noise.var()


@pytest.mark.nightly
@pytest.mark.parametrize(
    "name", ["glass_blur", "motion_blur", "snow", "spatter", "elastic_transform", "fog"]
)
def test_random_corruptions_do_as_much_damage_as_the_package(name):
    """Mean over eight draws of the mean absolute difference, as drawn by each from its own numbers."""
    frame = array((96, 96))
    for severity in (1, 3, 5):
        a, b = (harm(f, name, frame, severity, 8) for f in (ours, reference))
        assert a == pytest.approx(b, rel=0.15)


@pytest.mark.nightly
def test_frost_does_about_as_much_damage_as_the_photographs():
    """Ours is drawn: the same weights, six pictures of similar brightness and contrast, so within a third."""
    frame = array((224, 224))
    for severity in SEVERITIES:
        a, b = (harm(f, "frost", frame, severity, 12) for f in (ours, reference))
        assert a == pytest.approx(b, rel=0.34)


def test_frost_pictures_differ_and_cover_any_frame():
    drawn = [weather.frost_picture(number, (64, 64)) for number in range(weather.FROST_PICTURES)]
    assert len({picture.tobytes() for picture in drawn}) == 6
    assert 30 < np.mean([picture.std() for picture in drawn]) < 45
    tall = weather.frost_picture(0, (1080, 200))
    assert tall.shape[0] > 1080
    assert tall.shape[1] > 200


@severities
def test_authors_elastic_moves_more_at_one_and_two(severity):
    """With the affine map of 24 and 49 px against 5 px: displacement of a picture of ramps."""
    h = w = 224
    ramp = np.zeros((h, w, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(w)[None], np.arange(h)[:, None]
    pixels = torch.from_numpy(ramp).permute(2, 0, 1)[None]
    entry = PERTURBATIONS["imagenet-c-authors:elastic_transform"]
    middle = slice(60, 164)
    moves = [
        (entry.apply(pixels, severity, from_seed(seed)).float() - pixels)[0, :2, middle, middle]
        .abs()
        .mean()
        for seed in range(6)
    ]
    affine = 244 * small_c.ELASTIC[severity - 1][2]
    assert affine / 6 < float(np.mean(moves)) < affine


def test_severities_are_whole_numbers():
    pixels = make_picture(40, 40)[None]
    with pytest.raises(SettingsError, match=r"severity 2.5 is not one of 1, 2, 3, 4, 5"):
        PERTURBATIONS["imagenet-c:fog"].apply(pixels, 2.5, from_seed(0))
    with pytest.raises(SettingsError, match="outside its range; use 0 or 1 to 5"):
        PERTURBATIONS["imagenet-c:fog"].apply(pixels, 6, from_seed(0))
