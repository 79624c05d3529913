"""Torch modules: reading weights, making a module a Network or Detector."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError, first_line
from vidrobust.models.classes import coco_names, numbered
from vidrobust.models.detection.network import check_steady_boxes
from vidrobust.models.detection.suppress import MIN_SCORE, detections
from vidrobust.models.info import ModelInfo, code_sha256
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.reading import Declared
from vidrobust.models.spec import ModelSpec
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import mask_array

State = dict[str, torch.Tensor]

# A pixel belongs to a mask from this probability on, as torchvision's documentation has it
MASK = 0.5

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")

COCO_WITH_BACKGROUND = 91  # classes of the detectors of torchvision's hub


def read_state(path: Path) -> State:
    """Return the parameters in a .pth, .pt or .safetensors file by name, without running code from it.

    Wrappers ("state_dict", "model") and prefixes of DataParallel, torch.compile or Lightning are removed.
    Raises InputError if damaged, or for anything but named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise SettingsError(
            f"{path}: needs the package safetensors: pip install safetensors"
        ) from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: is not a plain file of weights; save it with "
            f"torch.save(model.state_dict(), path): {first_line(error)}"
        ) from error
    except Exception as error:
        raise InputError(f"{path}: cannot be read as weights: {first_line(error)}") from error
    return _unwrapped(content, path)


@contextlib.contextmanager
def weights_only() -> Iterator[None]:
    """Keep every ``torch.load`` inside from running code from a file."""
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FORCE]
        else:
            os.environ[_FORCE] = before


def fit_state(module: torch.nn.Module, state: State, spec: str) -> None:
    """Load every parameter into a module, none left over and none missing; one made on "meta" takes them over."""
    parameters = module.state_dict()
    missing = sorted(parameters.keys() - state.keys())
    extra = sorted(state.keys() - parameters.keys())
    if missing or extra:
        raise SettingsError(
            f"{spec}: the weights belong to another architecture: {len(missing)} parameters missing"
            f"{_some(missing)}, {len(extra)} unknown{_some(extra)}"
        )
    wrong = [name for name, value in parameters.items() if value.shape != state[name].shape]
    if wrong:
        name = wrong[0]
        got, expected = tuple(state[name].shape), tuple(parameters[name].shape)
        raise SettingsError(
            f"{spec}: {len(wrong)} parameters have other shapes than the network: {name} is {got} in the file, "
            f"{expected} in the network"
        )
    module.load_state_dict(state, assign=any(value.is_meta for value in parameters.values()))


def as_asked(module: torch.nn.Module, spec: ModelSpec) -> torch.nn.Module:
    """A module with the blurs that the option ``blurpool`` of its spec names."""
    if "blurpool" not in spec.options:
        return module
    from vidrobust.models.blurpool import blurred

    return blurred(module, spec.options["blurpool"])  # type: ignore[arg-type]  # checks the name


def class_count(build: Callable[[int], torch.nn.Module], state: State) -> int | None:
    """Return for how many classes weights were trained; None if they do not show it.

    ``build`` makes the network for a number of classes. Networks for two and for three, without memory,
    show which parameters grow with it, and by how much.
    """
    try:
        with torch.device("meta"):
            two, three = (build(count).state_dict() for count in (2, 3))
    except (RuntimeError, NotImplementedError):  # its code needs values
        return None
    for name, value in two.items():
        growth = len(three[name]) - len(value) if value.ndim else 0
        if growth > 0 and name in state and state[name].ndim:
            more, rest = divmod(len(state[name]) - len(value), growth)
            return None if rest else 2 + more
    return None


def _unwrapped(content: object, path: Path) -> State:
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise InputError(
            f"{path}: holds {type(content).__name__}, not parameters by name (a state_dict)"
        )
    others = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise InputError(
            f"{path}: holds more than parameters by name: {_some(list(map(str, others)))[2:]}"
        )
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in content):
            content = {name.removeprefix(prefix): value for name, value in content.items()}
    return content


def _some(names: list[str]) -> str:
    return f": {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}" if names else ""


def from_module(
    module: torch.nn.Module,
    preprocess: Preprocess,
    device: torch.device,
    *,
    name: str,
    weights: str,
    weights_sha256: str,
    class_names: tuple[str, ...] | None = None,
    output: str | None = "logits",
) -> Network:
    """Make a torch module a Network in eval mode, in channels_last where it runs in it."""
    module = module.to(device).eval().requires_grad_(False)
    layout = _layout(module, preprocess, device, name)
    word = "contiguous"
    notes: tuple[str, ...] = ("not run in channels_last, which this network's code does not take",)
    if layout == torch.channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        word, notes = "channels_last", ()

    def run(inputs: torch.Tensor) -> object:
        with full_precision(device):
            return module(inputs.contiguous(memory_format=layout))

    return Network(
        name=name,
        run=run,
        preprocess=preprocess,
        device=device,
        engine=f"torch {torch.__version__}, eager, {word}",
        weights=weights,
        weights_sha256=weights_sha256,
        code_sha256=code_sha256(module),
        declared=Declared(output=output),
        class_names=class_names,
        module=module,
        notes=notes,
    )


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Keep convolutions in float32 on a GPU, where cuDNN would round inputs to TF32."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    flags: AbstractContextManager[None] = cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )
    return flags


