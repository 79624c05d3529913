"""Other ways from a detector's candidates to its boxes: overlap, soft, across classes, fused."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch

from vidrobust.models.detection.candidates import Candidates
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.network import DetectionNetwork, NetworkDetector, candidates
from vidrobust.models.detection.suppress import MAX_BOXES, Suppression, to_frames
from vidrobust.models.predict import Model
from vidrobust.stages.replays.footage import InputShown, chunks, rows_of

OVERLAPS = (0.3, 0.5, 0.7)
NEAR = 0.05  # an overlap so near to the detector's own is not tried
SIGMA = 0.5  # Of soft suppression (Bodla et al. 2017, section 5).
FUSED = 0.55  # Least overlap of boxes that are fused (Solovyev et al. 2021).
ACROSS, SOFT, FUSION = "nms-across-classes", "soft-nms", "weighted-fusion"
NAMES = (*(f"nms-{overlap:g}" for overlap in OVERLAPS), ACROSS, SOFT, FUSION)

CandidateChange = Callable[[Candidates], Candidates]
# Rows of boxes or None, a note, and seconds a frame beyond those of the detector's own way.
TriedBoxes = tuple[pd.DataFrame | None, str, float]


def from_candidates(shown: InputShown, model: Model) -> Mapping[str, TriedBoxes]:
    """Return what each way shows of an input; the network is asked once."""
    why = _why_not(model)
    if why:
        return dict.fromkeys(NAMES, (None, f"not possible: {why}", 0.0))
    assert isinstance(model, NetworkDetector), "it would have been said"
    network, ways = model.network, _ways(model.network)
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in ways}
    spent, at = dict.fromkeys(("", *ways), 0.0), 0
    for pixels in chunks(shown.frames()):
        number = shown.number[at : at + len(pixels)]
        at += len(pixels)
        fit = network.preprocess.fit(int(pixels.shape[-2]), int(pixels.shape[-1]))
        raw = _raw(network, pixels, shown.run.settings.batch_size)
        for name, (change, how) in {"": (_as_it_is, network.suppression), **ways}.items():
            begin = time.perf_counter()
            found = to_frames([change(one) for one in raw], fit, how, model.class_names)
            spent[name] += time.perf_counter() - begin
            if name:
                rows[name].append(rows_of(shown.looked_at(found, pixels), number))
    tried: dict[str, TriedBoxes] = {}
    for name in NAMES:
        if name in ways:
            more = (spent[name] - spent[""]) / max(len(shown.number), 1)
            own = network.suppression
            note = f"in place of suppression at an overlap of {own.nms:g}"
            tried[name] = (
                pd.concat(rows[name], ignore_index=True),
                f"{note}; the place of each box is fused, its score is that of the best"
                if name == FUSION
                else note,
                max(more, 0.0),
            )
    return tried


def _why_not(model: Model) -> str:
    if not isinstance(model, NetworkDetector):
        return "the detector gives boxes alone, and suppresses duplicates itself"
    network = model.network
    if network.suppression.nms is None:
        head = HEADS[network.head]
        return (
            "this network has no duplicates to suppress, or suppresses them itself"
            if head.nms is None
            else "no suppression is asked for in its sidecar"
        )
    return "its boxes are turned or have masks" if network.head in ("yolov8-seg", "yolov8-obb") else ""


def _raw(network: DetectionNetwork, pixels: torch.Tensor, size: int | str) -> list[Candidates]:
    size = size if isinstance(size, int) else len(pixels)
    return [one for part in torch.split(pixels, size) for one in candidates(network, part)]


def _as_it_is(found: Candidates) -> Candidates:
    return found


def _ways(network: DetectionNetwork) -> dict[str, tuple[CandidateChange, Suppression]]:
    own = network.suppression
    assert own.nms is not None, "it would have been said"
    found: dict[str, tuple[CandidateChange, Suppression]] = {
        f"nms-{overlap:g}": (_as_it_is, dataclasses.replace(own, nms=overlap))
        for overlap in OVERLAPS
        if abs(overlap - own.nms) > NEAR
    }
    if not own.across_classes and len(network.class_names or ()) != 1:
        found[ACROSS] = (_as_it_is, dataclasses.replace(own, across_classes=True))
    every = dataclasses.replace(own, nms=None)
    found[SOFT] = (lambda raw: softened(raw, own.min_score), every)
    found[FUSION] = (lambda raw: fused(raw, own.min_score), every)
    return found


def softened(found: Candidates, least: float) -> Candidates:
    """Apply soft suppression: overlapped scores of a class shrink by exp(-IoU^2 / sigma).

    Bodla, Singh, Chellappa & Davis, "Soft-NMS", ICCV 2017, equation 3.
    """
    scores, classes = found.scores.copy(), _classes(found, least)
    for rows in classes:
        overlap = _iou(found.boxes[rows], found.boxes[rows])
        now, open_ = scores[rows].copy(), np.full(len(rows), True)
        while open_.any():
            best = int(np.where(open_, now, -1).argmax())
            if now[best] < least:
                break
            open_[best] = False
            now[open_] *= np.exp(-np.square(overlap[best, open_]) / SIGMA)
        scores[rows] = now
    kept = np.sort(np.concatenate([*classes, np.empty(0, np.int64)])).astype(np.int64)
    return dataclasses.replace(found, boxes=found.boxes[kept], scores=scores[kept], labels=found.labels[kept])


def fused(found: Candidates, least: float) -> Candidates:
    """Fuse boxes: each box, best first, joins the cluster of its class that it overlaps most, or begins one.

    A cluster's box is the mean by scores; its score is its best one, so that a threshold keeps its meaning.
    Solovyev, Wang & Gabruseva, Image and Vision Computing 107 (2021), section 3.
    """
    boxes, scores, labels = [], [], []
    for rows in _classes(found, least):
        means, weights, tops = np.empty((0, 4)), np.empty(0), np.empty(0)
        for row in rows[np.argsort(-found.scores[rows], kind="stable")].tolist():
            box, score = found.boxes[row], found.scores[row]
            overlap = _iou(box[None], means)[0] if len(means) else np.empty(0)
            if len(overlap) and overlap.max() > FUSED:
                at = int(overlap.argmax())
                means[at] = (means[at] * weights[at] + box * score) / (weights[at] + score)
                weights[at] += score
            else:
                means = np.concatenate([means, box[None]])
                weights, tops = np.append(weights, score), np.append(tops, score)
        boxes.append(means)
        scores.append(tops)
        labels.append(np.full(len(tops), found.labels[rows[0]]))
    return dataclasses.replace(
        found,
        boxes=np.concatenate([*boxes, np.empty((0, 4))]),
        scores=np.concatenate([*scores, np.empty(0)]),
        labels=np.concatenate([*labels, np.empty(0, np.int64)]).astype(np.int64),
    )


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from torchvision.ops import box_iou  # its import takes as long as that of torch

    overlap: np.ndarray = box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    return overlap


def _classes(found: Candidates, least: float) -> list[np.ndarray]:
    # (M,) bool: whole boxes of the least score, at most ten times as many as may be shown
    good = (found.scores >= least) & np.isfinite(found.boxes).all(axis=1)
    if good.sum() > 10 * MAX_BOXES:
        good &= found.scores >= np.sort(found.scores[good])[-10 * MAX_BOXES]
    rows = np.flatnonzero(good)
    return [rows[found.labels[rows] == label] for label in np.unique(found.labels[rows])]
