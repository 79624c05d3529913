"""The exported files do, at the limits of a range, what the catalogue's perturbation does: the units are right.

The oracle is the perturbation itself, pinned at one signed strength. A wrong unit (a hue of 0 to 180, radians, px
for a share of a side) is off by a factor of two or more, and the tolerances are far below that.
"""

import dataclasses
import itertools
import random
import runpy
from types import SimpleNamespace

import albumentations
import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.policy.exports.write import render_all, write_all
from vidrobust.stages.policy.policy import Policy, PolicyStep, StepEvidence
from vidrobust.stages.policy.rejection import Rejected, Rejection
from vidrobust.stages.variation.spread import OF_WIDTH
from vidrobust.statement import Level

SIZE = (96, 128)


PINNED = {"brightness": 0.25, "exposure_offset": 12.0, "contrast": 0.3, "gamma": 0.3}
PINNED |= {"saturation": 0.5, "hue": 20.0, "white_balance": 0.3, "rotation": 6.0, "scale": 0.1}
"""Signed strengths that torchvision can be pinned at."""


def picture():
    """(3, H, W) uint8, smooth, colourful, levels 55 to 180: nothing clips at the strengths used."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float64)
    phase = np.array([0.0, 1.1, 2.3])[:, None, None]
    waves = 35 * np.sin(x / 9 + phase) * np.cos(y / 11 + phase)
    waves += 120 + 20 * np.sin((x + y) / 17 + 2 * phase)
    return torch.from_numpy(waves.round().astype(np.uint8))


def one_step(name, low, high, probability=1.0, axes=()):
    """Strengths as the catalogue has them; a length stands in a policy as a share of the width."""
    entry = PERTURBATIONS[name]
    unit, per_width = (OF_WIDTH, SIZE[1]) if entry.is_length else (entry.unit, 1)
    low, high, axes = low / per_width, high / per_width, tuple(axis / per_width for axis in axes)
    proof = StepEvidence(level=Level.REPLICATED, replication_tested=1, replication_found=1)
    step = PolicyStep(
        perturbation=name, family=str(entry.family), unit=unit, low=low, high=high,
        probability=probability, axes=axes, evidence=proof,
    )  # fmt: skip
    return Policy(steps=(step,), image_size=SIZE, model="made up")


def written(policy, folder):
    """Every file, also of steps without a width, which ``write_all`` keeps out."""
    folder.mkdir(parents=True, exist_ok=True)
    for export in render_all(policy):
        (folder / export.name).write_text(export.text)


def module(policy, name, folder):
    """What the exported module defines."""
    written(policy, folder)
    values = runpy.run_path(str(folder / f"policy_{name}.py"))
    return SimpleNamespace(**values)


def apart(first, second, margin=0):
    """Mean absolute difference of two (3, H, W) pictures in levels, without a border."""
    a, b = (np.asarray(each, dtype=np.float64) for each in (first, second))
    if margin:
        a, b = (each[:, margin:-margin, margin:-margin] for each in (a, b))
    return float(np.abs(a - b).mean())


def expected(name, signed):
    return PERTURBATIONS[name].apply_signed(picture()[None], signed)[0]


def as_tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


LIBRARIES = ("torchvision", "albumentations", "kornia")
CANNOT = {("albumentations", "white_balance")}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_signed_step_at_its_limit_is_the_perturbation(library, name, sign, tmp_path):
    signed = sign * PINNED[name]
    policy = one_step(name, signed, signed)
    if (library, name) in CANNOT:
        export = next(each for each in render_all(policy) if library in each.name)
        assert export.not_expressed[0].startswith(name)
        return
    changed = once(library, policy, picture(), tmp_path)
    margin = 12 if name in ("rotation", "scale") else 0
    if name == "rotation":  # which way is + differs; both ways are in every range
        found = min(apart(changed, expected(name, s), margin) for s in (signed, -signed))
    else:
        found = apart(changed, expected(name, signed), margin)
    moved = apart(expected(name, signed), picture(), margin)
    assert moved > 3
    # torchvision and Albumentations cut off where the catalogue rounds
    assert found < 0.1 * moved + 0.5


@pytest.mark.parametrize("library", LIBRARIES)
def test_blur_at_its_limit_has_the_sigma_in_pixels(library, tmp_path):
    changed = once(library, one_step("gaussian_blur", 2.0, 2.0), picture(), tmp_path)
    moved = apart(expected("gaussian_blur", 2.0), picture())
    assert apart(changed, expected("gaussian_blur", 2.0)) < 0.1 * moved + 0.5


@pytest.mark.parametrize("library", LIBRARIES)
def test_jpeg_at_its_limit_has_the_quality(library, tmp_path):
    rng = np.random.default_rng(0)
    noisy = (picture().numpy() + rng.normal(0, 12, (3, *SIZE))).clip(0, 255).astype(np.uint8)
    pixels = torch.from_numpy(noisy)
    policy = one_step("jpeg", 75.0, 75.0)
    # Albumentations hands RGB to the codec as BGR; given BGR, it is the plain codec
    given = pixels.flip(0) if library == "albumentations" else pixels
    changed = once(library, policy, given, tmp_path)
    changed = changed.flip(0) if library == "albumentations" else changed
    # libjpeg at quality 25, and at 50 and 12: half and twice the loss
    jpeg, drawn = PERTURBATIONS["jpeg"], torch.Generator()
    wanted, less, more = (jpeg.apply(pixels[None], k, drawn)[0] for k in (75.0, 50.0, 88.0))
    assert apart(changed, wanted) < 0.5 * min(apart(less, wanted), apart(more, wanted))


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_noise_at_its_limit_has_the_sigma(library, name, tmp_path):
    strength = {"gaussian_noise": 10.0, "shot_noise": 15.0, "speckle_noise": 0.08}[name]
    policy = one_step(name, strength, strength)
    if library == "albumentations" and name != "gaussian_noise":
        export = next(each for each in render_all(policy) if library in each.name)
        assert "no such transform" in export.not_expressed[0]
        return
    changed = once(library, policy, picture(), tmp_path).numpy().astype(np.float64)
    added = changed - picture().numpy()
    level = picture().numpy().astype(np.float64)
    # what the definitions say of the variance at a level, in levels of 255
    variance = {
        "gaussian_noise": strength**2,
        "shot_noise": strength**2 * level / 255,
        "speckle_noise": (strength * level) ** 2,
    }[name]
    standard = added / np.sqrt(variance)
    assert abs(standard.std() - 1) < 0.05  # Albumentations cuts towards zero: 4 % less
    assert abs(standard.mean()) < 0.1
    dark = level < np.quantile(level, 0.2)
    assert abs(standard[dark].std() - 1) < 0.07


def blob():
    """(3, H, W) uint8: one soft bright spot in the middle of the dark; its centroid tells a shift."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float64)
    far = (x - SIZE[1] / 2 + 0.5) ** 2 + (y - SIZE[0] / 2 + 0.5) ** 2
    spot = 200 * np.exp(-far / (2 * 4.0**2))
    return torch.from_numpy(np.repeat(spot[None], 3, axis=0).round().astype(np.uint8))


