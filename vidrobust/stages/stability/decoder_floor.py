"""The noise floor of the decoder: the same frames as another decoder at hand gives them, measured once a run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from vidrobust.footage.item import Item
from vidrobust.frames.batch import FrameBatch
from vidrobust.models.predict import needs_pixels, predict
from vidrobust.pipeline.inputs import open_item
from vidrobust.pipeline.run import Run
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.stability.noise_floor import FRAMES, compared

DECODERS = ("pyav", "decord", "torchcodec")
"""Tried in this order: the last one takes a second to be imported."""


def decoder_floor(run: Run) -> dict[str, dict[str, Any]]:
    """Of each classifier the largest total variation, flips and comparisons, and which decoder stood against it.

    The first frames of the first undamaged video, by the first other decoder that gives the same ones. Where all
    pictures are the same to the last bit nothing can move, and no model is asked. Empty where there is no other
    decoder, and for pictures in a folder, which have none.
    """
    models = [model for model in run.models if model.task == "classification" and needs_pixels(model)]
    read = _read_twice(run) if models else None
    if read is None:
        return {}
    used, other, ours, theirs = read
    same = torch.equal(ours.pixels, theirs.pixels)
    found = {}
    for model in models:
        apart = (
            (0.0, 0, len(ours))
            if same
            else compared(predict(model, ours.pixels), predict(model, theirs.pixels))
        )
        summary = dict(zip(("total_variation", "flips", "n"), apart, strict=True))
        found[model.name] = {**summary, "decoders": [used, other]}
    return found


def _read_twice(run: Run) -> tuple[str, str, FrameBatch, FrameBatch] | None:
    """The first frames of an item by the run's decoder and by another; None where none gives the same ones."""
    backends = {
        entry.item: entry.backend
        for entry in run.folder.record.inputs
        if not entry.problems and not entry.corrupt_frames  # other decoders may not survive damage
    }
    decoded = [item for item in run.inputs.readable if backends.get(item.name) in DECODERS]
    for item in decoded[:1]:
        used = backends[item.name]
        for other in (each for each in DECODERS if each != used):
            with suppress(Exception):  # a decoder that is not there, or not for this file, shows nothing
                theirs = _first(item, run.settings.changed({"backend": other}, "decoder"))
                ours = _first(item, run.settings)
                if ours.index.tolist() == theirs.index.tolist() and ours.pixels.shape == theirs.pixels.shape:
                    return used, other, ours, theirs
    return None


def _first(item: Item, settings: Settings) -> FrameBatch:
    with open_item(item, settings) as source:
        return next(source.batches(FRAMES))