def from_hub(spec: ModelSpec, build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """Return a module with hub weights; InputError with the way out if they cannot be had."""
    try:
        return build()
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise InputError(
            f"{spec.text}: its weights could not be had from the hub ({type(error).__name__}: "
            f"{first[0] if first else 'no message'}). Without a network, give a local file: "
            f"{spec.kind}:{spec.target},weights=FILE"
        ) from error


def _layout(
    module: torch.nn.Module, preprocess: Preprocess, device: torch.device, name: str
) -> torch.memory_format:
    """Return channels_last if the network runs in it on two black frames, else contiguous."""
    inputs = torch.zeros(2, 3, *preprocess.shape, device=device)
    failure: Exception | None = None
    for layout in (torch.channels_last, torch.contiguous_format):
        try:
            with torch.inference_mode():
                module(inputs.contiguous(memory_format=layout))
            return layout
        except Exception as error:
            failure = error
    raise SettingsError(
        f"model {name}: the network does not take float32 input of shape {tuple(inputs.shape)}: {failure}"
    ) from failure


@dataclass(eq=False, kw_only=True)
class ModuleDetector:
    """A Detector over a module that takes a list of (3, H, W) float32 in [0, 1], as torchvision's do.

    The module returns a dict per picture: ``boxes`` (M, 4) xyxy px of the frame, ``scores``, ``labels``, and
    for Mask R-CNN ``masks`` (M, 1, H, W) of probabilities.
    """

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    module: torch.nn.Module
    device: torch.device
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        with torch.inference_mode(), full_precision(self.device):
            pictures = [frame.to(self.device).float().div(255) for frame in pixels]
            dicts = self.module(pictures) if pictures else []
        parts = [
            {key: one[key].cpu().numpy() for key in ("boxes", "scores", "labels")} for one in dicts
        ]
        order = [np.argsort(-one["scores"], kind="stable") for one in parts]
        boxes, scores, labels = (
            [one[key][rows] for one, rows in zip(parts, order, strict=True)]
            for key in ("boxes", "scores", "labels")
        )
        if any(not np.isfinite(one).all() for one in boxes):
            raise InputError(f"model {self.name}: the network gave boxes that are not finite")
        shapes = [
            mask_array(one["masks"].cpu().numpy()[rows], MASK) if "masks" in one else None
            for one, rows in zip(dicts, order, strict=True)
        ]
        return detections(boxes, scores, labels, self.class_names, shapes)


def is_detector(module: torch.nn.Module) -> bool:
    """Return whether a module is a detector of torchvision, which resizes and normalises frames itself."""
    return any(kind.__name__ == "GeneralizedRCNNTransform" for kind in map(type, module.children()))


def module_detector(
    spec: str,
    name: str,
    module: torch.nn.Module,
    names: tuple[str, ...] | None,
    device: torch.device,
    weights: str,
    sha256: str,
) -> ModuleDetector:
    """Return a detector of torchvision in eval mode; ``names`` may leave out the background."""
    names = _names_of(module, names, spec)
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


def _names_of(module: Any, names: tuple[str, ...] | None, spec: str) -> tuple[str, ...]:
    """Names of all classes, that of the background first."""
    if hasattr(module, "roi_heads"):
        count = int(module.roi_heads.box_predictor.cls_score.out_features)
    else:
        head = getattr(getattr(module, "head", None), "classification_head", None)
        count = int(getattr(head, "num_classes", 0) or getattr(head, "num_columns", 0))
    if not count:  # a detector of the user's own, whose head does not say
        if names is None:
            raise SettingsError(f"{spec}: how many classes cannot be read; give their names too")
        return names
    if names is None:
        return coco_names(count) if count == COCO_WITH_BACKGROUND else numbered(count)
    if len(names) == count - 1:
        return ("__background__", *names)
    if len(names) != count:
        raise SettingsError(
            f"{spec}: {count} classes, the background as class 0 among them, but {len(names)} names"
        )
    return names


def lower_threshold(module: Any) -> str:
    """Lower the module's threshold to MIN_SCORE, to study thresholds; return a note if that changes it."""
    holder = module.roi_heads if hasattr(module, "roi_heads") else module
    if not hasattr(holder, "score_thresh"):
        raise SettingsError(
            f"{type(module).__name__} has no score_thresh: not a detector of torchvision"
        )
    before = float(holder.score_thresh)
    if before <= MIN_SCORE:
        return ""
    holder.score_thresh = MIN_SCORE
    return f"the network's own threshold of {before:g} is lowered to {MIN_SCORE:g}"
