"""Candidates, which a head reads from the raw outputs of one frame, and helpers of heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vidrobust.errors import SettingsError

BOX_SCALES = ("pixels", "relative")
BOX_ORDERS = ("xyxy", "yxyx", "cxcywh")

# Strides of the YOLO families: three levels, four in the "P6" variants
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
ANCHORS = 3  # Boxes per cell of YOLOv5 and YOLOv7


@dataclass(frozen=True)
class MaskParts:
    """Masks as weighted sums of prototypes: a pixel of the box is inside where the sum is above 0."""

    weights: np.ndarray  # (M, K) float64
    prototypes: np.ndarray  # (K, h, w) float64 over the whole input
    size: tuple[int, int]  # Height and width of the input, px


@dataclass(frozen=True)
class Candidates:
    """Boxes of one frame before thresholds and suppression."""

    boxes: np.ndarray  # (M, 4) float64 xyxy px of the network's input
    scores: np.ndarray  # (M,) float64 in [0, 1]
    labels: np.ndarray  # (M,) int64
    # Classes that the outputs distinguish, or None where they do not show it
    num_classes: int | None
    # (M, 5) float64 of detectors of turned boxes: centre x, y, width, height px of the input, and the angle
    # in radians from x towards y
    turned: np.ndarray | None = None
    masks: MaskParts | None = None  # Of detectors of masks
    # Whether the network has chosen the boxes itself (end to end), so that there is nothing to suppress
    settled: bool = False


@dataclass(frozen=True, kw_only=True)
class HeadSettings:
    size: tuple[int, int]  # Height and width of the network's input, px
    # Role ("boxes", "scores", "labels") -> name of the output, where the usual names do not fit
    outputs: Mapping[str, str] = field(default_factory=dict)
    # "pixels" of the input, or "relative" to its sides. None: the head's usual one.
    box_scale: str | None = None
    box_order: str | None = None  # "xyxy", "yxyx" or "cxcywh". None: the head's usual one.
    background: int | None = None  # The class that is no object, or None


# Name of an output -> its array of one frame, without the batch dimension
Outputs = Mapping[str, np.ndarray]
Decode = Callable[[Outputs, HeadSettings], Candidates]


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a family of detectors answers."""

    decode: Decode  # Outputs of one frame -> Candidates
    # The family's usual IoU for suppression. None: the network gives no duplicates.
    nms: float | None
    # place, round_down, one_scale, antialias: The family's usual way of resizing, as in ``BoxPreprocess``
    place: str = "top left"
    round_down: bool = False
    one_scale: bool = False
    antialias: bool = False
    # Outputs have as many rows as there are boxes, so that frames go in one at a time
    alone: bool = False


def corners(boxes: np.ndarray, order: str) -> np.ndarray:
    """Return boxes (M, 4) in any of ``BOX_ORDERS`` as float64 xyxy."""
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
    if scale not in BOX_SCALES:
        raise SettingsError(f"box_scale: expected one of {', '.join(BOX_SCALES)}, got {scale!r}")
    return boxes if scale == "pixels" else boxes * (size[1], size[0], size[1], size[0])


def best_class(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best score (M,) and its label (M,) int64 of rows (M, K)."""
    labels = scores.argmax(axis=1)
    return scores[np.arange(len(scores)), labels].astype(np.float64), labels.astype(np.int64)


def sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 0.5 * (1 + np.tanh(np.asarray(x, np.float64) / 2))
    return result


def only(outputs: Outputs, settings: HeadSettings, head: str) -> np.ndarray:
    """Return the single output, or the one that the sidecar names "output", as float64."""
    name = settings.outputs.get("output")
    if name is None and len(outputs) == 1:
        name = next(iter(outputs))
    if name is None or name not in outputs:
        raise SettingsError(
            f"head {head}: expected one output, got {', '.join(outputs)}; "
            'say outputs = {output = "..."} in the sidecar'
        )
    return np.asarray(outputs[name], np.float64)


def pick(
    outputs: Outputs, settings: HeadSettings, role: str, usual: tuple[str, ...], head: str
) -> np.ndarray:
    """Return the output of a role, by the sidecar or by its usual names."""
    wanted = (settings.outputs[role],) if role in settings.outputs else usual
    for name in wanted:
        if name in outputs:
            return np.asarray(outputs[name])
    raise SettingsError(
        f"head {head}: none of the outputs {', '.join(outputs)} is called {' or '.join(wanted)}; "
        f'say outputs = {{{role} = "..."}} in the sidecar'
    )


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Return the number of cells of an input (height, width) at these strides."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def fitting(shape: tuple[int, ...], size: tuple[int, int]) -> list[str]:
    """Return the heads whose single output has this shape (without batch) for an input (height, width) px."""
    heads = []
    if len(shape) == 3 and shape[0] > 5 and (shape[1], shape[2]) == (size[0] // 16, size[1] // 16):
        heads.append("fastestdet")
    if len(shape) != 2:
        return heads
    counts = {cells(size, strides) for strides in STRIDES}
    if shape[1] in counts and shape[0] > 4:
        heads.append("yolov8")
    if shape[0] in counts and shape[1] > 5:
        heads.append("yolox")
    if shape[0] in {ANCHORS * count for count in counts} and shape[1] > 5:
        heads.append("yolov5")
    if shape[1] == 6 and shape[0] > 6 and not heads:
        heads.append("yolov8")
    if shape[1] == 7 and not heads:
        heads.append("yolov7-end2end")
    return heads


def refused(
    head: str, expected: str, shape: tuple[int, ...], size: tuple[int, int]
) -> SettingsError:
    """Return the error for an unexpected layout; it names the head that fits, if any."""
    fits = [name for name in fitting(shape, size) if name != head]
    hint = f'; this is the layout of head = "{fits[0]}"' if fits else ""
    return SettingsError(
        f"head {head}: expected outputs {expected} for an input of {size[1]}x{size[0]} px, got {shape}{hint}"
    )
