"""torchvision's detectors: resizing, decoding and suppression live inside the module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.detection.network import check_steady_boxes
from vidrobust.models.detection.suppress import MIN_SCORE, detections
from vidrobust.models.info import ModelInfo
from vidrobust.models.modules import full_precision
from vidrobust.predictions import Detections
from vidrobust.shapes.places import mask_array

MASK = 0.5
"""A pixel belongs to a mask from this probability on, as torchvision's documentation has it."""


@dataclass(eq=False, kw_only=True)
class ModuleDetector:
    """A Detector over a module that takes a list of pictures (3, H, W) float32 in 0..1, as torchvision's do.

    The module answers with a dict of ``boxes`` (M, 4) xyxy px of the frame, ``scores`` and ``labels`` for each,
    and of Mask R-CNN ``masks`` (M, 1, H, W) of probabilities.
    """

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    module: torch.nn.Module
    device: torch.device
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        """pixels (N, 3, H, W) uint8 RGB of any size and device -> the boxes of N frames."""
        with torch.inference_mode(), full_precision(self.device):
            pictures = [frame.to(self.device).float().div(255) for frame in pixels]
            found = self.module(pictures) if pictures else []
        parts = [{key: one[key].cpu().numpy() for key in ("boxes", "scores", "labels")} for one in found]
        order = [np.argsort(-one["scores"], kind="stable") for one in parts]
        boxes, scores, labels = (
            [one[key][rows] for one, rows in zip(parts, order, strict=True)]
            for key in ("boxes", "scores", "labels")
        )
        if any(not np.isfinite(one).all() for one in boxes):
            raise InputError(f"model {self.name}: the network gave boxes that are not finite")
        shapes = [_masks(one, rows) for one, rows in zip(found, order, strict=True)]
        return detections(boxes, scores, labels, self.class_names, shapes)


def module_detector(
    spec: str,
    name: str,
    module: torch.nn.Module,
    names: tuple[str, ...],
    device: torch.device,
    weights: str,
    sha256: str,
) -> ModuleDetector:
    """A detection module of torchvision, in eval mode, checked on a batch; names: of its labels, from 0.

    weights, sha256  where its parameters come from, and their hash
    """
    module = module.to(device).eval().requires_grad_(False)
    note = lower_threshold(module)
    info = ModelInfo(
        spec=spec,
        engine=f"torch {torch.__version__}, eager",
        device=str(device),
        precision="float32",
        preprocessing="0..1, then resized and normalised inside the network",
        weights=weights,
        weights_sha256=sha256,
        num_classes=len(names),
        notes=(note,) if note else (),
    )
    detector = ModuleDetector(name=name, class_names=names, info=info, module=module, device=device)
    check_steady_boxes(detector)
    return detector


def _masks(found: dict[str, torch.Tensor], rows: np.ndarray) -> np.ndarray | None:
    """The masks of a picture in the order of ``rows``; None of a module without any."""
    if "masks" not in found:
        return None
    return mask_array(found["masks"].cpu().numpy()[rows], MASK)


def lower_threshold(module: Any) -> str:
    """Let boxes from MIN_SCORE on come out, so that thresholds can be studied; a note where that changes it."""
    holder = module.roi_heads if hasattr(module, "roi_heads") else module
    if not hasattr(holder, "score_thresh"):
        raise SettingsError(f"{type(module).__name__} has no score_thresh: not a detector of torchvision")
    before = float(holder.score_thresh)
    if before <= MIN_SCORE:
        return ""
    holder.score_thresh = MIN_SCORE
    return f"the network's own threshold of {before:g} is lowered to {MIN_SCORE:g}"
