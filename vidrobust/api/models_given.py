"""Models given from Python: specs, models of the protocol, torch modules, callables on batches."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.device import resolve_device
from vidrobust.metrics.catalogue import tasks
from vidrobust.models.classes import imagenet, numbered
from vidrobust.models.foreign import (
    Task,
    array_of,
    classifications_of,
    detections_of,
    plain,
    task_of_answers,
)
from vidrobust.models.info import ModelInfo, code_sha256, state_sha256
from vidrobust.models.load import load_model
from vidrobust.models.modules import full_precision, is_detector, module_detector
from vidrobust.models.network import check_frames, check_steady, first_batch
from vidrobust.models.predict import Model
from vidrobust.models.reading import are_probabilities, as_rows, check_finite
from vidrobust.models.spec import adopted
from vidrobust.predictions import Classifications, Detections

# One frame, as a uint8 tensor (3, H, W) or a PIL image, to the network's input: a torchvision transform.
Transform: TypeAlias = Callable[[Any], torch.Tensor]
# (N, 3, H, W) uint8 RGB -> scores (N, K), Classifications, Detections, or a list with an answer a frame, as
# ``models.foreign`` reads it. Or one frame (H, W, 3) uint8 BGR -> one such answer.
Callable_: TypeAlias = Callable[[torch.Tensor], Any]
GivenModel: TypeAlias = "str | os.PathLike[str] | Model | torch.nn.Module | Callable_"
FRAME_BY_FRAME = (
    "called frame by frame, with (H, W, 3) uint8 BGR arrays, as OpenCV and supervision give them"
)
PREDICTS = "asked by its predict() about one PIL image at a time"
BOX_COLUMNS = 6  # x1, y1, x2, y2, score, class
SMALL = 96  # side, px, of the frame on which a transform is tried


def models_of(
    given: GivenModel | Sequence[GivenModel],
    *,
    preprocess: Transform | None = None,
    class_names: Sequence[str] | None = None,
    device: str = "auto",
) -> tuple[list[str], list[Model] | None]:
    """Return the specs that name the models in the settings, and the models; None if specs suffice.

    ``class_names`` default to ImageNet's for 1000 classes, else ``class 0``, ...
    """
    listed = list(given) if isinstance(given, list | tuple) else [given]
    many = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in listed]
    if not many:
        raise SettingsError(
            "no model given: a spec such as efficientnet-lite0, a torch module, or a callable"
        )
    if all(isinstance(item, str) for item in many):
        return [cast(str, item) for item in many], None
    loaded = [
        _model(item, number, preprocess, class_names, device) for number, item in enumerate(many, 1)
    ]
    names = [model.name for model in loaded]
    for model, number in zip(loaded, range(1, len(loaded) + 1), strict=True):
        if names.count(model.name) > 1:
            model.name = f"{model.name} ({number})"
    return [
        item if isinstance(item, str) else f"python:{m.name}"
        for item, m in zip(many, loaded, strict=True)
    ], loaded


def _model(
    given: Any,
    number: int,
    preprocess: Transform | None,
    class_names: Sequence[str] | None,
    device: str,
) -> Model:
    if isinstance(given, str):
        return load_model(given, device=device)
    offered = given if preprocess is None else (given, preprocess)
    if (made := adopted(offered, resolve_device(device))) is not None:
        return made
    if getattr(given, "task", None) in tasks():
        return cast(Model, given)
    if isinstance(given, torch.nn.Module):
        if preprocess is None and is_detector(given):
            name = type(given).__name__.lower()
            names = None if class_names is None else tuple(map(str, class_names))
            weights, sha256 = "parameters of the module", state_sha256(given)
            return module_detector(
                f"python:{name}", name, given, names, resolve_device(device), weights, sha256
            )
        if preprocess is None:
            raise SettingsError(
                f"model {type(given).__name__}: say how frames go into a module: preprocess=TRANSFORM, such as "
                "ResNet50_Weights.DEFAULT.transforms()"
            )
        run = _Module(given, preprocess, resolve_device(device))
        return _checked(run, type(given).__name__.lower(), class_names, run.info)
    if hasattr(given, "predict") and not callable(given):
        known_names = _names_of(given) if class_names is None else class_names
        name = type(given).__name__.lower()
        return _checked(_Predict(given), name, known_names, _of_callable(name, "", PREDICTS))
    if callable(given):
        name = str(
            getattr(given, "name", "") or getattr(given, "__name__", "") or f"model-{number}"
        )
        version = str(getattr(given, "version", ""))
        return _checked(given, name.strip("<>"), class_names, _of_callable(name, version))
    raise SettingsError(
        f"model {number}: expected a spec, a torch module or a callable, got {type(given).__name__}"
    )


def _of_callable(name: str, version: str, *notes: str) -> ModelInfo:
    unknown = () if version else ("without a version: nothing that it said is used again",)
    return ModelInfo(
        spec=f"python:{name}",
        engine="a callable",
        device="unknown",
        precision="unknown",
        preprocessing="inside the callable",
        version=version,
        notes=(*unknown, *notes),
    )


def _names_of(given: Any) -> list[str] | None:
    """The names that a model with ``predict`` keeps by class or in a list; None if it keeps none."""
    names = next((getattr(given, n) for n in ("class_names", "names") if hasattr(given, n)), None)
    if isinstance(names, Mapping) and names:
        return [str(names.get(k, f"class {k}")) for k in range(max(map(int, names)) + 1)]
    return [str(name) for name in names] if isinstance(names, list | tuple) and names else None


class _Predict:
    """An object with ``predict``, asked about one PIL image at a time, whose channels nobody mistakes."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def __call__(self, pixels: torch.Tensor) -> list[Any]:
        return [self.given.predict(_pil(frame)) for frame in pixels.cpu()]


