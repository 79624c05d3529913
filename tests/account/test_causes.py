"""Causes: figures by hand with a model whose arithmetic is plain, and planted footage through a real network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage, stats

from vidrobust import tables
from vidrobust.account import causes
from vidrobust.account.replay import CAUSES
from vidrobust.frames import FrameBatch
from vidrobust.models.load import load_model
from vidrobust.perturb.catalogue import find
from vidrobust.predictions import Classifications
from vidrobust.video.source import open_video

H, W = 96, 128


class BrightnessModel:
    """Two classes; the logit of the second is the mean level less 110, over 4. It sees light and nothing else."""

    name = "brightness"
    class_names = ("dark", "bright")
    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        level = (pixels.double().mean(dim=(1, 2, 3)) - 110) / 4
        return Classifications.from_logits(torch.stack([torch.zeros_like(level), level], 1), self.class_names)


def texture(seed: int) -> np.ndarray:
    """A coloured random picture of mean level 100 or so, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    sizes = (1.5, 4, 12)
    luma = sum((x := ndimage.gaussian_filter(rng.normal(size=(H, W)), s)) / x.std() for s in sizes)
    tint = [(x := ndimage.gaussian_filter(rng.normal(size=(H, W)), 8)) / x.std() for _ in range(3)]
    return np.rint(np.clip(105 + 15 * np.stack([luma + t for t in tint], axis=2), 40, 180)).astype(np.uint8)


def batch(frames: list[np.ndarray], first: int = 0) -> FrameBatch:
    index = np.arange(first, first + len(frames), dtype=np.int64)
    return FrameBatch(
        pixels=torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2),
        time_s=index / 25,
        index=index,
        corrupt=np.zeros(len(frames), bool),
        item="clip",
    )


def studied(a: np.ndarray, b: np.ndarray, **options: int) -> pd.DataFrame:
    table = causes.study_pairs(
        "clip", batch([a]), batch([b], 1), [BrightnessModel()], seed=0, **options
    ).table
    return table.set_index("cause")


A = texture(0)
LIT = np.clip(A.astype(int) + 16, 0, 255).astype(np.uint8)


def test_light_explains_what_a_model_of_light_does() -> None:
    table = studied(A, LIT)
    # the mean level rises by 16: the logit by 4, from below zero to above it
    p, q = BrightnessModel()(batch([A, LIT]).pixels).probabilities.astype(float)
    assert table["total_variation"].to_numpy() == pytest.approx(abs(p[1] - q[1]))
    assert table["flip"].all()
    light = table.loc["light"]
    assert light["left"] < 0.05
    assert light["cosine"] == pytest.approx(1.0)
    assert light["reproduced"]
    assert light["label"] == "bright"
    for cause in ("colour", "shift", "affine", "motion", "sharpness"):
        assert table.loc[cause, "left"] == pytest.approx(1.0, abs=0.02), cause
        assert not table.loc[cause, "reproduced"], cause
    assert table.loc["all", "left"] < 0.05


def test_placebos_are_scored_as_the_mean_of_their_draws() -> None:
    light = studied(A, LIT, placebos=4).loc["light"]
    # each direction is also reversed: two of four lower the level or keep it, and cannot reproduce the flip
    assert light["placebo_share_reproduced"] <= 0.5
    assert light["placebo_left"] > 0.5
    assert abs(light["placebo_cosine"]) < 1


def test_the_table_is_the_contracts() -> None:
    result = causes.study_pairs("clip", batch([A, A]), batch([LIT, A], 1), [BrightnessModel()], seed=0)
    table = result.table
    assert list(table.columns[: len(tables.TABLES["causes"])]) == list(tables.TABLES["causes"])
    assert list(table["cause"]) == [*CAUSES, *CAUSES]
    assert list(table["frame_a"].unique()) == [0, 1]
    assert list(table["frame_b"].unique()) == [1, 2]
    # the second pair is the same frame twice: nothing changed, and that is not a cause without effect
    second = table[table["frame_a"] == 1]
    assert set(second["excluded"]) == {causes.UNCHANGED}
    assert second["left"].isna().all()


