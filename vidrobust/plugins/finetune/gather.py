"""Frames that train, validate and judge, samples and benches, from the tables and footage of one run or two."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.judge import ClassBench, neighbours
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.request import AdaptRequest
from vidrobust.plugins.finetune.train import ClassSamples, LineFrames, consensus
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.truth import right_classes

By = Literal["part", "input", "time"]
TRAINING_BYTES = 1.5 * 2**30  # of frames that are trained with, as the footage has them
# Share of an input that trains where earlier footage trains and later footage judges, and the gap between, s.
TRAINING, GAP_S = 0.6, 1.0
FEWEST_FRAMES = 8  # Frames of either side without which nothing is begun
# One in so many parts of what trains validates instead, and of pictures at rest one judges; of footage that
# trains without labels one in two validates.
VALIDATING, HALF = 4, 2


@dataclass(frozen=True)
class Split:
    """Rows that train (N,) and that judge (M,), bool; and what does not occur on both sides."""

    by: By
    training: np.ndarray
    judging: np.ndarray


def split(
    frames: pd.DataFrame, parts: Mapping[str, str], kinds: Mapping[str, str], seed: int
) -> Split:
    """Split by parts where two or more are known, else inputs, else earlier and later time."""
    items = list(dict.fromkeys(frames["item"].astype(str)))
    by: By = "part" if len({parts.get(i) or i for i in items}) < len(items) or parts else "input"
    unit = {item: parts.get(item) or item for item in items}
    if len(set(unit.values())) < 2:
        return _by_time(frames)
    on = _rows(frames, unit, _every(2, unit, kinds, seed))
    return Split(by, on, ~on)


# Frames (item), item -> part where known, item -> what its decoded pictures are.
Side = tuple[pd.DataFrame, Mapping[str, str], Mapping[str, str]]


def apart(trains: Side, judges: Side, judging: np.ndarray) -> np.ndarray:
    """Rows (N,) bool of other footage that show no part and no pictures that judge."""
    shown = set(judges[0]["item"].astype(str)[judging])
    met = [of_judges.get(item, item) for of_judges in judges[1:] for item in shown]
    on = np.ones(len(trains[0]), bool)
    for of_trains in trains[1:]:
        on &= (
            ~trains[0]["item"]
            .astype(str)
            .map(lambda item, of=of_trains: of.get(item, ""))
            .isin(met)
            .to_numpy()
        )
    if not on.any():
        raise SettingsError(
            "--on: holds only footage that judges already; give other footage than that of the run"
        )
    return on


def held_out(of: AnsweredFootage, rows: np.ndarray, step: int, seed: int) -> np.ndarray:
    """Which rows (N,) are held out: every so many parts or inputs; of few, the end of each."""
    items = of.frames["item"].astype(str).iloc[rows]
    unit = {item: of.parts.get(item) or item for item in dict.fromkeys(items)}
    if len(set(unit.values())) >= step:
        return items.map(unit).isin(_every(step, unit, of.kinds, seed)).to_numpy(bool)
    place = items.groupby(items, sort=False)
    last: np.ndarray = (place.cumcount() >= (1 - 1 / step) * place.transform("size")).to_numpy(bool)
    return last


def _every(step: int, unit: Mapping[str, str], kinds: Mapping[str, str], seed: int) -> set[str]:
    """Every so many units (item -> unit), of all kinds."""
    kind = {unit[item]: kinds.get(item, "") for item in reversed(list(unit))}
    draws = np.random.default_rng(seed)
    return set(
        sorted(dict.fromkeys(unit.values()), key=lambda u: (kind[u], draws.random()))[::step]
    )


def _rows(frames: pd.DataFrame, unit: Mapping[str, str], wanted: Set[str]) -> np.ndarray:
    chosen: np.ndarray = frames["item"].astype(str).map(unit).isin(wanted).to_numpy(bool)
    return chosen


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
    """At most ``most`` rows, evenly spread."""
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
    for what, rows in (("train with", training), ("test with", judging)):
        if len(rows) < FEWEST_FRAMES:
            raise InputError(
                f"adapt: {len(rows)} frames to {what}, and {FEWEST_FRAMES} are needed; give longer footage or "
                "more clips"
            )


def dense(leading: Sequence[dict[int, float]], classes: int) -> np.ndarray:
    """(N, K) float64 of class -> probability."""
    rows = np.zeros((len(leading), classes))
    for row, of_class in enumerate(leading):
        rows[row, list(of_class)] = list(of_class.values())
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
LEAST_CHUNK, CHUNK_BYTES = 16, 2**28


@dataclass(frozen=True)
class AnsweredFootage:
    """The footage of one run as the network answers it; ``stretch`` (N,) has no cut."""

    run: OpenRun
    frames: pd.DataFrame
    begins: np.ndarray
    kinds: Mapping[str, str]
    known: np.ndarray
    stretch: np.ndarray

    @property
    def parts(self) -> dict[str, str]:
        rows = self.frames.drop_duplicates("item")
        return {str(i): str(p) for i, p in zip(rows["item"], rows["part"], strict=True) if p}

    @property
    def content(self) -> dict[str, str]:
        """item -> what its decoded pictures are."""
        return self.run.inputs.content

    @property
    def line(self) -> LineFrames:
        return LineFrames(
            stretch=self.stretch,
            time_s=self.frames["time_s"].to_numpy(np.float64),
            whole=(self.frames["part"] != "").to_numpy(bool),
        )


@dataclass(frozen=True)
class ClassFootage(AnsweredFootage):
    """The footage of one run with its right classes and the classifier's consensus (N, K) over time."""

    right: Sequence[frozenset[int]]
    own: np.ndarray


