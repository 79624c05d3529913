"""What a detector is trained with, and what an arm makes of it: its own loss of pictures and their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.boxes.network import TrainableDetector
from vidrobust.plugins.finetune.boxes.targets import KnownBoxes
from vidrobust.plugins.finetune.steps import Mixture, Step, changed_with_boxes

# Boxes whose shorter side is less are no target.
SMALLEST_PX = 1.0


@dataclass(frozen=True)
class BoxSamples:
    """Frames (1, 3, H, W) uint8 to train with, their boxes, and the network's own boxes over time."""

    network: TrainableDetector
    frames: Sequence[torch.Tensor]
    targets: Sequence[KnownBoxes]
    own: Sequence[KnownBoxes]

    def learner(
        self, module: nn.Module, arm: Arm, mixture: Mixture | None, seed: int, draws: torch.Generator
    ) -> BoxLearner:
        """A copy of the network that is to learn with an arm."""
        return BoxLearner(self, module, arm, mixture, draws, arm.picture() if arm.picture else None)


@dataclass(frozen=True)
class BoxLearner:
    """One copy that learns with one arm; picture: its transform of a picture and its boxes."""

    samples: BoxSamples
    module: nn.Module
    arm: Arm
    mixture: Mixture | None
    draws: torch.Generator
    picture: nn.Module | None

    def along(self) -> Iterable[nn.Parameter]:
        """Nothing."""
        return ()

    def loss(self, at: torch.Tensor) -> torch.Tensor:
        """Of a batch: the rows of its samples."""
        samples, pictures, targets = self.samples, [], []
        own = samples.own if self.arm.self_labels else samples.targets
        for row in at.tolist():
            frame, boxes = samples.frames[row], own[row]
            steps = self.mixture.draw(self.draws) if self.mixture else ()
            frame, boxes = with_steps(frame, boxes, steps, self.draws)
            picture = frame[0]
            if self.picture is not None:
                picture, boxes = transformed(self.picture, picture, boxes)
            pictures.append(picture)
            targets.append(boxes)
        return samples.network.losses(self.module, pictures, targets)


def with_steps(
    frame: torch.Tensor, boxes: KnownBoxes, steps: Sequence[Step], draws: torch.Generator
) -> tuple[torch.Tensor, KnownBoxes]:
    """Frame (1, 3, H, W) and boxes after the steps; a box whose middle leaves the frame is left out."""
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
    transform: nn.Module, picture: torch.Tensor, boxes: KnownBoxes
) -> tuple[torch.Tensor, KnownBoxes]:
    """A picture (3, H, W) uint8 and its boxes after a transform of torchvision, which moves both alike."""
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    size = int(picture.shape[-2]), int(picture.shape[-1])
    given = {
        "boxes": tv_tensors.BoundingBoxes(boxes.boxes, format="XYXY", canvas_size=size),
        "labels": torch.from_numpy(boxes.labels),
    }
    made, target = v2.SanitizeBoundingBoxes(min_size=SMALLEST_PX)(transform(tv_tensors.Image(picture), given))
    found = KnownBoxes(
        np.ascontiguousarray(target["boxes"].as_subclass(torch.Tensor).numpy().astype(np.float32)),
        target["labels"].numpy().astype(np.int64),
    )
    return made.as_subclass(torch.Tensor), found
