"""Geometry: translation, rotation, scale, shear, perspective, flip; and where boxes go.

Bicubic (a = -0.75), mirrored borders, centre of the frame fixed; whole-pixel translations are exact. On the
CPU OpenCV warps in fixed point; on other devices, and for sides below 8 or above 32 766 px, ``grid_sample``
does the same in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
import torch
from torch.nn.functional import grid_sample

from vidrobust.frames.pixels import each_alone, each_frame, rounded
from vidrobust.perturb.draws import Generators, integer, one_per_frame, sign, uniform
from vidrobust.perturb.light import factors
from vidrobust.perturb.perturbation import (
    Apply,
    Core,
    Motion,
    MoveBoxes,
    Perturbation,
    given_sign,
    own_entry,
)

# Frame sides that OpenCV can warp: a mirrored border of one pixel never ends there
OPENCV_SIDES = range(8, 32767)
Matrix = np.ndarray
Interpolation = Literal["bicubic", "bilinear"]
Border = Literal["mirrored", "black"]
# (strength, the frame's generator, (H, W)) -> 3x3, a point of the clean frame to its place afterwards, in
# pixels measured from the centre of the frame
Map = Callable[[float, torch.Generator, tuple[int, int]], Matrix]


def warp(
    pixels: torch.Tensor,
    matrices: Sequence[Matrix],
    *,
    interpolation: Interpolation = "bicubic",
    border: Border = "mirrored",
) -> torch.Tensor:
    """Warp every frame (N, 3, H, W) uint8 by its own projective map.

    ``matrices`` are N of 3x3, clean point -> moved point, px from the centre of the frame, x right, y down.
    """
    h, w = pixels.shape[2:]
    centre = np.array([[1, 0, (w - 1) / 2], [0, 1, (h - 1) / 2], [0, 0, 1]])
    back = [centre @ np.linalg.inv(m) @ np.linalg.inv(centre) for m in matrices]
    if pixels.device.type != "cpu" or h not in OPENCV_SIDES or w not in OPENCV_SIDES:
        alone = zip(each_alone(pixels), back, strict=True)
        return torch.cat([_warp_in_float(f, m, interpolation, border) for f, m in alone])
    return each_frame(
        pixels, lambda frame, row: _warp_in_opencv(frame, back[row], interpolation, border)
    )


def _warp_in_opencv(
    frame: np.ndarray, back: Matrix, interpolation: Interpolation, border: Border
) -> np.ndarray:
    kind = cv2.INTER_CUBIC if interpolation == "bicubic" else cv2.INTER_LINEAR
    mode = cv2.BORDER_REFLECT_101 if border == "mirrored" else cv2.BORDER_CONSTANT
    how = {"flags": kind | cv2.WARP_INVERSE_MAP, "borderMode": mode}
    size = frame.shape[1], frame.shape[0]
    x, y = round(-back[0, 2]), round(-back[1, 2])
    if abs(x) < size[0] and abs(y) < size[1] and np.array_equal(back, shifted(-x, -y)):
        around = cv2.copyMakeBorder(frame, max(y, 0), max(-y, 0), max(x, 0), max(-x, 0), mode)
        return np.asarray(around[max(-y, 0) :, max(-x, 0) :][: size[1], : size[0]])
    if np.allclose(back[2], (0, 0, 1), rtol=0, atol=1e-15):
        return np.asarray(cv2.warpAffine(frame, back[:2], size, **how))
    return np.asarray(cv2.warpPerspective(frame, back, size, **how))


def _warp_in_float(
    frame: torch.Tensor, back: Matrix, interpolation: Interpolation, border: Border
) -> torch.Tensor:
    h, w = frame.shape[2:]
    m = torch.tensor(back, dtype=torch.float32, device=frame.device)
    y = torch.arange(h, dtype=torch.float32, device=frame.device)[:, None]
    x = torch.arange(w, dtype=torch.float32, device=frame.device)[None, :]
    u, v, s = (m[i, 0] * x + m[i, 1] * y + m[i, 2] for i in range(3))
    u, v = u / s, v / s
    if border == "mirrored":  # grid_sample cannot tell where a mirrored axis of one pixel is
        u, v = (at if side > 1 else torch.zeros_like(at) for at, side in ((u, w), (v, h)))
    grid = torch.stack([2 * u / max(w - 1, 1) - 1, 2 * v / max(h - 1, 1) - 1], dim=-1)[None]
    padding = "reflection" if border == "mirrored" else "zeros"
    moved = grid_sample(
        frame.float(), grid, mode=interpolation, padding_mode=padding, align_corners=True
    )
    return rounded(moved)


def _drawn(draw: Map) -> Apply:
    @functools.wraps(draw)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        size, owns = (pixels.shape[2], pixels.shape[3]), one_per_frame(generator, len(pixels))
        return warp(pixels, [draw(strength, rng, size) for rng in owns])

    return apply


def _motion(draw: Map) -> Motion:
    return lambda size, strength, generator: draw(strength, generator, size)


def boxes_by(motion: Motion) -> MoveBoxes:
    """Return ``move_boxes`` of a motion: boxes go as the frame does."""

    def move(
        boxes: np.ndarray, size: tuple[int, int], strength: float, generator: torch.Generator
    ) -> np.ndarray:
        return move_corners(boxes, size, motion(size, strength, generator))

    return move


def move_corners(boxes: np.ndarray, size: tuple[int, int], matrix: Matrix) -> np.ndarray:
    """Return the upright boxes around moved corners of boxes (D, 4), px, clipped to a frame of ``size``."""
    h, w = size
    x, y = boxes[:, [0, 2, 2, 0]] - w / 2, boxes[:, [1, 1, 3, 3]] - h / 2
    u, v, s = (matrix[i, 0] * x + matrix[i, 1] * y + matrix[i, 2] for i in range(3))
    u, v = np.clip(u / s + w / 2, 0, w), np.clip(v / s + h / 2, 0, h)
    moved = np.stack([u.min(axis=1), v.min(axis=1), u.max(axis=1), v.max(axis=1)], axis=1)
    return np.asarray(moved, dtype=np.float32)


def shifted(x: float, y: float) -> Matrix:
    """Return the map under which the picture moves x px to the right and y px down."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=np.float64)


