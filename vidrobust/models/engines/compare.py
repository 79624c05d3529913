"""Speed of every engine and precision for one network, and the labels it changes: ``vidrobust engines``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.errors import SettingsError, VidrobustError
from vidrobust.models.engines.agreement import disagreement, largest_difference
from vidrobust.models.engines.choose import measured, onnx_file, opened, rows_of, thread_counts
from vidrobust.models.engines.export import CannotExportError
from vidrobust.models.engines.precision import quantised, with_bfloat16
from vidrobust.models.engines.runners import ENGINES, PRECISIONS, OnnxFile, Precision
from vidrobust.models.engines.wanted import Wanted
from vidrobust.models.network import Network, NetworkClassifier
from vidrobust.models.predict import Model

CALIBRATION = 16
"""Frames on which int8 is calibrated: the first ones."""


@dataclass(frozen=True, kw_only=True)
class EngineRow:
    """One engine in one precision on some frames, against the network as it was loaded.

    frames_per_s  of the network alone: neither decoding nor preprocessing
    speed         over that of the network as it was loaded
    flips, frames labels that differ, of how many
    difference    largest difference of scores as a share of the largest score
    why           "" or why there are no figures (NaN), or in what it does not agree
    """

    engine: str
    precision: str
    threads: int
    frames_per_s: float
    speed: float
    flips: int
    frames: int
    difference: float
    why: str = ""


@dataclass(frozen=True)
class _Way:
    engine: str
    precision: Precision
    threads: int
    run: Callable[[torch.Tensor], object] | None
    why: str = ""


def compare_engines(model: Model, frames: torch.Tensor) -> list[EngineRow]:
    """A row for each engine and precision, the network as it was loaded first.

    model   as ``load_as_it_is`` gives it
    frames  (N, 3, H, W) uint8, real ones for flips that mean something

    Raises SettingsError for what is no network that was loaded by a spec.
    """
    if not isinstance(model, NetworkClassifier):
        raise SettingsError(f"model {model.name}: engines are compared for networks; this is a callable")
    network = model.network
    with torch.inference_mode():
        inputs = network.preprocess(frames).to(network.device)
    reference = rows_of(network.run, inputs, network)
    ways = [_Way(network.engine.partition(",")[0], "float32", 0, network.run), *_ways(network, inputs)]
    usable = [way.run for way in ways if way.run is not None]
    few = inputs[: min(8, len(inputs))]
    speeds = iter(measured(usable, few, network))
    rows: list[EngineRow] = []
    for way in ways:
        rate = next(speeds) if way.run is not None else float("nan")
        speed = rate / rows[0].frames_per_s if rows else 1.0
        rows.append(_row(way, network, inputs, reference, rate, speed))
    return rows


def _row(
    way: _Way, network: Network, inputs: torch.Tensor, reference: np.ndarray, rate: float, speed: float
) -> EngineRow:
    flips, apart, why = 0, float("nan"), way.why
    if way.run is not None:
        found = rows_of(way.run, inputs, network)
        flips = int((found.argmax(axis=1) != reference.argmax(axis=1)).sum())
        apart = largest_difference(reference, found)
        why = disagreement(reference, found) if way.precision == "float32" else ""
    return EngineRow(
        engine=way.engine,
        precision=way.precision,
        threads=way.threads,
        frames_per_s=rate,
        speed=speed,
        flips=flips,
        frames=len(inputs) if way.run is not None else 0,
        difference=apart,
        why=why,
    )


def _ways(network: Network, inputs: torch.Tensor) -> Iterator[_Way]:
    if network.module is not None:
        yield _Way("torch", "bfloat16", 0, with_bfloat16(network))
    if network.device.type != "cpu":
        return
    try:
        file = onnx_file(network)
    except CannotExportError as error:
        for engine in ENGINES.values():
            yield _Way(engine.name, "float32", 0, None, f"cannot be exported: {error}")
        return
    for engine in ENGINES.values():
        for precision in PRECISIONS:
            if precision in engine.precisions:
                yield from _opened(engine.name, precision, file, network, inputs)


def _opened(
    name: str, precision: Precision, file: OnnxFile, network: Network, inputs: torch.Tensor
) -> Iterator[_Way]:
    for threads in thread_counts(Wanted()):
        try:
            source = quantised(file, inputs[:CALIBRATION], network.name) if precision == "int8" else file
            run = opened(
                ENGINES[name], source, threads, Wanted(engine=name, precision=precision), network.name
            )
            rows_of(run, inputs[:1], network)
        except VidrobustError as error:
            yield _Way(name, precision, threads, None, str(error).partition(": ")[2])
            return
        except Exception as error:
            yield _Way(name, precision, threads, None, f"fails on frames: {type(error).__name__}: {error}")
            return
        yield _Way(name, precision, threads, run)
