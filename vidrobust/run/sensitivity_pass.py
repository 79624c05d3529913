"""The second pass: some frames of every item under every perturbation, for all models at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.footage.item import Item
from vidrobust.frames import FrameBatch
from vidrobust.perturb.catalogue import find, suite
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.perturb.published.sequences import SEQUENCES
from vidrobust.predictions import Classifier
from vidrobust.run.folder import RunFolder
from vidrobust.run.inputs import Inputs, for_each, sha256
from vidrobust.run.progress import Reporter
from vidrobust.run.settings import Settings
from vidrobust.studies.sensitivity import choose_frames, study_frames
from vidrobust.studies.sequences import study_sequences
from vidrobust.studies.shift import PICTURES_PER_FRAME, study_pixel_shifts
from vidrobust.video.source import VideoSource

OWN_PROTOCOL = ("imagenet-p", "shift")
CHUNK = 8
"""Frames in memory at once."""


def perturbations_of(settings: Settings) -> tuple[Perturbation, ...]:
    """The perturbations of the suites asked for, or those named; SettingsError for an unknown name.

    The suites ``imagenet-p`` and ``shift`` compare their own frames, not a perturbed with a clean one, and are
    studied by their own protocols.
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


def _study(
    frames: FrameBatch,
    content: str,
    models: Sequence[Classifier],
    settings: Settings,
    step: Callable[[int], None],
) -> list[pd.DataFrame]:
    """The rows of some frames under everything that was asked for."""
    parts = []
    how: dict[str, Any] = {
        "content": content,
        "draws": settings.draws,
        "seed": settings.seed,
        "batch": settings.batch_size,
        "step": step,
    }
    perturbations = perturbations_of(settings)
    if perturbations:
        parts.append(study_frames(frames, models, perturbations, **how))
    if "imagenet-p" in _own(settings):
        parts.append(study_sequences(frames, models, **how))
    if "shift" in _own(settings):
        parts.append(study_pixel_shifts(frames, models, **how))
    return parts


def run(
    folder: RunFolder, inputs: Inputs, models: Sequence[Classifier], settings: Settings, reporter: Reporter
) -> None:
    """Measure and write the ``sensitivity`` table; needs the frames and pairs tables of the first pass."""
    perturbations_of(settings)  # a wrong name is found before any video is opened
    wanted = frames_to_study(folder.table("frames"), folder.table("pairs"), settings.frames)
    parts: list[pd.DataFrame] = []

    def work(item: Item, source: VideoSource) -> None:
        chosen = wanted.get(item.name, np.empty(0, np.int64))
        content = sha256(item.path)
        total = perturbed_per_frame(settings) * len(chosen)
        with reporter.counting(f"{item.name}: sensitivity", total, "perturbed frames") as counter:
            for start in range(0, len(chosen), CHUNK):
                frames = source.at([int(i) for i in chosen[start : start + CHUNK]])
                parts.extend(_study(frames, content, models, settings, counter.advance))

    for_each(inputs, settings, reporter, work)
    if not parts:
        raise InputError("sensitivity: no frame could be studied")
    folder.update(failed=inputs.failed)
    folder.write_table("sensitivity", pd.concat(parts, ignore_index=True))


def frames_to_study(frames: pd.DataFrame, pairs: pd.DataFrame, count: int) -> dict[str, np.ndarray]:
    """Per item ``count`` frames, evenly spread over those that start a usable adjacent pair.

    So that each frame studied has a natural change to be compared with; where an item has no usable pair at
    all (stills, one frame), over all its frames.
    """
    usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    found = {}
    for item, of_item in frames.groupby("item", sort=False):
        starts = usable.loc[usable["item"] == item, "frame_a"].to_numpy()
        candidates = starts if len(starts) else of_item["frame"].to_numpy()
        found[str(item)] = choose_frames(candidates, count)
    return found