def turned(degrees: float) -> Matrix:
    """Return a turn, counter-clockwise as seen, y pointing down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def sheared(slope: float) -> Matrix:
    """Return the map under which rows slide to the right by ``slope`` px for each px below the centre."""
    return np.array([[1, slope, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)


def zoomed(factor: float) -> Matrix:
    return np.diag([factor, factor, 1.0])


def _translation(strength: float, generator: torch.Generator, size: tuple[int, int]) -> Matrix:
    x, y = ((1, 0), (-1, 0), (0, 1), (0, -1))[integer(generator, 0, 4)]
    return shifted(x * strength, y * strength)


def _rotation(strength: float, generator: torch.Generator, size: tuple[int, int]) -> Matrix:
    return turned(strength * sign(generator))


def _scale(strength: float, generator: torch.Generator, size: tuple[int, int]) -> Matrix:
    return zoomed(float(factors([strength * sign(generator)])[0]))


def _shear(strength: float, generator: torch.Generator, size: tuple[int, int]) -> Matrix:
    slope = math.tan(math.radians(strength * sign(generator)))
    return sheared(slope) if sign(generator) > 0 else sheared(slope).T


def _perspective(strength: float, generator: torch.Generator, size: tuple[int, int]) -> Matrix:
    h, w = size
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]], dtype=np.float64) / 2
    inward = [uniform(generator, 0, strength) for _ in range(8)]
    moved = corners * (1 - np.reshape(inward, (4, 2)))
    back = cv2.getPerspectiveTransform(moved.astype(np.float32), corners.astype(np.float32))
    return back.astype(np.float64)


def _flips(strength: float, generator: torch.Generator) -> bool:
    return uniform(generator) < strength


def _horizontal_flip(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
    owns = one_per_frame(generator, len(pixels))
    flips = [_flips(strength, rng) for rng in owns]
    if pixels.device.type == "cpu":
        return each_frame(pixels, lambda frame, row: cv2.flip(frame, 1) if flips[row] else frame)
    flipped = torch.tensor(flips, device=pixels.device).view(-1, 1, 1, 1)
    return torch.where(flipped, pixels.flip(3), pixels).contiguous()


def _flip_boxes(
    boxes: np.ndarray, size: tuple[int, int], strength: float, generator: torch.Generator
) -> np.ndarray:
    if not _flips(strength, generator):
        return boxes.copy()
    x1, y1, x2, y2 = boxes.T
    return np.asarray(np.stack([size[1] - x2, y1, size[1] - x1, y2], 1))


def _flip_motion(size: tuple[int, int], strength: float, generator: torch.Generator) -> Matrix:
    return np.diag([-1.0 if _flips(strength, generator) else 1.0, 1.0, 1.0])


def _core(matrix: Callable[[float], Matrix]) -> Core:
    return lambda pixels, signed: warp(pixels, [matrix(s) for s in signed])


def _moving(
    draw: Map, signed: Mapping[str, Callable[[float], Matrix]] = MappingProxyType({})
) -> Perturbation:
    return own_entry(
        _drawn(draw),
        signed={direction: given_sign(_core(matrix)) for direction, matrix in signed.items()},
        signed_motion=signed,
        move_boxes=boxes_by(_motion(draw)),
        motion=_motion(draw),
    )


PERTURBATIONS: tuple[Perturbation, ...] = (
    _moving(
        _translation,
        {"translation_x": lambda s: shifted(s, 0), "translation_y": lambda s: shifted(0, s)},
    ),
    _moving(_rotation, {"rotation": turned}),
    _moving(_scale, {"scale": lambda s: zoomed(float(factors([s])[0]))}),
    _moving(_shear),
    _moving(_perspective),
    own_entry(_horizontal_flip, move_boxes=_flip_boxes, motion=_flip_motion),
)