def centroid(image):
    """(x, y) from the centre of the frame."""
    mass = np.asarray(image, dtype=np.float64)[0]
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] - (np.array(SIZE)[:, None, None] - 1) / 2
    return float((mass * x).sum() / mass.sum()), float((mass * y).sum() / mass.sum())


def many(library, policy, image, count, folder):
    """The image under ``count`` draws of the exported policy, levels of 255."""
    torch.manual_seed(1)
    if library == "torchvision":
        transform = module(policy, library, folder).train_transform()
        return [transform(image) for _ in range(count)]
    if library == "timm":
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - timm draws from the global generators
        transform = module(policy, library, folder).train_transform(img_mean=(0, 0, 0))
        pil = PIL.Image.fromarray(image.permute(1, 2, 0).numpy())
        return [as_tensor(transform(pil)) for _ in range(count)]
    if library == "albumentations":
        written(policy, folder)
        transform = albumentations.load(folder / "policy_albumentations.yaml", data_format="yaml")
        transform.set_random_seed(1)
        array = image.permute(1, 2, 0).numpy()
        made = [transform(image=array.copy())["image"] for _ in range(count)]
        return [torch.from_numpy(each).permute(2, 0, 1) for each in made]
    batch = image[None].expand(count, -1, -1, -1).float() / 255
    return list(module(policy, library, folder).train_transform()(batch) * 255)


def once(library, policy, image, folder):
    (changed,) = many(library, policy, image, 1, folder)
    return changed


@pytest.mark.parametrize("library", [*LIBRARIES, "timm"])
def test_translation_reaches_its_pixels_on_each_axis_and_no_further(library, tmp_path):
    policy = one_step("translation", -10.0, 10.0, axes=(10.0, 5.0))
    moved = np.abs([centroid(image) for image in many(library, policy, blob(), 50, tmp_path)])
    assert np.all(moved <= [10.5, 5.5])  # whole pixels in some
    assert np.all(moved.max(axis=0) >= [8.0, 4.0])


