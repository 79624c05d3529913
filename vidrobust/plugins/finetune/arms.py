"""Options of fine-tuning, and its arms, which differ only in what is named here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.files.json_text import plain
from vidrobust.plugins.finetune.steps import HELD_BACK, JUDGES, Mixture, Step
from vidrobust.stages.policy.trained_with import parse

# Cross entropy of the changed picture; of the unchanged one, and the divergence of the changed answer from
# it; of the unchanged one, and the Jensen-Shannon divergence of three views; of the picture, and of its four
# rotations.
Loss = Literal["one view", "consistent", "jsd", "turned"]
# Which steps on the footage's pixels, besides an arm's own.
Mix = Literal["policy", "random", "other", "swapped", "mixed", ""]


@dataclass(frozen=True)
class Arm:
    """What an arm does differently.

    ``mix`` names steps that depend on the run; ``wide`` and ``often`` widen and repeat those of the policy.
    ``trains`` is what ``--trained-with`` would say, ``salt`` changes the draws.
    """

    name: str
    sentence: str
    _: KW_ONLY
    mix: Mix = ""
    steps: tuple[Step, ...] = ()
    picture: Callable[[], nn.Module] | None = None
    batch: Callable[[int], nn.Module] | None = None
    loss: Loss = "one view"
    smoothing: float = 0.0
    self_labels: bool = False
    salt: int = 0
    blurred: bool = False
    untrained: bool = False
    trains: str = ""
    wide: float = 1.0
    often: float = 0.0

    def of_policy(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The steps of a policy as this arm takes them."""
        return tuple(
            replace(
                step,
                low=step.low * self.wide,
                high=step.high * self.wide,
                axes=tuple(size * self.wide for size in step.axes),
                probability=self.often or step.probability,
            )
            for step in steps
        )

    @property
    def own_families(self) -> tuple[str, ...]:
        """Families that it trains with whatever the run's policy is."""
        said = [each.family for each in parse([self.trains])] if self.trains else []
        return tuple(dict.fromkeys([*said, *(step.family for step in self.steps)]))


