"""The units that see every frame in order: links, stability of a model, variation of the footage."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust import tables
from vidrobust.differences.pairs import Links
from vidrobust.errors import InputError
from vidrobust.frames import FrameBatch
from vidrobust.models.predict import Model, predict_footage
from vidrobust.run.settings import Settings
from vidrobust.run.stages import BY_NAME
from vidrobust.run.unit import Context, Found
from vidrobust.shown import shown
from vidrobust.studies import noise_floor
from vidrobust.studies.variation import VariationMeter
from vidrobust.tasks.catalogue import metrics_of, task_of, versions_of
from vidrobust.tasks.task import AlongTime
from vidrobust.video.decoded_hash import DecodedHash
from vidrobust.video.source import VideoSource


class LinksWork:
    """Which neighbours may be compared, what the input is, and the hash of what was decoded."""

    def __init__(self, context: Context, model: None) -> None:
        self.context = context
        self._parts: list[pd.DataFrame] = []
        self._hash = DecodedHash()

    def feed(self, batch: FrameBatch, links: Links) -> None:
        self._hash.feed(batch)
        self._parts.append(
            pd.DataFrame(
                {
                    "item": self.context.item.name,
                    "frame": batch.index,
                    "time_s": batch.time_s,
                    "reason": links.reason,
                    "pixel_change": links.pixel_change,
                    "shift_x": links.shift[:, 0],
                    "shift_y": links.shift[:, 1],
                    "keyframe": links.keyframe,
                    "corrupt": batch.corrupt,
                }
            )
        )

    def finish(self, source: VideoSource) -> Found:
        if not self._parts and self.context.number:
            return {"links": tables.empty("links")}, {**_described(source, None), "decoded": "nothing"}
        if not self._parts:
            found = "; ".join(source.problems) or "no frame could be decoded"
            raise InputError(f"{shown(self.context.item.path)}: {found}")
        table = pd.concat(self._parts, ignore_index=True)
        facts = {**_described(source, table), "decoded": self._hash.hexdigest()}
        return {"links": table}, facts


def _described(source: VideoSource, links: pd.DataFrame | None) -> dict[str, Any]:
    """What run.json says of an item that was read; None: of a segment that the file does not reach."""
    info = source.info
    return {
        "width": info.width,
        "height": info.height,
        "frame_rate": float(info.frame_rate),
        "frames": 0 if links is None else len(links),
        "corrupt_frames": 0 if links is None else int(links["corrupt"].sum()),
        "end_s": None if links is None else float(links["time_s"].iloc[-1]),
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "color_space": info.color_space,
        "color_range": info.color_range,
        "backend": info.backend,
        "device": info.device,
        "reason": info.reason,
        "notes": list(info.notes),
        "problems": list(source.problems),
    }


class StabilityWork:
    """One model along one item, and its noise floor on the first frames."""

    def __init__(self, context: Context, model: Model) -> None:
        settings = context.settings
        rate = float(context.info.frame_rate)
        along = AlongTime(
            frame_rate=rate / settings.every if settings.fps is None else settings.fps,
            anchor_deltas=settings.anchor_deltas,
            motion_limit=settings.motion_limit,
            revert_within=settings.revert_within,
            tracks=settings.tracks,
        )
        self.model, self.batch = model, settings.batch_size
        self._meter = task_of(model.task).meter(context.item.name, model.name, along, metrics_of(model.task))
        self._first: list[torch.Tensor] = []

    def feed(self, batch: FrameBatch, links: Links) -> None:
        kept = sum(map(len, self._first))
        if kept < noise_floor.FRAMES:
            self._first.append(batch.pixels[: noise_floor.FRAMES - kept].clone())
        self._meter.feed(batch, links, predict_footage(self.model, batch, self.batch))

    def finish(self, source: VideoSource) -> Found:
        every = {name: tables.empty(name) for name in BY_NAME["stability"].parts}
        floor = noise_floor.facts(self.model, torch.cat(self._first)) if self._first else {}
        return {**every, **self._meter.finish()}, floor


def metrics_known(settings: Settings, model: Model) -> list[str]:
    """The metrics of the model's task, which may come from other packages, as the keys of parts hold them."""
    return versions_of(model.task)


class VariationWork:
    """How much the footage of one item varies."""

    def __init__(self, context: Context, model: None) -> None:
        self._meter = VariationMeter(
            context.item.name,
            float(context.info.frame_rate),
            content=context.content,
            seed=context.settings.seed,
        )

    def feed(self, batch: FrameBatch, links: Links) -> None:
        self._meter.feed(batch, np.asarray(links.reason).tolist())

    def finish(self, source: VideoSource) -> Found:
        result = self._meter.finish()
        facts = {
            "stride": result.stride,
            **result.counts,
            "excluded": result.excluded,
            "timing": dataclasses.asdict(result.timing),
        }
        return {"changes": result.pairs}, facts
