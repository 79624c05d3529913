"""Frames that train and judge, samples and bench, from the tables and footage of one run or two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.arms import TRAINING_BYTES, AdaptRequest
from vidrobust.plugins.finetune.judge import ClassBench, neighbours
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.steps import Condition, shown_under
from vidrobust.plugins.finetune.train import ClassSamples
from vidrobust.stages.remedies.answers import ItemAnswers, answers_of
from vidrobust.stages.remedies.truth import right_classes

By = Literal["part", "input", "time", "footage"]
# Share of an input that trains where earlier footage trains and later footage judges, and the gap between, s.
TRAINING, GAP_S = 0.6, 1.0
# Frames of either side without which nothing is begun.
FEWEST_FRAMES = 8


@dataclass(frozen=True)
class Split:
    """Rows that train (N,) and that judge (M,), bool; and what does not occur on both sides."""

    by: By
    training: np.ndarray
    judging: np.ndarray


def split(frames: pd.DataFrame, parts: Mapping[str, str], kinds: Mapping[str, str], seed: int) -> Split:
    """Split by parts where two or more are known, else inputs, else earlier and later time."""
    items = list(dict.fromkeys(frames["item"].astype(str)))
    by: By = "part" if len({parts.get(i) or i for i in items}) < len(items) or parts else "input"
    unit = {item: parts.get(item) or item for item in items} if by == "part" else {i: i for i in items}
    units = list(dict.fromkeys(unit.values()))
    if len(units) < 2:
        return _by_time(frames)
    kind = {unit[item]: kinds.get(item, "") for item in reversed(items)}
    on = _rows(frames, unit, _half(units, kind, seed))
    return Split(by, on, ~on)


# Frames (item), item -> part where known, item -> what its decoded pictures are.
Side = tuple[pd.DataFrame, Mapping[str, str], Mapping[str, str]]


def split_from_other(trains: Side, judges: Side, kinds: Mapping[str, str], seed: int) -> Split:
    """Train on one footage and judge on another."""
    units = [_units(side) for side in (trains, judges)]
    shared = [u for u in dict.fromkeys(units[1].values()) if u in set(units[0].values())]
    kind = {units[1][item]: kinds.get(item, "") for item in reversed(units[1])}
    half = _half(shared, kind, seed) if len(shared) > 1 else set()
    on = ~_rows(trains[0], units[0], set(shared) - half)
    judging = ~_rows(judges[0], units[1], half)
    judged = {judges[2].get(item, item) for item in judges[0]["item"].astype(str)[judging]}
    on &= ~trains[0]["item"].astype(str).map(lambda item: trains[2].get(item, "")).isin(judged).to_numpy(bool)
    if not on.any():
        raise SettingsError(
            "--on: holds only footage that judges already; give other footage than that of the run"
        )
    return Split("part" if shared else "footage", on, judging)


def _units(side: Side) -> dict[str, str]:
    frames, parts, content = side
    items = dict.fromkeys(frames["item"].astype(str))
    return {item: parts.get(item) or content.get(item, item) for item in items}


def _half(units: Sequence[str], kind: Mapping[str, str], seed: int) -> set[str]:
    draws = np.random.default_rng(seed)
    return set(sorted(units, key=lambda u: (kind[u], draws.random()))[::2])


def _rows(frames: pd.DataFrame, unit: Mapping[str, str], wanted: Set[str]) -> np.ndarray:
    found: np.ndarray = frames["item"].astype(str).map(unit).isin(wanted).to_numpy(bool)
    return found


def _by_time(frames: pd.DataFrame) -> Split:
    training, judging = (np.zeros(len(frames), bool) for _ in range(2))
    for rows in frames.groupby("item", sort=False).indices.values():
        time_s = frames["time_s"].to_numpy(np.float64)[rows]
        border = time_s.min() + TRAINING * (time_s.max() - time_s.min())
        gap = min(GAP_S, 0.1 * (time_s.max() - time_s.min()))
        training[rows] = time_s < border
        judging[rows] = time_s >= border + gap
    return Split("time", training, judging)


def even(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def in_runs(frames: pd.DataFrame, rows: np.ndarray, most: int, length: int) -> np.ndarray:
    """At most ``most`` rows in runs of ``length``, evenly over the inputs."""
    runs: list[np.ndarray] = []
    items = frames["item"].astype(str).to_numpy()[rows]
    for item in dict.fromkeys(items.tolist()):
        mine = rows[items == item]
        runs += [mine[at : at + length] for at in range(0, len(mine), length)]
    kept = even(np.arange(len(runs)), max(1, most * len(runs) // max(len(rows), 1)))
    return np.concatenate([runs[int(k)] for k in kept]) if runs else rows


def check_sizes(training: Sequence[int], judging: Sequence[int]) -> None:
    """InputError where a side has too few frames."""
    for what, rows in (("train with", training), ("test with", judging)):
        if len(rows) < FEWEST_FRAMES:
            raise InputError(
                f"adapt: {len(rows)} frames to {what}, and {FEWEST_FRAMES} are needed; give longer footage or "
                "more clips"
            )


# What each training frame's answer should be: labels, or the model's own confident answers about that time.

# ItemAnswers within half of this before and after a frame are averaged, within one part's item all of them.
WINDOW_S = 1.0


def self_labels(answers: ItemAnswers, classes: int, *, whole: bool) -> np.ndarray:
    """Return (N, K) float32: the mean answer over the confident frames about each frame."""
    rows = dense(answers.leading, classes)
    top = rows.max(axis=1)
    made = np.empty_like(rows)
    edges = [*np.flatnonzero(answers.begins | (np.arange(len(rows)) == 0)).tolist(), len(rows)]
    for start, stop in itertools.pairwise(edges):
        time_s = answers.time_s[start:stop]
        for row in range(start, stop):
            near = np.full(stop - start, True)
            if not whole:
                near = np.abs(time_s - answers.time_s[row]) <= WINDOW_S / 2
            here = start + np.flatnonzero(near)
            sure = here[top[here] >= np.median(top[here])]
            made[row] = rows[sure].mean(axis=0)
    total: np.ndarray = made / np.maximum(made.sum(axis=1, keepdims=True), 1e-12)
    return total.astype(np.float32)


def dense(leading: Sequence[dict[int, float]], classes: int) -> np.ndarray:
    """(N, K) float64 of class -> probability."""
    rows = np.zeros((len(leading), classes))
    for row, found in enumerate(leading):
        rows[row, list(found)] = list(found.values())
    return rows


def of_labels(right: Sequence[frozenset[int]], classes: int) -> np.ndarray:
    """(N, K) float32, the right classes in equal shares."""
    rows = np.zeros((len(right), classes), np.float32)
    for row, sets in enumerate(right):
        if sets:
            rows[row, sorted(sets)] = 1.0 / len(sets)
    return rows


# Frames of an input that are asked for at once, and bytes up to which more are: each asking decodes anew from
# the key frame before, of which there may be one in hundreds of frames.
FEWEST, CHUNK_BYTES = 16, 2**28


@dataclass(frozen=True)
class AnsweredFootage:
    """The footage of one run as the network answers it."""

    run: OpenRun
    frames: pd.DataFrame
    begins: np.ndarray
    kinds: Mapping[str, str]
    known: np.ndarray

    @property
    def parts(self) -> dict[str, str]:
        rows = self.frames.drop_duplicates("item")
        return {str(i): str(p) for i, p in zip(rows["item"], rows["part"], strict=True) if p}

    @property
    def content(self) -> dict[str, str]:
        """item -> what its decoded pictures are."""
        return self.run.inputs.content


@dataclass(frozen=True)
class ClassFootage(AnsweredFootage):
    """The footage of one run with its right classes and the classifier's answers (N, K) over time."""

    right: Sequence[frozenset[int]]
    own: np.ndarray


