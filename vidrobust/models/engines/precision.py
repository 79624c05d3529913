"""Networks in bfloat16 and int8, on request only: labels may change, and are counted."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.engines.cache import key_of, made_once
from vidrobust.models.engines.runners import OnnxFile
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network


def with_bfloat16(network: Network) -> Callable[[torch.Tensor], object]:
    """A torch module's run under autocast: matrix products and convolutions in bfloat16."""

    def run(inputs: torch.Tensor) -> object:
        with torch.autocast(network.device.type, dtype=torch.bfloat16):
            return network.run(inputs)

    return run


def quantised(file: OnnxFile, inputs: torch.Tensor, where: str) -> OnnxFile:
    """The network in int8, ranges calibrated on inputs (N, 3, H, W) float32; kept in the cache.

    Static quantisation of ONNX Runtime, per channel, in the QDQ form that OpenVINO reads too. Raises
    SettingsError where the packages are not there or the network is not taken.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_static
    except ImportError as error:
        raise SettingsError(
            f"{where}: int8 needs the packages onnx and onnxruntime: {pip_install('onnx')}"
        ) from error
    batches = [file.array(inputs[i : i + 1]) for i in range(len(inputs))]
    seen = hashlib.sha256(b"".join(batch.tobytes() for batch in batches)).hexdigest()

    def make(path: Path) -> None:
        with _quiet():
            quantize_static(
                str(file.path),
                str(path),
                _Reader(file.input, batches),
                per_channel=True,
                weight_type=QuantType.QInt8,
            )

    try:
        path = made_once(key_of({"file": file_sha256(file.path), "seen": seen}), "int8.onnx", make)
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise SettingsError(f"{where}: it cannot be had in int8: {first[0][:200]}") from error
    return replace(file, path=path)


class _Reader:
    """Hands batches to the calibration, once."""

    def __init__(self, name: str, batches: list[np.ndarray]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)

    def __len__(self) -> int:
        return 0

    def set_range(self, start_index: int, end_index: int) -> None:
        """Asked for strides only, which are not used."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
