"""The two models of the simulated line; their weights come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.detection.candidates import HeadSettings, Outputs
from vidrobust.models.detection.network import DetectionNetwork
from vidrobust.models.detection.suppress import Suppression
from vidrobust.models.info import file_sha256
from vidrobust.models.modules import as_asked, fit_state, from_module, full_precision, read_state
from vidrobust.models.network import Network
from vidrobust.models.preprocess import BoxPreprocess, Preprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file
from vidrobust.plugins.line.parts import BOXES, KINDS, LABELS

# Height and width of the classifier's input, px: a stretched frame.
CLASSIFIER_SIZE = (168, 224)
DETECTOR_SIZE = (192, 256)
MIDDLE_ROWS = (48, 120)  # Rows of the classifier's input that it looks at: the middle lane
BELT_ROWS = (40, 152)  # Rows of the detector's input that it looks at: the belt
STRIDE = 8  # px of either input from one place of its maps to the next
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
    """(N, 3, 168, 224) float32 normalised -> (N, classes) logits; one halving is an average (Zhang 2019)."""

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
        kinds = torch.stack([kind[:, 1:] - defect / 2, kind[:, 1:] + defect / 2], dim=2).flatten(1)
        return torch.cat([kind[:, :1], kinds], dim=1), places

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of the input moved along the belt by each of SHIFTS (Azulay & Weiss 2019)."""
        if self.training:
            return self.maps(inputs)[0]
        views = [self.maps(inputs.roll(shift, -1))[0] for shift in SHIFTS]
        return torch.stack(views).mean(dim=0)


class LineDetector(nn.Module):
    """(N, 3, 192, 256) float32 normalised -> (N, 4 + classes, candidates) (Zhou, Wang & Krähenbühl 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _layer(3, 16, 2), _layer(16, 24, 2), _layer(24, 40, 2), _layer(40, 40)
        )
        self.middle = nn.Sequential(_layer(40, 64, 2), _layer(64, 64))
        self.coarse = nn.Sequential(_layer(64, 96, 2), _layer(96, 96))
        self.down, self.across = nn.Conv2d(96, 64, 1), nn.Conv2d(64, 40, 1)
        self.mix, self.last = _layer(64, 64), _layer(40, 48)
        self.heat, self.box = nn.Conv2d(48, len(BOXES), 1), nn.Conv2d(48, 8, 1)
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]

    def maps(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, classes, h, w) logits of the heat, (N, 8, h, w): dx, dy, log w, log h of parts, then of
        defects.
        """
        fine = self.fine(inputs[:, :, BELT_ROWS[0] : BELT_ROWS[1]])
        middle = self.middle(fine)
        middle = self.mix(middle + _enlarged(self.down(self.coarse(middle)), middle))
        seen = self.last(fine + _enlarged(self.across(middle), fine))
        return self.heat(seen), self.box(seen)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return candidates; a place whose neighbour is nearer to the middle of the same object scores 0."""
        heat, box = self.maps(inputs)
        scores = heat.sigmoid()
        peak = nn.functional.max_pool2d(scores, 3, 1, 1)
        scores = torch.where(scores == peak, scores, torch.zeros_like(scores))
        k, h, w = scores.shape[1:]
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        middle = (torch.stack([x, y]).to(box) + 0.5) * STRIDE + torch.tensor([0, BELT_ROWS[0]]).to(
            box
        )[:, None, None]
        parts = []
        for group, classes in enumerate((slice(0, k - 1), slice(k - 1, k))):
            place = middle + STRIDE * box[:, 4 * group : 4 * group + 2]
            side = USUAL_SIDE * box[:, 4 * group + 2 : 4 * group + 4].clamp(-4, 4).exp()
            sure = torch.zeros_like(scores)
            sure[:, classes] = scores[:, classes]
            parts.append(torch.cat([place, side, sure], dim=1).flatten(2))
        return torch.cat(parts, dim=2)


def _enlarged(maps: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(maps, size=to.shape[2:], mode="nearest")


FOLDER = Path(__file__).parent / "weights"
CLASSIFIER, DETECTOR, SCORES = (
    FOLDER / name for name in ("classifier.pt", "detector.pt", "scores.json")
)


def trained_classifier() -> LineClassifier:
    network = LineClassifier()
    fill(network, CLASSIFIER)
    return network.eval()


def trained_detector() -> LineDetector:
    network = LineDetector()
    fill(network, DETECTOR)
    return network.eval()


def save(network: nn.Module, path: Path) -> None:
    """The parameters in half precision, in which they are read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {n: v.half() if v.is_floating_point() else v for n, v in network.state_dict().items()}
    torch.save({name: value.contiguous().clone() for name, value in halves.items()}, path)


