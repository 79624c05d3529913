"""The two networks of the line: which class rides in the middle lane, and where parts and defects are."""

from __future__ import annotations

import torch
from torch import nn

from vidrobust.plugins.line.parts.kinds import BOXES, KINDS

# Height and width of the classifier's input, px: a stretched frame.
CLASSIFIER_SIZE = (168, 224)
DETECTOR_SIZE = (192, 256)
# Rows of the classifier's input that it looks at: the middle lane.
MIDDLE_ROWS = (48, 120)
# Rows of the detector's input that it looks at: the belt.
BELT_ROWS = (40, 152)
# px of either input from one place of its maps to the next.
STRIDE = 8
# px along the belt by which the classifier's input is moved; the mean of what it says of each counts.
SHIFTS = range(-STRIDE // 2, STRIDE // 2)
# px of the detector's input: the side of a box that the network says with 0.
USUAL_SIDE = 24.0
MEAN, STD = (100.0, 100.0, 100.0), (50.0, 50.0, 50.0)


def _layer(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class LineClassifier(nn.Module):
    """(N, 3, 168, 224) float32 normalised -> (N, classes) logits, in the order of ``kinds.LABELS``.

    The places of a map that look most like a defect decide. One halving is an average (Zhang 2019).
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _layer(3, 16, 2, 5), _layer(16, 32, 2), _layer(32, 48), nn.AvgPool2d(2), _layer(48, 48)
        )
        self.coarse = nn.Sequential(_layer(48, 64, 2), _layer(64, 96))
        self.kind = nn.Linear(2 * 96, 1 + len(KINDS))
        self.defect = nn.Sequential(_layer(48, 48), nn.Conv2d(48, 1, 1))
        self.weight, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        nn.init.constant_(self.defect[1].bias, -3.0)  # type: ignore[arg-type]

    def maps(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, classes) logits, and (N, 1, h, w) logits of a defect in each place of the middle lane."""
        fine = self.fine(inputs[:, :, MIDDLE_ROWS[0] : MIDDLE_ROWS[1]])
        coarse = self.coarse(fine)
        kind = self.kind(torch.cat([coarse.mean(dim=(2, 3)), coarse.amax(dim=(2, 3))], dim=1))
        places = self.defect(fine)
        defect = self.weight * places.flatten(2).logsumexp(dim=2) + self.bias
        each = torch.stack([kind[:, 1:] - defect / 2, kind[:, 1:] + defect / 2], dim=2).flatten(1)
        return torch.cat([kind[:, :1], each], dim=1), places

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of the input moved along the belt by each of SHIFTS (Azulay & Weiss 2019);
        as is in training.
        """
        if self.training:
            return self.maps(inputs)[0]
        views = [self.maps(inputs.roll(shift, -1))[0] for shift in SHIFTS]
        return torch.stack(views).mean(dim=0)


class LineDetector(nn.Module):
    """(N, 3, 192, 256) float32 normalised -> (N, 4 + classes, candidates), as YOLOv8 lays them out.

    A map of how near the middle of an object is (Zhou, Wang & Krähenbühl 2019), for parts and for defects.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_layer(3, 16, 2), _layer(16, 24, 2), _layer(24, 40, 2), _layer(40, 40))
        self.middle = nn.Sequential(_layer(40, 64, 2), _layer(64, 64))
        self.coarse = nn.Sequential(_layer(64, 96, 2), _layer(96, 96))
        self.down, self.across = nn.Conv2d(96, 64, 1), nn.Conv2d(64, 40, 1)
        self.mix, self.last = _layer(64, 64), _layer(40, 48)
        self.heat, self.box = nn.Conv2d(48, len(BOXES), 1), nn.Conv2d(48, 8, 1)
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]

    def maps(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, classes, h, w) logits of the heat, (N, 8, h, w): dx, dy, log w, log h of parts, then of defects."""
        fine = self.fine(inputs[:, :, BELT_ROWS[0] : BELT_ROWS[1]])
        middle = self.middle(fine)
        middle = self.mix(middle + _enlarged(self.down(self.coarse(middle)), middle))
        seen = self.last(fine + _enlarged(self.across(middle), fine))
        return self.heat(seen), self.box(seen)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Candidates; a place whose neighbour is nearer to the middle of the same object has score 0."""
        heat, box = self.maps(inputs)
        scores = heat.sigmoid()
        peak = nn.functional.max_pool2d(scores, 3, 1, 1)
        scores = torch.where(scores == peak, scores, torch.zeros_like(scores))
        k, h, w = scores.shape[1:]
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        middle = (torch.stack([x, y]).to(box) + 0.5) * STRIDE + torch.tensor([0, BELT_ROWS[0]]).to(box)[
            :, None, None
        ]
        parts = []
        for group, classes in enumerate((slice(0, k - 1), slice(k - 1, k))):
            place = middle + STRIDE * box[:, 4 * group : 4 * group + 2]
            side = USUAL_SIDE * box[:, 4 * group + 2 : 4 * group + 4].clamp(-4, 4).exp()
            own = torch.zeros_like(scores)
            own[:, classes] = scores[:, classes]
            parts.append(torch.cat([place, side, own], dim=1).flatten(2))
        return torch.cat(parts, dim=2)


def _enlarged(maps: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(maps, size=to.shape[2:], mode="nearest")
