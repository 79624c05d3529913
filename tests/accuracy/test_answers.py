"""Answers and anchors along a run, counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.accuracy.answers import SaidClasses, answers_of, by_name, on_frames
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.stages.stability.rates import summarise, summarise_by
from vidrobust.stages.stability.with_labels import with_all_right
from vidrobust.tables import schema as tables

from .test_pm_k import frames_of, labels_of

NAMES = ("cat", "dog", "cow")
NOTHING = tables.empty("probabilities")


def whole_item() -> pd.DataFrame:
    """Sixty frames at 25 a second, all dog, but for frames 3 and 30."""
    return frames_of({"a": [0 if f in (3, 30) else 1 for f in range(60)]})


def figures(frames: pd.DataFrame, labels: pd.DataFrame) -> dict[str, tuple[float, int]]:
    found = answers_of(frames, NOTHING, labels, NAMES)
    raw = {"label_answers": found.label_answers, "neighbour_accuracy": found.neighbour_accuracy}
    table = summarise(raw, metrics_of("classification"))
    of_all = table[table["item"] == ""]
    return {row.metric: (row.value, row.n) for row in of_all.itertuples()}


def test_a_label_of_the_whole_item_gives_an_anchor_a_second() -> None:
    """Anchors 0, 25, 50 with 10, 20, 19 neighbours; frame 3 is in reach of the first from pm-3, 30 from pm-5."""
    found = figures(whole_item(), labels_of([("a", -1, -1, "dog")]))
    assert found["top1"] == (58 / 60, 60)
    assert [found[f"pm{k}"] for k in (0, 2)] == [(1.0, 3)] * 2
    assert [found[f"pm{k}"][0] for k in (3, 4)] == [pytest.approx(2 / 3)] * 2
    assert [found[f"pm{k}"][0] for k in (5, 10)] == [pytest.approx(1 / 3)] * 2
    assert found["mean_neighbour"] == (pytest.approx((9 / 10 + 19 / 20 + 1) / 3), 3)
    assert found["conditional_robustness"] == (pytest.approx(47 / 49), 49)
    assert "top5" not in found  # of three classes one is always among the five
    assert "flip_rate" not in found


def test_neighbours_of_sparse_labels_are_judged_by_the_anchor_and_of_dense_ones_by_their_own():
    frames = whole_item()
    sparse = labels_of([("a", 0, -1, "dog"), ("a", 25, -1, "dog")])
    assert figures(frames, sparse)["conditional_robustness"] == (pytest.approx(28 / 30), 30)
    # a cat from frame 3 on, as labels of each frame say: all the rest is wrong, and frame 3 right
    dense = labels_of([("a", f, -1, "dog" if f < 3 else "cat") for f in range(40)])
    found = figures(frames, dense)
    assert found["top1"] == (5 / 40, 40)
    assert (found["pm0"], found["pm3"][0], found["pm4"][0]) == ((1 / 2, 2), 1 / 2, 0.0)


def test_labels_that_have_only_a_time_are_those_of_the_frame_shown_then() -> None:
    frames = whole_item()
    answers = [("a", -1, 7, "dog"), ("a", -1, 7, "dog"), ("a", -1, 7, "cow"), ("a", -1, 7, "dog")]
    labels = labels_of(answers)
    # frames 3 and 25; 2 s: not there to see; beyond the end
    labels["time_s"] = [0.12, 1.01, 2.0, 90.0]
    labels["presence"] = ["present", "present", "absent", "present"]
    assert on_frames(labels, frames)["frame"].tolist() == [3, 25]
    found = answers_of(frames, NOTHING, labels, NAMES)
    assert found.label_answers[["frame", "top1"]].to_numpy().tolist() == [[3, 0], [25, 1]]
    assert found.label_answers["pm0"].notna().tolist() == [True, False]  # .88 s apart


def test_numbers_are_classes_only_where_a_manifest_says_them() -> None:
    rows = labels_of([("a", 0, 1, "zebra"), ("a", 1, 1, "Cow"), ("a", 2, 1, "1")])
    rows = rows.assign(source="ytbb")
    said = SaidClasses.of(rows, NAMES)
    assert said.rows[["frame", "label"]].to_numpy().tolist() == [[1, 2]]
    assert dict(said.counts) == {"zebra": 1, "1": 1}
    assert by_name(rows)["label"].tolist() == [-1, -1, -1]
    manifest = rows.assign(source="manifest")
    assert SaidClasses.of(manifest, NAMES).rows["label"].tolist() == [2, 1]
    assert by_name(manifest)["label"].tolist() == [1, 1, 1]
    background = ("background", *(f"c{k}" for k in range(1000)))
    assert SaidClasses.of(manifest, background).rows["label"].tolist() == [2]
    twice = SaidClasses.of(rows, ("zebra", "cow", "zebra")).rows
    assert twice["label"].tolist() == [0, 2, 1]


def test_what_no_class_stands_for_judges_nothing_and_is_counted() -> None:
    frames = frames_of({"a": [0, 1], "b": [1, 1]})
    labels = labels_of([("a", -1, -1, "horse"), ("b", 0, -1, "dog")])
    found = answers_of(frames, NOTHING, labels, NAMES)
    assert (dict(found.unknown), found.unjudged, len(found.label_answers)) == ({"horse": 1}, 2, 1)
    nothing = answers_of(frames, NOTHING, labels_of([("a", -1, -1, "horse")]), NAMES)
    assert (len(nothing.label_answers), len(nothing.neighbour_accuracy)) == (0, 0)
    assert nothing.unjudged == 2


def test_top_five_of_the_listed_probabilities() -> None:
    names = (*NAMES, "fox", "hen", "pig", "rat")
    best_first = list(enumerate((5, 4, 3, 2, 1, 0)))
    listed = [(f, k, 0.5 - 0.05 * place) for f in (0, 1) for place, k in best_first]
    rows = pd.DataFrame(listed, columns=["frame", "label", "probability"])
    probabilities = rows.assign(item="a", model="net", track=0, label_name="")
    labels = labels_of([("a", 0, -1, "dog"), ("a", 1, -1, "cat")])
    found = answers_of(frames_of({"a": [1, 1]}), probabilities, labels, names)
    assert found.label_answers["top5"].tolist() == [1.0, 0.0]  # dog is fifth, cat sixth
    few = probabilities[probabilities["label"] > 1]
    short = answers_of(frames_of({"a": [1, 1]}), few, labels, names)
    assert np.isnan(short.label_answers["top5"]).all()  # four are listed: not known


def test_anchors_of_a_video_each_have_the_exact_interval() -> None:
    """Clopper & Pearson's for seven videos of one labelled frame; scipy has its own."""
    frames = frames_of({f"v{k}": [1 if k < 5 else 0] for k in range(7)})
    labels = labels_of([(f"v{k}", 0, -1, "dog") for k in range(7)])
    found = answers_of(frames, NOTHING, labels, NAMES)
    table = summarise({"label_answers": found.label_answers}, metrics_of("classification"))
    row = table[(table["item"] == "") & (table["metric"] == "pm0")].iloc[0]
    exact = stats.binomtest(5, 7).proportion_ci(method="exact")
    assert (row["value"], row["low"], row["high"]) == pytest.approx((5 / 7, exact.low, exact.high))


