"""Candidates: what a head reads from a network's raw outputs of one frame, and what it may be reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vidrobust.errors import SettingsError

BOX_SCALES = ("pixels", "relative")
BOX_ORDERS = ("xyxy", "yxyx", "cxcywh")


@dataclass(frozen=True)
class MaskParts:
    """Masks as sums of pictures: a pixel of the box belongs to one where its sum is above 0.

    weights     (M, K) float64
    prototypes  (K, h, w) float64 over the whole input
    size        (height, width) of the input, px
    """

    weights: np.ndarray
    prototypes: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class Candidates:
    """Boxes of one frame before thresholds and suppression.

    boxes        (M, 4) float64 xyxy px of the network's input
    scores       (M,) float64 in [0, 1]
    labels       (M,) int64
    num_classes  how many classes the outputs distinguish, or None where they do not show it
    turned       (M, 5) float64 centre x, y, width, height px of the input, angle in radians from x towards y, of
                 detectors of turned boxes
    masks        of detectors of masks
    settled      whether the network has chosen itself which boxes remain: end to end, nothing to suppress
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    num_classes: int | None
    turned: np.ndarray | None = None
    masks: MaskParts | None = None
    settled: bool = False


@dataclass(frozen=True, kw_only=True)
class HeadSettings:
    """What a head is given beside the outputs.

    size          (height, width) of the network's input, px
    outputs       role ("boxes", "scores", "labels") -> name of the output, where the file does not say
    box_scale     "pixels" of the input, or "relative" to its sides; None: what is usual for the head
    box_order     "xyxy", "yxyx" or "cxcywh"; None: what is usual for the head
    background    the class that is no object, or None
    """

    size: tuple[int, int]
    outputs: Mapping[str, str] = field(default_factory=dict)
    box_scale: str | None = None
    box_order: str | None = None
    background: int | None = None


Outputs = Mapping[str, np.ndarray]
"""Name of the output -> its array of one frame, without the batch dimension."""
Decode = Callable[[Outputs, HeadSettings], Candidates]


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a family of detectors answers.

    decode  outputs of one frame -> Candidates
    nms     IoU beyond which the lesser of two boxes of a class goes, the family's usual value; None: the
            network has no duplicates to suppress
    place, whole, antialias  the family's usual way of resizing, as in BoxPreprocess
    alone   outputs have as many rows as there are boxes, so that frames go in one at a time
    """

    decode: Decode
    nms: float | None
    place: str = "top left"
    whole: str = "nearest"
    antialias: bool = False
    alone: bool = False


def corners(boxes: np.ndarray, order: str) -> np.ndarray:
    """(M, 4) boxes in the order named -> (M, 4) float64 xyxy."""
    b = np.asarray(boxes, np.float64).reshape(-1, 4)
    if order == "xyxy":
        return b
    if order == "yxyx":
        return b[:, [1, 0, 3, 2]]
    if order != "cxcywh":
        raise SettingsError(f"box_order: expected one of {', '.join(BOX_ORDERS)}, got {order!r}")
    half = b[:, 2:] / 2
    return np.concatenate([b[:, :2] - half, b[:, :2] + half], axis=1)


def to_pixels(boxes: np.ndarray, scale: str, size: tuple[int, int]) -> np.ndarray:
    """xyxy boxes -> px of the input, from px or from shares of its sides."""
    if scale not in BOX_SCALES:
        raise SettingsError(f"box_scale: expected one of {', '.join(BOX_SCALES)}, got {scale!r}")
    return boxes if scale == "pixels" else boxes * (size[1], size[0], size[1], size[0])


def best_class(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, K) -> (M,) best scores, (M,) int64 labels."""
    labels = scores.argmax(axis=1)
    return scores[np.arange(len(scores)), labels].astype(np.float64), labels.astype(np.int64)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) in float64, without overflow."""
    result: np.ndarray = 0.5 * (1 + np.tanh(np.asarray(x, np.float64) / 2))
    return result


def only(outputs: Outputs, settings: HeadSettings, head: str) -> np.ndarray:
    """The single output, or the one named "output" in the sidecar's ``outputs``."""
    name = settings.outputs.get("output")
    if name is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    if name is None or name not in outputs:
        raise SettingsError(
            f"head {head}: expected one output, got {', '.join(outputs)}; "
            'say outputs = {output = "..."} in the sidecar'
        )
    return outputs[name]


def pick(
    outputs: Outputs, settings: HeadSettings, role: str, usual: tuple[str, ...], head: str
) -> np.ndarray:
    """The output of a role: as the sidecar names it, or one of its usual names."""
    wanted = (settings.outputs[role],) if role in settings.outputs else usual
    for name in wanted:
        if name in outputs:
            return outputs[name]
    raise SettingsError(
        f"head {head}: none of the outputs {', '.join(outputs)} is called {' or '.join(wanted)}; "
        f'say outputs = {{{role} = "..."}} in the sidecar'
    )
