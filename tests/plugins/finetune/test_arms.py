"""Arms, what they are trained with, and the guard that keeps what judges out of training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.finetune.arms import ARMS, arms_of, families_of, held_back
from vidrobust.plugins.finetune.plan import MatchedStrengths, random_mixture
from vidrobust.plugins.finetune.steps import (
    TIMES,
    Mixture,
    Step,
    any_step,
    changed,
    conditions,
    drawn_keys,
    guard,
)

LIGHT = Step(key="brightness", low=-0.3, high=0.3, probability=0.5)
HIDDEN = Step(key="occlusion", low=0, high=0.1, probability=0.5)
SHIFT = Step(
    key="translation", low=-0.05, high=0.05, probability=0.5, of_width=True, axes=(0.05, 0.0)
)


def test_library_arms_train_what_their_operations_are() -> None:
    assert set(ARMS["literature"].own_families) == {
        "geometry",
        "light",
        "colour",
        "blur",
        "compression",
    }
    assert "noise" not in ARMS["trivialaugment"].own_families
    assert ARMS["none"].own_families == ARMS["policy"].own_families == ()


def test_an_unknown_arm_is_named_with_all_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no arm 'augmix'; arms are none.*literature"):
        arms_of("none,augmix")


def test_what_no_arm_needs_is_held_back_from_random_too() -> None:
    arms = arms_of("none,random,literature,policy")
    held = held_back(arms, [LIGHT])
    assert held == ("noise", "occlusion")
    assert {find(key).family for key in drawn_keys(held)} == {
        "light",
        "colour",
        "geometry",
        "blur",
        "compression",
    }
    assert held_back(arms_of("none,policy"), [LIGHT]) == ("compression", "occlusion")


def test_arms_that_leave_nothing_to_judge_by_are_refused() -> None:
    steps = [LIGHT, Step(key="gaussian_noise", low=0, high=9, probability=0.5), HIDDEN]
    with pytest.raises(SettingsError, match="none is left to test with"):
        held_back(arms_of("literature,policy"), steps)


def test_the_guard_refuses_training_with_what_judges() -> None:
    noisy = Mixture(steps=(Step(key="gaussian_noise", low=0, high=10, probability=0.5),))
    families = families_of(ARMS["policy"], noisy)
    guard({"policy": families}, ("occlusion",))
    with pytest.raises(SettingsError, match="arm policy: would be trained with noise"):
        guard({"policy": families}, ("noise", "occlusion"))


def test_each_step_is_judged_at_multiples_and_every_other_family_once() -> None:
    found = conditions([LIGHT])
    assert [c.times for c in found if c.key == "brightness"] == list(TIMES)
    assert [c.size for c in found if c.key == "brightness"] == pytest.approx([0.15, 0.3, 0.6, 0.9])
    others = [c for c in found if c.key != "brightness"]
    assert {c.family for c in others} == {
        "colour",
        "geometry",
        "blur",
        "noise",
        "compression",
        "occlusion",
    }
    assert all(c.times == 0 for c in others)


def test_steps_come_as_often_as_they_say() -> None:
    generator = from_seed(3)
    each = Mixture(steps=(LIGHT, Step(key="hue", low=-10, high=10, probability=0.2)))
    drawn = [{step.key for step in each.draw(generator)} for _ in range(2000)]
    assert np.mean(["brightness" in keys for keys in drawn]) == pytest.approx(0.5, abs=0.04)
    assert np.mean(["hue" in keys for keys in drawn]) == pytest.approx(0.2, abs=0.03)
    assert any_step(each.steps) == pytest.approx(0.6)
    one = Mixture(one_of=each.steps, chances=(0.5,))
    sizes = [len(one.draw(generator)) for _ in range(2000)]
    assert max(sizes) == 1
    assert np.mean(sizes) == pytest.approx(0.5, abs=0.04)
    on_top = Mixture(steps=(SHIFT,), one_of=each.steps, chances=(0.5,))
    drawn = [[step.key for step in on_top.draw(generator)] for _ in range(2000)]
    assert np.mean(["translation" in keys for keys in drawn]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([len(keys) == 2 for keys in drawn]) == pytest.approx(0.25, abs=0.04)
    assert all(keys[-1] == "translation" for keys in drawn if len(keys) == 2)
    assert set(on_top.families) == {"light", "colour", "geometry"}


def test_random_augmentation_makes_as_many_changes_as_the_policy_on_top_of_it() -> None:
    found = MatchedStrengths({step.key: step for step in (LIGHT, SHIFT)}, 0.1)
    mixture = random_mixture(found, (SHIFT, Step(key="hue", low=-9, high=9, probability=0.2)), 0.6)
    assert mixture.one_of == (LIGHT, SHIFT)
    generator = from_seed(4)
    assert np.mean([len(mixture.draw(generator)) for _ in range(4000)]) == pytest.approx(
        1.3, abs=0.05
    )


def test_brightness_is_drawn_between_its_ends_and_a_shift_along_its_axis() -> None:
    grey = torch.full((1, 3, 20, 40), 100, dtype=torch.uint8)
    levels = {int(changed(grey, [LIGHT], from_seed(seed))[0, 0, 0, 0]) for seed in range(200)}
    assert min(levels) >= 77  # 100 / 1.3
    assert max(levels) <= 130
    assert max(levels) - min(levels) > 40
    ramp = torch.arange(40, dtype=torch.uint8).expand(1, 3, 20, 40).contiguous()
    moved = [changed(ramp, [SHIFT], from_seed(seed)) for seed in range(50)]
    assert all(torch.equal(each[0, :, 0], each[0, :, 19]) for each in moved)  # none along y
    steps = [float(each[0, 0, 10, 20]) - 20 for each in moved]
    assert max(map(abs, steps)) <= 2  # 5 % of 40 px
    assert min(steps) < -1
    assert max(steps) > 1
