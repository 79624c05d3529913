"""Heads that answer level by level, against the public post-processing, cell by cell, or the library's own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import Candidates, HeadSettings
from vidrobust.models.detection.heads import HEADS

SIZE = (64, 96)
INPUT = HeadSettings(size=SIZE)
CLASSES = 3


def cells(offset: float, strides: tuple[int, ...]) -> Iterator[tuple[float, float, int]]:
    """x, y px and stride of every cell, row by row."""
    for stride in strides:
        for row in range(math.ceil(SIZE[0] / stride)):
            for column in range(math.ceil(SIZE[1] / stride)):
                yield (column + offset) * stride, (row + offset) * stride, stride


def mean_bin(logits: np.ndarray) -> float:
    weights = [math.exp(value) for value in logits]
    return sum(k * weight for k, weight in enumerate(weights)) / sum(weights)


def by_cell(found: Candidates, boxes: list[list[float]], scores: np.ndarray) -> None:
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-9)
    np.testing.assert_allclose(found.scores, scores.max(axis=1))
    np.testing.assert_array_equal(found.labels, scores.argmax(axis=1))
    assert found.num_classes == CLASSES


def sides_of(place: tuple[float, float, int], logits: np.ndarray) -> list[float]:
    """As NanoDet's distance2bbox and PicoDet's demo have it."""
    x, y, stride = place
    left, top, right, bottom = (stride * mean_bin(logits[8 * k : 8 * k + 8]) for k in range(4))
    return [x - left, y - top, x + right, y + bottom]


def test_nanodet_plus() -> None:
    """64 x 96 px: 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2 cells, the last row and column rounded up; corners of cells."""
    rng = np.random.default_rng(1)
    places = list(cells(0.0, (8, 16, 32, 64)))
    assert len(places) == 128
    scores, sides = rng.uniform(size=(128, CLASSES)), rng.normal(size=(128, 32))
    found = HEADS["nanodet"].decode({"output": np.concatenate([scores, sides], axis=1)}, INPUT)
    by_cell(found, [sides_of(place, row) for place, row in zip(places, sides, strict=True)], scores)
    with pytest.raises(SettingsError, match=r"head nanodet: expected outputs \(128, classes \+ 32\)"):
        HEADS["nanodet"].decode({"output": np.zeros((126, 40))}, INPUT)


def test_picodet() -> None:
    """Four pairs of outputs, scores first as PaddleDetection orders them; middles of cells."""
    rng = np.random.default_rng(2)
    places = list(cells(0.5, (8, 16, 32, 64)))
    scores, sides = rng.uniform(size=(128, CLASSES)), rng.normal(size=(128, 32))
    cuts = np.cumsum([96, 24, 6])
    outputs = {f"s{k}": part for k, part in enumerate(np.split(scores, cuts))}
    outputs |= {f"b{k}": part for k, part in enumerate(np.split(sides, cuts))}
    found = HEADS["picodet"].decode(outputs, INPUT)
    by_cell(found, [sides_of(place, row) for place, row in zip(places, sides, strict=True)], scores)
    with pytest.raises(SettingsError, match="expected 128 cells for an input of 96x64 px, got 126"):
        HEADS["picodet"].decode({k: v for k, v in outputs.items() if k[1] != "3"}, INPUT)
    with pytest.raises(SettingsError, match=r"expected scores and boxes of each level, \(cells, classes\)"):
        HEADS["picodet"].decode({k: v for k, v in outputs.items() if k != "b3"}, INPUT)


def test_rtmdet() -> None:
    """Logits and distances in px of each stride, from the cells' corners, as MMDetection decodes them."""
    rng = np.random.default_rng(3)
    outputs, places, scores, sides = {}, list(cells(0.0, (8, 16, 32))), [], []
    for k, (h, w) in enumerate(((8, 12), (4, 6), (2, 3))):
        logits, distances = rng.normal(size=(CLASSES, h, w)), rng.uniform(1, 40, size=(4, h, w))
        outputs[f"cls{k}"], outputs[f"box{k}"] = logits, distances
        scores += [1 / (1 + np.exp(-logits[:, row, column])) for row in range(h) for column in range(w)]
        sides += [distances[:, row, column] for row in range(h) for column in range(w)]
    boxes = [[x - d[0], y - d[1], x + d[2], y + d[3]] for (x, y, _), d in zip(places, sides, strict=True)]
    by_cell(HEADS["rtmdet"].decode(outputs, INPUT), boxes, np.array(scores))
    with pytest.raises(SettingsError, match=r"head rtmdet: expected scores and boxes of each level"):
        HEADS["rtmdet"].decode({"cls": np.zeros((3, 8, 12)), "box": np.zeros((5, 8, 12))}, INPUT)


def test_mmdeploy_end_to_end() -> None:
    dets = np.array([[1.0, 2, 30, 40, 0.9], [5, 6, 7, 8, 0.2]])
    found = HEADS["mmdet"].decode({"dets": dets, "labels": np.array([2, 0])}, INPUT)
    assert found.boxes.tolist() == [[1, 2, 30, 40], [5, 6, 7, 8]]
    assert (found.scores.tolist(), found.labels.tolist()) == ([0.9, 0.2], [2, 0])
    with pytest.raises(SettingsError, match="head mmdet: expected dets"):
        HEADS["mmdet"].decode({"dets": dets[:, :4], "labels": np.array([2, 0])}, INPUT)


def test_efficientdet_as_the_package_effdet_decodes_it() -> None:
    """128 x 256 px at strides 8 to 128, its own anchors and its own decoding."""
    anchors_of = pytest.importorskip("effdet.anchors")
    size = (128, 256)
    aspects = [(1.0, 1.0), (1.4, 0.7), (0.7, 1.4)]
    anchors = anchors_of.Anchors(3, 7, 3, aspects, 4.0, size).boxes
    rng = np.random.default_rng(4)
    outputs, flat_scores, flat_codes = {}, [], []
    for level in range(5):
        h, w = size[0] >> (3 + level), size[1] >> (3 + level)
        logits, codes = rng.normal(size=(9 * CLASSES, h, w)), rng.normal(0, 0.3, size=(36, h, w))
        outputs[f"class_{level}"], outputs[f"box_{level}"] = logits, codes
        flat_scores.append(logits.transpose(1, 2, 0).reshape(-1, CLASSES))
        flat_codes.append(codes.transpose(1, 2, 0).reshape(-1, 4))
    codes = torch.from_numpy(np.concatenate(flat_codes))
    boxes = anchors_of.decode_box_outputs(codes, anchors.double(), output_xyxy=True)
    scores = 1 / (1 + np.exp(-np.concatenate(flat_scores)))
    found = HEADS["efficientdet"].decode(outputs, HeadSettings(size=size))
    np.testing.assert_allclose(found.boxes, boxes.numpy(), rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found.scores, scores.max(axis=1))
    np.testing.assert_array_equal(found.labels, scores.argmax(axis=1))
    with pytest.raises(SettingsError, match="head efficientdet: expected scores and boxes"):
        HEADS["efficientdet"].decode({"a": np.zeros((9, 2, 2)), "b": np.zeros((35, 2, 2))}, INPUT)
