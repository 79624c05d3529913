"""Decision rules on a detector's boxes, frame after frame: causal, and free of dependencies.

A rule follows boxes by their overlap with where their track is expected, and says which boxes to show. It never
sees a known box. The exported file of a rule is the source of ``BoxRule`` and of its class; so neither may import
anything. A box is (x1, y1, x2, y2, score, class) and may have more behind, which is handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Box = Sequence[Any]


class BoxRule:
    """One stream of boxes: ``update`` takes those of a frame and gives those to show.

    A track begins with a score of ``start``, goes on with ``keep`` where the overlap is ``iou``, and is forgotten
    after ``memory`` frames without a box.
    """

    def __init__(
        self, start: float = 0.5, keep: float = 0.3, iou: float = 0.3, memory: int = 5, amount: float = 0
    ) -> None:
        self.start, self.keep, self.iou, self.memory, self.amount = start, keep, iou, memory, amount
        self.reset()

    def reset(self) -> None:
        """Forget all tracks, as at a scene cut."""
        self.tracks: list[dict[str, Any]] = []

    def update(self, boxes: Sequence[Box]) -> list[Box]:
        boxes, near = [box for box in boxes if box[4] >= self.keep], []
        for i, track in enumerate(self.tracks):
            track["at"] = [a + v for a, v in zip(track["at"], track["speed"] * 2, strict=True)]
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
            if j not in taken.values() and box[4] >= self.start:
                self.tracks.append({"at": box[:4], "speed": [0.0, 0.0], "box": box, "hits": 1, "missed": 0})
                self.follow(self.tracks[-1])
        self.tracks = [track for track in self.tracks if track["missed"] <= self.memory]
        return [box for box in map(self.shown, self.tracks) if box is not None]

    def overlap(self, a: Box, b: Box) -> float:
        width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
        common = max(width, 0.0) * max(height, 0.0)
        whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
        return common / whole if whole > 0 else 0.0

    def seen(self, track: dict[str, Any], box: Box) -> None:
        """The track's box in this frame; its speed is that of the centre since the last one."""
        old, since = track["box"], track["missed"]
        track["speed"] = [(box[k] + box[k + 2] - old[k] - old[k + 2]) / 2 / since for k in (0, 1)]
        track.update(at=box[:4], box=box, hits=track["hits"] + 1, missed=0)

    def follow(self, track: dict[str, Any]) -> None:
        """Called for every track and frame; ``missed`` is 0 where it has a box."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        """What is shown of a track in this frame."""
        return None if track["missed"] else track["box"]


class MinHits(BoxRule):
    """Shown from the ``amount``-th box of a track on."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        return None if track["missed"] or track["hits"] < self.amount else track["box"]


class MaxGap(BoxRule):
    """Shown on for ``amount`` frames without a box, where its speed takes it."""

    def shown(self, track: dict[str, Any]) -> Box | None:
        return (*track["at"], *track["box"][4:]) if track["missed"] <= self.amount else None


class ScoreMean(BoxRule):
    """Class and score of the running mean along the track: ``amount`` times this box, the rest as it was."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            score, label = track["box"][4:6]
            mean = track.setdefault("mean", {label: score})
            track["mean"] = {
                k: self.amount * (score if k == label else 0.0) + (1 - self.amount) * mean.get(k, 0.0)
                for k in {**mean, label: 0.0}
            }
            best = max(track["mean"].values())
            if track["mean"].get(track.get("label"), -1.0) < best:
                track["label"] = next(k for k, value in track["mean"].items() if value == best)

    def shown(self, track: dict[str, Any]) -> Box | None:
        if track["missed"]:
            return None
        return (*track["box"][:4], sum(track["mean"].values()), track["label"], *track["box"][6:])


class BoxMean(BoxRule):
    """Corners of the running mean along the track: ``amount`` times this box, the rest as it was."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            mean = track.get("mean", track["box"][:4])
            track["mean"] = [
                self.amount * now + (1 - self.amount) * was
                for now, was in zip(track["box"][:4], mean, strict=True)
            ]

    def shown(self, track: dict[str, Any]) -> Box | None:
        return None if track["missed"] else (*track["mean"], *track["box"][4:])


