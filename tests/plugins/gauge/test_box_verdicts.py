"""From boxes to one verdict a part, by hand."""

import pandas as pd
import pytest

from vidrobust.plugins.gauge.repeatability_of import NOTHING, answers_of_boxes
from vidrobust.plugins.gauge.verdicts import verdicts

BOXES = [
    # frame, class, score: a sure defect beside a surer part; a defect that does not count; two defects; nothing
    (0, "bolt", 0.95), (0, "dent", 0.70),
    (1, "bolt", 0.90), (1, "dent", 0.40), (1, "dent", 0.30),
    (2, "dent", 0.55), (2, "crack", 0.60), (2, "bolt", 0.20),
    (3, "bolt", 0.10),
]  # fmt: skip


def test_answers_and_scores_of_a_detector_by_hand():
    detections = pd.DataFrame(BOXES, columns=["frame", "label_name", "score"])
    detections = detections.assign(item="a", model="net")
    counted = pd.DataFrame({"item": "a", "model": "net", "frame": range(5)})
    either = {"start_score": 0.5, "defect": ["dent", "crack"]}
    frames, probabilities = answers_of_boxes(detections, counted, **either)
    assert list(frames["label_name"]) == ["dent", "bolt", "crack", NOTHING, NOTHING]
    item = {"item": "a", "part": "1", "pass": "1", "station": "", "label": ""}
    items = pd.DataFrame([item])
    found = verdicts(frames, probabilities, items, rule="any-defect", defect=["dent", "crack"])
    assert found.loc[0, "value"] in ("dent", "crack")
    assert found.loc[0, "score"] == pytest.approx(0.70)
    mean = verdicts(frames, probabilities, items, defect=["dent", "crack"])
    assert mean.loc[0, "score"] == pytest.approx((0.70 + 0.40 + 0.60 + 0 + 0) / 5)
    plain, _ = answers_of_boxes(detections, counted, start_score=0.5)
    assert list(plain["label_name"]) == ["bolt", "bolt", "crack", NOTHING, NOTHING]
