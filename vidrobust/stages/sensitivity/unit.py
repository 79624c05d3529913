"""Frames under every perturbation, shown to several models."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.box_meter import chosen
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.metric import differences
from vidrobust.metrics.tracks.borders import Zone
from vidrobust.models.predict import Batch, Model, Predictions, auto_batch, joined, predict
from vidrobust.perturb.draws import seeded
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.predictions import Detections
from vidrobust.stages.sensitivity.design import strengths_shown
from vidrobust.video.stream import prefetched

AHEAD = 1  # batches that are perturbed before they are asked for
BEGUN = 1  # batches begun before the one before is done, so that no processor waits for the slowest of it
Step = Callable[[int], None]  # wording how many perturbed frames were just predicted


@dataclass(frozen=True)
class _PerturbedRows:
    perturbation: Perturbation
    strength: float
    rows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How perturbations are drawn: for which content and seed, at how many strengths a frame."""

    content: str
    seed: int = 0
    each: int = 0  # strengths per frame; 0: all
    ranks: np.ndarray | None = None  # places of the frames in the seeded order of their input

    def generators(self, frames: FrameBatch, group: _PerturbedRows) -> list[torch.Generator]:
        """Return a fresh generator for each frame of a group, the same at every call."""
        key, index = group.perturbation.key, frames.index[group.rows]
        return [seeded(self.content, int(number), 0, key, self.seed) for number in index]


def study_frames(
    frames: FrameBatch,
    models: Sequence[Model],
    perturbations: Sequence[Perturbation],
    drawn: Draws,
    *,
    batch: Batch = "auto",
    step: Step | None = None,
    only: Collection[str] = (),
    ignored: Sequence[Zone] = (),
) -> pd.DataFrame:
    """Compare clean with perturbed frames of one input: rows of ``sensitivity``, one per metric.

    Frames are perturbed before the model's own resizing, with random parameters that all models share. Boxes
    move with the picture; those of ``only`` these classes and outside of ``ignored`` zones are compared.
    """
    applicable = [one for one in perturbations if one.on_single_frames]
    if not applicable:
        raise SettingsError(
            "sensitivity: nothing to apply to single frames; "
            + " ".join(f"{one.key}: {one.needs_neighbours}" for one in perturbations)
        )
    groups = _groups(applicable, len(frames), drawn)
    clean = {model.name: predict(model, frames.pixels, batch) for model in models}
    parts = []
    size = batch
    if size == "auto":
        height, width = frames.pixels.shape[2:]
        size = auto_batch(height, width, frames.pixels.device)
    # one batch is perturbed on a thread while the models look at the one before
    for some, changed in prefetched(lambda: _perturbed(frames, groups, size, drawn), AHEAD):
        for model in models:
            both = (
                _before(clean[model.name], frames, model, some, drawn),
                predict(model, changed, batch),
            )
            before, after = (
                chosen(side, only, ignored) if isinstance(side, Detections) else side
                for side in both
            )
            parts.append(_differences_rows(frames, model, some, before, after))
        if step is not None:
            step(len(changed))
    return pd.concat(parts, ignore_index=True)


def _perturbed(
    frames: FrameBatch, groups: Iterator[_PerturbedRows], size: int, drawn: Draws
) -> Generator[tuple[list[_PerturbedRows], torch.Tensor]]:
    # with the channels last, as frames are decoded, rows are copied whole; pixels[rows] is copied byte by byte
    pixels = frames.pixels.permute(0, 2, 3, 1)

    def change(group: _PerturbedRows, place: torch.Tensor) -> None:
        on_cpu = group.perturbation.on_cpu and pixels.device.type != "cpu"
        source = torch.from_numpy(frames.pictures) if on_cpu else pixels
        if len(group.rows) == 1:  # a view is enough: nothing writes on what it is given
            clean = source[group.rows[0] : group.rows[0] + 1]
        else:
            clean = source.index_select(0, torch.from_numpy(group.rows).to(source.device))
        rngs = drawn.generators(frames, group)
        made = group.perturbation.apply(clean.permute(0, 3, 1, 2), group.strength, rngs)
        place.copy_(made.permute(0, 2, 3, 1))

    # most perturbations of large frames keep one processor busy for longer than the model needs
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        begun: deque[_Begun] = deque()
        for some in _filling(groups, size):
            counts = [len(group.rows) for group in some]
            made = pixels.new_empty((sum(counts), *pixels.shape[1:]))
            places = zip(some, torch.split(made, counts), strict=True)
            begun.append((some, made, [pool.submit(change, *place) for place in places]))
            if len(begun) > BEGUN:
                yield _finished(*begun.popleft())
        while begun:
            yield _finished(*begun.popleft())


_Begun = tuple[list[_PerturbedRows], torch.Tensor, list[Future[None]]]


def _finished(
    some: list[_PerturbedRows], made: torch.Tensor, futures: list[Future[None]]
) -> tuple[list[_PerturbedRows], torch.Tensor]:
    for future in futures:
        future.result()
    return some, made.permute(0, 3, 1, 2)


def _groups(
    perturbations: Sequence[Perturbation], count: int, drawn: Draws
) -> Iterator[_PerturbedRows]:
    ranks = np.arange(count) if drawn.ranks is None else drawn.ranks
    for perturbation in perturbations:
        strengths = perturbation.strengths
        shown = strengths_shown(
            perturbation.key,
            len(strengths),
            ranks,
            content=drawn.content,
            seed=drawn.seed,
            each=drawn.each,
        )
        for strength, of in zip(strengths, shown.T, strict=True):
            if of.any():
                yield _PerturbedRows(perturbation, float(strength), np.flatnonzero(of))


def _filling(groups: Iterator[_PerturbedRows], most: int) -> Iterator[list[_PerturbedRows]]:
    some: list[_PerturbedRows] = []
    count = 0
    for group in groups:
        if some and count + len(group.rows) > most:
            yield some
            some, count = [], 0
        some.append(group)
        count += len(group.rows)
    if some:
        yield some


def _before(
    clean: Predictions,
    frames: FrameBatch,
    model: Model,
    some: list[_PerturbedRows],
    drawn: Draws,
) -> Predictions:
    moved = task_of(model.task).moved
    size = (int(frames.pixels.shape[2]), int(frames.pixels.shape[3]))
    parts: list[Predictions] = []
    for group in some:
        one: Any = clean.select(group.rows)
        if moved is not None:  # the same generators as the pictures met, afresh
            again = drawn.generators(frames, group)
            one = moved(one, group.perturbation, group.strength, again, size)
        parts.append(one)
    return joined(parts)


def _differences_rows(
    frames: FrameBatch,
    model: Model,
    some: list[_PerturbedRows],
    before: Predictions,
    after: Predictions,
) -> pd.DataFrame:
    figures = differences(metrics_of(model.task), before, after)
    names, sizes = list(figures), [len(group.rows) for group in some]
    count = sum(sizes)

    def every(values: np.ndarray) -> np.ndarray:
        return np.tile(values, len(names))

    return pd.DataFrame(
        {
            "model": model.name,
            "item": frames.item,
            "frame": every(frames.index[np.concatenate([group.rows for group in some])]),
            "perturbation": every(
                np.repeat([group.perturbation.key for group in some], sizes).astype(object)
            ),
            "strength": every(np.repeat([group.strength for group in some], sizes)),
            "draw": 0,
            "metric": np.repeat(np.array(names, object), count),
            "value": np.concatenate([figures[name].astype(np.float64) for name in names]),
        }
    )
