"""Engines: OpenVINO or ONNX Runtime computes a network where it answers as the network that was loaded.

``auto`` takes OpenVINO, else ONNX Runtime, else the network as loaded; each thread computes a part of a batch. In 12
of 18 timings (nine networks, batches of 4 and 16, two threads) that way of OpenVINO was the fastest of four and in all
but one no slower than the network as loaded, so nothing is timed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Literal, cast

import numpy as np
import torch

from vidrobust.errors import SettingsError, first_line
from vidrobust.install_hint import installed, pip_install
from vidrobust.models.exported import (
    CannotExportError,
    cache_folder,
    digest,
    onnx_file,
    quantised,
)
from vidrobust.models.network import GuardedRun, Network, disagreement
from vidrobust.models.onnx_runtime import OnnxFile, cpu_session
from vidrobust.models.reading import as_rows, in_fixed_batches

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
# (N, 3, H, W) float32 in main memory -> scores
Run = Callable[[torch.Tensor], Any]
KEYS = ("engine", "precision", "threads")  # Options of a spec that ask for an engine
VARIABLE = "VIDROBUST_ENGINE"  # Names the engine where the option does not
# Pictures of a part of a batch: the layers of more do not stay in a processor's cache. Three networks took 4 to 8 %
# less of processors for a batch of 29 than in halves, with equal answers.
PART = 4


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine: its name as in ``--engine``, which is its package, its extra, and how it opens a file."""

    name: str
    extra: str
    precisions: tuple[Precision, ...]
    # (file, threads, precision, streams) -> a run; so many parts of a batch are computed at once
    open: Callable[[OnnxFile, int, Precision, int], Run]

    @property
    def title(self) -> str:
        """Return name and version, for run.json."""
        return f"{self.name} {installed(self.name)}"


def open_openvino(file: OnnxFile, threads: int, precision: Precision, streams: int) -> Run:
    """Open a file in OpenVINO; SettingsError for bfloat16 on a processor without it."""
    package = _openvino()
    core = package.Core()
    # its bindings find NumPy at their first array; two threads that come there together wait for ever
    _ = package.Tensor(np.zeros(1, np.float32)).data
    with contextlib.suppress(RuntimeError):  # a folder that cannot be written costs time alone
        core.set_property({"CACHE_DIR": str(cache_folder() / "compiled")})
    if precision == "bfloat16" and "BF16" not in core.get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    ):
        raise SettingsError("this processor has no bfloat16 arithmetic")
    # the precision by name: by itself it takes bfloat16 where the processor has it
    hints = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": streams,
    }
    compiled = core.compile_model(core.read_model(str(file.path)), "CPU", hints)
    output = compiled.output(file.output)

    def opened(request: Any) -> Run:
        return lambda inputs: np.asarray(request.infer({file.input: file.array(inputs)})[output])

    return _in_parts([opened(compiled.create_infer_request()) for _ in range(streams)])


def open_onnxruntime(file: OnnxFile, threads: int, precision: Precision, streams: int) -> Run:
    """Open a file in ONNX Runtime; int8 files are opened as they are."""
    session = cpu_session(file.path, max(1, threads // streams))

    def run(inputs: torch.Tensor) -> np.ndarray:
        return np.asarray(session.run([file.output], {file.input: file.array(inputs)})[0])

    return _in_parts([run] * streams)


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(name="openvino", extra="openvino", precisions=PRECISIONS, open=open_openvino),
        Engine(
            name="onnxruntime",
            extra="onnx",
            precisions=("float32", "int8"),
            open=open_onnxruntime,
        ),
    )
}
NAMES = ("auto", "torch", *ENGINES)  # What ``--engine`` takes


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """What is asked of an engine."""

    engine: str = "auto"  # One of ``NAMES``
    precision: Precision = "float32"  # One of ``PRECISIONS``
    threads: int | None = None  # None: as many as torch has

    def __post_init__(self) -> None:
        if self.engine not in NAMES:
            raise SettingsError(f"engine: expected one of {', '.join(NAMES)}, got {self.engine!r}")
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"precision: expected one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )
        able = [name for name, engine in ENGINES.items() if self.precision in engine.precisions]
        has_it = {"auto": True, "torch": self.precision != "int8"}
        if not has_it.get(self.engine, self.engine in able):
            raise SettingsError(
                f"engine {self.engine} has no {self.precision}: use {' or '.join(able)}"
            )

    def changed(self, options: Mapping[str, str], threads: int | None) -> EngineRequest:
        """Return the request under the options of a spec."""
        return EngineRequest(
            engine=options.get("engine", self.engine),
            precision=cast(Precision, options.get("precision", self.precision)),
            threads=threads if threads is not None else self.threads,
        )


def default_engine() -> str:
    """Return the engine that ``VIDROBUST_ENGINE`` names, else auto."""
    return os.environ.get(VARIABLE) or "auto"


