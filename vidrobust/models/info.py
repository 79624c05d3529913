"""ModelInfo: what a loaded model is, for run.json and the report."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
from pathlib import Path
from typing import Any

import torch

from vidrobust.predictions import Classifier, Detector

_PLAIN = (bool, int, float, str, tuple)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model is and how it is run.

    ``weights_sha256`` is the hash of the weight file, or of the parameters if there is no single file
    (``weights`` says which). For a user's own callable it is empty, and ``version``, given by the user,
    stands for it; without either, no result of the model can be used again.
    """

    spec: str  # As given on the command line
    engine: str  # The program that computes it, with its version
    device: str
    precision: str  # Number format of the arithmetic, "float32" unless something else is said
    preprocessing: str  # From the full frame to the network's input, in words
    weights: str = ""
    weights_sha256: str = ""
    # Of a torch module's plain attributes and the source files of its classes, torch's own left out
    code_sha256: str = ""
    version: str = ""  # What the user calls this state of a callable
    # From the network's outputs to the answer, in words: "logits, softmax", operating points
    reading: str = ""
    # Of the engine, where one was chosen or asked for; 0: as the network was loaded
    threads: int = 0
    num_classes: int = 0
    notes: tuple[str, ...] = ()  # Choices made on the user's behalf and fallbacks, a sentence each

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "notes": list(self.notes)}


def model_info(classifier: Classifier | Detector) -> ModelInfo:
    """Return the model's own ModelInfo, or what can be said about a callable without one."""
    info = getattr(classifier, "info", None)
    if isinstance(info, ModelInfo):
        return info
    kind = type(classifier)
    return ModelInfo(
        spec=classifier.name,
        engine=f"{kind.__module__}.{kind.__qualname__}",
        device="unknown",
        precision="unknown",
        preprocessing="inside the callable",
        version=str(getattr(classifier, "version", "")),
        num_classes=len(classifier.class_names),
        notes=("the callable states nothing about its weights, device or preprocessing",),
    )


def identity(classifier: Classifier | Detector) -> dict[str, str] | None:
    """Return what decides a model's answers to given pixels, up to rounding, for a key."""
    info = model_info(classifier)
    if not info.weights_sha256 and not info.version:
        return None
    names = hashlib.sha256("\0".join(classifier.class_names).encode()).hexdigest()
    return {
        "task": classifier.task,
        "weights": info.weights_sha256,
        "code": info.code_sha256,
        # a version counts up within one callable, and says nothing about another one
        "version": f"{classifier.name} {info.version}" if info.version else "",
        "preprocessing": info.preprocessing,
        "reading": info.reading,
        "classes": names,
        "engine": info.engine,
        "precision": info.precision,
        "device": info.device,
    }


def file_sha256(*paths: Path) -> str:
    """Return the SHA-256 of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def state_sha256(module: torch.nn.Module) -> str:
    """Return the SHA-256 of names, dtypes, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def code_sha256(module: torch.nn.Module) -> str:
    """Return the SHA-256 of a module's plain attributes and the sources of its classes, except torch's.

    A changed ``forward`` thus makes another model. Classes without a source file count by their names.
    """
    digest, files = hashlib.sha256(), set()
    for name, part in module.named_modules():
        kind = type(part)
        plain = {
            k: v for k, v in sorted(vars(part).items()) if k[0] != "_" and isinstance(v, _PLAIN)
        }
        digest.update(f"{name} {kind.__module__}.{kind.__qualname__} {plain}".encode())
        if kind.__module__.split(".")[0] != "torch":
            with contextlib.suppress(TypeError, OSError):
                files.add(Path(inspect.getfile(kind)))
    digest.update(file_sha256(*sorted(file for file in files if file.is_file())).encode())
    return digest.hexdigest()
