"""What a model is asked again of, and what it said: an arm gives rows and a note for each of its remedies."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.frame_pairs.registration import register, warp
from vidrobust.frames.pixels import luma
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.models.rebuilt.rebuild import Rebuilt, with_blur, with_statistics
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifications, Detections
from vidrobust.stages.replays.candidates import from_candidates
from vidrobust.stages.replays.names import BLUR, CONTROL, FREE, LOOK, RESIZES, SHARED, STATISTICS
from vidrobust.stages.replays.paths import (
    FEWEST_VALID,
    FLICKER_FRAMES,
    LIGHT_S,
    SHAKE_S,
    SMALLEST_GAIN,
    SMALLEST_PX,
    Steps,
    off_by,
    reported_share,
)
from vidrobust.stages.replays.shown import Shown, answered, chunks, rows_of

# Footage played again without one of its measured causes: frame by frame, what the line would have seen.
#
# A replay says by how much it changed the pictures, or why it cannot be made. What was lost in taking the picture
# (sharpness, resolution, what a keyframe throws away) no replay brings back.

Frames = Callable[[], Iterator[np.ndarray]]
"""The frames of a clip, (H, W, 3) uint8 RGB in order, from the start at each call."""

SHARP_DIFFERENCE = 3.0
"""A neighbour counts in the mean where it is nearer than so many deviations of the noise."""


@dataclass(frozen=True)
class Replay:
    """Frames of one clip without a cause.

    frames  of all frames in order; None where the replay cannot be made
    note    what was taken away, or why there is nothing to take, or why it cannot be done
    same    nothing was to be taken away: the frames are the clip's own
    """

    frames: Frames | None
    note: str
    same: bool = False


def steady_camera(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without the shake of the whole picture that is faster than a second; along x and y."""
    summary = reported_share(steps.camera, steps.begins)
    if not summary >= FEWEST_VALID:
        return Replay(
            None,
            f"not possible: only between {_share(summary)} of the neighbours could the motion be measured",
        )
    off = off_by(steps.camera, steps.begins, _half(SHAKE_S, rate))
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_PX:
        return Replay(frames, f"the camera stands still (off by {size:.2g} px)", same=True)
    note = f"shake of {size:.2g} px (root mean square) is taken away"
    return Replay(functools.partial(_shifted, frames, off), note)


def resampled(frames: Frames, steps: Steps) -> Replay:
    """Every frame shifted by half a pixel: what the softness of shifting pictures does by itself."""
    half = np.full((len(steps.begins), 2), 0.5)
    return Replay(functools.partial(_shifted, frames, half), "all frames shifted by half a pixel")


