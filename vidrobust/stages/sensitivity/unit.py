"""The unit of the sensitivity stage: some frames of an item under every perturbation, for all models at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.frames.batch import VideoInfo
from vidrobust.metrics.catalogue import versions_of
from vidrobust.models.predict import Model
from vidrobust.perturb.catalogue import find, suite
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.perturb.published.sequences import SEQUENCES
from vidrobust.pipeline.unit import Context, Found, Read, Trim
from vidrobust.predictions import Classifier
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.sensitivity.design import shown_per_frame, start_of
from vidrobust.stages.sensitivity.differences import study_frames
from vidrobust.stages.sensitivity.sequences import study_sequences
from vidrobust.stages.sensitivity.shift import PICTURES_PER_FRAME, study_pixel_shifts
from vidrobust.statistics.samples import spread_order
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

OWN_PROTOCOL = ("imagenet-p", "shift")
CHUNK_BYTES = 32 * 2**20
"""Frames in memory at once, in bytes."""


def work(context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
    """Perturb the chosen frames once and show them to all these models."""
    settings = context.settings
    order = _order(context)
    # the places of the frames in the order, and the frames in the order of time, to be decoded forwards
    ranks = np.arange(context.have, len(order))
    ranks = ranks[np.argsort(order[ranks])]
    parts: list[pd.DataFrame] = []
    size = chunk(context.info)
    for start in range(0, len(ranks), size):
        some = ranks[start : start + size]
        frames = source.at([int(i) for i in order[some]])
        how: dict[str, Any] = {
            "draws": settings.draws,
            "seed": settings.seed,
            "content": context.content,
            "batch": settings.batch_size,
            "step": context.advance,
        }
        chosen: dict[str, Any] = {"only": settings.only, "ignored": settings.tracks.ignored}
        perturbations = perturbations_of(settings)
        if perturbations:
            parts.append(
                study_frames(
                    frames, models, perturbations, ranks=some, each=settings.strengths, **chosen, **how
                )
            )
        if "imagenet-p" in _own(settings):
            parts.append(study_sequences(frames, _classifiers(models), **how))
        if "shift" in _own(settings):
            parts.append(study_pixel_shifts(frames, _classifiers(models), **how))
    table = pd.concat(parts, ignore_index=True) if parts else tables.empty("sensitivity")
    return {
        model.name: ({"sensitivity": table[table["model"] == model.name]}, {"frames": len(order)})
        for model in models
    }


def frames_needed(context: Context) -> list[int]:
    """The frames that are to be perturbed."""
    return [int(number) for number in _order(context)[context.have :]]


def _order(context: Context) -> np.ndarray:
    return frames_to_study(context.need_transitions(), context.count, context.content, context.settings.seed)


def trim(read: Read, content: str, settings: Settings, count: int) -> Trim:
    """What keeps the rows of the first ``count`` frames, of a unit that may hold more."""
    transitions = read("transitions")
    assert transitions is not None, "a unit that is there has its transitions"
    frames = frames_to_study(transitions, count, content, settings.seed)
    return lambda rows: rows[rows["frame"].isin(frames)]


def chunk(info: VideoInfo) -> int:
    """How many frames are worked on at once: what fits into CHUNK_BYTES, at most 64."""
    return max(1, min(64, CHUNK_BYTES // (3 * info.width * info.height)))


def extra_key(settings: Settings, model: Model) -> dict[str, Any]:
    """The perturbations and metrics that these settings come to, some of which other packages may bring."""
    perturbations = [[each.key, list(each.strengths)] for each in perturbations_of(settings)]
    of_boxes = settings.chosen_boxes if model.task == "detection" else {}
    return {"perturbations": perturbations, "metrics": versions_of(model.task), **of_boxes}


def _classifiers(models: list[Model]) -> list[Classifier]:
    """Those of the models for which the published protocols are defined."""
    return [model for model in models if isinstance(model, Classifier) and model.task == "classification"]


def perturbations_of(settings: Settings) -> tuple[Perturbation, ...]:
    """The perturbations of the suites asked for, or those named; SettingsError for an unknown name.

    The suites ``imagenet-p`` and ``shift`` compare their own frames, not a perturbed with a clean one, and are
    studied by their own protocols. What changes nothing in a single frame is not asked of single frames.
    """
    if settings.perturbation:
        return tuple(find(key) for key in settings.perturbation)
    suites = [(name, suite(name)) for name in settings.suite]
    return tuple(each for name, entries in suites if name not in OWN_PROTOCOL for each in entries)


def steps(settings: Settings) -> float:
    """How many perturbed copies of one frame each model sees."""
    asked = (one for one in perturbations_of(settings) if one.on_single_frames)
    copies = sum(shown_per_frame(len(one.strengths), settings.strengths) for one in asked)
    if "imagenet-p" in _own(settings):
        copies += sum(sequence.num_frames for sequence in SEQUENCES.values())
    if "shift" in _own(settings):
        copies += PICTURES_PER_FRAME
    return float(copies * settings.draws)


def _own(settings: Settings) -> set[str]:
    return set() if settings.perturbation else set(settings.suite) & set(OWN_PROTOCOL)


def frames_to_study(transitions: pd.DataFrame, count: int, content: str, seed: int) -> np.ndarray:
    """``count`` frames of an item in the order in which they are taken, of those that start a usable pair.

    So that each frame studied has a natural change to be compared with; where the item has no usable pair at all
    (stills, one frame), over all its frames. The first of them are those of a smaller ``count``.
    """
    frames, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy()
    starts = frames[:-1][reason[1:] == ""]
    candidates = np.unique(starts if len(starts) else frames)
    chosen: np.ndarray = candidates[spread_order(len(candidates), count, start_of(seed, content))]
    return chosen


def means(table: pd.DataFrame) -> Any:
    """The mean of every difference, by model, perturbation and strength, as plain values."""
    by = ["model", "perturbation", "strength", "metric"]
    found = table.groupby(by, sort=False)["value"].agg(value="mean", n="size").reset_index()
    return plain(found.to_dict("records"))
