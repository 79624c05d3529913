"""Run: what the stages of one command share; and Setup, what workers need."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.footage.item_tables import items_table
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.frames.device import make_deterministic
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.classes import repeated
from vidrobust.models.info import identity, model_info
from vidrobust.models.load import load_model, load_models, merged, pinned_spec
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.pipeline import inputs
from vidrobust.pipeline.deadline import Deadline
from vidrobust.pipeline.inputs import Inputs, open_item
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder, versions
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.text.phrases import plural
from vidrobust.video.source import VideoSource

# Which class of the labels each class of a model belongs to, their names, and what brought the map.
Classes = tuple[ClassMap, tuple[str, ...], str]
CALIBRATION = 16  # frames on which int8 is calibrated


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A model by the spec that opens it in the chosen engine."""

    name: str
    spec: str
    identity: dict[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Setup:
    settings: Settings
    models: tuple[Pinned, ...]
    classes: Classes | None  # classes of the labels in which classifiers answer; None for their own
    cache: UnitCache
    threads: int
    quiet: bool
    calibration: Item | None  # input on whose first frames a number format is calibrated
    deadline: Deadline | None
    versions: dict[str, str]  # of the machine that asks; workers with other versions are refused

    def opened(self) -> dict[str, Model]:
        """Return the models by name; SettingsError if they or packages differ from the run's."""
        here = versions()
        differ = [
            f"{n} {here.get(n)} and {v}" for n, v in self.versions.items() if here.get(n) != v
        ]
        if differ:
            raise SettingsError(
                f"worker on {platform.node()}: has other versions than the machine that sends the work "
                f"({', '.join(differ)}), and so other numbers; install the same on both"
            )
        if not self.cache.in_reach:
            raise SettingsError(
                f"worker on {platform.node()}: does not see {self.cache.run_folder}; put --out on a folder that "
                "all machines share, or give --cache URL"
            )
        torch.set_num_threads(self.threads)
        cv2.setNumThreads(self.threads)
        if self.settings.deterministic:
            make_deterministic()
        return {model.name: self._opened(model) for model in self.models}

    def _opened(self, pinned: Pinned) -> Model:
        model = load_model(
            pinned.spec,
            device=self.settings.device,
            name=pinned.name,
            precision=self.settings.precision,
            sample=first_frames(self.calibration, self.settings) if self.calibration else None,
        )
        if self.classes is not None and is_classifier(model):
            model = merged(model, *self.classes) or model
        if identity(model) != pinned.identity:
            raise SettingsError(
                f"worker on {platform.node()}: {pinned.spec} is another model here than on the machine that asks; "
                "its files, and the devices, must be the same on all"
            )
        return model


def pinned(model: Model, spec: str, threads: int) -> Pinned:
    exact = pinned_spec(model, threads) if isinstance(model, NetworkClassifier) else spec
    return Pinned(name=model.name, spec=exact, identity=identity(model))


def first_frames(item: Item, settings: Settings) -> torch.Tensor:
    with open_item(item, settings) as source:
        return next(source.batches(CALIBRATION)).pixels


def loaded_models(settings: Settings, sample: torch.Tensor | None = None) -> list[Model]:
    if not settings.model:
        raise SettingsError(
            "no model given: use --model SPEC, for example --model efficientnet-lite0"
        )
    if settings.deterministic:
        make_deterministic()
    return load_models(
        settings.model,
        device=settings.device,
        engine=settings.engine or ("torch" if settings.deterministic else None),
        precision=settings.precision,
        sample=sample,
    )


class OpenRun:
    """A run folder and a command's settings; footage and models are opened when first needed."""

    def __init__(
        self,
        folder: RunFolder,
        settings: Settings,
        reporter: Reporter,
        models: Sequence[Model] | None = None,
    ) -> None:
        self.folder, self.settings, self.reporter = folder, settings, reporter
        self._loaded = models
        self.cache = UnitCache(folder.path, settings.cache)
        self.cache.check()
        # where hashes of the inputs are kept; None: nowhere
        self.hashes: Path | None = folder.path / "cache" / "hashes.json"
        # The item on whose first frames the number format of the models was calibrated.
        self.calibration: Item | None = None
        self._inputs: Inputs | None = None
        self._models: list[Model] | None = None

    @property
    def path(self) -> Path:
        return self.folder.path

    def table(self, name: str) -> pd.DataFrame:
        return self.folder.table(name)

    @property
    def model_records(self) -> list[dict[str, Any]]:
        return list(self.folder.run["models"])

    @property
    def failed(self) -> list[dict[str, str]]:
        return list(self.folder.run["failed"])

    @property
    def inputs(self) -> Inputs:
        if self._inputs is None:
            self._inputs = inputs.find(self.settings, self.hashes, self.reporter)
            if not self._inputs.readable:
                self.note_inputs()
                raise self._inputs.unreadable()
            self.folder.write_table("items", items_table(self._inputs.items))
            self.folder.write_table("labels", self._inputs.known.labels)
        return self._inputs

    @property
    def models(self) -> list[Model]:
        if self._models is None:
            sample: torch.Tensor | None = None
            if self.settings.precision == "int8":
                sample = self._calibration_frames()
            loaded = self._loaded or loaded_models(self.settings, sample)
            self._models = [self._in_classes(model) for model in loaded]
            for model in self._models:
                self.reporter.say(f"model {model.name}: {plural(len(model.class_names), 'class')}")
                if remark := repeated(model.class_names):
                    self.reporter.warn(f"model {model.name}: {remark}")
            self.folder.update(
                models=[
                    {"name": model.name, "task": model.task, **model_info(model).as_dict()}
                    for model in self._models
                ]
            )
        return self._models

    def _calibration_frames(self) -> torch.Tensor:
        for item in self.inputs.readable:
            try:
                sample = first_frames(item, self.settings)
            except InputError:
                continue  # recorded where its footage is looked at
            self.calibration = item
            return sample
        raise self.inputs.unreadable()

    @property
    def classes(self) -> Classes | None:
        """Classes of the labels in which classifiers answer; None for their own."""
        if not (self.settings.labels or self.settings.class_map):
            return None
        known = self.inputs.known
        return (
            None if known.class_map is None else (known.class_map, known.class_names, known.of_map)
        )

    def _in_classes(self, model: Model) -> Model:
        if self.classes is None or not is_classifier(model):
            return model
        class_map, names, of = self.classes
        adapted = merged(model, class_map, names, of)
        if adapted is None and not set(model.class_names) <= set(names):
            text = f"{model.name}: its {len(model.class_names)} classes are not those of the class map of {of}"
            if self.settings.class_map:
                raise SettingsError(
                    f"{text}; leave --class-map out, and classes are matched by name"
                )
            self.reporter.warn(f"{text}; they are matched by name")
        return adapted or model

    def note_inputs(self) -> None:
        self.folder.update(failed=self.inputs.failed, left_out=self.inputs.left_out)

    def item(self, name: str) -> Item:
        for item in self.inputs.items:
            if item.name == name:
                return item
        raise InputError(f"{name}: is no longer among the sources")

    def opened(self, name: str) -> VideoSource:
        return open_item(self.item(name), self.settings)
