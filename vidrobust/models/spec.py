"""Model specs, ``kind:target,key=value,...``, and the kinds of models, those of plugins included."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidrobust.errors import InputError, SettingsError
from vidrobust.extensions import Extensions, extensions
from vidrobust.install_hint import installed
from vidrobust.models import engines, kinds, reading
from vidrobust.text.phrases import close_to

if TYPE_CHECKING:
    import torch

    from vidrobust.models.detection.network import DetectionNetwork
    from vidrobust.models.network import Network
    from vidrobust.predictions import Classifier, Detector

GROUP = "vidrobust.models"  # The group of entry points in which a package names a ModelKind
# Options that every kind takes: how outputs become answers, and what computes them
OF_ALL = (*reading.KEYS, *engines.KEYS)


RECORDED = "record its answers with the program that runs it: detections:FILE, predictions:FILE"
# Endings of files that no kind reads -> the way out
WAYS_OUT = {
    (
        ".engine",
        ".plan",
        ".trt",
        ".tflite",
        ".mlpackage",
        ".mlmodel",
        ".hef",
        ".rknn",
        ".param",
        ".om",
    ): (
        f"Give the network that it was made from, as a .pt or ONNX file (yolo export format=onnx), or {RECORDED}"
    ),
    (".h5", ".keras", ".pb", ".onnx.data"): f"Convert it to ONNX with tf2onnx, or {RECORDED}",
    (".xml",): "OpenVINO's engine is chosen by itself: give the ONNX file that it was made from",
    (".pth", ".ckpt", ".bin", ".safetensors"): (
        "Weights alone: torchvision:NAME,weights=FILE or timm:NAME,weights=FILE; your own network: "
        "package.module:factory"
    ),
}


@dataclass(frozen=True)
class ModelSpec:
    """A spec taken apart."""

    text: str  # As given
    kind: str  # The scheme of a ModelKind
    target: str  # The name or file
    options: dict[str, str] = field(default_factory=dict)  # By name

    def file(self) -> Path:
        return existing_file(self.target, self.text)

    def number(self, option: str) -> int | None:
        """Return an option as a positive whole number, or None."""
        text = self.options.get(option)
        if text is None:
            return None
        if not text.isdecimal() or int(text) < 1:
            raise SettingsError(
                f"{self.text}: {option}: expected a whole number from 1, got {text!r}"
            )
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way to write a spec, as ``vidrobust models`` lists it."""

    # spec, what, example: How it is written, what it is, and one that can be tried
    spec: str
    what: str
    example: str
    needs: tuple[str, ...] = ()  # Distributions without which it cannot be used
    install: str = ""  # The command that brings them

    def ready(self) -> str:
        """Return "yes, NAME VERSION", or "no: pip install ..."."""
        if missing := [name for name in self.needs if installed(name) is None]:
            return f"no: {self.install}" if self.install else f"no: pip install {' '.join(missing)}"
        versions = ", ".join(f"{name} {installed(name)}" for name in self.needs)
        return f"yes, {versions}" if versions else "yes"


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """A kind of model; a package gives one, or a list, by an entry point of ``vidrobust.models``."""

    scheme: str  # What stands before the colon of a spec, and its name in messages
    # (spec, device) -> a Network or DetectionNetwork, which is checked and becomes a Classifier or a
    # Detector, or a model of the protocols. Raises SettingsError for a wrong spec or a missing package,
    # InputError for what cannot be read.
    load: Callable[[ModelSpec, torch.device], Network | DetectionNetwork | Classifier | Detector]
    forms: tuple[Form, ...]  # How specs of this kind are written
    options: tuple[str, ...] = ()  # What may follow the target as ``,key=value``
    # Endings of files, and what a folder of this kind holds, by which a name without a scheme is known
    endings: tuple[str, ...] = ()
    folder_holds: str = ""
    # Spec up to the first option -> target, or None if it is of another kind. None: ``scheme:target``.
    reads: Callable[[str], str | None] | None = None
    # (object, device) -> a model made from an object of Python, or None if it is none of this kind
    adopts: Callable[[object, torch.device], Classifier | Detector | None] | None = None

    def target(self, head: str) -> str | None:
        """Return the target of a spec of this kind up to its first option, else None."""
        if self.reads is not None:
            return self.reads(head)
        scheme, colon, target = head.partition(":")
        return target if colon and target and scheme == self.scheme else None

    def has(self, name: str) -> bool:
        """Return whether a name without a scheme is a file or folder of this kind."""
        if self.endings and name.lower().endswith(self.endings):
            return True
        return bool(self.folder_holds) and (Path(name).expanduser() / self.folder_holds).is_file()


