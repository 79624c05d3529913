"""The first pass over the footage: one decoding feeds all models' stability and the variation meter."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

from vidrobust import tables
from vidrobust.errors import InputError
from vidrobust.footage.item import Item
from vidrobust.models.predict import AUTO_BATCH, predict
from vidrobust.predictions import Classifier
from vidrobust.run.folder import RunFolder
from vidrobust.run.inputs import Inputs, describe, for_each, sha256
from vidrobust.run.progress import Reporter
from vidrobust.run.settings import Settings
from vidrobust.studies import noise_floor, stability
from vidrobust.studies.noise_floor import NoiseFloor
from vidrobust.studies.pairs import PairWatcher
from vidrobust.studies.variation import VariationMeter
from vidrobust.video.source import VideoSource


class FootagePass:
    """Collects what the first pass finds, item by item. Without models only the variation is measured."""

    def __init__(
        self, models: Sequence[Classifier], settings: Settings, reporter: Reporter, *, variation: bool
    ) -> None:
        self.models, self.settings, self.reporter = models, settings, reporter
        self.measure_variation = variation
        self.inputs: list[dict[str, Any]] = []
        self.floors: dict[str, NoiseFloor] = {}
        self._frames: list[pd.DataFrame] = []
        self._pairs: list[pd.DataFrame] = []
        self._triples: list[pd.DataFrame] = []
        self._variation: list[pd.DataFrame] = []
        self._changes: list[pd.DataFrame] = []

    def __call__(self, item: Item, source: VideoSource) -> None:
        """One item: decode, predict, compare."""
        settings = self.settings
        rate = float(source.info.frame_rate)
        stable = stability.StabilityMeter(
            item.name,
            rate / settings.every if settings.fps is None else settings.fps,
            stability.StabilitySettings(
                anchor_deltas=settings.anchor_deltas,
                motion_limit=settings.motion_limit,
                revert_within=settings.revert_within,
            ),
        )
        watcher = PairWatcher(motion_limit=settings.motion_limit)
        varied = VariationMeter(item.name, rate, content=sha256(item.path), seed=settings.seed)
        corrupt, last_s = 0, 0.0
        with self.reporter.counting(item.name, source.info.num_frames, "frames") as counter:
            for batch in source.batches(AUTO_BATCH if settings.batch_size == "auto" else settings.batch_size):
                if counter.done == 0:
                    self._measure_floor(batch.pixels)
                links = watcher.feed(batch)
                predictions = {
                    model.name: predict(model, batch.pixels, settings.batch_size) for model in self.models
                }
                stable.feed(batch, links, predictions)
                if self.measure_variation:
                    varied.feed(batch, links.reason.tolist())
                corrupt, last_s = corrupt + int(batch.corrupt.sum()), float(batch.time_s[-1])
                counter.advance(len(batch))
            frames = counter.done
        if frames == 0:
            raise InputError(f"{item.path}: no frame could be decoded")
        for problem in source.problems:
            self.reporter.warn(f"{item.name}: {problem}")
        self.inputs.append(describe(item, source, frames, corrupt, last_s))
        found = stable.finish()
        self._frames.append(found.frames)
        self._pairs.append(found.pairs)
        self._triples.append(found.triples)
        if self.measure_variation:
            result = varied.finish()
            self._variation.append(result.table)
            self._changes.append(result.pairs)
            self.inputs[-1]["variation"] = {
                "stride": result.stride,
                **result.counts,
                "excluded": result.excluded,
                "timing": dataclasses.asdict(result.timing),
            }

    def write(self, folder: RunFolder) -> None:
        """The tables of all items."""
        if self.models:
            frames, pairs = _joined("frames", self._frames), _joined("pairs", self._pairs)
            folder.write_table("frames", frames)
            folder.write_table("pairs", pairs)
            table = stability.summarise(pairs, pd.concat(self._triples, ignore_index=True), frames)
            folder.write_table("stability", pd.concat([table, self._floor_rows()], ignore_index=True))
        if self.measure_variation:
            folder.write_table("variation", _joined("variation", self._variation))
            folder.write_table("changes", _joined("changes", self._changes))

    def _measure_floor(self, pixels: Any) -> None:
        for model in self.models:
            floor = noise_floor.measure(model, pixels)
            known = self.floors.get(model.name)
            self.floors[model.name] = floor if known is None else known.joined(floor)

    def _floor_rows(self) -> pd.DataFrame:
        """The noise floor as rows of the stability table, over all items: the largest difference, no interval."""
        rows = []
        for model, floor in self.floors.items():
            for metric, value in (
                ("noise_floor_total_variation", floor.total_variation),
                ("noise_floor_label_flip", floor.flips / floor.n if floor.n else float("nan")),
            ):
                rows.append(
                    {
                        "model": model,
                        "item": "",
                        "metric": metric,
                        "value": value,
                        "low": float("nan"),
                        "high": float("nan"),
                        "n": floor.n,
                        "cluster": "",
                        "clusters": 0,
                    }
                )
        return pd.DataFrame(rows)


def run(
    folder: RunFolder,
    inputs: Inputs,
    models: Sequence[Classifier],
    settings: Settings,
    reporter: Reporter,
    *,
    variation: bool = True,
) -> FootagePass:
    """The pass over all items, and its tables written. InputError where no item could be read."""
    work = FootagePass(models, settings, reporter, variation=variation)
    succeeded = for_each(inputs, settings, reporter, work)
    folder.update(inputs=work.inputs, failed=inputs.failed, left_out=inputs.left_out)
    if not succeeded:
        raise InputError("nothing could be evaluated: none of the sources could be read")
    work.write(folder)
    return work


def _joined(name: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else tables.empty(name)
