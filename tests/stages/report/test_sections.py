"""What the sections compute, on tables small enough to count by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from vidrobust.report import drawing, pictures
from vidrobust.run_folder.folder import SCHEMA
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.moments import section as moments_section
from vidrobust.stages.sensitivity import section as sensitivity_section
from vidrobust.stages.stability import section as stability_section
from vidrobust.stages.stability.ribbon_section import stretch
from vidrobust.stages.variation import section as footage_section
from vidrobust.statement import Question
from vidrobust.tables import schema as tables

NAN = float("nan")


def folder_of(path, models=(), **found):
    """A run folder that holds these tables."""
    record = {"schema": SCHEMA, "settings": {}, "stages": {}, "models": list(models), "inputs": []}
    (path / "run.json").write_text(json.dumps(record))
    for name, table in found.items():
        tables.write(name, table, path)
    return RunTables(path)


def pairs_of(flips, excluded, delta_ms=40.0):
    """Adjacent pairs of one item and model."""
    frame, flipped = np.arange(len(flips)), np.array(flips, bool)
    of = {"item": "a", "model": "net", "kind": "adjacent", "track": 0, "frame_a": frame}
    of |= {"frame_b": frame + 1, "delta_frames": 1, "delta_ms": delta_ms}
    of |= {"time_s": frame * delta_ms / 1000, "excluded": excluded, "label_flip": flipped}
    of |= {"total_variation": np.where(flipped, 0.5, 0.1), "top1_probability_change": 0.1}
    return pd.DataFrame({**of, "jensen_shannon": 0.1, "top5_distance": 1.0, "pixel_change": 2.0})


def stability_row(metric, value, low, high, n):
    of = {"model": "net", "item": "", "metric": metric}
    return {**of, "value": value, "low": low, "high": high, "n": n}


@pytest.mark.parametrize(("classes", "unsure"), [(2, True), (1000, False)])
def test_a_scene_is_unknown_to_a_model_by_how_many_classes_it_has(tmp_path, classes, unsure):
    """A top probability of .6 is next to a guess between two classes, and sure among a thousand."""
    frames = {"item": "a", "frame": range(20), "time_s": 0.0, "model": "net", "label": 0}
    frames |= {"label_name": "ok", "second_label": 1, "track": 0, "keyframe": False}
    table = pd.DataFrame({**frames, "probability": 0.6, "margin": 0.2, "entropy": 0.5})
    model = {"name": "net", "num_classes": classes}
    found = answer_of(folder_of(tmp_path, [model], frames=table))
    assert bool(found.unknown_scenes) == unsure
    (train,) = (each for each in found.statements if each.question == Question.TRAIN)
    assert (train.kind == "train_unknown_scene") == unsure


def test_the_card_counts_only_what_was_compared(tmp_path):
    flips = [1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0]
    pairs = pairs_of(flips, ["", ""] * 4 + ["scene_cut"] + [""] * 8)
    rows = [
        stability_row("flip_rate", 0.25, 0.05, 0.5, 16),
        stability_row("revert_flip_rate", 0.125, 0.01, 0.4, 16),
        stability_row("total_variation", 0.2, 0.1, 0.3, 16),
        stability_row("noise_floor_total_variation", 0.5, NAN, NAN, 24),
        stability_row("noise_floor_label_flip", 0.0, NAN, NAN, 24),
    ]
    stability = pd.DataFrame(rows).assign(cluster="second", clusters=4)
    (card,) = stability_section.cards(folder_of(tmp_path, pairs=pairs, stability=stability))
    assert card.one_in == "1 in 4.0"
    assert card.one_in_interval == "between 1 in 20 and 1 in 2.0"
    assert card.judgement.word == "unstable"
    # 16 pairs in 0.64 s are 25 a second: 0.25 x 25 = 6.25
    assert card.finding == "the label changes 6.2 times a second (25 % of consecutive frames)"
    assert "4 flips" in card.rows["Noise floor"]  # all have 0.5, the floor itself
    assert card.rows["Based on"].startswith("4 separate seconds")


def test_a_rate_without_interval_is_no_verdict(tmp_path):
    stability = pd.DataFrame([stability_row("flip_rate", 0.5, NAN, NAN, 2)])
    folder = folder_of(tmp_path, pairs=pairs_of([1, 0], ["", ""]), stability=stability)
    (card,) = stability_section.cards(folder)
    assert card.judgement.word == "cannot tell"
    assert card.one_in_interval == "no interval"
    assert card.rows["Noise floor"] == "not measured"


def sensitivity_of(values):
    """(perturbation, strength) -> whether each frame flipped; total variation is half of it."""
    parts = []
    for (perturbation, strength), flips in values.items():
        of = {"model": "net", "item": "a", "perturbation": perturbation, "strength": strength}
        of |= {"draw": 0, "frame": range(0, 25 * len(flips), 25)}  # a second apart
        for metric, factor in (("label_flip", 1.0), ("total_variation", 0.5)):
            parts.append(pd.DataFrame({**of, "metric": metric, "value": np.array(flips) * factor}))
    return pd.concat(parts, ignore_index=True)


def test_the_mildest_strength_that_matters_is_named(tmp_path):
    table = sensitivity_of(
        {
            ("brightness", 0.4): [1, 1, 1, 0] * 3,
            ("brightness", 0.1): [0, 0, 0, 0] * 3,
            ("brightness", 0.2): [1, 0, 0, 0] * 3,
            ("hue", 5.0): [1, 1, 0, 0] * 3,
            ("rotation", 2.0): [0, 0, 0, 0] * 3,
            ("jpeg", 80.0): [1] * 9,  # all of nine frames: too few to say
        }
    )
    run = folder_of(tmp_path, sensitivity=table)
    found = sensitivity_section.summary(run)
    flips = found.table[found.table["metric"] == "label_flip"]
    flips = flips.set_index(["perturbation", "strength"])
    assert flips.loc[("brightness", 0.4), "value"] == 0.75
    assert (flips["n"].drop(("jpeg", 80.0)) == 12).all()
    assert (flips["low"] <= flips["value"]).all()
    assert (flips["high"] >= flips["value"]).all()
    (said,) = sensitivity_section.in_words(run, found)
    # hue matters at its first strength, brightness at its second: hue first
    assert said.sentences[0].startswith("A hue turn of 5° flips the label of 50 % [")
    assert said.sentences[1].startswith("A brightness change of 20 % flips the label of 25 % [")
    assert len(said.sentences) == 2
    assert said.harmless.startswith("rotation (at most")
    assert said.too_few == "JPEG"
    assert not any("JPEG" in sentence for sentence in said.sentences)
    rows = sensitivity_section.rows(found)
    assert [r["said"] for r in rows][:3] == [f"a brightness change of {p} %" for p in (10, 20, 40)]
    assert next(r for r in rows if r["perturbation"] == "jpeg")["label_flip"] == "too few frames"


def test_curves_are_drawn_where_their_numbers_are(tmp_path, monkeypatch):
    table = sensitivity_of({("hue", 5.0): [1, 1, 0, 0] * 3, ("hue", 10.0): [1, 1, 1, 0] * 3})
    run, figures = folder_of(tmp_path, sensitivity=table), []

    def kept(figure, *words, encode=drawing.encode):
        figures.append(figure)
        return encode(figure, *words)

    monkeypatch.setattr(drawing, "encode", kept)
    (picture,) = sensitivity_section.curves(run, sensitivity_section.summary(run))
    axis = figures[0].axes[0]
    # half and three quarters of the frames flip; an interval goes beyond 50 %, so that the axis ends above 100 %
    assert axis.lines[0].get_xydata() == pytest.approx(np.array([[5, 50], [10, 75]]))
    assert axis.get_xscale() == "log"
    assert axis.get_ylim() == (0, 104)
    assert [text.get_text() for text in axis.get_xticklabels()] == ["5", "10"]
    assert "n = 12 frames a point" in picture.caption


def test_draws_of_one_frame_are_not_independent(tmp_path):
    table = sensitivity_of({("hue", 5.0): [1, 0, 1, 0, 0, 0]})
    again = pd.concat([table.assign(draw=draw) for draw in range(10)], ignore_index=True)
    once = sensitivity_section.summary(folder_of(_sub(tmp_path, "a"), sensitivity=table))
    ten = sensitivity_section.summary(folder_of(_sub(tmp_path, "b"), sensitivity=again))
    # ten copies of the same six frames tell no more than six frames
    pd.testing.assert_frame_equal(ten.table, once.table)
    assert list(ten.table["n"]) == list(ten.table["clusters"]) == [6, 6]


def _sub(path, name):
    (path / name).mkdir()
    return path / name


def test_exclusions_are_counted_by_reason(tmp_path):
    pairs = pairs_of([1, 0, 1, 1, 0], ["", "", "scene_cut", "scene_cut", "duplicate"])
    found = footage_section.exclusions(folder_of(tmp_path, pairs=pairs))
    rows = {row["reason"]: (row["adjacent"], row["flips"]) for row in found}
    assert rows["compared"] == (2, 1)
    assert rows["a scene cut lies between the frames"] == (2, 2)
    assert rows["the frames are the same picture"][0] == 1


def test_percentiles_are_over_the_pairs_of_all_items(tmp_path):
    change = np.arange(1, 101) / 1000
    of = {"scale": "adjacent", "quantity": "gain"}
    pairs = {"item": ["a"] * 50 + ["b"] * 50, "frame_a": 0, "frame_b": 1, "delta_ms": 40.0, **of}
    own = {"who": "frame", "value": 1 - change, "valid": True, "error": 0.001}
    changes = pd.DataFrame({**pairs, **own})
    ends = {"p50": [0.025, 0.075], "p95": [0.05, 0.1], "p99": [0.05, 0.1]}
    clips = {"item": ["a", "b"], **of, "unit": "ratio"}
    variation = pd.DataFrame({**clips, **ends, "n": 50, "valid": 1.0})
    run = folder_of(tmp_path, changes=changes, variation=variation)
    (row,) = footage_section.variation_summary(run).to_dict("records")
    assert row["p50"] == pytest.approx(0.0505)  # of 0.001, 0.002 ... 0.1
    assert row["p95"] == pytest.approx(0.09505)
    assert (row["valid"], row["n"], row["least"], row["most"]) == (100, 100, 0.05, 0.1)


def test_few_pairs_give_no_high_percentile(tmp_path):
    row = {"item": "a", "scale": "clip", "quantity": "hue_deg", "unit": "deg", "n": 4}
    variation = pd.DataFrame([{**row, "p50": 1.0, "p95": 2.0, "p99": 2.0, "valid": 0.75}])
    run = folder_of(tmp_path, variation=variation)
    (said,) = footage_section.variation_rows(footage_section.variation_summary(run))
    assert [said[key] for key in ("p50", "p95", "p99")] == ["1", "too few", "too few"]
    assert said["n"] == "3 of 4"


def moment(model, number, picture=""):
    of = {"model": model, "item": "a", "frame_a": number, "frame_b": number + 1, "time_a_s": 1.0}
    of |= {"label_a": "x", "label_b": "y", "probability_a": 0.5, "probability_b": 0.6}
    return {**of, "flip": True, "total_variation": 0.5, "picture_a": picture}


def run_with(path, moments, models):
    (path / "moments.json").write_text(json.dumps({"moments": moments}))
    return folder_of(path, [{"name": name} for name in models])


def test_every_model_has_its_moment_on_page_one(tmp_path):
    models = [f"net {k}" for k in range(5)]
    each = [moment(model, 10 * n) for model in models for n in range(6)]
    found = moments_section.moments(run_with(tmp_path, each, models))
    assert [m.model for m in found.shown] == models
    assert len(found.shown) + len(found.further) == 10
    assert "20 further moments" in found.left_out


def test_pictures_outside_the_folder_are_not_taken(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    inside = _sub(tmp_path, "run")
    (inside / "in.jpg").write_bytes(b"picture")
    named = {0: "../secret.jpg", 9: "in.jpg", 20: "absent.jpg"}
    every = [moment("net", frame, picture) for frame, picture in named.items()]
    found = moments_section.moments(run_with(inside, every, ["net"]))
    assert [bool(m.a.uri) for m in found.shown] == [False, True, False]


def test_pictures_beyond_the_budget_are_left_out_and_counted(tmp_path, monkeypatch):
    (tmp_path / "in.jpg").write_bytes(bytes(900))
    monkeypatch.setattr(pictures, "BUDGET_BYTES", 2500)  # two pictures of 1200 characters each
    every = [moment("net", 10 * n, "in.jpg") for n in range(3)]
    found = moments_section.moments(run_with(tmp_path, every, ["net"]))
    assert [bool(m.a.uri) for m in found.shown] == [True, True, False]
    assert found.left_out == "1 picture left out to keep this file small"


def test_of_a_long_item_the_stretch_with_most_flips_is_drawn():
    frame = np.arange(100)
    start, stop = stretch(frame, np.array([3, 70, 72, 75]), most=20)
    assert stop - start == 20
    assert start <= 70
    assert stop > 75
    # any start from 56 to 70 holds all three; the middle one is taken
    assert start == 63
    assert stretch(frame, np.array([3]), most=100) == (0, 100)
