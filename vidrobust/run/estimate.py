"""What a study would cost: frames counted from the headers, the models timed on a few real frames."""

from __future__ import annotations

import time
from typing import Any

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.load import load_models
from vidrobust.models.predict import predict
from vidrobust.run import inputs
from vidrobust.run.progress import Reporter
from vidrobust.run.sensitivity_pass import perturbed_per_frame
from vidrobust.run.settings import Settings
from vidrobust.video.source import first_batch

PASSES_PER_PAIR = 60
"""Forward passes per model that explaining one pair costs, causes and directions together, about."""
SAMPLE = 8


def estimate(settings: Settings, reporter: Reporter) -> dict[str, Any]:
    """Items, frames, forward passes and seconds, as plain values and as ``text``; a rough figure, said as such."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    if not settings.model:
        raise SettingsError("no model given: use --model SPEC, for example --model efficientnet-lite0")
    found = inputs.find(settings, reporter)
    models = load_models(settings.model, device=settings.device)
    frames, unknown, readable, per_frame = 0, 0, 0, 0.0
    for item in found.items:
        try:
            with inputs.open_item(item, settings) as source:
                if per_frame == 0.0:
                    per_frame = _seconds_per_frame(source, models)
                count = source.info.num_frames
        except InputError as error:
            found.fail(str(item.path), str(error), reporter)
            continue
        readable += 1
        unknown += count is None
        frames += -(-(count or 0) // settings.every)
    if not readable:
        raise InputError("nothing could be evaluated: none of the sources could be read")
    steps = perturbed_per_frame(settings)
    passes = frames + readable * (settings.frames * steps + settings.pairs * PASSES_PER_PAIR)
    seconds = passes * per_frame
    lines = [
        f"{readable} item(s), {frames} frames by their headers"
        + (f" and {unknown} item(s) of unknown length" if unknown else ""),
        f"{len(models)} model(s), {1000 * per_frame:.0f} ms a frame for all of them together on this machine",
        f"about {passes} frames to predict: {frames} as they are, {readable * settings.frames * steps} perturbed, "
        f"{readable * settings.pairs * PASSES_PER_PAIR} to explain pairs",
        f"about {_duration(seconds)} in all (perturbing and decoding not counted)",
    ]
    return {
        "items": readable,
        "frames": frames,
        "items_of_unknown_length": unknown,
        "failed": found.failed,
        "forward_passes": passes,
        "seconds": round(seconds, 1),
        "text": "\n".join(lines),
    }


def _seconds_per_frame(source: Any, models: list[Any]) -> float:
    batch = first_batch(source, SAMPLE)
    for model in models:
        predict(model, batch.pixels)  # the first call warms up
    started = time.perf_counter()
    for model in models:
        predict(model, batch.pixels)
    return (time.perf_counter() - started) / len(batch)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
