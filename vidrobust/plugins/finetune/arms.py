"""Options of fine-tuning, and its arms, which differ only in what is named here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.files.json_text import plain
from vidrobust.plugins.finetune.steps import HELD_BACK, JUDGES, Mixture, Step
from vidrobust.stages.policy.trained_with import parse

# Cross entropy of the changed picture; of the unchanged one, and the divergence of the changed answer from it;
# of the unchanged one, and the Jensen-Shannon divergence of three views;
# of the changed picture, and the divergence from the answer to the next frame of its clip; of the changed
# picture, and the divergence from the old network's answer where that was right.
Loss = Literal["one view", "consistent", "jsd", "temporal", "distilled"]
# Which steps on the footage's pixels: the policy on top of random augmentation, or alone; random augmentation as
# often and as strong; the policy with a wrong family on top of random augmentation.
Mix = Literal["policy", "alone", "random", "swapped", ""]


@dataclass(frozen=True)
class Arm:
    """What an arm does differently.

    ``trains`` is what ``--trained-with`` would say, ``salt`` changes the draws.
    """

    name: str
    sentence: str
    _: KW_ONLY
    mix: Mix = ""
    steps: tuple[Step, ...] = ()
    picture: Callable[[], nn.Module] | None = None
    loss: Loss = "one view"
    salt: int = 0
    trains: str = ""

    @property
    def own_families(self) -> tuple[str, ...]:
        """Families that it trains with whatever the run's policy is."""
        said = [each.family for each in parse([self.trains])] if self.trains else []
        return tuple(dict.fromkeys([*said, *(step.family for step in self.steps)]))


def _v2(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision.transforms import v2  # here: its import takes as long as that of torch

        made: nn.Module = getattr(v2, name)()
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


SMALL_NOISE = Step(key="gaussian_noise", low=10.0, high=10.0, probability=1.0)

NONE = Arm("none", "no augmentation")
_ALL = (
    NONE,
    Arm("none-again", "the same as none with other draws: what chance does", salt=1),
    Arm(
        "random",
        "perturbations of the catalogue, as strong and as many as with the policy",
        mix="random",
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
    Arm(
        "stability",
        "stability training: under noise of 10 levels the same answer (Zheng et al. 2016)",
        steps=(SMALL_NOISE,),
        loss="consistent",
    ),
    Arm("policy", "the recommended policy on top of random augmentation", mix="policy"),
    Arm("policy-alone", "the recommended policy and no random augmentation", mix="alone"),
    Arm(
        "policy-temporal",
        "the policy, with the answer held to that of the next frame of the clip",
        mix="policy",
        loss="temporal",
    ),
    Arm(
        "policy-distilled",
        "the policy, with the answer held to the old network's where that was right (Yan et al. 2021)",
        mix="policy",
        loss="distilled",
    ),
    Arm("policy-swapped", "the policy with one family swapped for a wrong one", mix="swapped"),
)

_TWO_ANSWERS = "it holds two answers together, and those of a detector are no fixed list"
# Arms that a detector cannot be trained with, and why.
NOT_FOR_BOXES: Mapping[str, str] = MappingProxyType(
    {
        "trivialaugment": "it turns or shears pictures and leaves their boxes where they were",
        "stability": _TWO_ANSWERS,
        "policy-temporal": _TWO_ANSWERS,
        "policy-distilled": _TWO_ANSWERS,
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
    {
        arm.name: _SSD if arm.name == _SSD.name else arm
        for arm in _ALL
        if arm.name not in NOT_FOR_BOXES
    }
)
DEFAULT = ("none", "random", "literature", "policy")
# Without the one whose three views a step cost as much as all of these.
QUICK_DEFAULT = ("none", "random", "policy")
BEFORE = "before"  # The network as it is, in the place of an arm


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
VERSION = 2
STEPS, BATCH, RATE, SEEDS = 200, 16, 1e-3, 3
TRAINING_BYTES = 1.5 * 2**30  # Of frames that are trained with, as the footage has them
# Seconds that training and judging of ``--quick`` may take on this machine; decoding before it comes to it.
QUICK_S = 180.0
QUICK_STEPS = (8, 120)
QUICK_FRAMES = (
    240,
    240,
    24,
)  # Frames of ``--quick`` at most: training, judging, shown under each condition


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
    if any(arm.mix in ("policy", "alone", "swapped") for arm in arms):
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
