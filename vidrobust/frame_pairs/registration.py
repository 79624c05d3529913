"""Where every pixel of frame b was in frame a: the camera's motion, objects, what came into view.

Displacements stand on the grid of b and lead back to a, because that is what a replay needs::

    frame a  . . . P . .        frame b  . P . . . .        displacement at P = (+2, 0):
             0 1 2 3 4 5                 0 1 2 3 4 5        b[1] is a[1 + 2]

Dense flow is DIS of OpenCV (Kroeger et al., ECCV 2016). Which motion is the camera's is decided by tracked
points (``motion.py``): each cell has one vote, however rich its texture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import cv2
import numpy as np

from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.prepared import prepare_array
from vidrobust.frame_pairs.robust import TUKEY_BIWEIGHT, biweight, correlation, same_light, spread
from vidrobust.frame_pairs.transitions import MIN_SIDE, Unregistered
from vidrobust.frames.pixels import luma

MIN_TEXTURE = 4.0  # gradient, levels per px, from which a pixel counts as textured
MIN_TEXTURED_SHARE = 0.005  # smallest share of textured pixels with which motion is reported at all
# Smallest correlation of b with what was made from a; below it the two do not show the same scene.
MIN_LIKENESS = 0.7
# Flow between unrelated pictures returns by chance in a tenth of them.
MIN_SEEN = 0.25  # smallest share of b that must be found in a and back again
MAX_UNEXPLAINED = 0.5  # largest share of textured pixels that no displacement brings near to b
# Smallest share of textured pixels that must follow the affine motion for it to be reported.
MIN_COMMON = 0.25
# A displacement with a smaller root mean square, px, is within the error of the method and taken as none.
RESOLUTION = 0.05
# Sigma, px, over which displacements are compared by what they leave of the difference to b.
SCALE_OF_RESIDUAL = 3.0
# How far, px, the way there and back may end from its start, plus 10 % of the way (Sundaram et al. 2010).
RETURN_TOLERANCE = 1.0
# difference, levels, beyond the picture's own contrast from which nothing comes near
UNLIKE_LEVELS = 8
SAMPLED_PIXELS = 20_000  # most pixels that the affine motion is fitted to
ROW = 128  # single pixels are sampled in rows of so many, since OpenCV bounds a picture's side

LANCZOS = 4  # lobes of the kernel on each side, as OpenCV has them
# Where less than this share of a picture moves, only that is sampled: the rest would be copied bit by bit.
MOSTLY_STILL = 0.4

# two estimates of the camera's motion that are nearer, px rms, are of the same motion
SAME_MOTION = 0.5
# Rows and columns of cells in which a camera's motion must show where no group of points is the camera's.
GRID_OF_CELLS = (9, 12)
QUORUM = 0.6  # share of these cells in which it must show
# The flow is an object's motion where it leaves less than this share of what the camera's motion leaves.
BETTER = 0.9
MIN_OWN_MOTION = 0.15  # smallest motion beyond the camera's, px, that is an object's
# Motion is of one thing before an empty background, or of a camera before it, where it leaves so many levels less than
# rest does in fewer than MOST_ALONE of the cells and at fewer than SIDES of the picture's sides, and rest leaves less
# nearly nowhere: AT_REST of the two together.
CLOSER, MOST_ALONE, SIDES, AT_REST = 0.5, 0.5, 3, 0.05
OF_CELL, OF_SIDE = 0.25, 0.25  # shares of a cell's pixels, and of a side's cells, in which it must
ALIKE = 0.8  # share of the textured pixels that must follow it
OF_DIRT = 0.15  # as AT_REST, of dirt on the lens while the camera moves
# Gaps of an object's motion up to this wide, px, are closed: its flat inside fits as well without motion.
CLOSING = 15
JUMP = 1.0  # jump of the displacement between neighbouring pixels, px, at the edge of what moves
# On simulated belts the account rises from .66 to .83-.88 of a true .89-.92 with edges counted as come into
# view.
EDGE = 2  # px on both sides of such an edge that count as come into view


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What moved between frame a and frame b."""

    affine: np.ndarray  # (2, 3) float64: From a pixel of b to where it was in a
    by_affine: np.ndarray  # (H, W, 2) float32: The displacement that this makes, px
    flow: np.ndarray  # (H, W, 2) float32: Displacement, px, from a pixel of b to where it was in a
    # (H, W) bool: Pixels of b that were seen in a: displaced consistently forth and back
    visible: np.ndarray
    # (H, W) bool: Pixels of b that were surely not in a: no displacement comes near, none returns
    unseen: np.ndarray
    common: float  # Share of the textured pixels that follow the affine motion
    likeness: float  # Correlation of luma between b and what is made from a, in [-1, 1]
    # failed, affine_failed: Why nothing can be said of this pair, or of its affine motion; None if it holds
    failed: Unregistered | None
    affine_failed: Unregistered | None
    # The grey frames in one light, and by displacement what it leaves of their difference: (H, W) each
    grays: tuple[np.ndarray, np.ndarray] | None = None
    left: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def shift(self) -> np.ndarray:
        """How the picture at the frame's centre moved from a to b, (2,) px, x right, y down."""
        height, width = self.visible.shape
        centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
        return np.asarray(centre[:2] - self.affine @ centre)


