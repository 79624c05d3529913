"""Which families judge: some are held back from every arm, and the guard sees to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import find
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.steps import Mixture, Step

# Of each family the perturbation that it is judged by, at its middle strength.
JUDGES: Mapping[str, str] = {
    "light": "brightness",
    "colour": "hue",
    "geometry": "translation",
    "blur": "gaussian_blur",
    "noise": "gaussian_noise",
    "compression": "jpeg",
    "occlusion": "occlusion",
}
# Families that no arm is trained with, where there are so many; the last ones of JUDGES that no arm needs.
HELD_BACK = 2
# What random augmentation draws from, but for what is held back.
DRAWN = (
    *("brightness", "exposure_offset", "gamma", "saturation", "hue", "white_balance"),
    *("translation", "rotation", "scale", "gaussian_blur", "motion_blur"),
    *("gaussian_noise", "shot_noise", "jpeg", "occlusion"),
)
# Of its range, at which a trained step is judged.
TIMES = (0.5, 1.0, 2.0, 3.0)
QUICK_TIMES = (1.0,)


@dataclass(frozen=True)
class Condition:
    """Frames under one perturbation, at one strength.

    times  of a step's range; 0: the step of no policy, at the middle strength of the catalogue
    """

    step: Step
    times: float

    @property
    def key(self) -> str:
        return self.step.key

    @property
    def family(self) -> str:
        return self.step.family

    @property
    def size(self) -> float:
        """Of the strength, in the unit of the step."""
        return self.step.reach * (self.times or 1.0)


def needed(arms: Sequence[Arm], policy: Sequence[Step]) -> set[str]:
    """Families that an arm cannot do without."""
    found = {family for arm in arms for family in arm.own_families}
    if any(arm.mix in ("policy", "mixed", "swapped") for arm in arms):
        found |= {step.family for step in policy}
    return found


def held_back(arms: Sequence[Arm], policy: Sequence[Step]) -> tuple[str, ...]:
    """Families that judge and that no arm may train with; SettingsError where the arms leave none."""
    taken = needed(arms, policy) | {step.family for step in policy}
    free = [family for family in JUDGES if family not in taken]
    if not free:
        raise SettingsError(
            f"--arms: together they train with all families ({', '.join(JUDGES)}), so that none is "
            "left to test with; keep one for testing, such as literature, noise or cutout"
        )
    return tuple(free[-HELD_BACK:])


def guard(trained: Mapping[str, Collection[str]], held: Collection[str]) -> None:
    """SettingsError where an arm, name -> families it is trained with, would meet what judges it."""
    for name, families in trained.items():
        if met := sorted(set(families) & set(held)):
            raise SettingsError(f"arm {name}: would be trained with {', '.join(met)}, by which it is judged")


def families_of(arm: Arm, mixture: Mixture | None) -> tuple[str, ...]:
    """All families an arm is trained with."""
    return tuple(dict.fromkeys([*arm.own_families, *(mixture.families if mixture else ())]))


def drawn_keys(held: Collection[str]) -> tuple[str, ...]:
    """What random augmentation may draw from."""
    return tuple(key for key in DRAWN if find(key).family not in held)


def conditions(policy: Sequence[Step], times: Sequence[float] = TIMES) -> tuple[Condition, ...]:
    """Each step of the policy at multiples of its range, and every other family at a middle strength."""
    found = [Condition(step, factor) for step in policy for factor in times]
    trained = {step.family for step in policy}
    for family, key in JUDGES.items():
        if family not in trained:
            entry = find(key)
            middle = entry.strengths[len(entry.strengths) // 2]
            low = -middle if entry.either_way else 0.0
            found.append(Condition(Step(key=key, low=low, high=middle, probability=1.0), 0.0))
    return tuple(found)
