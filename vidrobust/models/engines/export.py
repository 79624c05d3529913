"""A torch module becomes an ONNX file, once: traced, with a free batch size."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from vidrobust.models.engines.cache import key_of, made_once
from vidrobust.models.engines.runners import OnnxFile

OPSET = 17
INPUT, OUTPUT = "pixels", "scores"


class CannotExportError(Exception):
    """A module that no exporter takes; the message is one line."""


def exported(module: torch.nn.Module, shape: tuple[int, int], parts: dict[str, object]) -> OnnxFile:
    """The module as an ONNX file in the cache, exported where it is not there yet.

    shape  height and width of its input, px
    parts  what identifies the module: hashes of weights and code

    Raises CannotExportError. That the file computes the same is for the caller to check: a trace holds on to
    the branch that its example took.
    """
    key = key_of({**parts, "shape": shape, "torch": torch.__version__, "opset": OPSET, "exporter": 1})
    try:
        path = made_once(key, "network.onnx", lambda path: _export(module, shape, path))
    except OSError as error:
        raise CannotExportError(f"the cache cannot be written: {error}") from error
    return OnnxFile(path=path, input=INPUT, output=OUTPUT)


def _export(module: torch.nn.Module, shape: tuple[int, int], path: Path) -> None:
    example = torch.zeros(2, 3, *shape)
    failures = []
    for export in (_traced, _captured):
        try:
            with _quiet(), torch.no_grad():
                export(module, example, path)
            return
        except Exception as error:
            first = str(error).strip().splitlines()[:1] or [""]
            failures.append(f"{type(error).__name__}: {first[0][:160]}")
    raise CannotExportError("; ".join(failures))


def _traced(module: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """The exporter by tracing: quick, one file, no package beside torch's own."""
    how: dict[str, Any] = (
        {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    )
    free = {INPUT: {0: "N"}, OUTPUT: {0: "N"}}
    torch.onnx.export(
        module,
        (example,),
        str(path),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes=free,
        opset_version=OPSET,
        **how,
    )


def _captured(module: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """The exporter by torch.export, where onnxscript is installed."""
    import onnxscript  # noqa: F401

    torch.onnx.export(
        module,
        (example,),
        str(path),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        dynamo=True,
        verbose=False,
    )


@contextlib.contextmanager
def _quiet() -> Any:
    """Exporters talk on every channel; what matters is checked afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            _descriptors_to_nowhere(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _descriptors_to_nowhere() -> Iterator[None]:
    """Torch prints a graph that it cannot export to the process's own output, past Python's."""
    kept = []
    with open(os.devnull, "w") as nowhere:
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):  # a process without a terminal may have none
                kept.append((descriptor, os.dup(descriptor)))
                os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        for descriptor, own in kept:
            os.dup2(own, descriptor)
            os.close(own)