def test_rows_by_labelled_class() -> None:
    frames = frames_of({"a": [0, 1, 1, 2]})
    said = ("cat", "cat", "dog", "dog")
    labels = labels_of([("a", frame, -1, name) for frame, name in enumerate(said)])
    raw = {"label_answers": answers_of(frames, NOTHING, labels, NAMES).label_answers}
    table = summarise_by(raw, metrics_of("classification"), task_of("classification").groups)
    right = table[table["metric"] == "top1"].set_index("group")["value"]
    assert right.to_dict() == {"cat": 0.5, "dog": 0.5}


def test_sets_that_people_looked_through_are_the_anchors_and_their_neighbours() -> None:
    """Anchors 3 and 30 are wrong cats; 20 is right with two of its three neighbours."""
    said = [(3, 3, 0), (3, 4, 1), (20, 20, 0), (20, 19, -1), (20, 30, 10), (20, 21, 1), (50, 50, 0)]
    said = [("a", *each) for each in (*said, (20, 70, 9))] + [("b", 0, 0, 0)]
    sets = pd.DataFrame(said, columns=["item", "anchor", "frame", "offset"])
    how, labels = {"sets": sets, "judged_by": "anchor"}, labels_of([("a", -1, -1, "dog")])
    found = answers_of(whole_item(), NOTHING, labels, NAMES, **how)
    anchors = found.label_answers.dropna(subset="pm0").set_index("frame")
    assert anchors["pm0"].to_dict() == {3: 0, 20: 1, 50: 1}
    assert anchors["pm10"].to_dict() == {3: 0, 20: 0, 50: 1}
    assert anchors["pm9"].to_dict() == {3: 0, 20: 1, 50: 1}
    assert anchors["pm_drop"].to_dict() == {3: 0, 20: 1, 50: 0}
    # 50 stands for itself
    assert anchors["mean_neighbour"].to_dict() == pytest.approx({3: 1, 20: 2 / 3, 50: 1})
    right = {3: np.nan, 20: 2 / 3, 50: np.nan}
    assert anchors["right_neighbours"].to_dict() == pytest.approx(right, nan_ok=True)
    assert found.lost == 1  # frame 70 about 20; b is not in the footage
    raw = {"label_answers": found.label_answers, "neighbour_accuracy": found.neighbour_accuracy}
    table = summarise(raw, metrics_of("classification")).query("item == ''").set_index("metric")
    assert (table.loc["pm_ratio", "value"], table.loc["pm_ratio", "n"]) == (0.5, 2)
    assert table.loc["conditional_robustness", "value"] == pytest.approx(2 / 3)
    assert table.loc["conditional_robustness_anchors", "value"] == pytest.approx(2 / 3)
    exact = stats.binomtest(2, 3).proportion_ci(method="exact")
    found = table.loc["pm0", ["exact_low", "exact_high"]].tolist()
    assert found == pytest.approx([exact.low, exact.high])


