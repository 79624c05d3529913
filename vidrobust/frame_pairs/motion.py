"""How the camera and the moving part moved between two frames, apart, from the pixels alone.

One point in each cell of a grid is followed by Lucas-Kanade, forth and back. The points that agree on one
similarity (shift, rotation, zoom) are a group. The camera's group is the one that is spread over the frame; what
does not move with it is, where it hangs together and agrees, the moving part.

    a b c d e f      camera group: a b c d e f g . . k l p q r ... (spread, reaches the borders)
    g h i j k l      part:         h i j n o (one region, one motion of its own)
    m n o p q r
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from vidrobust.frame_pairs.prepared import PreparedFrame
from vidrobust.frame_pairs.robust import same_light

WINDOW = 15
LEVELS = 4
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 0.01)
"""The tracker iterates 15 times, or until a step is below 0.01 px."""
MAX_RETURN = 0.7
"""Largest distance, analysis px, between a point and where its track leads back to."""
TOLERANCE = 0.75
"""Largest residual, analysis px, of a point in a group."""
MIN_POINTS = 12
MIN_SPREAD = 0.13
"""Smallest standard deviation of the camera's points on each axis, as a share of that side; 0.29 = all over."""
MIN_PART = 5
RESTING = 0.5
"""A camera whose points move less, analysis px, may be a small minority of all that is tracked."""
REST = 0.2
"""A group whose points move less, analysis px, is at rest."""
CLEARLY_MOVING = 1.5
"""A group whose points move more, analysis px, is not what a codec left standing in a slow drift."""
WEAK_TEXTURE = 3.0
"""Strength, grey levels per px, at which a corner weighs half as much as a strong one."""
SYSTEMATIC = 0.008
"""Error of a shift that does not average out, analysis px: interpolation (measured on planted shifts)."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """One group's motion from frame a to frame b, in pixels of the full frame.

    x' = centre + shift + zoom * R(rotation) (x - centre), x to the right, y down, so that a positive rotation
    is clockwise as seen. ``centre`` is the frame's for the camera and the region's for a part.
    ``*_error`` are standard errors, shift's with the tracker's own floor.
    """

    shift_x: float
    shift_y: float
    rotation_deg: float
    zoom: float
    shift_error: float
    rotation_error: float
    zoom_error: float
    centre: tuple[float, float]
    points: int

    def map(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) x, y of frame a -> where they are in frame b."""
        moved: np.ndarray = (
            (points - self.centre) @ self._turn().T + self.centre + (self.shift_x, self.shift_y)
        )
        return moved

    def _turn(self) -> np.ndarray:
        angle = np.deg2rad(self.rotation_deg)
        return self.zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@dataclass(frozen=True, kw_only=True)
class PairMotion:
    """Motion between two frames.

    camera        the motion of the background; the identity with NaN errors where ``camera_valid`` is False
    camera_valid  enough points, spread over the frame, agree, and no second group could be the camera as well
    part          the dominant moving region, or None
    part_has_turn whether the part has enough points for its rotation and zoom
    moving_share  share of the tracked points that do not move with the camera; NaN without a camera
    with_camera   (C,) bool, the corners of frame a that move with the camera
    elsewhere     (C,) bool, the corners that were tracked and move otherwise
    """

    camera: Similarity
    camera_valid: bool
    part: Similarity | None
    part_has_turn: bool
    moving_share: float
    with_camera: np.ndarray
    elsewhere: np.ndarray


