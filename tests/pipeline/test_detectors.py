"""Detectors through the command line's own stages, on the bottle clip."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.pipeline.conftest import stability

pytest.importorskip("onnxruntime")
WINDOW = ("--start-s", "22", "--end-s", "23")


@pytest.fixture(scope="module")
def stable(corpus, models, tmp_path_factory):
    """A run of FastestDet on a second in which a bottle is set down."""
    out = tmp_path_factory.mktemp("runs") / "model"
    clip = str(corpus / "factory" / "intel_bottle-detection.mp4")
    model = f"onnx:{models / 'FastestDet.onnx'}"
    assert stability(clip, model, out, *WINDOW) == 0
    return out


def figures(folder):
    (found,) = json.loads((folder / "metrics.json").read_text())["models"].values()
    return found


def test_the_contract_is_there(stable):
    table = pd.read_parquet(stable / "detections.parquet")
    contract = ["item", "frame", "time_s", "model", "track", "label", "label_name", "score"]
    assert list(table.columns[:12]) == [*contract, "x1", "y1", "x2", "y2"]
    summary = figures(stable)
    for metric in (
        *("dropout_rate", "fragments_per_track", "flip_rate", "revert_flip_rate", "score_jitter"),
        *("center_jitter", "size_jitter", "duplicate_rate", "count_jitter"),
    ):
        value = summary[metric]["value"]
        assert np.isfinite(value)
    by_hand = pd.read_parquet(stable / "object_frames.parquet")["missed"].dropna()
    assert summary["dropout_rate"]["value"] == pytest.approx(by_hand.mean())
    by = pd.read_parquet(stable / "stability_by.parquet")
    assert set(by["by"]) == {"class", "size"}


def test_a_file_of_boxes_reproduces_the_study(stable, corpus, tmp_path):
    """As a CSV of a few columns: tests/models/kinds/test_detections.py."""
    clip = str(corpus / "factory" / "intel_bottle-detection.mp4")
    out, boxes = tmp_path / "recorded", f"detections:{stable / 'detections.parquet'}"
    assert stability(clip, boxes, out, *WINDOW) == 0
    mine, theirs = figures(out), figures(stable)
    for key in theirs:
        assert mine[key] == theirs[key], key
