"""Recipes of fine-tuning: the usual augmentations, the study's policy, unlabelled footage, and files of the user."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.blurpool import Kernel, blurred
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.finetune import losses
from vidrobust.plugins.finetune.losses import Term
from vidrobust.plugins.finetune.network import TrainableNetwork
from vidrobust.plugins.finetune.steps import AugmentationStep

# (3, H, W) uint8 -> the same, or an nn.Module of torchvision's v2, which moves boxes too.
Transform = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to fine-tune; recipes differ only in what is named here.

    Attributes
    ----------
    transform
        Of pictures at the network's size.
    steps
        Steps of a policy on the footage's own pixels.
    batch
        Of a whole batch: pictures (B, 3, h, w) float32 in levels of 255 and targets (B, K), as Mixup takes them.
    term
        What is added to the cross entropy.
    rebuilt
        Makes the module that is trained of the network: a copy with other layers or a second head.
    spec
        Options of a model's spec that rebuild the network for the weights.
    unlabelled
        Whether unlabelled footage trains too, half of each batch, by the answers over time.
    decides
        What decides the transform besides the name, such as the text of a file.
    """

    name: str
    sentence: str
    transform: Transform | None = None
    steps: tuple[AugmentationStep, ...] = ()
    batch: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None = None
    term: Term | None = None
    rebuilt: Callable[[TrainableNetwork], nn.Module] | None = None
    spec: Mapping[str, str] = field(default_factory=dict)
    unlabelled: bool = False
    decides: str = ""


def usual() -> tuple[Recipe, ...]:
    """What people otherwise train with, for classifiers."""
    from torchvision.transforms import v2  # here: its import takes as long as that of torch

    return (
        PLAIN,
        _colour_jitter(),
        Recipe(
            name="trivialaugment",
            sentence="TrivialAugment (Müller & Hutter 2021)",
            transform=v2.TrivialAugmentWide(),
        ),
        Recipe(
            name="randaugment",
            sentence="RandAugment (Cubuk et al. 2020)",
            transform=v2.RandAugment(),
        ),
        Recipe(name="augmix", sentence="AugMix (Hendrycks et al. 2020)", transform=v2.AugMix()),
    )


def usual_of_boxes() -> tuple[Recipe, ...]:
    """The same for detectors: the others of torchvision leave boxes where they were."""
    from torchvision.transforms import v2

    ssd = v2.Compose(
        [
            v2.RandomPhotometricDistort(p=1.0),
            v2.RandomZoomOut(fill=(123.0, 117.0, 104.0)),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
        ]
    )
    known = Recipe(name="ssd", sentence="the augmentation of SSD (Liu et al. 2016)", transform=ssd)
    return PLAIN, _colour_jitter(), known


PLAIN = Recipe(name="plain", sentence="no augmentation")


def _colour_jitter() -> Recipe:
    from torchvision.transforms import v2

    return Recipe(
        name="colorjitter",
        sentence="ColorJitter(.4, .4, .4, .1)",
        transform=v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    )


BLURS: Mapping[str, Kernel] = {
    "blurpool": "triangle-3",
    "blurpool-rectangle-2": "rectangle-2",
    "blurpool-binomial-5": "binomial-5",
}
SMOOTHING = 0.1  # of the targets (Szegedy et al. 2016, section 7)


def by_request(*, boxes: bool) -> tuple[Recipe, ...]:
    """Recipes that are tried where they are named; of detectors those that leave boxes where they are."""
    from torchvision.transforms import v2

    blurs = tuple(
        Recipe(
            name=name,
            sentence=f"BlurPool in the network (Zhang 2019), {kernel}",
            rebuilt=partial(_with_blurs, kernel=kernel),
            spec={"blurpool": kernel},
        )
        for name, kernel in BLURS.items()
    )
    patches = Recipe(
        name="patch-gaussian",
        sentence="Patch Gaussian (Lopes et al. 2019)",
        transform=_patch_gaussian,
    )
    if boxes:
        return (*blurs, patches)
    shifts = v2.Compose([v2.RandomAffine(0, translate=(0.1, 0.1)), _gained])
    return (
        *blurs,
        patches,
        Recipe(name="mixup", sentence="Mixup (Zhang et al. 2018)", batch=v2.MixUp(alpha=0.2)),
        Recipe(name="cutmix", sentence="CutMix (Yun et al. 2019)", batch=v2.CutMix(alpha=1.0)),
        Recipe(
            name="autoaugment",
            sentence="AutoAugment, the policy of ImageNet (Cubuk et al. 2019)",
            transform=v2.AutoAugment(),
        ),
        Recipe(
            name="gains-shifts",
            sentence="gains and offsets of each channel, and shifts, as imgaug's",
            transform=shifts,
        ),
        Recipe(
            name="label-smoothing",
            sentence="label smoothing (Szegedy et al. 2016)",
            batch=_smoothed,
        ),
        Recipe(
            name="stability",
            sentence="stability training with a noisy copy (Zheng et al. 2016)",
            term=losses.stability,
        ),
        Recipe(
            name="augmix-jsd",
            sentence="consistency over a picture and two AugMix copies (Hendrycks et al. 2020)",
            term=losses.augmix_jsd,
        ),
        Recipe(
            name="next-frame",
            sentence="consistency to the next frame of the clip",
            term=losses.next_frame,
        ),
        Recipe(
            name="rotation",
            sentence="a second head that predicts rotations (Hendrycks et al. 2019)",
            term=losses.rotation,
            rebuilt=losses.with_rotation_head,
        ),
    )


def _with_blurs(network: TrainableNetwork, kernel: Kernel) -> nn.Module:
    return blurred(network.module, kernel)


