"""What one model makes of a pair's replays: the part of its real change that lies along each cause.

With z the centred logits, d = z(t+1) - z(t) and every step of the ways from t to t+1 from ``before`` to ``after``::

    projection      sum over a cause's steps of weight <z(after) - z(before), d>
    placebo         the same of the cause's placebos; mean over them
    squared_change  <d, d>: the sum of all projections of the pair
    finer_change    <d_y, d_y> of the frames coded once more, and finer_along <d, d_y>; so coarser (``recoded.py``)
    alone, slight   what of a motion may be another's (``PairReplays``)
    margin_step     how far these steps move the margin between the labels of t and t+1
    reproduced      whether one of these steps turns the label to that of t+1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from vidrobust.metrics.catalogue import is_classifier, is_detector, task_of
from vidrobust.models import predict as engine
from vidrobust.models.detection.network import answers as box_answers
from vidrobust.models.predict import Model
from vidrobust.predictions import Classifications, Classifier
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.boxes import seen_boxes
from vidrobust.stages.causes.catalogue import COLUMNS, DIVIDED, KEYFRAMES, RECODED
from vidrobust.stages.causes.cause import Size
from vidrobust.stages.causes.pair_replays import AccountStep, PairReplays
from vidrobust.stages.causes.scene import ShownMotion

CHUNK = 16  # pictures given to a model at a time on the CPU; a device takes what fits
TINY = 1e-12  # smallest probability before the logarithm
NO_SIZE = Size(size=float("nan"), unit="", measured="")


class ShownPictures(NamedTuple):
    """Pictures shown to a model, the pair's frames first, and how what each of them shows has moved."""

    pictures: tuple[np.ndarray, ...]
    motions: tuple[ShownMotion, ...]
    backwards: bool = False


def replies(model: Model, pairs: Sequence[ShownPictures], device: str) -> list[Any]:
    """Return a model's answers to the pictures of each pair, of which it sees all together."""
    if not pairs:
        return []
    pictures = tuple(picture for pair in pairs for picture in pair.pictures)
    ends = accumulate((len(pair.pictures) for pair in pairs), initial=0)
    if is_detector(model):
        boxes = box_answers(model, pictures, device)
        return [boxes[start:end] for start, end in pairwise(ends)]
    predictions = answers(model, pictures, device)
    if len(pairs) == 1:
        return [predictions]
    return [predictions.select(range(start, end)) for start, end in pairwise(ends)]


def answers(model: Any, pictures: tuple[np.ndarray, ...], device: torch.device | str) -> Any:
    """Return the predictions of N pictures (H, W, 3) uint8, a few at a time, by a model of any task."""
    of_shape: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        of_shape.setdefault(picture.shape, []).append(place)
    parts = [
        engine.predict(model, pixels)
        for rows in of_shape.values()
        for pixels in engine.few_pictures(model, [pictures[k] for k in rows], CHUNK, device)
    ]
    whole = engine.joined(parts)
    if len(of_shape) == 1:
        return whole
    return whole.select(np.argsort(np.concatenate(list(of_shape.values()))))


class SeenPictures(NamedTuple):
    """What a model makes of a pair's pictures, for one of its accounts."""

    account: str  # prefix of the account's tables
    z: np.ndarray  # (N, K) float64, coordinates of its answers
    labels: np.ndarray  # (N,) int64; zeros where the account has none
    names: tuple[str, ...]  # of the labels


def by_account(
    model: Model, pair: ShownPictures, reply: Any, settings: Settings
) -> Iterator[SeenPictures]:
    """Yield what a model makes of the pictures, for each of its accounts.

    A classifier has one, of its classes; a detector two: of its scores, with the states of what is followed
    for labels, and of its boxes' places, which have no labels. Any other task has one, of the coordinates that
    its record names, and no labels.
    """
    task = task_of(model.task)
    scores, *places = task.accounts
    unlabelled = np.zeros(len(pair.pictures), np.int64)
    if is_classifier(model):
        yield SeenPictures(scores, *seen_in(reply), model.class_names)
        return
    if task.coordinates is not None:
        z = task.coordinates(reply, pair.motions, pair.pictures[0].shape[:2])
        yield SeenPictures(scores, z, unlabelled, ("",))
        return
    boxes = seen_boxes(
        model,
        pair.pictures,
        pair.motions,
        reply,
        backwards=pair.backwards,
        start_score=settings.track_start_score,
        keep_score=settings.track_keep_score,
        only=settings.only,
        ignored=settings.ignored_zones,
    )
    yield SeenPictures(scores, boxes.z, boxes.states, boxes.names)
    yield SeenPictures(places[0], boxes.places, unlabelled, ("",))


