"""Hugging Face transformers: ``hf:FOLDER_OR_NAME``; from Python a pipeline, or a network and its processor.

Classification and detection go through the ``Auto`` classes and the library's own pre- and post-processing,
so that size, normalisation and names are those of the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import DAMAGED, InputError, ModelError, SettingsError, in_plain_words
from vidrobust.install_hint import installed
from vidrobust.models.detection.network import check_steady_boxes
from vidrobust.models.detection.suppress import MIN_SCORE, detections
from vidrobust.models.info import ModelInfo, code_sha256, state_sha256
from vidrobust.models.modules import full_precision
from vidrobust.models.network import check_steady, first_batch
from vidrobust.models.spec import Form, ModelKind, ModelSpec
from vidrobust.predictions import Classifications, Classifier, Detections, Detector

PACKAGE = "transformers"
# What the name of an architecture holds -> task, and the class that loads it.
TASKS = {
    "ForImageClassification": ("classification", "AutoModelForImageClassification"),
    "ForObjectDetection": ("detection", "AutoModelForObjectDetection"),
}


@dataclass(eq=False, kw_only=True)
class _HuggingFaceNetwork:
    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    module: torch.nn.Module
    processor: Any
    device: torch.device

    def outputs(self, pixels: torch.Tensor) -> Any:
        frames = list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        try:
            inputs = self.processor(
                images=frames, return_tensors="pt", input_data_format="channels_last"
            )
        except DAMAGED as error:
            raise ModelError(
                f"model {self.name}: its image processor failed: {in_plain_words(error)}; see preprocessor_config.json"
            ) from error
        with torch.inference_mode(), full_precision(self.device):
            return self.module(**inputs.to(self.device))


@dataclass(eq=False, kw_only=True)
class TransformersClassifier(_HuggingFaceNetwork):
    """A Classifier over a network of transformers."""

    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        if len(pixels) == 0:
            return Classifications(np.empty((0, len(self.class_names))), self.class_names)
        return Classifications.from_logits(self.outputs(pixels).logits, self.class_names)


@dataclass(eq=False, kw_only=True)
class TransformersDetector(_HuggingFaceNetwork):
    """A Detector over a network of transformers; boxes are kept from the score ``least`` on."""

    task: Literal["detection"] = "detection"
    least: float = MIN_SCORE

    def __call__(self, pixels: torch.Tensor) -> Detections:
        if len(pixels) == 0:
            return detections([], [], [], self.class_names)
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        results = self.processor.post_process_object_detection(
            self.outputs(pixels), threshold=self.least, target_sizes=[size] * len(pixels)
        )
        keys = ("boxes", "scores", "labels")
        parts = [[np.asarray(result[key].float().cpu()) for key in keys] for result in results]
        # the library keeps that of queries
        order = [np.argsort(-scores, kind="stable") for _, scores, _ in parts]
        boxes, scores, labels = (
            [part[k][rows] for part, rows in zip(parts, order, strict=True)] for k in range(3)
        )
        return detections(boxes, scores, labels, self.class_names)


def load(spec: ModelSpec, device: torch.device) -> Classifier | Detector:
    """Load a local folder, or a name on the hub where it can be reached."""
    library = _library(spec.text)
    folder = Path(spec.target).expanduser()
    source = str(folder) if folder.is_dir() else spec.target
    try:
        task, auto = _task(library.AutoConfig.from_pretrained(source), spec.text)
        with _no_bars(library):
            module = getattr(library, auto).from_pretrained(source)
            processor = library.AutoImageProcessor.from_pretrained(source)
    except SettingsError:
        raise
    except Exception as error:
        raise InputError(f"{spec.text}: {_why(error, folder, spec.target)}") from error
    least = (
        _score(spec.options["min_score"], spec.text) if "min_score" in spec.options else MIN_SCORE
    )
    return _model(
        module, processor, task, Path(spec.target).name, spec.text, device, spec.target, least
    )


def adopt(given: object, device: torch.device) -> Classifier | Detector | None:
    """Return a model made from a pipeline, a network, or a network and its processor; None for anything else.

    The processor of a network alone is that of the folder it came from.
    """
    module, processor = given if isinstance(given, tuple) else (given, None)
    kind = next((c for c in type(module).__mro__ if c.__module__.startswith(f"{PACKAGE}.")), None)
    if kind is None or not (hasattr(module, "image_processor") or hasattr(module, "config")):
        return None
    if hasattr(module, "image_processor"):
        module, processor = module.model, module.image_processor
    place = str(getattr(module, "name_or_path", ""))
    name = Path(place).name or type(module).__name__
    architecture = next(
        (c.__name__ for c in type(module).__mro__ if any(part in c.__name__ for part in TASKS)),
        type(module).__name__,
    )
    task, _ = _task(module.config, f"model {name}", architecture)
    if processor is None and place and Path(place).is_dir():
        processor = _library(name).AutoImageProcessor.from_pretrained(place)
    target = module.device if device.type == "cpu" else device
    weights = "parameters of the network"
    return _model(module, processor, task, name, f"python:{name}", target, weights, MIN_SCORE)


def _model(
    module: torch.nn.Module,
    processor: Any,
    task: Literal["classification", "detection"],
    name: str,
    spec: str,
    device: torch.device,
    weights: str,
    least: float,
) -> Classifier | Detector:
    if not hasattr(processor, "to_json_string"):
        raise SettingsError(
            f"{spec}: expected the network's image processor, got {type(processor).__name__}: save it beside "
            "the network (save_pretrained), or from Python give preprocess=PROCESSOR"
        )
    module = module.to(device).eval().requires_grad_(False)
    config: Any = module.config
    names = tuple(str(config.id2label[k]) for k in range(len(config.id2label)))
    if task == "classification" and (
        len(names) < 2 or config.problem_type == "multi_label_classification"
    ):
        raise SettingsError(
            f"{spec}: expected one label of several for a picture, got {config.problem_type or 'one output'}; "
            "give it as package.module:factory with output=multilabel or output=logit"
        )
    settings = hashlib.sha256(processor.to_json_string().encode()).hexdigest()[:8]
    boxes = f", boxes from {least:g}" if task == "detection" else ""
    info = ModelInfo(
        spec=spec,
        engine=f"{PACKAGE} {installed(PACKAGE)}, torch {torch.__version__}",
        device=str(device),
        precision=str(next(module.parameters()).dtype).removeprefix("torch."),
        preprocessing=f"{type(processor).__name__} ({settings}){boxes}",
        weights=weights,
        weights_sha256=state_sha256(module),
        code_sha256=code_sha256(module),
        reading="logits, softmax" if task == "classification" else "",
        num_classes=len(names),
    )
    given: dict[str, Any] = {
        "name": name,
        "class_names": names,
        "info": info,
        "module": module,
        "processor": processor,
        "device": device,
    }
    with first_batch(name):
        if task == "classification":
            classifier = TransformersClassifier(**given)
            check_steady(classifier)
            return classifier
        detector = TransformersDetector(**given, least=least)
        check_steady_boxes(detector)
        return detector


def _task(config: Any, where: str, architecture: str = "") -> tuple[Any, str]:
    architecture = architecture or next(iter(config.architectures or ()), "")
    for part, task in TASKS.items():
        if part in architecture:
            return task
    raise SettingsError(
        f"{where}: {architecture or type(config).__name__} is not supported; expected a network "
        f"{', '.join(TASKS)}. Any other can be given as package.module:factory"
    )


def _library(spec: str) -> Any:
    if installed(PACKAGE) is None:
        raise SettingsError(f"{spec}: needs the package transformers: pip install transformers")
    if PACKAGE not in sys.modules:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import transformers

    return transformers


@contextlib.contextmanager
def _no_bars(library: Any) -> Iterator[None]:
    logging = library.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _why(error: Exception, folder: Path, name: str) -> str:
    first = in_plain_words(error).strip().splitlines()[0]
    if folder.is_dir():
        return f"{folder} cannot be read as a saved network with an image processor: {first}"
    return (
        f"no folder {folder} (looked for from {Path.cwd()}), and {name} could not be had from the hub: {first} "
        f"Without a network, save it where there is one (save_pretrained) and give the folder"
    )


def _score(text: str, spec: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise SettingsError(f"{spec}: min_score: expected a score in (0, 1), got {text!r}")
    return value


KIND = ModelKind(
    scheme="hf",
    load=load,
    adopts=adopt,
    options=("min_score",),
    folder_holds="config.json",
    forms=(
        Form(
            spec="hf:FOLDER_OR_NAME",
            what="Hugging Face network: image classification or object detection",
            example="hf:nets/vit-parts",
            needs=(PACKAGE,),
        ),
    ),
)
