"""The second pass: some frames of every item under every perturbation, for all models at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.perturb.catalogue import find, suite
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.predictions import Classifier
from vidrobust.run.folder import RunFolder
from vidrobust.run.inputs import Inputs, for_each
from vidrobust.run.progress import Reporter
from vidrobust.run.settings import Settings
from vidrobust.studies.sensitivity import choose_frames, study_frames
from vidrobust.video.source import Item, VideoSource

CHUNK = 8
"""Frames in memory at once."""


def perturbations_of(settings: Settings) -> tuple[Perturbation, ...]:
    """The perturbations of the suites asked for, or those named; SettingsError for an unknown name."""
    if settings.perturbation:
        return tuple(find(key) for key in settings.perturbation)
    return tuple(perturbation for name in settings.suite for perturbation in suite(name))


def run(
    folder: RunFolder, inputs: Inputs, models: Sequence[Classifier], settings: Settings, reporter: Reporter
) -> None:
    """Measure and write the ``sensitivity`` table; needs the frames and pairs tables of the first pass."""
    perturbations = perturbations_of(settings)
    wanted = frames_to_study(folder.table("frames"), folder.table("pairs"), settings.frames)
    parts: list[pd.DataFrame] = []

    def work(item: Item, source: VideoSource) -> None:
        chosen = wanted.get(item.name, np.empty(0, np.int64))
        steps = sum(len(p.strengths) for p in perturbations) * settings.draws
        with reporter.counting(
            f"{item.name}: sensitivity", steps * len(chosen), "perturbed frames"
        ) as counter:
            for start in range(0, len(chosen), CHUNK):
                frames = source.at([int(i) for i in chosen[start : start + CHUNK]])
                count = len(frames)
                parts.append(
                    study_frames(
                        frames,
                        models,
                        perturbations,
                        draws=settings.draws,
                        seed=settings.seed,
                        batch=settings.batch_size,
                        step=lambda _, count=count: counter.advance(count),  # type: ignore[misc]
                    )
                )

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
