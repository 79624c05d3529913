"""A user's own code as a model: ``package.module:factory``."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, cast

import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.detection.network import checked_detector
from vidrobust.models.info import state_sha256
from vidrobust.models.modules import as_asked, fit_state, from_module, module_detector, read_state
from vidrobust.models.network import Network, check_frames, check_steady, first_batch
from vidrobust.models.predict import checked
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file
from vidrobust.predictions import Classifier, Detector

_EXPECTED = (
    'expected a Classifier or a Detector (name, class_names, task = "classification" or "detection", called '
    "with uint8 frames), "
    "or (torch.nn.Module, Preprocess), or (torch.nn.Module, Preprocess, class names), or (a detection module of "
    "torchvision, class names)"
)


def factory_model(spec: ModelSpec, device: torch.device) -> Network | Classifier | Detector:
    """Return what the user's factory makes: a checked Classifier or Detector, or a module to run.

    Imports also from the current directory. The factory is called without arguments, or with
    ``device=torch.device(...)`` if it takes that. Raises SettingsError for a missing module or name or
    another result, InputError if the user's code fails.
    """
    made = _make(spec, device)
    if isinstance(made, torch.nn.Module) and getattr(made, "task", None) is None:
        raise SettingsError(
            f"{spec.text}: returned the module {type(made).__name__} without saying how frames go in; "
            "return (module, Preprocess(size=..., mean=..., std=..., ...)) from vidrobust.models.preprocess"
        )
    if isinstance(made, tuple) and len(made) in (2, 3) and isinstance(made[0], torch.nn.Module):
        if "weights" in spec.options:
            fit_state(
                made[0], read_state(existing_file(spec.options["weights"], spec.text)), spec.text
            )
        made = (as_asked(made[0], spec), *made[1:])
        if len(made) == 2 and isinstance(made[1], list | tuple):
            weights = spec.options.get("weights", f"parameters of {spec.target}")
            names = tuple(map(str, made[1]))
            return module_detector(
                spec.text, _name(spec), made[0], names, device, weights, state_sha256(made[0])
            )
        return _module(spec, made, device)
    if "weights" in spec.options:
        raise SettingsError(
            f"{spec.text}: weights=FILE is for a factory that returns a torch module; this returned "
            f"{type(made).__name__}"
        )
    task = getattr(made, "task", None)
    if not isinstance(made, Classifier) or not callable(made) or not isinstance(task, str):
        raise SettingsError(f"{spec.text}: returned {type(made).__name__}; {_EXPECTED}")
    if "version" in spec.options:
        made.version = spec.options["version"]  # type: ignore[attr-defined]
    if task == "detection":
        checked_detector(cast(Detector, made))
    elif task == "classification":
        check_steady(made)
    else:
        with first_batch(made.name):
            checked(made, made(check_frames()), len(check_frames()))
    return made


def _make(spec: ModelSpec, device: torch.device) -> Any:
    module_name, _, name = spec.target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise SettingsError(
                f"{spec.text}: no module {module_name} (looked in {here} and the installed packages)"
            ) from error
        raise InputError(f"{spec.text}: importing {module_name} failed: {_said(error)}") from error
    except Exception as error:
        raise InputError(f"{spec.text}: importing {module_name} failed: {_said(error)}") from error
    if not hasattr(module, name):
        raise SettingsError(f"{spec.text}: {module.__file__} has no {name!r}")
    factory = getattr(module, name)
    if not isinstance(factory, type) and getattr(factory, "task", None) is not None:
        return factory  # a model that is there already
    if not callable(factory):
        raise SettingsError(
            f"{spec.text}: {name} is {type(factory).__name__}, not a function that makes a model"
        )
    try:
        takes_device = "device" in inspect.signature(factory).parameters
        return factory(device=device) if takes_device else factory()
    except Exception as error:
        raise InputError(f"{spec.text}: the factory failed: {_said(error)}") from error


def _module(spec: ModelSpec, made: tuple[Any, ...], device: torch.device) -> Network:
    module, preprocess, *rest = made
    if not isinstance(preprocess, Preprocess):
        raise SettingsError(
            f"{spec.text}: the second of the pair is {type(preprocess).__name__}; "
            "expected a vidrobust.models.preprocess.Preprocess"
        )
    return from_module(
        module,
        preprocess,
        device,
        name=_name(spec),
        weights=spec.options.get("weights", f"parameters of {spec.target}"),
        weights_sha256=state_sha256(module),
        class_names=tuple(map(str, rest[0])) if rest else None,
        output=None,
    )


def _name(spec: ModelSpec) -> str:
    name = spec.target.rpartition(":")[2]
    return f"{name}@{Path(spec.options['weights']).stem}" if "weights" in spec.options else name


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _target(head: str) -> str | None:
    module, colon, name = head.partition(":")
    is_module = re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", module)
    return head if colon and is_module and name.isidentifier() else None


KINDS = (
    ModelKind(
        scheme="factory",
        load=factory_model,
        reads=_target,
        options=("version", "weights", "blurpool"),
        forms=(
            Form(
                spec="package.module:factory[,weights=FILE][,version=TEXT]",
                what="your own code: a model, (torch module, Preprocess), or (torchvision detector, class names)",
                example="mycode.models:part_classifier",
            ),
        ),
    ),
)
