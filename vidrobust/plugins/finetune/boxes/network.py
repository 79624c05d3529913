"""Detectors that can be trained."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.accuracy.average_precision import BOX
from vidrobust.errors import SettingsError
from vidrobust.metrics.box_differences import LEAST_IOU, change
from vidrobust.metrics.box_meter import chosen, within_frame
from vidrobust.models.modules import ModuleDetector, full_precision
from vidrobust.models.predict import Model
from vidrobust.plugins.finetune.recipes import Recipe, Transform, is_albumentations
from vidrobust.plugins.finetune.steps import AugmentationStep, changed_with_boxes
from vidrobust.predictions import Detections
from vidrobust.run_folder.settings import BoxSettings

FEWEST_BOXES = 3  # An object of fewer boxes is taken for a false alarm


@dataclass(frozen=True)
class KnownBoxes:
    """Of one frame: boxes (M, 4) float32 xyxy px, labels (M,) int64."""

    boxes: np.ndarray
    labels: np.ndarray

    def tensors(self, device: torch.device) -> dict[str, torch.Tensor]:
        """As torchvision's detectors take them."""
        return {
            "boxes": torch.from_numpy(self.boxes.copy()).to(device),
            "labels": torch.from_numpy(self.labels.copy()).to(device),
        }

    def take(self, keep: np.ndarray) -> KnownBoxes:
        return KnownBoxes(self.boxes[keep], self.labels[keep])


NONE = KnownBoxes(np.empty((0, 4), np.float32), np.empty(0, np.int64))


def of_rows(rows: pd.DataFrame) -> KnownBoxes:
    """Of rows of one frame, with label and corners."""
    return KnownBoxes(
        np.ascontiguousarray(rows[BOX].to_numpy(np.float32)), rows["label"].to_numpy(np.int64)
    )


def self_boxes(
    detections: pd.DataFrame, steps: pd.DataFrame, start_score: float
) -> Mapping[int, KnownBoxes]:
    """Return frame -> boxes of followed objects along one input."""
    tables: list[pd.DataFrame] = []
    filled = dict(list(steps[steps["missed"] == 1].groupby("track", sort=False)))
    for track, rows in detections[detections["track"] >= 0].groupby("track", sort=True):
        sure = rows[rows["score"] >= rows["score"].median()]
        if len(rows) < FEWEST_BOXES or sure["score"].mean() < start_score:
            continue
        label = int(sure.groupby("label")["score"].sum().idxmax())
        parts = [rows, *([filled[track]] if track in filled else [])]
        tables += [part[["frame", *BOX]].assign(label=label) for part in parts]
    by_frame = pd.concat(tables).groupby("frame", sort=True) if tables else ()
    return {int(frame): of_rows(rows) for frame, rows in by_frame}


@dataclass(frozen=True)
class TrainableDetector:
    """What fine-tuning needs of a detector."""

    detector: ModuleDetector
    settings: BoxSettings

    @property
    def module(self) -> nn.Module:
        return self.detector.module

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.detector.class_names

    @property
    def device(self) -> torch.device:
        return self.detector.device

    @property
    def decides(self) -> str:
        settings = self.settings
        scores = settings.track_start_score, settings.track_keep_score
        return repr((*scores, settings.only, settings.ignored_zones))

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """Frames as they are: the module resizes."""
        return pixels

    def losses(
        self, module: nn.Module, pictures: Sequence[torch.Tensor], targets: Sequence[KnownBoxes]
    ) -> torch.Tensor:
        """Sum of the module's losses of pictures (3, H, W) uint8 and their boxes, in training mode."""
        given = [picture.to(self.device).float().div(255) for picture in pictures]
        with full_precision(self.device):
            losses = module(given, [target.tensors(self.device) for target in targets])
        return torch.stack(list(losses.values())).sum()

    def answers(self, module: nn.Module, frames: Iterable[torch.Tensor]) -> list[Detections]:
        """The boxes that count of each frame (1, 3, H, W), in eval mode."""
        training = [part for part in module.modules() if part.training]
        module.eval()
        detector, settings = dataclasses.replace(self.detector, module=module), self.settings
        rows = []
        for frame in frames:
            size = int(frame.shape[-2]), int(frame.shape[-1])
            boxes = chosen(detector(frame), settings.only, settings.ignored_zones)
            rows.append(within_frame(boxes, size))
        for part in training:
            part.training = True
        return rows

    def change(self, before: Detections, after: Detections, of: str = "box_change") -> float:
        """As ``BoxChange.shares``; NaN without any box before."""
        shares = change(
            before.of_frame(0),
            after.of_frame(0),
            start_score=self.settings.track_start_score,
            keep_score=self.settings.track_keep_score,
            least=LEAST_IOU,
        ).shares()
        return shares[of]


