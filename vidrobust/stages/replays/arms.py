"""What a model is asked again of, and what it said: an arm gives rows and a note for each of its remedies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.rebuild import Rebuilt, with_blur, with_statistics
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifications, Detections
from vidrobust.stages.replays.candidates import from_candidates
from vidrobust.stages.replays.footage import replay_of, resizes_of
from vidrobust.stages.replays.names import BLUR, CONTROL, FREE, LOOK, RESIZES, SHARED, STATISTICS
from vidrobust.stages.replays.replay import Replay
from vidrobust.stages.replays.shown import Shown, answered, chunks, rows_of

LOOKS = 4
"""Changed copies of each frame that look-again takes the mean over."""
NORM_FRAMES, NORM_BATCH = 128, 32
"""Frames of a run by whose statistics a network is normalised, and how many at once."""


@dataclass(frozen=True)
class Said:
    """What one remedy gave on one input.

    rows     as ``rows_of``; None where it cannot be made, or where nothing was to be done
    note     what was done, or why not
    seconds  of work, a frame
    same     there was nothing to do: the model's own answers hold
    """

    rows: pd.DataFrame | None
    note: str
    seconds: float = 0.0
    same: bool = False


Arm = Callable[[Shown, Model], Mapping[str, Said]]
"""(an input, a model) -> what is said of each remedy that it tries."""


def _replayed(name: str) -> Arm:
    """The footage without a cause."""

    def arm(shown: Shown, model: Model) -> Mapping[str, Said]:
        return {name: _to_replay(shown, model, name, replay_of(name, shown))}

    return arm


def _resized(name: str) -> Arm:
    def arm(shown: Shown, model: Model) -> Mapping[str, Said]:
        return {name: _to_replay(shown, model, name, resizes_of(shown.frames, model)[name])}

    return arm


def _to_replay(shown: Shown, model: Model, name: str, replay: Replay) -> Said:
    if replay.frames is None or replay.same:
        return Said(None, replay.note, same=replay.same)
    spent = 0.0

    def ask(pixels: torch.Tensor) -> Classifications | Detections:
        nonlocal spent
        begin = time.perf_counter()
        found = shown.asked(model, pixels)
        spent += time.perf_counter() - begin
        return found

    frames, seconds = shown.played(name, replay.frames)
    begin = time.perf_counter()
    rows = answered(shown, frames, ask)
    seconds += time.perf_counter() - begin - spent
    return Said(rows, replay.note, 0.0 if name in FREE else seconds / max(len(shown.number), 1))


def looks_of(run: Run) -> list[tuple[str, float]]:
    """Perturbations and strengths of the looks: those of the policy, or a small shift where it has no step."""
    steps = run.folder.read_json("policy.json")["steps"] if (run.path / "policy.json").is_file() else []
    found = [(str(s["perturbation"]), float(max(abs(s["low"]), abs(s["high"])))) for s in steps]
    return found or [("translation", float(find("translation").strengths[0]))]


def look_again(shown: Shown, model: Model) -> Mapping[str, Said]:
    """The mean answer over a frame and changed copies of it; and the answer to the first copy alone."""
    run, looks = shown.run, looks_of(shown.run)
    content, at, extra = run.inputs.content[shown.item.name], 0, 0.0
    means, ones = [], []
    for pixels in chunks(shown.frames()):
        number = shown.number[at : at + len(pixels)]
        at += len(pixels)
        answers = [_classified(shown, model, pixels)]
        begin = time.perf_counter()
        for look in range(LOOKS):
            key, strength = looks[look % len(looks)]
            own = [seeded(content, int(n), look, key, run.settings.seed) for n in number]
            answers.append(_classified(shown, model, find(key).apply(pixels, strength, own)))
        extra += time.perf_counter() - begin
        mean = np.mean([a.probabilities.astype(np.float64) for a in answers], axis=0)
        joined = Classifications(mean, answers[0].class_names, answers[0].thresholds)
        means.append(rows_of(joined, number))
        ones.append(rows_of(answers[1], number))
    each = extra / LOOKS / max(len(shown.number), 1)
    note = f"copies changed by {', '.join(f'{key} {strength:.3g}' for key, strength in looks)}"
    return {
        f"look-again-{LOOKS}": Said(pd.concat(means, ignore_index=True), note, each * LOOKS),
        LOOK: Said(pd.concat(ones, ignore_index=True), note, each),
    }


def _classified(shown: Shown, model: Model, pixels: torch.Tensor) -> Classifications:
    found = shown.asked(model, pixels)
    assert isinstance(found, Classifications), "copies are shown to classifiers alone"
    return found


def network_arm(name: str, rebuilt: Callable[[Model], Rebuilt]) -> Arm:
    """A changed network; it is made once for all inputs of a run."""
    made: dict[str, Rebuilt] = {}

    def arm(shown: Shown, model: Model) -> Mapping[str, Said]:
        if model.name not in made:
            made[model.name] = rebuilt(model)
        changed = made[model.name]
        if changed.model is None or changed.as_it_is is None:
            return {name: Said(None, changed.note)}
        network, own = changed.model, changed.as_it_is
        rows = answered(shown, shown.frames(), lambda pixels: shown.asked(network, pixels))
        few = next(chunks(shown.frames()))
        seconds = _seconds(shown, network, few) - _seconds(shown, own, few)
        return {name: Said(rows, changed.note, max(seconds, 0.0))}

    return arm


def _seconds(shown: Shown, model: Model, pixels: torch.Tensor) -> float:
    """A frame; the second of two passes."""
    shown.asked(model, pixels)
    begin = time.perf_counter()
    shown.asked(model, pixels)
    return (time.perf_counter() - begin) / len(pixels)


def footage_batches(run: Run) -> list[torch.Tensor]:
    """Frames spread over all inputs of a run, (N, 3, H, W) uint8; each batch has some of each."""
    every = [shown for item in run.inputs.readable if (shown := Shown.of(run, item))]
    each = max(1, NORM_FRAMES // max(len(every), 1))
    frames: list[torch.Tensor] = []
    for shown in every:
        few = np.unique(np.linspace(0, len(shown.number) - 1, min(each, len(shown.number))).astype(int))
        with run.opened(shown.item.name) as source:
            frames += list(source.at(shown.number[few].tolist()).pixels.cpu())
    sizes: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for frame in frames[:NORM_FRAMES]:
        sizes.setdefault(tuple(frame.shape), []).append(frame)
    batches: list[torch.Tensor] = []
    for same in sizes.values():
        number = -(-len(same) // NORM_BATCH)
        batches += [torch.stack(same[at::number]) for at in range(number)]
    return batches


def arms_of(run: Run, model: Model) -> dict[str, Arm]:
    """All arms of a model by name, in the order in which they are tried."""
    found = {name: _replayed(name) for name in (*SHARED, CONTROL)}
    if model.task == "detection":
        return {**found, "candidates": _candidates}
    device = run.settings.device
    found |= {name: _resized(name) for name in RESIZES}
    return {
        **found,
        f"look-again-{LOOKS}": look_again,
        BLUR: network_arm(BLUR, lambda own: with_blur(own, device)),
        STATISTICS: network_arm(STATISTICS, lambda own: with_statistics(own, device, footage_batches(run))),
    }


def _candidates(shown: Shown, model: Model) -> Mapping[str, Said]:
    found = from_candidates(shown, model)
    return {name: Said(rows, note, seconds) for name, (rows, note, seconds) in found.items()}


def extra_key(run: Run, arm: str, contents: Sequence[str]) -> Any:
    """What else an arm's answers depend on."""
    if arm.startswith("look-again"):
        return [looks_of(run), run.settings.seed]
    return list(contents) if arm == STATISTICS else None
