"""Classifiers changed without training: BlurPool and batch statistics put into loaded models."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
import torch

from tests.models.rebuilt.test_blur import asked, graph_of, small
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.models.info import ModelInfo
from vidrobust.models.load import AdaptedClassifier, load_as_it_is, merged, thresholded
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.models.reading import Declared
from vidrobust.models.rebuilt.rebuild import (
    Rebuilt,
    normalise_graph,
    normalised_by,
    norms_of,
    with_blur,
    with_statistics,
)
from vidrobust.predictions import Classifications, Classifier

PICTURES = torch.randint(
    0, 256, (3, 3, 48, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)
MAP, NAMES = ClassMap(of_model={0: 0, 1: 1, 2: 1}, classes=2), ("left", "right")


@pytest.fixture(scope="module")
def plain() -> NetworkClassifier:
    loaded = load_as_it_is("line-classifier", device="cpu")
    assert isinstance(loaded, NetworkClassifier)
    return loaded


def mapped(model: Classifier) -> Classifier:
    found = merged(model, MAP, NAMES, "a set")
    assert found is not None
    return found


def ways(model: Model) -> tuple[Rebuilt, Rebuilt]:
    return with_blur(model, "cpu"), with_statistics(model, "cpu", [PICTURES])


def same_answers(found: Rebuilt, of: Rebuilt) -> None:
    """Of the rebuilt one the answers of ``of``, taken through the map."""
    assert found.note == of.note
    for mine, inner in ((found.model, of.model), (found.as_it_is, of.as_it_is)):
        assert mine is not None
        assert inner is not None
        np.testing.assert_allclose(
            mine(PICTURES).probabilities, mapped(inner)(PICTURES).probabilities
        )


class Own:
    """A user's classifier that gives answers alone."""

    task: Literal["classification"] = "classification"
    name = "own"
    info = ModelInfo(spec="own", engine="", device="", precision="", preprocessing="", version="1")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.class_names = names

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        rows = np.full((len(pixels), len(self.class_names)), 1 / len(self.class_names), np.float32)
        return Classifications(rows, self.class_names)


def test_a_network_in_the_classes_of_a_map_is_rebuilt_in_them(plain: NetworkClassifier) -> None:
    for found, of in zip(ways(mapped(plain)), ways(plain), strict=True):
        same_answers(found, of)


def test_one_that_is_seen_through_a_wrapper_is_rebuilt_within_it(plain: NetworkClassifier) -> None:
    name = plain.class_names[0]
    pointed = thresholded(plain, Declared(threshold={name: 0.3}), "own")
    assert isinstance(pointed, AdaptedClassifier)
    for found, of in zip(ways(pointed), ways(plain), strict=True):
        assert found.note == of.note
        assert found.model is not None
        assert of.model is not None
        answer = found.model(PICTURES)
        assert answer.thresholds == ((0, 0.3),)
        np.testing.assert_array_equal(answer.probabilities, of.model(PICTURES).probabilities)
    wrapped = dataclasses.replace(pointed, over=lambda answer: answer)
    for found, of in zip(ways(mapped(wrapped)), ways(plain), strict=True):
        same_answers(found, of)


def test_what_has_no_network_or_none_that_can_be_changed_is_told_so(
    plain: NetworkClassifier,
) -> None:
    for model in (Own(NAMES), mapped(Own(("a", "b", "c")))):
        for found in ways(model):
            assert found.model is None
            assert "only the answers of this model are at hand" in found.note


def test_a_module_has_the_statistics_of_the_inputs() -> None:
    module, inputs = small(), [3 * torch.randn(16, 3, 32, 48) + 1 for _ in range(2)]
    found = normalised_by(module, inputs)
    (norm,) = norms_of(found)
    with torch.inference_mode():
        maps = torch.stack([module.conv(torch.relu(module.stem(batch))) for batch in inputs])
    each = maps.transpose(1, 2).flatten(2)  # batch, channel, all the rest
    assert torch.allclose(norm.running_mean, each.mean(dim=2).mean(dim=0), atol=1e-4)
    assert torch.allclose(norm.running_var, each.var(dim=2).mean(dim=0), rtol=1e-3)
    assert not found.training
    assert not torch.allclose(
        module.norm.running_mean, norm.running_mean
    )  # the original keeps its own
    with torch.inference_mode():
        assert torch.allclose(
            found(inputs[0][:1]), found(inputs[0])[:1], atol=1e-4
        )  # a frame speaks for itself


def test_a_graph_gets_the_same() -> None:
    pytest.importorskip("onnx")
    module, batch = small(), torch.randn(24, 3, 32, 48)
    graph = graph_of(module)
    assert normalise_graph(graph, "x", [batch[:16].numpy(), batch[16:].numpy()]) == 1
    assert [o.name for o in graph.graph.output] == ["y"]
    with torch.inference_mode():
        expected = normalised_by(module, [batch])(batch)
    np.testing.assert_allclose(asked(graph, batch), expected, atol=2e-3)


def test_a_graph_without_normalisation_is_left() -> None:
    graph = graph_of(small())
    node = next(n for n in graph.graph.node if n.op_type == "BatchNormalization")
    graph.graph.node.remove(node)
    assert normalise_graph(graph, "x", []) == 0
