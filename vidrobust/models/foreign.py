"""Predictions of other libraries as ours: supervision, torchvision, transformers, and plain arrays.

=============================  ========================================================================
one frame's answer             what it is
=============================  ========================================================================
``supervision.Detections``     anything with ``xyxy``, ``confidence`` and ``class_id``; masks and tracks are kept
``ultralytics`` Results        its boxes, or its probabilities; and objects with such ``boxes``
{"boxes", "scores", "labels"}  a dict as torchvision's detectors give it, maybe with "masks"
[{"box", "score", "label"}]    dicts as a pipeline of transformers gives them for objects
[{"label", "score"}]           the same for classes of the picture
array (M, 6)                   x1, y1, x2, y2 px, score, class
(boxes, scores, labels)        arrays (M, 4), (M,) and (M,)
[one of these]                 the same
array (K,)                     scores of the classes
=============================  ========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.classes import numbered
from vidrobust.models.modules import MASK
from vidrobust.predictions import Classifications, Detections
from vidrobust.shapes.shape import mask_array

Task = Literal["classification", "detection", "scores"]
# Classes of a detector that does not name any: COCO's, or as many as it has shown
_LEAST_CLASSES = 91


def task_of_answers(answers: object, count: int) -> Task | None:
    """Return the task of ``count`` answers, one per frame; None if unknown."""
    if not isinstance(answers, list | tuple) or len(answers) != count or not count:
        return None
    tasks = {_task(plain(answer)) for answer in answers} - {"empty"}
    if len(tasks) > 1:
        return None
    return tasks.pop() if tasks else "detection"  # type: ignore[return-value]


def detections_of(answers: Sequence[Any], names: Sequence[str] | None) -> Detections:
    parts = [_boxes(plain(answer), names) for answer in answers]
    boxes, scores, labels, masks, tracks = ([part[k] for part in parts] for k in range(5))
    counts = [len(of_frame) for of_frame in scores]
    most = max((int(of_frame.max()) + 1 for of_frame in labels if len(of_frame)), default=0)
    filled = [k for k, count in enumerate(counts) if count]
    shaped = filled and all(masks[k] is not None for k in filled)
    tracked = filled and all(tracks[k] is not None for k in filled)
    return Detections(
        boxes=np.concatenate([np.empty((0, 4), np.float32), *boxes]),
        scores=np.concatenate([np.empty(0, np.float32), *scores]),
        labels=np.concatenate([np.empty(0, np.int64), *labels]),
        frame=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        num_frames=len(counts),
        class_names=tuple(names) if names else numbered(max(most, _LEAST_CLASSES)),
        tracks=np.concatenate([tracks[k] for k in filled]) if tracked else None,
        shapes=np.concatenate([mask_array(masks[k], MASK) for k in filled]) if shaped else None,
    )


def classifications_of(answers: Sequence[Any], names: Sequence[str] | None) -> Classifications:
    """Return the probabilities of frames from a list of {"label", "score"} each, which names every class."""
    given = tuple(names or sorted({str(one["label"]) for answer in answers for one in answer}))
    rows = np.zeros((len(answers), len(given)))
    for row, answer in zip(rows, answers, strict=True):
        for one in answer:
            row[_label(one["label"], given)] = float(one["score"])
    sums = rows.sum(axis=1)
    if np.abs(sums - 1).max(initial=0) > 1e-3:
        raise SettingsError(
            f"the scores of a frame sum to {sums[np.abs(sums - 1).argmax()]:.4g}: expected all classes and "
            "probabilities; ask a pipeline of transformers with top_k=1000"
        )
    return Classifications(rows, given)


def array_of(values: Any, kind: type | None = None) -> np.ndarray:
    """Return a tensor on any device, or anything like an array, as a NumPy array."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, kind)


def plain(answer: Any) -> Any:
    """Return the boxes or probabilities of results as Ultralytics has them; anything else unchanged."""
    if isinstance(answer, list | tuple) and len(answer) == 1 and not isinstance(answer[0], Mapping):
        return plain(answer[0])
    if _is_triple(answer):
        return dict(zip(("boxes", "scores", "labels"), answer, strict=True))
    if getattr(answer, "probs", None) is not None:
        return array_of(answer.probs.data, np.float32)
    boxes: Any = getattr(answer, "boxes", None)
    boxes = boxes if getattr(answer, "obb", None) is None else answer.obb
    if not all(hasattr(boxes, part) for part in ("xyxy", "conf", "cls")):
        return answer
    return {"boxes": boxes.xyxy, "scores": boxes.conf, "labels": boxes.cls}


def _is_triple(answer: Any) -> bool:
    if not (isinstance(answer, list | tuple) and len(answer) == 3):
        return False
    shapes = [tuple(getattr(part, "shape", ())) for part in answer]
    return len(shapes[0]) == 2 and shapes[0][1] == 4 and shapes[1] == shapes[2] == shapes[0][:1]


def _task(answer: Any) -> str | None:
    if hasattr(answer, "xyxy") or (
        isinstance(answer, Mapping) and {"boxes", "scores", "labels"} <= set(answer)
    ):
        return "detection"
    if isinstance(answer, list | tuple):
        if not answer:
            return "empty"
        if all(isinstance(one, Mapping) and {"label", "score"} <= set(one) for one in answer):
            boxed = sum("box" in one for one in answer)
            return "detection" if boxed == len(answer) else None if boxed else "classification"
        return None
    if hasattr(answer, "shape"):
        shape = tuple(answer.shape)
        if len(shape) == 2 and shape[1] == 6:
            return "detection"
        return "scores" if len(shape) == 1 and shape[0] > 1 else None
    return None


def _boxes(answer: Any, names: Sequence[str] | None) -> tuple[Any, ...]:
    masks = tracks = None
    if hasattr(answer, "xyxy"):
        boxes = answer.xyxy
        scores = np.ones(len(boxes)) if answer.confidence is None else answer.confidence
        labels = np.zeros(len(boxes)) if answer.class_id is None else answer.class_id
        masks, tracks = getattr(answer, "mask", None), getattr(answer, "tracker_id", None)
    elif isinstance(answer, Mapping):
        boxes, scores, labels = answer["boxes"], answer["scores"], answer["labels"]
        masks = answer.get("masks")
    elif hasattr(answer, "shape"):
        rows = array_of(answer, np.float64)
        boxes, scores, labels = rows[:, :4], rows[:, 4], rows[:, 5]
    else:
        boxes = [[one["box"][side] for side in ("xmin", "ymin", "xmax", "ymax")] for one in answer]
        scores = [one["score"] for one in answer]
        labels = [_label(one["label"], names) for one in answer]
    return (
        array_of(boxes, np.float32).reshape(-1, 4),
        array_of(scores, np.float32).ravel(),
        array_of(labels, np.float64).ravel().astype(np.int64),
        None if masks is None else array_of(masks),
        None if tracks is None else array_of(tracks, np.int64),
    )


def _label(label: object, names: Sequence[str] | None) -> int:
    if isinstance(label, int | np.integer):
        return int(label)
    if names is None:
        raise SettingsError(
            f"class_names: the answers name their classes, as {label!r}: say all names, in order"
        )
    if label not in names:
        raise SettingsError(f"class_names: {label!r} is answered, and is not among them")
    return list(names).index(str(label))