def _v2(name: str, **arguments: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision.transforms import v2  # here: its import takes as long as that of torch

        made: nn.Module = getattr(v2, name)(**arguments)
        return made

    return make


def _ssd() -> nn.Module:
    from torchvision.transforms import v2

    return v2.Compose(
        [
            v2.RandomPhotometricDistort(p=1.0),
            v2.RandomZoomOut(fill=(123.0, 117.0, 104.0)),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
        ]
    )


def _mixing(name: str, alpha: float) -> Callable[[int], nn.Module]:
    def make(classes: int) -> nn.Module:
        from torchvision.transforms import v2

        made: nn.Module = getattr(v2, name)(num_classes=classes, alpha=alpha)
        return made

    return make


NOISE = Step(key="gaussian_noise", low=0.0, high=25.0, probability=0.5)
PATCH = Step(key="patch_gaussian", low=12.0, high=50.0, probability=0.5)
SMALL_NOISE = Step(key="gaussian_noise", low=10.0, high=10.0, probability=1.0)

NONE = Arm("none", "no augmentation")
_ALL = (
    NONE,
    Arm("none-again", "the same as none with other draws: what chance does", salt=1),
    Arm("self-labels", "no augmentation; targets are its own answers over time", self_labels=True),
    Arm("random", "one of the catalogue's perturbations, as strong and as often", mix="random"),
    Arm(
        "random-other",
        "random augmentation without the policy's families: what random owes to them",
        mix="other",
    ),
    Arm(
        "literature",
        "AugMix with Jensen-Shannon divergence (Hendrycks et al. 2020)",
        picture=_v2("AugMix"),
        loss="jsd",
        trains="AugMix",
    ),
    Arm(
        "trivialaugment",
        "TrivialAugment (Müller & Hutter 2021)",
        picture=_v2("TrivialAugmentWide"),
        trains="TrivialAugmentWide",
    ),
    Arm("randaugment", "RandAugment (Cubuk et al. 2020)", picture=_v2("RandAugment"), trains="RandAugment"),
    Arm(
        "autoaugment",
        "AutoAugment for ImageNet (Cubuk et al. 2019)",
        picture=_v2("AutoAugment"),
        trains="AutoAugment",
    ),
    Arm(
        "colour",
        "ColorJitter of .4, .4, .4 and .1",
        picture=_v2("ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
        trains="ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)",
    ),
    Arm("mixup", "Mixup, alpha .2 (Zhang et al. 2018)", batch=_mixing("MixUp", 0.2)),
    Arm("cutmix", "CutMix, alpha 1 (Yun et al. 2019)", batch=_mixing("CutMix", 1.0), trains="occlusion"),
    Arm(
        "cutout",
        "a grey square of 2 to 20 % of the area (DeVries & Taylor 2017)",
        picture=_v2("RandomErasing", p=0.5, scale=(0.02, 0.2), ratio=(1.0, 1.0), value=127),
        trains="occlusion",
    ),
    Arm("blur-pool", "BlurPool in strided convolutions and pools, then as none (Zhang 2019)", blurred=True),
    Arm(
        "blur-pool-untrained",
        "BlurPool in strided convolutions and pools, weights as they were",
        blurred=True,
        untrained=True,
    ),
    Arm(
        "mirrored",
        "mirrored left to right half of the time",
        picture=_v2("RandomHorizontalFlip", p=0.5),
        trains="RandomHorizontalFlip",
    ),
    Arm("noise", "Gaussian noise of up to 25 levels on the whole frame", steps=(NOISE,)),
    Arm("patch-gaussian", "Gaussian noise in a square (Lopes et al. 2019)", steps=(PATCH,), trains="noise"),
    Arm("label-smoothing", "label smoothing of .1 (Szegedy et al. 2016)", smoothing=0.1),
    Arm(
        "stability",
        "stability training: under noise of 10 levels the same answer (Zheng et al. 2016)",
        steps=(SMALL_NOISE,),
        loss="consistent",
    ),
    Arm(
        "rotation-head",
        "a second head predicts by how much the picture was turned (Hendrycks et al. 2019)",
        loss="turned",
        trains="rotation",
    ),
    Arm("policy", "the recommended policy", mix="policy"),
    Arm(
        "policy-consistent",
        "the policy, the changed frame's answer to be that of the unchanged one",
        mix="policy",
        loss="consistent",
    ),
    Arm("policy-wide", "the policy over twice its ranges", mix="policy", wide=2.0),
    Arm("policy-often", "the policy, each step on nine pictures of ten", mix="policy", often=0.9),
    Arm("policy-mixed", "the policy on top of random augmentation", mix="mixed"),
    Arm("policy-swapped", "the policy with one family swapped for a wrong one", mix="swapped"),
)

_TURNS = "it turns or shears pictures and leaves their boxes where they were"
_ONE_LABEL = "it is made for one label a picture"
# Arms that a detector cannot be trained with, and why.
NOT_FOR_BOXES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("trivialaugment", "randaugment", "autoaugment"), _TURNS),
        **dict.fromkeys(("mixup", "cutmix", "rotation-head"), _ONE_LABEL),
        **dict.fromkeys(("blur-pool", "blur-pool-untrained"), "the code of a detector cannot be rewritten"),
        "label-smoothing": "a detector's own loss takes no soft targets",
        **dict.fromkeys(
            ("stability", "policy-consistent"),
            "it holds two answers together, and those of a detector are no fixed list",
        ),
    }
)
_SSD = Arm(
    "literature",
    "the augmentation of SSD: colours, zoom, crops by overlap, mirroring (Liu et al. 2016)",
    picture=_ssd,
    trains="Compose([RandomPhotometricDistort(), RandomZoomOut(), RandomIoUCrop(), RandomHorizontalFlip()])",
)
ARMS: Mapping[str, Arm] = MappingProxyType({arm.name: arm for arm in _ALL})
BOX_ARMS: Mapping[str, Arm] = MappingProxyType(
    {arm.name: _SSD if arm.name == _SSD.name else arm for arm in _ALL if arm.name not in NOT_FOR_BOXES}
)
DEFAULT = ("none", "random", "literature", "policy")
# Without the one whose three views a step cost as much as all of these.
QUICK_DEFAULT = ("none", "random", "policy")
# The network as it is, in the place of an arm.
BEFORE = "before"


