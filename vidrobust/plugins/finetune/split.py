"""Which footage trains and which judges, and which frames of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError

By = Literal["part", "input", "time", "footage"]
# Share of an input that trains where earlier footage trains and later footage judges, and the gap between, s.
TRAINING, GAP_S = 0.6, 1.0
# Frames of either side without which nothing is begun.
FEWEST = 8


@dataclass(frozen=True)
class Split:
    """What trains and what judges: rows (N,) and (M,) bool, and what does not stand on both sides."""

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
    """Train on one footage and judge on another; of parts or clips that both show, half train and half judge."""
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
    """item -> its part, or where that is not known what its pictures are."""
    frames, parts, content = side
    items = dict.fromkeys(frames["item"].astype(str))
    return {item: parts.get(item) or content.get(item, item) for item in items}


def _half(units: Sequence[str], kind: Mapping[str, str], seed: int) -> set[str]:
    """Every second one, by chance within its kind."""
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
    """At most so many of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def in_runs(frames: pd.DataFrame, rows: np.ndarray, most: int, length: int) -> np.ndarray:
    """At most so many of the rows (of frames in order), in runs of ``length``, evenly spread over the inputs."""
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
        if len(rows) < FEWEST:
            raise InputError(
                f"adapt: {len(rows)} frames to {what}, and {FEWEST} are needed; give longer footage or more clips"
            )