def test_a_pair_does_not_depend_on_the_others() -> None:
    model = [BrightnessModel()]
    both = causes.study_pairs(
        "clip", batch([A, texture(1)]), batch([LIT, texture(2)], 1), model, seed=3
    ).table
    alone = causes.study_pairs("clip", batch([A]), batch([LIT], 1), model, seed=3).table
    pd.testing.assert_frame_equal(both.iloc[: len(CAUSES)], alone)


def test_another_scene_is_excluded_and_counted() -> None:
    table = studied(A, texture(7))
    assert set(table["excluded"]) == {"not the same scene"}
    total = causes.summarise(table.reset_index())
    assert list(total["excluded"]) == [1] * (len(CAUSES) + 1)
    assert list(total["n"]) == [0] * (len(CAUSES) + 1)
    assert total["value"].isna().all()
    assert set(total["reasons"]) == {"not the same scene (1)"}


def test_pairs_must_be_aligned() -> None:
    with pytest.raises(ValueError, match="expected pairs, got 1 first and 2 second frames"):
        causes.study_pairs("clip", batch([A]), batch([A, A]), [BrightnessModel()], seed=0)


def test_no_pairs_give_an_empty_table() -> None:
    none = batch([A])
    empty = FrameBatch(
        pixels=none.pixels[:0],
        time_s=none.time_s[:0],
        index=none.index[:0],
        corrupt=none.corrupt[:0],
        item="x",
    )
    table = causes.study_pairs("x", empty, empty, [BrightnessModel()], seed=0).table
    assert len(table) == 0
    assert len(causes.summarise(table)) == 0


def test_centred_log_probabilities_are_centred_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5)) * 3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert causes.centred_logits(p) == pytest.approx(logits - logits.mean(axis=1, keepdims=True))


