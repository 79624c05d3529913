"""Sensitivity to shifts of single pixels, and whether the response grows with strength."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.class_differences import top1_probability_change, total_variation
from vidrobust.metrics.classification import label_flip
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Batch, predict
from vidrobust.perturb.draws import draw_seed, from_seed, integer, seeded
from vidrobust.plugins.published.perturbations import shift
from vidrobust.predictions import Classifications, Classifier

PATH_PX = 16  # steps of the path along which jaggedness is counted
LARGEST_OFFSET = 31  # zhang's offsets are 0..31 px on each axis
TOP = 5
# Three protocols of a place and its eight neighbours, two scales, two paths, two pairs of offsets.
PICTURES_PER_FRAME = 3 * 9 + 2 + 2 * (PATH_PX + 1) + 2 * 2
STAY_AND_MOVE = ((0, 0), *shift.DIRECTIONS)


class ShiftRow(NamedTuple):
    """A row of ``sensitivity``."""

    frame: int
    perturbation: str
    strength: float
    draw: int
    metric: str
    value: float


def top_holds(probabilities: np.ndarray, label: int, top: int = TOP) -> np.ndarray:
    """Return where along a path (S, K) a label is among the ``top`` most probable, (S,) bool."""
    p = probabilities[:, label : label + 1]
    ahead = (probabilities > p).sum(axis=1) + (probabilities[:, :label] == p).sum(axis=1)
    return np.asarray(ahead < top)


def jaggedness(holds: np.ndarray) -> int:
    """Return at how many steps of a path correctness (S,) changes."""
    return int(np.count_nonzero(holds[1:] != holds[:-1]))


def study_pixel_shifts(
    frames: FrameBatch,
    models: Sequence[Classifier],
    *,
    content: str,
    seed: int = 0,
    batch: Batch = "auto",
    step: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Return ``sensitivity`` rows of the pixel paths of some frames, cropped as each model does."""
    parts = []
    for row, number in enumerate(frames.index):
        for model in models:
            paths = ShiftPaths(content=content, seed=seed, view=view_of(model))
            rows = shift_study(frames.pixels[row], model, int(number), paths, batch=batch)
            parts.append(pd.DataFrame(rows).assign(model=model.name, item=frames.item))
        if step is not None:
            step(PICTURES_PER_FRAME)
    return pd.concat(parts, ignore_index=True)


def view_of(model: Classifier) -> shift.View:
    """Return how a loaded network crops; 224 of 256 px where unknown."""
    if not isinstance(model, NetworkClassifier):
        return shift.View()
    preprocess = model.network.preprocess
    square = preprocess.resize == "shorter side" and preprocess.shape[0] == preprocess.shape[1]
    return (
        shift.View(resized=preprocess.resized[0], cut=preprocess.shape[0])
        if square
        else shift.View()
    )


@dataclass(frozen=True, kw_only=True)
class ShiftPaths:
    """The paths of pixels along which frames are shown: drawn how, how long, and for which view of a network."""

    content: str = ""
    seed: int = 0
    view: shift.View = field(default_factory=shift.View)
    length_px: int = PATH_PX
    protocols: Collection[str] | None = None  # None: all


def shift_study(
    frame: torch.Tensor,
    classifier: Classifier,
    number: int,
    paths: ShiftPaths,
    *,
    batch: Batch = "auto",
) -> list[ShiftRow]:
    """Measure the sensitivity of a classifier to single pixels of a frame (3, H, W) uint8.

    ``number`` is that of the frame; its class is what the classifier says of it.
    """
    rows: list[ShiftRow] = []
    label = int(_seen(classifier, [frame], batch).labels[0])
    generator = seeded(paths.content, number, 0, "shift", paths.seed)
    for look in _looks(frame, paths.view, generator, paths.length_px):
        if paths.protocols is None or look.name in paths.protocols:
            seen = _seen(classifier, look.pictures(), batch)
            rows += _measured(look, seen, number, label)
    return rows


def _seen(
    classifier: Classifier, pictures: Sequence[torch.Tensor], batch: Batch
) -> Classifications:
    return predict(classifier, torch.stack(list(pictures)), batch)


class _ShiftedPictures(NamedTuple):
    name: str
    strength: float
    pictures: Callable[[], list[torch.Tensor]]
    is_path: bool = False


