"""Metrics are found by name and by column, and those of other packages stand beside the package's own."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import SettingsError
from vidrobust.metrics.catalogue import find_metric, metric_of_column, metrics_of, task_of, tasks

FLIPS = next(metric for metric in metrics_of("classification") if metric.name == "flip_rate")


@pytest.mark.parametrize("task", tasks())
def test_every_metric_is_reported_in_words_and_has_a_name_of_its_own(task):
    metrics = metrics_of(task, (1, 5))
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert metric.title
        assert re.fullmatch(r"[A-Z].*\.", metric.sentence)
        places = task_of(task).labelled if metric.of_labels else task_of(task).tables
        assert metric.table in places or (not metric.table and metric.difference is not None)
        assert find_metric(metric.name, task) == metric


def test_anchor_metrics_read_their_own_rows():
    metric = find_metric("anchor_flip_rate_5")
    rows = [(1, "", True), (5, "", False), (-5, "", True), (2, "", True), (5, "scene_cut", True)]
    pairs = pd.DataFrame(rows, columns=["delta_frames", "excluded", "label_flip"])
    pairs["kind"] = ["adjacent", *["anchor"] * 4]
    assert metric.values(pairs).index.tolist() == [1, 2]
    assert FLIPS.values(pairs).index.tolist() == [0]
    assert not metric.headline


def test_what_is_no_metric_is_not_found():
    assert find_metric("nonsense") is None
    assert find_metric("anchor_jitter_5") is None
    assert find_metric("flip_rate", task="classification") is FLIPS
    assert metric_of_column("label_flip") is FLIPS
    assert metric_of_column("flip_rate") is None
    with pytest.raises(SettingsError, match="'poetry'"):
        task_of("poetry")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "flip rate"}, "name and column are words of letters, digits and underscores"),
        ({"bounds": (1.0, 1.0)}, "worse is higher or lower, and bounds rise"),
        ({"worse": "larger"}, "worse is higher or lower"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(change, message):
    with pytest.raises(SettingsError, match=message):
        dataclasses.replace(FLIPS, **change)


def test_nan_never_counts():
    jitter = find_metric("jitter")
    triples = pd.DataFrame({"jitter": [np.nan, 0.5, 0.0]})
    assert jitter.values(triples).index.tolist() == [1, 2]
