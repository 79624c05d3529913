"""A model that any change moves alike is told from one that answers to how large a change is."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.stages.report import made_run
from vidrobust.perturb.catalogue import suite
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.causes.section import (
    FEWEST_KINDS,
    alike_in_words,
    answers_to_any_change_alike,
    mildest_to_strongest,
    named_causes,
)
from vidrobust.statement import Question


def sweep(response, frames=10, spread=0.0, seed=0):
    """Rows of ``sensitivity``: by perturbation how far each of its strengths moves the model."""
    rng = np.random.default_rng(seed)
    rows = [
        (
            "net-a",
            "clip 000",
            frame,
            name,
            float(level + 1),
            0,
            "total_variation",
            moved + rng.normal(0, spread),
        )
        for name, values in response.items()
        for level, moved in enumerate(values)
        for frame in range(frames)
    ]
    columns = ("model", "item", "frame", "perturbation", "strength", "draw", "metric", "value")
    return pd.DataFrame(rows, columns=list(columns))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose account names a cause."""
    path = tmp_path_factory.mktemp("of_size") / "run"
    made_run.make(path, frames=60, conclude=False, player=False)
    return path


@pytest.fixture
def run(made, tmp_path):
    """A copy of it, whose sweep can be replaced."""
    return RunTables(Path(shutil.copytree(made, tmp_path / "run")))


def with_sweep(run, table):
    table.to_parquet(run.folder / "sensitivity.parquet")
    return RunTables(run.folder)


NAMES = tuple(each.key for each in suite("natural"))


def test_the_ratio_is_that_of_the_means(run):
    """1.0 of 2.5 moved, whatever lies between; what has one strength alone does not count."""
    table = sweep(
        {
            "a": (0.1, 0.9, 0.4),
            "b": (0.3, 0.6),
            "c": (0.2, 0.5),
            "d": (0.2, 0.5),
            "e": (0.2, 0.5),
            "f": (1.0,),
        }
    )
    found = mildest_to_strongest(with_sweep(run, table), "net-a")
    assert (found.ratio, found.n) == (pytest.approx(0.4), FEWEST_KINDS)


def test_too_few_kinds_or_a_model_that_nothing_moves_say_nothing(run):
    few = with_sweep(run, sweep(dict.fromkeys(NAMES[: FEWEST_KINDS - 1], (0.5, 0.5))))
    assert mildest_to_strongest(few, "net-a") is None
    still = with_sweep(run, sweep(dict.fromkeys(NAMES, (0.001, 0.001))))
    assert not answers_to_any_change_alike(still, "net-a")


@pytest.mark.parametrize("seed", range(2))
def test_of_a_hash_of_the_picture_no_cause_is_named(run, seed):
    assert named_causes(run, "net-a")
    table = sweep(dict.fromkeys(NAMES, (0.6,) * 5), spread=0.25, seed=seed)
    found = with_sweep(run, table)
    assert answers_to_any_change_alike(found, "net-a")
    assert named_causes(found, "net-a") == frozenset()
    (why,) = (each for each in answer_of(found).statements if each.question == Question.WHY)
    assert why.kind == "why_any_change_alike"
    assert alike_in_words(found, "net-a") in why.text


def test_a_model_that_answers_to_the_size_keeps_its_causes(run):
    """The run's own sweep, which grows, and half as much at the mildest, which no network at hand does."""
    for table in (run.table("sensitivity"), sweep(dict.fromkeys(NAMES, (0.3, 0.6)), spread=0.25)):
        found = with_sweep(run, table)
        assert not answers_to_any_change_alike(found, "net-a")
        assert alike_in_words(found, "net-a") == ""
        assert named_causes(found, "net-a")
