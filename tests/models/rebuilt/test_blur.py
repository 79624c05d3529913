"""BlurPool into modules and graphs: against scipy, against the published layout written out, and one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

from vidrobust.models.rebuilt.blur import BlurPool, BlurredMaxPool, blurred


@pytest.mark.parametrize("size", [(12, 9), (7, 8), (1, 4)])
def test_blur_pool_is_a_mirrored_correlation_that_is_sampled(size: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(size=(2, 3, *size)).astype(np.float32)
    found = BlurPool((2, 2))(torch.from_numpy(maps)).numpy()
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    mode = "mirror" if min(size) > 1 else "nearest"  # scipy's mirror is torch's reflect
    expected = [
        [ndimage.correlate(c.astype(float), kernel, mode=mode)[::2, ::2] for c in one]
        for one in maps
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Small(nn.Module):
    """Stem, a block with a shortcut, a max pool; as networks have them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.conv, self.norm = nn.Conv2d(4, 6, 3, 2, 1), nn.BatchNorm2d(6)
        self.short = nn.Conv2d(4, 6, 1, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.last = nn.Linear(6, 5)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = functional.relu(self.stem(pictures))
        both = functional.relu(self.norm(self.conv(maps))) + self.short(maps)
        return self.last(self.pool(both).mean(dim=(2, 3)))


def small() -> Small:
    torch.manual_seed(3)
    module = Small()
    module.norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr, operator]
    module.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    return module.eval()


def as_published(m: Small, pictures: torch.Tensor) -> torch.Tensor:
    """The blurred network written out: the stem as it is, the blur after the activation, before the shortcut."""
    blur = BlurPool((2, 2))
    maps = functional.relu(m.stem(pictures))
    dense = functional.conv2d(maps, m.conv.weight, m.conv.bias, stride=1, padding=1)
    short = functional.conv2d(blur(maps), m.short.weight, m.short.bias)
    both = blur(functional.relu(m.norm(dense))) + short
    made: torch.Tensor = m.last(blur(functional.max_pool2d(both, 3, 1, 1)).mean(dim=(2, 3)))
    return made


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_a_module_is_rewritten_as_the_published_networks_are(size: tuple[int, int]) -> None:
    module, pictures = small(), torch.randn(2, 3, *size)
    found = blurred(module)
    assert (found.changed, found.left) == (3, 0)
    with torch.inference_mode():
        assert torch.allclose(found.module(pictures), as_published(module, pictures), atol=1e-5)
        assert not torch.allclose(found.module(pictures), module(pictures), atol=1e-2)
    assert [c.stride for c in (module.stem, module.conv, module.short)] == [
        (2, 2)
    ] * 3  # input untouched


@pytest.mark.parametrize("size", range(5, 10))
@pytest.mark.parametrize("padding", [0, 1])
def test_a_pool_that_rounds_up_keeps_its_size(size: int, padding: int) -> None:
    pool = nn.MaxPool2d(3, 2, padding, ceil_mode=True)
    maps = torch.randn(1, 2, size, size + 3)
    found = BlurredMaxPool(pool)(maps)
    assert found.shape == pool(maps).shape
    assert torch.isfinite(found).all()


def test_a_constant_map_stays_and_a_fine_grating_goes() -> None:
    module = blurred(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.MaxPool2d(1, 2))).module
    grating = torch.ones(1, 1, 8, 8)
    with torch.inference_mode():
        flat = module(grating)
        grating[..., ::2] = 3
        fine = module(grating)
    assert torch.allclose(flat, flat[0, 0, 0, 0].expand_as(flat))
    assert torch.allclose(
        fine, fine[0, 0, 0, 0].expand_as(fine), atol=1e-6
    )  # 3 and 1 by turns become 2


