"""ModelInfo: what was loaded, as run.json and the report state it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import torch

from vidrobust.predictions import Classifier


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model is and how it is run.

    ``weights_sha256`` is the hash of the weight file, or of the parameters where there is no single file
    (``weights`` says which); empty where a user's own callable keeps its weights to itself.
    """

    spec: str
    """As given on the command line."""
    engine: str
    """The program that computes it, with its version."""
    device: str
    precision: str
    """Number format of the arithmetic, "float32" unless something else is said."""
    preprocessing: str
    """From the full frame to the network's input, in words."""
    weights: str = ""
    weights_sha256: str = ""
    num_classes: int = 0
    notes: tuple[str, ...] = ()
    """Choices made on the user's behalf and fallbacks, a sentence each."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}


def model_info(classifier: Classifier) -> ModelInfo:
    """The classifier's own ModelInfo, or what can be said about a callable that states none."""
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
        num_classes=len(classifier.class_names),
        notes=("the callable states nothing about its weights, device or preprocessing",),
    )


def file_sha256(*paths: Path) -> str:
    """SHA-256 of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def state_sha256(module: torch.nn.Module) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of all parameters and buffers, in the order of names."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
