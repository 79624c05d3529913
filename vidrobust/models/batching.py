"""Frames of any number through a classifier, a batch at a time, in smaller batches where memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.predictions import Classifications, Classifier

AUTO_BATCH = 32
"""What ``batch="auto"`` starts from: beyond it neither a CPU nor a GPU gains much on full frames."""

_MEMORY_MESSAGES = ("not enough memory", "can't allocate memory", "failed to allocate", "bad allocation")


def predict_in_batches(
    classifier: Classifier,
    pixels: torch.Tensor,
    batch: int | Literal["auto"] = "auto",
    *,
    on_smaller: Callable[[int], None] | None = None,
) -> Classifications:
    """pixels (N, 3, H, W) uint8 RGB, any N from 0 -> N rows, in the order of the frames.

    ``"auto"`` starts from 32 and halves when memory runs out; ``on_smaller`` is told each new size, so that a
    caller can start from it the next time and record it. A number is kept to: running out then raises
    InputError, as does one frame alone that does not fit. Rows do not depend on the batch beyond rounding.
    """
    if batch != "auto" and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise SettingsError(f"batch: expected auto or a whole number from 1, got {batch!r}")
    size = AUTO_BATCH if batch == "auto" else batch
    parts: list[np.ndarray] = []
    start = 0
    while start < len(pixels):
        size = min(size, len(pixels) - start) if batch == "auto" else size
        rows = _attempt(classifier, pixels[start : start + size])
        if rows is not None:
            parts.append(rows)
            start += size
            continue
        size = _smaller(classifier, pixels, size, batch)
        if on_smaller is not None:
            on_smaller(size)
    names = classifier.class_names
    probabilities = np.concatenate(parts) if parts else np.empty((0, len(names)), np.float32)
    return Classifications(probabilities, names)


def is_out_of_memory(error: BaseException) -> bool:
    """True for torch on any device, NumPy, Python and ONNX Runtime saying that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _MEMORY_MESSAGES)


def _attempt(classifier: Classifier, pixels: torch.Tensor) -> np.ndarray | None:
    """The rows of one batch, or None where memory ran out.

    The error is gone when this returns, and with its traceback the tensors of the failed pass.
    """
    try:
        return classifier(pixels).probabilities
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    return None


def _smaller(classifier: Classifier, pixels: torch.Tensor, size: int, batch: int | Literal["auto"]) -> int:
    where = f"model {classifier.name}: memory ran out on {size} frames of {pixels.shape[-1]}x{pixels.shape[-2]} px"
    if size == 1:
        raise InputError(f"{where}; one frame alone does not fit: use --device cpu, or smaller frames")
    if batch != "auto":
        raise InputError(f"{where}; use --batch auto, or --batch {max(1, size // 2)}")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size // 2