def arms_of(names: str, known: Mapping[str, Arm] = ARMS) -> tuple[Arm, ...]:
    """The arms of a list with commas; SettingsError for one that is not there."""
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in wanted:
        if name not in ARMS:
            raise SettingsError(f"--arms: there is no arm {name!r}; arms are {', '.join(known)}")
        if name not in known:
            raise SettingsError(
                f"--arms: {name} is not for a detector: {NOT_FOR_BOXES[name]}; arms are {', '.join(known)}"
            )
    if not wanted:
        raise SettingsError(f"--arms: name at least one of {', '.join(known)}")
    return tuple(known[name] for name in wanted)


Targets = Literal["auto", "labels", "self"]
# Raised where the same question gets other numbers.
VERSION = 1
STEPS, BATCH, RATE, SEEDS = 200, 16, 3e-4, 3
# Of frames that are trained with, as the footage has them.
TRAINING_BYTES = 1.5 * 2**30
# Seconds that training and judging of ``--quick`` may take on this machine; decoding before it comes to it.
QUICK_S = 180.0
QUICK_STEPS = (8, 60)
# Frames of ``--quick`` at most: training, judging, shown under each condition.
QUICK_FRAMES = (240, 240, 24)


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """The options of ``adapt``; ``training``, ``judging`` and ``shown`` are the most frames of each kind."""

    arms: str = ""
    seeds: int = SEEDS
    steps: int | None = None
    batch: int = BATCH
    rate: float = RATE
    targets: Targets = "auto"
    model: str = ""
    on: str = ""
    policy: Path | None = None
    training: int = 600
    judging: int = 600
    shown: int = 120
    quick: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--seeds", self.seeds, 1),
            ("--steps", self.steps or 1, 1),
            ("--batch", self.batch, 2),
            ("--frames", self.training, 8),
        ):
            if value < least:
                raise SettingsError(f"{name}: expected a whole number from {least}, got {value}")
        if not 0 < self.rate < 1:
            raise SettingsError(f"--rate: expected a rate between 0 and 1, got {self.rate:g}")

    @property
    def limits(self) -> tuple[int, int, int]:
        asked = (self.training, self.judging, self.shown)
        training, judging, shown = map(min, asked, QUICK_FRAMES) if self.quick else asked
        return training, judging, shown

    def chosen_arms(self, known: Mapping[str, Arm] = ARMS) -> tuple[Arm, ...]:
        return arms_of(self.arms or ",".join(QUICK_DEFAULT if self.quick else DEFAULT), known)

    @property
    def mixes(self) -> bool:
        return any(arm.mix for arm in self.chosen_arms())


def key_of(content: Any) -> str:
    """Sixteen hexadecimal digits of plain values."""
    text = json.dumps(plain(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def needed(arms: Sequence[Arm], policy: Sequence[Step]) -> set[str]:
    """Families that an arm cannot do without."""
    found = {family for arm in arms for family in arm.own_families}
    if any(arm.mix in ("policy", "mixed", "swapped") for arm in arms):
        found |= {step.family for step in policy}
    return found


def held_back(arms: Sequence[Arm], policy: Sequence[Step]) -> tuple[str, ...]:
    """Families that judge and that no arm may train with."""
    taken = needed(arms, policy) | {step.family for step in policy}
    free = [family for family in JUDGES if family not in taken]
    if not free:
        raise SettingsError(
            f"--arms: together they train with all families ({', '.join(JUDGES)}), so that none is "
            "left to test with; keep one for testing, such as literature, noise or cutout"
        )
    return tuple(free[-HELD_BACK:])


def families_of(arm: Arm, mixture: Mixture | None) -> tuple[str, ...]:
    """All families an arm is trained with."""
    return tuple(dict.fromkeys([*arm.own_families, *(mixture.families if mixture else ())]))
