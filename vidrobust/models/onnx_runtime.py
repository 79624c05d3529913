"""ONNX Runtime: an opened file, what goes in, and what it says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.onnx_external import external_files
from vidrobust.models.spec import ModelSpec

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def runtime(spec: ModelSpec) -> Any:
    """The package onnxruntime, or a SettingsError that says how to get it."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise SettingsError(f"{spec.text}: needs the package onnxruntime: {pip_install('onnx')}") from error
    return onnxruntime


def open_session(path: Path, device: torch.device, spec: ModelSpec) -> tuple[Any, list[str]]:
    """A session on the CPU, or on CUDA where ONNX Runtime can, and notes of fallbacks."""
    external_files(path)  # refuses weights outside the folder before anything reads them
    package = runtime(spec)
    options = package.SessionOptions()
    options.intra_op_num_threads = spec.number("threads") or torch.get_num_threads()
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    notes = []
    if device.type == "cuda":
        if "CUDAExecutionProvider" in package.get_available_providers():
            cuda = {"device_id": str(device.index or 0), "use_tf32": "0"}
            providers.insert(0, ("CUDAExecutionProvider", cuda))
        else:
            notes.append("onnxruntime has no CUDA here: run on the CPU (pip install onnxruntime-gpu)")
    try:
        session = package.InferenceSession(path, options, providers=providers)
    except Exception as error:
        raise InputError(f"{spec.text}: {path} cannot be read as an ONNX network: {error}") from error
    if len(providers) > 1 and session.get_providers()[0] != "CUDAExecutionProvider":
        notes.append("onnxruntime could not start CUDA: run on the CPU")
    return session, notes


def check_input(session: Any, size: tuple[int, int], spec: str) -> tuple[list[Any], Any, bool]:
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
    wrong = [s for s, size in zip(sides, size, strict=False) if isinstance(s, int) and s != size]
    if len(shape) != 4 or (isinstance(channels, int) and channels != 3) or wrong:
        raise SettingsError(
            f"{spec}: its input is {shape}, but the sidecar makes (N, 3, {', '.join(map(str, size))})"
        )
    return shape, _DTYPES[kind], last


def weight_files(path: Path) -> list[Path]:
    """The network and the files beside it that hold its weights."""
    return [path, *(file for file in external_files(path) if file.is_file())]
