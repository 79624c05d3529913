"""How near AugMix comes to the corruptions of ImageNet-C, by the features of a network (Mintun et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from published_models import table
from torchvision.transforms import v2

from claims.judge import Measure
from claims.pictures import Picture
from vidrobust.models.load import load_as_it_is
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.finetune.network import Features, trainable
from vidrobust.plugins.published.corruptions import crop_224
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.statistics.associations import partial_spearman
from vidrobust.statistics.standard_errors import cluster_jackknife

NET = "efficientnet-lite0"
TRAINED, JUDGED, SEVERITY = 48, 2, 3
CORRUPTIONS = (*imagenet_c.TEST, *imagenet_c.VALIDATION)


def changes(features: Features, change: Callable[[int], torch.Tensor], draws: int) -> np.ndarray:
    """(draws, N, D): the features of N pictures under each draw."""
    return np.stack([np.asarray(features(change(draw)), np.float64) for draw in range(draws)])


def minimal_sample_distance(trained: np.ndarray, judged: np.ndarray) -> float:
    """The paper's distance, of trained (A, N, D) to the mean of judged (C, N, D) draws (section 3.2).

    >>> nearest = np.array([[[0.0, 0.0]], [[3.0, 4.0]], [[3.0, -2.0]]])
    >>> minimal_sample_distance(nearest, np.array([[[2.0, 0.0]], [[4.0, 0.0]]]))
    2.0
    """
    centre = judged.mean(axis=(0, 1))
    return float(np.linalg.norm(trained.mean(axis=1) - centre, axis=1).min())


def of_augmix(shown: Sequence[Picture]) -> dict[str, float]:
    """Of every corruption the minimal sample distance of AugMix to it."""
    network = trainable(load_as_it_is(NET, device="cpu"), NET)
    features = network.features()
    assert features is not None
    pictures = torch.stack([crop_224(picture.pixels) for picture in shown])
    cut, augmix = [network.cut(picture[None])[0] for picture in pictures], v2.AugMix()

    def trained_on(draw: int) -> torch.Tensor:
        made = []
        with torch.random.fork_rng(devices=[]):
            for picture in cut:
                torch.manual_seed(draw)  # one draw for all pictures
                made.append(augmix(picture))
        return torch.stack(made)

    trained = changes(features, trained_on, TRAINED)

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
