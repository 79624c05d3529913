"""Rows of class scores: their shape, logits against probabilities, fixed batch sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.reading import are_probabilities, as_rows, check_finite, find_scores, in_fixed_batches

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], np.float32)
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], np.float32)
SIGMOIDS = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.6]], np.float32)


def test_as_rows() -> None:
    assert as_rows(torch.from_numpy(LOGITS)[:, :, None, None], "m").tolist() == LOGITS.tolist()
    assert as_rows(LOGITS.astype(np.float16), "m").dtype == np.float32
    bfloat = as_rows(torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16, requires_grad=True), "m")
    assert bfloat.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (np.zeros((2, 85, 22, 22)), r"shape \(N, classes\), got \(2, 85, 22, 22\): looks like a detector"),
        (np.zeros((2, 3549, 85)), "classifiers only"),
        (np.zeros((4, 0)), r"got \(4, 0\)"),
        ([np.zeros((2, 3))], "got list"),
        ({"logits": np.zeros((2, 3))}, "got dict"),
    ],
    ids=str,
)
def test_other_outputs_are_refused(outputs: object, message: str) -> None:
    with pytest.raises(SettingsError, match=f"model m: .*{message}"):
        as_rows(outputs, "model m")


@pytest.mark.parametrize(
    ("rows", "declared", "found"),
    [
        (LOGITS, None, "logits"),
        (LOGITS, "logits", "logits"),
        (PROBABILITIES, None, "probabilities"),
        (PROBABILITIES, "probabilities", "probabilities"),
        (PROBABILITIES.astype(np.float16).astype(np.float32), None, "probabilities"),
        (SIGMOIDS, "logits", "logits"),
        (np.abs(LOGITS), None, "logits"),  # a ReLU at the end, as in SqueezeNet
        (LOGITS, "multilabel", "sigmoid logits"),
        (SIGMOIDS, "multilabel", "sigmoids"),
        (LOGITS[:, :1], "logit", "logit"),
        (SIGMOIDS[:, :1], "probability", "probability"),
        (LOGITS[:, :1], "score", "score"),
    ],
)
def test_find_scores(rows: np.ndarray, declared: str | None, found: str) -> None:
    output, note = find_scores(rows, declared, "m")
    assert output == found
    assert ("no softmax added" in note) == (output == "probabilities" and declared is None)


@pytest.mark.parametrize(
    ("rows", "declared", "message"),
    [
        (PROBABILITIES, "logits", "softmax is inside the network already; say output = .probabilities"),
        (LOGITS, "probabilities", r"a row sums to 1\.5 and the least value is -2; .* say output = .logits"),
        (SIGMOIDS, None, r"all outputs lie in 0\.\.1, but rows sum to 1\.8, as with a sigmoid"),
        (LOGITS, "softmax", 'output: expected one of "logits", "probabilities", .*, got .softmax'),
        (LOGITS, "logit", 'output = "logit" is for a network of one output; it has 3'),
        (LOGITS[:, :1], None, 'the network has one output; say output = "logit" or "probability"'),
        (LOGITS[:, :1], "logits", 'the network has one output; say output = "logit" or "probability"'),
        (LOGITS[:, :1], "probability", "but values go from 0 to 2; if the network gives a logit"),
        (SIGMOIDS, None, 'for a network of several labels at once say output = "multilabel"'),
    ],
)
def test_contradictions_are_refused(rows: np.ndarray, declared: str | None, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        find_scores(rows, declared, "m")


def test_one_row_that_is_no_distribution_is_enough() -> None:
    assert are_probabilities(PROBABILITIES)
    assert not are_probabilities(np.concatenate([PROBABILITIES, SIGMOIDS[:1]]))


def test_nan_is_an_input_error_that_counts() -> None:
    rows = LOGITS.copy()
    rows[1, 2] = np.nan
    with pytest.raises(InputError, match="NaN or infinite outputs for 1 of 2 frames, the first in row 1"):
        check_finite(rows, "model m")
    with pytest.raises(InputError, match=r"NaN or infinite outputs for 1 of 2 frames.*check its weights"):
        find_scores(rows, "logits", "model m")


def test_one_output_a_frame_may_come_without_its_column() -> None:
    assert as_rows(np.array([0.5, 2.0]), "m").tolist() == [[0.5], [2.0]]


@pytest.mark.parametrize(
    ("count", "size", "calls"), [(7, 3, [3, 3, 3]), (6, 3, [3, 3]), (2, 4, [4]), (3, 1, [1] * 3)]
)
def test_fixed_batches(count: int, size: int, calls: list[int]) -> None:
    seen = []

    def run(part: torch.Tensor) -> np.ndarray:
        seen.append(len(part))
        return part.numpy() * 10

    inputs = torch.arange(count * 2, dtype=torch.float32).reshape(count, 2)
    assert in_fixed_batches(run, inputs, size).tolist() == (inputs * 10).tolist()
    assert seen == calls
    seen.clear()
    assert in_fixed_batches(run, inputs, None).tolist() == (inputs * 10).tolist()
    assert seen == [count]