def _patch_gaussian(picture: torch.Tensor, *boxes: Any) -> Any:
    """A noisy patch of random size, place and strength."""
    entry, seed = find("patch_gaussian"), int(torch.randint(2**31, ()))
    strength = float(torch.rand(())) * entry.range[1]
    made = entry.apply(picture[None], strength, from_seed(seed))[0]
    return (made, *boxes) if boxes else made


def _gained(picture: torch.Tensor) -> torch.Tensor:
    """Each channel times .8 to 1.2, plus -20 to 20 levels (Multiply and Add of imgaug, per channel)."""
    gain, offset = 0.8 + 0.4 * torch.rand(3, 1, 1), 40 * torch.rand(3, 1, 1) - 20
    return (picture * gain + offset).round().clamp(0, 255).to(torch.uint8)


def _smoothed(pictures: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return pictures, (1 - SMOOTHING) * targets + SMOOTHING / targets.shape[1]


def of_policy(steps: Sequence[AugmentationStep], *, boxes: bool) -> tuple[Recipe, ...]:
    """The recipes of a policy: every step on every picture, alone and with consistency to the next frame."""
    if not steps:
        return ()
    alone = Recipe(
        name="policy", sentence="the study's policy on every picture", steps=tuple(steps)
    )
    held = Recipe(
        name="policy-next-frame",
        sentence="the policy, with the answer held to that of the next frame",
        steps=tuple(steps),
        term=losses.next_frame,
    )
    return (alone,) if boxes else (alone, held)


CONSENSUS = Recipe(
    name="consensus", sentence="unlabelled footage by the answers over time", unlabelled=True
)


def of_file(path: Path) -> Recipe:
    """A recipe of the user: a Python file, an Albumentations YAML or an Ultralytics ``hyp`` YAML.

    Parameters
    ----------
    path
        A Python file that defines ``transform``, as torchvision or Albumentations makes them; or a YAML file that
        ``albumentations.save`` wrote, or with hyperparameters of Ultralytics.

    Raises
    ------
    SettingsError
        If the file is none of these.
    """
    if not path.is_file():
        raise SettingsError(f"--recipe {path}: no such file")
    text = path.read_text(encoding="utf-8")
    name = re.sub(r"[^a-z0-9-]+", "-", path.stem.lower()).strip("-") or "recipe"
    if path.suffix == ".py":
        transform = _of_python(path)
        return _user(name, path, transform, text)
    if path.suffix not in (".yaml", ".yml"):
        raise SettingsError(
            f"--recipe {path}: give a Python file that defines transform, an Albumentations YAML or an "
            "Ultralytics hyp YAML"
        )
    content = _imported("yaml", "pyyaml", path).safe_load(text)
    if isinstance(content, dict) and "transform" in content:
        albumentations = _imported("albumentations", "albumentations", path)
        transform = albumentations.load(str(path), data_format="yaml")
        return _user(name, path, transform, text)
    if isinstance(content, dict) and set(content) & set(HYP):
        return _user(name, path, _of_hyp(content), text)
    raise SettingsError(
        f"--recipe {path}: holds neither an Albumentations transform nor any of {', '.join(HYP)}"
    )


def _imported(module: str, package: str, path: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(
            f"--recipe {path}: needs {package}, which is not installed: {pip_install(package)}"
        ) from error


def _user(name: str, path: Path, transform: Transform, text: str) -> Recipe:
    return Recipe(
        name=name, sentence=f"the recipe of {path.name}", transform=transform, decides=text
    )


def _of_python(path: Path) -> Transform:
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SettingsError(f"--recipe {path}: cannot be imported: {error!r}") from error
    transform = getattr(module, "transform", None)
    if not callable(transform):
        raise SettingsError(f"--recipe {path}: defines no callable named transform")
    made: Transform = transform
    return made


# Hyperparameters of Ultralytics that change a picture alone. Mosaic, mixup and copy-paste join several.
HYP = ("hsv_h", "hsv_s", "hsv_v", "degrees", "translate", "scale", "shear", "flipud", "fliplr")


def _of_hyp(hyp: Mapping[str, Any]) -> Transform:
    """The nearest transforms of torchvision; what is not named does nothing."""
    from torchvision.transforms import v2

    given = {name: float(hyp.get(name) or 0.0) for name in HYP}
    shift, zoom = given["translate"], min(given["scale"], 0.99)
    return v2.Compose(
        [
            v2.ColorJitter(
                brightness=given["hsv_v"], saturation=given["hsv_s"], hue=given["hsv_h"]
            ),
            v2.RandomAffine(
                degrees=given["degrees"],
                translate=(shift, shift),
                scale=(1 - zoom, 1 + zoom),
                shear=given["shear"],
                fill=114,
            ),
            v2.RandomVerticalFlip(given["flipud"]),
            v2.RandomHorizontalFlip(given["fliplr"]),
        ]
    )


def is_albumentations(transform: Transform) -> bool:
    """Whether a transform takes arrays by name, as those of Albumentations do."""
    return type(transform).__module__.partition(".")[0] == "albumentations"


def applied(transform: Transform, picture: torch.Tensor) -> torch.Tensor:
    """(3, H, W) uint8 after a transform of torchvision or Albumentations."""
    if is_albumentations(transform):
        array = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        made = torch.from_numpy(np.ascontiguousarray(transform(image=array)["image"]))
        made = made.permute(2, 0, 1)
    else:
        made = torch.as_tensor(transform(picture))
    if made.dtype != torch.uint8 or made.shape != picture.shape:
        raise SettingsError(
            f"--recipe: its transform made {tuple(made.shape)} {made.dtype} of {tuple(picture.shape)} torch.uint8; "
            "it must keep size and type: leave out resizing, scaling and normalisation"
        )
    return made
