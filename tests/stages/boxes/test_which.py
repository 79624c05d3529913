"""Detectors side by side: sorted by what can be judged, with a threshold where boxes are known."""

from dataclasses import dataclass, field
from typing import cast

import pandas as pd
import pytest

from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import RunRecord
from vidrobust.stages.boxes.moments import best_threshold, side_by_side
from vidrobust.stages.stability.by_clip import classes
from vidrobust.stages.stability.summary import ms_a_frame
from vidrobust.text.numbers import percent_with_interval


@dataclass
class Fake:
    """What of a finished run is read."""

    tables: dict[str, pd.DataFrame]
    detectors: list[str]
    record: RunRecord = field(default_factory=lambda: RunRecord(schema=1))

    def table(self, name):
        return self.tables.get(name)

    rows = RunTables.rows


def line(model, metric, value, n=100):
    ends = {"value": value, "low": value / 2, "high": 2 * value}
    of = {"model": model, "item": "", "metric": metric, "n": n}
    return {**of, **ends, "cluster": "item", "clusters": 3}


def made(lines, **more):
    tables, record = {"stability": pd.DataFrame(lines)}, RunRecord(schema=1, **more)
    return cast(RunTables, Fake(tables, ["a", "b", "c"], record))


def test_without_known_boxes_the_best_covered_goes_first():
    rates = {"a": 0.2, "b": 0.04, "c": 0.1}
    run = made([line(m, "uncovered_rate", v, n=4 if m == "c" else 100) for m, v in rates.items()])
    found = side_by_side(run)
    assert found["titles"] == ["objects without any box"]
    assert [row["model"] for row in found["rows"]] == ["b", "c", "a"]
    assert found["rows"][0]["values"] == [percent_with_interval(0.04, 0.02, 0.08)]
    assert found["rows"][1]["values"] == ["too few to say"]
    assert {row["threshold"] for row in found["rows"]} == {""}
    assert {row["ms"] for row in found["rows"]} == {"recorded"}


def test_with_known_boxes_the_most_precise_goes_first():
    lines = [line("a", "average_precision", 0.3), line("b", "average_precision", 0.6)]
    lines += [line(m, "uncovered_rate", v) for m, v in (("a", 0.01), ("b", 0.2), ("c", 0.05))]
    found = side_by_side(made(lines, ms_a_frame={"a": 12.5}))
    assert [row["model"] for row in found["rows"]] == ["b", "a", "c"]
    assert found["rows"][1]["ms"].startswith("12")
    assert found["rows"][2]["values"][1] == "not measured"


def test_the_threshold_of_highest_f1():
    curve = pd.DataFrame(
        {
            "model": "a",
            "threshold": [0.1, 0.4, 0.8, 0.95],
            "recall": [0.9, 0.8, 0.3, 0.0],
            "precision": [0.3, 0.8, 0.9, float("nan")],
        }
    )
    assert best_threshold(curve, "a") == "0.4 (F1 0.80)"
    assert best_threshold(curve, "b") == ""
    assert best_threshold(None, "a") == ""


def test_milliseconds_add_up_over_clips():
    facts = {
        ("x", "a", 0): {"prediction": {"seconds": 1.0, "frames": 100}},
        ("y", "a", 0): {"prediction": {"seconds": 3.0, "frames": 100}},
        ("x", "b", 0): {},
    }
    assert ms_a_frame(facts) == {"a": pytest.approx(20.0)}


def test_classes_are_told_by_what_no_box_covers():
    rows = [
        {**line("a", metric, value), "by": "class", "group": group}
        for group, value in (("cup", 0.02), ("vase", 0.3))
        for metric in ("uncovered_rate", "dropout_rate")
    ]
    run = cast(RunTables, Fake({"stability_by": pd.DataFrame(rows)}, ["a"]))
    run.tasks = {"a": None}
    found = classes(run)
    assert [row[:2] for row in found.rows] == [
        ("vase", "no box lies where an object is"),
        ("cup", "no box lies where an object is"),
    ]
