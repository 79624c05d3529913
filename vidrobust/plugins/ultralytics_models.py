"""Ultralytics networks: ``FILE.pt``, ``ultralytics:FILE``, or a ``YOLO`` object from Python.

The library predicts itself, so that pre- and post-processing are those of the file and the installed version.
It is AGPL-3.0 and no requirement: it is imported only where the user has it.
"""

from __future__ import annotations

import logging
import os
import pickletools
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import DAMAGED, InputError, SettingsError, first_line
from vidrobust.install_hint import installed
from vidrobust.models.detection.network import check_steady_boxes
from vidrobust.models.detection.suppress import MIN_SCORE, detections
from vidrobust.models.info import ModelInfo, file_sha256, state_sha256
from vidrobust.models.network import check_steady, first_batch
from vidrobust.models.preprocess import BoxPreprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec
from vidrobust.predictions import Classifications, Classifier, Detections, Detector
from vidrobust.shapes.mask import Polygon
from vidrobust.shapes.shape import mask_array, shape_array

PACKAGE = "ultralytics"
TASKS = ("classify", "detect", "segment", "obb")
OTHERS = (
    f"expected one of {', '.join(TASKS)}. Boxes that were recorded can be studied: detections:FILE"
)
# Arguments of the library's ``predict`` that a spec may set, and their types.
OPTIONS = {"conf": float, "iou": float, "imgsz": int, "max_det": int}
MASK = 0.5  # masks of the library are 0 or 1, in px of the input


@dataclass(eq=False, kw_only=True)
class _Predictor:
    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    yolo: Any
    arguments: dict[str, Any]

    def results(self, pixels: torch.Tensor) -> list[Any]:
        if len(pixels) == 0:
            return []
        # the library takes BGR, as OpenCV gives it
        frames = list(pixels.permute(0, 2, 3, 1).flip(3).contiguous().cpu().numpy())
        results, complete = self._predict(frames)
        # after two seconds its suppression leaves out the frames that follow, so each goes in alone
        return (
            results
            if complete
            else [result for frame in frames for result in self._predict([frame])[0]]
        )

    def _predict(self, frames: list[np.ndarray]) -> tuple[list[Any], bool]:
        """The library's results, and whether its suppression came to an end within its time limit."""
        heard = _Warnings()
        logger = logging.getLogger(PACKAGE)
        logger.addHandler(heard)
        try:
            return self.yolo.predict(frames, **self.arguments), not any(
                "time limit" in m for m in heard.messages
            )
        finally:
            logger.removeHandler(heard)


@dataclass(eq=False, kw_only=True)
class UltralyticsClassifier(_Predictor):
    """A Classifier over a ``YOLO`` object."""

    task: Literal["classification"] = "classification"

    @property
    def module(self) -> torch.nn.Module:
        """The torch module that is called."""
        module: torch.nn.Module = self.yolo.model
        return module

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        rows = [_array(result.probs.data) for result in self.results(pixels)]
        return Classifications(np.array(rows).reshape(-1, len(self.class_names)), self.class_names)


@dataclass(eq=False, kw_only=True)
class UltralyticsDetector(_Predictor):
    """A Detector over a ``YOLO`` object: boxes, and the masks or turned boxes in them."""

    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        return _boxes(self.results(pixels), self.class_names)


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def load(spec: ModelSpec, device: torch.device) -> Classifier | Detector:
    """Load a file that Ultralytics has written."""
    path = spec.file()
    _check_file(path, spec.text)
    options = {
        key: _number(key, value, spec.text) for key, value in spec.options.items() if key in OPTIONS
    }
    library = _library(spec.text, path)
    try:
        yolo = library.YOLO(str(path), verbose=False)
    except Exception as error:
        raise InputError(
            f"{spec.text}: {path} cannot be read by ultralytics: {first_line(error)}"
        ) from error
    if yolo.task not in TASKS:
        raise SettingsError(f"{spec.text}: networks for {yolo.task!r} are not supported; {OTHERS}")
    return _model(yolo, path.stem, spec.text, device, options, str(path), file_sha256(path))


def adopt(given: object, device: torch.device) -> Classifier | Detector | None:
    """Return a model made from a ``YOLO`` object; None for anything else."""
    yolo: Any = given
    if (
        type(given).__module__.partition(".")[0] != PACKAGE
        or getattr(yolo, "task", "") not in TASKS
    ):
        return None
    name = Path(
        str(getattr(yolo, "ckpt_path", None) or getattr(yolo, "model_name", None) or PACKAGE)
    ).stem
    if not isinstance(yolo.model, torch.nn.Module):
        raise SettingsError(f"model {name}: an exported network: give its file, such as onnx:FILE")
    return _model(
        yolo,
        name,
        f"python:{name}",
        device,
        {},
        "parameters of the module",
        state_sha256(yolo.model),
    )


def _model(
    yolo: Any,
    name: str,
    spec: str,
    device: torch.device,
    options: dict[str, Any],
    weights: str,
    sha256: str,
) -> Classifier | Detector:
    yolo.model.eval()
    given = {"conf": MIN_SCORE, **options} if yolo.task != "classify" else options
    arguments = {**given, "device": device, "verbose": False, "save": False, "stream": False}
    names = tuple(str(yolo.names[key]) for key in sorted(yolo.names))
    text = ", ".join(f"{key} {value:g}" for key, value in given.items())
    size = options.get("imgsz", yolo.overrides.get("imgsz", 640))
    note = f"boxes from a score of {MIN_SCORE:g} on are kept, to study thresholds; ,conf=0.25 keeps fewer"
    info = ModelInfo(
        spec=spec,
        engine=f"{PACKAGE} {installed(PACKAGE)}, torch {torch.__version__}",
        device=str(device),
        precision="float32",
        preprocessing=", ".join(
            filter(None, [f"inside ultralytics ({yolo.task}), {_fitted(yolo.task, size)}", text])
        ),
        weights=weights,
        weights_sha256=sha256,
        reading="probabilities" if yolo.task == "classify" else "",
        num_classes=len(names),
        notes=() if "conf" in options or yolo.task == "classify" else (note,),
    )
    of: dict[str, Any] = {"name": name, "class_names": names, "info": info, "yolo": yolo}
    with first_batch(name):
        if yolo.task == "classify":
            classifier = UltralyticsClassifier(**of, arguments=arguments)
            check_steady(classifier)
            return classifier
        detector = UltralyticsDetector(**of, arguments=arguments)
        check_steady_boxes(detector)
        return detector


