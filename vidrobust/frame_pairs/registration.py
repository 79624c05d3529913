"""Where every pixel of frame b was in frame a, at full resolution: global shift, affine motion, dense flow.

All three are reported as displacements on the grid of b, because that is what a replay needs:

    frame a  . . . P . .        frame b  . P . . . .        displacement at P = (+2, 0):
             0 1 2 3 4 5                 0 1 2 3 4 5        b[1] is a[1 + 2]

Dense flow is DIS down to full resolution (Kroeger et al., "Fast optical flow using dense inverse search", ECCV
2016, in OpenCV). Shift and affine motion are a robust fit to the flow where there is texture, so that an object
that moves on its own does not influence the camera's motion along, as it would in a fit to the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frame_pairs.robust import TUKEY_BIWEIGHT, biweight, same_light, spread
from vidrobust.frame_pairs.transitions import MIN_SIDE, Unregistered
from vidrobust.frames.pixels import luma

MIN_TEXTURE = 4.0
"""Gradient, grey levels per px, from which a pixel counts as textured."""
MIN_TEXTURED_SHARE = 0.005
"""Smallest share of textured pixels with which motion is reported at all."""
MIN_LIKENESS = 0.7
"""Smallest correlation of b with what was made from a; below it the two do not show the same scene."""
MIN_SEEN = 0.25
"""Smallest share of b that is found in a and back again. Flow between unrelated pictures returns by chance in a
tenth."""
MAX_UNEXPLAINED = 0.5
"""Largest share of textured pixels that no displacement brings near to b."""
MIN_COMMON = 0.25
"""Smallest share of textured pixels that follow the affine motion, for it to be called the camera's."""
RESOLUTION = 0.05
"""A displacement whose root mean square is smaller, px, is within the error of the method and taken as none."""
SCALE_OF_RESIDUAL = 3.0
"""Sigma, px, over which displacements are compared by what they leave of the difference to b."""
RETURN_TOLERANCE = 1.0
"""How far, px, the way there and back may end from its start (plus 10 % of the way): Sundaram et al. 2010."""
_ROW = 128
"""Single pixels are sampled in rows of so many: a picture's side is bounded."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What moved between frame a and frame b.

    shift         (2,) float64 px, x right, y down: how the picture's centre moved from a to b
    affine        (2, 3) float64, a pixel of b -> where it was in a
    flow          (H, W, 2) float32 px, displacement from a pixel of b to where it was in a
    source        (H, W) uint8, what brings a nearest to b here: 0 no motion, 1 the affine, 2 the flow
    visible       (H, W) bool, pixels of b that were seen in a: displaced consistently forth and back
    unseen        (H, W) bool, pixels of b that were surely not in a: no displacement comes near, none returns
    textured      share of pixels with texture
    common        share of textured pixels that follow the affine motion
    likeness      correlation of luma between b and frame a moved by ``source``, in [-1, 1]
    failed        why nothing can be said of this pair; None if the registration holds
    affine_failed why shift and affine cannot be determined; None if they hold
    """

    shift: np.ndarray
    affine: np.ndarray
    flow: np.ndarray
    source: np.ndarray
    visible: np.ndarray
    unseen: np.ndarray
    textured: float
    common: float
    likeness: float
    failed: Unregistered | None
    affine_failed: Unregistered | None