class _Module:
    def __init__(
        self, module: torch.nn.Module, preprocess: Transform, device: torch.device
    ) -> None:
        self.module = module.to(device).eval().requires_grad_(False)
        self.preprocess, self.device = preprocess, device
        self.as_pil = _wants_pil(preprocess)
        self.info = ModelInfo(
            spec=f"python:{type(module).__name__}",
            engine=f"torch {torch.__version__}, eager",
            device=str(device),
            precision="float32",
            preprocessing=" ".join(repr(preprocess).split()),
            weights="parameters of the module",
            weights_sha256=state_sha256(module),
            code_sha256=code_sha256(module),
        )

    def __call__(self, pixels: torch.Tensor) -> Any:
        inputs = [self.preprocess(_pil(frame) if self.as_pil else frame) for frame in pixels.cpu()]
        moved = [tensor.to(self.device) for tensor in inputs]
        with torch.inference_mode(), full_precision(self.device):
            same = len({tuple(tensor.shape) for tensor in moved}) == 1
            return self.module(torch.stack(moved) if same else moved)


def _wants_pil(preprocess: Transform) -> bool:
    try:
        preprocess(torch.zeros(3, SMALL, SMALL, dtype=torch.uint8))
    except Exception as error:
        try:
            preprocess(_pil(torch.zeros(3, SMALL, SMALL, dtype=torch.uint8)))
        except Exception:
            raise SettingsError(
                f"preprocess: takes neither a uint8 tensor (3, H, W) nor a PIL image: {error}"
            ) from error
        return True
    return False


def _pil(frame: torch.Tensor) -> Any:
    from torchvision.transforms.functional import to_pil_image

    return to_pil_image(frame)


