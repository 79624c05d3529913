"""A network's raw output as rows of scores: their shape, fixed batch sizes, and what kind of scores they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError

Output = Literal["logits", "probabilities", "logit", "probability", "multilabel", "score"]
"""What a user declares. logit, probability and score: networks of one output. multilabel: a sigmoid a class."""

Scores = Literal["logits", "probabilities", "logit", "probability", "sigmoid logits", "sigmoids", "score"]
"""What it was found to be: multilabel is "sigmoid logits", or "sigmoids" where they are inside the network."""

_SINGLE = ("logit", "probability", "score")
_DETECTOR = "looks like a detector or a segmenter; this version studies image classifiers only"


def as_rows(outputs: object, where: str) -> np.ndarray:
    """A network's output -> (N, K) float32 in main memory; trailing sides of 1 are dropped, (N,) is (N, 1).

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
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise SettingsError(f"{where}: expected outputs of shape (N, classes), got {rows.shape}: {_DETECTOR}")
    return rows


def check_finite(rows: np.ndarray, where: str) -> None:
    """Raises InputError that counts the rows with NaN or infinite scores."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(
            f"{where}: the network gave NaN or infinite outputs for {len(bad)} of {len(rows)} frames, the first "
            f"in row {bad[0]}; check its weights, its preprocessing and its precision"
        )


def are_probabilities(rows: np.ndarray) -> bool:
    """True where every row is a probability distribution, to the accuracy of half precision."""
    return bool(rows.min(initial=0) >= -1e-6 and np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max() < 1e-3)


def are_shares(rows: np.ndarray) -> bool:
    """True where every value lies in 0..1, to the accuracy of half precision."""
    return bool(rows.min(initial=0) >= -1e-6 and rows.max(initial=1) <= 1 + 1e-3)


def find_scores(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    """What the rows of the first batch are, and a note where it was found out and not declared.

    A softmax taken twice flattens every probability, so a declaration that contradicts the rows is refused;
    so are undeclared scores that all lie in 0..1 without being distributions, as of sigmoids, and a network
    of one output that does not say what it is.
    """
    if declared is not None and declared not in get_args(Output):
        names = ", ".join(f'"{name}"' for name in get_args(Output))
        raise SettingsError(f"{where}: output: expected one of {names}, got {declared!r}")
    check_finite(rows, where)
    if rows.shape[1] == 1:
        return _single(rows, declared, where)
    if declared in _SINGLE:
        raise SettingsError(
            f'{where}: output = "{declared}" is for a network of one output; it has {rows.shape[1]}'
        )
    if declared == "multilabel":
        if are_shares(rows):
            return "sigmoids", "all outputs lie in 0..1: the sigmoids are inside the network"
        return "sigmoid logits", ""
    return _several(rows, declared, where)


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


def farthest_sum(rows: np.ndarray) -> float:
    """The sum of the row that is farthest from 1."""
    sums = rows.sum(axis=1, dtype=np.float64)
    return float(sums[np.abs(sums - 1).argmax()])


def _single(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    if declared not in _SINGLE:
        raise SettingsError(
            f'{where}: the network has one output; say output = "logit" or "probability" of the second of two '
            'classes, or "score" with a threshold for an anomaly score'
        )
    if declared == "probability" and not are_shares(rows):
        raise SettingsError(
            f'{where}: output = "probability", but values go from {rows.min():.4g} to {rows.max():.4g}; if the '
            'network gives a logit, say output = "logit"'
        )
    found: Scores = (
        "logit" if declared == "logit" else "probability" if declared == "probability" else "score"
    )
    return found, ""


def _several(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    distributions = are_probabilities(rows)
    if declared == "probabilities" and not distributions:
        raise SettingsError(
            f'{where}: output = "probabilities", but a row sums to {farthest_sum(rows):.4g} and the least '
            f'value is {rows.min():.4g}; if the network gives logits, say output = "logits"'
        )
    if declared == "logits" and distributions:
        raise SettingsError(
            f'{where}: output = "logits", but every row sums to 1 with nothing below 0: the softmax is inside '
            'the network already; say output = "probabilities"'
        )
    if distributions:
        note = "outputs sum to 1 with nothing below 0: taken as probabilities, no softmax added"
        return "probabilities", "" if declared else note
    if declared is None and rows.min() >= 0 and rows.max() <= 1:
        raise SettingsError(
            f"{where}: all outputs lie in 0..1, but rows sum to {farthest_sum(rows):.4g}, as with a sigmoid for "
            'each class; for a network of several labels at once say output = "multilabel"; if they are logits '
            'all the same, say output = "logits"'
        )
    return "logits", ""
