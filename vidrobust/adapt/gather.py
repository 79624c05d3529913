"""From a run's tables and footage: the samples to train with, and the bench that judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from vidrobust.adapt.asked import TRAINING_BYTES, Asked
from vidrobust.adapt.families import Condition
from vidrobust.adapt.judge import Bench, neighbours, shown_under
from vidrobust.adapt.split import Split, check_sizes, even, in_runs, split
from vidrobust.adapt.targets import of_labels, self_labels
from vidrobust.adapt.train import Samples
from vidrobust.adapt.trainable import Trainable
from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import Run
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.truth import right_classes

CHUNK = 16


@dataclass(frozen=True)
class Chosen:
    """Which frames of a run do what, before any is decoded.

    frames     item, part, frame, place (among those of its item), time_s
    begins     (N,) may not be compared with the frame before
    right      of each its right classes; empty where not known
    own        (N, K) the network's answers over time
    by_labels  labels are what is learnt
    training, judging, shown  rows
    """

    frames: pd.DataFrame
    begins: np.ndarray
    right: Sequence[frozenset[int]]
    own: np.ndarray
    by_labels: bool
    split: Split
    training: np.ndarray
    judging: np.ndarray
    shown: np.ndarray


def choose(run: Run, model: str, classes: Sequence[str], asked: Asked) -> Chosen:
    """From the tables of the stage stability; SettingsError where labels are asked for that do not fit."""
    items = run.table("items")
    parts = {str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p}
    tables = [run.table(name) for name in ("frames", "probabilities")]
    mine = [table[table["model"] == model] for table in tables]
    answers = answers_of(mine[0], mine[1], run.table("transitions"), parts)
    if not answers:
        raise InputError(f"adapt: {model} answered no frame of this run")
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
    labels = run.table_or_empty("labels")
    right = right_classes(frames, labels, classes) if len(labels) else [frozenset()] * len(frames)
    own = np.concatenate([self_labels(a, len(classes), whole=bool(parts.get(a.item))) for a in answers])
    known = np.array([bool(each) for each in right])
    by_labels = asked.targets == "labels" or (asked.targets == "auto" and bool(known.mean() >= 0.5))
    if by_labels and not known.any():
        raise SettingsError(
            f"--targets labels: none of the run's labels is a class of {model}; leave it out, and the model "
            "learns its own answers over time"
        )
    kinds = {str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)}
    sides = split(frames, parts, kinds, asked.seed)
    most, judging, shown = asked.limits
    most = min(most, _fitting(run, most))
    training = even(np.flatnonzero(sides.training & (known if by_labels else True)), most)
    held = in_runs(frames, np.flatnonzero(sides.judging), judging)
    check_sizes(training.tolist(), held.tolist())
    begins = np.concatenate([a.reason.astype(str) != "" for a in answers])
    return Chosen(frames, begins, right, own, by_labels, sides, training, held, even(held, shown))


def _fitting(run: Run, most: int) -> int:
    """Frames of the largest input that memory is given for."""
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def samples_of(run: Run, network: Trainable, chosen: Chosen) -> Samples:
    """The frames to train with, decoded, and their targets."""
    frames = [frame for _, frame in _decoded(run, chosen, chosen.training)]
    own = torch.from_numpy(chosen.own[chosen.training])
    targets = own
    if chosen.by_labels:
        right = [chosen.right[int(row)] for row in chosen.training]
        targets = torch.from_numpy(of_labels(right, len(network.class_names)))
    return Samples(frames, torch.cat([network.cut(frame) for frame in frames]), targets, own)


def bench_of(run: Run, network: Trainable, chosen: Chosen, conditions: tuple[Condition, ...]) -> Bench:
    """The pictures that judge, as they are and under each condition."""
    wanted, cut = set(chosen.shown.tolist()), []
    changed: list[list[torch.Tensor]] = [[] for _ in conditions]
    with run.reporter.counting("adapt: pictures that judge", len(chosen.judging), "frames") as counter:
        for row, frame in _decoded(run, chosen, chosen.judging):
            cut.append(network.cut(frame))
            if row in wanted:
                at = chosen.frames.iloc[row]
                content = run.inputs.content.get(str(at["item"]), "")
                for made, condition in zip(changed, conditions, strict=True):
                    made.append(shown_under(network, frame, condition, content, int(at["frame"])))
            counter.advance()
    frames = chosen.frames.iloc[chosen.judging].reset_index(drop=True)
    pairs, triples = neighbours(frames, chosen.begins[chosen.judging])
    return Bench(
        frames=frames,
        footage=torch.cat(cut),
        pairs=pairs,
        triples=triples,
        right=[chosen.right[int(row)] for row in chosen.judging],
        conditions=conditions,
        shown=np.flatnonzero(np.isin(chosen.judging, chosen.shown)),
        changed=[torch.cat(each) for each in changed],
    )


def _decoded(run: Run, chosen: Chosen, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    """Row and (1, 3, H, W) uint8 of each, in order."""
    items = chosen.frames["item"].to_numpy(object)[rows]
    for item in dict.fromkeys(items.tolist()):
        mine = rows[items == item]
        with run.opened(str(item)) as source:
            for start in range(0, len(mine), CHUNK):
                part = mine[start : start + CHUNK]
                pixels = source.at(chosen.frames["frame"].to_numpy(np.int64)[part].tolist()).pixels
                for row, frame in zip(part.tolist(), pixels, strict=True):
                    yield row, frame[None].cpu().contiguous()
