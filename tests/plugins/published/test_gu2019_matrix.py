"""Natural against synthetic robustness: counts by hand, and worlds of models whose truth is planted."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.accuracy.test_pm_k import HAND, frames_of, labels_of, sets
from vidrobust.accuracy.answers import AnchorSets
from vidrobust.errors import InputError
from vidrobust.plugins.published.protocols import (
    ModelAnchors,
    anchors_of_run,
    gu2019,
    lines,
    on_common_anchors,
    protocol_tables,
    robustness,
    square_of,
)
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

FAMILIES = {"hue": "colour", "saturation": "colour", "noise": "noise", "blur": "blur"}


def test_robustness_is_conditional_on_right_anchors():
    """Right anchors 0, 1, 3: 5 of 6 neighbours; hue keeps 4 of their 6 draws, the wrong anchor does not count."""
    hue = np.array([[1, 1], [1, 0], [1, 1], [0, 1]], bool)
    found = robustness(ModelAnchors(sets=HAND, distorted={"hue": hue}))
    expected = {"clean_accuracy": 3 / 4, "conditional_robustness": 5 / 6, "hue": 4 / 6}
    assert found == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"distorted\['hue'\]: expected \(4, R\), got \(3, 2\)"):
        ModelAnchors(sets=HAND, distorted={"hue": hue[:3]})


def world(rng, tied, count=60, anchors=400):
    """Models of different skill; hue and saturation share ``tied`` of a weakness with video, the others none.

    Images are hard for all models alike, as they are: one draw of their difficulty is shared.
    """
    models = {}
    hard = rng.random((anchors, 11))
    for k in range(count):
        skill, weakness = rng.normal(size=2)
        own = rng.normal(size=4)
        correct = hard[:, 0] < 1 / (1 + np.exp(-1 - skill))
        chance = [1 + skill + tied * weakness + 0.3 * o for o in own[:2]]
        chance += [1 + skill + 0.7 * o for o in own[2:]]
        natural = hard[:, 1:3].ravel() < 1 / (1 + np.exp(-(1 + skill + tied * weakness)))
        of, offset = np.repeat(np.arange(anchors), 2), np.tile([-1, 1], anchors)
        made = AnchorSets(
            anchor=np.array([f"v{a // 4}:{a}" for a in range(anchors)], dtype=object),
            cluster=np.array([f"v{a // 4}" for a in range(anchors)], dtype=object),
            correct=correct, of=of, frame=of + offset, offset=offset, offset_ms=40.0 * offset,
            neighbour=natural,
        )  # fmt: skip
        of_right = 1 / (1 + np.exp(-np.array(chance)))
        drawn = (hard[:, 3 + 2 * j : 5 + 2 * j] for j in range(len(FAMILIES)))
        distorted = {name: d < p for name, d, p in zip(FAMILIES, drawn, of_right, strict=True)}
        models[f"net{chr(97 + k % 26)}x{k}"] = ModelAnchors(sets=made, distorted=distorted)
    return models


@pytest.mark.parametrize("tied", [0.0, 1.0])
def test_colour_is_a_proxy_only_where_it_shares_a_weakness_with_video(tied):
    models = world(np.random.default_rng(0), tied)
    found = gu2019(models, families=FAMILIES, groups={name: name for name in models}, resamples=499)
    primary = found.table[found.table["primary"]]
    table = primary.drop_duplicates("perturbation").set_index("perturbation")
    raw = primary[primary["method"] == "pearson"]
    assert (raw["value"] > 0.3).all()  # skill alone makes everything correlate
    assert set(table["verdict"][["noise", "blur"]]) <= {"no evidence", "cannot tell"}
    assert (set(table["verdict"][["hue", "saturation"]]) == {"proxy"}) == bool(tied)
    assert (table["reliability"] > 0.5).all()
    square = found.matrix[found.matrix["method"] == "pearson"]
    assert set(square["row"]) == {*FAMILIES, "conditional_robustness", "clean_accuracy"}
    plain = pd.DataFrame({name: robustness(model) for name, model in models.items()}).T
    table, count = square_of(found)
    said = {"anchors": 1, "models": {n: robustness(m) for n, m in models.items()}}
    said |= {"verdicts": {}}
    printed = lines({**said, "square": table, "models_in_square": count})
    assert f"Pearson correlations over {len(models)} models" in printed
    assert printed[-1].split()[1:] == [f"{value:.2f}" for value in table.iloc[-1]]
    wanted = plain.corr().loc[table.index, table.columns]
    np.testing.assert_allclose(table.to_numpy(np.float64), wanted.to_numpy(), atol=1e-9)
    assert count == len(models)
    assert list(table.index[:2]) == ["clean_accuracy", "conditional_robustness"]


def test_on_the_common_anchors_all_models_are_judged_alike():
    """By hand: v0 and v1 are right for both; the first holds 5 of 6 pairs there, the second 1 of 2."""
    weak = sets([1, 1, 1, 0], [(0, 1, 0), (1, 1, 1), (2, 1, 1)])
    both = {
        "good": ModelAnchors(sets=HAND, distorted={"hue": np.array([[1], [0], [0], [1]], bool)}),
        "weak": ModelAnchors(sets=weak, distorted={"hue": np.array([[0], [0], [1], [0]], bool)}),
    }
    found = on_common_anchors(both)
    known = {"clean_accuracy": 1, "conditional_robustness": 5 / 6, "hue": 0.5}
    assert found["good"] == pytest.approx(known)
    known |= {"conditional_robustness": 0.5, "hue": 0}
    assert found["weak"] == pytest.approx(known)


def test_tables_hold_the_whole_and_every_video_and_leave_out_what_is_not_known():
    net = ModelAnchors(sets=HAND, distorted={"hue": np.ones((4, 1), bool)})
    stability, sensitivity = protocol_tables({"net": net})
    whole = stability[stability["item"] == ""].set_index("metric")
    assert whole.loc["conditional_robustness", ["value", "n"]].tolist() == pytest.approx([5 / 6, 6])
    # video 2 has no right anchor, video 3 no neighbour
    natural = stability[stability["metric"] == "conditional_robustness"]
    assert set(natural["item"]) == {"", "v0", "v1"}
    assert set(sensitivity["item"]) == {"", "v0", "v1", "v3"}


def test_models_must_share_their_anchors():
    one = ModelAnchors(sets=HAND, distorted={})
    other = ModelAnchors(sets=HAND.only(np.array([True, True, True, False])), distorted={})
    with pytest.raises(InputError, match="gu2019: b was not judged on the same anchors"):
        gu2019({"a": one, "b": other})


def test_anchors_of_a_run_are_labelled_frames_whose_sensitivity_was_measured():
    frames = frames_of({"a": [0, 0, 1, 0]})
    labels = labels_of([("a", -1, 0, "cat")])
    rows = [(1, 1, 0), (1, 2, 1), (2, 1, 0), (2, 2, 0)]
    sensitivity = pd.DataFrame(rows, columns=["frame", "strength", "value"])
    sensitivity = sensitivity.assign(item="a", perturbation="hue", draw=0, metric="label_flip")
    (model,) = anchors_of_run(frames, labels, sensitivity.assign(model="net")).values()
    assert list(model.sets.anchor) == ["a:1", "a:2"]
    assert list(model.sets.correct) == [True, False]  # frame 2 says dog
    # neighbours of frame 1: 0 (cat), 2 (dog), 3 (cat), judged by the anchor's label
    expected = {"clean_accuracy": 0.5, "conditional_robustness": 2 / 3, "hue": 0.5}
    assert robustness(model) == pytest.approx(expected)
    with pytest.raises(InputError, match="has no label_flip"):
        anchors_of_run(frames, labels, sensitivity.assign(model="net", metric="total_variation"))


def test_the_command_on_a_run_folder(tmp_path, printed):
    """Two models on twelve labelled frames: too few for a verdict, but the figures are there."""
    rng = np.random.default_rng(0)
    folder = RunFolder.create(tmp_path / "run", Settings(sources=("clips",), model=("a", "b")))
    frames, rows = [], []
    for model in ("a", "b"):
        answers = {item: rng.integers(0, 2, size=6).tolist() for item in ("x", "y", "z")}
        frames.append(frames_of(answers).assign(model=model))
        rows += [
            (model, item, f, name, 1.0, 0, "label_flip", float(rng.integers(0, 2)))
            for item in answers
            for f in range(4)
            for name in ("hue", "jpeg")
        ]
    names = ["model", "item", "frame", "perturbation", "strength", "draw", "metric", "value"]
    folder.write_table("frames", pd.concat(frames))
    folder.write_table("sensitivity", pd.DataFrame(rows, columns=names))
    command = ("correlate", tmp_path / "run", "--protocol", "gu2019")
    assert "gu2019 needs labels" in printed(3, *command).err
    folder.write_table("labels", labels_of([(item, -1, 0, "cat") for item in ("x", "y", "z")]))
    said = json.loads(printed(0, *command, "--json").out)
    assert said["anchors"] == 12
    assert set(said["models"]["a"]) == {"clean_accuracy", "conditional_robustness", "hue", "jpeg"}
    reasons = {one["reason"] for one in said["verdicts"].values()}
    assert reasons == {"2 models are too few, at least 12 are needed"}
    assert set(said["models_on_common_anchors"]) == {"a", "b"}
    shown = printed(0, *command, "--resamples", "99").out
    assert "Pearson correlations" not in shown  # two models always lie on a line
    assert f"{said['models']['a']['clean_accuracy']:.3f}" in shown


def test_a_flip_inside_the_set_of_labels_counts_alike_on_both_sides():
    """Any cat is right: from frame 1 to 2 the answer goes from cat to cat, as it does under noise."""
    seen = {"item": "a", "model": "m", "frame": range(4), "time_s": np.arange(4) / 25}
    frames = pd.DataFrame({**seen, "label": [281, 281, 282, 7]})
    frames["label_name"] = frames["label"].astype(str)
    noise = pd.DataFrame({"model": "m", "item": "a", "frame": [1], "perturbation": "noise"})
    noise = noise.assign(strength=1.0, draw=0, metric="label_flip", value=1.0)

    def natural(classes):
        labels = pd.DataFrame({"item": "a", "frame": -1, "label": classes}).assign(label_name="")
        return anchors_of_run(frames, labels, noise)["m"]

    several, one = natural((281, 282)), natural((281,))
    # frames 0, 2 and 3 about frame 1
    assert several.sets.neighbour.tolist() == [True, False, False]
    assert several.distorted["noise"].tolist() == [[False]]
    assert one.sets.neighbour.tolist() == [True, False, False]
