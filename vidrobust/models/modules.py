"""Networks that torch computes: a module in eval mode becomes a Network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import code_sha256
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.reading import Declared
from vidrobust.models.spec import ModelSpec


def from_module(
    module: torch.nn.Module,
    preprocess: Preprocess,
    device: torch.device,
    *,
    name: str,
    weights: str,
    weights_sha256: str,
    class_names: tuple[str, ...] | None = None,
    output: str | None = "logits",
    notes: tuple[str, ...] = (),
) -> Network:
    """A torch module in eval mode, in channels_last unless its code cannot take that."""
    module = module.to(device).eval().requires_grad_(False)
    layout = _layout(module, preprocess, device, name)
    if layout == torch.channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        notes = (*notes, "not run in channels_last, which this network's code does not take")
    word = "channels_last" if layout == torch.channels_last else "contiguous"

    def run(inputs: torch.Tensor) -> object:
        with full_precision(device):
            return module(inputs.contiguous(memory_format=layout))

    return Network(
        name=name,
        run=run,
        preprocess=preprocess,
        device=device,
        engine=f"torch {torch.__version__}, eager, {word}",
        weights=weights,
        weights_sha256=weights_sha256,
        code_sha256=code_sha256(module),
        declared=Declared(output=output),
        class_names=class_names,
        module=module,
        notes=notes,
    )


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Convolutions in float32 on a GPU too, where cuDNN would round the inputs to TF32; else no change."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    flags: AbstractContextManager[None] = cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )
    return flags


def from_hub(spec: ModelSpec, build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """A module with weights from a hub; InputError with the way out where they cannot be had."""
    try:
        return build()
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise InputError(
            f"{spec.text}: its weights could not be had from the hub ({type(error).__name__}: "
            f"{first[0] if first else 'no message'}). Without a network, give a local file: "
            f"{spec.kind}:{spec.target},weights=FILE"
        ) from error


def _layout(
    module: torch.nn.Module, preprocess: Preprocess, device: torch.device, name: str
) -> torch.memory_format:
    """channels_last where the network runs in it, else contiguous; tried on two black frames."""
    inputs = torch.zeros(2, 3, *preprocess.shape, device=device)
    failure: Exception | None = None
    for layout in (torch.channels_last, torch.contiguous_format):
        try:
            with torch.inference_mode():
                module(inputs.contiguous(memory_format=layout))
            return layout
        except Exception as error:
            failure = error
    raise SettingsError(
        f"model {name}: the network does not take float32 input of shape {tuple(inputs.shape)}: {failure}"
    ) from failure