def test_cosine_by_hand() -> None:
    assert causes.cosine(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(24 / 25)
    assert causes.cosine(np.zeros(2), np.array([1.0, 0.0])) == 0.0


def rows(**columns: list[object]) -> pd.DataFrame:
    """A table of the cause ``motion`` alone, for counting by hand."""
    n = len(columns["left"])
    plain: dict[str, object] = {
        "item": [f"clip{i}" for i in range(n)],
        "model": "m",
        "frame_a": 0,
        "frame_b": 1,
        "cause": "motion",
        "cosine": 0.5,
        "flip": False,
        "reproduced": False,
        "placebo_left": 1.0,
        "placebo_cosine": 0.0,
        "placebo_reproduced": False,
        "excluded": "",
        "placebo_share_reproduced": np.nan,
        "interpolation_left": np.nan,
        "occurs": True,
    }
    return pd.DataFrame(plain | columns)


def motion(table: pd.DataFrame) -> pd.Series:
    return causes.summarise(table).set_index("cause").loc["motion"]


def test_shares_are_weighted_by_the_change() -> None:
    # sum TV(r, q) = .1 * .5 + .3 * .9 = .32 of .4: 20 % explained; the placebo explains 1 - .38 / .4 = 5 %
    found = motion(rows(left=[0.5, 0.9], total_variation=[0.1, 0.3], placebo_left=[0.5, 1.1]))
    assert found["explained"] == pytest.approx(0.20)
    assert found["placebo"] == pytest.approx(0.05)
    assert found["control"] == pytest.approx(0.05)
    assert found["value"] == pytest.approx(0.15)
    assert (found["n"], found["clusters"]) == (2, 2)


def test_a_placebo_that_does_harm_gives_no_credit() -> None:
    found = motion(rows(left=[0.9, 0.9], total_variation=[0.2, 0.2], placebo_left=[1.6, 1.4]))
    assert found["control"] == 0.0
    assert found["value"] == pytest.approx(0.1)


def test_the_blur_of_the_warp_is_taken_off_where_it_explains_more() -> None:
    found = motion(rows(left=[0.4, 0.6], total_variation=[0.2, 0.2], interpolation_left=[0.6, 0.8]))
    assert found["interpolation"] == pytest.approx(0.3)
    assert found["value"] == pytest.approx(0.5 - 0.3)


def test_equal_weights_give_the_t_interval_of_the_mean() -> None:
    left = [0.2, 0.5, 0.3, 0.6, 0.4, 0.1]
    found = motion(rows(left=left, total_variation=[0.2] * 6))
    expected = stats.t.interval(0.95, 5, loc=1 - np.mean(left), scale=stats.sem(left))
    assert (found["low"], found["high"]) == pytest.approx(expected)


def test_flips_are_counted_among_those_that_could_be_replayed() -> None:
    table = rows(
        left=[0.1, 0.2, np.nan, 0.4],
        total_variation=[0.2] * 4,
        flip=[True, True, True, False],
        reproduced=[True, False, False, False],
        placebo_share_reproduced=[0.5, 0.0, np.nan, np.nan],
        excluded=["", "", "no texture", ""],
    )
    found = motion(table)
    assert (found["flips"], found["reproduced"], found["placebo_flips"]) == (2, 1, 0.5)
    assert (found["n"], found["excluded"], found["reasons"]) == (3, 1, "no texture (1)")
    left = causes.summarise(table).set_index("cause").loc[causes.UNEXPLAINED]
    assert (left["flips"], left["reproduced"]) == (2, 1)


def test_what_all_leaves_is_unexplained() -> None:
    table = rows(left=[0.3, 0.1], total_variation=[0.1, 0.1], cause=["all", "all"])
    found = causes.summarise(table).set_index("cause")
    assert found.loc["all", "value"] == pytest.approx(0.8)
    assert found.loc[causes.UNEXPLAINED, "value"] == pytest.approx(0.2)


def test_by_item_has_one_set_of_rows_per_item() -> None:
    found = causes.summarise(rows(left=[0.5, 0.9], total_variation=[0.1, 0.3]), by_item=True)
    values = found[found["cause"] == "motion"].set_index("item")["value"]
    assert values.to_dict() == pytest.approx({"clip0": 0.5, "clip1": 0.1})


def test_units_are_items_then_stretches_then_pairs() -> None:
    items = pd.DataFrame({"item": list("abcde"), "frame_a": [0] * 5})
    assert len(set(causes.independent_units(items))) == 5
    # one item: frames 0-24, 25-49, ... are one stretch each
    stretches = pd.DataFrame({"item": "a", "frame_a": [0, 24, 25, 50, 75, 100, 110]})
    assert len(set(causes.independent_units(stretches))) == 5
    pairs = pd.DataFrame({"item": "a", "frame_a": [0, 1, 2, 30]})
    assert len(set(causes.independent_units(pairs))) == 4


def test_the_strip_shows_frame_t_each_replay_and_the_next_frame() -> None:
    a, b = batch([A]).pixels[0], batch([LIT]).pixels[0]
    shown = causes.strip(a, b, BrightnessModel(), width=64)
    assert [each.title for each in shown] == ["frame t", *CAUSES, "frame t+1"]
    assert {each.picture.shape for each in shown} == {(48, 64, 3)}
    by_title = {each.title: each for each in shown}
    assert [by_title[t].label for t in ("frame t", "light", "shift", "frame t+1")] == [
        "dark",
        "bright",
        "dark",
        "bright",
    ]
    assert by_title["frame t+1"].probability == pytest.approx(by_title["light"].probability, abs=0.03)


@pytest.mark.parametrize(
    ("perturbation", "strength", "right"),
    [
        ("brightness", 0.2, {"light"}),
        ("saturation", 0.5, {"colour"}),
        ("translation", 6.0, {"shift", "affine", "motion"}),
        ("rotation", 2.0, {"affine", "motion"}),
        ("gaussian_blur", 1.5, {"sharpness"}),
    ],
)
def test_on_real_frames_the_planted_cause_explains_and_the_others_do_not(
    corpus: Path, models: Path, perturbation: str, strength: float, right: set[str]
) -> None:
    network = load_model(f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}", device="cpu")
    tables_found = []
    for clip in ("cotracker_cat.mp4", "cotracker_backpack.mp4"):
        with open_video(corpus / "objects" / clip) as source:
            a = source.at([0, 40])
        pixels = find(perturbation).apply_signed(a.pixels, strength)
        b = FrameBatch(pixels=pixels, time_s=a.time_s, index=a.index + 1, corrupt=a.corrupt, item=clip)
        tables_found.append(causes.study_pairs(clip, a, b, [network], seed=0).table)
    found = causes.summarise(pd.concat(tables_found)).set_index("cause")["value"]
    for cause in right | {"all"}:
        assert found[cause] > 0.5, cause
    for cause in set(CAUSES) - right - {"all"}:
        assert abs(found[cause]) < 0.15, cause