def register(
    a: np.ndarray,
    b: np.ndarray,
    *,
    fine: bool = True,
    texture: float = MIN_TEXTURE,
    min_seen: float = MIN_SEEN,
) -> Registration:
    """Register two frames.

    a, b     (H, W, 3) uint8 RGB of one size
    fine     flow down to full resolution; otherwise down to half, in a quarter of the time
    texture  gradient, levels per px, from which a pixel counts as textured
    min_seen smallest share of b that must be found in a and back again; like texture less in smoothed frames
    A pair that cannot be registered (no texture, another scene) is not an error: ``failed`` says why.
    """
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(
            f"register: expected two uint8 frames of one shape (H, W, 3), got {a.dtype} {a.shape} and "
            f"{b.dtype} {b.shape}"
        )
    height, width = a.shape[:2]
    if min(height, width) < MIN_SIDE:
        return _unknown(height, width, Unregistered.SMALL_FRAME)
    gray_a, gray_b = same_light(luma(a), luma(b), alike="level")
    gradient = np.hypot(cv2.Sobel(gray_b, cv2.CV_32F, 1, 0), cv2.Sobel(gray_b, cv2.CV_32F, 0, 1)) / 8
    textured = gradient > texture
    if textured.mean() < MIN_TEXTURED_SHARE:
        return _unknown(height, width, Unregistered.NO_TEXTURE)
    flow = _dis(0 if fine else 1).calc(gray_b, gray_a, None)
    returns = _returns(flow, _dis(1).calc(gray_a, gray_b, None)) & inside(flow)
    affine, common = _fit_affine(flow, textured & returns)
    field = affine_field(affine, height, width)
    source, made, unexplained = _choose(gray_a, gray_b, (field, flow))
    likeness = _correlation(made[textured], gray_b[textured])
    visible = returns & ~unexplained
    return Registration(
        shift=_centre_shift(affine, height, width),
        affine=affine,
        flow=flow,
        source=source,
        visible=visible,
        unseen=unexplained & ~returns,
        textured=float(textured.mean()),
        common=common,
        likeness=likeness,
        failed=_why_failed(likeness, float(visible.mean()), float(unexplained[textured].mean()), min_seen),
        affine_failed=None if common >= MIN_COMMON else Unregistered.NO_COMMON_MOTION,
    )


