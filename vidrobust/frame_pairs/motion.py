"""How the camera and a moving part moved between two frames, quickly, from tracked points.

One point in each cell of a grid is tracked by Lucas-Kanade. Points that agree on one similarity form a group.
The camera's group is spread over the frame; what does not move with it is the part, where it is connected and
moves as one. ``registration.py`` measures the motion of every pixel, to be played again.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frame_pairs.prepared import PreparedFrame, to_full
from vidrobust.frame_pairs.robust import same_light, sandwich

TRACKER_WINDOW = 15  # side, px, of the window by which a point is followed
PYRAMID_LEVELS = 4
# The tracker stops after 15 iterations, or at a step below 0.01 px.
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 0.01)
MAX_RETURN = 0.7  # largest distance, analysis px, between a point and the place to which its track leads back
TOLERANCE = 0.75  # largest residual, analysis px, of a point in a group
MIN_POINTS = 12
# Smallest standard deviation of the camera's points on each axis, as a share of that side; 0.29 is all over.
MIN_SPREAD = 0.13
MIN_PART = 5
RESTING = 0.5  # a camera whose points move less, analysis px, may be a small minority of all tracked points
REST = 0.2  # a group whose points move less, analysis px, is at rest
# A group whose points move more, analysis px, is not what a codec left standing in a slow drift.
CLEARLY_MOVING = 1.5
RING_VOTES = 3.0  # votes of a cell in the frame's border ring; backgrounds reach the border
REST_FAVOUR = 3.0  # factor of the votes of a group at rest while all others clearly move
RIVAL = 0.7  # a second group with this share of the camera's votes could be the camera as well
WEAK_TEXTURE = 3.0  # strength, levels per px, at which a corner weighs half as much as a strong one
# Error of a shift, analysis px, that does not average out: interpolation, measured on planted shifts.
SYSTEMATIC = 0.008


@dataclass(frozen=True)
class Similarity:
    """One group's motion from frame a to frame b, in pixels of the full frame, with standard errors.

    x' = centre + shift + zoom * R(rotation) (x - centre), x right, y down: a positive rotation is clockwise.
    ``centre`` is the frame's for the camera and the region's for a part.
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
        """Map (N, 2) x, y of frame a to their places in frame b."""
        angle = np.deg2rad(self.rotation_deg)
        turn = self.zoom * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        return np.asarray(
            (points - self.centre) @ turn.T + self.centre + (self.shift_x, self.shift_y)
        )

    def matrix_back(self) -> np.ndarray:
        """Return the affine map (2, 3) from a pixel of frame b to where it was in frame a."""
        angle, centre = np.deg2rad(self.rotation_deg), np.array(self.centre)
        c, s = np.cos(angle), np.sin(angle)
        linear = np.linalg.inv(self.zoom * np.array([[c, -s], [s, c]]))
        constant = centre - linear @ (centre + np.array([self.shift_x, self.shift_y]))
        return np.column_stack([linear, constant])


@dataclass(frozen=True, kw_only=True)
class PairMotion:
    camera: Similarity  # Motion of the background; the identity with NaN errors where it is unknown
    # Whether enough points, spread over the frame, agree, and no second group could be the camera
    camera_valid: bool
    part: Similarity | None  # The dominant moving region
    part_has_turn: bool  # Whether the part has enough points for its rotation and zoom
    # Share of the tracked points that do not move with the camera; NaN without a camera
    moving_share: float
    # with_camera, elsewhere: (C,) bool; Corners of frame a that move with the camera, and those that were
    # tracked and move otherwise
    with_camera: np.ndarray
    elsewhere: np.ndarray


