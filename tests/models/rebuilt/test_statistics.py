"""Batch normalisation by the footage: means and variances counted by hand, in modules and in graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.models.rebuilt.test_blur import asked, graph_of, small
from vidrobust.models.rebuilt.rebuild import normalise_graph, normalised_by, norms_of


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
    assert not torch.allclose(module.norm.running_mean, norm.running_mean)  # the original keeps its own
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
