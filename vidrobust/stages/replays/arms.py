"""Ask every model again on every input, arm by arm; and other ways from candidates to boxes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.metrics.catalogue import is_detector
from vidrobust.models.detection.candidates import Candidates
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.network import DetectionNetwork, NetworkDetector, candidates
from vidrobust.models.detection.suppress import MAX_BOXES, Suppression, to_frames
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.pipeline.inputs import decoder_of
from vidrobust.pipeline.keys import model_key
from vidrobust.pipeline.run import OpenRun
from vidrobust.predictions import Classifications, Detections
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.stages.replays.footage import (
    FootageReplay,
    InputShown,
    answered,
    chunks,
    replay_of,
    resizes_of,
    rows_of,
)
from vidrobust.stages.replays.names import (
    CONTROL,
    FILE,
    FREE,
    LOOK,
    NAME,
    RESIZES,
    SETTINGS,
    SHARED,
    VERSION,
)
from vidrobust.tables import schema as tables
from vidrobust.version import VERSION as PACKAGE

OVERLAPS = (0.3, 0.5, 0.7)
NEAR = 0.05  # an overlap so near to the detector's own is not tried
SIGMA = 0.5  # Of soft suppression (Bodla et al. 2017, section 5).
FUSED = 0.55  # Least overlap of boxes that are fused (Solovyev et al. 2021).
ACROSS, SOFT, FUSION = "nms-across-classes", "soft-nms", "weighted-fusion"
NAMES = (*(f"nms-{overlap:g}" for overlap in OVERLAPS), ACROSS, SOFT, FUSION)

CandidateChange = Callable[[Candidates], Candidates]


@dataclass(frozen=True)
class RemedyAnswers:
    """What one remedy gave on one input."""

    # As ``rows_of``; None where it cannot be made, or where nothing was to be done
    rows: pd.DataFrame | None
    note: str  # What was done, or why not
    seconds: float = 0.0  # Of work, a frame
    same: bool = False  # There was nothing to do: the model's own answers hold


# (an input, a model) -> what is said of each remedy that it tries.
ReplayArm = Callable[[InputShown, Model], Mapping[str, RemedyAnswers]]


def from_candidates(shown: InputShown, model: Model) -> Mapping[str, RemedyAnswers]:
    """Return what each way shows of an input; the network is asked once."""
    why = _why_not(model)
    if why:
        return dict.fromkeys(NAMES, RemedyAnswers(None, f"not possible: {why}"))
    assert isinstance(model, NetworkDetector), "it would have been said"
    network, ways = model.network, _ways(model.network)
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in ways}
    spent, at = dict.fromkeys(("", *ways), 0.0), 0
    for pixels in chunks(shown.frames()):
        number = shown.number[at : at + len(pixels)]
        at += len(pixels)
        fit = network.preprocess.fit(int(pixels.shape[-2]), int(pixels.shape[-1]))
        raw = _raw(network, pixels, shown.run.settings.batch_size)
        for name, (change, how) in {"": (_as_it_is, network.suppression), **ways}.items():
            begin = time.perf_counter()
            found = to_frames([change(one) for one in raw], fit, how, model.class_names)
            spent[name] += time.perf_counter() - begin
            if name:
                rows[name].append(rows_of(shown.looked_at(found, pixels), number))
    note = f"in place of suppression at an overlap of {network.suppression.nms:g}"
    notes = {FUSION: f"{note}; the place of each box is fused, its score is that of the best"}
    more = {name: max(spent[name] - spent[""], 0.0) / max(len(shown.number), 1) for name in ways}
    return {
        name: RemedyAnswers(
            pd.concat(rows[name], ignore_index=True), notes.get(name, note), more[name]
        )
        for name in NAMES
        if name in ways
    }


def _why_not(model: Model) -> str:
    if not isinstance(model, NetworkDetector):
        return "the detector gives boxes alone, and suppresses duplicates itself"
    network = model.network
    if network.suppression.nms is None:
        head = HEADS[network.head]
        return (
            "this network has no duplicates to suppress, or suppresses them itself"
            if head.nms is None
            else "no suppression is asked for in its sidecar"
        )
    return (
        "its boxes are turned or have masks" if network.head in ("yolov8-seg", "yolov8-obb") else ""
    )


def _raw(network: DetectionNetwork, pixels: torch.Tensor, size: int | str) -> list[Candidates]:
    size = size if isinstance(size, int) else len(pixels)
    return [one for part in torch.split(pixels, size) for one in candidates(network, part)]


def _as_it_is(found: Candidates) -> Candidates:
    return found


def _ways(network: DetectionNetwork) -> dict[str, tuple[CandidateChange, Suppression]]:
    own = network.suppression
    assert own.nms is not None, "it would have been said"
    found: dict[str, tuple[CandidateChange, Suppression]] = {
        f"nms-{overlap:g}": (_as_it_is, dataclasses.replace(own, nms=overlap))
        for overlap in OVERLAPS
        if abs(overlap - own.nms) > NEAR
    }
    if not own.across_classes and len(network.class_names or ()) != 1:
        found[ACROSS] = (_as_it_is, dataclasses.replace(own, across_classes=True))
    every = dataclasses.replace(own, nms=None)
    found[SOFT] = (lambda raw: softened(raw, own.min_score), every)
    found[FUSION] = (lambda raw: fused(raw, own.min_score), every)
    return found


def softened(found: Candidates, least: float) -> Candidates:
    """Apply soft suppression: overlapped scores of a class shrink by exp(-IoU^2 / sigma).

    Bodla, Singh, Chellappa & Davis, "Soft-NMS", ICCV 2017, equation 3.
    """
    scores, classes = found.scores.copy(), _classes(found, least)
    for rows in classes:
        overlap = _iou(found.boxes[rows], found.boxes[rows])
        now, open_ = scores[rows].copy(), np.full(len(rows), True)
        while open_.any():
            best = int(np.where(open_, now, -1).argmax())
            if now[best] < least:
                break
            open_[best] = False
            now[open_] *= np.exp(-np.square(overlap[best, open_]) / SIGMA)
        scores[rows] = now
    kept = np.sort(np.concatenate([*classes, np.empty(0, np.int64)])).astype(np.int64)
    return dataclasses.replace(
        found, boxes=found.boxes[kept], scores=scores[kept], labels=found.labels[kept]
    )


def fused(found: Candidates, least: float) -> Candidates:
    """Fuse boxes: each box, best first, joins the cluster of its class that it overlaps most, or begins one.

    A cluster's box is the mean by scores; its score is its best one, so that a threshold keeps its meaning.
    Solovyev, Wang & Gabruseva, Image and Vision Computing 107 (2021), section 3.
    """
    boxes, scores, labels = [], [], []
    for rows in _classes(found, least):
        means, weights, tops = np.empty((0, 4)), np.empty(0), np.empty(0)
        for row in rows[np.argsort(-found.scores[rows], kind="stable")].tolist():
            box, score = found.boxes[row], found.scores[row]
            overlap = _iou(box[None], means)[0] if len(means) else np.empty(0)
            if len(overlap) and overlap.max() > FUSED:
                at = int(overlap.argmax())
                means[at] = (means[at] * weights[at] + box * score) / (weights[at] + score)
                weights[at] += score
            else:
                means = np.concatenate([means, box[None]])
                weights, tops = np.append(weights, score), np.append(tops, score)
        boxes.append(means)
        scores.append(tops)
        labels.append(np.full(len(tops), found.labels[rows[0]]))
    return dataclasses.replace(
        found,
        boxes=np.concatenate([*boxes, np.empty((0, 4))]),
        scores=np.concatenate([*scores, np.empty(0)]),
        labels=np.concatenate([*labels, np.empty(0, np.int64)]).astype(np.int64),
    )


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from torchvision.ops import box_iou  # its import takes as long as that of torch

    overlap: np.ndarray = box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    return overlap


def _classes(found: Candidates, least: float) -> list[np.ndarray]:
    # (M,) bool: whole boxes of the least score, at most ten times as many as may be shown
    good = (found.scores >= least) & np.isfinite(found.boxes).all(axis=1)
    if good.sum() > 10 * MAX_BOXES:
        good &= found.scores >= np.sort(found.scores[good])[-10 * MAX_BOXES]
    rows = np.flatnonzero(good)
    return [rows[found.labels[rows] == label] for label in np.unique(found.labels[rows])]


LOOKS = 4  # changed copies of each frame that look-again takes the mean over


def _replayed(name: str) -> ReplayArm:
    def arm(shown: InputShown, model: Model) -> Mapping[str, RemedyAnswers]:
        resized = name in RESIZES
        replay = resizes_of(shown.frames, model)[name] if resized else replay_of(name, shown)
        return {name: _to_replay(shown, model, name, replay)}

    return arm


def _to_replay(shown: InputShown, model: Model, name: str, replay: FootageReplay) -> RemedyAnswers:
    if replay.frames is None or replay.same:
        return RemedyAnswers(None, replay.note, same=replay.same)
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
    return RemedyAnswers(
        rows, replay.note, 0.0 if name in FREE else seconds / max(len(shown.number), 1)
    )


def looks_of(run: OpenRun) -> list[tuple[str, float]]:
    """Return perturbations and strengths of the looks: the policy's, or a small shift."""
    steps = (
        run.folder.read_json("policy.json")["steps"] if (run.path / "policy.json").is_file() else []
    )
    found = [(str(s["perturbation"]), float(max(abs(s["low"]), abs(s["high"])))) for s in steps]
    return found or [("translation", float(find("translation").strengths[0]))]