def _fitted(task: str, size: object) -> str:
    if task == "classify":
        return f"resize and centre crop to {size}"
    # the library's predict pads frames of one size to the next multiple of the stride alone (rect=True)
    return f"letterbox to {size} px, rectangular"


def _boxes(results: list[Any], names: tuple[str, ...]) -> Detections:
    parts, shapes = [], []
    for result in results:
        rows = result.boxes if result.obb is None else result.obb
        parts.append([_array(array) for array in (rows.xyxy, rows.conf, rows.cls)])
        if result.obb is not None:
            shapes.append(
                shape_array(Polygon.of_corners(corners) for corners in _array(rows.xyxyxyxy))
            )
        elif result.masks is not None:
            shapes.append(mask_array(_in_frame(_array(result.masks.data), result.orig_shape), MASK))
    boxes, scores, labels = ([part[k] for part in parts] for k in range(3))
    return detections(boxes, [np.clip(s, 0, 1) for s in scores], labels, names, shapes)


def _in_frame(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # here, since with retina_masks the library reports fewer boxes than by default
    import cv2

    plain: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1), "channels": "RGB"}
    box = BoxPreprocess(size=masks.shape[1:], resize="letterbox", place="centre", **plain)
    left, top = map(int, box.fit(*size).offset)
    tall, wide = box.sides(*size)
    pictures = masks[:, top : top + tall, left : left + wide]
    return np.stack([cv2.resize(np.ascontiguousarray(p), (size[1], size[0])) for p in pictures])


def _array(values: torch.Tensor) -> np.ndarray:
    return np.asarray(values.detach().float().cpu().numpy())


def _library(spec: str, path: Path) -> Any:
    """Import ultralytics without usage reports, downloads and installations."""
    if installed(PACKAGE) is None:
        raise SettingsError(
            f"{spec}: needs the package ultralytics, which is licensed under AGPL-3.0: pip install ultralytics. "
            f"Without it, export the network elsewhere: yolo export model={path} format=onnx, and give onnx:FILE"
        )
    if PACKAGE not in sys.modules:
        # both are read as it is imported: it reports to Google Analytics where it finds a network, and installs
        # packages that a file asks for
        os.environ.setdefault("YOLO_OFFLINE", "true")
        os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    import cv2

    threads = cv2.getNumThreads()
    import ultralytics

    cv2.setNumThreads(threads)  # its import sets them to 1, for the whole process
    return ultralytics


def _check_file(path: Path, spec: str) -> None:
    # before they are unpickled: that runs code
    export = f"export it to ONNX with its own code (for YOLOv5: export.py --weights {path} --include onnx)"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name.endswith("constants.pkl") for name in names):
                raise SettingsError(f"{spec}: {path.name} is TorchScript: give torchscript:{path}")
            pickles = [name for name in names if name.endswith("data.pkl")]
            modules = _modules(archive.read(pickles[0])) if pickles else set()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, *DAMAGED) as error:
        raise InputError(f"{spec}: {path} is no file of torch.save since 1.6: {error}") from error
    if not pickles:
        raise InputError(f"{spec}: {path} holds no network of torch.save")
    if PACKAGE in modules:
        return
    if modules & {"models", "yolox", "mmengine", "mmdet", "detectron2"}:
        raise SettingsError(
            f"{spec}: it was not written by ultralytics: {export}, and give onnx:FILE"
        )
    raise SettingsError(
        f"{spec}: it was not written by ultralytics. For weights of a classifier give "
        "torchvision:NAME,weights=FILE or timm:NAME,weights=FILE; for your own module package.module:factory"
    )


def _modules(pickled: bytes) -> set[str]:
    """Modules whose code a pickle asks for."""
    names, texts = set(), list[str]()
    for code, argument, _ in pickletools.genops(pickled):
        if code.name == "GLOBAL":
            names.add(str(argument).split(".")[0].split(" ")[0])
        elif code.name == "STACK_GLOBAL" and len(texts) > 1:
            names.add(texts[-2].split(".")[0])
        elif isinstance(argument, str):
            texts.append(argument)
    return names


def _number(key: str, text: str, spec: str) -> float | int:
    try:
        return OPTIONS[key](text)
    except ValueError as error:
        raise SettingsError(f"{spec}: {key}: expected a number, got {text!r}") from error


def _target(head: str) -> str | None:
    scheme, colon, target = head.partition(":")
    if colon and scheme == PACKAGE:
        return target or None
    return head if head.lower().endswith(".pt") and (not colon or len(scheme) == 1) else None


KIND = ModelKind(
    scheme=PACKAGE,
    load=load,
    reads=_target,
    adopts=adopt,
    options=tuple(OPTIONS),
    forms=(
        Form(
            spec="FILE.pt, or ultralytics:FILE",
            what="Ultralytics network (classify, detect, segment, obb), predicted by the library",
            example="runs/detect/train/weights/best.pt",
            needs=(PACKAGE,),
        ),
    ),
)
