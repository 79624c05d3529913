"""load_model: a spec becomes a checked model, read under operating points or in the classes of a data set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch

from vidrobust.errors import SettingsError, no_exit
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.frames.device import resolve_device
from vidrobust.models.classes import IMAGENET, imagenet_shift
from vidrobust.models.detection.network import DetectionNetwork, as_detector
from vidrobust.models.engines import (
    NAMES,
    EngineRequest,
    Precision,
    default_engine,
    with_engine,
)
from vidrobust.models.info import ModelInfo, model_info
from vidrobust.models.network import (
    Network,
    NetworkClassifier,
    as_classifier,
    check_frames,
    first_batch,
)
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.models.reading import KEYS, Declared, operating_points
from vidrobust.models.spec import kind_of, parse_spec, split_options
from vidrobust.predictions import Classifications, Classifier


@dataclass(eq=False, kw_only=True)
class AdaptedClassifier:
    """A classifier with ``over`` applied to its answers; ``class_names`` and ``info`` describe the result."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    classifier: Any
    over: Callable[[Classifications], Classifications]
    task: Literal["classification"] = "classification"

    @property
    def needs_pixels(self) -> bool:
        return needs_pixels(self.classifier)

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return self.over(self.classifier(pixels))

    def predict_frames(self, item: str, index: np.ndarray) -> Classifications:
        return self.over(self.classifier.predict_frames(item, index))


def thresholded(classifier: Any, declared: Declared, where: str) -> Any:
    """Return the model under the declared operating points; SettingsError where they do not apply to it."""
    if declared == Declared():
        return classifier
    if classifier.task != "classification":
        raise SettingsError(
            f"{where}: {', '.join(KEYS)} apply to classifiers; this model is for {classifier.task}"
        )
    if declared.threshold is None or declared != Declared(threshold=declared.threshold):
        raise SettingsError(
            f"{where}: output, scale and one_vs_rest apply to networks; this model gives its answer"
        )
    names = tuple(classifier.class_names)
    points = operating_points(declared.threshold, names, where)
    info = model_info(classifier)
    words = ", ".join(f"{names[k]!r} from {point:g}" for k, point in points)
    return AdaptedClassifier(
        name=classifier.name,
        class_names=names,
        info=dataclasses.replace(info, reading=f"{info.reading}; {words}".removeprefix("; ")),
        classifier=classifier,
        over=lambda answer: dataclasses.replace(answer, thresholds=(*answer.thresholds, *points)),
    )


def merged(
    classifier: Classifier, class_map: ClassMap, names: Sequence[str], of: str
) -> Classifier | None:
    """Return a classifier in the classes of a data set; None if the map does not fit."""
    count, needed = len(classifier.class_names), max(class_map.of_model) + 1
    if needed > count or (count > IMAGENET and not imagenet_shift(classifier.class_names)):
        return None
    shifted = class_map.shifted(imagenet_shift(classifier.class_names))
    classes, model = tuple(names), classifier.name

    def over(answer: Classifications) -> Classifications:
        if answer.partial or answer.thresholds:
            raise SettingsError(
                f"model {model}: a class map needs the probabilities of all classes and no operating points"
            )
        scores = shifted.scores(answer.probabilities)
        mapped = scores > -np.inf
        share = np.where(mapped, scores, 0.0)
        total = share.sum(axis=1, keepdims=True)
        # all of them rounded to nothing: none leads
        share = np.where(
            total > 0, share / np.where(total > 0, total, 1.0), mapped / mapped.sum(axis=1)[:, None]
        )
        return Classifications(share.astype(np.float32), classes)

    known = json.dumps(sorted(shifted.of_model.items())).encode()
    digest = hashlib.sha256(known).hexdigest()[:8]
    info = model_info(classifier)
    rule = f"largest of {len(shifted.of_model)} classes that belong to {len(names)} ({digest})"
    lacks = [names[k] for k in shifted.unmapped]
    never = f", never {', '.join(lacks)}" if lacks else ""
    note = f"answers in the {len(names)} classes of {of}{never}"
    summary = dataclasses.replace(
        info,
        reading=f"{info.reading}; {rule}".removeprefix("; "),
        num_classes=len(names),
        notes=(*info.notes, note),
    )
    if isinstance(classifier, NetworkClassifier):
        reading = classifier.reading
        return dataclasses.replace(
            classifier,
            class_names=classes,
            info=summary,
            reading=lambda rows, where: over(reading(rows, where)),
        )
    return AdaptedClassifier(
        name=model, class_names=classes, info=summary, classifier=classifier, over=over
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
        "torch", "onnxruntime", "openvino", or "auto" (OpenVINO, ONNX Runtime, torch: the first that agrees);
        by default VIDROBUST_ENGINE, else auto. With "torch" an ONNX file stays in ONNX Runtime.
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
        if wanted.precision != "float32":
            raise SettingsError(
                f"model {loaded.name}: precision {wanted.precision} is for classifiers; "
                f"export a detector in {wanted.precision} and give that file"
            )
        return loaded
    frames = (check_frames() if sample is None else sample).to(loaded.device)
    with first_batch(loaded.name):
        network = with_engine(loaded, wanted, frames)
    return as_classifier(network, spec)


def load_as_it_is(spec: str, *, device: str = "auto") -> Model:
    """Load a model without choosing an engine: modules in torch, ONNX files in ONNX Runtime."""
    loaded = _loaded(spec, device, None)
    return as_classifier(loaded, spec) if isinstance(loaded, Network) else loaded


def _loaded(spec: str, device: str, name: str | None) -> Network | Model:
    parsed = parse_spec(spec)
    with no_exit(f"model {spec}"):
        loaded = kind_of(parsed).load(parsed, resolve_device(device))
    said = {key: value for key, value in parsed.options.items() if key in KEYS}
    declared = Declared.read(said, spec)
    if isinstance(loaded, Network | DetectionNetwork):
        loaded = dataclasses.replace(loaded, name=name or loaded.name)
    if isinstance(loaded, Network):
        return dataclasses.replace(loaded, declared=declared.over(loaded.declared))
    if isinstance(loaded, DetectionNetwork):
        loaded = as_detector(loaded, spec)
    model: Model = thresholded(loaded, declared, spec)
    model.name = name or model.name
    return model


def pinned_spec(model: Model, threads: int | None = None) -> str:
    """Return the spec that loads a model in its present engine.

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


def classifiers_of(models: Sequence[Model]) -> list[Classifier]:
    """Return the models; SettingsError if one is no classifier."""
    for model in models:
        if model.task != "classification":
            raise SettingsError(
                f"model {model.name} is for {model.task}; expected a classifier here"
            )
    return [model for model in models if model.task == "classification"]