def _looks(
    frame: torch.Tensor, view: shift.View, rng: torch.Generator, path_px: int
) -> Iterator[_ShiftedPictures]:
    yield from _crops(frame, from_seed(draw_seed(rng)), path_px)
    yield from _embeddings(frame, view, from_seed(draw_seed(rng)), path_px)
    yield from _offsets(frame, view, from_seed(draw_seed(rng)))


def _crops(frame: torch.Tensor, rng: torch.Generator, path_px: int) -> Iterator[_ShiftedPictures]:
    size = (frame.shape[1], frame.shape[2])
    top, left = shift.square_places(size, 1, rng)
    yield _ShiftedPictures(
        "crop", 1.0, lambda: [shift.cut_square(frame, top + y, left + x) for y, x in STAY_AND_MOVE]
    )
    length = min(path_px, min(size) - shift.square_side(size))
    yield _ShiftedPictures(
        "crop",
        1.0,
        lambda: [shift.cut_square(frame, k, k) for k in range(length + 1)],
        is_path=True,
    )


def _embeddings(
    frame: torch.Tensor, view: shift.View, rng: torch.Generator, path_px: int
) -> Iterator[_ShiftedPictures]:
    canvas = (view.cut, view.cut)
    shorter = max(1, round(shift.EMBEDDED * view.cut / 224))
    top, left = shift.place_on_canvas(frame, canvas, shorter, 2, rng)

    def on(background: shift.Background, y: int, x: int, side: int = shorter) -> torch.Tensor:
        return view.around(shift.embed(frame, canvas, y, x, shorter=side, background=background))

    def around(background: shift.Background) -> list[torch.Tensor]:
        return [on(background, top + y, left + x) for y, x in STAY_AND_MOVE]

    yield _ShiftedPictures("embedding_black", 1.0, lambda: around("black"))
    yield _ShiftedPictures("embedding_inpainted", 1.0, lambda: around("inpainted"))
    sides = (shorter, shorter + 1)
    yield _ShiftedPictures(
        "scale_embedding_black", 1.0, lambda: [on("black", top, left, side) for side in sides]
    )
    height, width = shift.embedded_size(frame, canvas, shorter)
    down, right = (
        int(whole - part >= path_px) for whole, part in zip(canvas, (height, width), strict=True)
    )
    steps = range(path_px + 1 if down or right else 1)
    yield _ShiftedPictures(
        "embedding_black",
        1.0,
        lambda: [on("black", k * down, k * right) for k in steps],
        is_path=True,
    )


def _offsets(
    frame: torch.Tensor, view: shift.View, rng: torch.Generator
) -> Iterator[_ShiftedPictures]:
    reach = min(LARGEST_OFFSET, view.resized - view.cut)
    offsets = [(integer(rng, 0, reach + 1), integer(rng, 0, reach + 1)) for _ in range(2)]
    crops, rolled = shift.zhang_pictures(frame, view, offsets)
    yield _ShiftedPictures(
        "crop_shift", float(LARGEST_OFFSET), lambda: [view.around(crop) for crop in crops]
    )
    yield _ShiftedPictures(
        "circular_shift", float(LARGEST_OFFSET), lambda: [view.around(roll) for roll in rolled]
    )


def _measured(
    look: _ShiftedPictures, seen: Classifications, number: int, label: int
) -> Iterator[ShiftRow]:
    name = f"shift:{look.name}"
    if look.is_path:
        value = (
            jaggedness(top_holds(np.asarray(seen.probabilities, np.float64), label))
            if len(seen) > 1
            else math.nan
        )
        yield ShiftRow(number, name, look.strength, 0, "jaggedness", float(value))
        return
    first = seen.take(np.zeros(len(seen) - 1, np.int64))
    others = seen.take(np.arange(1, len(seen)))
    for k, metrics in enumerate(_differences(first, others)):
        for metric, value in metrics.items():
            yield ShiftRow(number, name, look.strength, k, metric, value)


def _differences(before: Classifications, after: Classifications) -> list[dict[str, float]]:
    p = np.asarray(before.probabilities, np.float64)
    q = np.asarray(after.probabilities, np.float64)
    changes = {
        "label_flip": label_flip(before, after),
        "top1_probability_change": top1_probability_change(p, q),
        "total_variation": total_variation(p, q),
    }
    return [
        {name: float(values[row]) for name, values in changes.items()} for row in range(len(before))
    ]
