"""The unit of the sensitivity stage: some frames of an item under every perturbation, for all models at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.models.predict import Model
from vidrobust.perturb.catalogue import find, suite
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.perturb.published.sequences import SEQUENCES
from vidrobust.predictions import Classifier
from vidrobust.run.settings import Settings
from vidrobust.run.unit import Context, Found
from vidrobust.studies.sensitivity import choose_frames, study_frames
from vidrobust.studies.sequences import study_sequences
from vidrobust.studies.shift import PICTURES_PER_FRAME, study_pixel_shifts
from vidrobust.tasks.catalogue import versions_of
from vidrobust.video.source import VideoSource

OWN_PROTOCOL = ("imagenet-p", "shift")
CHUNK = 8
"""Frames in memory at once."""


def work(context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
    """Perturb the chosen frames once and show them to all these models."""
    chosen = frames_to_study(context.need_links(), context.share_of(context.settings.frames))
    parts: list[pd.DataFrame] = []
    for start in range(0, len(chosen), CHUNK):
        frames = source.at([int(i) for i in chosen[start : start + CHUNK]])
        how: dict[str, Any] = {
            "draws": context.settings.draws,
            "seed": context.settings.seed,
            "content": context.content,
            "batch": context.settings.batch_size,
            "step": context.advance,
        }
        perturbations = perturbations_of(context.settings)
        if perturbations:
            parts.append(study_frames(frames, models, perturbations, **how))
        if "imagenet-p" in _own(context.settings):
            parts.append(study_sequences(frames, _classifiers(models), **how))
        if "shift" in _own(context.settings):
            parts.append(study_pixel_shifts(frames, _classifiers(models), **how))
    table = pd.concat(parts, ignore_index=True)
    return {
        model.name: ({"sensitivity": table[table["model"] == model.name]}, {"frames": len(chosen)})
        for model in models
    }


def known(settings: Settings, model: Model) -> dict[str, Any]:
    """The perturbations and metrics that these settings come to, some of which other packages may bring."""
    perturbations = [[each.key, list(each.strengths)] for each in perturbations_of(settings)]
    return {"perturbations": perturbations, "metrics": versions_of(model.task)}


def _classifiers(models: list[Model]) -> list[Classifier]:
    """Those of the models for which the published protocols are defined."""
    return [model for model in models if isinstance(model, Classifier) and model.task == "classification"]


def steps(settings: Settings) -> int:
    """How many perturbed frames an item has to offer each model, about."""
    return settings.frames * perturbed_per_frame(settings)


def perturbations_of(settings: Settings) -> tuple[Perturbation, ...]:
    """The perturbations of the suites asked for, or those named; SettingsError for an unknown name.

    The suites ``imagenet-p`` and ``shift`` compare their own frames, not a perturbed with a clean one, and are
    studied by their own protocols. What changes nothing in a single frame is not asked of single frames.
    """
    if settings.perturbation:
        return tuple(find(key) for key in settings.perturbation)
    suites = [(name, suite(name)) for name in settings.suite]
    return tuple(each for name, entries in suites if name not in OWN_PROTOCOL for each in entries)


def perturbed_per_frame(settings: Settings) -> int:
    """How many perturbed copies of one frame each model sees."""
    asked = (each for each in perturbations_of(settings) if each.on_single_frames)
    copies = sum(len(each.strengths) for each in asked)
    if "imagenet-p" in _own(settings):
        copies += sum(sequence.num_frames for sequence in SEQUENCES.values())
    if "shift" in _own(settings):
        copies += PICTURES_PER_FRAME
    return copies * settings.draws


def _own(settings: Settings) -> set[str]:
    return set() if settings.perturbation else set(settings.suite) & set(OWN_PROTOCOL)


def frames_to_study(links: pd.DataFrame, count: int) -> np.ndarray:
    """``count`` frames of an item, evenly spread over those that start a usable pair of neighbours.

    So that each frame studied has a natural change to be compared with; where the item has no usable pair at all
    (stills, one frame), over all its frames.
    """
    frames, reason = links["frame"].to_numpy(), links["reason"].to_numpy()
    starts = frames[:-1][reason[1:] == ""]
    return choose_frames(starts if len(starts) else frames, count)