@dataclass(frozen=True)
class ModelKinds:
    """Kinds by scheme, and the broken entry points with the reason."""

    kinds: dict[str, ModelKind]
    broken: Mapping[str, str]


def known() -> ModelKinds:
    """Return the kinds of the core, then those of entry points by name."""
    plugins = provided()
    return ModelKinds({kind.scheme: kind for kind in (*_own(), *plugins.records)}, plugins.broken)


def adopted(given: object, device: torch.device) -> Classifier | Detector | None:
    """Return the model that the first kind that can makes of an object."""
    for kind in known().kinds.values():
        if kind.adopts is not None:
            model = kind.adopts(given, device)
            if model is not None:
                return model
    return None


def provided() -> Extensions[ModelKind]:
    return extensions(GROUP, ModelKind, lambda kind: kind.scheme, {kind.scheme for kind in _own()})


def _own() -> list[ModelKind]:
    modules = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return [
        kind
        for name in modules
        for kind in importlib.import_module(f"{kinds.__name__}.{name}").KINDS
    ]


def parse_spec(text: str) -> ModelSpec:
    head, options = split_options(text)
    every = known()
    scheme = head.partition(":")[0]
    if scheme in every.broken and scheme not in every.kinds:
        raise InputError(f"{text}: {every.broken[scheme]}")
    # those of a form of their own come last: a module of a user's code may be called like anything
    for kind in sorted(every.kinds.values(), key=lambda kind: kind.reads is not None):
        if (target := kind.target(head)) is not None:
            return _checked(ModelSpec(text, kind.scheme, target, options), kind)
    for kind in every.kinds.values():
        if kind.has(head):
            return _checked(ModelSpec(text, kind.scheme, head, options), kind)
    for endings, way in WAYS_OUT.items():
        if head.lower().endswith(endings):
            raise SettingsError(f"Unknown model {text!r}. {way}")
    examples = [
        split_options(form.example)[0] for kind in every.kinds.values() for form in kind.forms
    ]
    named = _of_torchvision(head) if "torchvision" in every.kinds else []
    near = close_to(head, examples + named)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    raise SettingsError(f"Unknown model {text!r}. {meant}`vidrobust models` lists all forms.")


def _of_torchvision(head: str) -> list[str]:
    import torchvision  # here: its import takes as long as that of torch, and most specs are right

    near = close_to(head.removeprefix("torchvision:"), torchvision.models.list_models())
    return [f"torchvision:{name}" for name in near]


def kind_of(spec: ModelSpec) -> ModelKind:
    return known().kinds[spec.kind]


def available() -> list[dict[str, str]]:
    """Return the rows of ``vidrobust models``: form, what it is, whether it can be used here, example."""
    every = known()
    rows = [
        {"spec": form.spec, "what": form.what, "ready": form.ready(), "example": form.example}
        for kind in every.kinds.values()
        for form in kind.forms
    ]
    for name, why in every.broken.items():
        rows.append(
            {"spec": f"{name}:", "what": "from a package", "ready": f"no: {why}", "example": ""}
        )
    return rows


def _checked(spec: ModelSpec, kind: ModelKind) -> ModelSpec:
    options = (*kind.options, *OF_ALL)
    for key, value in spec.options.items():
        if key not in options:
            raise SettingsError(
                f"{spec.text}: unknown option {key!r}; {kind.scheme} takes {', '.join(options)}"
            )
        if not value:
            raise SettingsError(f"{spec.text}: option {key} has no value")
    return spec


def split_options(text: str) -> tuple[str, dict[str, str]]:
    head, *parts = re.split(r",(?=[A-Za-z_]+=)", text.strip())
    return head, dict(part.split("=", 1) for part in parts)


def existing_file(name: str, spec: str) -> Path:
    """Return the path; SettingsError says where it was looked for."""
    path = Path(name).expanduser()
    if not path.is_file():
        what = "is a directory, not a file" if path.is_dir() else "no such file"
        raise SettingsError(f"{spec}: {what}: {Path.cwd() / path}")
    return path
