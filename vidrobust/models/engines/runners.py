"""Engines that compute an ONNX file on the CPU: one function each, and the table of them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.doctor import installed

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
Run = Callable[[torch.Tensor], np.ndarray]
"""(N, 3, H, W) float32 in main memory -> (N, K) or whatever the network gives."""


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """A network in a file, by the names of what goes in and what is wanted of it.

    channels_last  it takes (N, H, W, 3)
    """

    path: Path
    input: str
    output: str
    dtype: Any = np.float32
    channels_last: bool = False

    def array(self, inputs: torch.Tensor) -> np.ndarray:
        """The inputs as the network takes them."""
        ordered = inputs.permute(0, 2, 3, 1) if self.channels_last else inputs
        return np.asarray(ordered.contiguous().numpy()).astype(self.dtype, copy=False)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """name as in ``--engine``; package that must be installed; open: (file, threads, precision) -> Run."""

    name: str
    package: str
    extra: str
    precisions: tuple[Precision, ...]
    open: Callable[[OnnxFile, int, Precision], Run]

    def missing(self) -> str:
        """ "" where it can be used, else how to get it."""
        if installed(self.package):
            return ""
        return f"needs the package {self.package}: {pip_install(self.extra)}"

    @property
    def title(self) -> str:
        """Name and version, for run.json."""
        return f"{self.name} {installed(self.package)}"


def open_onnxruntime(file: OnnxFile, threads: int, precision: Precision) -> Run:
    """ONNX Runtime; int8 is a matter of the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")  # decoding can use the processors
    session = onnxruntime.InferenceSession(file.path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: np.asarray(session.run([file.output], {file.input: file.array(inputs)})[0])


def open_openvino(file: OnnxFile, threads: int, precision: Precision) -> Run:
    """OpenVINO, asked for its precision by name: by itself it takes bfloat16 where the processor has it."""
    openvino = _openvino()
    core = openvino.Core()
    if precision == "bfloat16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise SettingsError("this processor has no bfloat16 arithmetic")
    compiled = core.compile_model(
        core.read_model(str(file.path)),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        },
    )
    output = compiled.output(file.output)
    return lambda inputs: np.asarray(compiled({file.input: file.array(inputs)})[output])


def _openvino() -> Any:
    """The package, imported without its telemetry: importing it would report to its makers over the network."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    reporter = "openvino_telemetry"
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == reporter}
    sys.modules[reporter] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[reporter]
        sys.modules.update(loaded)


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            name="openvino",
            package="openvino",
            extra="openvino",
            precisions=("float32", "bfloat16", "int8"),
            open=open_openvino,
        ),
        Engine(
            name="onnxruntime",
            package="onnxruntime",
            extra="onnx",
            precisions=("float32", "int8"),
            open=open_onnxruntime,
        ),
    )
}

NAMES = ("auto", "torch", *ENGINES)
"""What ``--engine`` takes."""
VARIABLE = "VIDROBUST_ENGINE"
"""The environment variable that says it where the option does not."""


def default_engine() -> str:
    """``VIDROBUST_ENGINE``, or "auto"."""
    return os.environ.get(VARIABLE) or "auto"
