"""BlurPool in a user's own network: a small blur before a feature map is subsampled."""

from __future__ import annotations

import copy
from typing import Any, Literal, get_args

import torch
from torch import fx, nn
from torch.nn import functional

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install

Kernel = Literal["rectangle-2", "triangle-3", "binomial-5"]
# What stands between a convolution and the place of its blur (Zhang 2019, equation 5: blur after the activation)
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm)
ACTIVATIONS = tuple(getattr(nn, name) for name in nn.modules.activation.__all__)
FUNCTIONS = (torch.relu, torch.relu_, torch.sigmoid, torch.tanh)
POOLS: dict[Any, type[nn.Module]] = {
    functional.max_pool2d: nn.MaxPool2d,
    functional.avg_pool2d: nn.AvgPool2d,
}
WIDEST_STRIDE = (
    3  # of an average pool that subsamples; wider ones gather the whole map before a classifier
)
LEAVES = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


class BlurredPool(nn.Module):
    """A max pool without its stride, or an average pool's place, then a blur; the size stays."""

    def __init__(self, pool: nn.MaxPool2d | nn.AvgPool2d, blur: nn.Module) -> None:
        super().__init__()
        self.pool, self.blur, self.stride = pool, blur, _stride(pool)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, h, w) as the strided pool gives it."""
        height, width = self.pool(maps).shape[-2:]
        if self.pool.ceil_mode:  # so that as many windows begin
            maps = functional.pad(maps, (0, self.stride - 1, 0, self.stride - 1), "replicate")
        if isinstance(self.pool, nn.MaxPool2d):
            kept = self.pool.kernel_size, 1, self.pool.padding, self.pool.dilation
            maps = functional.max_pool2d(maps, *kept)
        blurred: torch.Tensor = self.blur(maps)
        return blurred[..., :height, :width]


def blurred(module: nn.Module, kernel: Kernel = "triangle-3") -> nn.Module:
    """Put blurs where a network subsamples; the names of its parameters stay.

    A strided convolution loses its stride and is blurred behind its activation, a max pool loses its stride and is
    blurred, an average pool becomes a blur. The first convolution stays as it is, as in the published networks. Of
    torchvision's detectors the backbone is changed.

    Parameters
    ----------
    module
        A network that ``torch.fx`` can trace.
    kernel
        ``rectangle-2``, ``triangle-3`` or ``binomial-5`` (Zhang 2019, section 4.2).

    Returns
    -------
    torch.nn.Module
        A changed copy in eval mode, with the same state; ``blurs`` counts its blurs.

    Raises
    ------
    SettingsError
        If the network cannot be traced, subsamples nowhere, or timm is not installed.

    Examples
    --------
    >>> blurred(torchvision.models.resnet18()).blurs  # doctest: +SKIP
    7

    References
    ----------
    Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv 1904.11486.
    """
    if kernel not in get_args(Kernel):
        raise SettingsError(f"blurpool={kernel}: kernels are {', '.join(get_args(Kernel))}")
    whole = copy.deepcopy(module).eval()
    backbone = getattr(whole, "backbone", None) if hasattr(whole, "transform") else None
    if backbone is not None:
        whole.backbone = blurred(backbone, kernel)
        whole.blurs = whole.backbone.blurs
        return whole
    try:
        traced = fx.GraphModule(whole, _Tracer().trace(whole))
    except Exception as error:  # whatever the user's code raises when it is traced
        raise SettingsError(f"blurpool: torch.fx cannot trace this network ({error})") from error
    for name, child in whole.named_children():
        if not hasattr(traced, name):  # heads that only train: their parameters stay in the file
            traced.add_module(name, child)
    count, first = 0, ""
    for node in list(traced.graph.nodes):
        layer = _layer(whole, node)
        first = first or (str(node.target) if isinstance(layer, nn.Conv2d) else "")
        dense = _dense(layer) if isinstance(layer, nn.Conv2d) and node.target != first else None
        if dense is not None:
            traced.set_submodule(str(node.target), dense)
            _insert(traced, _end(whole, node), _blur(layer, kernel), count)
        elif type(layer) in POOLS.values() and _stride(layer) > 1 and not _gathers(layer):
            pool = f"blurred_pool_{count}"
            traced.add_module(pool, BlurredPool(layer, _blur(layer, kernel)))  # type: ignore[arg-type]
            node.op, node.target, node.kwargs = "call_module", pool, {}
            node.args = (node.args or (node.kwargs["input"],))[:1]
        else:
            continue
        count += 1
    if not count:
        raise SettingsError(
            "blurpool: behind its first convolution this network has no stride that a blur could take"
        )
    traced.recompile()
    traced.blurs = count  # type: ignore[assignment]
    return traced.eval()


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            isinstance(m, LEAVES) or _is_norm(m) or super().is_leaf_module(m, module_qualified_name)
        )


def _layer(whole: nn.Module, node: fx.Node) -> nn.Module | None:
    """The layer that a node calls; of a function that pools the layer that does the same."""
    if node.op == "call_function" and node.target in POOLS:
        return POOLS[node.target](
            *node.args[1:], **{k: v for k, v in node.kwargs.items() if k != "input"}
        )
    return whole.get_submodule(str(node.target)) if node.op == "call_module" else None


def _stride(layer: Any) -> int:
    """The stride of a layer of the same stride along both axes, else 1: it is left."""
    sides = (layer.stride,) * 2 if isinstance(layer.stride, int) else tuple(layer.stride)
    return int(sides[0]) if len(set(sides)) == 1 else 1


def _gathers(pool: nn.Module | None) -> bool:
    return isinstance(pool, nn.AvgPool2d) and _stride(pool) > WIDEST_STRIDE


def _dense(layer: nn.Conv2d) -> nn.Conv2d | None:
    """The convolution without its stride; None without one, or if the strided one is no sample of it."""
    stride, dense = _stride(layer), copy.copy(layer)
    dense.stride = (1, 1)
    for size in (32, 33) if stride > 1 else ():
        maps = torch.linspace(-1, 1, layer.in_channels * size**2).reshape(1, -1, size, size).sin()
        with torch.inference_mode():
            few, every = layer(maps.to(layer.weight)), dense(maps.to(layer.weight))
        every = every[..., ::stride, ::stride]
        if few.shape != every.shape or not torch.allclose(few, every, atol=1e-4):
            return None  # pads by its stride
    return dense if stride > 1 else None


def _blur(layer: Any, kernel: Kernel) -> nn.Module:
    try:
        from timm.layers.blur_pool import BlurPool2d
    except ModuleNotFoundError as error:
        raise SettingsError(f"blurpool: needs the package timm: {pip_install('timm')}") from error
    taps = int(kernel[-1])
    blur: nn.Module = BlurPool2d(None, taps, _stride(layer), pad_mode="replicate")
    blur.padding = [(taps - 1) // 2, taps // 2] * 2  # type: ignore[assignment]  # timm's fits odd kernels
    return blur


def _end(whole: nn.Module, node: fx.Node) -> fx.Node:
    """The last node of convolution, normalisation and activation."""
    while len(node.users) == 1:
        (after,) = node.users
        layer = _layer(whole, after)
        if isinstance(layer, ACTIVATIONS) or _activates(after):
            return after
        if not _is_norm(layer):
            break
        node = after
    return node


def _is_norm(layer: nn.Module | None) -> bool:
    from torchvision.ops import FrozenBatchNorm2d  # here: its import takes as long as that of torch

    return isinstance(layer, (*NORMS, FrozenBatchNorm2d))


def _activates(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in ("relu", "relu_", "sigmoid", "tanh")
    name = getattr(node.target, "__name__", "")
    names = {one.removesuffix("_") for one in dir(functional)} & {
        "relu",
        "relu6",
        "silu",
        "gelu",
        "mish",
        "elu",
    }
    return node.op == "call_function" and (node.target in FUNCTIONS or name.strip("_") in names)


def _insert(traced: fx.GraphModule, last: fx.Node, blur: nn.Module, count: int) -> None:
    traced.add_module(f"blur_{count}", blur)
    with traced.graph.inserting_after(last):
        after = traced.graph.call_module(f"blur_{count}", (last,))
    last.replace_all_uses_with(after, delete_user_cb=lambda user: user is not after)
