"""Settings of real trainings, written as their users write them, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import albumentations
import pytest

from vidrobust.errors import SettingsError
from vidrobust.stages.policy.trained_with import families, parse


def names(*settings: Any) -> set[str]:
    return {each.perturbation or each.family for each in parse(settings)}


@pytest.mark.parametrize(
    ("setting", "held"),
    [
        ("brightness", {"brightness"}),
        ("geometry", {"geometry"}),
        ("ColorJitter(brightness=0.2)", {"brightness"}),
        ("transforms.ColorJitter(0.4, 0.4, 0, 0.1)", {"brightness", "contrast", "hue"}),
        ("v2.ColorJitter(brightness=(1, 1), hue=(0.0, 0.0), saturation=s)", {"saturation"}),
        ("ColorJitter", {"brightness", "contrast", "saturation", "hue"}),
        ("A.ColorJitter(brightness=0.2, hue=0)", {"brightness", "contrast", "saturation"}),
        ("RandomAffine(degrees=0, translate=(0.1, 0.1))", {"translation"}),
        ("RandomAffine(10, scale=(0.9, 1.1))", {"rotation", "scale"}),
        ("Compose([Resize(256), CenterCrop(224), ToTensor(), Normalize(m, s)])", set()),
        ("v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])",
         {"translation", "scale", "horizontal_flip"}),
        ("RandomApply([GaussianBlur(9)], p=0.1)", {"gaussian_blur"}),
        ("[v2.ElasticTransform(), v2.RandomErasing(p=0.2)]", {"geometry", "occlusion"}),
        ("RandomErasing(p=0)", set()),
        ("A.ShiftScaleRotate(shift_limit=0, scale_limit=0)", {"rotation"}),
        ("hsv_h: 0.015\nhsv_s: 0.0\nepochs: 100\ndegrees: 0.0  # off", {"hue"}),
        ("hsv_h=0.0", set()),
        ("--color-jitter 0.4 --reprob 0.25", {"brightness", "contrast", "saturation", "occlusion"}),
        ("scale: [0.08, 1.0]", {"translation", "scale"}),
        ({"hsv_v": 0.4, "scale": 0.5, "mosaic": 0.0, "lr0": 0.01}, {"brightness", "scale"}),
        ("create_transform(224, is_training=True, color_jitter=0.4, re_prob=0.0)",
         {"brightness", "contrast", "saturation"}),
        ("rand-m9-t3a-mstd0.5", {"light", "saturation", "gaussian_blur"}),
    ],
)  # fmt: skip
def test_a_setting_holds(setting: Any, held: set[str]) -> None:
    assert names(setting) == held


@pytest.mark.parametrize(
    "setting",
    ["rand-m9-mstd0.5-inc1", "augmix-m3-w3", "original-mstd0.5", "v0", "--aa rand-m9", "auto_augment: randaugment",
     "RandAugment", "AutoAugment(AutoAugmentPolicy.IMAGENET)", "v2.TrivialAugmentWide()", "AugMix()",
     "rand_augment_transform(text, {})", {"aa": "rand-m7-n4"}],
)  # fmt: skip
def test_policies_of_many_operations_hold_light_colour_geometry_and_more(setting: Any) -> None:
    held = names(setting)
    assert {
        "brightness",
        "contrast",
        "saturation",
        "rotation",
        "translation",
        "shear",
        "sharpening",
    } <= held
    assert set(families(parse([setting]))) == {"light", "colour", "geometry", "blur", "compression"}


def test_torchvisions_augmix_leaks_unless_it_is_switched_off() -> None:
    """Its default all_ops=True adds brightness, colour and sharpness to the operations of the paper."""
    assert "brightness" in names("AugMix(severity=3)")
    narrow = names("AugMix(severity=3, all_ops=False)")
    assert not {"brightness", "saturation", "sharpening"} & narrow
    assert {"rotation", "contrast"} <= narrow  # autocontrast and equalize stay


def test_the_strings_are_those_that_timm_reads() -> None:
    from timm.data.auto_augment import _RAND_3A, _RAND_INCREASING_TRANSFORMS, rand_augment_transform

    for text in ("rand-m9-mstd0.5-inc1", "rand-m9-n3-t3a"):
        held = {op.name for op in rand_augment_transform(text, {}).ops}
        assert held == set(_RAND_3A if "t3a" in text else _RAND_INCREASING_TRANSFORMS)


def test_albumentations_as_dict_and_as_its_own_yaml(tmp_path: Path) -> None:
    pipeline = albumentations.Compose(
        [
            albumentations.OneOf([albumentations.MotionBlur(), albumentations.Defocus(p=0.0)]),
            albumentations.Affine(rotate=(-5, 5), p=0.5),
            albumentations.ColorJitter(
                brightness=(0.8, 1.2), contrast=(1, 1), saturation=(1, 1), hue=(0, 0)
            ),
            albumentations.Normalize(),
        ]
    )
    assert names(albumentations.to_dict(pipeline)) == {"motion_blur", "rotation", "brightness"}
    path = tmp_path / "pipeline.yaml"
    albumentations.save(pipeline, str(path), data_format="yaml")
    found = names(str(path))
    # tuples over several lines count as used
    assert {"motion_blur", "rotation", "brightness"} <= found


@pytest.mark.parametrize(
    "setting",
    [
        "brightnes",
        "MyOwnTransform()",
        "x = 3",
        {"lr0": 0.1},
        "a sentence about it",
        "no/such/file.yaml",
        "(",
    ],
)
def test_what_is_not_known_is_refused_not_passed_over(setting: Any) -> None:
    with pytest.raises(SettingsError, match="name instead the perturbations or families"):
        parse([setting])


def test_a_file_of_code_is_read_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "raise SystemExit\nprint('x')\naugment = v2.Compose([v2.GaussianNoise(sigma=0.1)])\n"
    )
    assert names(str(path)) == {"gaussian_noise"}


def test_what_was_said_stands_beside_what_it_means() -> None:
    (only,) = parse(["ColorJitter(hue=0.1)"])
    assert (only.perturbation, only.family, only.said) == ("hue", "colour", "ColorJitter(hue=0.1)")
    assert parse([]) == ()
