"""How much a prediction moves when nothing but the plumbing changes: company, threads, engine, number format."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from vidrobust.differences.classes import total_variation
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import predict
from vidrobust.predictions import Classifications, Classifier

FRAMES = 8


@dataclass(frozen=True)
class NoiseFloor:
    """Differences between predictions of the very same frames.

    total_variation  the largest seen, in [0, 1]; NaN where only labels are known
    flips, n         label flips among n comparisons
    ways             what was varied
    by_way           the same three for each way: {way: (total_variation, flips, n)}
    """

    total_variation: float
    flips: int
    n: int
    ways: tuple[str, ...]
    by_way: dict[str, tuple[float, int, int]] = field(default_factory=dict)

    def joined(self, other: NoiseFloor) -> NoiseFloor:
        """The floor of both measurements together."""
        by_way = dict(self.by_way)
        for way, (largest, flips, n) in other.by_way.items():
            before = by_way.get(way, (largest, 0, 0))
            by_way[way] = (max(before[0], largest), before[1] + flips, before[2] + n)
        return NoiseFloor(
            max(self.total_variation, other.total_variation),
            self.flips + other.flips,
            self.n + other.n,
            tuple(dict.fromkeys(self.ways + other.ways)),
            by_way,
        )


def measure(classifier: Classifier, pixels: torch.Tensor) -> NoiseFloor:
    """Predict the same frames again in other company, and by other means.

    pixels (N, 3, H, W) uint8; at most the first eight are used. Compared with the whole batch: each frame
    alone, the batch in reverse order, the batch on one thread (where torch computes on the CPU), and the batch
    as the network was loaded (where another engine or number format computes it).
    """
    pixels = pixels[:FRAMES]
    together = predict(classifier, pixels)
    again = {
        "batch size": predict(classifier, pixels, 1),
        "batch position": _reversed(predict(classifier, pixels.flip(0))),
    }
    as_loaded = classifier.as_loaded() if isinstance(classifier, NetworkClassifier) else None
    threads = torch.get_num_threads()
    if as_loaded is not None and isinstance(classifier, NetworkClassifier):
        way = "engine" if classifier.network.precision == as_loaded.network.precision else "precision"
        again[way] = predict(as_loaded, pixels)
    elif pixels.device.type == "cpu" and threads > 1:
        torch.set_num_threads(1)
        try:
            again["thread count"] = predict(classifier, pixels)
        finally:
            torch.set_num_threads(threads)
    by_way = {way: _compared(together, other) for way, other in again.items()}
    return NoiseFloor(
        max((largest for largest, _, _ in by_way.values()), default=float("nan")),
        sum(flips for _, flips, _ in by_way.values()),
        sum(n for _, _, n in by_way.values()),
        tuple(by_way),
        by_way,
    )


def _compared(first: Classifications, second: Classifications) -> tuple[float, int, int]:
    """Largest total variation, label flips by the model's own operating points, and comparisons."""
    apart = total_variation(first.probabilities, second.probabilities)
    flips = int((first.labels != second.labels).sum())
    return float("nan") if first.partial else float(apart.max(initial=0.0)), flips, len(first)


def _reversed(predictions: Classifications) -> Classifications:
    return predictions.take(np.arange(len(predictions))[::-1])
