"""Run: what the stages of one command share. Footage and models are opened when the first stage needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.footage.item_tables import items_table
from vidrobust.frames.device import make_deterministic
from vidrobust.models.info import model_info
from vidrobust.models.load import load_models
from vidrobust.models.merged import merged
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline import inputs
from vidrobust.pipeline.counts import Counts, shares, usual
from vidrobust.pipeline.estimate import CostEstimate, estimate_cost
from vidrobust.pipeline.inputs import Inputs
from vidrobust.pipeline.keys import unit_key
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.segments import Segment, segments_of
from vidrobust.pipeline.stages import BY_NAME
from vidrobust.pipeline.workers.setup import Classes, first_frames
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.tables import schema as tables
from vidrobust.text.printable import printable
from vidrobust.video.source import VideoSource


def loaded_models(settings: Settings, sample: torch.Tensor | None = None) -> list[Model]:
    """The models of these settings; ``sample``: frames to calibrate on. SettingsError where none is given."""
    if not settings.model:
        raise SettingsError("no model given: use --model SPEC, for example --model efficientnet-lite0")
    if settings.deterministic:
        make_deterministic()
    return load_models(
        settings.model,
        device=settings.device,
        engine=settings.engine or ("torch" if settings.deterministic else None),
        precision=settings.precision,
        sample=sample,
    )


class Run:
    """A run folder, the settings of this command, and what the stages work on."""

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
        self.calibration: Item | None = None
        """The item on whose first frames the number format of the models was calibrated."""
        self._inputs: Inputs | None = None
        self._models: list[Model] | None = None
        self._segments: dict[str, tuple[Segment, ...]] = {}
        self._sharing: tuple[str, ...] | None = None
        self._counts: Counts | None = None
        self._shares: dict[str, dict[str, int]] = {}
        self.cost: CostEstimate | None = None

    @property
    def path(self) -> Path:
        return self.folder.path

    def table(self, name: str) -> pd.DataFrame:
        """A table that must be there."""
        return self.folder.table(name)

    def table_or_empty(self, name: str) -> pd.DataFrame:
        """A table, or one without rows where its stage has not run."""
        return self.folder.table(name) if self.folder.has(name) else tables.empty(name)

    @property
    def model_records(self) -> list[dict[str, Any]]:
        """What run.json says of the models; needs none of them loaded."""
        return list(self.folder.run["models"])

    @property
    def failed(self) -> list[dict[str, str]]:
        """Inputs that could not be read, or not by one of the models."""
        return list(self.folder.run["failed"])

    @property
    def inputs(self) -> Inputs:
        """The footage; InputError where the sources hold none."""
        if self._inputs is None:
            self._inputs = inputs.find(self.settings, self.path / "cache" / "hashes.json", self.reporter)
            if not self._inputs.readable:
                self.folder.update(failed=self._inputs.failed, left_out=self._inputs.left_out)
                raise InputError("nothing could be evaluated: none of the sources holds any footage")
            self.folder.write_table("items", items_table(self._inputs.items))
            self.folder.write_table("labels", self._inputs.known.labels)
        return self._inputs

    @property
    def models(self) -> list[Model]:
        """The models, loaded and checked on a batch of their own; SettingsError where none is given."""
        if self._models is None:
            sample: torch.Tensor | None = None
            if self.settings.precision == "int8":
                self.look()
                self.calibration = self.inputs.readable[0]
                sample = first_frames(self.calibration, self.settings)
            loaded = self._loaded or loaded_models(self.settings, sample)
            self._models = [self._in_classes(model) for model in loaded]
            for model in self._models:
                self.reporter.say(f"model {model.name}: {len(model.class_names)} classes")
            self.folder.update(
                models=[
                    {"name": model.name, "task": model.task, **model_info(model).as_dict()}
                    for model in self._models
                ]
            )
        return self._models

    @property
    def classes(self) -> Classes | None:
        """The classes of the labels in which classifiers answer; None: in their own."""
        if not (self.settings.labels or self.settings.class_map):
            return None
        known = self.inputs.known
        return None if known.class_map is None else (known.class_map, known.class_names, known.of_map)

    def _in_classes(self, model: Model) -> Model:
        """A classifier in the classes of the labels, where a map says which of its own these are."""
        if model.task != "classification" or self.classes is None:
            return model
        class_map, names, of = self.classes
        found = merged(model, class_map, names, of)
        if found is None and not set(model.class_names) <= set(names):
            told = (
                f"{model.name}: its {len(model.class_names)} classes are not those of the class map of {of}"
            )
            if self.settings.class_map:
                raise SettingsError(f"{told}; leave --class-map out, and classes are matched by name")
            self.reporter.warn(f"{told}; they are matched by name")
        return found or model

    def look(self) -> None:
        """Open every item; what cannot be read has failed from here on. InputError where none is left."""
        for item in self.inputs.readable:
            self.segments(item)
        if not self.inputs.readable:
            self.folder.update(failed=self.inputs.failed, left_out=self.inputs.left_out)
            raise InputError("nothing could be evaluated: none of the sources could be read")

    def segments(self, item: Item) -> tuple[Segment, ...]:
        """The stretches in which an item is worked on; none of one that cannot be read, which is recorded."""
        if item.name not in self._segments:
            content = self.inputs.content[item.name]
            transitions = BY_NAME["transitions"]
            known = self.cache.has(transitions, unit_key(transitions, content, self.settings, None))
            # where an object's window is cut out, its first picture may be far inside
            tried = item.boxes is None and not known
            try:
                found = segments_of(item, content, self.settings, tried=tried)
            except InputError as error:
                self.inputs.fail(printable(item.path), str(error), self.reporter)
                found = ()
            except SettingsError:
                raise
            except Exception:  # what nobody foresaw is told by the worker that meets it, and the others go on
                found = (Segment(item, 0, 1, content, item),)
            self._segments[item.name] = found
        return self._segments[item.name]

    @property
    def sharing(self) -> tuple[str, ...]:
        """The contents over which frames and pairs are spread: those of the items that can be read, each once."""
        if self._sharing is None:
            self.look()
            self._sharing = tuple(dict.fromkeys(self.inputs.content[i.name] for i in self.inputs.readable))
        return self._sharing

    def share_among(self, contents: Sequence[str]) -> bool:
        """Spread them over these alone from now on; whether that changes anything."""
        changed = set(contents) != set(self.sharing)
        if changed:
            self._sharing, self._counts = tuple(dict.fromkeys(contents)), None
            self._shares.clear()
        return changed

    @property
    def counts(self) -> Counts:
        """Frames and pairs of the run; those of a budget are estimated once, and stand in run.json."""
        if self._counts is None:
            found = self._asked_for()
            told = {"budget": self.settings.budget, "frames": found.frames, "pairs": found.pairs}
            self.folder.update(sample={**told, "items": len(self.sharing)})
            self._counts = found
        return self._counts

    def _asked_for(self) -> Counts:
        settings = self.settings
        noted = self.folder.run.get("sample", {})
        found = usual(len(self.sharing))
        if settings.budget and None in (settings.frames, settings.pairs):
            if noted.get("budget") == settings.budget:
                found = Counts(noted["frames"], noted["pairs"])
            else:
                able = [model for model in self.models if needs_pixels(model)]
                ahead = estimate_cost(settings, able, self.inputs, self.inputs.readable, self.reporter)
                found, self.cost = (found, None) if ahead is None else (ahead.counts, ahead)
        return Counts(settings.frames or found.frames, settings.pairs or found.pairs)

    def count(self, counted: str, segment: Segment) -> int:
        """How many frames, or pairs, fall to a segment; none to an item among those that do not share them."""
        if counted not in self._shares:
            found = shares(self.counts.of(counted), self.sharing, self.settings.seed)
            self._shares[counted] = dict(zip(self.sharing, found, strict=True))
        mine = self._shares[counted].get(self.inputs.content[segment.item.name], 0)
        if not mine:
            return 0
        keys = [each.content for each in self.segments(segment.item)]
        return shares(mine, keys, self.settings.seed)[segment.number]

    def item(self, name: str) -> Item:
        """The item of this name."""
        return inputs.named(self.inputs, name)

    @contextmanager
    def opened(self, name: str) -> Iterator[VideoSource]:
        """An item's footage, to ask it for single frames."""
        with inputs.open_item(self.item(name), self.settings) as source:
            yield source