def measure_motion(a: PreparedFrame, b: PreparedFrame) -> PairMotion:
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
    # points as complex numbers about the frame's centre: a similarity is q = turn p + shift
    p, q = ((to_full(points, a.scale) - centre) @ (1, 1j) for points in (a.corners, moved))
    tolerance = TOLERANCE / a.scale
    camera, clear = _choose_camera(_groups(p, q, good, tolerance), p, q, a)
    if camera is None:
        return unknown
    fit = _fit(p[camera], q[camera])
    residual = np.abs(fit[0] * p + fit[1] - q)
    elsewhere = good & (residual > max(1.33 * tolerance, 6 * np.median(residual[camera])))
    part, has_turn = _part(p, q, elsewhere, fit, centre, a)
    # a background may rest behind a crowd of moving things; one said to move must not be a small minority
    moves = float(np.median(np.abs(q[camera] - p[camera]))) * a.scale
    clear = clear and bool(moves < RESTING or 2 * camera.sum() > elsewhere.sum())
    deviation = (p[camera].real.std() / width, p[camera].imag.std() / height)
    return PairMotion(
        camera=_similarity(p[camera], q[camera], np.flatnonzero(camera), a, centre),
        camera_valid=clear and bool(min(deviation) >= MIN_SPREAD),
        part=part,
        part_has_turn=has_turn,
        moving_share=float(elsewhere.sum() / good.sum()),
        with_camera=camera,
        elsewhere=elsewhere,
    )


def at_rest(centre: tuple[float, float]) -> Similarity:
    nan = float("nan")
    return Similarity(0.0, 0.0, 0.0, 1.0, nan, nan, nan, centre=centre, points=0)


def _track(a: PreparedFrame, b: PreparedFrame) -> tuple[np.ndarray, np.ndarray]:
    # The way back starts from the point's own origin and removes half of the tracker's asymmetry.
    first, second = same_light(a.small, b.small, alike="share")
    start = a.corners[:, None]
    window = (TRACKER_WINDOW, TRACKER_WINDOW)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, None, winSize=window, maxLevel=PYRAMID_LEVELS - 1, criteria=STOP
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
    good = (
        (seen[:, 0] == 1) & (found_back[:, 0] == 1) & (np.hypot(off[:, 0], off[:, 1]) < MAX_RETURN)
    )
    height, width = b.small.shape
    there = there[:, 0] - off / 2
    good &= (
        (there[:, 0] > 4)
        & (there[:, 1] > 4)
        & (there[:, 0] < width - 5)
        & (there[:, 1] < height - 5)
    )
    return there, good


