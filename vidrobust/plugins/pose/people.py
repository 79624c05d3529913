"""People and their joints, and how two poses are compared (OKS)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np

from vidrobust.predictions import TaskPredictions
from vidrobust.shapes.mask import mapped_points

# Sigmas of OKS (cocodataset.org, keypoints evaluation); joints of other names take their mean.
SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
COCO = ("nose", *(f"{side}_{part}" for part in list(SIGMAS)[1:] for side in ("left", "right")))
_CHAIN = ("shoulder elbow", "elbow wrist", "shoulder hip", "hip knee", "knee ankle")
BODY = 0.53  # area of a person over that of the box about the joints, as Ultralytics takes it
SLIM = 0.25  # least side of that box over the other: joints on a line have an area too
KEEP = 0.3  # confidence from which a joint counts as found; mmpose draws from there on
START = 0.3  # score from which a person counts; mmpose's threshold of boxes
LEAST_OKS = 0.1  # from here on two poses may be of one person
FARTHEST = 3.0  # sigmas; in the account a joint cannot be further off, where OKS is .01
FLOW_SIDE = 480  # px; frames are averaged down to this width for the flow
FLOW_WINDOW = 5  # px, side of the window in which the flow about a joint is averaged


@dataclass(frozen=True)
class KeyPoints(TaskPredictions):
    """The people of N frames, flat.

    points  (D, J, 3) float32, x and y in px of the frame, confidence in [0, 1]
    scores  (D,) float32 in [0, 1]
    frame   (D,) int64, the row of the batch a person belongs to, sorted
    class_names  the joints
    """

    task: ClassVar[str] = "pose"

    points: np.ndarray
    scores: np.ndarray
    frame: np.ndarray
    num_frames: int
    class_names: tuple[str, ...]

    def of_frame(self, row: int) -> np.ndarray:
        """Return (P, J, 3), the people of one frame that count."""
        return self.points[(self.frame == row) & (self.scores >= START)].astype(np.float64)

    def select(self, rows: Sequence[int] | np.ndarray) -> KeyPoints:
        kept = [np.flatnonzero(self.frame == row) for row in rows]
        every = np.concatenate([np.empty(0, np.int64), *kept])
        frame = np.repeat(np.arange(len(rows)), [len(part) for part in kept])
        points, scores = self.points[every], self.scores[every]
        return dataclasses.replace(
            self, points=points, scores=scores, frame=frame, num_frames=len(rows)
        )

    @classmethod
    def join(cls, parts: Sequence[KeyPoints]) -> KeyPoints:
        starts = np.cumsum([0, *(part.num_frames for part in parts)])
        return cls(
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.frame + at for part, at in zip(parts, starts[:-1], strict=True)]),
            int(starts[-1]),
            parts[0].class_names,
        )

    def problems(self) -> list[str]:
        sure = self.points[..., 2]
        faults = {
            "a joint with NaN or infinite place": not np.isfinite(self.points).all(),
            "a confidence outside 0..1": bool(((sure < 0) | (sure > 1)).any()),
            "a score outside 0..1": not bool(((self.scores >= 0) & (self.scores <= 1)).all()),
        }
        return [problem for problem, there in faults.items() if there]


def people(parts: Sequence[tuple[np.ndarray, np.ndarray]], names: tuple[str, ...]) -> KeyPoints:
    """Return predictions of frames, each (P, J, 3) points and (P,) scores."""
    points = [np.asarray(part, np.float32).reshape(-1, len(names), 3) for part, _ in parts]
    frame = np.repeat(np.arange(len(parts)), [len(part) for part in points])
    none = np.empty((0, len(names), 3), np.float32)
    scores = np.concatenate(
        [np.empty(0, np.float32), *(np.asarray(s, np.float32).ravel() for _, s in parts)]
    )
    return KeyPoints(np.concatenate([none, *points]), scores, frame, len(parts), names)


def sigmas_of(names: Sequence[str]) -> np.ndarray:
    """Return (J,) sigma of OKS of each joint."""
    mean = float(np.mean(list(SIGMAS.values())))
    return np.array([SIGMAS.get(name.rpartition("_")[2], mean) for name in names])


def mirrored(names: Sequence[str]) -> np.ndarray:
    """Return (J,) the joint on the other side, or itself."""
    place, other = {name: k for k, name in enumerate(names)}, {"left": "right", "right": "left"}
    turned = (re.sub("left|right", lambda side: other[side[0]], name) for name in names)
    return np.array([place.get(name, k) for k, name in enumerate(turned)])


def bones_of(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of joints: COCO's limbs; of other joints each and the next."""
    if not set(names) <= set(COCO):
        return [(k, k + 1) for k in range(len(names) - 1)]
    ends = (link.split() for link in _CHAIN)
    pairs = ((f"{side}_{a}", f"{side}_{b}") for a, b in ends for side in ("left", "right"))
    place = {name: k for k, name in enumerate(names)}
    return [(place[a], place[b]) for a, b in pairs if a in place and b in place]


