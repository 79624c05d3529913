"""Networks made for engines: ONNX exports, int8 files, bfloat16; kept in a cache folder.

The cache is ``VIDROBUST_CACHE``, else the user's cache folder. It can be deleted at any time.
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
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import parsed_json
from vidrobust.install_hint import pip_install
from vidrobust.models.engines.runners import OnnxFile
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network
from vidrobust.models.onnx_runtime import onnxruntime

OPSET = (
    17  # Of exports; ONNX Runtime 1.18 and OpenVINO 2024.4, the oldest that are supported, read it
)
INPUT, OUTPUT = "pixels", "scores"
VARIABLE = "VIDROBUST_CACHE"


class CannotExportError(Exception):
    """A module that no exporter takes; the message is one line."""


def exported(module: torch.nn.Module, shape: tuple[int, int], parts: dict[str, object]) -> OnnxFile:
    key = key_of(
        {**parts, "shape": shape, "torch": torch.__version__, "opset": OPSET, "exporter": 1}
    )
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
            with (
                _quiet(["torch.onnx", "onnxscript", "onnx_ir"], _descriptors_to_nowhere()),
                torch.no_grad(),
            ):
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


def with_bfloat16(network: Network) -> Callable[[torch.Tensor], object]:
    """Return a torch module's run under autocast to bfloat16."""

    def run(inputs: torch.Tensor) -> object:
        with torch.autocast(network.device.type, dtype=torch.bfloat16):
            return network.run(inputs)

    return run


def quantised(file: OnnxFile, inputs: torch.Tensor, where: str) -> OnnxFile:
    try:
        onnxruntime()
        from onnxruntime.quantization import QuantType, quantize_static
    except ImportError as error:
        raise SettingsError(
            f"{where}: int8 needs the packages onnx and onnxruntime: {pip_install('onnx')}"
        ) from error
    batches = [file.array(inputs[i : i + 1]) for i in range(len(inputs))]
    seen = hashlib.sha256(b"".join(batch.tobytes() for batch in batches)).hexdigest()

    def make(path: Path) -> None:
        with _quiet([""]):
            quantize_static(
                str(file.path),
                str(path),
                _CalibrationReader(file.input, batches),
                per_channel=True,
                weight_type=QuantType.QInt8,
            )

    try:
        path = made_once(key_of({"file": file_sha256(file.path), "seen": seen}), "int8.onnx", make)
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise SettingsError(f"{where}: it cannot be had in int8: {first[0][:200]}") from error
    return replace(file, path=path)


class _CalibrationReader:
    def __init__(self, name: str, batches: list[np.ndarray]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)

    def __len__(self) -> int:
        return 0

    def set_range(self, start_index: int, end_index: int) -> None:
        """Asked for strides only, which are not used."""


@contextlib.contextmanager
def _quiet(
    loggers: Sequence[str], *contexts: contextlib.AbstractContextManager[None]
) -> Iterator[None]:
    """Exporters talk on every channel; what matters is checked afterwards."""
    talking = [logging.getLogger(name) for name in loggers]
    levels = [logger.level for logger in talking]
    for logger in talking:
        logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            for context in contexts:
                stack.enter_context(context)
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(talking, levels, strict=True):
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


def cache_folder() -> Path:
    """Return ``VIDROBUST_CACHE``, or the place for caches of this system."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "vidrobust" / "cache"
        )
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "vidrobust"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "vidrobust"


def key_of(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def recall(key: str) -> dict[str, Any] | None:
    try:
        found = parsed_json(
            (cache_folder() / "choices" / f"{key}.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember(key: str, what: Mapping[str, Any]) -> bool:
    """Keep something under a key; return False if the folder cannot be written."""
    path = cache_folder() / "choices" / f"{key}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(what, indent=1))
    except OSError:
        return False
    return True


def made_once(key: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return the file ``name`` in the folder of ``key``, made by ``make`` if missing."""
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
