"""Passes in small pictures of footage: when a part enters, is wholly in view, and leaves."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from scipy import ndimage

from vidrobust.text.numbers import percent

MOST_SHIFT = 0.06  # Share of the width that a shaking camera may go
SHAKES_PX = 0.2  # Median shift, px of the small picture, from which on a camera is taken to shake
BETTER = (
    0.8  # Share of the differences from the usual scene that may be left, or there was no shaking
)
# When a shift is exact enough: steps, and gain of the correlation.
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
ECC_BLUR_PX = 5  # Side of the window that smooths before a shift is looked for
GRID_PX = 3  # Spacing of the places by which light is fitted
OUTLIER = (
    0.08  # Logarithm of the light from which on a place belongs to no light (Tukey's biweight)
)
ROUNDS = 8
MEDIAN_OF = 300  # Frames by which the median scene is taken


def usual_scene(pictures: np.ndarray) -> np.ndarray:
    """(H, W) float32: the median of each place over time."""
    step = max(1, len(pictures) // MEDIAN_OF)
    return np.asarray(np.median(pictures[::step], axis=0), np.float32)


def comparable(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W) float32: pictures uint8 smoothed by a pixel, steadied, in one light."""
    smooth = np.stack([cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.0) for p in pictures])
    steady = steadied(smooth)
    return evenly_lit(steady, usual_scene(steady))


def steadied(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W) float32 as a camera at rest would have seen them (Evangelidis & Psarakis 2008)."""
    scene = usual_scene(pictures)
    shifts = _shifts(pictures, scene)
    if np.median(np.hypot(*shifts.T)) < SHAKES_PX:
        return pictures
    once = _shifted(pictures, shifts)
    steady = _shifted(pictures, _shifts(pictures, usual_scene(once)))
    return steady if _unlike(steady) < BETTER * _unlike(pictures) else pictures


def _unlike(pictures: np.ndarray) -> float:
    """How far pictures lie off their usual scene where that is steep, in levels."""
    scene = usual_scene(pictures)
    across, down = (cv2.Sobel(scene, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    slope = np.hypot(across, down)
    steep = slope > np.percentile(slope, 80)
    usual = scene[steep]
    seen = pictures[:, steep]
    light = np.median(seen / np.maximum(usual, 1.0), axis=1, keepdims=True)
    return float(np.median(np.abs(seen / np.maximum(light, 0.1) - usual).mean(axis=1)))


def _shifts(pictures: np.ndarray, scene: np.ndarray) -> np.ndarray:
    target = _relief(scene)
    most = MOST_SHIFT * scene.shape[1]
    found = np.zeros((len(pictures), 2))
    for number, picture in enumerate(pictures):
        start = np.eye(2, 3, dtype=np.float32)
        try:
            _, way = cv2.findTransformECC(
                target, _relief(picture), start, cv2.MOTION_TRANSLATION, STOP, None, ECC_BLUR_PX
            )
        except cv2.error:  # nothing of the scene is seen
            continue
        if np.hypot(*way[:, 2]) <= most:
            found[number] = way[:, 2]
    return found


def _relief(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 local detail, bounded, so that neither light nor a bright part dominates."""
    grey = picture + 8.0
    return np.asarray(
        np.clip(grey / cv2.GaussianBlur(grey, (0, 0), 4.0) - 1, -0.15, 0.15), np.float32
    )


