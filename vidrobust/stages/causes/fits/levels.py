"""A perturbation of the levels, fitted by least squares to the pictures."""

from __future__ import annotations

import numpy as np

from vidrobust.stages.causes.cause import Fitted, Step

SAMPLED = 6
"""Every so many-th pixel along each axis is enough to fit levels."""


def fit_levels(name: str, step: Step) -> Fitted | None:
    """The signed strength that comes nearest to ``step.after``; None where not even that changes the picture."""
    from scipy import optimize

    from vidrobust.frames.pixels import to_array, to_tensor
    from vidrobust.perturb.catalogue import PERTURBATIONS

    some, wanted = (
        np.ascontiguousarray(x[SAMPLED // 2 :: SAMPLED, SAMPLED // 2 :: SAMPLED])
        for x in (step.before, step.after)
    )
    smallest, largest = PERTURBATIONS[name].range
    tensor, target = to_tensor([some]), wanted.astype(np.float32)

    def loss(strength: float) -> float:
        if abs(strength) < smallest:
            return float(np.square(some - target).mean())
        made = PERTURBATIONS[name].apply_signed(tensor, strength)[0].permute(1, 2, 0).numpy()
        return float(np.square(made - target).mean())

    found = optimize.minimize_scalar(
        loss, bounds=(-largest, largest), method="bounded", options={"maxiter": 25, "xatol": 1e-3 * largest}
    )
    strength = float(found.x)
    if abs(strength) < max(smallest, 1e-6):
        return None
    played = to_array(PERTURBATIONS[name].apply_signed(to_tensor([step.before]), strength)[0]).copy()
    return Fitted(strength=strength, picture=played)
