"""ODIN: the largest probability at a high temperature, after a small step that makes the answer surer.

Liang, Li & Srikant, ICLR 2018 (1706.02690), with their temperature of 1000 and their step of 0.0014 of the range
of the pixels, which was chosen on other data than yours; neither is tuned here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

TEMPERATURE = 1000.0
STEP = 0.0014
"""Of the range 0..1 of the pixels: a third of a grey level of 255."""


def odin(
    logits: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, std: Sequence[float]
) -> np.ndarray:
    """(N,) float64: the largest probability of softmax(z / T) after the step.

    logits  (N, 3, H, W) float32, normalised -> (N, K), differentiable
    std     of the normalisation, in grey levels of 255: the step is of the pixels, before that
    """
    scale = 255.0 * STEP / torch.tensor(list(std), device=inputs.device).view(1, 3, 1, 1)
    with torch.inference_mode(False), torch.enable_grad():
        own = inputs.clone().requires_grad_(True)
        scores = logits(own) / TEMPERATURE
        surest = torch.log_softmax(scores, dim=1).amax(dim=1).sum()
        (slope,) = torch.autograd.grad(surest, own)
        moved = (own + scale * slope.sign()).detach()
    with torch.inference_mode():
        after = logits(moved).double() / TEMPERATURE
        return np.asarray(torch.softmax(after, dim=1).amax(dim=1).cpu().numpy())
