"""load_model: a spec becomes a checked Classifier or Detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch

from vidrobust.errors import SettingsError, no_exit
from vidrobust.frames.device import resolve_device
from vidrobust.models.detection.network import DetectionNetwork, as_detector
from vidrobust.models.engines.choose import with_engine
from vidrobust.models.engines.runners import NAMES, Precision, default_engine
from vidrobust.models.engines.wanted import Wanted
from vidrobust.models.info import model_info
from vidrobust.models.known import kind_of, parse_spec
from vidrobust.models.network import Network, NetworkClassifier, as_classifier, check_frames, first_batch
from vidrobust.models.predict import Model
from vidrobust.models.reading import KEYS, Declared, operating_points
from vidrobust.models.seen_over import SeenOver
from vidrobust.models.spec import split_options
from vidrobust.predictions import Classifier

# A user's own classifier, or answers from a file, with operating points over them.


def thresholded(classifier: Any, declared: Declared, where: str) -> Any:
    """The classifier under the declared operating points; as it is, detector or classifier, where none are.

    Raises SettingsError for what can be said of a network's outputs, or of classifiers, only.
    """
    if declared == Declared():
        return classifier
    if classifier.task != "classification":
        raise SettingsError(
            f"{where}: {', '.join(KEYS)} are said of classifiers; this is for {classifier.task}"
        )
    if declared.threshold is None or declared != Declared(threshold=declared.threshold):
        raise SettingsError(
            f"{where}: output, scale and one_vs_rest are said of networks; this gives its answer"
        )
    names = tuple(classifier.class_names)
    points = operating_points(declared.threshold, names, where)
    info = model_info(classifier)
    words = ", ".join(f"{names[k]!r} from {point:g}" for k, point in points)
    return SeenOver(
        name=classifier.name,
        class_names=names,
        info=dataclasses.replace(info, reading=f"{info.reading}; {words}".removeprefix("; ")),
        classifier=classifier,
        over=lambda answer: dataclasses.replace(answer, thresholds=(*answer.thresholds, *points)),
    )


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

    spec    efficientnet-lite0|1|2, torchvision:NAME[,weights=FILE], timm:NAME[,weights=FILE], onnx:FILE,
            pt2:FILE or package.module:factory; docs/model-specs.md describes each
    device  "auto", "cpu", "cuda" or "cuda:N"
    name    what it is called in every table; by default the network's or the file's name
    engine  "torch", "onnxruntime", "openvino", or "auto": the fastest that says the same; by default as
            VIDROBUST_ENGINE says, else auto. With "torch" an ONNX file stays in ONNX Runtime. ``precision``
            "float32", "bfloat16" or "int8". Both may stand in the spec
    sample  (N, 3, H, W) uint8 frames on which engines are compared and timed, and int8 is calibrated; real
    ones
            where there are any

    Raises SettingsError for a wrong spec, a missing file, sidecar or package, or outputs that do not fit;
    InputError for a file that cannot be read, a hub that cannot be reached, or outputs that are not numbers.

    >>> load_model("efficientnet-lite0")(pixels).labels  # doctest: +SKIP
    """
    wanted = Wanted(engine=engine or default_engine(), precision=cast(Precision, precision))
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
    """``load_model`` without a choice of engines: torch modules in torch, ONNX files in ONNX Runtime."""
    loaded = _loaded(spec, device, name)
    return as_classifier(loaded, spec) if isinstance(loaded, Network) else loaded


def _loaded(spec: str, device: str, name: str | None) -> Network | Model:
    """A model, or a network that has still to be checked and made a classifier."""
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
    """The spec that loads a model in the engine it has now, without measuring again: for other processes.

    threads  of the engine there, if it has a number of its own; None: as many as it has now
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
    """Load several models of one run; their names must differ, as rows of a table are distinguished by them.

    Raises SettingsError also where one spec is given twice. Two files of one name get a number.
    """
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
    """As ``load_models``, for what takes classifiers alone; SettingsError for a detector."""
    models = load_models(specs, device=device)
    for model in models:
        if model.task != "classification":
            raise SettingsError(f"model {model.name} is for {model.task}; expected a classifier here")
    return [model for model in models if model.task == "classification"]