FootageT = TypeVar("FootageT", bound=AnsweredFootage)


@dataclass(frozen=True, kw_only=True)
class FrameSelection(Generic[FootageT]):
    """Rows of ``trains`` (training, rest, rest_judging) and of ``judges`` (line, validating, judging).

    ``line`` may train without labels; ``validating`` and ``rest`` choose recipe and weights. Without other footage
    that trains, ``rest`` and ``validating`` are the same and nothing judges at rest.
    """

    trains: FootageT
    judges: FootageT
    by_labels: bool
    by: By
    training: np.ndarray
    line: np.ndarray
    validating: np.ndarray
    rest: np.ndarray
    rest_judging: np.ndarray
    judging: np.ndarray


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
    seen = ClassFootage(
        run=run,
        frames=frames,
        begins=np.concatenate([a.reason.astype(str) != "" for a in answers]),
        known=np.array([bool(truth) for truth in right], bool),
        stretch=np.concatenate(
            [a.begins | (np.arange(len(a.frame)) == 0) for a in answers]
        ).cumsum(),
        right=right,
        own=np.empty(0),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
    )
    rows = np.concatenate([dense(a.leading, len(classes)) for a in answers])
    return replace(seen, own=consensus(rows, seen.line))


def select(
    judges: FootageT, trains: FootageT | None, model: str, asked: AdaptRequest, run_length: int
) -> FrameSelection[FootageT]:
    """Select which frames train, validate and judge, in runs of so many neighbours."""
    sides = split(judges.frames, judges.parts, judges.kinds, asked.seed)
    other, on, none = trains is not None, sides.training, np.empty(0, np.int64)
    if trains is None:
        trains = judges
    else:
        on = apart(
            (trains.frames, trains.parts, trains.content),
            (judges.frames, judges.parts, judges.content),
            sides.judging,
        )
    known = trains.known
    by_labels = asked.targets == "labels" or (asked.targets == "auto" and bool(known.mean() >= 0.5))
    if by_labels and not known.any():
        raise SettingsError(
            f"--targets labels: none of the run's labels is a class of {model}; leave it out, and the model "
            "learns its own answers over time"
        )

    def parted(of: FootageT, rows: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        held = held_out(of, rows, step, asked.seed)
        return rows[~held], rows[held]

    def some(of: FootageT, rows: np.ndarray, most: int) -> np.ndarray:
        return in_runs(of.frames, rows, min(_fitting(of.run, most), most), run_length)

    training, rest = parted(trains, np.flatnonzero(on & (known if by_labels else True)), VALIDATING)
    line, validating, rest_judging = none, rest, none
    if other:
        rest, rest_judging = parted(trains, rest, HALF)
        line, validating = parted(judges, np.flatnonzero(sides.training), HALF)
    most, judging = asked.limits
    training = even(training, _fitting(trains.run, most))
    held = some(judges, np.flatnonzero(sides.judging), judging)
    check_sizes(training.tolist(), held.tolist())
    validating = some(judges, validating, judging // 2)
    return FrameSelection(
        trains=trains,
        judges=judges,
        by_labels=by_labels,
        by=sides.by,
        training=training,
        line=some(judges, line, most),
        validating=validating,
        rest=some(trains, rest, judging // 3) if other else validating,
        rest_judging=some(trains, rest_judging, judging // 3),
        judging=held,
    )


def _fitting(run: OpenRun, most: int) -> int:
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def samples_of(network: TrainableClassifier, chosen: FrameSelection[ClassFootage]) -> ClassSamples:
    """The frames to train with and their targets."""
    trains, rows = chosen.trains, chosen.training
    frames = [frame for _, frame in decoded(trains, rows)]
    right = of_labels([trains.right[int(row)] for row in rows], len(network.class_names))
    targets = right if chosen.by_labels else trains.own[rows]
    return ClassSamples(
        network=network,
        frames=frames,
        cut=torch.cat([network.cut(frame) for frame in frames]),
        targets=torch.from_numpy(np.asarray(targets, np.float32)),
        pools=(np.arange(len(frames)),),
        after=_after(trains.stretch[rows]),
    )


def _after(stretch: np.ndarray) -> np.ndarray:
    after = np.arange(len(stretch))
    same = np.flatnonzero(stretch[1:] == stretch[:-1])
    after[same] = same + 1
    return after


def with_footage(samples: ClassSamples, chosen: FrameSelection[ClassFootage]) -> ClassSamples:
    """The samples and unlabelled footage."""
    network, judges, rows = samples.network, chosen.judges, chosen.line
    frames = [frame for _, frame in decoded(judges, rows)]
    first, cut = len(samples.frames), torch.cat([network.cut(frame) for frame in frames])
    return dataclasses.replace(
        samples,
        frames=[*samples.frames, *frames],
        cut=torch.cat([samples.cut, cut]),
        targets=torch.cat([samples.targets, torch.from_numpy(judges.own[rows])]),
        pools=(*samples.pools, first + np.arange(len(rows))),
        after=np.concatenate([samples.after, first + _after(judges.stretch[rows])]),
    )


def bench_of(network: TrainableClassifier, seen: ClassFootage, rows: np.ndarray) -> ClassBench:
    """The rows of some footage on which networks are measured."""
    frames = seen.frames.iloc[rows].reset_index(drop=True)
    return ClassBench(
        network=network,
        frames=frames,
        pictures=torch.cat([network.cut(frame) for _, frame in decoded(seen, rows)]),
        pairs=neighbours(frames, seen.begins[rows]),
        line=seen.line.take(rows),
        right=[seen.right[int(row)] for row in rows],
    )


def decoded(seen: AnsweredFootage, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    """Row and (1, 3, H, W) uint8 of each, in order."""
    items = seen.frames["item"].to_numpy(object)[rows]
    sizes = seen.run.folder.record.sizes
    for item in dict.fromkeys(items.tolist()):
        mine = rows[items == item]
        height, width = sizes[str(item)]
        chunk = max(LEAST_CHUNK, CHUNK_BYTES // (3 * height * width))
        with seen.run.opened(str(item)) as source:
            for start in range(0, len(mine), chunk):
                part = mine[start : start + chunk]
                pixels = source.at(seen.frames["frame"].to_numpy(np.int64)[part].tolist()).pixels
                for row, frame in zip(part.tolist(), pixels, strict=True):
                    yield row, frame[None].cpu().contiguous()
