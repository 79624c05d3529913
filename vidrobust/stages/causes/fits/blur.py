"""A blur of the same standard deviation along its main direction."""

from __future__ import annotations

import math

import numpy as np

from vidrobust.stages.causes.cause import Fitted, Step


def fit_blur(name: str, step: Step) -> Fitted | None:
    """The blur that was measured, as this perturbation blurs; a line only where a line was measured."""
    from vidrobust.frame_pairs.blur import Kernel
    from vidrobust.frames.pixels import to_array, to_levels, to_tensor
    from vidrobust.perturb.catalogue import PERTURBATIONS
    from vidrobust.perturb.draws import from_seed

    size = step.size
    line = Kernel(sigma_px=abs(size.size), angle=math.radians(size.more["blur_angle_deg"]))
    if name == "motion_blur":
        if math.isnan(line.angle):
            return None
        played = to_levels(line.of(step.before.astype(np.float32)))
        return Fitted(strength=line.length_px, picture=played)
    entry = PERTURBATIONS[name]
    strength = line.sigma_px * entry.per_condition
    within = min(max(strength, entry.range[0]), entry.range[1])
    played = to_array(entry.apply(to_tensor([step.before]), within, from_seed(0))[0]).copy()
    return Fitted(strength=strength, picture=played)
