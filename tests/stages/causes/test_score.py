"""How a model is asked about the pictures of a pair."""

from types import SimpleNamespace

import numpy as np
import pytest

from vidrobust.predictions import Classifications
from vidrobust.stages.causes import score
from vidrobust.stages.causes.pair_replays import PairReplays


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [16, 16, 8]), ("cuda:0", [30, 10])])
def test_pictures_are_asked_in_batches_of_the_device(monkeypatch, device, sizes):
    asked = []

    def predict(model, pixels):
        asked.append(len(pixels))
        return Classifications(np.full((len(pixels), 2), 0.5, np.float32), ("nut", "bolt"))

    monkeypatch.setattr(score.engine, "predict", predict)
    monkeypatch.setattr(score.engine, "auto_batch", lambda height, width, device: 30)
    monkeypatch.setattr(score.engine, "to_tensor", lambda pictures, device: pictures)
    pictures = tuple(np.zeros((8, 8, 3), np.uint8) for _ in range(40))
    assert len(score.answers(None, pictures, device)) == 40
    assert asked == sizes


def test_the_margin_is_the_lead_of_the_first_label_over_the_second():
    z, labels = np.array([[1.0, 3.0, 0.0], [2.0, -1.0, 5.0]]), np.array([1, 0])
    pair = PairReplays(pictures=(np.zeros((4, 4, 3), np.uint8),) * 2)
    model = SimpleNamespace(name="m", task="classification", class_names=("a", "b", "c"))
    rows = score.score(pair, model, score.SeenPictures("", z, labels, model.class_names))
    assert {row["margin_past"] for row in rows} == {3.0}  # 2 - -1 beyond the border, of a before b