def warp(
    frame: np.ndarray, displacement: np.ndarray, *, interpolation: int = cv2.INTER_LANCZOS4
) -> np.ndarray:
    """The frame as seen at displaced places: out[y, x] = frame[y + dy, x + dx], borders mirrored.

    frame (H, W) or (H, W, C) of uint8 or float32; displacement (H, W, 2) float32 px, x first. Lanczos over 8 px.
    """
    height, width = displacement.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + displacement[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + displacement[..., 1]
    return np.asarray(cv2.remap(frame, x, y, interpolation, borderMode=cv2.BORDER_REFLECT_101))


def warp_at(frame: np.ndarray, displacement: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(n, C) what ``warp`` gives at the n pixels of ``where`` (H, W) bool, without the others."""
    y, x = np.nonzero(where)
    count = len(x)
    if not count:
        return np.empty((0, *frame.shape[2:]), frame.dtype)
    rows = -(-count // _ROW) * _ROW
    places = np.zeros((2, rows), np.float32)
    places[0, :count] = x.astype(np.float32) + displacement[y, x, 0]
    places[1, :count] = y.astype(np.float32) + displacement[y, x, 1]
    of_x, of_y = places.reshape(2, -1, _ROW)
    made = cv2.remap(frame, of_x, of_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(made.reshape(rows, *frame.shape[2:])[:count])


def moves(displacement: np.ndarray) -> np.ndarray:
    """(H, W) bool, where a displacement (H, W, 2) is not zero."""
    return np.asarray((displacement[..., 0] != 0) | (displacement[..., 1] != 0))


def affine_field(affine: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 2) float32 displacement of an affine map (2, 3) from pixels of b to pixels of a."""
    x = np.arange(width, dtype=np.float64)[None]
    y = np.arange(height, dtype=np.float64)[:, None]
    field = np.empty((height, width, 2), np.float32)
    field[..., 0] = (affine[0, 0] - 1) * x + affine[0, 1] * y + affine[0, 2]
    field[..., 1] = affine[1, 0] * x + (affine[1, 1] - 1) * y + affine[1, 2]
    return field


def size_px(displacement: np.ndarray) -> float:
    """Root mean square length of a displacement field, px."""
    return float(np.sqrt(np.mean(np.square(displacement), dtype=np.float64) * 2))


def _dis(finest_scale: int) -> cv2.DISOpticalFlow:
    """DIS, medium; finest scale 0 is full resolution, 1 is half."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(finest_scale)
    if finest_scale == 0:
        # patches every 2 px instead of 3, and ten rounds of refinement instead of five: nearer below a pixel
        flow.setPatchStride(2)
        flow.setVariationalRefinementIterations(10)
    return flow


def inside(flow: np.ndarray) -> np.ndarray:
    """(H, W) bool: what a displacement (H, W, 2), px, takes from within the border of the other frame."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return np.asarray((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))


def _returns(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """(H, W) bool: the way from b to a and back ends where it began."""
    way_back = warp(back, there, interpolation=cv2.INTER_LINEAR)
    gap, way = (cv2.magnitude(*cv2.split(x)) for x in (there + way_back, there))
    return np.asarray(gap < RETURN_TOLERANCE + 0.1 * way)


def _fit_affine(flow: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, float]:
    """Affine map b -> a that most of the usable flow agrees on, and the share of it that does.

    Iteratively reweighted least squares with Tukey's biweight from the median flow, scale by the median residual,
    at most 20 000 pixels.
    """
    height, width = flow.shape[:2]
    ys, xs = np.nonzero(usable)
    if len(xs) < 12:
        return np.eye(2, 3), 0.0
    step = max(1, len(xs) // 20_000)
    ys, xs = ys[::step], xs[::step]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    design = np.column_stack([(xs - centre[0]) / width, (ys - centre[1]) / width, np.ones(len(xs))])
    moved = flow[ys, xs].astype(np.float64)
    residual = np.linalg.norm(moved - np.median(moved, axis=0), axis=1)
    found, scale = np.zeros((3, 2)), 0.0
    for _ in range(12):
        scale = spread(residual, 0.05)
        weight = biweight(residual, scale)
        normal = design.T @ (design * weight[:, None]) + 1e-9 * np.eye(3)
        found = np.linalg.solve(normal, design.T @ (moved * weight[:, None]))
        residual = np.linalg.norm(moved - design @ found, axis=1)
    linear = found[:2].T / width
    affine = np.column_stack([np.eye(2) + linear, found[2] - linear @ centre])
    return affine, float((residual < np.clip(TUKEY_BIWEIGHT * scale, 0.25, 1.0)).mean())


def _centre_shift(affine: np.ndarray, height: int, width: int) -> np.ndarray:
    """How the picture at the frame's centre moved from a to b."""
    centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    return np.asarray(centre[:2] - affine @ centre)


def _choose(
    a: np.ndarray, b: np.ndarray, fields: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which displacement brings a nearest to b around each pixel (0: none), the picture so made, and where none
    comes near.

    As a video encoder chooses between motion vectors; where nothing moved all are equal and 0 is taken.
    """
    made, source = a.copy(), np.zeros(a.shape, np.uint8)
    least = blurred_difference(a, b)
    for number, field in enumerate(fields, start=1):
        moved = warp(a, field)
        left = blurred_difference(moved, b)
        better = left < least
        source[better], made[better], least[better] = number, moved[better], left[better]
    return source, made, _unlike(least, b)


def unlike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the grey picture a does not come near b."""
    return _unlike(blurred_difference(a, b), b)


def _unlike(difference: np.ndarray, b: np.ndarray) -> np.ndarray:
    contrast = cv2.GaussianBlur(b.astype(np.float32), (0, 0), SCALE_OF_RESIDUAL)
    return np.asarray(difference > 8 + blurred_difference(b, contrast))


def blurred_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) float32, the absolute difference of two grey pictures about each pixel, levels."""
    difference = np.abs(a.astype(np.float32) - b.astype(np.float32))
    return np.asarray(cv2.GaussianBlur(difference, (0, 0), SCALE_OF_RESIDUAL))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _why_failed(likeness: float, seen: float, unexplained: float, min_seen: float) -> Unregistered | None:
    if likeness < MIN_LIKENESS or seen < min_seen:
        return Unregistered.OTHER_SCENE
    return Unregistered.MUCH_IS_NEW if unexplained > MAX_UNEXPLAINED else None


def _unknown(height: int, width: int, reason: Unregistered) -> Registration:
    return Registration(
        shift=np.zeros(2),
        affine=np.eye(2, 3),
        flow=np.zeros((height, width, 2), np.float32),
        source=np.zeros((height, width), np.uint8),
        visible=np.zeros((height, width), bool),
        unseen=np.ones((height, width), bool),
        textured=0.0,
        common=0.0,
        likeness=float("nan"),
        failed=reason,
        affine_failed=reason,
    )
