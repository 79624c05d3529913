"""A frame under a condition: the same whatever the arm, its direction drawn by its content."""

from __future__ import annotations

import numpy as np
import torch

from vidrobust.perturb.draws import seeded
from vidrobust.plugins.finetune.families import Condition
from vidrobust.plugins.finetune.steps import NO_BOXES, Step, changed_with_boxes, signed


def shown_under(frame: torch.Tensor, at: Condition, content: str, number: int) -> torch.Tensor:
    """(1, 3, H, W) uint8: the frame of this number under the condition."""
    return shown_with_boxes(frame, NO_BOXES, at, content, number)[0]


def shown_with_boxes(
    frame: torch.Tensor, boxes: np.ndarray, at: Condition, content: str, number: int
) -> tuple[torch.Tensor, np.ndarray]:
    """The same, and boxes (D, 4) xyxy px where the condition puts them."""
    generator = seeded(content, number, 0, f"adapt-{at.key}", 0)
    back = at.step.low < 0 and bool(torch.randint(2, (), generator=generator))
    size = -at.size if back else at.size
    times = at.times or 1.0
    step = Step(key=at.key, low=size, high=size, probability=1.0, of_width=at.step.of_width)
    if len(at.step.axes) == 2:
        # a shift of this size along the axis that is drawn, not one between 0 and it
        along = int(torch.randint(2, (), generator=generator))
        entry, width = step.perturbation, int(frame.shape[-1])
        size = step.strength(times * at.step.axes[along] * (-1 if back else 1), width)
        return signed(frame, boxes, entry, size, tuple(entry.signed)[along])
    return changed_with_boxes(frame, boxes, [step], generator)
