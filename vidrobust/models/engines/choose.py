"""The choice of an engine: the fastest one here that agrees with the reference, measured once and kept."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.engines.export import (
    CannotExportError,
    exported,
    key_of,
    quantised,
    recall,
    remember,
    with_bfloat16,
)
from vidrobust.models.engines.runners import (
    ENGINES,
    Engine,
    EngineRequest,
    GuardedRun,
    OnnxFile,
    Run,
    disagreement,
)
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network
from vidrobust.models.reading import as_rows, in_fixed_batches

FRAMES, ROUNDS = 4, 3  # Engines are timed on so many frames, so many times in turn
SECONDS = 4.0  # Measuring ends after the round in which so much time has passed
BUSY = (
    0.75  # The share of busy processors from which on what was measured may be other work's doing
)


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """A way to run a network; engine "" is the network as loaded."""

    engine: str
    threads: int
    run: Callable[[torch.Tensor], object]
    streams: int = 1  # Parts of a batch that are computed at once

    def called(self, reference: str) -> str:
        parts = f", {self.streams} parts at once" if self.streams > 1 else ""
        return f"{self.engine} on {self.threads} threads{parts}" if self.engine else reference


def with_engine(network: Network, wanted: EngineRequest, sample: torch.Tensor) -> Network:
    """Return a network in the engine wanted; with ``auto`` the fastest that agrees, else as loaded.

    The result's ``notes`` say why. Engines are compared and timed on ``sample``, (N, 3, H, W) uint8,
    preferably real frames. Raises SettingsError where an engine asked for by name is missing or differs in
    float32.
    """
    auto = wanted.engine == "auto"
    if wanted.precision != "float32":
        return in_precision(network, wanted, sample)
    base = (
        "torch" if network.module is not None else "onnxruntime" if network.onnx is not None else ""
    )
    if not base or network.device.type != "cpu" or network.runs_on not in ("", "cpu"):
        if wanted.engine in ("auto", "torch", base):
            return network
        raise SettingsError(
            f"model {network.name}: engine {wanted.engine} is for torch modules and ONNX files on the CPU"
        )
    if wanted.engine == "torch" or (wanted.engine == base and wanted.threads is None):
        return network
    try:
        return _chosen(network, onnx_file(network), wanted, sample)
    except CannotExportError as error:
        if not auto:
            raise SettingsError(
                f"model {network.name}: cannot be exported for {wanted.engine}: {error}"
            ) from error
        return noted(network, f"computed by torch: it cannot be exported ({error})")


def onnx_file(network: Network) -> OnnxFile:
    if network.onnx is not None:
        return network.onnx
    if network.module is None:
        raise CannotExportError("neither a torch module nor an ONNX file")
    return exported(network.module, network.preprocess.shape, identified(network))


def identified(network: Network) -> dict[str, object]:
    return {"weights": network.weights_sha256, "code": network.code_sha256}


def opened(
    engine: Engine,
    file: OnnxFile,
    threads: int,
    wanted: EngineRequest,
    where: str,
    streams: int = 1,
) -> Run:
    """Return an engine's run; SettingsError if it is not installed or does not take the network."""
    if missing := engine.missing():
        raise SettingsError(f"{where}: engine {engine.name} {missing}")
    try:
        return engine.open(file, threads, wanted.precision, streams)
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise SettingsError(
            f"{where}: {engine.name} does not take this network: {first[0][:200]}"
        ) from error


def in_precision(network: Network, wanted: EngineRequest, sample: torch.Tensor) -> Network:
    """Return the network in bfloat16 or int8, with a note on how many labels that changes."""
    where = f"model {network.name}"
    loaded = network
    inputs = network.preprocess(sample)
    reference = rows_of(network.run, inputs, network)
    if (
        wanted.engine in ("auto", "torch")
        and wanted.precision == "bfloat16"
        and network.module is not None
    ):
        run, engine, threads = with_bfloat16(network), f"{network.engine}, autocast", 0
    else:
        kind = ENGINES["openvino" if wanted.engine in ("auto", "torch") else wanted.engine]
        threads = wanted.threads or torch.get_num_threads()
        try:
            file = onnx_file(network)
            if wanted.precision == "int8":
                file = quantised(file, inputs, where)
                network = dataclasses.replace(
                    network, code_sha256=f"{network.code_sha256} int8 {file_sha256(file.path)}"
                )
        except CannotExportError as error:
            raise SettingsError(
                f"{where}: cannot be exported for {wanted.precision}: {error}"
            ) from error
        run, engine = opened(kind, file, threads, wanted, where), kind.title
    flips = int((rows_of(run, inputs, network).argmax(axis=1) != reference.argmax(axis=1)).sum())
    note = f"{wanted.precision} as asked for: {flips} of {len(inputs)} labels differ from float32 where tried"
    return dataclasses.replace(
        noted(network, note),
        run=run,
        engine=engine,
        precision=wanted.precision,
        threads=threads,
        as_loaded=loaded,
    )


def rows_of(
    run: Callable[[torch.Tensor], object], inputs: torch.Tensor, network: Network
) -> np.ndarray:
    """Return scores (N, K), computed in batches of the network's size."""
    where = f"model {network.name}"
    with torch.inference_mode():
        return in_fixed_batches(lambda part: as_rows(run(part), where), inputs, network.fixed_batch)


def noted(network: Network, note: str) -> Network:
    return dataclasses.replace(network, notes=(*network.notes, note))