class Kalman(BoxRule):
    """Constant speed of centre and size: a noise of 1/20 of the height in place and 1/160 in speed, a frame.

    The deviations of SORT's followers; ``amount`` times that in the measured box. Place and speed of each of the
    four numbers make a filter of their own, since nothing couples them.
    """

    def follow(self, track: dict[str, Any]) -> None:
        x1, y1, x2, y2 = track["box"][:4]
        seen = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        place, speed = ((y2 - y1) / 20) ** 2, ((y2 - y1) / 160) ** 2
        if "state" not in track:
            track["state"] = [[z, 0.0, 4 * place, 0.0, 100 * speed] for z in seen]
            return
        for state, z in zip(track["state"], seen, strict=True):
            x, v, a, b, c = state
            x, a, b, c = x + v, a + 2 * b + c + place, b + c, c + speed
            if not track["missed"]:
                gain, turn = a / (a + place * self.amount**2), b / (a + place * self.amount**2)
                x, v, a, b, c = (
                    x + gain * (z - x),
                    v + turn * (z - x),
                    a - gain * a,
                    b - gain * b,
                    c - turn * b,
                )
            state[:] = x, v, a, b, c

    def shown(self, track: dict[str, Any]) -> Box | None:
        if track["missed"]:
            return None
        x, y, w, h = (state[0] for state in track["state"])
        return (x - w / 2, y - h / 2, x + w / 2, y + h / 2, *track["box"][4:])


class Smoother(BoxRule):
    """Mean corners and score of a track's boxes in the last ``amount`` frames, shown while there is one.

    The class is that of the oldest of them. The rule of supervision's DetectionsSmoother.
    """

    def follow(self, track: dict[str, Any]) -> None:
        window = track.setdefault("window", [])
        window.append(None if track["missed"] else track["box"])
        del window[: max(0, len(window) - int(self.amount))]

    def shown(self, track: dict[str, Any]) -> Box | None:
        window = [box for box in track["window"] if box is not None]
        if not window:
            return None
        mean = [sum(box[k] for box in window) / len(window) for k in range(5)]
        return (*mean, window[0][5], *track["box"][6:])


class OneEuro(BoxRule):
    """Low-pass filter of centre and size that opens with speed (Casiez et al. 2012), a frame as the unit of time.

    The cutoff is ``amount``, and half a cycle a frame more at one box side a frame; that of speeds is .04.
    """

    def follow(self, track: dict[str, Any]) -> None:
        track["idle"] = since = track.get("idle", 0) + 1
        if track["missed"]:
            return
        track["idle"] = 0
        x1, y1, x2, y2 = track["box"][:4]
        seen, side = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), max((x2 - x1) * (y2 - y1), 1e-9) ** 0.5
        if "state" not in track:
            track["state"] = [[z, 0.0] for z in seen]
            return
        for state, z in zip(track["state"], seen, strict=True):
            x, v = state
            v += self.weight(0.04, since) * ((z - x) / since - v)
            state[:] = x + self.weight(self.amount + 0.5 * abs(v) / side, since) * (z - x), v

    def weight(self, cutoff: float, since: int) -> float:
        r = 6.283185307179586 * cutoff * since
        return r / (r + 1)

    def shown(self, track: dict[str, Any]) -> Box | None:
        if track["missed"]:
            return None
        x, y, w, h = (state[0] for state in track["state"])
        return (x - w / 2, y - h / 2, x + w / 2, y + h / 2, *track["box"][4:])


class ClassVote(BoxRule):
    """Class that most of a track's last ``amount`` boxes have; a tie keeps the class."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            votes = track["votes"] = [*track.get("votes", []), track["box"][5]][-int(self.amount) :]
            if votes.count(track.get("label")) < max(map(votes.count, votes)):
                track["label"] = max(votes, key=votes.count)

    def shown(self, track: dict[str, Any]) -> Box | None:
        return None if track["missed"] else (*track["box"][:5], track["label"], *track["box"][6:])


class ClassHold(BoxRule):
    """Another class only after ``amount`` boxes of a track in a row have it."""

    def follow(self, track: dict[str, Any]) -> None:
        if not track["missed"]:
            label = track["box"][5]
            track["row"] = track.get("row", 0) + 1 if label == track.get("next") else 1
            track["next"] = label
            if "label" not in track or track["row"] >= self.amount:
                track["label"] = label

    def shown(self, track: dict[str, Any]) -> Box | None:
        return None if track["missed"] else (*track["box"][:5], track["label"], *track["box"][6:])
