"""From tables and footage of one run or two: the samples to train with, and the bench that judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from vidrobust.adapt.asked import TRAINING_BYTES, Asked
from vidrobust.adapt.families import Condition
from vidrobust.adapt.judge import Bench, neighbours, shown_under
from vidrobust.adapt.split import Split, check_sizes, even, in_runs, split, split_from_other
from vidrobust.adapt.targets import of_labels, self_labels
from vidrobust.adapt.train import Samples
from vidrobust.adapt.trainable import Trainable
from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import Run
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.truth import right_classes

FEWEST, CHUNK_BYTES = 16, 2**28
"""Frames of an input that are asked for at once, and bytes up to which more are: each asking decodes anew from the
key frame before, of which there may be one in hundreds of frames."""


@dataclass(frozen=True)
class Seen:
    """The footage of one run, as the network answers it.

    frames  item, part, frame, place (among those of its item), time_s
    begins  (N,) may not be compared with the frame before
    right   of each its right classes; empty where not known
    own     (N, K) the network's answers over time
    kinds   item -> its label, where known
    """

    run: Run
    frames: pd.DataFrame
    begins: np.ndarray
    right: Sequence[frozenset[int]]
    own: np.ndarray
    kinds: Mapping[str, str]

    @property
    def known(self) -> np.ndarray:
        """(N,) bool: its right classes are known."""
        return np.array([bool(each) for each in self.right], bool)

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
class Chosen:
    """Which frames do what, before any is decoded.

    trains     the footage that is trained with; judges: that which judges, which may be the same
    by_labels  labels are what is learnt
    training   rows of ``trains``; judging, shown: rows of ``judges``
    """

    trains: Seen
    judges: Seen
    by_labels: bool
    split: Split
    training: np.ndarray
    judging: np.ndarray
    shown: np.ndarray


def seen_of(run: Run, model: str, classes: Sequence[str]) -> Seen:
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
    labels = run.table_or_empty("labels")
    return Seen(
        run=run,
        frames=frames,
        begins=np.concatenate([a.reason.astype(str) != "" for a in answers]),
        right=right_classes(frames, labels, classes) if len(labels) else [frozenset()] * len(frames),
        own=np.concatenate([self_labels(a, len(classes), whole=bool(parts.get(a.item))) for a in answers]),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
    )


def choose(judges: Seen, trains: Seen | None, model: str, asked: Asked) -> Chosen:
    """Which frames train and which judge; ``trains`` None: the footage is split.

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
    training = even(np.flatnonzero(sides.training & (known if by_labels else True)), most)
    held = in_runs(judges.frames, np.flatnonzero(sides.judging), judging)
    check_sizes(training.tolist(), held.tolist())
    return Chosen(trains, judges, by_labels, sides, training, held, even(held, shown))


def _fitting(run: Run, most: int) -> int:
    """Frames of the largest input that memory is given for."""
    largest = max(height * width * 3 for height, width in run.folder.record.sizes.values())
    return max(8, min(most, int(TRAINING_BYTES / largest)))


def samples_of(network: Trainable, chosen: Chosen) -> Samples:
    """The frames to train with, decoded, and their targets."""
    frames = [frame for _, frame in _decoded(chosen.trains, chosen.training)]
    own = torch.from_numpy(chosen.trains.own[chosen.training])
    targets = own
    if chosen.by_labels:
        right = [chosen.trains.right[int(row)] for row in chosen.training]
        targets = torch.from_numpy(of_labels(right, len(network.class_names)))
    return Samples(frames, torch.cat([network.cut(frame) for frame in frames]), targets, own)


def bench_of(network: Trainable, chosen: Chosen, conditions: tuple[Condition, ...]) -> Bench:
    """The pictures that judge, as they are and under each condition."""
    judges, wanted, cut = chosen.judges, set(chosen.shown.tolist()), []
    changed: list[list[torch.Tensor]] = [[] for _ in conditions]
    reporter = judges.run.reporter
    with reporter.counting("adapt: pictures that judge", len(chosen.judging), "frames") as counter:
        for row, frame in _decoded(judges, chosen.judging):
            cut.append(network.cut(frame))
            if row in wanted:
                at = judges.frames.iloc[row]
                content = judges.content.get(str(at["item"]), "")
                for made, condition in zip(changed, conditions, strict=True):
                    made.append(shown_under(network, frame, condition, content, int(at["frame"])))
            counter.advance()
    frames = judges.frames.iloc[chosen.judging].reset_index(drop=True)
    pairs, triples = neighbours(frames, judges.begins[chosen.judging])
    return Bench(
        frames=frames,
        footage=torch.cat(cut),
        pairs=pairs,
        triples=triples,
        right=[judges.right[int(row)] for row in chosen.judging],
        conditions=conditions,
        shown=np.flatnonzero(np.isin(chosen.judging, chosen.shown)),
        changed=[torch.cat(each) for each in changed],
    )


def _decoded(seen: Seen, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
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
