"""Decision rules on what a classifier says of one frame after the other: causal, and free of dependencies.

A rule sees the probabilities of the frames so far and never a true label. Ties keep the held label. Of more than
32 classes the ten most probable ones of a frame count and the others are 0: these are the ones that the table
``probabilities`` keeps, so that a rule does on the line to the last digit what it did in the study.

An exported file is the source of ``LabelRule`` and of the rule's class; so neither may import anything, and the
lines are formatted alike at 88 columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class LabelRule:
    """One stream of probabilities, a label a frame: ``update`` takes those of all classes.

    ``label`` is the model's own where that is not the most probable class. ``window`` has
    the labels of the last ``frames`` frames.
    """

    def __init__(self, frames: int = 1) -> None:
        self.frames = frames
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: the next frame is the first one."""
        self.held = -1
        self.window: list[int] = []
        self.seen: list[dict[int, float]] = []
        self.mean: dict[int, float] = {}

    def update(self, probabilities: Sequence[float], label: int | None = None) -> int:
        order = sorted(range(len(probabilities)), key=lambda k: (-probabilities[k], k))
        kept = order if len(order) <= 32 else order[:10]
        leading = {k: float(probabilities[k]) for k in kept}
        return self.step(leading, order[0] if label is None else int(label))

    def step(self, leading: Mapping[int, float], label: int) -> int:
        """The same from class -> probability of those that count, the largest first."""
        self.window = [*self.window, label][-self.frames :]
        chosen = self.choose(leading, label)
        self.held = label if self.held < 0 else chosen
        return self.held

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        """The label to hold from now on; called at every frame, also the first."""
        return label

    def ahead(self, score: Mapping[int, float]) -> int:
        """The class of the highest score; the held one where several have it."""
        best = max(score.values())
        winners = [k for k, value in score.items() if value == best]
        return winners[0] if len(winners) == 1 else self.held


class Majority(LabelRule):
    """The label that most of the last ``frames`` frames have."""

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        return self.ahead({k: self.window.count(k) for k in self.window})


class KOfN(LabelRule):
    """Another label once ``k_in`` of ``frames`` frames have it, more than the held one.

    ``rest`` is the label of a line at rest, such as "ok": from there ``k_in`` frames are
    enough even where more have the resting label, and back to it takes ``k_out``; -1:
    there is none, and ``k_in`` counts for all.
    """

    def __init__(self, k_in: int, frames: int, k_out: int = 0, rest: int = -1) -> None:
        self.k_in, self.k_out, self.rest = k_in, k_out or k_in, rest
        super().__init__(frames)

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        votes = {k: self.window.count(k) for k in self.window}
        held = votes.pop(self.held, 0)
        floor = 0 if self.rest >= 0 and self.held == self.rest else held
        needed = {k: self.k_out if k == self.rest else self.k_in for k in votes}
        enough = {k: n for k, n in votes.items() if n > floor and n >= needed[k]}
        return self.ahead(enough) if enough else self.held


class Mean(LabelRule):
    """The most probable class of the running mean: ``weight`` times this frame."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        super().__init__()

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        a, was, now = self.weight, self.mean or leading, leading
        every = {**was, **now}
        mean = {k: a * now.get(k, 0.0) + (1 - a) * was.get(k, 0.0) for k in every}
        self.mean = mean if self.mean else dict(leading)
        return self.ahead(self.mean)


class Median(LabelRule):
    """The class with the highest median of its probabilities over ``frames`` frames."""

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        self.seen = [*self.seen, dict(leading)][-self.frames :]
        last, self.mean = len(self.seen) - 1, {}
        for k in {k: None for frame in self.seen for k in frame}:
            values = sorted(frame.get(k, 0.0) for frame in self.seen)
            self.mean[k] = (values[last // 2] + values[(last + 1) // 2]) / 2.0
        return self.ahead(self.mean)


class Hysteresis(LabelRule):
    """The model's label once its probability exceeds the held one's by ``margin``."""

    def __init__(self, margin: float) -> None:
        self.margin = margin
        super().__init__()

    def choose(self, leading: Mapping[int, float], label: int) -> int:
        lead = leading.get(label, 0.0) - leading.get(self.held, 0.0)
        return label if lead > self.margin else self.held
