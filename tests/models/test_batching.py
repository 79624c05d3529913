"""Batches: order, sizes, and memory that really runs out."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.batching import AUTO_BATCH, is_out_of_memory, predict_in_batches
from vidrobust.models.network import NetworkClassifier
from vidrobust.predictions import Classifications

PIXELS = torch.arange(70, dtype=torch.uint8).view(70, 1, 1, 1).expand(70, 3, 2, 2)


class Counting:
    """Tells its frames apart by their value, and asks for 2**60 bytes where a batch is above ``fits``."""

    name = "counting"
    class_names = ("a", "b")
    task: Literal["classification"] = "classification"

    def __init__(self, fits: int = 1000) -> None:
        self.fits = fits
        self.sizes: list[int] = []

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        self.sizes.append(len(pixels))
        if len(pixels) > self.fits:
            torch.empty(2**60, dtype=torch.uint8)  # the allocator itself refuses
        share = pixels[:, 0, 0, 0].numpy() / 100
        return Classifications(np.stack([share, 1 - share], axis=1), self.class_names)


@pytest.mark.parametrize(
    ("batch", "sizes"), [(16, [16, 16, 16, 16, 6]), (70, [70]), (100, [70]), ("auto", [32, 32, 6])]
)
def test_order_and_sizes(batch: int | Literal["auto"], sizes: list[int]) -> None:
    model = Counting()
    rows = predict_in_batches(model, PIXELS, batch)
    assert np.allclose(rows.probabilities[:, 0], np.arange(70) / 100)
    assert model.sizes == sizes
    assert AUTO_BATCH == 32


def test_auto_halves_until_it_fits_and_says_so() -> None:
    """32 and 16 do not fit, 8 does: eight batches of 8 and one of 6 follow, none tried larger again."""
    model, told = Counting(fits=10), []
    rows = predict_in_batches(model, PIXELS, "auto", on_smaller=told.append)
    assert np.allclose(rows.probabilities[:, 0], np.arange(70) / 100)
    assert model.sizes == [32, 16, *[8] * 8, 6]
    assert told == [16, 8]


def test_a_number_is_kept_to() -> None:
    with pytest.raises(
        InputError, match=r"memory ran out on 32 frames of 2x2 px; use --batch auto, or --batch 16"
    ):
        predict_in_batches(Counting(fits=10), PIXELS, 32)


def test_one_frame_that_does_not_fit() -> None:
    model = Counting(fits=0)
    with pytest.raises(
        InputError, match="memory ran out on 1 frames of 2x2 px; one frame alone does not fit"
    ):
        predict_in_batches(model, PIXELS, "auto")
    assert model.sizes == [32, 16, 8, 4, 2, 1]


def test_no_frames() -> None:
    assert predict_in_batches(Counting(), PIXELS[:0], "auto").probabilities.shape == (0, 2)


@pytest.mark.parametrize("batch", [0, -3, 2.0, "all", True])
def test_wrong_batches(batch: object) -> None:
    with pytest.raises(SettingsError, match="batch: expected auto or a whole number from 1"):
        predict_in_batches(Counting(), PIXELS, batch)


def test_other_errors_pass_through_at_once() -> None:
    class Broken(Counting):
        def __call__(self, pixels: torch.Tensor) -> Classifications:
            super().__call__(pixels)
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    model = Broken()
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        predict_in_batches(model, PIXELS, "auto")
    assert model.sizes == [32]


def test_what_counts_as_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as from_torch:
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(MemoryError) as from_numpy:
        np.empty(2**60, dtype=np.uint8)
    assert is_out_of_memory(from_torch.value)
    assert is_out_of_memory(from_numpy.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("size mismatch"))


def test_batch_size_moves_no_row_of_a_real_network(lite0: NetworkClassifier, cat: torch.Tensor) -> None:
    one = predict_in_batches(lite0, cat, 1).probabilities
    for batch in (4, "auto"):
        rows = predict_in_batches(lite0, cat, batch).probabilities
        assert 0.5 * np.abs(rows - one).sum(axis=1).max() < 1e-4
