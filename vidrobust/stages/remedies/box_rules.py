"""Decision rules on a detector's boxes, frame after frame: causal, and free of dependencies.

A rule follows boxes by their overlap with where their track is expected, and says which boxes to show. It never
sees a known box. An exported file is the source of ``BoxRule`` and of the rule's class; so neither may import
anything, and the lines are formatted alike at 88 columns. A box is (x1, y1, x2, y2, score, class) and may have
more behind, which is handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Box = Sequence[Any]


class BoxRule:
    """One stream of boxes: ``update`` takes those of a frame and gives those to show.

    A track begins with a score of ``start``, goes on with ``keep`` where the overlap is
    ``iou``, and is forgotten after ``memory`` frames without a box. ``class_starts`` are
    the scores with which tracks of some classes begin; they go on with as much less.
    """

    def __init__(
        self,
        start: float = 0.5,
        keep: float = 0.3,
        iou: float = 0.3,
        memory: int = 5,
        amount: float = 0,
        class_starts: dict[int, float] | None = None,
    ) -> None:
        self.start, self.keep, self.iou = start, keep, iou
        self.memory, self.amount, self.class_starts = memory, amount, class_starts or {}
        self.reset()

    def reset(self) -> None:
        """Forget all tracks, as at a scene cut."""
        self.tracks: list[dict[str, Any]] = []

    def update(self, boxes: Sequence[Box]) -> list[Box]:
        boxes, near = [box for box in boxes if box[4] >= self.goes_on(box)], []
        for i, track in enumerate(self.tracks):
            (x, y), at = track["speed"], track["at"]
            track["at"] = [at[0] + x, at[1] + y, at[2] + x, at[3] + y]
            for j, box in enumerate(boxes):
                iou = self.overlap(track["at"], box)
                if iou >= self.iou:
                    near.append((-iou - 0.3 * (track["box"][5] == box[5]), i, j))
        taken: dict[int, int] = {}
        for _, i, j in sorted(near):
            if i not in taken and j not in taken.values():
                taken[i] = j
        for i, track in enumerate(self.tracks):
            track["missed"] += 1
            if i in taken:
                self.seen(track, boxes[taken[i]])
            self.follow(track)
        for j, box in enumerate(boxes):
            if j not in taken.values() and box[4] >= self.begins(box):
                track = {"at": box[:4], "speed": [0.0, 0.0], "box": box, "missed": 0}
                self.tracks.append({**track, "hits": 1})
                self.follow(self.tracks[-1])
        self.tracks = [track for track in self.tracks if track["missed"] <= self.memory]
        return [box for box in map(self.shown, self.tracks) if box is not None]

    def begins(self, box: Box) -> float:
        return self.class_starts.get(box[5], self.start)

    def goes_on(self, box: Box) -> float:
        return max(self.begins(box) - (self.start - self.keep), 0.0)

    def overlap(self, a: Box, b: Box) -> float:
        width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
        common = max(width, 0.0) * max(height, 0.0)
        whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
        return common / whole if whole > 0 else 0.0

    def seen(self, track: dict[str, Any], box: Box) -> None:
        """The track's box in this frame; speed is that of the centre since the last."""
        old, since = track["box"], track["missed"]
        way = [box[k] + box[k + 2] - old[k] - old[k + 2] for k in (0, 1)]
        track["speed"] = [each / 2 / since for each in way]
        track.update(at=box[:4], box=box, hits=track["hits"] + 1, missed=0)

    def follow(self, track: dict[str, Any]) -> None:
        """Called for every track and frame; ``missed`` is 0 where it has a box."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        """What is shown of a track: its box, with what ``follow`` puts in its place."""
        if track["missed"]:
            return None
        *corners, score, label = track["box"][:6]
        now = track.get("corners", corners), track.get("score", score)
        return (*now[0], now[1], track.get("label", label), *track["box"][6:])


class MinHits(BoxRule):
    """Shown from the ``amount``-th box of a track on."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        return super().shown(track) if track["hits"] >= self.amount else None


class MaxGap(BoxRule):
    """Shown on for ``amount`` frames without a box, where its speed takes it."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        there = track["missed"] <= self.amount
        return (*track["at"], *track["box"][4:]) if there else None


class ScoreMean(BoxRule):
    """Class and score of the running mean along the track: ``amount`` times this box."""

    def follow(self, track: dict[str, Any]) -> None:
        if track["missed"]:
            return
        score, label = track["box"][4:6]
        mean, a = track.setdefault("mean", {label: score}), self.amount
        now = {**dict.fromkeys(mean, 0.0), label: score}
        track["mean"] = {k: a * now[k] + (1 - a) * mean.get(k, 0.0) for k in now}
        track["score"], best = sum(track["mean"].values()), max(track["mean"].values())
        if track["mean"].get(track.get("label"), -1.0) < best:
            track["label"] = max(track["mean"], key=track["mean"].get)


class BoxMean(BoxRule):
    """Corners of the running mean along the track: ``amount`` times this box."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            now, a = track["box"][:4], self.amount
            both = zip(now, track.get("corners", now), strict=True)
            track["corners"] = [a * x + (1 - a) * was for x, was in both]


class ClassVote(BoxRule):
    """Class that most of a track's last ``amount`` boxes have; a tie keeps the class."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            votes = [*track.get("votes", []), track["box"][5]]
            votes = track["votes"] = votes[-int(self.amount) :]
            if votes.count(track.get("label")) < max(map(votes.count, votes)):
                track["label"] = max(votes, key=votes.count)


class ClassHold(BoxRule):
    """Another class only after ``amount`` boxes of a track in a row have it."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            label = track["box"][5]
            again = label == track.get("next")
            track["row"], track["next"] = track.get("row", 0) + 1 if again else 1, label
            if "label" not in track or track["row"] >= self.amount:
                track["label"] = label