@pytest.mark.parametrize("library", [*LIBRARIES, "timm"])
def test_a_step_is_applied_as_often_as_it_says(library, tmp_path):
    policy = one_step("brightness", -0.5, 0.5, probability=0.3)
    flat = torch.full((3, *SIZE), 100, dtype=torch.uint8)
    changed = [float(image[0, 5, 5]) for image in many(library, policy, flat, 300, tmp_path)]
    share = np.mean([abs(level - 100) > 0.9 for level in changed])
    # 300 draws at .3: standard error .026; up to 2 % of the draws are too small to be seen
    assert 0.21 < share < 0.38


@pytest.mark.parametrize("library", [*LIBRARIES, "timm"])
def test_brightness_fills_its_range_and_stays_inside(library, tmp_path):
    policy = one_step("brightness", -0.5, 0.5)
    flat = torch.full((3, *SIZE), 100, dtype=torch.uint8)
    levels = [float(image[0, 5, 5]) for image in many(library, policy, flat, 120, tmp_path)]
    factors = np.array(levels) / 100
    assert factors.min() > 1 / 1.5 - 0.011
    assert factors.max() < 1.5 + 0.011
    # timm knows one number for both directions, in steps of 0.09: 3 x 0.09 inside 1 - 1 / 1.5
    low, high = (0.73, 1.27) if library == "timm" else (1 / 1.5, 1.5)
    assert factors.min() < low + 0.05
    assert factors.max() > high - 0.06