FootageT = TypeVar("FootageT", bound=AnsweredFootage)


@dataclass(frozen=True)
class FrameSelection(Generic[FootageT]):
    """Which frames train, judge and are shown under conditions, before any is decoded."""

    trains: FootageT
    judges: FootageT
    by_labels: bool
    split: Split
    training: np.ndarray
    judging: np.ndarray
    shown: np.ndarray


def seen_of(run: OpenRun, model: str, classes: Sequence[str]) -> ClassFootage:
    items = run.table("items")
    parts = {str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p}
    tables = [run.table(name) for name in ("frames", "probabilities")]
    mine = [table[table["model"] == model] for table in tables]
    answers = answers_of(mine[0], mine[1], run.table("transitions"), parts)
    if not answers:
        raise InputError(f"adapt: {model} answered no frame of {run.path}")
    frames = pd.concat(
        [
            pd.DataFrame(
                {
                    "item": a.item,
                    "part": parts.get(a.item, ""),
                    "frame": a.frame,
                    "place": np.arange(len(a.frame)),
                    "time_s": a.time_s,
                }
            )
            for a in answers
        ],
        ignore_index=True,
    )
    labels = run.table("labels")
    right = right_classes(frames, labels, classes) if len(labels) else [frozenset()] * len(frames)
    return ClassFootage(
        run=run,
        frames=frames,
        begins=np.concatenate([a.reason.astype(str) != "" for a in answers]),
        known=np.array([bool(each) for each in right], bool),
        right=right,
        own=np.concatenate([self_labels(a, len(classes), whole=bool(parts.get(a.item))) for a in answers]),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
    )


