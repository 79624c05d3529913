"""The two models of the simulated line, whose weights come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import HeadSettings, Outputs
from vidrobust.models.detection.network import DetectionNetwork
from vidrobust.models.detection.suppress import Suppression
from vidrobust.models.info import file_sha256
from vidrobust.models.modules import fit_state, from_module, full_precision, read_state
from vidrobust.models.network import Network
from vidrobust.models.preprocess import BoxPreprocess, Preprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file
from vidrobust.plugins.line.networks import CLASSIFIER_SIZE, DETECTOR_SIZE, MEAN, STD
from vidrobust.plugins.line.parts.kinds import BOXES, LABELS
from vidrobust.plugins.line.trained import CLASSIFIER, DETECTOR, trained_classifier, trained_detector

NAMES = ("line-classifier", "line-detector")


def line_model(spec: ModelSpec, device: torch.device) -> Network | DetectionNetwork:
    """``line-classifier`` or ``line-detector``; vidrobust/line_sim/weights/scores.json says how good they are."""
    if "weights" not in spec.options:
        return line_classifier(device) if spec.target == NAMES[0] else line_detector(device)
    if spec.target != NAMES[0]:
        raise SettingsError(f"{spec.text}: weights goes with {NAMES[0]}")
    return line_classifier(device, existing_file(spec.options["weights"], spec.text))


def line_classifier(device: torch.device, weights: Path | None = None) -> Network:
    """Which kind of part rides in the middle lane, sound or not, or none; with weights of the same network."""
    module, path = trained_classifier(), weights or CLASSIFIER
    if weights is not None:
        fit_state(module, read_state(weights), str(weights))
    return from_module(
        module,
        Preprocess(
            size=CLASSIFIER_SIZE, crop=1.0, resize="stretch", interpolation="bilinear", mean=MEAN, std=STD
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
    options=("weights",),
    forms=(
        Form(
            spec=f"{NAMES[0]}[,weights=FILE]",
            what="the simulated line's classifier: kind of part, sound or defective; its own or your weights",
            example=NAMES[0],
        ),
        Form(spec=NAMES[1], what="the simulated line's detector: parts and defects", example=NAMES[1]),
    ),
)