def trainable_boxes(model: Model, name: str, settings: BoxSettings) -> TrainableDetector:
    """Of a model as ``load_as_it_is`` gives it."""
    if not isinstance(model, ModuleDetector):
        raise SettingsError(
            f"{name}: there is no torch module to train (an ONNX file, an exported program, recorded boxes and "
            "detectors that take frames themselves have none); give the network as "
            "torchvision:NAME,weights=FILE,num_classes=N, or as package.module:factory that returns "
            "(a detector of torchvision's protocol, class names)"
        )
    if "targets" not in inspect.signature(model.module.forward).parameters:
        raise SettingsError(
            f"{name}: {type(model.module).__name__} takes no targets; adapt trains by torchvision's protocol, "
            "module(pictures, targets) -> losses by name"
        )
    heads = getattr(model.module, "roi_heads", None)
    for what in ("mask", "keypoint"):
        if getattr(heads, f"has_{what}", lambda: False)():
            raise SettingsError(
                f"{name}: learns {what}s besides boxes, and the run has none to learn from; adapt trains "
                "detectors of boxes, such as torchvision:fasterrcnn_mobilenet_v3_large_fpn"
            )
    return TrainableDetector(model, settings)


SMALLEST_PX = 1.0  # Boxes whose shorter side is less are no target


@dataclass(frozen=True)
class BoxSamples:
    """Frames (1, 3, H, W) uint8 and their boxes; each of ``pools`` gives an equal share of a batch."""

    network: TrainableDetector
    frames: Sequence[torch.Tensor]
    targets: Sequence[KnownBoxes]
    pools: tuple[np.ndarray, ...]

    def loss(
        self, module: nn.Module, rows: torch.Tensor, recipe: Recipe, draws: torch.Generator
    ) -> torch.Tensor:
        pictures, targets = [], []
        for row in rows.tolist():
            frame, boxes = with_steps(self.frames[row], self.targets[row], recipe.steps, draws)
            picture = frame[0]
            if recipe.transform is not None:
                picture, boxes = transformed(recipe.transform, picture, boxes)
            pictures.append(picture)
            targets.append(boxes)
        return self.network.losses(module, pictures, targets)


def with_steps(
    frame: torch.Tensor,
    boxes: KnownBoxes,
    steps: Sequence[AugmentationStep],
    draws: torch.Generator,
) -> tuple[torch.Tensor, KnownBoxes]:
    """Frame (1, 3, H, W) and boxes after the steps."""
    if not steps:
        return frame, boxes
    middle = (boxes.boxes[:, :2] + boxes.boxes[:, 2:]) / 2
    both = np.concatenate([boxes.boxes, np.hstack([middle - 0.5, middle + 0.5])]).astype(np.float32)
    frame, moved = changed_with_boxes(frame, both, steps, draws)
    sides = moved[:, 2:] - moved[:, :2]
    count = len(boxes.boxes)
    keep = (sides[:count] >= SMALLEST_PX).all(axis=1) & (sides[count:] > 0).all(axis=1)
    return frame, KnownBoxes(np.ascontiguousarray(moved[:count]), boxes.labels).take(keep)


def transformed(
    transform: Transform, picture: torch.Tensor, boxes: KnownBoxes
) -> tuple[torch.Tensor, KnownBoxes]:
    """A picture (3, H, W) uint8 and its boxes after a transform of torchvision's v2 or Albumentations."""
    if is_albumentations(transform):
        return _by_albumentations(transform, picture, boxes)
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    size = int(picture.shape[-2]), int(picture.shape[-1])
    given = {
        "boxes": tv_tensors.BoundingBoxes(boxes.boxes.copy(), format="XYXY", canvas_size=size),
        "labels": torch.from_numpy(boxes.labels.copy()),
    }
    made, target = v2.SanitizeBoundingBoxes(min_size=SMALLEST_PX)(
        transform(tv_tensors.Image(picture), given)
    )
    kept = KnownBoxes(
        np.ascontiguousarray(target["boxes"].as_subclass(torch.Tensor).numpy().astype(np.float32)),
        target["labels"].numpy().astype(np.int64),
    )
    return made.as_subclass(torch.Tensor), kept


def _by_albumentations(
    transform: Any, picture: torch.Tensor, boxes: KnownBoxes
) -> tuple[torch.Tensor, KnownBoxes]:
    import albumentations

    known = albumentations.BboxParams(
        format="pascal_voc", label_fields=["labels"], min_width=SMALLEST_PX, min_height=SMALLEST_PX
    )
    moving = albumentations.Compose([transform], bbox_params=known)
    array = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
    made = moving(image=array, bboxes=boxes.boxes, labels=boxes.labels)
    kept = KnownBoxes(
        np.asarray(made["bboxes"], np.float32).reshape(-1, 4),
        np.asarray(made["labels"], np.int64).reshape(-1),
    )
    return torch.from_numpy(np.ascontiguousarray(made["image"])).permute(2, 0, 1), kept