def measure_motion(a: PreparedFrame, b: PreparedFrame) -> PairMotion:
    """Motion of camera and part from frame a to frame b."""
    height, width = a.gray.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    none = np.zeros(len(a.corners), bool)
    unknown = PairMotion(
        camera=at_rest(centre),
        camera_valid=False,
        part=None,
        part_has_turn=False,
        moving_share=float("nan"),
        with_camera=none,
        elsewhere=none,
    )
    if len(a.corners) < MIN_POINTS:
        return unknown
    moved, good = _track(a, b)
    if good.sum() < MIN_POINTS:
        return unknown
    p = _complex(_full(a.corners, a.scale) - centre)
    q = _complex(_full(moved, a.scale) - centre)
    tolerance = TOLERANCE / a.scale
    groups = _groups(p, q, good, tolerance)
    camera, clear = _choose_camera(groups, p, q, a)
    if camera is None:
        return unknown
    fit = _fit(p[camera], q[camera])
    residual = np.abs(fit[0] * p + fit[1] - q)
    spread = np.median(residual[camera])
    elsewhere = good & (residual > max(1.33 * tolerance, 6 * spread))
    similarity = _similarity(p[camera], q[camera], np.flatnonzero(camera), a, centre)
    part, has_turn = _part(p, q, elsewhere, fit, centre, a)
    # a background may stand still behind a crowd of moving things; one said to move must not be a small minority
    moves = float(np.median(np.abs(q[camera] - p[camera]))) * a.scale
    clear = clear and bool(moves < RESTING or 2 * camera.sum() > elsewhere.sum())
    return PairMotion(
        camera=similarity,
        camera_valid=clear and _spread_enough(p[camera], width, height),
        part=part,
        part_has_turn=has_turn,
        moving_share=float(elsewhere.sum() / good.sum()),
        with_camera=camera,
        elsewhere=elsewhere,
    )


def at_rest(centre: tuple[float, float]) -> Similarity:
    """The identity, with errors unknown."""
    nan = float("nan")
    return Similarity(
        shift_x=0.0,
        shift_y=0.0,
        rotation_deg=0.0,
        zoom=1.0,
        shift_error=nan,
        rotation_error=nan,
        zoom_error=nan,
        centre=centre,
        points=0,
    )


