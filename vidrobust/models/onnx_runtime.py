"""ONNX Runtime: the only import of it, sessions, and facts of ONNX files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.text.printable import printable

if TYPE_CHECKING:
    from vidrobust.models.spec import ModelSpec

_TEXT = "tensor(string)"
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """A network in a file, with the names of its input and output."""

    path: Path
    input: str
    output: str
    dtype: Any = np.float32
    channels_last: bool = False  # Whether it takes (N, H, W, 3)

    def array(self, inputs: torch.Tensor) -> np.ndarray:
        """Return inputs (N, 3, H, W) float32 as the file takes them."""
        ordered = inputs.permute(0, 2, 3, 1) if self.channels_last else inputs
        return np.asarray(ordered.contiguous().numpy()).astype(self.dtype, copy=False)


def onnxruntime() -> Any:
    """Return the package onnxruntime, imported with its telemetry switched off."""
    # read when the library is loaded: from 1.2x on it reports to events.data.microsoft.com on all systems
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as package

    package.disable_telemetry_events()  # in case somebody else imported it before
    return package


def cpu_session(path: Path, threads: int) -> Any:
    """Open a file on so many threads, which do not wait in a loop for the next call."""
    package = onnxruntime()
    options = package.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return package.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def runtime(spec: ModelSpec) -> Any:
    """Return the package onnxruntime; a SettingsError says how to get it and onnx."""
    try:
        import onnx  # noqa: F401  reads which files hold weights

        return onnxruntime()
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{spec.text}: needs the package {error.name}: {pip_install('onnx')}"
        ) from error


def open_session(path: Path, device: torch.device, spec: ModelSpec) -> tuple[Any, list[str]]:
    """Open a session, on CUDA where ONNX Runtime can; return it with notes of fallbacks."""
    package = runtime(spec)
    external_files(path)  # refuses weights outside the folder before anything reads them
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
            notes.append(
                "onnxruntime has no CUDA here: run on the CPU (pip install onnxruntime-gpu)"
            )
    try:
        session = package.InferenceSession(path, options, providers=providers)
    except Exception as error:
        raise InputError(
            f"{spec.text}: {path} cannot be read as an ONNX network: {error}"
        ) from error
    if len(providers) > 1 and session.get_providers()[0] != "CUDAExecutionProvider":
        notes.append("onnxruntime could not start CUDA: run on the CPU")
    return session, notes


def check_input(session: Any, size: tuple[int, int], spec: str) -> tuple[list[Any], Any, bool]:
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


def numeric_outputs(session: Any, spec: str) -> list[str]:
    """Return the names of the outputs that are numbers; SettingsError if all are text."""
    outputs = session.get_outputs()
    names = [output.name for output in outputs if output.type != _TEXT]
    if not names:
        told = ", ".join(output.name for output in outputs)
        raise SettingsError(
            f"{spec}: its outputs are text ({told}), and scores are needed; export it with its scores as an output"
        )
    return names


def text_outputs(session: Any) -> list[str]:
    """Return a note where outputs are text, which is not read."""
    names = [output.name for output in session.get_outputs() if output.type == _TEXT]
    return [f"outputs that are text are not read: {', '.join(names)}"] if names else []


def weight_files(path: Path) -> list[Path]:
    """Return the network and the files beside it that hold its weights."""
    return [path, *(file for file in external_files(path) if file.is_file())]


def external_files(path: Path) -> list[Path]:
    folder = path.parent.resolve()
    files = set()
    for location in _locations(path):
        file = (folder / location).resolve()
        if not file.is_relative_to(folder):
            raise InputError(
                f"{printable(path)}: reads weights from {printable(Path(location))}, outside its own folder, "
                "and is refused: put the file beside it and save the network again"
            )
        files.add(file)
    return sorted(files)


def _locations(path: Path) -> set[str]:
    import onnx

    def of(message: Any) -> Iterator[str]:
        if isinstance(message, onnx.TensorProto):
            yield from (entry.value for entry in message.external_data if entry.key == "location")
            return
        for field, value in message.ListFields():
            if field.message_type:
                for inner in [value] if hasattr(value, "ListFields") else value:
                    yield from of(inner)

    try:
        return set(of(onnx.load(path, load_external_data=False)))
    except Exception as error:  # protobuf's own kinds
        raise InputError(
            f"{printable(path)}: cannot be read as an ONNX network: {error}"
        ) from error
