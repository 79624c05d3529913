"""The response at a strength: linear between those tried, also where a frame was tried at one of them alone."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.stages.policy.candidates import response as response_to
from vidrobust.statistics.intervals import clustered_mean

FEW_OR_MANY = pytest.mark.parametrize("share", [0.2, pytest.param(1, marks=pytest.mark.nightly)])
"""Of the draws of a simulation: a fifth in every run of the tests, all of them at night."""


def response(rows, name, strength, floor):
    return response_to(rows, name, strength, floor, CLASSIFICATION.response)


def table(cells):
    """cells (item, frame, strength, value) of one perturbation."""
    rows = pd.DataFrame(cells, columns=["item", "frame", "strength", "value"])
    flips = rows.assign(metric="label_flip", value=(rows["value"] > 0.5).astype(float))
    both = pd.concat([rows.assign(metric="total_variation"), flips])
    return both.assign(perturbation="blur", draw=0)


def of_clips(clips, frames, seed, *, whole):
    rng = np.random.default_rng(seed)
    cells = []
    for clip in range(clips):
        level = rng.normal(0, 0.04)
        for frame in range(frames):
            own = level + rng.normal(0, 0.03)
            for k, strength in enumerate((1.0, 2.0, 4.0)):
                if whole or frame % 3 == k:
                    cells.append((f"clip {clip}", frame, strength, 0.1 * strength + 0.15 + own))
    return table(cells)


def test_between_two_strengths_by_hand():
    # half way between the means .2 and .6 of different frames: .4
    shown = table([("a", 0, 1, 0.1), ("a", 1, 1, 0.3), ("a", 2, 2, 0.6), ("a", 9, 4, 0.9)])
    found = response(shown, "blur", 1.5, 0)
    assert found.value == pytest.approx(0.4)
    assert found.n == 3
    assert found.flips == pytest.approx(0.5)


def test_below_the_mildest_it_falls_to_nothing():
    found = response(table([("a", 0, 1, 0.2), ("a", 1, 2, 0.6)]), "blur", 0.25, 0)
    assert found.value == pytest.approx(0.05)
    assert found.n == 1


def test_of_frames_tried_at_both_it_is_the_mean_of_their_lines():
    rows = of_clips(8, 6, 0, whole=True)
    found = response(rows, "blur", 3.0, 0)
    wide = rows[rows["metric"] == "total_variation"]
    wide = wide.pivot_table(index=["item", "frame"], columns="strength", values="value")
    lines = ((wide[2.0] + wide[4.0]) / 2).reset_index(name="value")
    by_hand = clustered_mean(lines["value"].to_numpy(), lines["item"].to_numpy(), bounds=(0, 1))
    expected = (by_hand.value, by_hand.low, by_hand.high)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


@pytest.mark.nightly
def test_the_interval_of_a_design_covers_the_truth_and_is_as_wide_as_it_scatters():
    def found_of(whole):
        made = (of_clips(8, 12, seed, whole=whole) for seed in range(150))
        return [response(each, "blur", 3.0, 0) for each in made]

    found = {whole: found_of(whole) for whole in (False, True)}
    inside = [each.low <= 0.45 <= each.high for each in found[False]]
    assert 0.90 <= np.mean(inside) <= 0.995
    of_scatter = {
        whole: np.mean([each.high - each.low for each in some])
        / np.std([each.value for each in some])
        for whole, some in found.items()
    }
    assert of_scatter[False] == pytest.approx(of_scatter[True], rel=0.15)


def test_passes_of_one_part_are_one_unit():
    """Sixteen passes of eight parts: the interval is that of eight items with the frames of two passes each."""
    rows = of_clips(16, 6, 0, whole=True)
    number = rows["item"].str[5:].astype(int)
    joined = rows.assign(item=[f"part {n % 8}" for n in number], frame=rows["frame"] + 100 * number)
    of_parts = response(rows.assign(part=[f"part {n % 8}" for n in number]), "blur", 3.0, 0)
    assert of_parts == response(joined, "blur", 3.0, 0)
    assert of_parts.low != response(rows, "blur", 3.0, 0).low


def of_unlike_clips(seed, *, more):
    """Six clips of five frames, a strength each; one is moved with ease and another hardly at all."""
    rng = np.random.default_rng(seed)
    return table(
        [
            (f"clip {clip}", frame, 2.0**frame, min(ease * more**frame * rng.lognormal(0, 1), 1.0))
            for clip, ease in enumerate(0.02 * np.exp(rng.normal(0, 1.5, 6)))
            for frame in range(5)
        ]
    )


@FEW_OR_MANY
def test_what_moves_one_clip_more_than_another_does_not_hide_that_more_does_more(share):
    seeds = range(round(200 * share))
    grows = [response(of_unlike_clips(seed, more=2.0), "blur", 3.0, 0).grows for seed in seeds]
    assert np.mean(grows) > 0.9  # ranked over all frames .8


@FEW_OR_MANY
def test_a_model_that_is_moved_as_much_by_the_mildest_is_not_moved_more_by_more(share):
    seeds = range(round(400 * share))
    grows = [response(of_unlike_clips(seed, more=1.0), "blur", 3.0, 0).grows for seed in seeds]
    # meant are .025; of 400 draws .045 are as far from it
    assert np.mean(grows) <= 0.025 + 2.57 * np.sqrt(0.025 * 0.975 / len(grows))


def test_clips_of_a_frame_each_are_ranked_together():
    rows = [(f"clip {k}", 0, 2.0 ** (k % 5), 0.05 * (k % 5) + 0.001 * k) for k in range(20)]
    assert response(table(rows), "blur", 3.0, 0).grows


def of_many(seed, *, more, others):
    """A perturbation, and ten others on the same frames; how much more each next strength does."""
    rng = np.random.default_rng(seed)
    ease = 0.02 * np.exp(rng.normal(0, 1.5, (6, 5)))
    kinds = [("blur", more), *((f"other {k}", others) for k in range(10))]
    return pd.concat(
        [
            table(
                [
                    (f"clip {c}", f, 2.0**k, min(ease[c, f] * grows**k * rng.lognormal(0, 1), 1.0))
                    for c, f in np.ndindex(ease.shape)
                    for k in [
                        (f + number) % 5
                    ]  # a frame meets one strength of each, the same way in all clips
                ]
            ).assign(perturbation=name)
            for number, (name, grows) in enumerate(kinds)
        ]
    )


@FEW_OR_MANY
def test_of_a_model_that_answers_to_size_a_little_more_of_one_is_enough(share):
    made = [of_many(seed, more=1.4, others=1.6) for seed in range(round(50 * share))]
    grows = [response(rows, "blur", 3.0, 0).grows for rows in made]
    alone = [response(rows[rows["perturbation"] == "blur"], "blur", 3.0, 0).grows for rows in made]
    assert np.mean(alone) < 0.6 < 0.8 < np.mean(grows)


@FEW_OR_MANY
def test_of_a_model_that_answers_to_no_size_it_is_as_seldom_enough_as_said(share):
    seeds = range(round(120 * share))
    grows = [response(of_many(seed, more=1.0, others=1.0), "blur", 3.0, 0).grows for seed in seeds]
    assert np.mean(grows) <= 0.075  # meant are .025 alone, and half of .025 besides


@FEW_OR_MANY
def test_less_by_more_is_never_enough(share):
    seeds = range(round(30 * share))
    grows = [response(of_many(seed, more=0.5, others=2.0), "blur", 3.0, 0).grows for seed in seeds]
    assert np.mean(grows) <= 0.05
