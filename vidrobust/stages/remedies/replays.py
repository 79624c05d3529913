"""``remedies RUN --all``: the models asked again, of footage without its causes and of changed copies of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.footage.item import Item
from vidrobust.frames.pixels import to_array, to_tensor
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model, needs_pixels, predict
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifications
from vidrobust.stages.remedies import replay
from vidrobust.stages.remedies.input_rows import CONTROL, LOOK
from vidrobust.stages.remedies.make import REPLAYS, made_of
from vidrobust.stages.remedies.paths import Steps, measured_steps
from vidrobust.stages.remedies.replay import Frames, Replay
from vidrobust.tables import schema as tables

TABLE = "replayed_answers"
LOOKS = 4
"""Changed copies of each frame that look-again takes the mean over."""
CHUNK = 16
FREE = ("steady-camera", "level-light", "no-flicker")
"""What is bought once and costs no time per frame."""


@dataclass
class Made:
    """What was found so far: rows of the table, and of each model and remedy the time per frame and a note."""

    rows: list[pd.DataFrame] = field(default_factory=list)
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    notes: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def replay_all(run: Run, only: Collection[str] = ()) -> None:
    """Write the table ``replayed_answers`` and replays.json, where they are not there or are of other answers.

    Of every classifier that looks at pixels, on every item, every remedy of the input; ``only``: these, where some
    are named.
    """
    summary = run.folder.read_json(REPLAYS) if (run.path / REPLAYS).is_file() else {}
    policy = _policy(run)
    wanted = {"of": made_of(run), "looks": policy, "only": sorted(only)}
    if summary and summary.get("made_of") == wanted:
        run.reporter.say("replays: up to date")
        return
    made = Made()
    able = [m for m in run.models if m.task == "classification" and needs_pixels(m)]
    for item in run.inputs.readable:
        if able:
            _item(run, item, able, policy, only, made)
    table = pd.concat(made.rows, ignore_index=True) if made.rows else tables.empty(TABLE)
    run.folder.write_table(TABLE, table)
    keys = sorted({*made.seconds, *made.notes})
    arms = [
        {
            "model": model,
            "remedy": remedy,
            "cost_ms": _per_frame(made.seconds.get((model, remedy), [])),
            "note": _joined(made.notes.get((model, remedy), [])),
        }
        for model, remedy in keys
    ]
    run.folder.write_json(REPLAYS, {"made_of": wanted, "arms": arms})


def _joined(notes: Sequence[str]) -> str:
    """The notes of all inputs, two in words and the rest counted."""
    distinct = list(dict.fromkeys(notes))
    more = f"; and {len(distinct) - 2} more such" if len(distinct) > 2 else ""
    return "; ".join(distinct[:2]) + more


def _per_frame(seconds: Sequence[float]) -> float:
    return 1000.0 * float(np.median(seconds)) if len(seconds) else 0.0


def _policy(run: Run) -> list[list[Any]]:
    """Perturbations and strengths of the looks: those of the policy, or a small shift where it has no step."""
    steps = run.folder.read_json("policy.json")["steps"] if (run.path / "policy.json").is_file() else []
    found = [[s["perturbation"], float(max(abs(s["low"]), abs(s["high"])))] for s in steps]
    return found or [["translation", float(find("translation").strengths[0])]]


def _item(
    run: Run,
    item: Item,
    models: Sequence[Model],
    policy: list[list[Any]],
    only: Collection[str],
    made: Made,
) -> None:
    rows = run.table("transitions")
    rows = rows[rows["item"] == item.name]
    if not len(rows):
        return
    number = rows["frame"].to_numpy(np.int64)
    begins = ~np.isin(rows["reason"].to_numpy(object).astype(str), ("", "duplicate", "motion"))
    frames = functools.partial(_frames_of, run, item.name)
    run.reporter.say(f"replays, {item.name}: measuring camera and light over {len(number)} frames")
    steps = measured_steps(frames(), begins)
    step_s = float(np.median(np.diff(rows["time_s"]))) if len(rows) > 1 else 1.0
    for name, shared in _shared(frames, steps, 1.0 / step_s).items():
        for model in models if not only or name in (*only, CONTROL) else ():
            _arm(run, item.name, number, model, name, shared, made)
    for model in models:
        for name, own in resizes_of(frames, model).items():
            if not only or name in only:
                _arm(run, item.name, number, model, name, own, made)
        if not only or f"look-again-{LOOKS}" in only:
            _look_again(run, item, number, model, policy, frames, made)


def _frames_of(run: Run, item: str) -> Iterator[np.ndarray]:
    with run.opened(item) as source:
        for batch in source.batches(CHUNK):
            for row in range(len(batch)):
                yield to_array(batch.pixels[row])


def _shared(frames: Frames, steps: Steps, rate: float) -> dict[str, Replay]:
    """Replays that are the same for every model."""
    steady = replay.steady_camera(frames, steps, rate)
    found = {
        "steady-camera": steady,
        "level-light": replay.level_light(frames, steps, rate),
        "no-flicker": replay.no_flicker(frames, steps, rate),
        "less-noise": replay.less_noise(frames, steps),
    }
    if steady.frames is not None and not steady.same:
        found[CONTROL] = replay.resampled(frames, steps)
    return found


def resizes_of(frames: Frames, model: Model) -> dict[str, Replay]:
    """Replays that depend on how the model resizes."""
    names = {"another-resize-area": cv2.INTER_AREA, "another-resize-plain": cv2.INTER_LINEAR}
    if not isinstance(model, NetworkClassifier):
        why = "not possible: the model takes whole frames, and its own resize is not known"
        return {name: Replay(None, why) for name in names}
    resized = model.network.preprocess.resized
    return {name: replay.another_resize(frames, resized, how) for name, how in names.items()}


def _arm(
    run: Run, item: str, number: np.ndarray, model: Model, name: str, made_of: Replay, made: Made
) -> None:
    """The answers to a replay."""
    key = (model.name, name)
    made.notes.setdefault(key, []).append(made_of.note)
    made.seconds.setdefault(key, [])
    if made_of.frames is None:
        return
    if made_of.same:
        _rows(run, item, number, model, name, _own_labels(run, item, number, model), made)
        return
    run.reporter.say(f"replays, {item}: {name}, {model.name}")
    begin, spent = time.perf_counter(), 0.0
    labels = []
    for chunk in _chunks(made_of.frames()):
        asked = time.perf_counter()
        labels.append(_predicted(run, model, to_tensor(chunk)).labels)
        spent += time.perf_counter() - asked
    if name not in FREE:
        made.seconds[key].append((time.perf_counter() - begin - spent) / max(len(number), 1))
    _rows(run, item, number, model, name, np.concatenate(labels), made)


def _look_again(
    run: Run,
    item: Item,
    number: np.ndarray,
    model: Model,
    policy: list[list[Any]],
    frames: Frames,
    made: Made,
) -> None:
    """The mean answer over a frame and changed copies of it; and the answer to the first copy alone."""
    run.reporter.say(f"replays, {item.name}: look-again-{LOOKS}, {model.name}")
    content, means, ones, extra, at = run.inputs.content[item.name], [], [], 0.0, 0
    for chunk in _chunks(frames()):
        pixels = to_tensor(chunk)
        answers = [_predicted(run, model, pixels)]
        begin = time.perf_counter()
        for look in range(LOOKS):
            key, strength = policy[look % len(policy)]
            own = [
                seeded(content, int(n), look, key, run.settings.seed) for n in number[at : at + len(chunk)]
            ]
            answers.append(_predicted(run, model, find(key).apply(pixels, strength, own)))
        extra += time.perf_counter() - begin
        mean = np.mean([a.probabilities.astype(np.float64) for a in answers], axis=0)
        joined = Classifications(mean, answers[0].class_names, answers[0].thresholds)
        means.append(joined.labels)
        ones.append(answers[1].labels)
        at += len(chunk)
    name, summary = f"look-again-{LOOKS}", ", ".join(f"{key} {strength:.3g}" for key, strength in policy)
    for remedy, labels in ((name, means), (LOOK, ones)):
        looks = LOOKS if remedy == name else 1
        made.seconds.setdefault((model.name, remedy), []).append(extra * looks / LOOKS / max(len(number), 1))
        made.notes.setdefault((model.name, remedy), []).append(f"copies changed by {summary}")
        _rows(run, item.name, number, model, remedy, np.concatenate(labels), made)


def _predicted(run: Run, model: Model, pixels: torch.Tensor) -> Classifications:
    found = predict(model, pixels, run.settings.batch_size)
    assert isinstance(found, Classifications)
    return found


def _chunks(frames: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """So many frames of one size together."""
    kept: list[np.ndarray] = []
    for frame in frames:
        if kept and (len(kept) == CHUNK or kept[0].shape != frame.shape):
            yield kept
            kept = []
        kept.append(frame.copy())
    if kept:
        yield kept


def _own_labels(run: Run, item: str, number: np.ndarray, model: Model) -> np.ndarray:
    frames = run.table("frames")
    mine = frames[(frames["item"] == item) & (frames["model"] == model.name)].set_index("frame")["label"]
    return mine.loc[number].to_numpy(np.int64)


def _rows(
    run: Run, item: str, number: np.ndarray, model: Model, remedy: str, labels: np.ndarray, made: Made
) -> None:
    made.rows.append(
        pd.DataFrame({"item": item, "frame": number, "model": model.name, "remedy": remedy, "label": labels})
    )