def choose(
    judges: FootageT,
    trains: FootageT | None,
    model: str,
    asked: AdaptRequest,
    neighbours: int,
    *,
    whole: bool,
) -> FrameSelection[FootageT]:
    """Choose which frames train and which judge."""
    if trains is None:
        trains, sides = judges, split(judges.frames, judges.parts, judges.kinds, asked.seed)
    else:
        sides = split_from_other(
            (trains.frames, trains.parts, trains.content),
            (judges.frames, judges.parts, judges.content),
            judges.kinds,
            asked.seed,
        )
    known = trains.known
    by_labels = asked.targets == "labels" or (asked.targets == "auto" and bool(known.mean() >= 0.5))
    if by_labels and not known.any():
        raise SettingsError(
            f"--targets labels: none of the run's labels is a class of {model}; leave it out, and the model "
            "learns its own answers over time"
        )
    most, judging, shown = asked.limits
    most = min(most, _fitting(trains.run, most))
    judging = _fitting(judges.run, judging) if whole else judging
    training = even(np.flatnonzero(sides.training & (known if by_labels else True)), most)
    held = in_runs(judges.frames, np.flatnonzero(sides.judging), judging, neighbours)
    check_sizes(training.tolist(), held.tolist())
    return FrameSelection(trains, judges, by_labels, sides, training, held, even(held, shown))


def _fitting(run: OpenRun, most: int) -> int:
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def samples_of(network: TrainableClassifier, chosen: FrameSelection[ClassFootage]) -> ClassSamples:
    frames = [frame for _, frame in decoded(chosen.trains, chosen.training)]
    own = torch.from_numpy(chosen.trains.own[chosen.training])
    targets = own
    if chosen.by_labels:
        right = [chosen.trains.right[int(row)] for row in chosen.training]
        targets = torch.from_numpy(of_labels(right, len(network.class_names)))
    return ClassSamples(network, frames, torch.cat([network.cut(frame) for frame in frames]), targets, own)


def bench_of(
    network: TrainableClassifier, chosen: FrameSelection[ClassFootage], conditions: tuple[Condition, ...]
) -> ClassBench:
    """The pictures that judge, as they are and under each condition."""
    judges, wanted, cut = chosen.judges, set(chosen.shown.tolist()), []
    changed: list[list[torch.Tensor]] = [[] for _ in conditions]
    reporter = judges.run.reporter
    with reporter.counting("adapt: pictures that judge", len(chosen.judging), "frames") as counter:
        for row, frame in decoded(judges, chosen.judging):
            cut.append(network.cut(frame))
            if row in wanted:
                at = judges.frames.iloc[row]
                content = judges.content.get(str(at["item"]), "")
                for made, condition in zip(changed, conditions, strict=True):
                    made.append(network.cut(shown_under(frame, condition, content, int(at["frame"]))))
            counter.advance()
    frames = judges.frames.iloc[chosen.judging].reset_index(drop=True)
    pairs, triples = neighbours(frames, judges.begins[chosen.judging])
    return ClassBench(
        network=network,
        frames=frames,
        footage=torch.cat(cut),
        pairs=pairs,
        triples=triples,
        right=[judges.right[int(row)] for row in chosen.judging],
        conditions=conditions,
        shown=np.flatnonzero(np.isin(chosen.judging, chosen.shown)),
        changed=[torch.cat(each) for each in changed],
    )


def decoded(seen: AnsweredFootage, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    """Row and (1, 3, H, W) uint8 of each, in order."""
    items = seen.frames["item"].to_numpy(object)[rows]
    sizes = seen.run.folder.record.sizes
    for item in dict.fromkeys(items.tolist()):
        mine = rows[items == item]
        height, width = sizes[str(item)]
        chunk = max(FEWEST, CHUNK_BYTES // (3 * height * width))
        with seen.run.opened(str(item)) as source:
            for start in range(0, len(mine), chunk):
                part = mine[start : start + chunk]
                pixels = source.at(seen.frames["frame"].to_numpy(np.int64)[part].tolist()).pixels
                for row, frame in zip(part.tolist(), pixels, strict=True):
                    yield row, frame[None].cpu().contiguous()
