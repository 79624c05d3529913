"""load_model: a spec becomes a checked Classifier or Detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import torch

from vidrobust.errors import SettingsError, no_exit
from vidrobust.frames.device import resolve_device
from vidrobust.models.adapted import thresholded
from vidrobust.models.detection.network import DetectionNetwork, as_detector
from vidrobust.models.engines.choose import with_engine
from vidrobust.models.engines.runners import NAMES, EngineRequest, Precision, default_engine
from vidrobust.models.info import model_info
from vidrobust.models.network import Network, NetworkClassifier, as_classifier, check_frames, first_batch
from vidrobust.models.predict import Model
from vidrobust.models.reading import KEYS, Declared
from vidrobust.models.spec import kind_of, parse_spec, split_options
from vidrobust.predictions import Classifier


def load_model(
    spec: str,
    *,
    device: str = "auto",
    name: str | None = None,
    engine: str | None = None,
    precision: str = "float32",
    sample: torch.Tensor | None = None,
) -> Model:
    """Load a model, check it on one batch, and return it as a Classifier or a Detector.

    Parameters
    ----------
    spec
        As ``vidrobust models`` lists them: ``torchvision:NAME``, ``onnx:FILE``, ``package.module:factory``
        ...; options follow as ``,key=value``.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    name
        Its name in every table; by default the network's or the file's.
    engine
        "torch", "onnxruntime", "openvino", or "auto" (the fastest that agrees); by default VIDROBUST_ENGINE, else
        auto. With "torch" an ONNX file stays in ONNX Runtime.
    precision
        "float32", "bfloat16" or "int8". Engine and precision may stand in the spec as well.
    sample
        (N, 3, H, W) uint8 frames, preferably real, to compare engines and calibrate int8.

    Raises
    ------
    SettingsError
        For a wrong spec, a missing file, sidecar or package, or outputs that do not fit.
    InputError
        For an unreadable file, an unreachable hub, or outputs that are not numbers.

    Examples
    --------
    >>> load_model("efficientnet-lite0")(pixels).labels  # doctest: +SKIP
    """
    wanted = EngineRequest(engine=engine or default_engine(), precision=cast(Precision, precision))
    parsed = parse_spec(spec)
    wanted = wanted.changed(parsed.options, parsed.number("threads"))
    loaded = _loaded(spec, device, name)
    if not isinstance(loaded, Network):
        return loaded
    frames = (check_frames() if sample is None else sample).to(loaded.device)
    with first_batch(loaded.name):
        network = with_engine(loaded, wanted, frames)
    return as_classifier(network, spec)


def load_as_it_is(spec: str, *, device: str = "auto", name: str | None = None) -> Model:
    """Load a model without choosing an engine: modules in torch, ONNX files in ONNX Runtime."""
    loaded = _loaded(spec, device, name)
    return as_classifier(loaded, spec) if isinstance(loaded, Network) else loaded


def _loaded(spec: str, device: str, name: str | None) -> Network | Model:
    parsed = parse_spec(spec)
    with no_exit(f"model {spec}"):
        loaded = kind_of(parsed).load(parsed, resolve_device(device))
    declared = Declared.read({key: value for key, value in parsed.options.items() if key in KEYS}, spec)
    if isinstance(loaded, Network):
        return dataclasses.replace(loaded, name=name or loaded.name, declared=declared.over(loaded.declared))
    if isinstance(loaded, DetectionNetwork):
        loaded = as_detector(dataclasses.replace(loaded, name=name or loaded.name), spec)
    model: Model = thresholded(loaded, declared, spec)
    model.name = name or model.name
    return model


def pinned_spec(model: Model, threads: int | None = None) -> str:
    """Return the spec that loads a model in its present engine without measuring again.

    ``threads`` are the engine's there; None: as many as now.
    """
    info = model_info(model)
    engine = info.engine.partition(" ")[0]
    if engine not in NAMES or not isinstance(model, NetworkClassifier):
        return info.spec
    head, options = split_options(info.spec)
    options["engine"] = engine
    if info.threads:
        options["threads"] = str(threads or info.threads)
    return ",".join([head, *(f"{key}={value}" for key, value in options.items())])


def load_models(
    specs: Sequence[str],
    *,
    device: str = "auto",
    engine: str | None = None,
    precision: str = "float32",
    sample: torch.Tensor | None = None,
) -> list[Model]:
    """Load several models of one run."""
    twice = {spec for spec in specs if list(specs).count(spec) > 1}
    if twice:
        raise SettingsError(f"the same model is given twice: {', '.join(sorted(twice))}")
    loaded: list[Model] = []
    for spec in specs:
        model = load_model(spec, device=device, engine=engine, precision=precision, sample=sample)
        taken = {other.name for other in loaded}
        if model.name in taken:
            number = next(n for n in range(2, len(specs) + 2) if f"{model.name} ({n})" not in taken)
            model.name = f"{model.name} ({number})"
        loaded.append(model)
    return loaded


def load_classifiers(specs: Sequence[str], *, device: str = "auto") -> list[Classifier]:
    """Load models as ``load_models`` does; SettingsError for a detector."""
    models = load_models(specs, device=device)
    for model in models:
        if model.task != "classification":
            raise SettingsError(f"model {model.name} is for {model.task}; expected a classifier here")
    return [model for model in models if model.task == "classification"]