def look_again(shown: InputShown, model: Model) -> Mapping[str, RemedyAnswers]:
    """Take the mean answer over a frame and changed copies of it, and the answer to the first copy alone."""
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
        f"look-again-{LOOKS}": RemedyAnswers(
            pd.concat(means, ignore_index=True), note, each * LOOKS
        ),
        LOOK: RemedyAnswers(pd.concat(ones, ignore_index=True), note, each),
    }


def _classified(shown: InputShown, model: Model, pixels: torch.Tensor) -> Classifications:
    found = shown.asked(model, pixels)
    assert isinstance(found, Classifications), "copies are shown to classifiers alone"
    return found


def arms_of(run: OpenRun, model: Model) -> dict[str, ReplayArm]:
    """Return all arms of a model by name, in the order in which they are tried."""
    found = {name: _replayed(name) for name in (*SHARED, CONTROL)}
    if is_detector(model):
        return {**found, "candidates": from_candidates}
    return {
        **found,
        **{name: _replayed(name) for name in RESIZES},
        f"look-again-{LOOKS}": look_again,
    }


# The stage: arms of all models on all inputs

TABLES = {"classification": "replayed_answers", "detection": "replayed_boxes"}


@dataclass(frozen=True)
class CacheOwner:
    """What the cache needs to know of an arm on an input: one table."""

    unit_tables: tuple[str, ...]
    name: str = NAME


