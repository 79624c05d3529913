"""A loaded detection network becomes a Detector once a first batch has been checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Literal

import numpy as np
import torch

from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.frames.pixels import check_pixels
from vidrobust.models.classes import detector_names
from vidrobust.models.detection.candidates import Candidates, HeadSettings, Outputs
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.suppress import Suppression, detections, to_frames
from vidrobust.models.info import ModelInfo
from vidrobust.models.network import check_frames, first_batch
from vidrobust.models.predict import checked, few_pictures, in_batches, needs_pixels, predict
from vidrobust.models.preprocess import BoxPreprocess
from vidrobust.predictions import Detections, Detector
from vidrobust.shapes.shape import Places

# Largest move of a box, and change of its score, between two passes over one frame that is still rounding
_SAME_PX, _SAME_SCORE = 1.0, 0.01
CHUNK = 8  # Pictures given to a detector at once by ``answers``
_NO_LIMIT = 1_000_000


@dataclass(frozen=True, kw_only=True)
class DetectionNetwork:
    """What a loader of a detector returns: how to run it, and what is known about it."""

    name: str
    # (N, 3, h, w) float32 -> name of each output -> its array, (N, ...)
    run: Callable[[torch.Tensor], Outputs]
    preprocess: BoxPreprocess
    head: str  # One of ``HEADS``
    settings: HeadSettings
    suppression: Suppression
    device: str
    engine: str
    weights: str
    weights_sha256: str
    precision: str = "float32"
    fixed_batch: int | None = None  # The only batch size it takes, or None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class NetworkDetector:
    """A Detector over a DetectionNetwork."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    network: DetectionNetwork
    task: Literal["detection"] = "detection"
    in_main_memory: bool = True  # Where it looks at pixels: frames of a device are there anyway

    def __call__(self, pixels: torch.Tensor) -> Detections:
        if len(pixels) == 0:
            return detections([], [], [], self.class_names)
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        fit = self.network.preprocess.fit(*size)
        boxes = candidates(self.network, pixels)
        return to_frames(boxes, fit, self.network.suppression, self.class_names, size)


def candidates(network: DetectionNetwork, pixels: torch.Tensor) -> list[Candidates]:
    check_pixels(pixels, f"model {network.name}")
    head = HEADS[network.head]
    with torch.inference_mode():
        inputs = network.preprocess(pixels)
        size = 1 if head.alone else network.fixed_batch
        outputs = [
            one
            for part in torch.split(inputs, size or len(inputs))
            for one in _rows(network, part, size)
        ]
    return [head.decode(one, network.settings) for one in outputs]


def _rows(network: DetectionNetwork, part: torch.Tensor, size: int | None) -> list[Outputs]:
    count = len(part)
    if size is not None and count < size:
        part = torch.cat([part, part[-1:].expand(size - count, *part.shape[1:])])
    outputs = network.run(part)
    if any(not np.isfinite(array).all() for array in outputs.values() if array.dtype.kind == "f"):
        raise InputError(
            f"model {network.name}: the network gave NaN or infinite outputs; check its weights, its "
            "preprocessing and its precision"
        )
    if HEADS[network.head].alone:
        return [
            {
                name: array[0] if array.ndim > _plain_ndim(name, array) else array
                for name, array in outputs.items()
            }
        ]
    short = [name for name, array in outputs.items() if len(array) != len(part)]
    if short:
        raise SettingsError(
            f"model {network.name}: {len(part)} frames went in, output {short[0]} has {len(outputs[short[0]])} "
            f'rows; if it lists the boxes of one frame say head = "plain"'
        )
    return [{name: array[row] for name, array in outputs.items()} for row in range(count)]


def _plain_ndim(name: str, array: np.ndarray) -> int:
    """Dimensions of a plain output of one frame: (M, 4) boxes, (M, 5) or (M, 7) with more, else (M,)."""
    return 2 if array.shape[-1] in (4, 5, 7) and array.ndim >= 2 else 1