def test_conditional_robustness_by_pairs_by_anchors_per_offset_and_on_the_common_anchors() -> None:
    """By hand: right anchors have 3, 3 and no neighbours; 5 of 6 pairs are right, and 1 and 2/3 by anchors."""
    near = [
        (0, -1, 1),
        (0, 1, 1),
        (0, 2, 1),
        (1, 1, 1),
        (1, 2, 0),
        (1, -2, 1),
        (2, 1, 1),
        (2, -1, 1),
    ]
    rows = [("good", f"v{a}", 0, o, a != 2, float(right)) for a, o, right in near]
    weak = (("v1", True, 0.0), ("v2", True, 1.0), ("v0", False, 1.0))
    rows += [("weak", item, 0, 1, anchor, right) for item, anchor, right in weak]
    columns = ["model", "item", "frame_a", "offset", "anchor_right", "neighbour_right"]
    table = pd.DataFrame(rows, columns=columns)
    table = with_all_right(table.assign(time_s=0.0))
    raw = {"neighbour_accuracy": table}
    summary = summarise(raw, metrics_of("classification")).query("item == ''")
    summary = summary.set_index(["model", "metric"])["value"]
    assert summary["good", "conditional_robustness"] == pytest.approx(5 / 6)
    # both have v1 right
    assert summary["good", "conditional_robustness_common"] == pytest.approx(2 / 3)
    assert summary["weak", "conditional_robustness_common"] == 0
    by = summarise_by(raw, metrics_of("classification"), task_of("classification").groups)
    by = by[(by["model"] == "good") & (by["metric"] == "conditional_robustness")].set_index("group")
    assert by["value"].to_dict() == {"-1": 1, "1": 1, "2": 0.5, "-2": 1}
    assert by.loc["2", "n"] == 2
    alone = with_all_right(table[table["model"] == "good"])
    assert alone["all_right"].isna().all()
