"""What a network answers on the footage that judges: as it is, and under each condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.adapt.families import Condition
from vidrobust.adapt.steps import Step, changed
from vidrobust.adapt.trainable import Trainable
from vidrobust.perturb.draws import seeded


@dataclass(frozen=True)
class Bench:
    """Pictures that judge, at the network's size; the same for every arm.

    frames      item, part, frame, time_s of each picture of the footage, in runs of neighbours
    footage     (N, 3, h, w) uint8
    pairs       (P, 2) rows of neighbours that may be compared; triples (T, 3) the same of three
    right       of each frame its right classes; empty where not known
    conditions  under which some of the frames are shown; ``shown`` (M,) their rows
    changed     for each condition (M, 3, h, w) uint8
    """

    frames: pd.DataFrame
    footage: torch.Tensor
    pairs: np.ndarray
    triples: np.ndarray
    right: Sequence[frozenset[int]]
    conditions: tuple[Condition, ...]
    shown: np.ndarray
    changed: Sequence[torch.Tensor]


@dataclass(frozen=True)
class Answered:
    """Of one network on a bench.

    label    (N,) int64 on the footage; jitter (T,) second difference of neighbouring answers
    changed  (C, M) int64 labels under each condition
    moved    (C, M) total variation between the answers to the changed and the unchanged frame
    """

    label: np.ndarray
    jitter: np.ndarray
    changed: np.ndarray
    moved: np.ndarray

    def save(self, path: Path) -> None:
        """Write beside, then rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.savez(file, label=self.label, jitter=self.jitter, changed=self.changed, moved=self.moved)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Answered:
        with np.load(path) as found:
            return cls(**{name: found[name] for name in ("label", "jitter", "changed", "moved")})


def neighbours(frames: pd.DataFrame, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (P, 2) and triples (T, 3) of rows that follow each other in the footage.

    frames  item and place, the number of the frame among those of its item; begins: (N,) may not be compared with
            the one before
    """
    item, place = frames["item"].to_numpy(object), frames["place"].to_numpy(np.int64)
    joined = np.zeros(len(frames), bool)
    joined[1:] = (item[1:] == item[:-1]) & (place[1:] == place[:-1] + 1) & ~begins[1:]
    second = np.flatnonzero(joined)
    third = np.flatnonzero(joined[1:] & joined[:-1]) + 1
    pairs = np.stack([second - 1, second], axis=1)
    return pairs, np.stack([third - 2, third - 1, third], axis=1)


def shown_under(
    network: Trainable, frame: torch.Tensor, at: Condition, content: str, number: int
) -> torch.Tensor:
    """(1, 3, h, w) uint8: a frame under a condition, its direction drawn by its content."""
    generator = seeded(content, number, 0, f"adapt-{at.key}", 0)
    back = at.step.low < 0 and bool(torch.randint(2, (), generator=generator))
    size = -at.size if back else at.size
    times = at.times or 1.0
    step = Step(
        key=at.key,
        low=size,
        high=size,
        probability=1.0,
        of_width=at.step.of_width,
    )
    if len(at.step.axes) == 2:
        # a shift of this size along the axis that is drawn, not one between 0 and it
        along = int(torch.randint(2, (), generator=generator))
        entry, width = step.perturbation, int(frame.shape[-1])
        size = step.strength(times * at.step.axes[along] * (-1 if back else 1), width)
        return network.cut(entry.apply_signed(frame, size, tuple(entry.signed)[along]))
    return network.cut(changed(frame, [step], generator))


def answered(network: Trainable, module: nn.Module, bench: Bench) -> Answered:
    """All that one network says."""
    rows = network.answers(module, bench.footage)
    clean = rows[bench.shown]
    labels, moved = [], []
    for pictures in bench.changed:
        found = network.answers(module, pictures)
        labels.append(found.argmax(axis=1))
        moved.append(0.5 * np.abs(found - clean).sum(axis=1))
    a, b, c = (rows[bench.triples[:, k]] for k in range(3))
    return Answered(
        label=rows.argmax(axis=1),
        jitter=0.25 * np.abs(a - 2 * b + c).sum(axis=1),
        changed=np.array(labels, np.int64).reshape(len(bench.changed), len(bench.shown)),
        moved=np.array(moved, np.float64).reshape(len(bench.changed), len(bench.shown)),
    )