def fill(network: nn.Module, path: Path) -> None:
    """Put the parameters of a file into a network; InputError where there is none."""
    if not path.is_file():
        raise InputError(
            f"{path}: the line's weights are missing; python -m datasets.line_sim.train makes them"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(
        {n: v.float() if v.is_floating_point() else v for n, v in state.items()}
    )


NAMES = ("line-classifier", "line-detector")


def line_model(spec: ModelSpec, device: torch.device) -> Network | DetectionNetwork:
    """``line-classifier`` or ``line-detector``; line_sim/weights/scores.json has their scores."""
    if spec.target != NAMES[0]:
        if spec.options.keys() & {"weights", "blurpool"}:
            raise SettingsError(f"{spec.text}: weights and blurpool go with {NAMES[0]}")
        return line_detector(device)
    weights = spec.options.get("weights")
    return line_classifier(device, existing_file(weights, spec.text) if weights else None, spec)


def line_classifier(
    device: torch.device, weights: Path | None = None, spec: ModelSpec | None = None
) -> Network:
    """Which kind of part rides in the middle lane, sound or not, or none."""
    module, path = trained_classifier(), weights or CLASSIFIER
    if weights is not None:
        fit_state(module, read_state(weights), str(weights))
    return from_module(
        as_asked(module, spec) if spec else module,
        Preprocess(
            size=CLASSIFIER_SIZE,
            crop=1.0,
            resize="stretch",
            interpolation="bilinear",
            mean=MEAN,
            std=STD,
        ),
        device,
        name=f"{NAMES[0]}@{path.stem}" if weights else NAMES[0],
        weights=str(path) if weights else path.name,
        weights_sha256=file_sha256(path),
        class_names=LABELS,
    )


def line_detector(device: torch.device) -> DetectionNetwork:
    """Boxes of parts and of their defects."""
    network = trained_detector().to(device).requires_grad_(False)

    def run(inputs: torch.Tensor) -> Outputs:
        with full_precision(device):
            return {"output": np.asarray(network(inputs.to(device)).float().cpu().numpy())}

    return DetectionNetwork(
        name=NAMES[1],
        run=run,
        preprocess=BoxPreprocess(
            size=DETECTOR_SIZE, resize="stretch", antialias=True, mean=MEAN, std=STD, channels="RGB"
        ),
        head="yolov8",
        settings=HeadSettings(size=DETECTOR_SIZE),
        suppression=Suppression(min_score=0.05, nms=0.5),
        device=str(device),
        engine=f"torch {torch.__version__}, eager",
        weights=DETECTOR.name,
        weights_sha256=file_sha256(DETECTOR),
        class_names=BOXES,
    )


KIND = ModelKind(
    scheme="line",
    load=line_model,
    reads=lambda head: head if head in NAMES else None,
    options=("weights", "blurpool"),
    forms=(
        Form(
            spec=f"{NAMES[0]}[,weights=FILE]",
            what="the simulated line's classifier: kind of part, sound or defective; its own or your weights",
            example=NAMES[0],
        ),
        Form(
            spec=NAMES[1], what="the simulated line's detector: parts and defects", example=NAMES[1]
        ),
    ),
)