def _track(a: PreparedFrame, b: PreparedFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where the corners of a are in b, (C, 2), and which of them came back to where they started.

    The way back starts from the point's own origin and removes half of the tracker's asymmetry.
    """
    first, second = same_light(a.small, b.small, alike="share")
    start = a.corners[:, None]
    window = (WINDOW, WINDOW)
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, None, winSize=window, maxLevel=LEVELS - 1, criteria=STOP
    )
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(
        second,
        first,
        there,
        start.copy(),
        winSize=window,
        maxLevel=0,
        criteria=STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    off = (back - start)[:, 0]
    good = (found[:, 0] == 1) & (found_back[:, 0] == 1) & (np.hypot(off[:, 0], off[:, 1]) < MAX_RETURN)
    height, width = b.small.shape
    there = there[:, 0] - off / 2
    good &= (there[:, 0] > 4) & (there[:, 1] > 4) & (there[:, 0] < width - 5) & (there[:, 1] < height - 5)
    return there, good


def _groups(p: np.ndarray, q: np.ndarray, good: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Sets of points that agree on one similarity, the largest first; at most three, and the points at rest."""
    groups: list[np.ndarray] = []
    rest = good & (np.abs(q - p) < tolerance / 2)
    if rest.sum() >= MIN_POINTS:
        groups.append(_grow(p, q, good, rest, tolerance))
    left = good & ~np.any(groups, axis=0) if groups else good.copy()
    for _ in range(3):
        if left.sum() < MIN_POINTS:
            break
        index = np.flatnonzero(left)
        _, inside = cv2.estimateAffinePartial2D(
            _pairs(p[index]), _pairs(q[index]), ransacReprojThreshold=tolerance, maxIters=500, refineIters=0
        )
        if inside is None or inside.sum() < MIN_POINTS:
            break
        seed = np.zeros_like(left)
        seed[index[inside[:, 0] == 1]] = True
        groups.append(_grow(p, q, left, seed, tolerance))
        left &= ~groups[-1]
    return groups


def _grow(p: np.ndarray, q: np.ndarray, good: np.ndarray, seed: np.ndarray, tolerance: float) -> np.ndarray:
    """The good points within the tolerance of the seed's least-squares similarity, twice over."""
    for _ in range(2):
        turn, shift = _fit(p[seed], q[seed])
        residual = np.abs(turn * p + shift - q)
        grown = good & (residual < np.clip(4 * np.median(residual[seed]), 0.25 * tolerance, tolerance))
        if grown.sum() < MIN_POINTS:
            break
        seed = grown
    return seed


def _choose_camera(
    groups: list[np.ndarray], p: np.ndarray, q: np.ndarray, a: PreparedFrame
) -> tuple[np.ndarray | None, bool]:
    """The group that is the camera's, and whether no other could be.

    A group counts its cells, those of the frame's border ring three times. A group at rest counts three times
    over while all others clearly move: a part may fill most of a frame, but a background does not stand still
    while the camera moves.
    """
    if not groups:
        return None, False
    rows, columns = a.grid
    row, column = np.divmod(a.cells, columns)
    ring = (row == 0) | (column == 0) | (row == rows - 1) | (column == columns - 1)
    votes = np.where(ring, 3.0, 1.0)
    moves = [float(np.median(np.abs(q[group] - p[group]))) * a.scale for group in groups]
    scores = []
    for i, group in enumerate(groups):
        others = min((m for j, m in enumerate(moves) if j != i), default=0.0)
        favour = 3.0 if moves[i] < REST and others > CLEARLY_MOVING else 1.0
        scores.append(votes[group].sum() * favour)
    best = int(np.argmax(scores))
    second = max((s for i, s in enumerate(scores) if i != best), default=0.0)
    return groups[best], bool(second < 0.7 * scores[best])


def _part(
    p: np.ndarray,
    q: np.ndarray,
    elsewhere: np.ndarray,
    camera: tuple[complex, complex],
    centre: tuple[float, float],
    a: PreparedFrame,
) -> tuple[Similarity | None, bool]:
    """The largest connected region of cells that moves as one, other than the camera."""
    index = np.flatnonzero(elsewhere)
    if len(index) < MIN_PART:
        return None, False
    relative = q[index] - (camera[0] * p[index] + camera[1])
    tolerance = np.maximum(TOLERANCE / a.scale, 0.15 * np.abs(relative))
    agree = np.abs(relative[:, None] - relative[None, :]) < tolerance[:, None]
    # neighbours in the grid, up to a cell apart, that agree
    row, column = np.divmod(a.cells[index], a.grid[1])
    near = (np.abs(row[:, None] - row) <= 2) & (np.abs(column[:, None] - column) <= 2)
    members = _largest_region(agree & agree.T & near)
    if len(members) < MIN_PART:
        return None, False
    chosen = index[members]
    has_turn = len(chosen) >= MIN_POINTS
    own = _similarity(p[chosen], q[chosen], chosen, a, centre, part=True, turn=has_turn)
    return own, has_turn


def _largest_region(joined: np.ndarray) -> np.ndarray:
    """Indices of the largest connected component of a symmetric (n, n) bool matrix."""
    _, label = connected_components(csr_matrix(joined), directed=False)
    members: np.ndarray = np.flatnonzero(label == np.bincount(label).argmax())
    return members


def _spread_enough(p: np.ndarray, width: int, height: int) -> bool:
    return bool(p.real.std() >= MIN_SPREAD * width and p.imag.std() >= MIN_SPREAD * height)


def _fit(p: np.ndarray, q: np.ndarray) -> tuple[complex, complex]:
    """Least-squares similarity q = turn * p + shift of complex points."""
    p0, q0 = p.mean(), q.mean()
    d = p - p0
    spread = float((np.abs(d) ** 2).sum())
    turn = complex((np.conj(d) * (q - q0)).sum() / spread) if spread > 0 else 1 + 0j
    return turn, complex(q0 - turn * p0)


def _similarity(
    p: np.ndarray,
    q: np.ndarray,
    points: np.ndarray,
    a: PreparedFrame,
    centre: tuple[float, float],
    *,
    part: bool = False,
    turn: bool = True,
) -> Similarity:
    """Robust weighted least squares of q on p, complex about the frame's centre, and its standard errors.

    points  (n,) which corners of a these are: those of weak texture weigh less, and those in neighbouring cells
            err alike, so that the errors take them as one (cluster sandwich, Liang & Zeger 1986)
    """
    texture = a.strength[points].astype(np.float64) ** 2
    weight = texture / (texture + WEAK_TEXTURE**2)
    offset = complex((weight * p).sum() / weight.sum()) if part else 0j
    p, q = p - offset, q - offset
    fit, robust = (1 + 0j, 0j), weight
    for _ in range(4):
        mean_p, mean_q = ((robust * z).sum() / robust.sum() for z in (p, q))
        d = p - mean_p
        rotor = (
            complex((robust * np.conj(d) * (q - mean_q)).sum() / (robust * np.abs(d) ** 2).sum())
            if turn
            else 1
        )
        fit = (rotor, complex(mean_q - rotor * mean_p))
        residual = q - fit[0] * p - fit[1]
        limit = 6 * max(float(np.median(np.abs(residual))), 0.01 / a.scale)
        robust = weight * np.clip(1 - (np.abs(residual) / limit) ** 2, 0, 1) ** 2
    row, column = np.divmod(a.cells[points], max(a.grid[1], 1))
    shift_error, turn_error = _sandwich(p, residual, robust, row // 3 * 1000 + column // 3, turn)
    floor = SYSTEMATIC / a.scale
    rms = float(np.sqrt(np.mean(np.abs(p - p.mean()) ** 2)))
    turn_error = float(np.hypot(turn_error, floor / 3 / rms)) if rms > 0 else float("nan")
    return Similarity(
        shift_x=fit[1].real,
        shift_y=fit[1].imag,
        rotation_deg=float(np.rad2deg(np.angle(fit[0]))),
        zoom=abs(fit[0]),
        shift_error=float(np.hypot(shift_error, floor)),
        rotation_error=float(np.rad2deg(turn_error)),
        zoom_error=turn_error,
        centre=(centre[0] + offset.real, centre[1] + offset.imag),
        points=len(p),
    )


def _sandwich(
    p: np.ndarray, residual: np.ndarray, weight: np.ndarray, cluster: np.ndarray, turn: bool
) -> tuple[float, float]:
    """Standard errors of the shift (the mean of x and y) and of the turn, in radians, by clusters of points."""
    # columns: shift x, shift y, and the two parts of the complex turn
    x, y, one, zero = p.real, p.imag, np.ones(len(p)), np.zeros(len(p))
    design = np.stack([np.stack([one, zero, x, -y]), np.stack([zero, one, y, x])])[:, : 4 if turn else 2]
    scores = np.einsum("cpn,cn->np", design, np.stack([residual.real, residual.imag]) * weight)
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.zeros((index.max() + 1, design.shape[1]))
    np.add.at(sums, index, scores)
    normal = np.einsum("cpn,cqn,n->pq", design, design, weight)
    inverse = np.linalg.pinv(normal)
    count = len(sums)
    cov = inverse @ (sums.T @ sums) @ inverse * (count / max(count - 2, 1))
    return float(np.sqrt((cov[0, 0] + cov[1, 1]) / 2)), float(np.sqrt(cov[-1, -1])) if turn else 0.0


def _complex(points: np.ndarray) -> np.ndarray:
    z: np.ndarray = points[:, 0].astype(np.float64) + 1j * points[:, 1].astype(np.float64)
    return z


def _pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], axis=1)


def _full(points: np.ndarray, scale: float) -> np.ndarray:
    """Analysis pixels -> pixels of the full frame (pixel centres at integers)."""
    full: np.ndarray = (points.astype(np.float64) + 0.5) / scale - 0.5
    return full
