"""A detector's torch module, as torchvision's protocol trains it: pictures and targets in, losses out."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.metrics.box_differences import change
from vidrobust.metrics.box_meter import chosen, within_frame
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.models.modules import ModuleDetector, full_precision
from vidrobust.models.predict import Model
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.boxes.targets import KnownBoxes
from vidrobust.plugins.finetune.sample_distance import Features
from vidrobust.plugins.finetune.steps import Step, changed_with_boxes
from vidrobust.plugins.finetune.trainable import fresh_copy
from vidrobust.predictions import Detections


@dataclass(frozen=True)
class TrainableDetector:
    """What fine-tuning needs of a detector; tracks: from which score on its boxes count."""

    detector: ModuleDetector
    tracks: TrackSettings

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
        """From which score on boxes count, and which of them."""
        return repr(self.tracks)

    def fresh(self, arm: Arm) -> nn.Module:
        """A copy for an arm to train: all parameters with gradients, and normalisation by the statistics it came
        with.
        """
        return fresh_copy(self.module)

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """Frames as they are: the module resizes."""
        return pixels

    def losses(
        self, module: nn.Module, pictures: Sequence[torch.Tensor], targets: Sequence[KnownBoxes]
    ) -> torch.Tensor:
        """The sum of the module's own losses of pictures (3, H, W) uint8 and their boxes, in training mode."""
        given = [picture.to(self.device).float().div(255) for picture in pictures]
        with full_precision(self.device):
            found = module(given, [target.tensors(self.device) for target in targets])
        return torch.stack(list(found.values())).sum()

    def answers(self, module: nn.Module, frames: Iterable[torch.Tensor]) -> list[Detections]:
        """The boxes that count of each frame (1, 3, H, W), in eval mode."""
        training = [part for part in module.modules() if part.training]
        module.eval()
        detector, tracks = dataclasses.replace(self.detector, module=module), self.tracks
        rows = []
        for frame in frames:
            size = int(frame.shape[-2]), int(frame.shape[-1])
            rows.append(within_frame(chosen(detector(frame), tracks.only, tracks.ignored), size))
        for part in training:
            part.training = True
        return rows

    def said(self, frames: Sequence[torch.Tensor]) -> list[Detections]:
        """The boxes of frames (1, 3, H, W)."""
        return self.answers(self.module, frames)

    def response(
        self, said: Sequence[Detections], frames: Sequence[torch.Tensor], steps: Sequence[Step]
    ) -> float:
        """Mean change of the boxes, moved along with the frame; 0 where there are none."""
        moved = [
            changed_with_boxes(frame, one.boxes, [step], from_seed(row))
            for row, (frame, one, step) in enumerate(zip(frames, said, steps, strict=True))
        ]
        after = self.answers(self.module, (frame for frame, _ in moved))
        found = [
            self.change(dataclasses.replace(one, boxes=boxes), now)
            for one, (_, boxes), now in zip(said, moved, after, strict=True)
        ]
        known = np.array(found)[np.isfinite(found)]
        return float(known.mean()) if len(known) else 0.0

    def change(self, before: Detections, after: Detections, of: str = "box_change") -> float:
        """What became of the boxes of a frame, as ``BoxChange.shares`` has it; NaN without any before."""
        shares = change(
            before.of_frame(0),
            after.of_frame(0),
            start_score=self.tracks.start_score,
            keep_score=self.tracks.keep_score,
            least=self.tracks.iou,
        ).shares()
        return shares[of]

    def features(self) -> Features | None:
        """The last feature map of its backbone, averaged over places; None where it has no such part."""
        module: Any = self.module
        if not isinstance(getattr(module, "backbone", None), nn.Module):
            return None

        def features(pictures: torch.Tensor) -> np.ndarray:
            rows = []
            with torch.inference_mode(), full_precision(self.device):
                for picture in pictures:
                    given, _ = module.transform([picture.to(self.device).float().div(255)])
                    maps = module.backbone(given.tensors)
                    last = list(maps.values())[-1] if isinstance(maps, dict) else maps
                    rows.append(last.float().mean(dim=(2, 3)).cpu())
            return torch.cat(rows).numpy()

        return features


def trainable_boxes(model: Model, name: str, tracks: TrackSettings) -> TrainableDetector:
    """Of a model as ``load_as_it_is`` gives it; SettingsError with the way out where it cannot be trained."""
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
    return TrainableDetector(model, tracks)
