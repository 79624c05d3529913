"""What a detector says of pictures, after the suppression of duplicates and before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.errors import ModelError, SettingsError, VidrobustError
from vidrobust.frames.pixels import to_tensor
from vidrobust.models.detection.network import NetworkDetector, candidates
from vidrobust.models.detection.suppress import to_frames
from vidrobust.models.predict import checked, needs_pixels, predict
from vidrobust.predictions import Detections, Detector
from vidrobust.shapes.places import Places

Found = tuple[Places, np.ndarray, np.ndarray]
"""Boxes of one picture with what lies in them, px of the frame, their scores (D,) and labels (D,)."""
CHUNK = 8
"""Pictures given to a detector at once."""
NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What remains after suppression, and before it all candidates, boxes alone; None: not known."""

    after: Found
    before: Found | None = None


def answers(detector: Detector, pictures: Sequence[np.ndarray]) -> list[Answer]:
    """The answers to pictures (H, W, 3) uint8 of one size, in their order, a few at a time.

    Candidates before suppression are known of networks whose head vidrobust reads itself; other detectors
    suppress inside. Raises SettingsError for boxes from a file, ModelError where the detector fails.
    """
    if not needs_pixels(detector):
        raise SettingsError(
            f"model {detector.name}: holds recorded boxes, and cannot be shown new pictures; give the model itself"
        )
    found: list[Answer] = []
    for start in range(0, len(pictures), CHUNK):
        pixels = to_tensor(pictures[start : start + CHUNK])
        if isinstance(detector, NetworkDetector):
            found += _both(detector, pixels)
        else:
            found += [Answer(one) for one in _each(predict(detector, pixels))]
    return found


def _both(detector: NetworkDetector, pixels: torch.Tensor) -> list[Answer]:
    network = detector.network
    try:
        raw = candidates(network, pixels)
    except VidrobustError:
        raise
    except Exception as error:
        raise ModelError(f"model {detector.name}: failed: {type(error).__name__}: {error}") from error
    size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    fit = network.preprocess.fit(*size)
    everything = dataclasses.replace(network.suppression, nms=None, max_boxes=NO_LIMIT)
    after = to_frames(raw, fit, network.suppression, detector.class_names, size)
    before = to_frames(raw, fit, everything, detector.class_names)
    checked(detector, after, len(pixels))
    return [Answer(a, b) for a, b in zip(_each(after), _each(before), strict=True)]


def _each(found: Detections) -> list[Found]:
    return [found.of_frame(row) for row in range(found.num_frames)]
