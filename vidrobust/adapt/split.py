"""Which footage trains and which judges, and which frames of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError

By = Literal["part", "input", "time"]
TRAINING, GAP_S = 0.6, 1.0
"""Share of an input that trains where earlier footage trains and later footage judges, and the gap between, s."""
RUN = 12
"""Neighbouring frames that judge together."""
FEWEST = 8
"""Frames of either side without which nothing is begun."""


@dataclass(frozen=True)
class Split:
    """by: what does not stand on both sides; training, judging: (N,) bool of the rows of a table of frames."""

    by: By
    training: np.ndarray
    judging: np.ndarray


def split(frames: pd.DataFrame, parts: Mapping[str, str], kinds: Mapping[str, str], seed: int) -> Split:
    """Parts where two or more are known, else inputs, else earlier and later time.

    frames  item, time_s; parts: item -> part; kinds: item -> label, so that both sides have some of each kind
    """
    items = list(dict.fromkeys(frames["item"].astype(str)))
    by: By = "part" if len({parts.get(i) or i for i in items}) < len(items) or parts else "input"
    unit = {item: parts.get(item) or item for item in items} if by == "part" else {i: i for i in items}
    units = list(dict.fromkeys(unit.values()))
    if len(units) < 2:
        return _by_time(frames)
    kind = {unit[item]: kinds.get(item, "") for item in reversed(items)}
    draws = np.random.default_rng(seed)
    order = sorted(units, key=lambda u: (kind[u], draws.random()))
    training = set(order[::2])
    on = frames["item"].astype(str).map(unit).isin(training).to_numpy(bool)
    return Split(by, on, ~on)


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
    """At most so many of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def in_runs(frames: pd.DataFrame, rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows (of frames in order), in runs of neighbours, evenly spread over the inputs."""
    runs: list[np.ndarray] = []
    items = frames["item"].astype(str).to_numpy()[rows]
    for item in dict.fromkeys(items.tolist()):
        mine = rows[items == item]
        runs += [mine[at : at + RUN] for at in range(0, len(mine), RUN)]
    kept = even(np.arange(len(runs)), max(1, most // RUN))
    return np.concatenate([runs[int(k)] for k in kept]) if runs else rows


def check_sizes(training: Sequence[int], judging: Sequence[int]) -> None:
    """InputError where a side has too few frames."""
    for what, rows in (("train with", training), ("test with", judging)):
        if len(rows) < FEWEST:
            raise InputError(
                f"adapt: {len(rows)} frames to {what}, and {FEWEST} are needed; give longer footage or more clips"
            )