def areas(points: np.ndarray) -> np.ndarray:
    """Return (P,) areas of people (P, J, 3), px squared, by the box about the joints found."""
    side = np.zeros((len(points), 2))
    for row, one in enumerate(points):
        seen = one[one[:, 2] >= KEEP, :2]
        side[row] = np.ptp(seen, axis=0) if len(seen) else 0
    side = np.maximum(side, SLIM * side.max(axis=1, keepdims=True))
    return np.maximum(BODY * side.prod(axis=1), 1.0)


def similarities(p: np.ndarray, q: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return (P, Q) OKS of people p (P, J, 3) and q (Q, J, 3); a joint that one lacks counts as 0."""
    here, there = p[:, None, :, 2] >= KEEP, q[None, :, :, 2] >= KEEP
    squared = np.square(p[:, None, :, :2] - q[None, :, :, :2]).sum(axis=3)
    near = np.exp(-squared / np.square(2 * sigmas) / areas(p)[:, None, None] / 2) * (here & there)
    return np.asarray(near.sum(axis=2) / np.maximum((here | there).sum(axis=2), 1))


def matched(p: np.ndarray, q: np.ndarray, names: Sequence[str]) -> list[tuple[int, int, float]]:
    """Return pairs of people of p and q with their OKS, also where all joints have changed sides."""
    from scipy.optimize import linear_sum_assignment  # here, so that pages need not import SciPy

    if not len(p) or not len(q):
        return []
    sigmas = sigmas_of(names)
    plain = similarities(p, q, sigmas)
    table = np.maximum(plain, similarities(p, q[:, mirrored(names)], sigmas))
    pairs = zip(*linear_sum_assignment(-table), strict=True)
    return [(int(i), int(j), float(plain[i, j])) for i, j in pairs if table[i, j] >= LEAST_OKS]


def change(pairs: Sequence[tuple[int, int, float]], before: int, after: int) -> tuple[float, float]:
    """Return the mean of 1 - OKS over all people, 1 without partner, and 1 if some have none, else 0."""
    count = before + after - len(pairs)
    far = 1 - sum(oks for _, _, oks in pairs) / count if count else np.nan
    return far, float(len(pairs) < count)


def _changes(p: KeyPoints, q: KeyPoints) -> np.ndarray:
    both = ((p.of_frame(row), q.of_frame(row)) for row in range(p.num_frames))
    rows = [change(matched(a, b, p.class_names), len(a), len(b)) for a, b in both]
    return np.array(rows, np.float64).reshape(-1, 2)


def changes(p: KeyPoints, q: KeyPoints) -> np.ndarray:
    """Return (N,) how far the poses lie apart."""
    return _changes(p, q)[:, 0]


def lost_or_new(p: KeyPoints, q: KeyPoints) -> np.ndarray:
    """Return (N,) 1 where a person is lost or new, else 0."""
    return _changes(p, q)[:, 1]


def moved(
    people: KeyPoints,
    perturbation: Any,
    strength: float,
    generators: Sequence[Any],
    size: tuple[int, int],
) -> KeyPoints:
    """Return the joints where a perturbation puts them; a mirror changes left and right."""
    if perturbation.motion is None:
        return people
    points = people.points.copy()
    for row, generator in enumerate(generators):
        matrix = perturbation.motion(size, strength, generator)
        at = np.flatnonzero(people.frame == row)
        flat = mapped_points(points[at, :, :2].reshape(-1, 2) + 0.5, matrix, size) - 0.5
        points[at, :, :2] = flat.reshape(len(at), -1, 2)
        if np.linalg.det(matrix[:2, :2]) < 0:
            points[at] = points[at][:, mirrored(people.class_names)]
    return dataclasses.replace(people, points=points)


def sampled(field: np.ndarray, places: np.ndarray, step: float = 1.0) -> np.ndarray:
    """Return (..., C) of a field (h, w, C), a value every ``step`` px, at places (..., 2) px."""
    columns, rows = (
        np.clip(np.round(places[..., k] / step).astype(int), 0, field.shape[1 - k] - 1)
        for k in (0, 1)
    )
    return np.asarray(field[rows, columns], np.float64)


def pixel_motion(places: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Return (..., 2) px by which the pixels at places of the second picture lie elsewhere in the first.

    NaN where the flow cannot be trusted, 0 in pictures without texture, None where the scenes differ.
    """
    from vidrobust.frame_pairs.registration import (
        flow_at_width,
    )  # pages read the task without torch

    motion = flow_at_width(first, second, FLOW_SIDE)
    if motion is None:
        return None
    flow, visible, scale = motion
    seen = visible.astype(np.float32)
    weighed = np.dstack([flow * seen[..., None], seen])
    near = sampled(cv2.blur(weighed, (FLOW_WINDOW, FLOW_WINDOW)), places, 1 / scale)
    share = near[..., 2:]
    return np.where(share >= 0.5, near[..., :2] / np.maximum(share, 0.5) / scale, np.nan)


def coordinates(people: KeyPoints, motions: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Return (N, D): the joints of N replayed pictures about where their pixels were, and their confidences.

    Places are in sigmas of OKS. One of the first picture who is not found has no confidence and is at rest.
    """
    names, first = people.class_names, 0
    if motions:
        first = next((k for k in (0, 1) if not motions[k].back.any()), 0)
    base = people.of_frame(first)
    scale = np.sqrt(areas(base))[:, None, None] * (2 * sigmas_of(names))[:, None]
    z = np.zeros((people.num_frames, *base.shape))
    for row in range(people.num_frames):
        here = people.of_frame(row)
        if motions:  # back to where the first picture showed the same pixels
            back = motions[row].back
            here[..., :2] += sampled(back, here[..., :2], size[0] / back.shape[0])
        for i, j, _ in matched(base, here, names):
            off = (here[j, :, :2] - base[i, :, :2]) / scale[i]
            far = np.linalg.norm(off, axis=1, keepdims=True)
            both = (base[i, :, 2:] >= KEEP) & (here[j, :, 2:] >= KEEP)
            z[row, i, :, :2] = off * both * np.minimum(1, FARTHEST / np.maximum(far, 1e-9))
            z[row, i, :, 2] = here[j, :, 2]
    return z.reshape(people.num_frames, -1) if z.size else np.zeros((people.num_frames, 1))


def said(people: KeyPoints) -> tuple[list[str], np.ndarray]:
    """Return counts of people and joints of each frame, and the mean confidence of these joints."""
    texts, sure = [], []
    for row in range(people.num_frames):
        here = people.of_frame(row)
        seen = here[..., 2][here[..., 2] >= KEEP]
        texts.append(f"{len(here)} {'person' if len(here) == 1 else 'people'}, {len(seen)} joints")
        sure.append(float(seen.mean()) if len(seen) else 0.0)
    return texts, np.array(sure)


def drawn(picture: np.ndarray, people: KeyPoints) -> np.ndarray:
    """Return the picture with the joints and bones of its people."""
    made, thick = picture.copy(), max(1, picture.shape[1] // 320)
    for one in people.of_frame(0):
        at = [(round(float(x)), round(float(y))) for x, y, _ in one]
        for a, b in bones_of(people.class_names):
            if min(one[a, 2], one[b, 2]) >= KEEP:
                cv2.line(made, at[a], at[b], (255, 170, 0), thick, cv2.LINE_AA)
        for k in np.flatnonzero(one[:, 2] >= KEEP):
            cv2.circle(made, at[k], 2 * thick, (0, 200, 140), -1, cv2.LINE_AA)
    return made
