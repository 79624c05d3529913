"""Networks in files of PyTorch: TorchScript, and archives of torch.export."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vidrobust.errors import DAMAGED, InputError, SettingsError
from vidrobust.models.classes import given_names
from vidrobust.models.detection.candidates import Outputs
from vidrobust.models.detection.heads import ultralytics_entry
from vidrobust.models.detection.network import DetectionNetwork
from vidrobust.models.info import file_sha256
from vidrobust.models.modules import full_precision, weights_only
from vidrobust.models.network import Network
from vidrobust.models.sidecar import Sidecar, find_entry, read_entry, read_sidecar
from vidrobust.models.spec import Form, ModelKind, ModelSpec


def exported_program(spec: ModelSpec, device: torch.device) -> Network:
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
    return _classifier(spec, sidecar, program.module(), batch, "exported program", device)


def _classifier(
    spec: ModelSpec,
    sidecar: Sidecar,
    module: Callable[[torch.Tensor], object],
    batch: int | None,
    what: str,
    device: torch.device,
) -> Network:
    path = spec.file()

    def run(inputs: torch.Tensor) -> object:
        with full_precision(device):
            return module(inputs.contiguous())

    return Network(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        device=device,
        engine=f"torch {torch.__version__}, {what}",
        weights=str(path),
        weights_sha256=file_sha256(path),
        fixed_batch=batch,
        declared=sidecar.declared,
        class_names=given_names(spec.options.get("classes")) or sidecar.class_names,
        notes=()
        if batch is None
        else (f"exported for batches of {batch}: larger ones are cut up",),
    )


def torchscript_model(spec: ModelSpec, device: torch.device) -> Network | DetectionNetwork:
    """Load a TorchScript network; one of Ultralytics describes itself, others need a sidecar."""
    path = spec.file()
    module, config = _script(spec, path, device)
    own = ultralytics_entry(config)
    where, entry = find_entry(path, spec.options.get("sidecar"), own=own)
    if entry.get("task") != "detection":
        classifier = read_sidecar(path, spec.options.get("sidecar"), own=own)
        batch = _batch_of(module, classifier.preprocess.shape, device)
        return _classifier(spec, classifier, module, batch, "TorchScript", device)
    sidecar = read_entry(entry, where)

    def run(inputs: torch.Tensor) -> Outputs:
        with full_precision(device):
            answer: Any = module(inputs.contiguous().to(device))
        if isinstance(answer, torch.Tensor):
            answer = (answer,)
        named = (
            answer if isinstance(answer, dict) else {f"output{k}": a for k, a in enumerate(answer)}
        )
        return {name: array.float().cpu().numpy() for name, array in named.items()}

    return DetectionNetwork(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        head=sidecar.head,
        settings=sidecar.settings,
        suppression=sidecar.suppression,
        device=str(device),
        engine=f"torch {torch.__version__}, TorchScript",
        weights=str(path),
        weights_sha256=file_sha256(path),
        fixed_batch=_batch_of(module, sidecar.preprocess.size, device),
        class_names=given_names(spec.options.get("classes"), fewest=1) or sidecar.class_names,
    )


def _script(spec: ModelSpec, path: Path, device: torch.device) -> tuple[Any, dict[str, Any]]:
    """The module, and what Ultralytics writes beside it."""
    beside = {"config.txt": ""}
    try:
        with warnings.catch_warnings():
            # torch.export has replaced it, but the files are there
            warnings.simplefilter("ignore", DeprecationWarning)
            load: Callable[..., Any] = torch.jit.load
            module = load(str(path), map_location=device, _extra_files=beside).eval()
        config = json.loads(beside["config.txt"] or "{}")
    except (RuntimeError, *DAMAGED) as error:
        first = str(error).strip().splitlines()[:1]
        raise InputError(
            f"{spec.text}: {path} cannot be read as TorchScript: {first[0] if first else 'it is damaged'}"
        ) from error
    return module, config if isinstance(config, dict) else {}


def _batch_of(module: Any, size: tuple[int, int], device: torch.device) -> int | None:
    """1 where the network was traced for one picture alone, else None."""
    try:
        with torch.inference_mode():
            answer = module(torch.zeros(2, 3, *size, device=device))
    except RuntimeError:
        return 1
    first = answer if isinstance(answer, torch.Tensor) else next(iter(answer))
    return None if isinstance(first, str) or len(first) == 2 else 1


def _exported_batch(program: Any, spec: str) -> int | None:
    users = set(program.graph_signature.user_inputs)
    values = [
        node.meta["val"]
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in users
    ]
    if len(values) != 1 or not isinstance(values[0], torch.Tensor) or values[0].ndim != 4:
        raise SettingsError(
            f"{spec}: expected a program of one input (N, 3, H, W), got {len(values)} inputs"
        )
    batch = values[0].shape[0]
    return batch if isinstance(batch, int) else None


KINDS = (
    ModelKind(
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
    ),
    ModelKind(
        scheme="torchscript",
        load=torchscript_model,
        options=("sidecar", "classes"),
        endings=(".torchscript", ".ts"),
        forms=(
            Form(
                spec="torchscript:FILE",
                what="TorchScript classifier or detector with a sidecar TOML, or of Ultralytics",
                example="torchscript:nets/parts.torchscript",
                needs=("torch",),
            ),
        ),
    ),
)