def seen_in(answer: Classifications) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates (N, K) and labels (N,) of a classifier's answers."""
    p = answer.probabilities.astype(np.float64)
    return coordinates(p), p.argmax(axis=1)


def seen_by(model: Classifier, pictures: tuple[np.ndarray, ...]) -> SeenPictures:
    """Return what a classifier makes of N pictures (H, W, 3) uint8."""
    return SeenPictures("", *seen_in(answers(model, pictures, "cpu")), model.class_names)


def coordinates(probabilities: np.ndarray) -> np.ndarray:
    """Return outputs as points to be compared, (N, K): centred logits, or of two classes roots (Hellinger)."""
    if probabilities.shape[1] == 2:
        return np.sqrt(probabilities)
    logs = np.log(np.maximum(probabilities, TINY))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def score(pair: PairReplays, model: Model, seen: SeenPictures) -> list[dict[str, Any]]:
    """Return the rows of one pair and model for a table ``causes``, without the pair's names."""
    z, labels, names = seen.z, seen.labels, seen.names
    shared = {
        "model": model.name,
        "squared_change": float(np.square(z[1] - z[0]).sum()),
        "flip": bool(labels[0] != labels[1]),
        "class_a": names[int(labels[0])],
        "class_b": names[int(labels[1])],
        "excluded": str(pair.excluded or ""),
        "margin_past": float("nan"),
        "alone": pair.alone,
        "slight": pair.slight,
        **dict.fromkeys(RECODED, float("nan")),
    }
    margin = None
    if shared["flip"] and is_classifier(model):
        margin = z[:, labels[0]] - z[:, labels[1]]
        shared["margin_past"] = -float(margin[1])
    if pair.beside:
        return [{**shared, **_keyframe(pair, z)}]
    if not pair.steps:
        return [{**shared, **_row(cause, NO_SIZE)} for cause in DIVIDED]
    d = (z[0] - z[1]) if pair.reversed else (z[1] - z[0])
    again = [z[after] - z[before] for before, after in pair.recoded]
    shared |= zip(RECODED, (float(y @ x) for y in again for x in (y, z[1] - z[0])), strict=False)
    turned = labels == labels[0 if pair.reversed else 1] if shared["flip"] else labels < 0
    return [
        {
            **shared,
            **_of_cause(pair, cause, z, d, margin),
            "reproduced": any(
                step.cause == cause and turned[step.after] > turned[step.before]
                for step in pair.steps
            ),
        }
        for cause in DIVIDED
    ]


def _keyframe(pair: PairReplays, z: np.ndarray) -> dict[str, Any]:
    beside = [float(np.square(z[b] - z[a]).sum()) for a, b in pair.beside]
    excess = float(np.square(z[1] - z[0]).sum()) - float(np.mean(beside))
    return {**_row(KEYFRAMES, NO_SIZE), "projection": excess}


def _of_cause(
    pair: PairReplays, cause: str, z: np.ndarray, d: np.ndarray, margin: np.ndarray | None
) -> dict[str, Any]:
    steps = [step for step in pair.steps if step.cause == cause]
    row = {
        **_row(cause, pair.sizes.get(cause, NO_SIZE)),
        "projection": _sum(steps, z @ d),
        "unsure": _sum([replace(s, weight=s.weight * s.unsure) for s in steps], z @ d),
        "margin_step": float("nan"),
    }
    if margin is not None:
        row["margin_step"] = (1.0 if pair.reversed else -1.0) * _sum(steps, margin)
    if cause in pair.placebo:
        placebo = [float((z[after] - z[before]) @ d) for before, after in pair.placebo[cause]]
        row |= {
            "placebo": float(np.mean(placebo)),
            "placebo_1": placebo[0],
            "placebo_2": placebo[-1],
        }
    return row


def _sum(steps: Sequence[AccountStep], values: np.ndarray) -> float:
    return float(sum(step.weight * (values[step.after] - values[step.before]) for step in steps))


def _row(cause: str, size: Size) -> dict[str, Any]:
    nan = float("nan")
    unknown = ("projection", "unsure", "placebo", "placebo_1", "placebo_2", "margin_step")
    return {
        "cause": cause,
        "reproduced": False,
        **dict.fromkeys(unknown, nan),
        "size": size.size,
        "unit": size.unit,
        "measured": size.measured,
        **{name: size.more.get(name, nan) for name in COLUMNS},
    }