@pytest.mark.parametrize(("name", "strength"), [("motion_blur", 7.0), ("defocus_blur", 4.0)])
@pytest.mark.parametrize("library", ["albumentations", "kornia"])
def test_a_point_is_smeared_as_wide_as_by_the_catalogue(library, name, strength, tmp_path):
    """The variance of a point's image, px^2: L^2 / 12 of a line, r^2 / 2 of a disk (both axes added)."""
    point = torch.zeros((3, *SIZE), dtype=torch.uint8)
    point[:, SIZE[0] // 2, SIZE[1] // 2] = 255
    policy = one_step(name, 0.0 if name == "motion_blur" else strength, strength)
    if (library, name) == ("kornia", "defocus_blur"):
        assert any("no such" in e.not_expressed[0] for e in render_all(policy) if library in e.name)
        return
    if library == "kornia":  # one length and angle a batch
        torch.manual_seed(2)
        transform = module(policy, library, tmp_path).train_transform()
        spreads = [spread(transform(point[None].float() / 255)[0]) for _ in range(30)]
    else:
        spreads = [spread(image) for image in many(library, policy, point, 30, tmp_path)]
    wanted = strength**2 / 12 if name == "motion_blur" else strength**2 / 2
    # lines of pixels are longer along the diagonal
    assert 0.75 * wanted < max(spreads) < 1.5 * wanted


def spread(image):
    mass = np.asarray(image, dtype=np.float64)[0]
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    total = mass.sum()
    moments = (((mass * axis).sum() / total, (mass * axis**2).sum() / total) for axis in (x, y))
    return float(sum(squared - mean**2 for mean, squared in moments))


@pytest.mark.parametrize("name", ["rotation", "scale", "shear", "translation"])
def test_torchvision_mirrors_at_the_border_as_the_catalogue_does(name, tmp_path):
    """No draw leaves a black border: the darkest level stays that of the picture."""
    strength = {"rotation": 30.0, "scale": 0.5, "shear": 15.0, "translation": 20.0}[name]
    policy = one_step(name, -strength, strength)
    for image in many("torchvision", policy, picture(), 5, tmp_path):
        assert image.shape == picture().shape
        assert int(image.min()) >= int(picture().min()) - 1


def test_torchvision_takes_pictures_of_pil_and_moves_boxes(tmp_path):
    from torchvision import tv_tensors

    names = ("brightness", "exposure_offset", "white_balance", "gaussian_noise", "translation")
    steps = [one_step(name, 0.0, 4.0).steps[0] for name in names]
    steps += one_step("jpeg", 0.0, 20.0).steps
    exported = module(Policy(steps=tuple(steps), image_size=SIZE), "torchvision", tmp_path)
    pil = exported.train_transform()(PIL.Image.fromarray(picture().permute(1, 2, 0).numpy()))
    assert isinstance(pil, PIL.Image.Image)
    assert pil.size == (SIZE[1], SIZE[0])

    shift = module(one_step("translation", -12.0, 12.0), "torchvision", tmp_path).train_transform()
    box = tv_tensors.BoundingBoxes([[56, 40, 72, 56]], format="XYXY", canvas_size=SIZE)
    torch.manual_seed(3)
    for _ in range(5):
        image, moved = shift(tv_tensors.Image(blob()), box)
        x, y = centroid(image)
        centre = moved[0, :2] + (moved[0, 2:] - moved[0, :2]) / 2
        assert centre[0] - SIZE[1] / 2 == pytest.approx(x, abs=0.6)
        assert centre[1] - SIZE[0] / 2 == pytest.approx(y, abs=0.6)


@pytest.mark.parametrize("library", ["torchvision", "kornia"])
def test_the_module_is_readable_and_whole(library, tmp_path):
    """Every step at once: it compiles, runs, has no line over 120 characters, and names each step once."""
    names = PINNED | {"gaussian_blur": 1.0, "gaussian_noise": 5.0, "shot_noise": 5.0}
    names |= {"speckle_noise": 0.05, "jpeg": 20.0}
    steps = [*one_step("translation", -4.0, 4.0).steps]
    steps += [one_step(name, 0.0, s, probability=0.5).steps[0] for name, s in names.items()]
    policy = Policy(steps=tuple(steps), image_size=SIZE, model="made up")
    images = many(library, policy, picture(), 4, tmp_path)
    assert all(image.shape == picture().shape for image in images)
    text = (tmp_path / f"policy_{library}.py").read_text()
    assert max(map(len, text.splitlines())) <= 120
    for name in ("translation", *names):
        assert text.count(f"# {name}: ") == 1
    assert "Everything in the policy is expressed here." in text


def test_torchvision_scales_a_blur_with_the_pictures(tmp_path):
    exported = module(one_step("gaussian_blur", 2.0, 2.0), "torchvision", tmp_path)
    half = exported.train_transform(pixels_per_footage_pixel=0.5)(picture())
    wanted = expected("gaussian_blur", 1.0)
    assert apart(half, wanted) < 0.1 * apart(wanted, picture()) + 0.5


@pytest.mark.parametrize("library", [*LIBRARIES, "timm"])
def test_an_empty_policy_changes_nothing(library, tmp_path):
    (same,) = many(library, Policy(), picture(), 1, tmp_path)
    assert apart(same, picture()) < 1e-4


def test_ultralytics_means_the_same_in_its_own_formulas(tmp_path):
    """Oracle: the formulas that Ultralytics documents, written again here; the package is not needed.

    RandomHSV with r in [-1, 1]: hue + r h 180 in OpenCV's half degrees, saturation and value times 1 + r s.
    RandomPerspective: angle in +-degrees, size in 1 +- scale, shift in +-translate of the picture's side.
    """
    import yaml

    sizes = {"hue": 20.0, "brightness": 0.25, "scale": 0.2, "rotation": 6.0}
    steps = [one_step(name, -size, size).steps[0] for name, size in sizes.items()]
    steps += one_step("translation", -8.0, 8.0, axes=(8.0, 6.0)).steps
    written(Policy(steps=tuple(steps), image_size=SIZE), tmp_path)
    values = yaml.safe_load((tmp_path / "policy_ultralytics.yaml").read_text())

    rgb = picture().permute(1, 2, 0).numpy()
    hue, saturation, value = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    turned = ((hue.astype(np.float64) + values["hsv_h"] * 180) % 180).astype(np.uint8)
    back = cv2.cvtColor(cv2.merge([turned, saturation, value]), cv2.COLOR_HSV2RGB)
    wanted = expected("hue", 20.0)
    assert apart(back.transpose(2, 0, 1), wanted) < 0.3 * apart(wanted, picture())
    assert 1 - values["hsv_v"] == pytest.approx(1 / 1.25, abs=1e-5)  # the darkest allowed
    assert 1 - values["scale"] == pytest.approx(1 / 1.2, abs=1e-5)  # the smallest allowed
    assert values["degrees"] == 6.0
    assert values["translate"] * SIZE[1] == pytest.approx(6.0, abs=1e-3)  # the smaller of both axes
    # nothing is known of the others: they keep Ultralytics' defaults
    assert set(values) == {"hsv_h", "hsv_v", "scale", "degrees", "translate"}


def test_ultralytics_switches_off_only_what_the_footage_speaks_against(tmp_path):
    import yaml

    reasons = {"hue": Rejection.ABSENT, "saturation": Rejection.NO_PAIRS}
    reasons |= {"scale": Rejection.SHARE_OPEN, "perspective": Rejection.NOT_MEASURABLE}
    rejected = tuple(Rejected(perturbation=name, why=why) for name, why in reasons.items())
    (worth_trying,) = one_step("brightness", -0.2, 0.2).steps
    suggested = dataclasses.replace(worth_trying, evidence=StepEvidence())
    policy = Policy(steps=(suggested,), rejected=rejected)
    (text,) = [e.text for e in render_all(policy) if "ultralytics" in e.name]
    assert yaml.safe_load(text) == {"hsv_h": 0.0}


def test_timm_reads_every_string(tmp_path):
    sizes = {"brightness": 0.5, "saturation": 0.4, "rotation": 7.0, "translation": 8.0}
    steps = tuple(one_step(name, -size, size).steps[0] for name, size in sizes.items())
    exported = module(Policy(steps=steps, image_size=SIZE), "timm", tmp_path)
    # 1 - 1 / 1.5 = .333 holds three times .09; 1 - 1 / 1.4 = .286 three; 7 degrees twice 3
    levels = [text.removesuffix("-n1-p1-mstd101") for text, *_ in exported.AUTO_AUGMENT]
    assert levels == ["rand-m2", "rand-m10", "rand-m10", "rand-m3", "rand-m3"]
    exported.train_transform()(PIL.Image.fromarray(picture().permute(1, 2, 0).numpy()))


@pytest.mark.parametrize(
    ("library", "name", "strength", "reason"),
    [
        ("timm", "rotation", 2.0, "smallest step is 3 degrees"),
        ("timm", "hue", 20.0, "no such operation"),
        ("ultralytics", "gaussian_blur", 2.0, "no such hyper-parameter"),
        ("albumentations", "hue", 1.0, "steps of 2 degrees"),
        ("torchvision", "motion_blur", 9.0, "no such transform"),
        ("kornia", "perspective", 0.2, "no such augmentation"),
    ],
)
def test_what_a_format_cannot_say_is_listed_there_and_returned(library, name, strength, reason):
    export = next(e for e in render_all(one_step(name, -strength, strength)) if library in e.name)
    (sentence,) = export.not_expressed
    assert reason in sentence
    assert sentence in export.text


def test_pixels_without_the_size_of_the_footage_are_listed_not_guessed():
    policy = Policy(steps=one_step("translation", -8.0, 8.0).steps)
    for export in render_all(policy)[1:]:
        assert any("shape is unknown" in sentence for sentence in export.not_expressed)


def test_small_numbers_stay_numbers_in_yaml(tmp_path):
    """YAML 1.1 reads 1e-05 as text."""
    import yaml

    written(one_step("translation", -0.0005, 0.0005), tmp_path)
    loaded = yaml.safe_load((tmp_path / "policy_albumentations.yaml").read_text())
    (affine,) = loaded["transform"]["transforms"]
    assert affine["translate_percent"]["x"][1] == pytest.approx(0.0005 / SIZE[1], rel=1e-3)


def test_files_are_whole_named_and_carry_the_evidence(tmp_path):
    paths = write_all(one_step("brightness", -0.2, 0.2, probability=0.4), tmp_path / "new")
    assert [path.name for path in paths] == [
        "policy.json",
        "policy_torchvision.py",
        "policy_albumentations.yaml",
        "policy_kornia.py",
        "policy_timm.py",
        "policy_ultralytics.yaml",
    ]
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == sorted(path.name for path in paths)
    for path in itertools.islice(paths, 1, None):
        assert "brightness: -0.2 to 0.2 relative gain, probability 0.4" in path.read_text()


@pytest.mark.parametrize("name", ["illumination", "light_gradient"])
def test_uneven_light_is_as_strong_in_the_exports_as_in_the_catalogue(name, tmp_path):
    """The standard deviation of the gain's logarithm over the picture is the strength, and its mean is 0."""
    policy, strength = one_step(name, 0.2, 0.2), 0.2
    flat = torch.full((3, *SIZE), 100, dtype=torch.uint8)
    torchvision_made = module(policy, "torchvision", tmp_path).train_transform()(flat).double()
    batch = module(policy, "kornia", tmp_path).train_transform()((flat / 255.0)[None])
    drawn = torch.Generator().manual_seed(3)
    own = PERTURBATIONS[name].apply(flat[None], strength, drawn)[0].double()
    for made in (torchvision_made, 255 * batch[0].double(), own):
        log_gain = torch.log(made[1] / 100)
        assert float(log_gain.std()) == pytest.approx(strength, rel=0.1)
        assert abs(float(log_gain.mean())) < 0.02
        # smooth: neighbours differ by little
        assert float(log_gain.diff(dim=1).abs().mean()) < 0.03