class Dynamic(nn.Conv2d):
    """Padding that depends on its stride, as timm's Conv2dSame has it."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        total = [
            max((-(-n // s) - 1) * s + 3 - n, 0)
            for n, s in zip(maps.shape[-2:], self.stride, strict=True)
        ]
        (top, left) = (t // 2 for t in total)
        padded = functional.pad(maps, (left, total[1] - left, top, total[0] - top))
        return functional.conv2d(padded, self.weight, self.bias, self.stride)


def test_a_convolution_that_pads_by_its_stride_is_left() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 1), Dynamic(4, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(2)
    ).eval()
    found = blurred(module)
    assert (found.changed, found.left) == (1, 1)
    assert found.module(torch.zeros(1, 3, 16, 16)).shape == module(torch.zeros(1, 3, 16, 16)).shape


def graph_of(module: Small, *, ceil: bool = False, silu: bool = False) -> Any:
    """``Small`` as an ONNX graph, or with SiLU in the place of the second ReLU."""
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    state = {k: v.numpy() for k, v in module.state_dict().items() if v.ndim}
    weights = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in state.items()]
    conv = {"strides": [2, 2]}
    norm = [f"norm.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        helper.make_node("Conv", ["x", "stem.weight", "stem.bias"], ["a"], pads=[1] * 4, **conv),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "conv.weight", "conv.bias"], ["c"], pads=[1] * 4, **conv),
        helper.make_node("BatchNormalization", ["c", *norm], ["d"]),
        *(
            (helper.make_node("Sigmoid", ["d"], ["s"]), helper.make_node("Mul", ["d", "s"], ["e"]))
            if silu
            else (helper.make_node("Relu", ["d"], ["e"]),)
        ),
        helper.make_node("Conv", ["b", "short.weight", "short.bias"], ["f"], **conv),
        helper.make_node("Add", ["e", "f"], ["g"]),
        helper.make_node(
            "MaxPool", ["g"], ["h"], kernel_shape=[3, 3], pads=[1] * 4, ceil_mode=int(ceil), **conv
        ),
        helper.make_node("GlobalAveragePool", ["h"], ["i"]),
        helper.make_node("Flatten", ["i"], ["j"]),
        helper.make_node("Gemm", ["j", "last.weight", "last.bias"], ["y"], transB=1),
    ]
    value = helper.make_tensor_value_info
    ends = [
        [value(n, onnx.TensorProto.FLOAT, s)] for n, s in (("x", ["N", 3, 32, 48]), ("y", ["N", 5]))
    ]
    graph = helper.make_graph(nodes, "small", *ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def asked(graph: Any, pictures: torch.Tensor) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"x": pictures.numpy()})[0])


def test_a_graph_is_rewritten_as_the_module_is() -> None:
    from vidrobust.models.rebuilt.rebuild import blur_graph

    module, pictures = small(), torch.randn(2, 3, 32, 48)
    for ceil in (False, True):
        graph = graph_of(module, ceil=ceil)
        with torch.inference_mode():
            module.pool.ceil_mode = ceil
            np.testing.assert_allclose(asked(graph, pictures), module(pictures), atol=1e-4)
            assert blur_graph(graph) == (3, 0)
            np.testing.assert_allclose(
                asked(graph, pictures), blurred(module).module(pictures), atol=1e-4
            )


def test_the_blur_of_a_graph_comes_after_a_gated_activation() -> None:
    from vidrobust.models.rebuilt.rebuild import blur_graph

    module, pictures = small(), torch.randn(1, 3, 32, 48)
    graph = graph_of(module, silu=True)
    assert blur_graph(graph)[0] == 3
    blur = BlurPool((2, 2))
    with torch.inference_mode():
        maps = functional.relu(module.stem(pictures))
        dense = functional.conv2d(maps, module.conv.weight, module.conv.bias, padding=1)
        both = blur(functional.silu(module.norm(dense)))
        both = both + functional.conv2d(blur(maps), module.short.weight, module.short.bias)
        expected = module.last(blur(functional.max_pool2d(both, 3, 1, 1)).mean(dim=(2, 3)))
    np.testing.assert_allclose(asked(graph, pictures), expected, atol=1e-4)


def test_a_graph_that_pads_by_itself_is_left() -> None:
    from onnx import helper

    from vidrobust.models.rebuilt.rebuild import blur_graph

    graph = graph_of(small())
    conv = graph.graph.node[2]
    kept = [a for a in conv.attribute if a.name != "pads"]
    del conv.attribute[:]
    conv.attribute.extend([*kept, helper.make_attribute("auto_pad", "SAME_UPPER")])
    assert blur_graph(graph) == (2, 1)