def level_light(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without changes of the light that are faster than two seconds."""
    return _levelled(frames, steps, _half(LIGHT_S, rate), "the light wanders")


def no_flicker(frames: Frames, steps: Steps, rate: float) -> Replay:
    """Without changes of the light from frame to frame that are gone within seven frames."""
    return _levelled(frames, steps, FLICKER_FRAMES // 2, "the light flickers")


def _levelled(frames: Frames, steps: Steps, half: int, what: str) -> Replay:
    summary = reported_share(steps.gain, steps.begins)
    if not summary >= FEWEST_VALID:
        return Replay(
            None,
            f"not possible: only between {_share(summary)} of the neighbours could the light be compared",
        )
    off = off_by(steps.gain, steps.begins, half)
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_GAIN:
        return Replay(frames, f"the light is steady (off by {100 * size:.2g} %)", same=True)
    note = f"{what} by {100 * size:.2g} % (root mean square), which is taken away"
    return Replay(functools.partial(_scaled, frames, off), note)


def less_noise(frames: Frames, steps: Steps) -> Replay:
    """Every frame the mean with its two neighbours, moved onto it, where these agree with it."""
    return Replay(functools.partial(_averaged, frames, steps.begins), "mean of three frames along the motion")


def another_resize(frames: Frames, resized: tuple[int, ...], interpolation: int) -> Replay:
    """Brought to the network's size before the network's own resize, which then changes nothing.

    resized  px of the shorter side, or height and width, as ``Preprocess.resized``
    """
    size = f"{resized[0]} px, shorter side" if len(resized) == 1 else f"{resized[1]}x{resized[0]} px"
    return Replay(functools.partial(_replay_resized, frames, resized, interpolation), f"to {size}")


def _half(seconds: float, rate: float) -> int:
    """Frames on either side of a window of so many seconds."""
    return max(1, round(seconds * rate / 2))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "none"


def _shifted(frames: Frames, off: np.ndarray) -> Iterator[np.ndarray]:
    """Each frame's content moved back by ``off`` (N, 2) px."""
    for frame, (x, y) in zip(frames(), off.tolist(), strict=True):
        if max(abs(x), abs(y)) < SMALLEST_PX / 2:
            yield frame
            continue
        field = np.empty((*frame.shape[:2], 2), np.float32)
        field[..., 0], field[..., 1] = x, y
        yield warp(frame, field)


def _scaled(frames: Frames, off: np.ndarray) -> Iterator[np.ndarray]:
    """Each frame's levels divided by exp(``off``) (N,)."""
    for frame, log in zip(frames(), off.tolist(), strict=True):
        table = np.clip(np.rint(np.arange(256) * np.exp(-log)), 0, 255).astype(np.uint8)
        yield np.asarray(cv2.LUT(frame, table))


def _averaged(frames: Frames, begins: np.ndarray) -> Iterator[np.ndarray]:
    before: np.ndarray | None = None
    now: np.ndarray | None = None
    for row, later in enumerate(frames()):
        later = later.copy()
        if now is not None:
            yield _mean_along(now, before, None if begins[row] else later)
        before, now = (None if begins[row] else now), later
    if now is not None:
        yield _mean_along(now, before, None)


def _mean_along(now: np.ndarray, before: np.ndarray | None, after: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) uint8: the mean of a frame and its neighbours brought onto it, where they are alike."""
    total, count = now.astype(np.float32), np.ones(now.shape[:2], np.float32)
    for other in (before, after):
        if other is None or other.shape != now.shape:
            continue
        found = register(other, now, fine=False)
        if found.failed:
            continue
        moved = warp(other, found.flow)
        difference = np.abs(luma(moved).astype(np.float32) - luma(now))
        deviation = max(1.4826 * float(np.median(difference)), 1.0)
        alike = (found.visible & (difference <= SHARP_DIFFERENCE * deviation)).astype(np.float32)
        total += moved * alike[..., None]
        count += alike
    return np.rint(total / count[..., None]).astype(np.uint8)


def _replay_resized(frames: Frames, resized: tuple[int, ...], interpolation: int) -> Iterator[np.ndarray]:
    for frame in frames():
        height, width = frame.shape[:2]
        shorter = resized[0]
        if len(resized) == 2:
            size = (resized[1], resized[0])
        elif width <= height:  # as torchvision: the longer side follows in proportion, rounded down
            size = (shorter, int(shorter * height / width))
        else:
            size = (int(shorter * width / height), shorter)
        yield np.asarray(cv2.resize(frame, size, interpolation=interpolation))


# Which replays of footage there are, and the one of an input by its name.


def replay_of(name: str, shown: Shown) -> Replay:
    """One of SHARED or CONTROL."""
    made: dict[str, Callable[[], Replay]] = {
        "steady-camera": lambda: steady_camera(shown.frames, shown.steps, shown.rate),
        "level-light": lambda: level_light(shown.frames, shown.steps, shown.rate),
        "no-flicker": lambda: no_flicker(shown.frames, shown.steps, shown.rate),
        "less-noise": lambda: less_noise(shown.frames, shown.steps),
        CONTROL: lambda: _control(shown),
    }
    return made[name]()


def _control(shown: Shown) -> Replay:
    """Every frame shifted alike, where steadying shifts any."""
    steady = steady_camera(shown.frames, shown.steps, shown.rate)
    if steady.frames is None or steady.same:
        return Replay(None, steady.note, same=steady.same)
    return resampled(shown.frames, shown.steps)


def resizes_of(frames: Frames, model: Model) -> dict[str, Replay]:
    """Replays that depend on how the model resizes."""
    names = dict(zip(RESIZES, (cv2.INTER_AREA, cv2.INTER_LINEAR), strict=True))
    if not isinstance(model, NetworkClassifier):
        why = "not possible: the model takes whole frames, and its own resize is not known"
        return {name: Replay(None, why) for name in names}
    resized = model.network.preprocess.resized
    return {name: another_resize(frames, resized, how) for name, how in names.items()}


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