def with_engine(network: Network, wanted: EngineRequest, sample: torch.Tensor) -> Network:
    """Return a network in the engine wanted; with ``auto`` in the first that agrees, else as loaded.

    The result's ``notes`` say why an engine was not taken, and how many labels a precision changes. Engines are
    compared on ``sample``, (N, 3, H, W) uint8, preferably real frames. Raises SettingsError where an engine or a
    precision asked for is missing, or an engine asked for differs in float32.
    """
    where = f"model {network.name}"
    base = (
        "torch" if network.module is not None else "onnxruntime" if network.onnx is not None else ""
    )
    rounded = wanted.precision != "float32"
    if rounded and wanted.engine in ("auto", "torch"):
        if wanted.precision == "bfloat16" and network.module is not None:
            run = _with_bfloat16(network)
            return _taken(network, wanted, run, f"{network.engine}, autocast", sample)
        wanted = replace(wanted, engine="openvino")
    elif not rounded:
        if not base or network.device.type != "cpu" or network.runs_on not in ("", "cpu"):
            if wanted.engine in ("auto", "torch", base):
                return network
            raise SettingsError(
                f"{where}: engine {wanted.engine} is for torch modules and ONNX files on the CPU"
            )
        if wanted.engine == "torch" or (wanted.engine == base and wanted.threads is None):
            return network
    try:
        file = onnx_file(network)
        if wanted.precision == "int8":
            file = quantised(file, network.preprocess(sample), where)
    except CannotExportError as error:
        if wanted.engine != "auto":
            raise SettingsError(
                f"{where}: cannot be exported for {wanted.engine}: {error}"
            ) from error
        return _noted(network, f"computed by torch: it cannot be exported ({error})")
    if wanted.engine != "auto":
        return _opened(network, file, wanted, sample)
    for name in ENGINES:
        if installed(name):
            try:
                return _opened(network, file, replace(wanted, engine=name), sample)
            except SettingsError as error:
                network = _noted(network, str(error).removeprefix(f"{where}: "))
    return network


def _opened(
    network: Network, file: OnnxFile, wanted: EngineRequest, sample: torch.Tensor
) -> Network:
    """Return the network in an engine; SettingsError where it is missing, fails or disagrees."""
    where, engine = f"model {network.name}", ENGINES[wanted.engine]
    if not installed(engine.name):
        raise SettingsError(
            f"{where}: engine {engine.name} needs the package {engine.name}: {pip_install(engine.extra)}"
        )
    threads = wanted.threads or torch.get_num_threads()
    streams = threads if network.fixed_batch is None else 1
    try:
        run = engine.open(file, threads, wanted.precision, streams)
        return _taken(network, replace(wanted, threads=threads), run, engine.title, sample)
    except SettingsError as error:
        raise SettingsError(f"{where}: not {engine.name}: {error}") from error
    except Exception as error:
        raise SettingsError(f"{where}: not {engine.name}: {first_line(error)}") from error


def _taken(
    network: Network, wanted: EngineRequest, run: Run, title: str, sample: torch.Tensor
) -> Network:
    inputs = network.preprocess(sample)
    before, after = (_scores(way, inputs, network) for way in (network.run, run))
    changed = replace(
        network,
        run=run,
        engine=title,
        precision=wanted.precision,
        threads=wanted.threads or 0,
        as_loaded=network,
    )
    if wanted.precision == "float32":
        if differs := disagreement(before, after):
            raise SettingsError(differs)
        guarded = GuardedRun(run, network.run, whole=network.fixed_batch is not None)
        return replace(changed, run=guarded)
    flips = int((after.argmax(axis=1) != before.argmax(axis=1)).sum())
    if wanted.precision == "int8":
        seen = digest(inputs.contiguous().numpy().tobytes())
        changed = replace(changed, code_sha256=f"{network.code_sha256} int8 {seen}")
    return _noted(
        changed,
        f"{wanted.precision} as asked for: {flips} of {len(inputs)} labels differ from float32 where tried",
    )


def _scores(run: Run, inputs: torch.Tensor, network: Network) -> np.ndarray:
    where = f"model {network.name}"
    with torch.inference_mode():
        return in_fixed_batches(lambda part: as_rows(run(part), where), inputs, network.fixed_batch)


def _noted(network: Network, note: str) -> Network:
    return replace(network, notes=(*network.notes, note))


def _in_parts(runs: Sequence[Run]) -> Run:
    """Return a run that cuts each batch into parts, and gives each part to the next of these that is free."""
    if len(runs) == 1:
        return runs[0]
    pool, free = ThreadPoolExecutor(len(runs)), SimpleQueue[Run]()
    for run in runs:
        free.put(run)

    def computed(part: torch.Tensor) -> np.ndarray:
        run = free.get()
        try:
            return np.asarray(run(part))
        finally:
            free.put(run)

    def batch(inputs: torch.Tensor) -> np.ndarray:
        count = max(min(len(runs), len(inputs)), -(-len(inputs) // PART), 1)
        return np.concatenate([*pool.map(computed, torch.tensor_split(inputs, count))])

    return batch


def _openvino() -> Any:
    """The package, imported without its telemetry, which would report to its makers over the network."""
    reporter = "openvino_telemetry"
    if reporter in sys.modules:  # other code uses it
        return importlib.import_module("openvino")
    sys.modules[reporter] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[reporter]


def _with_bfloat16(network: Network) -> Run:
    def run(inputs: torch.Tensor) -> object:
        with torch.autocast(network.device.type, dtype=torch.bfloat16):
            return network.run(inputs)

    return run
