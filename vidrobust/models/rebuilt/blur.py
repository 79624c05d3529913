"""BlurPool put into torch modules: a small blur before a feature map is subsampled.

References
----------
Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

TRIANGLE = (
    1.0,
    2.0,
    1.0,
)  # Tri-3 of the paper: odd, so that a blurred value lies where the sampled one lay


# Layers between a convolution and its activation
NORMS = (nn.modules.batchnorm._BatchNorm, nn.Identity, nn.modules.dropout._DropoutNd)


ACTIVATIONS = (
    *(
        nn.ReLU,
        nn.ReLU6,
        nn.LeakyReLU,
        nn.PReLU,
        nn.ELU,
        nn.SELU,
        nn.CELU,
        nn.SiLU,
        nn.GELU,
        nn.Mish,
    ),
    *(nn.Hardswish, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Softplus),
)


FUNCTIONS = (
    *(
        torch.relu,
        functional.relu,
        functional.relu6,
        functional.silu,
        functional.gelu,
        functional.mish,
    ),
    *(functional.hardswish, functional.leaky_relu, functional.elu, torch.sigmoid, torch.tanh),
)


def kernel() -> np.ndarray:
    one = np.array(TRIANGLE) / sum(TRIANGLE)
    return np.outer(one, one).astype(np.float32)


class BlurPool(nn.Module):
    """Every ``stride``-th value of maps (N, C, H, W) blurred per channel; edges are mirrored.

    As published (adobe/antialiased-cnns, blurpool.py), with filter size 3. The size is ceil(H / stride).
    """

    def __init__(self, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("kernel", torch.from_numpy(kernel()), persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        mirrored = min(maps.shape[-2:]) > 1
        padded = functional.pad(maps, (1, 1, 1, 1), mode="reflect" if mirrored else "replicate")
        channels = maps.shape[1]
        weight = self.get_buffer("kernel").to(maps.dtype).expand(channels, 1, 3, 3)
        return functional.conv2d(padded, weight, stride=self.stride, groups=channels)


class BlurredMaxPool(nn.Module):
    """Max pool without a stride, then BlurPool; the size is that of the strided pool."""

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.pool = pool
        self.blur = BlurPool(pair(pool.stride))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        dense = functional.max_pool2d(
            self._reaching(maps), self.pool.kernel_size, 1, self.pool.padding, self.pool.dilation
        )
        blurred: torch.Tensor = self.blur(dense)
        return blurred

    def _reaching(self, maps: torch.Tensor) -> torch.Tensor:
        """Pad where the pool rounds its size up, so that as many windows begin."""
        if not self.pool.ceil_mode:
            return maps
        size = self.pool(maps).shape[-2:]
        missing = [
            max(
                (size[axis] - 1) * stride
                + dilation * (width - 1)
                + 1
                - maps.shape[axis - 2]
                - 2 * padding,
                0,
            )
            for axis, (stride, dilation, width, padding) in enumerate(
                zip(
                    pair(self.pool.stride),
                    pair(self.pool.dilation),
                    pair(self.pool.kernel_size),
                    pair(self.pool.padding),
                    strict=True,
                )
            )
        ]
        return functional.pad(maps, (0, missing[1], 0, missing[0]), value=float("-inf"))


def pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


@dataclass(frozen=True)
class BlurredModule:
    module: nn.Module
    changed: int  # Convolutions and pools that are blurred
    left: int  # Those with a stride that stay as they were


def blurred(module: nn.Module) -> BlurredModule:
    """Put BlurPool where the published networks have it; weights stay."""
    whole = copy.deepcopy(module)
    graph = _LayerTracer().trace(whole)
    traced = fx.GraphModule(whole, graph)
    changed, left = set(), set()
    first = next((n.target for n in graph.nodes if isinstance(_layer(traced, n), nn.Conv2d)), None)
    for node in list(graph.nodes):
        layer = _layer(traced, node)
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d) or max(pair(layer.stride)) == 1:
            continue
        if node.target == first or (isinstance(layer, nn.Conv2d) and _is_first(traced, node)):
            continue
        name = str(node.target)
        if type(layer) is nn.MaxPool2d and not layer.return_indices:
            node.target = _added(traced, f"{name}_blurred", BlurredMaxPool(layer))
        elif isinstance(layer, nn.Conv2d) and (dense := _dense(layer)) is not None:
            _blur_convolution(traced, node, layer, dense)
        else:
            left.add(name)
            continue
        changed.add(name)
    graph.lint()
    traced.recompile()
    return BlurredModule(traced.eval(), len(changed), len(left))


class _LayerTracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d | nn.MaxPool2d) or super().is_leaf_module(
            m, module_qualified_name
        )


def _dense(layer: nn.Conv2d) -> nn.Conv2d | None:
    """Return the convolution without its stride, or None if the strided one is no sample of it."""
    dense, stride = copy.copy(layer), pair(layer.stride)
    dense.stride = (1, 1)
    weight = layer.weight
    for size in (32, 33):
        maps = torch.randn(
            1, layer.in_channels, size, size, generator=torch.Generator().manual_seed(size)
        )
        maps = maps.to(weight)
        with torch.inference_mode():
            few, every = layer(maps), dense(maps)[:, :, :: stride[0], :: stride[1]]
        if few.shape != every.shape or not torch.allclose(few, every, atol=1e-4):
            return None
    return dense


def _layer(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _is_first(traced: fx.GraphModule, node: fx.Node) -> bool:
    before, seen = list(node.all_input_nodes), set()
    while before:
        each = before.pop()
        if each in seen:
            continue
        seen.add(each)
        layer = _layer(traced, each)
        if layer is not None and any(True for _ in layer.parameters()):
            return False
        before += each.all_input_nodes
    return True


def _blur_convolution(
    traced: fx.GraphModule, node: fx.Node, layer: nn.Conv2d, dense: nn.Conv2d
) -> None:
    stride = pair(layer.stride)
    last = _end_of(traced, node)
    name = f"{node.target}_blurred"
    blur = _added(traced, f"{name}_blur", BlurPool(stride))
    with traced.graph.inserting_after(last):
        after = traced.graph.call_module(blur, (last,))
    last.replace_all_uses_with(after)
    after.args = (last,)
    node.target = _added(traced, name, dense)


def _end_of(traced: fx.GraphModule, node: fx.Node) -> fx.Node:
    last = node
    while len(last.users) == 1:
        (after,) = last.users
        layer = _layer(traced, after)
        if _is_activation(traced, after) or (isinstance(layer, NORMS) and _has(layer, "act")):
            return after  # timm's normalisations activate themselves
        if not isinstance(layer, NORMS):
            break
        last = after
    return last


def _has(layer: nn.Module, name: str) -> bool:
    inner = getattr(layer, name, None)
    return isinstance(inner, nn.Module) and not isinstance(inner, nn.Identity)


def _is_activation(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in ("relu", "relu_", "sigmoid", "tanh")
    if node.op == "call_function":
        return any(node.target is each for each in FUNCTIONS)
    return isinstance(_layer(traced, node), ACTIVATIONS)


def _added(traced: fx.GraphModule, name: str, module: nn.Module) -> str:
    plain = name.replace(".", "_")
    if not hasattr(traced, plain):
        traced.add_module(plain, module)
    return plain
