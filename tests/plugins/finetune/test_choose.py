"""Successive halving and its guard, by hand, on trials whose scores are given."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from vidrobust.plugins.finetune.choose import BEFORE, Scored, Trial, Validation, choose, rises
from vidrobust.plugins.finetune.judge import (
    NOTHING,
    BenchFigures,
    ClassBench,
    CountedRows,
    neighbours,
)
from vidrobust.plugins.finetune.train import LineFrames

SHORT = {"plain": 0.5, "a": 0.4, "b": 0.3, "c": 0.2, "d": 0.6}
LONG = {"plain": 0.3, "a": 0.35, "b": 0.1, "c": 0.2}
QUIET = CountedRows(np.zeros(80), np.repeat(np.arange(8), 10))


def scored(score: float, at_rest: CountedRows = QUIET) -> Scored:
    return Scored(score, at_rest)


def asked(before: float = 1.0, **at_rest: CountedRows) -> tuple[str, list[tuple[str, int, int]]]:
    """The choice of five recipes in 30 steps and two seeds, and the trials that it took."""
    calls: list[tuple[str, int, int]] = []

    def trial(name: str, seed: int, steps: int) -> Trial:
        calls.append((name, seed, steps))
        score = SHORT[name] if steps == 10 else LONG[name] + 0.1 * seed
        return Trial(steps, 1.0, scored(score, at_rest.get(name, QUIET)))

    found = choose(list(SHORT), trial, scored(before), 30, 2, always=("plain",))
    return found.chosen, calls


def test_the_better_half_goes_on_and_the_lowest_mean_score_is_chosen() -> None:
    chosen, calls = asked()
    assert calls[:5] == [(name, 0, 10) for name in SHORT]
    long = [(name, seed, 30) for name in ("c", "b", "a", "plain") for seed in (0, 1)]
    assert calls[5:] == long  # three of five, and plain for comparison
    assert chosen == "b"


def test_nothing_is_chosen_that_does_not_score_lower_than_the_network_as_it_is() -> None:
    assert asked(before=0.16)[0] == "b"  # of .1 and .2 the mean is .15
    assert asked(before=0.14)[0] == BEFORE


def test_a_recipe_whose_errors_at_rest_surely_rise_is_not_chosen() -> None:
    wrong = CountedRows(np.ones(80), QUIET.code)
    assert asked(b=wrong)[0] == "c"
    assert asked(a=wrong, b=wrong, c=wrong)[0] == BEFORE
    assert rises(QUIET, [wrong])
    few = CountedRows(np.eye(1, 80)[0], QUIET.code)  # one error is no rise
    assert not rises(QUIET, [few])


def test_a_score_is_the_sum_of_the_rates_that_are_known_by_hand() -> None:
    def rows(*values: float) -> CountedRows:
        return CountedRows(np.array(values), np.arange(len(values)))

    unknown = {"errors": NOTHING, "errors_at_rest": NOTHING, "what": "clips"}
    known = {"flips": rows(1, 0, 0, 0), "disagreement": rows(1, 0), "other": rows(1, 1)}
    footage = BenchFigures(**known, **unknown)
    assert Scored.of(footage, footage).score == 0.25 + 0.5 + 1.0  # no label: other answers count
    rest = BenchFigures(**{**vars(footage), "errors_at_rest": rows(1, 0, 0, 0, 0)})
    assert Scored.of(footage, rest).score == 0.25 + 0.5 + 0.2
    labelled = BenchFigures(**{**vars(footage), "errors": rows(1, 1, 1, 0)})
    assert Scored.of(labelled, rest).score == 0.25 + 0.5 + 0.75 + 0.2


def test_a_network_that_answers_the_same_to_everything_agrees_with_itself_but_not_with_the_jury():
    place = np.tile(np.arange(4), 2)
    frames = pd.DataFrame({"item": np.repeat(["x", "y"], 4), "part": "", "place": place})
    frames["time_s"] = 0.1 * place
    # networks are their answers: one is blind, two tell the two clips apart, one of these is wrong once
    blind = np.tile([0.9, 0.1], (8, 1))
    right = np.repeat([[0.9, 0.1], [0.2, 0.8]], 4, axis=0)
    shaky = right.copy()
    shaky[2] = [0.4, 0.6]
    how = {"answers": lambda module, pictures: module, "labels": lambda a: a.argmax(axis=1)}
    network = SimpleNamespace(module=blind, **how)
    bench = ClassBench(
        network=network,  # type: ignore[arg-type]
        frames=frames,
        pictures=torch.empty(8, 3, 1, 1),
        pairs=neighbours(frames, np.zeros(8, bool)),
        line=LineFrames(
            stretch=np.repeat([0, 1], 4), time_s=frames["time_s"].to_numpy(), whole=np.ones(8, bool)
        ),
    )

    def score(answers: np.ndarray, of: Validation) -> float:
        return of.scored(answers).score  # type: ignore[arg-type]

    alone = Validation(bench, bench)
    jury = alone.with_jury([blind, right, shaky])  # type: ignore[list-item]
    assert score(blind, alone) == 0
    assert score(blind, jury) == 0.5  # half of the answers are not what the others agree on
    assert (
        score(right, jury) == 0.5
    )  # of other answers than before, without labels at rest; none of the footage
    # two flips of six pairs and one frame of eight; of eight answers five are other than before
    assert score(shaky, jury) == 2 / 6 + 1 / 8 + 5 / 8
