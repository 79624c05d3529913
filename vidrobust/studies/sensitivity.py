"""How much each synthetic perturbation moves the prediction of a clean frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.frames import FrameBatch
from vidrobust.models.predict import Batch, Model, Predictions, predict
from vidrobust.perturb.draws import seeded
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.tasks.catalogue import metrics_of, task_of
from vidrobust.tasks.task import differences

Step = Callable[[int], None]
"""Told how many perturbed frames were just predicted."""


def study_frames(
    frames: FrameBatch,
    models: Sequence[Model],
    perturbations: Sequence[Perturbation],
    *,
    content: str,
    draws: int = 1,
    seed: int = 0,
    batch: Batch = "auto",
    step: Step | None = None,
) -> pd.DataFrame:
    """The ``sensitivity`` rows of some frames of one item: clean against perturbed, every metric.

    Every frame is perturbed as it was delivered, before the model's own resizing. The random parameters of a
    (frame, perturbation, draw) are drawn once: all strengths and all models see the same direction, sign and
    noise (Gu et al. 2019 compare models; common random numbers keep sampling noise out of the comparison).
    What ``needs_neighbours`` gets no rows: a lone frame cannot show it.

    content  the key of the item's footage, see ``draws.seeded``
    """
    applicable = [each for each in perturbations if each.on_single_frames]
    if not applicable:
        raise SettingsError(
            "sensitivity: nothing to apply to single frames; "
            + " ".join(f"{each.key}: {each.needs_neighbours}" for each in perturbations)
        )
    clean = {model.name: predict(model, frames.pixels, batch) for model in models}
    parts = []
    for perturbation in applicable:
        for draw in range(draws):
            for strength in perturbation.strengths:
                # drawn on the CPU, so that runs on a GPU see the same perturbations
                generators = [
                    seeded(content, int(index), draw, perturbation.key, seed) for index in frames.index
                ]
                changed = perturbation.apply(frames.pixels, strength, generators)
                after = {model.name: predict(model, changed, batch) for model in models}
                for model in models:
                    moved = task_of(model.task).moved
                    before = clean[model.name]
                    if moved is not None:  # the same generators as the pictures met, afresh
                        again = [seeded(content, int(i), draw, perturbation.key, seed) for i in frames.index]
                        size = (int(frames.pixels.shape[2]), int(frames.pixels.shape[3]))
                        before = moved(before, perturbation, strength, again, size)
                    ids = {"perturbation": perturbation.key, "strength": float(strength), "draw": draw}
                    parts.append(_rows(frames, model, ids, before, after[model.name]))
                if step is not None:
                    step(len(frames))
    return pd.concat(parts, ignore_index=True)


def _rows(
    frames: FrameBatch, model: Model, ids: dict[str, object], before: Predictions, after: Predictions
) -> pd.DataFrame:
    """Every difference of the model's task, a row a frame and difference."""
    found = differences(metrics_of(model.task), before, after)
    count, names = len(frames), list(found)
    return pd.DataFrame(
        {
            "model": model.name,
            "item": frames.item,
            "frame": np.tile(frames.index, len(names)),
            **ids,
            "metric": np.repeat(names, count),
            "value": np.concatenate([found[name].astype(np.float64) for name in names]),
        }
    )


def choose_frames(candidates: np.ndarray, count: int) -> np.ndarray:
    """``count`` of the candidate frames, evenly spread: the middles of equal parts; all where there are fewer."""
    candidates = np.unique(candidates)
    if len(candidates) <= count:
        return candidates
    middles = ((np.arange(count) + 0.5) * len(candidates) / count).astype(np.int64)
    chosen: np.ndarray = candidates[middles]
    return chosen