def _checked(
    run: Callable_, name: str, class_names: Sequence[str] | None, info: ModelInfo
) -> Model:
    frames = check_frames()
    try:
        first, failure = run(frames), None
    except Exception as error:  # it may be one that takes a frame as OpenCV gives it
        first, failure = None, error
    if isinstance(first, Classifications | Detections):
        answers: Task | None = "scores"
    elif hasattr(first, "shape"):
        answers = "scores" if _is_row_a_frame(run, first, frames) else None
    else:
        answers = task_of_answers(first, len(frames))
    if answers is None:
        run = _FrameByFrame(run)
        first = _alone(run, frames, failure, name)
        answers = task_of_answers(first, len(frames))
        info = dataclasses.replace(info, notes=(*info.notes, FRAME_BY_FRAME))
    if isinstance(first, Classifications):
        return _steady(_GivenClassifier(run, name, tuple(class_names or first.class_names), info))
    if isinstance(first, Detections) or answers == "detection":
        boxes = first if isinstance(first, Detections) else detections_of(first, class_names)
        return cast(Model, _Boxes(run, name, tuple(class_names or boxes.class_names), info))
    if answers == "classification":
        return _steady(_Named(run, name, classifications_of(first, class_names).class_names, info))
    if isinstance(first, list | tuple):
        run = _Stacked(run)
        first = run(frames)
    rows = as_rows(first, f"model {name}")
    check_finite(rows, f"model {name}")
    if len(rows) != len(frames) or rows.shape[1] < 2:
        raise SettingsError(
            f"model {name}: expected one row of at least two scores a frame, got {rows.shape} for {len(frames)}"
        )
    scores = _Scores(run, name, _names(class_names, rows.shape[1], name), info)
    scores.probabilities = are_probabilities(rows)
    return _steady(scores)


def _is_row_a_frame(run: Callable_, first: Any, frames: torch.Tensor) -> bool:
    """Whether (N, 6) are scores of N frames; else it has taken the batch for a frame, and these are boxes."""
    if tuple(first.shape[1:]) != (BOX_COLUMNS,):
        return True
    return all(
        getattr(run(frames[:count]), "shape", ())[:1] == (count,) for count in range(1, len(frames))
    ) and len(first) == len(frames)


def _steady(model: Any) -> Model:
    check_steady(model)
    return cast(Model, model)


def _names(given: Sequence[str] | None, count: int, name: str) -> tuple[str, ...]:
    if given is not None:
        if len(given) != count:
            raise SettingsError(
                f"model {name}: class_names: expected {count} names, got {len(given)}"
            )
        return tuple(map(str, given))
    return imagenet() if count == 1000 else numbered(count)


class _Given:
    def __init__(
        self, run: Callable_, name: str, class_names: tuple[str, ...], info: ModelInfo
    ) -> None:
        self._run, self.name, self.class_names, self.info = run, name, class_names, info

    @property
    def module(self) -> torch.nn.Module | None:
        return getattr(self._run, "module", None)


class _GivenClassifier(_Given):
    task = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return cast(Classifications, self._run(pixels))


class _Scores(_GivenClassifier):
    """Scores: logits, unless the first batch holds probabilities."""

    probabilities = False

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        rows = as_rows(self._run(pixels), f"model {self.name}")
        check_finite(rows, f"model {self.name}")
        if self.probabilities:
            return Classifications(rows, self.class_names)
        return Classifications.from_logits(rows, self.class_names)


class _Named(_GivenClassifier):
    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return classifications_of(self._run(pixels), self.class_names)


class _Boxes(_Given):
    """Detections, or an answer a frame in one of the forms of ``models.foreign``."""

    task = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        answer = self._run(pixels)
        return answer if isinstance(answer, Detections) else detections_of(answer, self.class_names)


class _Stacked:
    def __init__(self, run: Any) -> None:
        self.run = run

    def __call__(self, pixels: torch.Tensor) -> np.ndarray:
        return np.array([array_of(plain(row), np.float32) for row in self.run(pixels)])


class _FrameByFrame:
    """A callable on one frame (H, W, 3) uint8 BGR, called with batches."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def __call__(self, pixels: torch.Tensor) -> list[Any]:
        frames = pixels.permute(0, 2, 3, 1).flip(3).contiguous().cpu().numpy()
        return [self.run(frame) for frame in frames]


def _alone(
    run: _FrameByFrame, frames: torch.Tensor, failure: Exception | None, name: str
) -> list[Any]:
    with first_batch(name):
        try:
            answers = run(frames)
        except Exception as error:
            raise failure or error from error
        if task_of_answers(answers, len(frames)) is not None:
            return answers
        if failure is not None:
            raise failure
    raise SettingsError(
        f"model {name}: answers with {type(answers[0]).__name__}, which is no prediction; expected scores (N, K), "
        "Classifications, Detections, or for a frame supervision's Detections, a dict of boxes, scores and "
        "labels, or an array (M, 6) of x1, y1, x2, y2, score, class"
    )
