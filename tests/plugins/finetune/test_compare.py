"""From answers to rows and to what is said of the policy, on answers whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tests.plugins.finetune.small import network as small
from vidrobust.plugins.finetune import compare as conclusion
from vidrobust.plugins.finetune.compare import table_of
from vidrobust.plugins.finetune.judge import FLIPS, FOOTAGE, MOVED, ClassAnswers, ClassBench
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.steps import Condition, Step

LIGHT = Step(key="brightness", low=-0.3, high=0.3, probability=0.5)
CLIPS, COUNT = 12, 40
FAMILIES = {"none": (), "none-again": (), "random": ("colour",), "policy": ("light",)}


@pytest.fixture(scope="module")
def bench() -> ClassBench:
    total = CLIPS * COUNT
    frames = pd.DataFrame(
        {
            "item": [f"clip-{k // COUNT:02d}" for k in range(total)],
            "part": "",
            "frame": np.arange(total) % COUNT,
            "place": np.arange(total) % COUNT,
            "time_s": (np.arange(total) % COUNT) / 10,
        }
    )
    second = np.flatnonzero(np.arange(total) % COUNT)
    empty = torch.empty(0)
    module, preprocess, names = small()
    return ClassBench(
        network=TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu")),
        frames=frames,
        footage=empty,
        pairs=np.stack([second - 1, second], axis=1),
        triples=np.empty((0, 3), np.int64),
        right=[frozenset({0})] * total,
        conditions=(Condition(LIGHT, 1.0),),
        shown=np.arange(0, total, 2),
        changed=[empty],
    )


def network(share: float, seed: int, moved: float | None = None) -> ClassAnswers:
    """Flips between about 2 x this share of the neighbours: single frames with another answer."""
    rng, total = np.random.default_rng(seed), CLIPS * COUNT
    label = (rng.random(total) < share).astype(np.int64)
    label[1:] *= 1 - label[:-1]
    half = label[::2]
    changed = np.where(rng.random(len(half)) < (share if moved is None else moved), 1 - half, half)
    return ClassAnswers(label, np.empty(0), changed[None], np.zeros((1, len(half))))


def study(bench: ClassBench, **shares: float) -> pd.DataFrame:
    arms = {name.replace("_", "-"): share for name, share in shares.items()}
    found = {name: [network(s, 10 * k + len(name)) for k in range(3)] for name, s in arms.items()}
    return table_of("m", bench, network(0.2, 99), found, FAMILIES)


def test_rates_are_counted_by_hand(bench: ClassBench) -> None:
    before, after = network(0.2, 1), network(0.05, 2)
    table = table_of("m", bench, before, {"policy": [after]}, FAMILIES)
    row = conclusion.one(table, "policy", "before")
    flips = [
        int(answers.label[k] != answers.label[k - 1])
        for answers in (before, after)
        for k in range(CLIPS * COUNT)
        if k % COUNT
    ]
    half = len(flips) // 2
    assert row["before"] == pytest.approx(np.mean(flips[:half]))
    assert row["after"] == pytest.approx(np.mean(flips[half:]))
    assert row["clusters"] == CLIPS
    moved = conclusion.one(table, "policy", "before", "brightness", MOVED)
    assert moved["after"] == pytest.approx(np.mean(after.changed[0] != after.label[::2]))
    assert bool(moved["trained"])
    errors = conclusion.one(table, "policy", "before", metric="error_rate")
    assert errors["after"] == pytest.approx(after.label.mean())


def test_a_better_policy_is_called_better(bench: ClassBench) -> None:
    table = study(bench, none=0.2, random=0.2, policy=0.02)
    assert conclusion.better_than_random(table) is True
    assert conclusion.verdict_on_policy(table) == (
        "The policy is better than random augmentation of equal strength."
    )
    assert conclusion.best_arm(table) == "policy"
    worth = conclusion.measured(table, [LIGHT])
    assert worth["footage"]["verdict"] == worth["steps"]["brightness"]["verdict"] == "helps"


@pytest.mark.parametrize(("policy", "why"), [(0.05, ""), (0.25, "it is worse")])
def test_a_policy_that_is_no_better_is_called_that(
    bench: ClassBench, policy: float, why: str
) -> None:
    table = study(bench, random=0.05, policy=policy)
    said = conclusion.verdict_on_policy(table)
    assert said.startswith("The policy is no better than random augmentation of equal strength: ")
    assert why in said
    assert conclusion.better_than_random(table) is False


def test_without_random_nothing_is_said_of_it(bench: ClassBench) -> None:
    table = study(bench, none=0.2, policy=0.02)
    assert conclusion.better_than_random(table) is None
    assert conclusion.verdict_on_policy(table) == ""


def test_the_same_arm_twice_is_rarely_distinguished(bench: ClassBench) -> None:
    """Arms of equal rates, independent draws: in twelve worlds at most two are told apart."""
    apart = 0
    for world in range(12):
        found = {
            "none": [network(0.1, 1000 + 10 * world + k) for k in range(3)],
            "none-again": [network(0.1, 2000 + 10 * world + k) for k in range(3)],
        }
        table = table_of("m", bench, network(0.1, 5000 + world), found, FAMILIES)
        row = conclusion.one(table, "none-again", "none")
        assert row["judged"] == FOOTAGE
        assert row["metric"] == FLIPS
        apart += not row["low"] <= 1 <= row["high"]
    assert apart <= 2