def _groups(p: np.ndarray, q: np.ndarray, good: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Sets of points that agree on one similarity: those at rest, then at most three, the largest first."""
    groups: list[np.ndarray] = []
    rest = good & (np.abs(q - p) < tolerance / 2)
    if rest.sum() >= MIN_POINTS:
        groups.append(_grow(p, q, good, rest, tolerance))
    left = good & ~np.any(groups, axis=0) if groups else good.copy()
    for _ in range(3):
        if left.sum() < MIN_POINTS:
            break
        index = np.flatnonzero(left)
        before, after = (np.stack([z[index].real, z[index].imag], axis=1) for z in (p, q))
        _, inside = cv2.estimateAffinePartial2D(
            before, after, ransacReprojThreshold=tolerance, maxIters=500, refineIters=0
        )
        if inside is None or inside.sum() < MIN_POINTS:
            break
        seed = np.zeros_like(left)
        seed[index[inside[:, 0] == 1]] = True
        groups.append(_grow(p, q, left, seed, tolerance))
        left &= ~groups[-1]
    return groups


def _grow(
    p: np.ndarray, q: np.ndarray, good: np.ndarray, seed: np.ndarray, tolerance: float
) -> np.ndarray:
    for _ in range(2):
        turn, shift = _fit(p[seed], q[seed])
        residual = np.abs(turn * p + shift - q)
        grown = good & (
            residual < np.clip(4 * np.median(residual[seed]), 0.25 * tolerance, tolerance)
        )
        if grown.sum() < MIN_POINTS:
            break
        seed = grown
    return seed


def _choose_camera(
    groups: list[np.ndarray], p: np.ndarray, q: np.ndarray, a: PreparedFrame
) -> tuple[np.ndarray | None, bool]:
    # Cells of the border ring count three times, and so does a group at rest while all others clearly move: a
    # part may fill most of a frame, but a background does not rest while the camera moves.
    if not groups:
        return None, False
    rows, columns = a.grid
    row, column = np.divmod(a.cells, columns)
    ring = (row == 0) | (column == 0) | (row == rows - 1) | (column == columns - 1)
    votes = np.where(ring, RING_VOTES, 1.0)
    moves = [float(np.median(np.abs(q[group] - p[group]))) * a.scale for group in groups]
    scores = []
    for i, group in enumerate(groups):
        others = min((m for j, m in enumerate(moves) if j != i), default=0.0)
        favour = REST_FAVOUR if moves[i] < REST and others > CLEARLY_MOVING else 1.0
        scores.append(votes[group].sum() * favour)
    best = int(np.argmax(scores))
    second = max((s for i, s in enumerate(scores) if i != best), default=0.0)
    return groups[best], bool(second < RIVAL * scores[best])


def _part(
    p: np.ndarray,
    q: np.ndarray,
    elsewhere: np.ndarray,
    camera: tuple[complex, complex],
    centre: tuple[float, float],
    a: PreparedFrame,
) -> tuple[Similarity | None, bool]:
    """The largest connected region that moves as one and not with the camera; whether it has a turn."""
    index = np.flatnonzero(elsewhere)
    if len(index) < MIN_PART:
        return None, False
    from scipy.sparse import csr_matrix  # here, since few pictures need them
    from scipy.sparse.csgraph import connected_components

    relative = q[index] - (camera[0] * p[index] + camera[1])
    tolerance = np.maximum(TOLERANCE / a.scale, 0.15 * np.abs(relative))
    agree = np.abs(relative[:, None] - relative[None, :]) < tolerance[:, None]
    # neighbours in the grid, up to a cell apart, that agree
    row, column = np.divmod(a.cells[index], a.grid[1])
    near = (np.abs(row[:, None] - row) <= 2) & (np.abs(column[:, None] - column) <= 2)
    _, region = connected_components(csr_matrix(agree & agree.T & near), directed=False)
    chosen = index[region == np.bincount(region).argmax()]
    if len(chosen) < MIN_PART:
        return None, False
    has_turn = len(chosen) >= MIN_POINTS
    return _similarity(p[chosen], q[chosen], chosen, a, centre, part=True, turn=has_turn), has_turn


def _fit(p: np.ndarray, q: np.ndarray) -> tuple[complex, complex]:
    p0, q0 = p.mean(), q.mean()
    d = p - p0
    power = float((np.abs(d) ** 2).sum())
    turn = complex((np.conj(d) * (q - q0)).sum() / power) if power > 0 else 1 + 0j
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
    """Robust weighted least squares of q on p, complex about the frame's centre."""
    # Corners of weak texture weigh less, and 3 x 3 cells are one cluster of the errors.
    texture = a.strength[points].astype(np.float64) ** 2
    weight = texture / (texture + WEAK_TEXTURE**2)
    offset = complex((weight * p).sum() / weight.sum()) if part else 0j
    p, q = p - offset, q - offset
    fit, robust = (1 + 0j, 0j), weight
    for _ in range(4):
        mean_p, mean_q = ((robust * z).sum() / robust.sum() for z in (p, q))
        d = p - mean_p
        rotor = 1 + 0j
        if turn:
            rotor = complex(
                (robust * np.conj(d) * (q - mean_q)).sum() / (robust * np.abs(d) ** 2).sum()
            )
        fit = (rotor, complex(mean_q - rotor * mean_p))
        residual = q - fit[0] * p - fit[1]
        limit = 6 * max(float(np.median(np.abs(residual))), 0.01 / a.scale)
        robust = weight * np.clip(1 - (np.abs(residual) / limit) ** 2, 0, 1) ** 2
    row, column = np.divmod(a.cells[points], max(a.grid[1], 1))
    shift_error, turn_error = _errors(p, residual, robust, row // 3 * 1000 + column // 3, turn)
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


def _errors(
    p: np.ndarray, residual: np.ndarray, weight: np.ndarray, cluster: np.ndarray, turn: bool
) -> tuple[float, float]:
    """Standard errors of the shift (mean of x and y) and of the turn, in radians, over clusters of points."""
    # columns: shift x, shift y, and the two parts of the complex turn
    x, y, one, zero = p.real, p.imag, np.ones(len(p)), np.zeros(len(p))
    design = np.stack([np.stack([one, zero, x, -y]), np.stack([zero, one, y, x])])[
        :, : 4 if turn else 2
    ]
    scores = np.einsum("cpn,cn->np", design, np.stack([residual.real, residual.imag]) * weight)
    inverse = np.linalg.pinv(np.einsum("cpn,cqn,n->pq", design, design, weight))
    cov = sandwich(inverse, scores, cluster, 2)
    return float(np.sqrt((cov[0, 0] + cov[1, 1]) / 2)), float(np.sqrt(cov[-1, -1])) if turn else 0.0
