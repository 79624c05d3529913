"""Neighbouring frames of labelled clips: flips and how far the pictures lie apart, pm-k, and Gu's robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from claims.judge import Measure
from claims.pictures import Clip
from vidrobust.accuracy.answers import WITHIN, AnchorSets, anchor_sets, pm_correct
from vidrobust.models.load import load_models
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import predict
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.published.protocols import (
    ACCURACY,
    NATURAL,
    ModelAnchors,
    gu2019,
    robustness,
)
from vidrobust.statistics.intervals import clustered_mean, clustered_rate
from vidrobust.video.source import open_video

FRAMES, ANCHORS = 61, (10, 30, 50)
"""Frames of a clip that are looked at, and which of them are anchors, each with ten neighbours on either side."""
DISTORTIONS = (
    *("brightness", "contrast", "saturation", "hue", "translation"),
    *("gaussian_noise", "gaussian_blur", "jpeg"),
)
DRAWS = 2
NEAR = (8, 16)
"""Largest differences of a pixel's value, of 255, that adversarial examples are usually allowed."""


def of_clip(clip: Clip, specs: Sequence[str]) -> dict[str, Any]:
    """Of every network its labels on neighbouring frames, how far these lie apart, and those when distorted.

    A clip without a right class is not distorted.
    """
    begin = max(clip.first, (clip.first + clip.last - FRAMES) // 2)
    numbers = list(range(begin, min(begin + FRAMES, clip.last + 1)))
    with open_video(clip.path, device="cpu", prefetch=0) as source:
        shown = source.at(numbers)
    anchors = [k for k in ANCHORS if clip.right and k < len(numbers)]
    found: dict[str, Any] = {"frames": numbers, "time_s": shown.time_s.tolist(), "networks": {}}
    for model in load_models(specs, device="cpu"):
        assert isinstance(model, NetworkClassifier)
        cut = model.network.preprocess.cut(shown.pixels).numpy().astype(np.int16)
        changed = {
            name: [
                _distorted(model, shown.pixels[k : k + 1], name, numbers[k], clip) for k in anchors
            ]
            for name in DISTORTIONS
        }
        answer = predict(model, shown.pixels)
        found["networks"][model.name] = {
            "label": (answer.labels - (len(answer.class_names) - 1000)).tolist(),
            "apart": np.abs(np.diff(cut, axis=0)).reshape(len(cut) - 1, -1).max(axis=1).tolist(),
            "distorted": changed,
        }
    return found


def _distorted(
    model: NetworkClassifier, frame: Any, name: str, number: int, clip: Clip
) -> list[int]:
    """The labels of one frame under the draws of a perturbation at its middle strength."""
    entry = find(name)
    strength = entry.strengths[len(entry.strengths) // 2]
    background = len(model.class_names) - 1000
    draws = (seeded(clip.name, number, draw, name, 0) for draw in range(DRAWS))
    return [
        int(predict(model, entry.apply(frame, strength, [own])).labels[0]) - background
        for own in draws
    ]


def measures(
    clips: Sequence[Clip],
    found: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> dict[str, Measure]:
    """Flips between frames that are nearly equal, pm-k, conditional robustness, and its correlations."""
    there = [clip for clip in clips if clip.name in found]
    if not there:
        return {}
    names = list(found[there[0].name]["networks"])
    models = {name: _anchors(name, there, found) for name in names}
    on = f"{len(names)} networks, {len(there)} clips"
    every = {clip.name: found[clip.name] for clip in there} | dict(others)
    near = _near(names, every, f"{len(names)} networks, {len(every)} clips")
    return {**near, **_pm_k(models, on), **_gu(models, on)}


def _near(
    names: Sequence[str], found: Mapping[str, Mapping[str, Any]], on: str
) -> dict[str, Measure]:
    flip, apart, cluster = [], [], []
    for clip, seen in found.items():
        for name in names:
            of = seen["networks"][name]
            flip.append(np.diff(of["label"]) != 0)
            apart.append(np.array(of["apart"]))
            cluster.append(np.full(len(of["apart"]), clip))
    changed, far, where = np.concatenate(flip), np.concatenate(apart), np.concatenate(cluster)
    moved = far > 0  # the same picture again is no neighbour
    flips = changed & moved
    result = {
        f"near {most}": Measure.of(
            clustered_rate(far[flips] <= most, where[flips]), f"{int(flips.sum())} flips of {on}"
        )
        for most in NEAR
    }
    result["flip rate"] = Measure.of(clustered_rate(changed[moved], where[moved]), on)
    return result


def _anchors(
    name: str, clips: Sequence[Clip], found: Mapping[str, Mapping[str, Any]]
) -> ModelAnchors:
    frames, labels, anchors, distorted = [], [], [], {d: [] for d in DISTORTIONS}
    for clip in sorted(clips, key=lambda c: c.name):
        of = found[clip.name]
        mine = of["networks"][name]
        rows = zip(of["frames"], of["time_s"], mine["label"], strict=True)
        frames += [(name, clip.name, k, t, label, f"class {label}") for k, t, label in rows]
        at = [k for k in ANCHORS if k < len(of["frames"])]
        labels += [
            (clip.name, of["frames"][k], c, f"class {c}") for k in at for c in sorted(clip.right)
        ]
        anchors += [(clip.name, of["frames"][k]) for k in at]
        for d in DISTORTIONS:
            distorted[d] += [
                [label in clip.right for label in draws] for draws in mine["distorted"][d]
            ]
    sets = anchor_sets(
        pd.DataFrame(frames, columns=["model", "item", "frame", "time_s", "label", "label_name"]),
        pd.DataFrame(labels, columns=["item", "frame", "label", "label_name"]),
        judged_by="anchor",
        anchors=pd.DataFrame(anchors, columns=["item", "frame"]),
    )
    return ModelAnchors(sets=sets, distorted={d: np.array(of, bool) for d, of in distorted.items()})


def _pm_k(models: Mapping[str, ModelAnchors], on: str) -> dict[str, Measure]:
    drop = [
        pm_correct(m.sets, 0).astype(float) - pm_correct(m.sets, WITHIN) for m in models.values()
    ]
    cluster = np.concatenate([m.sets.cluster for m in models.values()]).astype(str)
    found = clustered_mean(np.concatenate(drop), cluster, bounds=(-1.0, 1.0))
    anchors = len(next(iter(models.values())).sets.anchor)
    return {"pm drop": Measure.of(found, f"{on}, {anchors} anchors")}


def _gu(models: Mapping[str, ModelAnchors], on: str) -> dict[str, Measure]:
    """Correlations over the networks of accuracy, natural robustness, and robustness to each distortion."""
    usable = {name: model for name, model in models.items() if _has_pairs(model.sets)}
    families = {name: str(find(name).family) for name in DISTORTIONS}
    matrix = gu2019(usable, families=families, resamples=500).matrix
    rows = matrix[(matrix["row"] == NATURAL) | (matrix["column"] == NATURAL)]
    found = {}
    for method in rows["method"].unique():
        for row in rows[rows["method"] == method].itertuples():
            other = row.column if row.row == NATURAL else row.row
            found[f"gu {method} {other}"] = Measure(
                value=row.value,
                low=row.low,
                high=row.high,
                n=len(usable),
                clusters=len(usable),
                on=on,
            )
    spread = np.ptp([robustness(model)[ACCURACY] for model in usable.values()])
    return {key: m if spread else Measure(**{**vars(m), "low": np.nan}) for key, m in found.items()}


def _has_pairs(sets: AnchorSets) -> bool:
    return bool(sets.correct[sets.of].any())
