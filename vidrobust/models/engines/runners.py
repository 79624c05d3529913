"""The engines: what may be asked of them, and whether they agree."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, cast

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import installed, pip_install
from vidrobust.models.onnx_runtime import cpu_session
from vidrobust.models.reading import as_rows

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
# (N, 3, H, W) float32 in main memory -> (N, K) or whatever the network gives
Run = Callable[[torch.Tensor], np.ndarray]
# Largest difference of scores, as a share of the largest score, that is rounding: float32 sums of some
# thousand products, in another order
TOLERANCE = 1e-4
GUARDED = 4  # Frames of a first batch that are computed twice
KEYS = ("engine", "precision", "threads")  # Options of a spec that ask for an engine
VARIABLE = (
    "VIDROBUST_ENGINE"  # The environment variable that names the engine where the option does not
)


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """A network in a file, with the names of its input and output."""

    path: Path
    input: str
    output: str
    dtype: Any = np.float32
    channels_last: bool = False  # Whether it takes (N, H, W, 3)

    def array(self, inputs: torch.Tensor) -> np.ndarray:
        ordered = inputs.permute(0, 2, 3, 1) if self.channels_last else inputs
        return np.asarray(ordered.contiguous().numpy()).astype(self.dtype, copy=False)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine: its name as in ``--engine``, its package and extra, and how it opens a file."""

    name: str
    package: str
    extra: str
    precisions: tuple[Precision, ...]
    # (file, threads, precision, streams) -> a run; so many parts of a batch are computed at once
    open: Callable[[OnnxFile, int, Precision, int], Run]

    def missing(self) -> str:
        """Return "" where it can be used, else how to get it."""
        if installed(self.package):
            return ""
        return f"needs the package {self.package}: {pip_install(self.extra)}"

    @property
    def title(self) -> str:
        """Return name and version, for run.json."""
        return f"{self.name} {installed(self.package)}"


def in_parts(runs: Sequence[Run]) -> Run:
    """Return a run that cuts each batch into parts, and gives each part to the next of these that is free."""
    if len(runs) == 1:
        return runs[0]
    pool, free = ThreadPoolExecutor(len(runs)), SimpleQueue[Run]()
    for each in runs:
        free.put(each)

    def one(part: torch.Tensor) -> np.ndarray:
        run = free.get()
        try:
            return run(part)
        finally:
            free.put(run)

    def every(inputs: torch.Tensor) -> np.ndarray:
        parts = torch.tensor_split(inputs, max(1, min(len(runs), len(inputs))))
        return np.concatenate([*pool.map(one, parts)]) if len(parts) > 1 else one(inputs)

    return every


def open_onnxruntime(file: OnnxFile, threads: int, precision: Precision, streams: int) -> Run:
    """Open a file in ONNX Runtime; int8 files are opened as they are."""
    session = cpu_session(file.path, max(1, threads // streams), spinning=False)

    def run(inputs: torch.Tensor) -> np.ndarray:
        return np.asarray(session.run([file.output], {file.input: file.array(inputs)})[0])

    return in_parts([run] * streams)


def open_openvino(file: OnnxFile, threads: int, precision: Precision, streams: int) -> Run:
    openvino = _openvino()
    core = openvino.Core()
    if precision == "bfloat16" and "BF16" not in core.get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    ):
        raise SettingsError("this processor has no bfloat16 arithmetic")
    # the precision by name: by itself it takes bfloat16 where the processor has it
    compiled = core.compile_model(
        core.read_model(str(file.path)),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": streams,
        },
    )
    output = compiled.output(file.output)

    def opened(request: Any) -> Run:
        return lambda inputs: np.asarray(request.infer({file.input: file.array(inputs)})[output])

    return in_parts([opened(compiled.create_infer_request()) for _ in range(streams)])


def _openvino() -> Any:
    """The package, imported without its telemetry: importing it would report to its makers over the network."""
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    reporter = "openvino_telemetry"
    loaded = {
        name: module for name, module in sys.modules.items() if name.partition(".")[0] == reporter
    }
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


NAMES = ("auto", "torch", *ENGINES)  # What ``--engine`` takes


def default_engine() -> str:
    return os.environ.get(VARIABLE) or "auto"


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """What is asked of an engine."""

    engine: str = "auto"  # One of ``NAMES``
    precision: Precision = "float32"  # One of ``PRECISIONS``
    threads: int | None = None  # None: chosen by measurement

    def __post_init__(self) -> None:
        if self.engine not in NAMES:
            raise SettingsError(f"engine: expected one of {', '.join(NAMES)}, got {self.engine!r}")
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"precision: expected one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )
        engine = ENGINES.get(self.engine)
        if self.precision not in (engine.precisions if engine else PRECISIONS):
            able = [e.name for e in ENGINES.values() if self.precision in e.precisions]
            raise SettingsError(
                f"engine {self.engine} has no {self.precision}: use {' or '.join(able)}"
            )
        if self.engine == "torch" and self.precision == "int8":
            raise SettingsError("engine torch has no int8: use openvino or onnxruntime")

    def changed(self, options: Mapping[str, str], threads: int | None) -> EngineRequest:
        return EngineRequest(
            engine=options.get("engine", self.engine),
            precision=cast(Precision, options.get("precision", self.precision)),
            threads=threads if threads is not None else self.threads,
        )


def largest_difference(reference: np.ndarray, rows: np.ndarray) -> float:
    """Return the largest difference of scores (N, K) over the largest reference score; inf if NaN."""
    scale = float(np.abs(reference).max(initial=0.0))
    if rows.shape != reference.shape or not np.isfinite(rows).all():
        return float("inf")
    return float(np.abs(rows - reference).max(initial=0.0)) / (scale or 1.0)


def disagreement(reference: np.ndarray, rows: np.ndarray) -> str:
    """Return how scores (N, K) differ, or "" if they agree."""
    if rows.shape != reference.shape:
        return f"answers of shape {rows.shape}, expected {reference.shape}"
    apart = largest_difference(reference, rows)
    if apart > TOLERANCE:
        return f"scores differ by {apart:.2g} of the largest, more than {TOLERANCE:g}"
    first, second = reference.argmax(axis=1), rows.argmax(axis=1)
    each = np.arange(len(reference))
    lead = reference[each, first] - reference[each, second]
    tie = 2 * TOLERANCE * float(np.abs(reference).max(initial=0.0))
    flips = int((lead > tie).sum())
    return f"{flips} of {len(rows)} labels differ" if flips else ""


@dataclass
class GuardedRun:
    """An engine's run, compared with the reference on the first batches and given up if they differ."""

    # run, reference: (N, 3, H, W) float32 -> scores
    run: Callable[[torch.Tensor], object]
    reference: Callable[[torch.Tensor], object]
    on_rejected: Callable[[str], None]  # Called with the reason, once
    whole: bool = False  # Whether whole batches are compared, for networks of a fixed batch size
    left: int = 0  # Batches that are still to be compared
    rejected: str = ""  # Why the reference has taken its place, or ""

    def __call__(self, inputs: torch.Tensor) -> object:
        if self.rejected:
            return self.reference(inputs)
        found = self.run(inputs)
        if self.left > 0 and not self._agrees(inputs, found):
            return self.reference(inputs)
        return found

    def _agrees(self, inputs: torch.Tensor, found: object) -> bool:
        self.left -= 1
        part = inputs if self.whole else inputs[:GUARDED]
        rows = as_rows(found, "engine")[: len(part)]
        self.rejected = disagreement(as_rows(self.reference(part), "reference"), rows)
        if self.rejected:
            self.on_rejected(self.rejected)
        return not self.rejected