def _shifted(pictures: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    size = pictures.shape[2], pictures.shape[1]
    how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    moved = (
        cv2.warpAffine(picture, np.array([[1, 0, x], [0, 1, y]]), size, **how)
        for picture, (x, y) in zip(pictures, shifts, strict=True)
    )
    return np.stack(list(moved))


def evenly_lit(pictures: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W) float32 in the light of the scene (H, W)."""
    height, width = scene.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = 2 * rows / max(height - 1, 1) - 1, 2 * columns / max(width - 1, 1) - 1
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    at = (slice(GRID_PX // 2, None, GRID_PX),) * 2
    terms = surface[at].reshape(-1, 6)
    level = scene + 4.0
    found = np.empty_like(pictures)
    for number, picture in enumerate(pictures):
        ratio = np.log((picture[at] + 4.0) / level[at]).reshape(-1).astype(np.float64)
        light = np.exp(surface @ _fitted(terms, ratio))
        found[number] = (picture + 4.0) / light - 4.0
    return found


def _fitted(terms: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """(6,) the surface through most of the ratios (places,), from their median on."""
    beta = np.zeros(terms.shape[1])
    beta[0] = np.median(ratio)
    ridge = 1e-3 * len(ratio) * np.diag([0.0, 1, 1, 1, 1, 1])
    for _ in range(ROUNDS):
        off = (ratio - terms @ beta) / OUTLIER
        weight = np.square(np.maximum(1 - off * off, 0))
        if weight.sum() < 0.1 * len(ratio):
            break
        weighted = terms * weight[:, None]
        beta = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ ratio)
    return beta


CHANGED = 9.0  # Grey levels from which on a smoothed place has changed; more under strong noise
NOISE = 5.0  # Robust standard deviations of the noise from frame to frame that count as no change
MOVING_AREA = 0.003  # Share of the picture that changes from frame to frame where a hand moves
STILL_FRAMES = 5  # Frames that a scene must stand still to be looked at
SETTLED = 12.0  # Grey levels by which a place differs between two stretches without motion
RETURNS = 3  # Times that a level must be there again between parts to be that of the empty scene


@dataclass(frozen=True)
class Still:
    """A stretch without motion, first to last frame, and its median picture (H, W) float32."""

    first: int
    last: int
    picture: np.ndarray


def motion_in(even: np.ndarray) -> tuple[np.ndarray, float]:
    """(N,) bool: frames in which something moves; and the grey levels that are a change."""
    steps = np.abs(np.diff(even, axis=0))
    level = max(CHANGED, NOISE * 1.4826 * float(np.median(steps)))
    return np.concatenate([[False], (steps > level).mean(axis=(1, 2)) > MOVING_AREA]), level


def stretches_at_rest(even: np.ndarray, moving: np.ndarray) -> list[Still]:
    """The stretches without motion."""
    turns = np.flatnonzero(np.diff(np.concatenate([[True], moving, [True]])))
    every = zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True)
    return [
        Still(a, b - 1, np.median(even[a:b], axis=0)) for a, b in every if b - a >= STILL_FRAMES
    ]


def empty_scene(even: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) float32 the scene without parts, and (H, W) bool where it is not the median."""
    # where parts halt for most of the clip they are the median; the empty scene is what returns between them
    usual = usual_scene(even)
    stills = stretches_at_rest(even, motion_in(even)[0])
    if len(stills) < RETURNS:
        return usual, np.zeros(usual.shape, bool)
    levels = np.stack([still.picture for still in stills])
    begins = np.concatenate(
        [np.ones((1, *usual.shape), bool), np.abs(np.diff(levels, axis=0)) > SETTLED]
    )

    def times(level: np.ndarray) -> np.ndarray:
        return np.asarray((begins & (np.abs(levels - level) <= SETTLED)).sum(axis=0))

    counts = np.stack([times(level) for level in levels])
    best = counts.argmax(axis=0)[None]
    most = np.take_along_axis(counts, best, axis=0)[0]
    other = (most >= RETURNS) & (most > times(usual))
    level = np.take_along_axis(levels, best, axis=0)[0]
    return np.where(other, level, usual).astype(np.float32), other


# Robust standard deviations, and grey levels, from the empty scene from which on a place belongs to a part.
THRESHOLD, LEAST_CHANGE = 5.0, 7.0
FAINT = 0.5  # Share of both at which a place belongs to a part if it hangs together with one that surely does
BESIDE = 0.2  # Share of a part's own difference below which a place is its shadow or halo
SHADOW = 0.4  # Share of a part's usual difference below which its shadow alone is in the picture
MARK = 0.25  # Share of the difference of the clearest part below which what crosses is a mark of the belt
PIECE = 12  # Frames from which on a piece beside a part's track may be another part
TOGETHER = "seen in pieces that touch: one part, or several; its times may be wrong"
LOST = 0.5  # Share of tracks that begin or end amid the picture from which on no pass is trusted
UNSURE = "most of what moves here cannot be followed from edge to edge"
MARKED = "is faint beside the parts: a mark of the belt, or a shadow"
NEAR_PX = 3  # Gaps within a part that are closed where its shadow was left out
# A darker place is shadow where at most this share of the scene's detail differs, and more than this share of its
# light is left.
DETAIL, DARKEST = 0.3, 0.4
DETAILED = (
    0.02  # Spread of the logarithm of the light from which on a place of the scene has detail
)
SURE_PX = 4  # Sure places that a part must have
CLOSE_PX = 7  # Gaps within a part that are closed
LEAST_AREA = 0.002  # Share of the picture below which what is seen is no part
# What is thinner is no part of a thing of which a thicker piece makes up this share.
THIN_PX, BODY = 5, 0.6
CROSSES = 0.5  # Share of the picture's side that a part must go to have crossed
EDGE_PX = 1  # A part within this of the edge of the small picture is not wholly inside
CROWDED = 0.4  # Share of frames with parts on a place from which on the empty scene is not trusted
MISSED = 3  # Frames for which a part may be lost from sight within its pass


@dataclass(frozen=True)
class Pass:
    """One part passing, first to last frame; -1 where it is never wholly visible."""

    first: int
    last: int
    whole_first: int
    whole_last: int
    direction: str
    crossed: bool
    remark: str = ""


@dataclass(frozen=True)
class PassSearch:
    """The passes in the order in which they begin, and what is doubtful of all of them."""

    passes: tuple[Pass, ...]
    notes: tuple[str, ...] = ()
    unsure: bool = False


# x, y, width, height in px of the small picture.
Box = tuple[int, int, int, int]
UNKNOWN: Box = (-1, -1, 0, 0)  # The body of a part of which a piece alone is followed


@dataclass
class _Track:
    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    bodies: list[Box] = field(default_factory=list)
    contrasts: list[float] = field(default_factory=list)
    together: bool = False

    def add(self, frame: int, box: Box, body: Box, contrast: float) -> None:
        at = bisect(self.frames, frame)
        for name, value in {
            "frames": frame,
            "boxes": box,
            "bodies": body,
            "contrasts": contrast,
        }.items():
            getattr(self, name).insert(at, value)

    def expected(self, frame: int) -> np.ndarray:
        middles = _middles(self.boxes[-6:])
        speed = np.zeros(2)
        if len(middles) > 1:
            speed = (middles[-1] - middles[0]) / (self.frames[-1] - self.frames[-len(middles)])
        return np.asarray(middles[-1] + speed * (frame - self.frames[-1]))


def find_passes(pictures: np.ndarray) -> PassSearch:
    """Find the passes in one clip of a camera at rest, from small grey pictures (N, H, W) uint8."""
    if len(pictures) < 2:
        return PassSearch((), ("fewer than two frames",))
    masks, sure, notes = _parts_in(pictures)
    tracks = _whole_visits(_joined(_followed(masks, sure)), masks, sure)
    found = [
        (t, _as_pass(t, pictures.shape), np.median(t.contrasts))
        for t in tracks
        if len(t.frames) > 1
    ]
    least = MARK * max((contrast for _, p, contrast in found if p and p.crossed), default=0.0)
    clear = [(t, p and p.crossed) for t, p, contrast in found if contrast >= least]
    lost = sum(
        not c and _loose(t, pictures.shape) for t, c in clear if len(t.frames) > STILL_FRAMES
    )
    crossed = sum(bool(c) for _, c in clear)
    unsure = lost > LOST * (lost + crossed)
    if unsure:
        notes.append(
            f"tracks that begin or end amid the picture: {lost} of {lost + crossed}; parts cannot be told apart "
            "here; write the passes into a manifest by hand (path, part, pass, start_s, end_s)"
        )
    kept = [
        replace(p, crossed=False, remark=MARKED)
        if contrast < least
        else replace(p, crossed=False, remark=UNSURE)
        if unsure and p.crossed
        else p
        for _, p, contrast in found
        if p
    ]
    return PassSearch(tuple(sorted(kept, key=lambda p: (p.first, p.last))), tuple(notes), unsure)


def _loose(track: _Track, shape: tuple[int, ...]) -> bool:
    """Whether a track begins or ends amid the picture while the clip goes on."""
    sides = [_sides(track.boxes[end], shape[2], shape[1]).any() for end in (0, -1)]
    return not (sides[0] or track.frames[0] == 0) or not (
        sides[1] or track.frames[-1] == shape[0] - 1
    )


def _parts_in(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    even = comparable(pictures)
    scene, other = empty_scene(even)
    gaps = np.abs(even - scene)
    rule = 1.4826 * np.median(gaps, axis=0)
    rule[other] = np.median(rule[~other]) if (~other).any() else 0.0
    sure = gaps / np.maximum(THRESHOLD * rule, LEAST_CHANGE)
    sure[_shaded(even, scene)] = 0.0
    masks = np.stack([parts_of(each) for each in sure])
    crowded = np.where(other, 0.0, masks.mean(axis=0)).max()
    note = (
        f"some place is covered by parts in {percent(crowded)} of the frames: the empty scene may be wrong; "
        "look at every pass"
    )
    return masks, sure, [note] * bool(crowded > CROWDED)


def _shaded(even: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """(N, H, W) bool: darker places in which the detail of the scene is still seen."""
    own = _detail(scene)
    strength = cv2.GaussianBlur(own * own, (0, 0), 2.0)
    found = np.empty(even.shape, bool)
    for number, picture in enumerate(even):
        off = cv2.GaussianBlur((_detail(picture) - own) ** 2, (0, 0), 2.0)
        light = (picture + 4.0) / (scene + 4.0)
        found[number] = (off < DETAIL * strength) & (light > DARKEST) & (light < 1.0)
    return found & (strength > DETAILED**2)


def _detail(picture: np.ndarray) -> np.ndarray:
    level = np.log(np.maximum(picture, 0.0) + 4.0).astype(np.float32)
    return np.asarray(level - cv2.GaussianBlur(level, (0, 0), 2.0))


def parts_of(sure: np.ndarray, beside: float = BESIDE) -> np.ndarray:
    """(H, W) bool: places surely of a part, and those connected with them."""
    faint = cv2.morphologyEx(
        (sure > FAINT).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
    )
    faint = cv2.morphologyEx(faint, cv2.MORPH_CLOSE, np.ones((CLOSE_PX, CLOSE_PX), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(faint, connectivity=8)
    found = np.zeros(sure.shape, bool)
    for k in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[k])
        cut = (slice(y, y + height), slice(x, x + width))
        own, gaps = labels[cut] == k, sure[cut]
        if area < SURE_PX or (own & (gaps > 1)).sum() < SURE_PX:
            continue
        level = beside * float(np.percentile(gaps[own], 90))
        if level > FAINT:
            clear = cv2.morphologyEx(
                (own & (gaps > level)).astype(np.uint8),
                cv2.MORPH_CLOSE,
                np.ones((NEAR_PX, NEAR_PX), np.uint8),
            )
            own = own & (clear > 0)
        found[cut] |= own
    return found


def _followed(masks: np.ndarray, sure: np.ndarray) -> list[_Track]:
    least = LEAST_AREA * masks[0].size
    reach = max(masks.shape[1:]) / 5
    open_: list[_Track] = []
    done: list[_Track] = []
    for frame, mask in enumerate(masks):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=8
        )
        kept = [k for k in range(1, count) if stats[k][4] >= least]
        boxes = [_box(stats[k]) for k in kept]
        bodies = [_body(labels == k, stats[k]) for k in kept]
        contrasts = [float(np.percentile(sure[frame][labels == k], 90)) for k in kept]
        done += [t for t in open_ if frame - t.frames[-1] > MISSED + 1]
        open_ = [t for t in open_ if frame - t.frames[-1] <= MISSED + 1]
        _assign(frame, list(zip(boxes, bodies, contrasts, strict=True)), open_, reach)
    return done + open_


def _joined(tracks: list[_Track]) -> list[_Track]:
    tracks = sorted(tracks, key=lambda t: -len(t.frames))
    kept: list[_Track] = []
    for track in tracks:
        if not any(_taken_in(whole, track) for whole in kept):
            kept.append(track)
    return kept


def _taken_in(whole: _Track, piece: _Track) -> bool:
    before, after = piece.frames[0] < whole.frames[0], piece.frames[-1] > whole.frames[-1]
    if before == after:
        return False
    end = piece.frames[-1] + 1 if before else piece.frames[0] - 1
    at = int(np.searchsorted(whole.frames, end if before else end + 1)) - (not before)
    if not 0 <= at < len(whole.frames) or abs(whole.frames[at] - end) > MISSED:
        return False
    x, y, width, height = whole.boxes[at]
    middle = piece.expected(end) if before else _middles(piece.boxes[:1])[0]
    if not (x <= middle[0] <= x + width and y <= middle[1] <= y + height):
        return False
    piece.bodies = [UNKNOWN] * len(piece.bodies)  # a piece says nothing of when the part is whole
    own = [
        k
        for k, f in enumerate(piece.frames)
        if (f < whole.frames[0] if before else f > whole.frames[-1])
    ]
    for name in ("frames", "boxes", "bodies", "contrasts"):
        mine, theirs = [getattr(piece, name)[k] for k in own], getattr(whole, name)
        setattr(whole, name, mine + theirs if before else theirs + mine)
    return True


def _whole_visits(tracks: list[_Track], masks: np.ndarray, sure: np.ndarray) -> list[_Track]:
    """Tracks with all that hangs together with them in space and time, where that is one part."""
    volumes = ndimage.label(masks, np.ones((3, 3, 3)))[0]
    extents = ndimage.find_objects(volumes)
    owners: dict[int, list[_Track]] = {}
    for track in tracks:
        owners.setdefault(_volume_of(track, volumes), []).append(track)
    found = []
    for volume, own in owners.items():
        far = [t for t in own if _goes_far(t, masks.shape)]
        for track in far:
            track.together = sum(len(t.frames) > PIECE for t in own) > 1
        if volume == 0 or len(far) != 1:
            found += [_without_shadow(t) for t in own]
            continue
        (main,) = far
        cut = extents[volume - 1]
        inside = volumes[cut] == volume
        for frame in range(cut[0].start, cut[0].stop):
            if main.frames[0] <= frame <= main.frames[-1]:
                continue
            rows, columns = np.nonzero(inside[frame - cut[0].start])
            y, x = rows + cut[1].start, columns + cut[2].start
            box = (int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1)
            main.add(frame, box, UNKNOWN, float(np.percentile(sure[frame][y, x], 90)))
        found.append(_without_shadow(main))
    return found


def _volume_of(track: _Track, volumes: np.ndarray) -> int:
    """The volume in which most of the track's places lie; 0 for none."""
    counts: Counter[int] = Counter()
    for frame, (x, y, width, height) in zip(track.frames, track.boxes, strict=True):
        here = volumes[frame, y : y + height, x : x + width]
        counts.update(here[here > 0].tolist())
    return counts.most_common(1)[0][0] if counts else 0


def _goes_far(track: _Track, shape: tuple[int, ...]) -> bool:
    return bool((np.abs(_went(track)) / [shape[2], shape[1]]).max() >= CROSSES / 2)


def _went(track: _Track) -> np.ndarray:
    return np.asarray(np.diff(_middles([track.boxes[0], track.boxes[-1]]), axis=0)[0])


def _without_shadow(track: _Track) -> _Track:
    kept = np.flatnonzero(np.array(track.contrasts) >= SHADOW * np.median(track.contrasts))
    cut = slice(int(kept[0]), int(kept[-1]) + 1)
    parts = (track.frames[cut], track.boxes[cut], track.bodies[cut], track.contrasts[cut])
    return _Track(*parts, track.together)


def _body(component: np.ndarray, stats: np.ndarray) -> Box:
    kernel = np.ones((THIN_PX, THIN_PX), np.uint8)
    thick = cv2.morphologyEx(component.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, _, pieces, _ = cv2.connectedComponentsWithStats(thick, connectivity=8)
    best = pieces[1:][int(np.argmax(pieces[1:, 4]))] if count > 1 else stats
    if best[4] < BODY * stats[4]:
        return _box(stats)
    begin, end = stats[:2], stats[:2] + stats[2:4]
    first = np.maximum(best[:2] - THIN_PX, begin)
    last = np.minimum(best[:2] + best[2:4] + THIN_PX, end)
    return int(first[0]), int(first[1]), int(last[0] - first[0]), int(last[1] - first[1])


def _box(stats: np.ndarray) -> Box:
    x, y, width, height = (int(v) for v in stats[:4])
    return x, y, width, height


def _assign(
    frame: int, seen: list[tuple[Box, Box, float]], open_: list[_Track], reach: float
) -> None:
    middles = _middles([box for box, _, _ in seen])
    ways = sorted(
        (float(np.hypot(*(middles[b] - track.expected(frame)))), t, b)
        for t, track in enumerate(open_)
        for b in range(len(seen))
    )
    taken: set[int] = set()
    used: set[int] = set()
    for way, t, b in ways:
        if way <= reach and t not in used and b not in taken:
            used.add(t)
            taken.add(b)
            open_[t].add(frame, *seen[b])
    for b in set(range(len(seen))) - taken:
        open_.append(_Track())
        open_[-1].add(frame, *seen[b])


def _as_pass(track: _Track, shape: tuple[int, ...]) -> Pass | None:
    count, height, width = shape
    boxes = np.array(track.bodies)
    inside = (
        (boxes[:, 0] >= EDGE_PX)
        & (boxes[:, 1] >= EDGE_PX)
        & (boxes[:, 0] + boxes[:, 2] <= width - EDGE_PX)
        & (boxes[:, 1] + boxes[:, 3] <= height - EDGE_PX)
    )
    went = _went(track)
    share = went / [width, height]
    axis = int(np.argmax(np.abs(share)))
    sides = [_sides(track.boxes[end], width, height) for end in (0, -1)]
    # in at one side and out at another is through, too
    through = bool(sides[0].any() and sides[1].any() and (sides[0] != sides[1]).any())
    through &= bool(abs(share[axis]) >= CROSSES / 2)
    crossed = bool(abs(share[axis]) >= CROSSES) or through
    at_ends = track.frames[0] == 0 or track.frames[-1] == count - 1
    whole = np.array(track.frames)[inside]
    # of one that only touches the edge as the clip begins or ends all is known that counts
    complete = bool(whole[0] > 0 and whole[-1] < count - 1) if len(whole) else not at_ends
    if not crossed and not at_ends and (abs(share[axis]) < CROSSES / 2 or not inside.any()):
        return None
    direction = (
        (("left", "right"), ("up", "down"))[axis][int(went[axis] > 0)]
        if abs(went[axis]) >= 2
        else ""
    )
    found = Pass(
        first=track.frames[0],
        last=track.frames[-1],
        whole_first=int(whole[0]) if len(whole) else -1,
        whole_last=int(whole[-1]) if len(whole) else -1,
        direction=direction,
        crossed=crossed and complete,
    )
    together = track.together and found.crossed
    return replace(found, remark=TOGETHER if together else _remark(found, count, crossed))


def _sides(box: Box, width: int, height: int) -> np.ndarray:
    x, y, right, below = box[0], box[1], box[0] + box[2], box[1] + box[3]
    return np.array([x, y, width - right, height - below]) <= EDGE_PX


def _remark(found: Pass, count: int, far: bool) -> str:
    said = []
    if found.first == 0:
        said.append("was there when the clip begins")
    if found.last == count - 1:
        said.append("is there when the clip ends")
    if found.whole_first < 0:
        said.append("is never wholly in the picture")
    if not far and not said:
        said.append("does not cross the picture")
    return "; ".join(said)


def _middles(boxes: Sequence[Box]) -> np.ndarray:
    rows = np.array(boxes, np.float64).reshape(-1, 4)
    return np.asarray(rows[:, :2] + rows[:, 2:] / 2)