def as_detector(network: DetectionNetwork, spec: str) -> NetworkDetector:
    with first_batch(network.name):
        count = candidates(network, check_frames())[0].num_classes
    names, naming = network.class_names, ""
    if names is None:
        names, naming = detector_names(count, network.name, network.head)
    if count is not None and len(names) != count:
        raise SettingsError(
            f"model {network.name}: the network has {count} classes, but {len(names)} names are given"
        )
    info = ModelInfo(
        spec=spec,
        engine=network.engine,
        device=network.device,
        precision=network.precision,
        preprocessing=f"{network.preprocess.describe()}; head {network.head}, {network.suppression.describe()}",
        weights=network.weights,
        weights_sha256=network.weights_sha256,
        num_classes=len(names),
        notes=tuple(n for n in (*network.notes, naming) if n),
    )
    detector = NetworkDetector(name=network.name, class_names=names, info=info, network=network)
    check_steady_boxes(detector)
    return detector


def checked_detector(detector: Detector) -> Detector:
    """Return a user's detector after checking its answers to a batch.

    Raises SettingsError if the answer is no prediction of the frames, InputError if the detector fails.
    """
    frames = check_frames()
    with first_batch(detector.name):
        answer: object = detector(frames)
    try:
        checked(detector, answer, len(frames))
    except ModelError as error:
        raise SettingsError(str(error)) from error
    check_steady_boxes(detector)
    return detector


def check_steady_boxes(detector: Detector) -> None:
    """Refuse a detector in training mode: a frame repeated, and alone, must give the same boxes."""
    frames = check_frames()
    together, alone, again = detector(frames), detector(frames[:1]), detector(frames[:1])
    for what, first, second in (
        ("on a second pass over the same frame", alone, again),
        ("when a frame comes alone instead of in a batch of three", _of_first(together), alone),
    ):
        if not _same(first, second):
            raise InputError(
                f"model {detector.name}: boxes change {what}: dropout or batch normalisation is in training "
                "mode; call .eval(), or export in eval mode"
            )


def _of_first(detections: Detections) -> Detections:
    return dataclasses.replace(detections.take(detections.frame == 0), num_frames=1)


def _same(a: Detections, b: Detections) -> bool:
    a, b = (_of_first(x) for x in (a, b))
    floor = max(a.scores.min(initial=1.0), b.scores.min(initial=1.0)) + _SAME_SCORE
    return _again(a, b, floor) and _again(b, a, floor)


def _again(detections: Detections, other: Detections, floor: float) -> bool:
    """Say whether each box above a score is there in the other answer, in whatever order: equal scores swap."""
    return all(
        np.any(
            (np.abs(other.boxes - detections.boxes[k]).max(axis=1) <= _SAME_PX)
            & (np.abs(other.scores - detections.scores[k]) <= _SAME_SCORE)
        )
        for k in np.flatnonzero(detections.scores > floor)
    )


# Boxes of one picture with what lies in them, px of the frame, their scores (D,) and labels (D,)
FrameBoxes = tuple[Places, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class BoxAnswer:
    after: FrameBoxes  # What remains after suppression
    before: FrameBoxes | None = None  # All candidates, boxes alone; None where they are not known


def answers(
    detector: Detector, pictures: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> list[BoxAnswer]:
    """Return the answers to pictures (H, W, 3) uint8 of one size, in order."""
    if not needs_pixels(detector):
        raise SettingsError(
            f"model {detector.name}: holds recorded boxes, and cannot be shown new pictures; give the model itself"
        )
    every: list[BoxAnswer] = []
    for pixels in few_pictures(detector, pictures, CHUNK, device):
        if isinstance(detector, NetworkDetector):
            every += chain.from_iterable(in_batches(detector, pixels, partial(_both, detector)))
        else:
            every += [BoxAnswer(one) for one in _each(predict(detector, pixels))]
    return every


def _both(detector: NetworkDetector, pixels: torch.Tensor) -> list[BoxAnswer]:
    network = detector.network
    raw = candidates(network, pixels)
    size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    fit = network.preprocess.fit(*size)
    everything = dataclasses.replace(network.suppression, nms=None, max_boxes=_NO_LIMIT)
    after = to_frames(raw, fit, network.suppression, detector.class_names, size)
    before = to_frames(raw, fit, everything, detector.class_names)
    checked(detector, after, len(pixels))
    return [BoxAnswer(a, b) for a, b in zip(_each(after), _each(before), strict=True)]


def _each(detections: Detections) -> list[FrameBoxes]:
    return [detections.of_frame(row) for row in range(detections.num_frames)]
