"""load_model: a spec becomes a checked Classifier or Detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from vidrobust.device import resolve_device
from vidrobust.errors import SettingsError
from vidrobust.models.detection.network import DetectionNetwork, as_detector
from vidrobust.models.known import kind_of, parse_spec
from vidrobust.models.network import Network, as_classifier
from vidrobust.models.predict import Model
from vidrobust.models.reading import KEYS, Declared
from vidrobust.models.thresholded import thresholded
from vidrobust.predictions import Classifier


def load_model(spec: str, *, device: str = "auto", name: str | None = None) -> Model:
    """Load a model, check it on one batch, and return it as a Classifier or a Detector.

    spec    efficientnet-lite0|1|2, torchvision:NAME[,weights=FILE], timm:NAME[,weights=FILE], onnx:FILE,
            pt2:FILE or package.module:factory; docs/models.md describes each
    device  "auto", "cpu", "cuda" or "cuda:N"
    name    what it is called in every table; by default the network's or the file's name

    Raises SettingsError for a wrong spec, a missing file, sidecar or package, or outputs that do not fit;
    InputError for a file that cannot be read, a hub that cannot be reached, or outputs that are not numbers.

    >>> load_model("efficientnet-lite0")(pixels).labels  # doctest: +SKIP
    """
    parsed = parse_spec(spec)
    loaded = kind_of(parsed).load(parsed, resolve_device(device))
    said = {key: value for key, value in parsed.options.items() if key in KEYS}
    declared = Declared.read(said, spec)
    if isinstance(loaded, Network):
        named = dataclasses.replace(loaded, name=name or loaded.name, declared=declared.over(loaded.declared))
        return as_classifier(named, spec)
    if isinstance(loaded, DetectionNetwork):
        loaded = as_detector(dataclasses.replace(loaded, name=name or loaded.name), spec)
    model = thresholded(loaded, declared, spec)
    model.name = name or model.name
    return model


def load_models(specs: Sequence[str], *, device: str = "auto") -> list[Model]:
    """Load several models of one run; their names must differ, as they tell the rows of a table apart.

    Raises SettingsError also where one spec is given twice. Two files of one name get a number.
    """
    twice = {spec for spec in specs if list(specs).count(spec) > 1}
    if twice:
        raise SettingsError(f"the same model is given twice: {', '.join(sorted(twice))}")
    loaded: list[Model] = []
    for spec in specs:
        classifier = load_model(spec, device=device)
        taken = {other.name for other in loaded}
        if classifier.name in taken:
            number = next(n for n in range(2, len(specs) + 2) if f"{classifier.name} ({n})" not in taken)
            classifier = load_model(spec, device=device, name=f"{classifier.name} ({number})")
        loaded.append(classifier)
    return loaded


def load_classifiers(specs: Sequence[str], *, device: str = "auto") -> list[Classifier]:
    """As ``load_models``, for what takes classifiers alone; SettingsError for a detector."""
    models = load_models(specs, device=device)
    for model in models:
        if model.task != "classification":
            raise SettingsError(f"model {model.name} is for {model.task}; expected a classifier here")
    return [model for model in models if model.task == "classification"]