def _chosen(
    network: Network, file: OnnxFile, wanted: EngineRequest, sample: torch.Tensor
) -> Network:
    key = _key(network, wanted)
    known = recall(key)
    if (
        known is not None
        and not _was_disturbed(known)
        and (found := _as_known(network, file, wanted, known, key))
    ):
        return found
    inputs = network.preprocess(
        sample[torch.arange(max(FRAMES, torch.get_num_threads())) % len(sample)]
    )
    reference = rows_of(network.run, inputs, network)
    candidates, why_not = _candidates(network, file, wanted, inputs, reference)
    if wanted.engine == "auto" or not candidates:
        candidates.append(EngineChoice(engine="", threads=0, run=network.run))
    if wanted.engine != "auto" and candidates[0].engine == "":
        raise SettingsError(f"model {network.name}: {'; '.join(why_not)}")
    alone = len(candidates) == 1
    speeds = (
        [0.0] if alone else measured([candidate.run for candidate in candidates], inputs, network)
    )
    best = candidates[int(np.argmax(speeds))]
    reference_name = network.engine.partition(",")[0]
    words = [
        f"{c.called(reference_name)} {speed:.3g}"
        for c, speed in zip(candidates, speeds, strict=True)
    ]
    note = f"engine chosen by measurement, frames/s: {', '.join(words)}" if len(words) > 1 else ""
    notes = [text for text in (note, *why_not) if text]
    record = {
        "engine": best.engine,
        "threads": best.threads,
        "streams": best.streams,
        "notes": notes,
    }
    remember(key, {**record, "load": busy_processors()})
    return _running(network, best, notes, key)


def _candidates(
    network: Network,
    file: OnnxFile,
    wanted: EngineRequest,
    inputs: torch.Tensor,
    reference: np.ndarray,
) -> tuple[list[EngineChoice], list[str]]:
    found, why_not = [], []
    for engine in ENGINES.values():
        if wanted.engine not in ("auto", engine.name):
            continue
        for threads, streams in _ways_to_share(network, wanted):
            try:
                run = opened(engine, file, threads, wanted, engine.name, streams)
                differs = disagreement(reference, rows_of(run, inputs, network))
            except SettingsError as error:
                differs = str(error).partition(": ")[2]
            except Exception as error:
                differs = f"fails on frames: {type(error).__name__}: {error}"
            if differs:
                why_not.append(f"not {engine.name}: {differs}")
                break
            found.append(
                EngineChoice(engine=engine.name, threads=threads, run=run, streams=streams)
            )
    return found, why_not


def _ways_to_share(network: Network, wanted: EngineRequest) -> list[tuple[int, int]]:
    """Return threads and streams to try: a batch on all threads, and a part of it on each."""
    most = wanted.threads or torch.get_num_threads()
    shared = [(most, most)] if network.fixed_batch is None and most > 1 else []
    return (
        [*shared, (most, 1)]
        if wanted.threads or most == 1
        else [*shared, (most, 1), (most // 2, 1)]
    )


def _as_known(
    network: Network, file: OnnxFile, wanted: EngineRequest, known: dict[str, object], key: str
) -> Network | None:
    # not compared here: GuardedRun does that on the footage
    name, threads, notes = str(known.get("engine")), known.get("threads"), known.get("notes")
    streams = known.get("streams", 1)
    if not isinstance(threads, int) or not isinstance(streams, int) or not isinstance(notes, list):
        return None
    if name == "":
        return _running(network, EngineChoice(engine="", threads=0, run=network.run), notes, key)
    engine = ENGINES.get(name)
    if engine is None or engine.missing():
        return None
    run = opened(engine, file, threads, wanted, f"model {network.name}", streams)
    return _running(network, EngineChoice(engine=name, threads=threads, run=run), notes, key)


def _running(network: Network, chosen: EngineChoice, notes: Sequence[str], key: str) -> Network:
    loaded = network
    network = dataclasses.replace(network, notes=(*network.notes, *notes))
    if chosen.engine == "":
        return network

    def reject(why: str) -> None:
        remember(
            key, {"engine": "", "threads": 0, "notes": [f"not {chosen.engine}: {why}, on footage"]}
        )

    guarded = GuardedRun(chosen.run, network.run, reject, whole=network.fixed_batch is not None)
    return dataclasses.replace(
        network,
        run=guarded,
        engine=ENGINES[chosen.engine].title,
        threads=chosen.threads,
        as_loaded=loaded,
    )


def busy_processors() -> float:
    """Return the share of processors busy over the last minute; NaN if unknown."""
    if not hasattr(os, "getloadavg"):
        return float("nan")
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _was_disturbed(known: Mapping[str, object]) -> bool:
    then = known.get("load")
    return isinstance(then, float) and then > BUSY and busy_processors() < then / 2


def measured(
    runs: Sequence[Callable[[torch.Tensor], object]], inputs: torch.Tensor, network: Network
) -> list[float]:
    """Return frames per second of each run, the best of a few rounds."""
    best = [float("inf")] * len(runs)
    started = time.perf_counter()
    for _ in range(ROUNDS):
        for place, run in enumerate(runs):
            before = time.perf_counter()
            rows_of(run, inputs, network)
            best[place] = min(best[place], time.perf_counter() - before)
        if time.perf_counter() - started > SECONDS:
            break
    return [len(inputs) / seconds for seconds in best]


def _key(network: Network, wanted: EngineRequest) -> str:
    return key_of(
        {
            **identified(network),
            "shape": network.preprocess.shape,
            "loaded": network.engine,
            "engines": [engine.title for engine in ENGINES.values() if not engine.missing()],
            "wanted": dataclasses.asdict(wanted),
            "threads": torch.get_num_threads(),
            "streams": True,  # what was chosen before batches were shared among streams is measured again
            "machine": [
                platform.machine(),
                platform.processor(),
                torch.backends.cpu.get_cpu_capability(),
            ],
        }
    )
