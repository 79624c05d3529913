"""Visits of parts that a hand places before a camera and takes away again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vidrobust.plugins.gauge.passes import (
    LEAST_AREA,
    SETTLED,
    STILL_FRAMES,
    THIN_PX,
    Pass,
    PassSearch,
    Still,
    comparable,
    evenly_lit,
    motion_in,
    parts_of,
    stretches_at_rest,
)

# Share of what is most different between two stretches without motion below which it is shadow and reflection.
BESIDE = 0.35
NEAR_PX = 11  # Pieces that are so near to each other are one part
HAND = 30.0  # Grey levels from which on what reaches the edge is a hand, and no drift of light
COVERED = 0.1  # Share of a part's place that may look otherwise while the part lies there uncovered
CLEARER = (
    1.25  # How many times as strong edges along an outline are with the part there as without it
)
# Share of the smaller of two places that both have in common if they are one.
SAME_PLACE = 0.3
IMPOSSIBLE = "lies where another lies at the same time, which cannot be"
PLACED = "placed and taken away"


@dataclass(frozen=True)
class _Change:
    place: np.ndarray
    came: bool
    went: bool


@dataclass
class _Visit:
    place: np.ndarray
    first: int
    last: int


def find_visits(pictures: np.ndarray) -> PassSearch:
    """Find the visits in a clip of a camera nearly at rest, from grey pictures (N, H, W) uint8."""
    if len(pictures) < 2 * STILL_FRAMES:
        return PassSearch(())
    even = comparable(pictures)
    moving, level = motion_in(even)
    stills = stretches_at_rest(even, moving)
    visits = sorted(_visits(even, stills, max(level, SETTLED)), key=lambda v: (v.first, v.last))
    clash = {
        id(visit)
        for a, b in itertools.combinations(visits, 2)
        if a.last >= b.first and _one_place(a.place, b.place)
        for visit in (a, b)
    }
    found = [(_as_pass(v.first, v.last, moving), id(v) in clash) for v in visits]
    kept = tuple(replace(p, crossed=False, remark=IMPOSSIBLE) if bad else p for p, bad in found)
    note = f"{len(clash)} visits are left out, since they lie where another lies at the same time"
    return PassSearch(kept, (note,) if clash else ())


def _visits(even: np.ndarray, stills: list[Still], level: float) -> Iterator[_Visit]:
    if not stills:
        return
    settled = stills[0].picture.copy()
    there: list[tuple[np.ndarray, Still]] = []  # each part's place, and when it was seen first
    before = stills[0]
    for still in stills[1:]:
        picture = evenly_lit(still.picture[None], settled)[0]
        changes = _changes(settled, picture)
        if changes is None:
            continue
        for change in changes:
            if change.went:
                known = next(
                    (k for k, (place, _) in enumerate(there) if _one_place(place, change.place)),
                    None,
                )
                place, since = there.pop(known) if known is not None else (change.place, None)
                yield _visit(even, place, since, before, level)
            if change.came:
                # nothing comes to a taken place: what lay there went unseen, at the latest by now
                for k in reversed(
                    [k for k, (at, _) in enumerate(there) if _one_place(at, change.place)]
                ):
                    place, since = there.pop(k)
                    yield _visit(even, place, since, before, level)
                there.append((change.place, still))
        settled, before = picture, still
    for place, since in there:
        yield _visit(even, place, since, None, level)


def _changes(before: np.ndarray, after: np.ndarray) -> list[_Change] | None:
    gaps = np.abs(after - before)
    mask = parts_of(gaps / SETTLED, beside=BESIDE).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((THIN_PX, THIN_PX), np.uint8))
    near = cv2.dilate(mask, np.ones((NEAR_PX, NEAR_PX), np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    edges = [_edges(picture) for picture in (before, after)]
    found = []
    for k in range(1, count):
        own = (labels == k) & (mask > 0)
        if own.sum() < LEAST_AREA * mask.size:
            continue
        if own[0].any() or own[-1].any() or own[:, 0].any() or own[:, -1].any():
            if np.percentile(gaps[own], 90) > HAND:
                return None
            continue
        outline = (
            cv2.morphologyEx(own.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
            > 0
        )
        was, is_ = (float(each[outline].mean()) for each in edges)
        found.append(_Change(own, came=is_ * CLEARER > was, went=was * CLEARER > is_))
    return found


def _edges(picture: np.ndarray) -> np.ndarray:
    x, y = (cv2.Sobel(picture.astype(np.float32), cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(x, y))


def _one_place(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one & other).sum() > SAME_PLACE * min(one.sum(), other.sum()))


def _visit(
    even: np.ndarray, place: np.ndarray, since: Still | None, until: Still | None, level: float
) -> _Visit:
    first, last = 0, len(even) - 1
    if since is not None:
        first = _reach(even, place, since, -1, level)
    if until is not None:
        last = _reach(even, place, until, 1, level)
    return _Visit(place, first, max(first, last))


def _reach(even: np.ndarray, place: np.ndarray, still: Still, step: int, level: float) -> int:
    """The last frame on one side of a stretch in which the place looks the same, shaded or not."""
    usual = still.picture[place]
    frame = still.first if step < 0 else still.last
    while 0 <= frame + step < len(even):
        seen = even[frame + step][place]
        shade = float(np.median(seen / np.maximum(usual, 1.0)))
        if float((np.abs(seen / max(shade, 0.1) - usual) > level).mean()) >= COVERED:
            break
        frame += step
    return frame


def _as_pass(first: int, last: int, moving: np.ndarray) -> Pass:
    enters, leaves, count = first, last, len(moving)
    while enters > 0 and moving[enters - 1]:
        enters -= 1
    while leaves < count - 1 and moving[leaves + 1]:
        leaves += 1
    said = [PLACED]
    if first == 0:
        said = ["was there when the clip begins"]
    elif last == count - 1:
        said = ["is there when the clip ends"]
    return Pass(
        first=enters,
        last=leaves,
        whole_first=first,
        whole_last=last,
        direction="",
        crossed=True,
        remark="; ".join(said),
    )
