"""Raw network outputs become Classifications; what they are is found out on one batch and then held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.predictions import Classifications

Output = Literal["logits", "probabilities"]

_DETECTOR = "looks like a detector or a segmenter; this version studies image classifiers only"


def as_rows(outputs: object, where: str) -> np.ndarray:
    """A network's output -> (N, K) float32 in main memory; trailing sides of 1 are dropped.

    Raises SettingsError for anything that is not one row of class scores per frame.
    """
    if isinstance(outputs, torch.Tensor):
        outputs = outputs.detach().float().cpu().numpy()
    if not isinstance(outputs, np.ndarray):
        raise SettingsError(
            f"{where}: expected one array (N, classes) of class scores, got {type(outputs).__name__}: {_DETECTOR}"
        )
    rows = outputs.astype(np.float32, copy=False)
    if rows.ndim > 2 and all(side == 1 for side in rows.shape[2:]):
        rows = rows.reshape(rows.shape[:2])
    if rows.ndim != 2:
        raise SettingsError(f"{where}: expected outputs of shape (N, classes), got {rows.shape}: {_DETECTOR}")
    if rows.shape[1] < 2:
        raise SettingsError(
            f"{where}: the network has one output; a classifier needs two or more. For a binary network give "
            "both probabilities, (1 - p, p), through package.module:factory"
        )
    return rows


def classifications(
    rows: np.ndarray, output: Output, class_names: tuple[str, ...], where: str
) -> Classifications:
    """(N, K) float32 rows, logits or probabilities as declared -> Classifications.

    Raises InputError for rows that are not finite, or not probabilities though declared as such.
    """
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(
            f"{where}: the network gave NaN or infinite outputs for {len(bad)} of {len(rows)} frames, the first "
            f"in row {bad[0]}; check its weights, its preprocessing and its precision"
        )
    if output == "logits":
        return Classifications.from_logits(rows, class_names)
    if not are_probabilities(rows):
        raise InputError(
            f"{where}: outputs were probabilities on the first batch, but now a row sums to "
            f'{_farthest_sum(rows):.4g}; if the network gives logits, say output = "logits"'
        )
    return Classifications(np.clip(rows, 0, 1), class_names)


def are_probabilities(rows: np.ndarray) -> bool:
    """True where every row is a probability distribution, to the accuracy of half precision."""
    return bool(rows.min(initial=0) >= -1e-6 and np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max() < 1e-3)


def find_output(rows: np.ndarray, declared: str | None, where: str) -> tuple[Output, str]:
    """Whether these rows of the first batch are logits or probabilities, and a note where it was found out.

    A softmax taken twice flattens every probability, so a declaration that contradicts the rows is refused;
    so are undeclared scores that all lie in 0..1 without being distributions, as of sigmoids.
    """
    if declared is not None and declared not in get_args(Output):
        raise SettingsError(f'{where}: output: expected "logits" or "probabilities", got {declared!r}')
    if not np.isfinite(rows).all():
        raise InputError(
            f"{where}: the network gives NaN or infinite outputs; check its weights, its preprocessing and "
            "its precision"
        )
    distributions = are_probabilities(rows)
    if declared == "probabilities" and not distributions:
        raise SettingsError(
            f'{where}: output = "probabilities", but a row sums to {_farthest_sum(rows):.4g} and the least '
            f'value is {rows.min():.4g}; if the network gives logits, say output = "logits"'
        )
    if declared == "logits" and distributions:
        raise SettingsError(
            f'{where}: output = "logits", but every row sums to 1 with nothing below 0: the softmax is inside '
            'the network already; say output = "probabilities"'
        )
    if distributions:
        return (
            "probabilities",
            "outputs sum to 1 with nothing below 0: taken as probabilities, no softmax added",
        )
    if declared is None and rows.min() >= 0 and rows.max() <= 1:
        raise SettingsError(
            f"{where}: all outputs lie in 0..1, but rows sum to {_farthest_sum(rows):.4g}, as with a sigmoid for "
            'each class; if they are logits all the same, say output = "logits" in the sidecar, or end the '
            "module with a softmax; for a network of several labels at once give probabilities through "
            "package.module:factory"
        )
    return "logits", ""


def in_fixed_batches(
    run: Callable[[torch.Tensor], np.ndarray], inputs: torch.Tensor, size: int | None
) -> np.ndarray:
    """Run (N, ...) inputs through a network that takes ``size`` at a time (None: any number).

    The last batch is filled up with its last input, and the surplus rows are dropped.
    """
    if size is None:
        return run(inputs)
    rows = []
    for start in range(0, len(inputs), size):
        part = inputs[start : start + size]
        missing = size - len(part)
        if missing:
            part = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])])
        rows.append(run(part)[: size - missing])
    return np.concatenate(rows)


def _farthest_sum(rows: np.ndarray) -> float:
    sums = rows.sum(axis=1, dtype=np.float64)
    return float(sums[np.abs(sums - 1).argmax()])
