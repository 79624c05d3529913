"""The sweep as a design: balanced in every item, the same whatever else is there, and each frame as it was."""

import numpy as np
import pytest

from tests.fuzz.tiny import model
from tests.made_frames import batch_of
from tests.pipeline.conftest import assert_equal
from vidrobust.perturb.catalogue import find
from vidrobust.stages.sensitivity.design import shown_per_frame, strengths_shown
from vidrobust.stages.sensitivity.unit import Draws, study_frames


def printable(perturbation="hue", count=5, ranks=20, **more):
    how = {"content": "clip", "seed": 0, **more}
    return strengths_shown(perturbation, count, np.arange(ranks), **how)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("each", [1, 2])
def test_a_round_of_frames_has_every_strength_equally_often(count, each):
    found = printable(count=count, ranks=4 * count, each=each)
    assert (found.sum(axis=1) == min(each, count)).all()
    for begin in range(0, 4 * count, count):
        assert (found[begin : begin + count].sum(axis=0) == min(each, count)).all()


def test_all_strengths_where_all_are_asked_for_or_there_is_one():
    assert printable(each=0).all()
    assert printable(each=7).all()
    assert printable(count=1).all()
    assert [shown_per_frame(5, each) for each in (0, 1, 3, 9)] == [5, 1, 3, 5]


def test_where_a_perturbation_begins_differs_by_item_perturbation_and_seed():
    def begins(**more):
        name = more.pop("perturbation", "hue")
        return int(printable(str(name), **more)[0].argmax())

    assert len({begins(content=f"clip {k}") for k in range(40)}) == 5
    assert len({begins(perturbation=f"p{k}") for k in range(40)}) == 5
    assert len({begins(seed=k) for k in range(40)}) == 5
    # of a frame the strengths of two perturbations are as far apart in every item: few patterns in all
    both = [[begins(content=c, perturbation=name) for name in "ab"] for c in "uvwxyz"]
    apart = {(first - second) % 5 for first, second in both}
    assert len(apart) == 1


def test_the_strength_does_not_go_with_the_half_of_the_clip():
    # of an even number of strengths: even places of the order are the first half of the time
    late = np.array([printable(count=2, ranks=2, content=f"{k}")[1, 0] for k in range(200)])
    assert 60 < late.sum() < 140


def test_a_cell_of_the_design_has_the_number_of_the_whole_sweep():
    frames = batch_of(np.random.default_rng(0).integers(0, 256, (10, 32, 40, 3), np.uint8))
    names = ("brightness", "gaussian_noise", "translation", "horizontal_flip")
    perturbations = [find(key) for key in names]
    how = {"content": "clip", "seed": 3}
    whole = study_frames(frames, [model], perturbations, Draws(**how))
    some = study_frames(frames, [model], perturbations, Draws(each=1, **how))
    keys = ["frame", "perturbation", "strength", "draw", "metric"]
    both = some.merge(whole, on=keys, suffixes=("", "_whole"))
    assert len(both) == len(some) == len(whole) * 2 * (3 + 1) // (2 * (3 * 5 + 1))
    whole_values = both[["value_whole"]].rename(columns={"value_whole": "value"})
    assert_equal(both[["value"]], whole_values, atol=1e-9)
    counted = some[some["metric"] == "total_variation"].groupby(["perturbation", "strength"]).size()
    assert set(counted["translation"]) == {2}
    assert set(counted["horizontal_flip"]) == {10}
