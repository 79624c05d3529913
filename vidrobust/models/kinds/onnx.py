"""ONNX files with a sidecar TOML, computed by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.classes import given_names
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.sidecar import read_sidecar
from vidrobust.models.spec import Form, ModelKind, ModelSpec

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def onnx_model(spec: ModelSpec, device: torch.device) -> Network:
    """An ONNX classifier, on the CPU, or on CUDA where ONNX Runtime can; a fallback is noted.

    Threads: ``threads=N`` in the spec, else as many as torch uses.
    """
    path = spec.file()
    sidecar = read_sidecar(path, spec.options.get("sidecar"))
    session, notes = _session(path, device, spec)
    provider = session.get_providers()[0]
    shape, dtype, last = _input(session, sidecar.preprocess, spec.text)
    output = _output(session, sidecar.output_name, spec.text, sidecar.path)
    batch = shape[0] if isinstance(shape[0], int) else None
    name = session.get_inputs()[0].name

    def run(inputs: torch.Tensor) -> object:
        ordered = inputs.permute(0, 2, 3, 1) if last else inputs
        return session.run([output], {name: ordered.contiguous().numpy().astype(dtype, copy=False)})[0]

    if batch is not None:
        notes.append(f"fixed batch size {batch}: larger batches are cut up")
    return Network(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        device=torch.device("cpu"),  # inputs are handed over in main memory
        runs_on=str(device) if provider == "CUDAExecutionProvider" else "cpu",
        engine=f"onnxruntime {_runtime(spec).__version__}, {provider}",
        precision=np.dtype(dtype).name,
        weights=str(path),
        weights_sha256=file_sha256(*_files(path)),
        fixed_batch=batch,
        output=sidecar.output,
        class_names=given_names(spec.options.get("classes")) or sidecar.class_names,
        notes=tuple(notes),
    )


def _runtime(spec: ModelSpec) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{spec.text}: needs the package onnxruntime: pip install 'vidrobust[onnx]'"
        ) from error
    return onnxruntime


def _session(path: Path, device: torch.device, spec: ModelSpec) -> tuple[Any, list[str]]:
    runtime = _runtime(spec)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = spec.number("threads") or torch.get_num_threads()
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    notes = []
    if device.type == "cuda":
        if "CUDAExecutionProvider" in runtime.get_available_providers():
            cuda = {"device_id": str(device.index or 0), "use_tf32": "0"}
            providers.insert(0, ("CUDAExecutionProvider", cuda))
        else:
            notes.append("onnxruntime has no CUDA here: run on the CPU (pip install onnxruntime-gpu)")
    try:
        session = runtime.InferenceSession(path, options, providers=providers)
    except Exception as error:
        raise InputError(f"{spec.text}: {path} cannot be read as an ONNX network: {error}") from error
    if len(providers) > 1 and session.get_providers()[0] != "CUDAExecutionProvider":
        notes.append("onnxruntime could not start CUDA: run on the CPU")
    return session, notes


def _input(session: Any, preprocess: Preprocess, spec: str) -> tuple[list[Any], Any, bool]:
    """Shape and dtype of the one input, and whether its channels come last; checked against the sidecar."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise SettingsError(
            f"{spec}: expected one input, got {', '.join(i.name for i in inputs)}; "
            "wrap it in package.module:factory"
        )
    shape, kind = list(inputs[0].shape), inputs[0].type
    if kind not in _DTYPES:
        raise SettingsError(
            f"{spec}: its input is {kind}; expected floating point pixels, as the sidecar scales them"
        )
    last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    sides = tuple(shape[1:3] if last else shape[2:4])
    channels = shape[3 if last else 1] if len(shape) == 4 else None
    wrong = [s for s, size in zip(sides, preprocess.shape, strict=False) if isinstance(s, int) and s != size]
    if len(shape) != 4 or (isinstance(channels, int) and channels != 3) or wrong:
        raise SettingsError(
            f"{spec}: its input is {shape}, but the sidecar makes (N, 3, {', '.join(map(str, preprocess.shape))})"
        )
    return shape, _DTYPES[kind], last


def _output(session: Any, named: str | None, spec: str, sidecar: Path) -> str:
    names = [output.name for output in session.get_outputs()]
    if named is None and len(names) == 1:
        return str(names[0])
    if named not in names:
        asked = "which is the class scores?" if named is None else f"and none is called {named!r}."
        raise SettingsError(
            f'{spec}: its outputs are {", ".join(names)}: {asked} Say output_name = "..." in {sidecar}'
        )
    return str(named)


def _files(path: Path) -> list[Path]:
    """The network and, where it lies beside it, its external data."""
    return [p for p in (path, path.with_name(path.name + ".data")) if p.is_file()]


KIND = ModelKind(
    scheme="onnx",
    load=onnx_model,
    options=("sidecar", "classes", "threads"),
    endings=(".onnx",),
    forms=(
        Form(
            spec="onnx:FILE",
            what="ONNX network with a sidecar TOML",
            example="onnx:nets/parts.onnx",
            needs=("onnxruntime",),
            install="'vidrobust[onnx]'",
        ),
    ),
)
