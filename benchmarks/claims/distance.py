"""How near AugMix comes to the corruptions of ImageNet-C, by the features of a network (Mintun et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from published_models import table

from claims.judge import Measure
from claims.pictures import Picture
from vidrobust.models.load import load_as_it_is
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.finetune.arms import ARMS
from vidrobust.plugins.finetune.leaks import arm_change, changes, minimal_sample_distance
from vidrobust.plugins.finetune.network import trainable
from vidrobust.plugins.published.corruptions import crop_224
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.statistics.associations import partial_spearman
from vidrobust.statistics.standard_errors import cluster_jackknife

NET = "efficientnet-lite0"
TRAINED, JUDGED, SEVERITY = 48, 2, 3
CORRUPTIONS = (*imagenet_c.TEST, *imagenet_c.VALIDATION)


def of_augmix(shown: Sequence[Picture]) -> dict[str, float]:
    """Of every corruption the minimal sample distance of AugMix to it."""
    network = trainable(load_as_it_is(NET, device="cpu"), NET)
    features = network.features()
    assert features is not None
    pictures = torch.stack([crop_224(picture.pixels) for picture in shown])
    each = [picture[None] for picture in pictures]
    trained = changes(features, arm_change(network, ARMS["literature"], None, each), TRAINED)

    def corrupted(name: str, draw: int) -> torch.Tensor:
        entry = find(f"imagenet-c:{name}")
        owns = [seeded("mintun", 0, draw, name, 0) for _ in shown]  # one draw for all pictures
        return network.cut(entry.apply(pictures, entry.strengths[SEVERITY - 1], owns))

    return {
        name: minimal_sample_distance(
            trained, changes(features, lambda draw, n=name: corrupted(n, draw), JUDGED)
        )
        for name in CORRUPTIONS
    }


def measures(distance: Mapping[str, float] | None, shown: str) -> dict[str, Measure]:
    """The rank correlation of distance and error of the network trained with AugMix, given the plain one's."""
    if distance is None:
        return {}
    models, names = table(), list(distance)
    error, plain = (
        models.loc[row, names].to_numpy(float) for row in ("resnet50_augmix", "resnet50")
    )
    far = np.array([distance[name] for name in names])[:, None]
    found = cluster_jackknife(
        lambda rows: partial_spearman(far[rows], error[rows, None], plain[rows, None]),
        np.arange(len(names)),
        lost=3,
    )
    value, low, high = (float(np.ravel(x)[0]) for x in (found.value, found.low, found.high))
    on = f"distance by {NET} on {shown}, errors of ResNet-50 of the public table"
    return {
        "distance augmix": Measure(
            value=value, low=low, high=high, n=len(names), clusters=len(names), on=on
        )
    }
