"""Setup: all that a worker needs to begin, as plain values that can travel; and the models it opens from it."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import cv2
import torch

from vidrobust.errors import SettingsError
from vidrobust.footage.item import Item
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.frames.device import make_deterministic
from vidrobust.models.adapted import merged
from vidrobust.models.info import identity
from vidrobust.models.load import load_model, pinned_spec
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.pipeline.inputs import open_item
from vidrobust.run_folder.folder import versions
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache

Classes = tuple[ClassMap, tuple[str, ...], str]
"""Which class of the labels each class of a model belongs to, their names, and what brought the map."""
CALIBRATION = 16
"""Frames on which int8 is calibrated."""


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A model by the spec that opens it in the engine that was chosen; identity None: it states none."""

    name: str
    spec: str
    identity: dict[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a worker works with.

    classes      in which classifiers answer, if not in their own
    threads      of its arithmetic
    calibration  the item whose first frames a number format is calibrated on
    versions     of the machine that asks: a worker of other versions is refused
    """

    settings: Settings
    models: tuple[Pinned, ...]
    classes: Classes | None
    cache: UnitCache
    threads: int
    quiet: bool
    calibration: Item | None
    versions: dict[str, str]

    def opened(self) -> dict[str, Model]:
        """The models by name; SettingsError where they, or the packages here, are not those of the run."""
        self._same_versions()
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

    def _same_versions(self) -> None:
        here = versions()
        differ = [f"{n} {here.get(n)} and {v}" for n, v in self.versions.items() if here.get(n) != v]
        if differ:
            raise SettingsError(
                f"worker on {platform.node()}: has other versions than the machine that sends the work "
                f"({', '.join(differ)}), and so other numbers; install the same on both"
            )

    def _opened(self, pinned: Pinned) -> Model:
        model = load_model(
            pinned.spec,
            device=self.settings.device,
            name=pinned.name,
            precision=self.settings.precision,
            sample=first_frames(self.calibration, self.settings) if self.calibration else None,
        )
        if self.classes is not None and model.task == "classification":
            model = merged(model, *self.classes) or model
        if identity(model) != pinned.identity:
            raise SettingsError(
                f"worker on {platform.node()}: {pinned.spec} is another model here than on the machine that asks; "
                "its files, and the devices, must be the same on all"
            )
        return model


def pinned(model: Model, spec: str, threads: int) -> Pinned:
    """A model as workers open it; ``spec`` is what it was asked for by."""
    exact = pinned_spec(model, threads) if isinstance(model, NetworkClassifier) else spec
    return Pinned(name=model.name, spec=exact, identity=identity(model))


def first_frames(item: Item, settings: Settings) -> torch.Tensor:
    """The first frames of an item, to calibrate a network on."""
    with open_item(item, settings) as source:
        return next(source.batches(CALIBRATION)).pixels
