"""The table of leaks: an arm that trains with the judge under another name is seen, others are not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.plugins.finetune.small import network as small
from vidrobust.plugins.finetune import leaks
from vidrobust.plugins.finetune.arms import ARMS, Arm
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.steps import Condition, Mixture, Step
from vidrobust.run_folder.settings import Settings

BRIGHTER = Step(key="brightness", low=0.3, high=0.3, probability=1.0)
JUDGES = (
    Condition(BRIGHTER, 0.0),
    Condition(Step(key="hue", low=-40.0, high=40.0, probability=1.0), 0.0),
)
MIXTURES = {
    "policy": Mixture(steps=(BRIGHTER,)),
    "stability": Mixture(
        steps=(Step(key="exposure_offset", low=30.0, high=30.0, probability=1.0),)
    ),
}


@pytest.fixture(scope="module")
def net() -> TrainableClassifier:
    module, preprocess, names = small()
    return TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu"))


@pytest.fixture(scope="module")
def frames() -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    return [
        torch.randint(40, 150, (1, 3, 20, 30), generator=drawn, dtype=torch.uint8) for _ in range(4)
    ]


def table(
    net: TrainableClassifier, frames: list[torch.Tensor], folder: Path, arms: dict[str, Arm]
) -> pd.DataFrame:
    mine = {name: (arm, MIXTURES.get(name)) for name, arm in arms.items()}
    families = {"none": (), "policy": ("light",), "stability": ("noise",)}
    return leaks.table_of("network", net, mine, families, frames, JUDGES, folder, "key", draws=6)


def test_the_judge_itself_is_at_distance_0_and_no_augmentation_covers_nothing(
    net: TrainableClassifier, frames: list[torch.Tensor], tmp_path: Path
) -> None:
    arms = {name: ARMS[name] for name in ("none", "policy", "stability")}
    found = table(net, frames, tmp_path, arms).set_index(["arm", "judged"])
    same = found.loc[("policy", "brightness")]
    assert (same["distance"], same["own"], same["covered"], same["verdict"]) == (
        0.0,
        0.0,
        1.0,
        "leak",
    )
    assert found.loc["none", "covered"].tolist() == [0.0, 0.0]
    assert found.loc[("policy", "hue"), "verdict"] == "apart"
    # an arm of another family whose pictures are brighter, too, is what the families alone do not see
    assert found.loc[("stability", "brightness"), "verdict"] == "leak"
    said = leaks.sentences(found.reset_index())
    assert len(said) == 1
    assert said[0].startswith("stability: its pictures come near those under brightness")


def test_features_are_kept_and_made_anew_where_the_arm_changes(
    net: TrainableClassifier, frames: list[torch.Tensor], tmp_path: Path
) -> None:
    arms = {"none": ARMS["none"]}
    first = table(net, frames, tmp_path, arms)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    pd.testing.assert_frame_equal(first, table(net, frames, tmp_path, arms))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    table(net, frames, tmp_path, {"policy": ARMS["policy"]})
    assert len(list(tmp_path.iterdir())) == len(files) + 1  # the judges are the same


def test_what_a_network_came_with_is_an_arm() -> None:
    settings = dataclasses.replace(
        Settings(sources=("a",), model=("b",)), trained_with=("ColorJitter(brightness=0.4)",)
    )
    found = leaks.measurable([ARMS["none"]], {}, settings)
    assert list(found) == ["none", leaks.AS_TRAINED]
    mixture = found[leaks.AS_TRAINED][1]
    assert mixture is not None
    (step,) = mixture.every
    assert (step.key, step.low) == ("brightness", -step.high)
    assert leaks.families_came_with(settings) == ("light",)


def test_augmix_is_drawn_once_for_all_pictures(
    net: TrainableClassifier, frames: list[torch.Tensor]
) -> None:
    change = leaks.arm_change(net, ARMS["literature"], None, [frames[0], frames[0]])
    one, two = change(3)
    assert torch.equal(one, two)
    assert any(not np.array_equal(change(k)[0], change(k + 1)[0]) for k in range(4))
