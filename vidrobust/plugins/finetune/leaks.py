"""Which perturbations the augmentation of a recipe comes near: those cannot judge what it trained.

References
----------
Mintun, Kirillov & Xie 2021, "On Interaction Between Augmentations and Corruptions in Natural Corruption Robustness",
arXiv 2102.11273, section 4: the minimal sample distance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from vidrobust.models.rotation import class_layer, inputs_of
from vidrobust.perturb.catalogue import find, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.recipes import Recipe
from vidrobust.plugins.finetune.train import ClassSamples

PICTURES = 8  # over which the effect of one draw is averaged
DRAWS, JUDGED = 32, 3  # of the augmentation, and of a perturbation
NEAR = (
    0.5  # of the perturbation's own effect: what comes nearer has more in common with it than not
)


def leaks_of(samples: ClassSamples, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the minimal sample distance of every natural perturbation from the draws of a recipe.

    Parameters
    ----------
    samples
        What the recipe trained with; ``PICTURES`` of it are used.
    recipe
        One that changes pictures, by a transform or by steps of a policy.

    Returns
    -------
    list of dict
        perturbation, family, ``distance`` from the nearest draw over the size of the perturbation's effect, both
        in features before the classes; and ``leak``: it is nearer than ``NEAR``, or its family is trained with.
    """
    network = samples.network
    rows = np.linspace(0, len(samples.cut) - 1, PICTURES).astype(int).tolist()
    calm = samples.cut[rows]
    effect = _effects(network, calm)

    def drawn(draw: int) -> torch.Tensor:
        views = []
        for row in rows:  # the same draw for every picture
            torch.manual_seed(draw)
            views.append(samples.view(row, recipe, from_seed(draw)))
        return torch.stack(views)

    with torch.random.fork_rng(devices=[]):
        draws = np.stack([effect(drawn(draw)) for draw in range(DRAWS)])
    families = {step.perturbation.family for step in recipe.steps}
    families |= {find("patch_gaussian").family} if recipe.name == "patch-gaussian" else set()
    found = []
    for entry in suite():
        strength = entry.strengths[len(entry.strengths) // 2]
        shown = [effect(_changed(entry, calm, strength, seed)) for seed in range(JUDGED)]
        sizes = [float(np.linalg.norm(one)) for one in shown]
        if not all(sizes):  # needs its neighbours in time, or moves no feature
            continue
        nearest = [float(np.linalg.norm(draws - one, axis=1).min()) for one in shown]
        distance = float(np.mean(np.divide(nearest, sizes)))
        leak = distance < NEAR or entry.family in families
        row = {"perturbation": entry.key, "family": entry.family, "distance": distance}
        found.append({**row, "leak": leak})
    return found


def _effects(
    network: TrainableClassifier, calm: torch.Tensor
) -> Callable[[torch.Tensor], np.ndarray]:
    """A function of pictures (N, 3, h, w): the mean change (D,) of their features from those of ``calm``."""
    inputs = network.preprocess.normalise(calm[:1].to(network.device))
    layer, _ = class_layer(network.module, inputs, len(network.class_names))

    def features(pictures: torch.Tensor) -> np.ndarray:
        with torch.inference_mode(), inputs_of(network.module, layer) as seen:
            rows = network.logits(network.module, pictures)
        values: np.ndarray = (seen[-1] if layer else rows).float().cpu().numpy()
        return values

    before = features(calm)
    return lambda pictures: (features(pictures) - before).mean(axis=0)


def _changed(entry: Perturbation, calm: torch.Tensor, strength: float, seed: int) -> torch.Tensor:
    """Every picture under the same draw, so that directions do not cancel."""
    return torch.cat([entry.apply(one[None], strength, from_seed(seed)) for one in calm])
