"""Whether two engines say the same of the same frames, and a guard that looks once more at the first real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.models.reading import as_rows

TOLERANCE = 1e-4
"""Largest difference of scores, as a share of the largest score, that is rounding."""
GUARDED = 4
"""Frames of a first batch that are computed twice."""


def largest_difference(reference: np.ndarray, rows: np.ndarray) -> float:
    """Largest difference of two (N, K) arrays of scores as a share of the largest reference score; inf if NaN."""
    scale = float(np.abs(reference).max(initial=0.0))
    if rows.shape != reference.shape or not np.isfinite(rows).all():
        return float("inf")
    return float(np.abs(rows - reference).max(initial=0.0)) / (scale or 1.0)


def disagreement(reference: np.ndarray, rows: np.ndarray) -> str:
    """ "" where scores (N, K) are the same up to rounding, labels too but for ties, else what differs."""
    if rows.shape != reference.shape:
        return f"answers of shape {rows.shape}, expected {reference.shape}"
    apart = largest_difference(reference, rows)
    if apart > TOLERANCE:
        return f"scores differ by {apart:.2g} of the largest, more than {TOLERANCE:g}"
    first, second = reference.argmax(axis=1), rows.argmax(axis=1)
    each = np.arange(len(reference))
    lead = reference[each, first] - reference[each, second]
    tie = 2 * TOLERANCE * float(np.abs(reference).max(initial=0.0))
    flips = int((lead > tie).sum())
    return f"{flips} of {len(rows)} labels differ" if flips else ""


@dataclass
class Guarded:
    """An engine's run that is held against the reference on the first batches, and given up where they differ.

    on_rejected  called with the reason, once
    whole        compare whole batches, for networks of a fixed batch size
    left         batches that are still to be compared
    rejected     why the reference has taken its place, or ""
    """

    run: Callable[[torch.Tensor], object]
    reference: Callable[[torch.Tensor], object]
    on_rejected: Callable[[str], None]
    whole: bool = False
    left: int = 0
    rejected: str = ""

    def __call__(self, inputs: torch.Tensor) -> object:
        """As the engine that is in use."""
        if self.rejected:
            return self.reference(inputs)
        found = self.run(inputs)
        if self.left > 0 and not self._agrees(inputs, found):
            return self.reference(inputs)
        return found

    def _agrees(self, inputs: torch.Tensor, found: object) -> bool:
        self.left -= 1
        part = inputs if self.whole else inputs[:GUARDED]
        rows = as_rows(found, "engine")[: len(part)]
        self.rejected = disagreement(as_rows(self.reference(part), "reference"), rows)
        if self.rejected:
            self.on_rejected(self.rejected)
        return not self.rejected
