"""Frames that train and judge, samples and bench, from the tables and footage of one run or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
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
from vidrobust.plugins.finetune.train import ClassSamples, LineFrames, consensus
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.truth import right_classes

By = Literal["part", "input", "time"]
# Share of an input that trains where earlier footage trains and later footage judges, and the gap between, s.
TRAINING, GAP_S = 0.6, 1.0
FEWEST_FRAMES = 8  # Frames of either side without which nothing is begun
VALIDATING = 4  # One in so many parts of what trains validates instead


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


def validating(
    frames: pd.DataFrame,
    rows: np.ndarray,
    parts: Mapping[str, str],
    kinds: Mapping[str, str],
    seed: int,
) -> np.ndarray:
    """Which rows (N,) validate: every fourth part or input; of few, the last quarter of each."""
    items = frames["item"].astype(str).iloc[rows]
    unit = {item: parts.get(item) or item for item in dict.fromkeys(items)}
    if len(set(unit.values())) >= VALIDATING:
        return items.map(unit).isin(_every(VALIDATING, unit, kinds, seed)).to_numpy(bool)
    place = items.groupby(items, sort=False)
    found: np.ndarray = (
        place.cumcount() >= (1 - 1 / VALIDATING) * place.transform("size")
    ).to_numpy(bool)
    return found


def _every(step: int, unit: Mapping[str, str], kinds: Mapping[str, str], seed: int) -> set[str]:
    """Every so many units (item -> unit), of all kinds."""
    kind = {unit[item]: kinds.get(item, "") for item in reversed(list(unit))}
    draws = np.random.default_rng(seed)
    return set(
        sorted(dict.fromkeys(unit.values()), key=lambda u: (kind[u], draws.random()))[::step]
    )


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
            rows=np.arange(len(self.frames)),
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
    """Rows of ``trains`` (``training``, ``calm``) and of ``judges`` (the others).

    ``line`` are learnt without labels, ``calm`` and ``steady`` choose the weights, ``shown`` judge under
    conditions too.
    """

    trains: FootageT
    judges: FootageT
    by_labels: bool
    by: By
    training: np.ndarray
    line: np.ndarray
    calm: np.ndarray
    steady: np.ndarray
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
    seen = ClassFootage(
        run=run,
        frames=frames,
        begins=np.concatenate([a.reason.astype(str) != "" for a in answers]),
        known=np.array([bool(each) for each in right], bool),
        stretch=np.concatenate(
            [a.begins | (np.arange(len(a.frame)) == 0) for a in answers]
        ).cumsum(),
        right=right,
        own=np.empty(0),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
    )
    rows = np.concatenate([dense(a.leading, len(classes)) for a in answers])
    return replace(seen, own=consensus(rows, seen.line))


def choose(
    judges: FootageT,
    trains: FootageT | None,
    model: str,
    asked: AdaptRequest,
    neighbours: int,
    *,
    whole: bool,
) -> FrameSelection[FootageT]:
    """Choose which frames train, validate and judge."""
    sides = split(judges.frames, judges.parts, judges.kinds, asked.seed)
    other, on = trains is not None, sides.training
    line = steady = np.empty(0, np.int64)
    most, judging, shown = asked.limits
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
    most = min(most, _fitting(trains.run, most), _fitting(judges.run, most))
    judging = _fitting(judges.run, judging) if whole else judging

    def part(of: FootageT, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        held = validating(of.frames, rows, of.parts, of.kinds, asked.seed)
        few = in_runs(of.frames, rows[held], max(judging // 3, FEWEST_FRAMES), neighbours)
        return rows[~held], few

    training, calm = part(trains, np.flatnonzero(on & (known if by_labels else True)))
    if other:
        line, steady = part(judges, np.flatnonzero(sides.training))
    elif not by_labels:
        line = training
    line = in_runs(judges.frames, line, most, neighbours) if whole else even(line, most)
    training = even(training, most) if other or by_labels else line
    held = in_runs(judges.frames, np.flatnonzero(sides.judging), judging, neighbours)
    check_sizes(training.tolist(), held.tolist())
    return FrameSelection(
        trains=trains,
        judges=judges,
        by_labels=by_labels,
        by=sides.by,
        training=training,
        line=line,
        calm=calm,
        steady=steady if other else calm,
        judging=held,
        shown=even(held, shown),
    )


def _fitting(run: OpenRun, most: int) -> int:
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def rows_of(
    chosen: FrameSelection[FootageT],
) -> tuple[list[torch.Tensor], np.ndarray, LineFrames | None]:
    """Frames to train with, rows of the first stage, and the unlabelled ones."""
    frames = [frame for _, frame in decoded(chosen.trains, chosen.training)]
    first, line = np.arange(len(frames)), None
    if len(chosen.line):
        own = chosen.line is chosen.training
        if not own:
            frames += [frame for _, frame in decoded(chosen.judges, chosen.line)]
        rows = np.arange(len(chosen.line)) + (0 if own else len(first))
        line = chosen.judges.line.take(chosen.line, rows)
    return frames, first, line


def samples_of(network: TrainableClassifier, chosen: FrameSelection[ClassFootage]) -> ClassSamples:
    frames, first, line = rows_of(chosen)
    classes = len(network.class_names)
    targets = torch.zeros(len(frames), classes)
    own = chosen.trains.own[chosen.training]
    right = [chosen.trains.right[int(row)] for row in chosen.training]
    targets[first] = torch.from_numpy(of_labels(right, classes) if chosen.by_labels else own)
    return ClassSamples(
        network,
        frames,
        torch.cat([network.cut(frame) for frame in frames]),
        targets,
        (first,),
        line,
    )


def bench_of(
    network: TrainableClassifier,
    judges: ClassFootage,
    rows: np.ndarray,
    shown: np.ndarray,
    conditions: tuple[Condition, ...],
) -> ClassBench:
    wanted, cut = set(shown.tolist()), []
    changed: list[list[torch.Tensor]] = [[] for _ in conditions]
    with judges.run.reporter.counting("adapt: pictures that judge", len(rows), "frames") as counter:
        for row, frame in decoded(judges, rows):
            cut.append(network.cut(frame))
            if row in wanted:
                at = judges.frames.iloc[row]
                content = judges.content.get(str(at["item"]), "")
                for made, condition in zip(changed, conditions, strict=True):
                    made.append(
                        network.cut(shown_under(frame, condition, content, int(at["frame"])))
                    )
            counter.advance()
    frames = judges.frames.iloc[rows].reset_index(drop=True)
    pairs, triples = neighbours(frames, judges.begins[rows])
    return ClassBench(
        network=network,
        frames=frames,
        footage=torch.cat(cut),
        pairs=pairs,
        triples=triples,
        right=[judges.right[int(row)] for row in rows],
        conditions=conditions,
        shown=np.flatnonzero(np.isin(rows, shown)),
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