def replay_all(run: OpenRun, only: Collection[str] = ()) -> None:
    """Write ``replayed_answers``, ``replayed_boxes`` and replays.json, of all arms or ``only`` some."""
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES.values()}
    about: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    able = (model for model in run.models if needs_pixels(model) and model.task in TABLES)
    models = [(model, arms_of(run, model)) for model in able]
    every = dict.fromkeys(name for _, arms in models for name in arms)
    names = [name for name in every if not only or name in (*only, CONTROL)]
    for item in run.inputs.readable:
        shown = InputShown.of(run, item) if models else None
        if shown is None:
            continue
        for name, (model, arms) in product(names, models):
            if name in arms:
                rows, facts = _unit(shown, model, name, arms[name])
                found[TABLES[model.task]].append(rows)
                for remedy, fact in facts.items():
                    about.setdefault((model.name, remedy), []).append((item.name, fact))
    for name, parts in found.items():
        filled = [part for part in parts if len(part)]
        run.folder.write_table(
            name, pd.concat(filled, ignore_index=True) if filled else tables.empty(name)
        )
    run.folder.write_json(
        FILE, {"arms": [_about(*key, facts) for key, facts in sorted(about.items())]}
    )


def _unit(
    shown: InputShown, model: Model, name: str, arm: ReplayArm
) -> tuple[pd.DataFrame, dict[str, Any]]:
    run, table = shown.run, TABLES[model.task]
    kept = CacheOwner((table,))
    key = key_of(
        {
            "version": VERSION,
            "package": PACKAGE,
            "arm": name,
            "content": run.inputs.content[shown.item.name],
            "decoder": decoder_of(
                shown.item.path, run.settings.backend, run.settings.device, run.settings.color
            ),
            "model": model_key(model),
            "classes": list(model.class_names),
            "settings": run.settings.subset(SETTINGS),
            "extra": [looks_of(run), run.settings.seed] if name.startswith("look-again") else None,
        }
    )
    if not run.cache.has(kept, key):
        run.reporter.say(f"replays, {shown.item.name}: {name}, {model.name}")
        said = arm(shown, model)
        there = {n: s.rows for n, s in said.items() if s.rows is not None and len(s.rows)}
        own = {"item": shown.item.name, "model": model.name}
        parts = [each.assign(**own, remedy=remedy) for remedy, each in there.items()]
        rows = pd.concat(parts, ignore_index=True) if parts else tables.empty(table)
        run.cache.write(
            kept, key, {table: rows}, {"remedies": {n: _fact(s) for n, s in said.items()}}
        )
    facts: dict[str, Any] = run.cache.facts(kept, key)["remedies"]
    return run.cache.read(kept, key, table, shown.item.name).assign(model=model.name), facts


def _fact(said: RemedyAnswers) -> dict[str, Any]:
    shown = said.rows is not None
    return {"note": said.note, "seconds": said.seconds, "same": said.same, "shown": shown}


def _about(
    model: str, remedy: str, facts: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    seconds = [fact["seconds"] for _, fact in facts if fact["shown"]]
    return {
        "model": model,
        "remedy": remedy,
        "cost_ms": 1000.0 * float(np.median(seconds)) if seconds else 0.0,
        "note": _joined([fact for _, fact in facts]),
        "shown": [item for item, fact in facts if fact["shown"]],
        "same": sum(bool(fact["same"]) for _, fact in facts),
    }


def _joined(facts: Sequence[Mapping[str, Any]]) -> str:
    """What was done, what needed nothing and what could not be done: a note of each, and of how many inputs."""
    groups: dict[tuple[bool, bool], list[str]] = {}
    for fact in facts:
        groups.setdefault((not fact["shown"], not fact["same"]), []).append(str(fact["note"]))
    notes = []
    for _, same in sorted(groups.items()):
        others = len(set(same)) - 1
        where = f"in {len(same)} of {len(facts)} inputs: " if len(groups) > 1 else ""
        notes.append(f"{where}{same[0]}{f'; and {others} more such' if others else ''}")
    return "; ".join(notes)
