"""How late a rule reports a lasting change: in the worst case, and as measured on the run's own changes.

raw     A A A B A A B A B B B B A B B      an answer lasts where it has more than half of a second (here 5
lasts   A A A A . . B B B B B              frames, from each one on)
rule    A A A A A A A A A B B B B B B      B lasts from frame 6 on and is reported at 9: 3 frames
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.stages.remedies.label_rules import LabelRule

LASTING_S = 1.0  # an answer that prevails for so long is a lasting one
# frames before the change of the worst case, and after it, that are tried
SETTLED, LONGEST = (400, 2000)


def sure_delay(rule: LabelRule, rest: int = -1) -> int:
    """Frames until a change between two classes of which the model is sure is reported; the worse way."""
    here, there = (rest, rest + 1) if rest >= 0 else (0, 1)
    return max(_frames_until_reported(rule, here, there), _frames_until_reported(rule, there, here))


def _frames_until_reported(rule: LabelRule, before: int, after: int) -> int:
    rule = copy.deepcopy(rule)
    rule.reset()
    for _ in range(SETTLED):
        rule.step({before: 1.0, after: 0.0}, before)
    for frame in range(LONGEST):
        if rule.step({after: 1.0, before: 0.0}, after) == after:
            return frame
    return LONGEST


@dataclass(frozen=True)
class Change:
    """In rows start..stop - 1 the new label lasts, and before them another one did."""

    start: int
    stop: int
    label: int


def lasting_changes(labels: np.ndarray, begins: np.ndarray, time_s: np.ndarray) -> list[Change]:
    """The lasting changes of one input, by its labels (N,); nothing reaches across ``begins``.

    An answer lasts from a frame on that has it, if it has more than half of the frames of the second that
    begins there, and to the end of the last such second. Between two lasting answers there may be a time of
    unrest.
    """
    edges = np.r_[np.flatnonzero(begins | (np.arange(len(labels)) == 0)), len(labels)]
    changes: list[Change] = []
    for first, end in itertools.pairwise(edges.tolist()):
        changes += _changes_within(labels, time_s, first, end)
    return changes


def _changes_within(labels: np.ndarray, time_s: np.ndarray, first: int, end: int) -> list[Change]:
    runs: list[list[int]] = []  # label, start, stop of each lasting answer
    for row in range(first, end):
        stop = row + int(np.searchsorted(time_s[row:end], time_s[row] + LASTING_S - 1e-9))
        if not lasts(time_s, row, stop):
            break
        label = int(labels[row])
        if 2 * int((labels[row:stop] == label).sum()) <= stop - row:
            continue
        if runs and runs[-1][0] == label:
            runs[-1][2] = stop
        else:
            runs.append([label, row, stop])
    return [Change(start, stop, label) for label, start, stop in runs[1:]]


def lasts(time_s: np.ndarray, start: int, stop: int) -> bool:
    """Whether rows start..stop - 1 last so long, the last one counting one typical step."""
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    return bool(time_s[stop - 1] - time_s[start] + step >= LASTING_S - 1e-9)


@dataclass(frozen=True)
class Delays:
    """An entry for each change that was reported; ``unreported`` never were."""

    frames: tuple[int, ...]
    seconds: tuple[float, ...]
    unreported: int

    @property
    def changes(self) -> int:
        """How many lasting changes there were."""
        return len(self.frames) + self.unreported

    @property
    def longest(self) -> float:
        """Frames until the last one was reported; infinite where one never was, NaN without any."""
        return float("inf") if self.unreported else float(max(self.frames, default=float("nan")))

    @property
    def longest_ms(self) -> float:
        """The same in ms."""
        return float("inf") if self.unreported else 1000.0 * max(self.seconds, default=float("nan"))


def joined(delays: Sequence[Delays]) -> Delays:
    """Those of all inputs."""
    frames, seconds = (
        tuple(itertools.chain(*(getattr(d, k) for d in delays))) for k in ("frames", "seconds")
    )
    return Delays(frames, seconds, sum(item.unreported for item in delays))


def delays(changes: Sequence[Change], summary: np.ndarray, time_s: np.ndarray) -> Delays:
    """How long after each change the rule's labels ``summary`` (N,) report it."""
    frames, seconds, unreported = [], [], 0
    for change in changes:
        hits = np.flatnonzero(summary[change.start : change.stop] == change.label)
        if not len(hits):
            unreported += 1
            continue
        frames.append(int(hits[0]))
        seconds.append(float(time_s[change.start + hits[0]] - time_s[change.start]))
    return Delays(tuple(frames), tuple(seconds), unreported)
