"""How much a prediction moves when nothing but the plumbing changes: batch position, batch size, threads."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vidrobust.differences.classes import label_flip, total_variation
from vidrobust.models.predict import predict
from vidrobust.predictions import Classifier

FRAMES = 8


@dataclass(frozen=True)
class NoiseFloor:
    """Differences between predictions of the very same frames.

    total_variation  the largest seen, in [0, 1]
    flips, n         label flips among n comparisons
    ways             what was varied
    """

    total_variation: float
    flips: int
    n: int
    ways: tuple[str, ...]

    def joined(self, other: NoiseFloor) -> NoiseFloor:
        """The floor of both measurements together."""
        return NoiseFloor(
            max(self.total_variation, other.total_variation),
            self.flips + other.flips,
            self.n + other.n,
            tuple(dict.fromkeys(self.ways + other.ways)),
        )


def measure(classifier: Classifier, pixels: torch.Tensor) -> NoiseFloor:
    """Predict the same frames again in other company.

    pixels (N, 3, H, W) uint8; at most the first eight are used. Compared with the whole batch: each frame
    alone, the batch in reverse order, and (on the CPU) the batch on one thread.
    """
    pixels = pixels[:FRAMES]
    together = predict(classifier, pixels).probabilities
    again = {
        "batch size": predict(classifier, pixels, 1).probabilities,
        "batch position": predict(classifier, pixels.flip(0)).probabilities[::-1],
    }
    threads = torch.get_num_threads()
    if pixels.device.type == "cpu" and threads > 1:
        torch.set_num_threads(1)
        try:
            again["thread count"] = predict(classifier, pixels).probabilities
        finally:
            torch.set_num_threads(threads)
    largest = max(float(total_variation(together, other).max(initial=0.0)) for other in again.values())
    flips = sum(int(label_flip(together, other).sum()) for other in again.values())
    return NoiseFloor(largest, flips, len(again) * len(pixels), tuple(again))