def register(
    a: np.ndarray,
    b: np.ndarray,
    *,
    fine: bool = True,
    texture: float = MIN_TEXTURE,
    min_seen: float = MIN_SEEN,
) -> Registration:
    """Register two RGB frames (H, W, 3) uint8 of one size; ``failed`` says why that is not possible.

    Not ``fine``, flow stops at half resolution, in a quarter of the time. ``texture`` and ``min_seen``
    replace MIN_TEXTURE and MIN_SEEN; lower in smoothed frames.
    """
    if (
        a.shape != b.shape
        or a.ndim != 3
        or a.shape[2] != 3
        or a.dtype != np.uint8
        or b.dtype != np.uint8
    ):
        raise ValueError(
            f"register: expected two uint8 frames of one shape (H, W, 3), got {a.dtype} {a.shape} and "
            f"{b.dtype} {b.shape}"
        )
    height, width = a.shape[:2]
    if min(height, width) < MIN_SIDE:
        return _unknown(height, width, Unregistered.SMALL_FRAME)
    gray_a, gray_b = same_light(luma(a), luma(b), alike="level")
    gradient = (
        np.hypot(cv2.Sobel(gray_b, cv2.CV_32F, 1, 0), cv2.Sobel(gray_b, cv2.CV_32F, 0, 1)) / 8
    )
    textured = gradient > texture
    if textured.mean() < MIN_TEXTURED_SHARE:
        return _unknown(height, width, Unregistered.NO_TEXTURE)
    flow = _dis(0 if fine else 1).calc(gray_b, gray_a, None)
    returns = _returns(flow, _dis(1).calc(gray_a, gray_b, None)) & inside(flow)
    affine, common = _fit_affine(flow, textured & returns)
    by_affine = affine_field(affine, height, width)
    made, unexplained, left = _nearest(gray_a, gray_b, (by_affine, flow))
    likeness = correlation(made[textured], gray_b[textured])
    visible = returns & ~unexplained
    failed = None
    if likeness < MIN_LIKENESS or float(visible.mean()) < min_seen:
        failed = Unregistered.OTHER_SCENE
    elif float(unexplained[textured].mean()) > MAX_UNEXPLAINED:
        failed = Unregistered.MUCH_IS_NEW
    return Registration(
        affine=affine,
        by_affine=by_affine,
        flow=flow,
        visible=visible,
        unseen=unexplained & ~returns,
        common=common,
        likeness=likeness,
        failed=failed,
        affine_failed=None if common >= MIN_COMMON else Unregistered.NO_COMMON_MOTION,
        grays=(gray_a, gray_b),
        left=dict(zip(("", "affine", "flow"), left, strict=True)),
    )


