"""Networks exported by torch.export (.pt2), with a sidecar TOML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.classes import given_names
from vidrobust.models.info import file_sha256
from vidrobust.models.modules import full_precision, weights_only
from vidrobust.models.network import Network
from vidrobust.models.sidecar import read_sidecar
from vidrobust.models.spec import Form, ModelKind, ModelSpec


def exported_program(spec: ModelSpec, device: torch.device) -> Network:
    """A torch.export archive (.pt2) with a sidecar TOML."""
    path = spec.file()
    sidecar = read_sidecar(path, spec.options.get("sidecar"))
    try:
        with weights_only():
            program = torch.export.load(path)
    except Exception as error:
        raise InputError(
            f"{spec.text}: {path} cannot be read as a torch.export archive without running code from it; if it is "
            f"your own, export it with plain tensors as example inputs, or use package.module:factory: {error}"
        ) from error
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    batch = _exported_batch(program, spec.text)
    network: Callable[[torch.Tensor], object] = program.module()

    def run(inputs: torch.Tensor) -> object:
        with full_precision(device):
            return network(inputs.contiguous())

    return Network(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        device=device,
        engine=f"torch {torch.__version__}, exported program",
        weights=str(path),
        weights_sha256=file_sha256(path),
        fixed_batch=batch,
        declared=sidecar.declared,
        class_names=given_names(spec.options.get("classes")) or sidecar.class_names,
        notes=() if batch is None else (f"exported for batches of {batch}: larger ones are cut up",),
    )


def _exported_batch(program: Any, spec: str) -> int | None:
    """The batch size a program was exported for, or None where it is free."""
    users = set(program.graph_signature.user_inputs)
    values = [
        node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in users
    ]
    if len(values) != 1 or not isinstance(values[0], torch.Tensor) or values[0].ndim != 4:
        raise SettingsError(f"{spec}: expected a program of one input (N, 3, H, W), got {len(values)} inputs")
    batch = values[0].shape[0]
    return batch if isinstance(batch, int) else None


KIND = ModelKind(
    scheme="pt2",
    load=exported_program,
    options=("sidecar", "classes"),
    endings=(".pt2",),
    forms=(
        Form(
            spec="pt2:FILE",
            what="torch.export archive with a sidecar TOML",
            example="pt2:nets/parts.pt2",
            needs=("torch",),
        ),
    ),
)
