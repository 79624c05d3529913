"""From tables and footage of one run or two: the samples to train with, and the bench that judges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.asked import TRAINING_BYTES, Asked
from vidrobust.plugins.finetune.families import Condition
from vidrobust.plugins.finetune.judge import Bench, neighbours
from vidrobust.plugins.finetune.samples import Samples
from vidrobust.plugins.finetune.shown import shown_under
from vidrobust.plugins.finetune.split import Split, check_sizes, even, in_runs, split, split_from_other
from vidrobust.plugins.finetune.trainable import Trainable
from vidrobust.stages.remedies.answers import Answers, answers_of
from vidrobust.stages.remedies.truth import right_classes

# What each training frame's answer should be: labels, or the model's own confident answers about that time.

# Answers within half of this before and after a frame are averaged, within one part's item all of them.
WINDOW_S = 1.0


def self_labels(answers: Answers, classes: int, *, whole: bool) -> np.ndarray:
    """Return (N, K) float32: of each frame the mean answer over the confident frames about it.

    Confident frames have a leading probability of at least the median of their stretch: half a second on
    either side,
    or with ``whole`` all between two cuts.
    """
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
    """(N, K) float32, the right classes in equal shares; a row of zeros where they are not known."""
    rows = np.zeros((len(right), classes), np.float32)
    for row, sets in enumerate(right):
        if sets:
            rows[row, sorted(sets)] = 1.0 / len(sets)
    return rows


# Frames of an input that are asked for at once, and bytes up to which more are: each asking decodes anew from
# the key frame before, of which there may be one in hundreds of frames.
FEWEST, CHUNK_BYTES = 16, 2**28


@dataclass(frozen=True)
class Seen:
    """The footage of one run as the network answers it."""

    run: OpenRun
    frames: pd.DataFrame
    begins: np.ndarray
    kinds: Mapping[str, str]
    known: np.ndarray

    @property
    def parts(self) -> dict[str, str]:
        """item -> part, of the items whose part is known."""
        rows = self.frames.drop_duplicates("item")
        return {str(i): str(p) for i, p in zip(rows["item"], rows["part"], strict=True) if p}

    @property
    def content(self) -> dict[str, str]:
        """item -> what its decoded pictures are."""
        return self.run.inputs.content


@dataclass(frozen=True)
class SeenClasses(Seen):
    """The footage of one run, as a classifier answers it.

    right  of each frame its right classes; empty where not known
    own    (N, K) the network's answers over time
    """

    right: Sequence[frozenset[int]]
    own: np.ndarray


FootageT = TypeVar("FootageT", bound=Seen)


@dataclass(frozen=True)
class Chosen(Generic[FootageT]):
    """Which frames train, judge and are shown under conditions, before any is decoded."""

    trains: FootageT
    judges: FootageT
    by_labels: bool
    split: Split
    training: np.ndarray
    judging: np.ndarray
    shown: np.ndarray


def seen_of(run: OpenRun, model: str, classes: Sequence[str]) -> SeenClasses:
    """From the tables of the stage stability."""
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
    return SeenClasses(
        run=run,
        frames=frames,
        begins=np.concatenate([a.reason.astype(str) != "" for a in answers]),
        known=np.array([bool(each) for each in right], bool),
        right=right,
        own=np.concatenate([self_labels(a, len(classes), whole=bool(parts.get(a.item))) for a in answers]),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
    )


def choose(
    judges: FootageT, trains: FootageT | None, model: str, asked: Asked, neighbours: int, *, whole: bool
) -> Chosen[FootageT]:
    """Choose which frames train and which judge; without ``trains`` the footage is split.

    SettingsError where labels are asked for that do not fit.
    """
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
    return Chosen(trains, judges, by_labels, sides, training, held, even(held, shown))


def _fitting(run: OpenRun, most: int) -> int:
    """Frames of the largest input that memory is given for."""
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def samples_of(network: Trainable, chosen: Chosen[SeenClasses]) -> Samples:
    """The frames to train with, decoded, and their targets."""
    frames = [frame for _, frame in decoded(chosen.trains, chosen.training)]
    own = torch.from_numpy(chosen.trains.own[chosen.training])
    targets = own
    if chosen.by_labels:
        right = [chosen.trains.right[int(row)] for row in chosen.training]
        targets = torch.from_numpy(of_labels(right, len(network.class_names)))
    return Samples(network, frames, torch.cat([network.cut(frame) for frame in frames]), targets, own)


def bench_of(network: Trainable, chosen: Chosen[SeenClasses], conditions: tuple[Condition, ...]) -> Bench:
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
    return Bench(
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


def decoded(seen: Seen, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
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
