"""Neighbouring frames of clips: flips, and how far the pictures lie apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from claims.judge import Measure
from claims.pictures import Clip
from vidrobust.models.load import load_models
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import predict
from vidrobust.statistics.intervals import clustered_rate
from vidrobust.video.source import open_video

FRAMES = 61
"""Frames of a clip that are looked at."""
NEAR = (8, 16)
"""Largest differences of a pixel's value, of 255, that adversarial examples are usually allowed."""


def of_clip(clip: Clip, specs: Sequence[str]) -> dict[str, Any]:
    """Of every network its labels on neighbouring frames, and how far these lie apart."""
    begin = max(clip.first, (clip.first + clip.last - FRAMES) // 2)
    numbers = list(range(begin, min(begin + FRAMES, clip.last + 1)))
    with open_video(clip.path, device="cpu", prefetch=0) as source:
        shown = source.at(numbers)
    found: dict[str, Any] = {}
    for model in load_models(specs, device="cpu"):
        assert isinstance(model, NetworkClassifier)
        cut = model.network.preprocess.cut(shown.pixels).numpy().astype(np.int16)
        answer = predict(model, shown.pixels)
        found[model.name] = {
            "label": answer.labels.tolist(),
            "apart": np.abs(np.diff(cut, axis=0)).reshape(len(cut) - 1, -1).max(axis=1).tolist(),
        }
    return found


def measures(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Measure]:
    """Flips between frames that are nearly equal, of what was found of each clip."""
    if not found:
        return {}
    flip, apart, cluster = [], [], []
    for clip, networks in found.items():
        for of in networks.values():
            flip.append(np.diff(of["label"]) != 0)
            apart.append(np.array(of["apart"]))
            cluster.append(np.full(len(of["apart"]), clip))
    changed, far, where = np.concatenate(flip), np.concatenate(apart), np.concatenate(cluster)
    moved = far > 0  # the same picture again is no neighbour
    flips = changed & moved
    names = {name for networks in found.values() for name in networks}
    on = f"{len(names)} networks, {len(found)} clips"
    result = {
        f"near {most}": Measure.of(
            clustered_rate(far[flips] <= most, where[flips]), f"{int(flips.sum())} flips of {on}"
        )
        for most in NEAR
    }
    result["flip rate"] = Measure.of(clustered_rate(changed[moved], where[moved]), on)
    return result