def flow_at_width(
    a: np.ndarray, b: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Return the coarse flow from b to a of two frames averaged down to ``width`` px; None if the scenes differ.

    The flow (h, w, 2) is in px of the small frames, with where it can be trusted (h, w), bool, and their scale.
    Frames without texture count as at rest.
    """
    scale = min(1.0, width / b.shape[1])
    if scale < 1:
        size = (width, max(1, round(b.shape[0] * scale)))
        a, b = (cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (a, b))
    registered = register(a, b, fine=False)
    if registered.failed in (Unregistered.NO_TEXTURE, Unregistered.SMALL_FRAME):
        return np.zeros((*b.shape[:2], 2), np.float32), np.ones(b.shape[:2], bool), scale
    return None if registered.failed else (registered.flow, registered.visible, scale)


def _unknown(height: int, width: int, reason: Unregistered) -> Registration:
    still = np.zeros((height, width, 2), np.float32)
    return Registration(
        affine=np.eye(2, 3),
        by_affine=still,
        flow=still,
        visible=np.zeros((height, width), bool),
        unseen=np.ones((height, width), bool),
        common=0.0,
        likeness=float("nan"),
        failed=reason,
        affine_failed=reason,
    )


def _dis(finest_scale: int) -> cv2.DISOpticalFlow:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(finest_scale)
    if finest_scale == 0:
        # ten rounds of refinement instead of five: nearer below a pixel (patches every 2 px add nothing)
        flow.setVariationalRefinementIterations(10)
    return flow


def _returns(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    way_back = warp(back, there, interpolation=cv2.INTER_LINEAR)
    return np.asarray(length_px(there + way_back) < RETURN_TOLERANCE + 0.1 * length_px(there))


def _fit_affine(flow: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, float]:
    """Affine map b -> a that most of the usable flow agrees on, and the share of it that does."""
    # Iteratively reweighted least squares with Tukey's biweight, begun at the median flow.
    height, width = flow.shape[:2]
    ys, xs = np.nonzero(usable)
    if len(xs) < 12:
        return np.eye(2, 3), 0.0
    step = -(-len(xs) // SAMPLED_PIXELS)
    ys, xs = ys[::step], xs[::step]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    design = np.column_stack([(xs - centre[0]) / width, (ys - centre[1]) / width, np.ones(len(xs))])
    moved = flow[ys, xs].astype(np.float64)
    residual = _lengths(moved - np.median(moved, axis=0))
    fit, scale = np.zeros((3, 2)), 0.0
    for _ in range(12):
        scale = spread(residual, 0.05)
        weight = biweight(residual, scale)
        normal = design.T @ (design * weight[:, None]) + 1e-9 * np.eye(3)
        fit = np.linalg.solve(normal, design.T @ (moved * weight[:, None]))
        residual = _lengths(moved - design @ fit)
    linear = fit[:2].T / width
    affine = np.column_stack([np.eye(2) + linear, fit[2] - linear @ centre])
    return affine, float((residual < np.clip(TUKEY_BIWEIGHT * scale, 0.25, 1.0)).mean())


def _lengths(vectors: np.ndarray) -> np.ndarray:
    x, y = vectors.T
    return np.asarray(np.sqrt(x * x + y * y))


def _nearest(
    a: np.ndarray, b: np.ndarray, fields: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The picture made of a by whichever displacement comes nearest to b, and where none comes near."""
    # The last are what no displacement and each of these leaves of the difference.
    # No displacement is tried first: like the motion vectors of a video encoder, others must do better.
    made, least, source = a.astype(np.float32), blurred_difference(a, b), Doubled(a)
    every = [least]
    for displacement in fields:
        moved = source.warped(displacement)
        every.append(blurred_difference(moved, b))
        np.copyto(made, moved, where=every[-1] < least)
        least = np.minimum(least, every[-1])
    return made, _far(least, b), every


def warp(
    frame: np.ndarray, displacement: np.ndarray, *, interpolation: int = cv2.INTER_LANCZOS4
) -> np.ndarray:
    """Sample a frame at displaced places: out[y, x] = frame[y + dy, x + dx], borders mirrored."""
    if interpolation == cv2.INTER_LANCZOS4 and moves(displacement[::8, ::8]).mean() < MOSTLY_STILL:
        where, made = moves(displacement), frame.copy()
        made[where] = warp_at(frame, displacement, where)
        return made
    places = _places(displacement)
    return np.asarray(
        cv2.remap(frame, places, None, interpolation, borderMode=cv2.BORDER_REFLECT_101)
    )


def warp_at(frame: np.ndarray, displacement: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return what ``warp`` gives at the n pixels of ``where`` (H, W) bool, (n, C)."""
    y, x = np.nonzero(where)
    count = len(x)
    if not count:
        return np.empty((0, *frame.shape[2:]), frame.dtype)
    rows = -(-count // ROW) * ROW
    places = np.zeros((2, rows), np.float32)
    places[0, :count] = x.astype(np.float32) + displacement[y, x, 0]
    places[1, :count] = y.astype(np.float32) + displacement[y, x, 1]
    of_x, of_y = places.reshape(2, -1, ROW)
    made = cv2.remap(frame, of_x, of_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(made.reshape(rows, *frame.shape[2:])[:count])


class Doubled:
    """A frame (H, W) or (H, W, C) to be warped more than once, at twice the resolution.

    Pixels half-way are those of ``warp``, all others interpolated between them: waves of four px and more within
    2 % of their height, in a third of the time for each further displacement.
    """

    def __init__(self, frame: np.ndarray) -> None:
        self.frame = frame

    def warped(self, displacement: np.ndarray) -> np.ndarray:
        """Return the frame at displaced places, as ``warp`` gives it, float32."""
        if moves(displacement[::8, ::8]).mean() < MOSTLY_STILL:
            return warp(self.frame.astype(np.float32, copy=False), displacement)
        places, reflect = 2 * _places(displacement), cv2.BORDER_REFLECT_101
        cubic, linear = (
            cv2.remap(self._pixels, places, None, interpolation, borderMode=reflect)
            for interpolation in (cv2.INTER_CUBIC, cv2.INTER_LINEAR)
        )
        # OpenCV's cubic (a = -3/4) makes waves too high by about half of what linear makes them too low
        return np.asarray(cv2.addWeighted(cubic, 2 / 3, linear, 1 / 3, 0))

    @cached_property
    def _pixels(self) -> np.ndarray:
        x = self.frame.astype(np.float32, copy=False)
        for axis in (1, 0):
            shape = list(x.shape)
            shape[axis] *= 2
            x = np.stack([x, _half_way(x, axis)], axis=axis + 1).reshape(shape)
        return np.asarray(x[:-1, :-1])


def _half_way(x: np.ndarray, axis: int) -> np.ndarray:
    at = np.arange(2 * LANCZOS) - LANCZOS + 0.5
    kernel = np.sinc(at) * np.sinc(at / LANCZOS)
    sides = [kernel / kernel.sum(), np.ones(1)]
    across, down = sides if axis else sides[::-1]
    anchor = (LANCZOS - 1) * axis, (LANCZOS - 1) * (1 - axis)
    return np.asarray(
        cv2.sepFilter2D(x, -1, across, down, anchor=anchor, borderType=cv2.BORDER_REFLECT_101)
    )


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> np.ndarray:
    return np.stack(
        np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (width, height))), axis=-1
    )


def _places(displacement: np.ndarray) -> np.ndarray:
    return np.asarray(_grid(*displacement.shape[:2]) + displacement, np.float32)


def inside(displacement: np.ndarray) -> np.ndarray:
    """Return where a displacement (H, W, 2), px, leads to a place within the frame, (H, W) bool."""
    height, width = displacement.shape[:2]
    return cv2.inRange(_places(displacement), (-0.5, -0.5), (width - 0.5, height - 0.5)).astype(
        bool
    )


def moves(displacement: np.ndarray) -> np.ndarray:
    return ~cv2.inRange(displacement, (0.0, 0.0), (0.0, 0.0)).astype(bool)


def size_px(displacement: np.ndarray) -> float:
    """Return the root mean square length of a displacement field (..., 2), px."""
    return float(np.sqrt(np.mean(np.square(displacement), dtype=np.float64) * 2))


def length_px(displacement: np.ndarray) -> np.ndarray:
    """Return (H, W) the length of a displacement (H, W, 2) at each pixel."""
    return np.asarray(cv2.magnitude(*cv2.split(np.ascontiguousarray(displacement))))


def affine_field(affine: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the displacement of an affine map (2, 3) from pixels of b to pixels of a, (H, W, 2) float32."""
    x = np.arange(width, dtype=np.float64)[None]
    y = np.arange(height, dtype=np.float64)[:, None]
    field = np.empty((height, width, 2), np.float32)
    field[..., 0] = (affine[0, 0] - 1) * x + affine[0, 1] * y + affine[0, 2]
    field[..., 1] = affine[1, 0] * x + (affine[1, 1] - 1) * y + affine[1, 2]
    return field


def inverted(affine: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.inv(np.vstack([affine, [0, 0, 1]]))[:2])


def blurred_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the absolute difference of two grey pictures about each pixel, levels."""
    difference = cv2.absdiff(*(x.astype(np.float32, copy=False) for x in (a, b)))
    return np.asarray(cv2.GaussianBlur(difference, (0, 0), SCALE_OF_RESIDUAL))


def unlike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return where the grey picture a does not come near the grey picture b, (H, W) bool."""
    return _far(blurred_difference(a, b), b)


def _far(difference: np.ndarray, b: np.ndarray) -> np.ndarray:
    contrast = cv2.GaussianBlur(b.astype(np.float32), (0, 0), SCALE_OF_RESIDUAL)
    return np.asarray(difference > UNLIKE_LEVELS + blurred_difference(b, contrast))


# Which motion is the camera's, and what moves beyond it


def camera_motion(
    first: np.ndarray, second: np.ndarray, moved: Registration, *, by_pixels: bool
) -> np.ndarray:
    """Return the camera's motion, a map (2, 3) from the second frame to the first.

    The affine motion of ``moved`` is the more exact one where it agrees with the points. ``by_pixels``
    correlates all pixels where few points can be tracked, as in strong noise.
    """
    seen = measure_motion(prepare_array(first), prepare_array(second))
    if not seen.camera_valid and by_pixels:
        return _of_all_pixels(luma(first), luma(second))
    if not seen.camera_valid:
        # no one group is the camera's: a hand-held camera before near and far things
        return shared_motion(moved) if moves_everywhere(moved) else np.eye(2, 3)
    affine, finer = seen.camera.matrix_back(), shared_motion(moved)
    by_points = affine_field(affine, *moved.visible.shape)
    near = size_px(by_points - affine_field(finer, *moved.visible.shape)) < SAME_MOTION
    if near or (moved.common >= ALIKE and resting(moved) <= OF_DIRT and moves_everywhere(moved)):
        return finer  # points on dirt on the lens rest while all else moves
    return affine if size_px(by_points) >= RESOLUTION else np.eye(2, 3)


def _of_all_pixels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The affine motion under which two grey pictures correlate most (Evangelidis & Psarakis 2008)."""
    # It begins with the shift of their phase correlation; the identity where that does not lead anywhere.
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(second.astype(np.float32), first.astype(np.float32), window)
    start = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
    try:
        _, affine = cv2.findTransformECC(second, first, start, cv2.MOTION_AFFINE, stop, None, 1)
    except cv2.error:  # the iteration left the picture
        return np.eye(2, 3)
    return np.asarray(affine, np.float64)


def moves_everywhere(moved: Registration) -> bool:
    """Say whether the affine motion removes over half of the flow in most cells, also along the rim."""
    left = moved.flow - moved.by_affine
    size = (GRID_OF_CELLS[1], GRID_OF_CELLS[0])
    clear = moved.visible.astype(np.float32)
    share = cv2.resize(clear, size, interpolation=cv2.INTER_AREA)
    rest, flow = (
        cv2.resize(length_px(motion) * clear, size, interpolation=cv2.INTER_AREA)
        for motion in (left, moved.flow)
    )
    better, known = rest < flow / 2, share > 0.5
    rim = np.ones(GRID_OF_CELLS, bool)
    rim[1:-1, 1:-1] = False
    enough = known.sum() >= known.size // 4 and (rim & known).any()
    return bool(enough and better[known].mean() > QUORUM and better[rim & known].mean() > QUORUM)


def moves_alone(moved: Registration) -> bool:
    """Say whether what moves as one is all that is seen: whether it moves or the camera cannot be told."""
    if moved.common < ALIKE or size_px(moved.by_affine) < RESOLUTION or resting(moved) > AT_REST:
        return False
    share = (moved.left[""] - moved.left["affine"] > CLOSER).astype(np.float32)
    cells = cv2.resize(share, GRID_OF_CELLS[::-1], interpolation=cv2.INTER_AREA) > OF_CELL
    sides = (cells[0], cells[-1], cells[:, 0], cells[:, -1])
    return bool(0 < cells.mean() < MOST_ALONE and sum(x.mean() > OF_SIDE for x in sides) < SIDES)


def resting(motions: Registration) -> float:
    """Return how much less rest leaves than the affine motion, where it does, as a share of both ways, in [0, 1]."""
    closer = motions.left[""] - motions.left["affine"]
    moved, at_rest = (float(np.maximum(x - CLOSER, 0).sum()) for x in (closer, -closer))
    return at_rest / max(moved + at_rest, 1e-9)


def shared_motion(moved: Registration) -> np.ndarray:
    """Return the affine motion (2, 3) that most textured pixels share; the identity where there is none."""
    return (
        np.eye(2, 3)
        if moved.affine_failed or size_px(moved.by_affine) < RESOLUTION
        else moved.affine
    )


def own_motion(
    moved: Registration, affine: np.ndarray, camera: np.ndarray, margin: float
) -> np.ndarray:
    """Return the flow beyond the camera where it brings the first grey picture nearer by ``margin``.

    ``camera`` is the field of ``affine``, or zero.
    """
    assert moved.grays is not None, "asked only of frames that could be registered"
    own = moved.flow - camera
    if not camera.any():
        by_camera = moved.left[""]
    elif np.array_equal(affine, moved.affine):
        by_camera = moved.left["affine"]
    else:
        by_camera = blurred_difference(warp(moved.grays[0], camera), moved.grays[1])
    better = (moved.left["flow"] < BETTER * by_camera - margin) & (length_px(own) > MIN_OWN_MOTION)
    closed = cv2.morphologyEx(better.astype(np.uint8), cv2.MORPH_CLOSE, _disc(CLOSING))
    return np.asarray(np.where(closed.astype(bool)[..., None], own, np.float32(0)))


def edges_of(motion: np.ndarray) -> np.ndarray:
    """Return what lies within 2 px of a jump of the displacement by more than 1 px, (H, W) bool."""
    jump = np.zeros(motion.shape[:2], np.uint8)
    across, down = (length_px(np.diff(motion, axis=axis)) > JUMP for axis in (1, 0))
    for side in (jump[:, 1:], jump[:, :-1]):
        side |= across
    for side in (jump[1:], jump[:-1]):
        side |= down
    return (
        np.asarray(cv2.dilate(jump, _disc(2 * EDGE + 1)).astype(bool))
        if jump.any()
        else jump.astype(bool)
    )


def _disc(side: int) -> np.ndarray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
