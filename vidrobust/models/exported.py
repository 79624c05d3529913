"""Networks as ONNX files: exported from modules, and quantised.

Exports, int8 files and what OpenVINO compiled are kept in ``VIDROBUST_CACHE``, else in the user's cache folder, which
can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vidrobust.errors import SettingsError, first_line
from vidrobust.install_hint import pip_install
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network
from vidrobust.models.onnx_runtime import OnnxFile, onnxruntime

OPSET = 17  # Of exports; ONNX Runtime 1.18 and OpenVINO 2024.4, the oldest supported, read it
INPUT, OUTPUT = "pixels", "scores"


class CannotExportError(Exception):
    """A module that no exporter takes; the message is one line."""


def onnx_file(network: Network) -> OnnxFile:
    """Return the ONNX file of a network, exported where it is a module; CannotExportError where that fails."""
    module = network.module
    if network.onnx is not None:
        return network.onnx
    if module is None:
        raise CannotExportError("neither a torch module nor an ONNX file")
    shape = network.preprocess.shape
    parts = [network.weights_sha256, network.code_sha256, shape, torch.__version__, OPSET, 1]
    try:
        path = made_once(
            digest(json.dumps(parts).encode()),
            "network.onnx",
            lambda path: _export(module, torch.zeros(2, 3, *shape), path),
        )
    except OSError as error:
        raise CannotExportError(f"the cache cannot be written: {error}") from error
    return OnnxFile(path=path, input=INPUT, output=OUTPUT)


def _export(module: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """By tracing, which is quick and needs no package beside torch; else by torch.export."""
    traced: dict[str, Any] = {
        "dynamic_axes": {INPUT: {0: "N"}, OUTPUT: {0: "N"}},
        "opset_version": OPSET,
    }
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        traced["dynamo"] = False
    captured: dict[str, Any] = {
        "dynamic_shapes": ({0: torch.export.Dim("N")},),
        "dynamo": True,
        "verbose": False,
    }
    failures = []
    for options in (traced, captured):
        options |= {"input_names": [INPUT], "output_names": [OUTPUT]}
        try:
            with _quiet(), torch.no_grad():
                torch.onnx.export(module, (example,), str(path), **options)
            return
        except Exception as error:
            failures.append(f"{type(error).__name__}: {first_line(error)}")
    raise CannotExportError("; ".join(failures))


def quantised(file: OnnxFile, inputs: torch.Tensor, where: str) -> OnnxFile:
    """Return the file in int8, calibrated on inputs (N, 3, H, W); SettingsError where that fails."""
    try:
        onnxruntime()
        from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    except ImportError as error:
        raise SettingsError(
            f"{where}: int8 needs the packages onnx and onnxruntime: {pip_install('onnx')}"
        ) from error
    arrays = [file.array(inputs[i : i + 1]) for i in range(len(inputs))]
    seen = b"".join(array.tobytes() for array in arrays)

    class CalibrationReader(CalibrationDataReader):  # type: ignore[misc]
        feeds = iter([{file.input: array} for array in arrays])

        def get_next(self) -> dict[str, Any] | None:
            return next(self.feeds, None)

    def make(path: Path) -> None:
        with _quiet():
            quantize_static(
                str(file.path),
                str(path),
                CalibrationReader(),
                per_channel=True,
                weight_type=QuantType.QInt8,
            )

    try:
        key = digest(file_sha256(file.path).encode() + seen)
        return replace(file, path=made_once(key, "int8.onnx", make))
    except Exception as error:
        raise SettingsError(f"{where}: it cannot be had in int8: {first_line(error)}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters talk on every channel, past Python's too; what matters is checked afterwards."""
    kept, level = [], logging.root.manager.disable
    try:
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            for descriptor in (1, 2):
                with contextlib.suppress(OSError):  # a process without a terminal may have none
                    kept.append((descriptor, os.dup(descriptor)))
                    os.dup2(nowhere.fileno(), descriptor)
            yield
    finally:
        logging.disable(level)
        for descriptor, copy in kept:
            os.dup2(copy, descriptor)
            os.close(copy)


def made_once(key: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return the file ``name`` in the cache's folder of ``key``, made by ``make`` if missing."""
    folder = cache_folder() / "networks" / key
    if not (folder / name).is_file():
        beside = folder.with_name(f"{key}.{os.getpid()}.part")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            make(beside / name)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(beside, folder)
        except OSError:
            if not (folder / name).is_file():  # another process was not faster
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder / name


def digest(content: bytes) -> str:
    """Return the name of what is made of such content."""
    return hashlib.sha256(content).hexdigest()[:32]


def cache_folder() -> Path:
    """Return ``VIDROBUST_CACHE``, else the user's cache folder."""
    if given := os.environ.get("VIDROBUST_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vidrobust"
