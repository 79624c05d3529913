"""How light and colour changed between two frames, quickly: gain, offset, saturation, hue and white balance.

All are fitted together to the means of some 900 blocks without clipped pixels or a moving part. Both frames
are warped by half of the camera's motion, so that interpolation affects them alike; smooth blocks weigh more
than edges.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from vidrobust.frame_pairs.local_light import fit_local_light
from vidrobust.frame_pairs.motion import Similarity
from vidrobust.frame_pairs.prepared import UNKNOWN, Measure, PreparedFrame
from vidrobust.frame_pairs.robust import MAD_TO_SIGMA, neighbour_correlation, sandwich
from vidrobust.frames.pixels import LUMA

BLOCK = 4  # side of a block in coarse pixels: 16 px of a frame 640 px wide
CLEAR = 0.97  # least share of a block that both frames show unclipped
# Standard deviation of luma within a block, levels, at which it weighs half as much as a flat one.
ROUGH = 6.0
MIN_BLOCKS = 40
MIN_INLIERS = 0.4  # smallest share of the usable blocks that must follow the model
MIN_CHROMA = 10.0  # levels between the largest and the smallest channel of a block that has colour
MIN_COLOURED = 16
# Standard errors above which a number is not reported as valid.
MAX_ERROR = {"gain": 0.05, "offset": 8.0, "saturation": 0.06, "hue_deg": 3.0, "white_balance": 0.05}
# Correlation of neighbouring blocks' differences from which a field of light is fitted; smooth differences
# are rare.
SMOOTH = 0.3
UNEVEN_ERROR = 0.003  # approximate standard error of the spread of the gain over the picture
CLUSTER = 5  # blocks err alike within CLUSTER x CLUSTER of them; the standard errors take these as one draw
# Blocks also err alike within so many levels of luma, since rounding and coding err as a function of level.
TONE = 4.0
# Levels by which the rounding of a flat area is off; it does not average out over the area's pixels.
ROUNDING = 0.2
# What else changes in a block exceeds so many standard deviations of its noise, and so many levels.
OUTSTANDING, LEAST_OTHER = 4.0, 1.0
# Standard deviations of a weak prior about "no change", so that a grey scene has an answer (and no validity).
_PRIOR = np.array([1.0, 1.0, 1.0, 60.0, 1.0, 60.0])
_ITERATIONS = 7


@dataclass(frozen=True, kw_only=True)
class LightChange:
    """Change of light and colour from frame a to frame b."""

    gain: Measure  # Ratio of luminance, of grey
    offset: Measure  # Levels of 255 added
    saturation: Measure  # Ratio
    hue_deg: Measure  # Turn of the HSV hue, degrees
    # white_balance, white_balance_rg, white_balance_bg: Ratio of the red gain to the blue gain, of red to
    # green, and of blue to green
    white_balance: Measure
    white_balance_rg: Measure
    white_balance_bg: Measure


def measure_light(
    a: PreparedFrame,
    b: PreparedFrame,
    camera: Similarity,
    left_out: np.ndarray,
    *,
    aligned: bool = True,
) -> LightChange:
    """Measure light and colour from frame a to frame b; nothing is valid unless ``aligned``.

    ``camera`` is the motion of the background, ``left_out`` (C,) bool the corners whose cells do not count.
    """
    first, second, weight, cluster = _blocks(a, b, camera, left_out)
    if len(first) < MIN_BLOCKS:
        return LightChange(**{column.name: UNKNOWN for column in fields(LightChange)})
    x, inliers = _fit(first, second, weight)
    cov = _covariance(first, second, weight * inliers, cluster, x)
    return _report(x, cov, first, inliers, aligned)


def measure_the_rest(
    a: PreparedFrame, b: PreparedFrame, camera: Similarity, left_out: np.ndarray, light: LightChange
) -> tuple[Measure, Measure]:
    """Measure what shared light and the camera leave: light from place to place, and all other change.

    The first is the standard deviation of the gain over the picture; invalid where the gain is. The second is what
    is left then, as that of things that move: the mean over blocks of the difference of luma, levels, where it
    exceeds the noise of the blocks.
    """
    forth, back = _half_motion(camera, a.coarse.shape[1] / a.gray.shape[1])
    first, second = _warp(a.coarse, forth), _warp(b.coarse, back)
    clear = np.minimum(_warp(a.unclipped, forth), _warp(b.unclipped, back))
    size = (max(1, a.coarse.shape[1] // BLOCK), max(1, a.coarse.shape[0] // BLOCK))
    changed, uneven = _as_lit(first, light), UNKNOWN
    if light.gain.valid:
        gain, lit = None, light.gain.value * first
        lit = lit + (light.offset.value if light.offset.valid else 0.0)
        if min(size) >= 4 and neighbour_correlation(_means(second - lit, size)) >= SMOOTH:
            usable = np.minimum(clear, _warp(_follows_camera(a, left_out), forth)) > CLEAR
            field = fit_local_light(lit, second, usable, block=BLOCK)
            gain = field.gain(*clear.shape) if field.there else None
        uneven = Measure(
            value=0.0 if gain is None else float(gain.std()), valid=True, error=UNEVEN_ERROR
        )
        changed = changed if gain is None else changed * gain[..., None]
    left = np.abs(_means(second - changed, size) @ LUMA)[_means(clear, size) > CLEAR]
    if len(left) < MIN_BLOCKS:
        return uneven, UNKNOWN
    noise = MAD_TO_SIGMA * float(np.median(left))
    other = np.where(left > max(OUTSTANDING * noise, LEAST_OTHER), left, 0.0)
    return uneven, Measure(value=float(other.mean()), valid=True, error=float("nan"))


def _as_lit(picture: np.ndarray, light: LightChange) -> np.ndarray:
    """A picture (H, W, 3) under all of the shared change of light and colour that was measured."""

    def known(measure: Measure, otherwise: float) -> float:
        return measure.value if measure.valid else otherwise

    of = np.array(
        [known(light.white_balance_rg, 1.0), 1.0, known(light.white_balance_bg, 1.0)], np.float32
    )
    turned = _turn_hue(picture, known(light.hue_deg, 0.0))
    grey = (turned @ LUMA.astype(np.float32))[..., None]
    coloured = grey + known(light.saturation, 1.0) * (turned - grey)
    gains = of * (known(light.gain, 1.0) / float(LUMA @ of))
    return np.asarray(coloured * gains + known(light.offset, 0.0))


def _means(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _blocks(
    a: PreparedFrame, b: PreparedFrame, camera: Similarity, left_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    height, width = a.coarse.shape[:2]
    size = (max(1, width // BLOCK), max(1, height // BLOCK))
    forth, back = _half_motion(camera, width / a.gray.shape[1])
    usable = a.unclipped * _follows_camera(a, left_out)
    colours, variances, masks = [], [], []
    for frame, matrix, mask in ((a, forth, usable), (b, back, b.unclipped)):
        picture = _warp(frame.coarse, matrix)
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        mean, square = _means(luma, size), _means(luma * luma, size)
        colours.append(_means(picture, size).reshape(-1, 3).astype(np.float64))
        variances.append(np.maximum(square - mean * mean, 0).ravel())
        masks.append(_means(_warp(mask, matrix), size).ravel())
    keep = np.minimum(*masks) > CLEAR
    weight = 1 / (1 + (np.sqrt(np.maximum(*variances)) / ROUGH) ** 2)
    row, column = np.divmod(np.arange(len(keep)), size[0])
    cluster = row // CLUSTER * (size[0] // CLUSTER + 1) + column // CLUSTER
    return colours[0][keep], colours[1][keep], weight[keep].astype(np.float64), cluster[keep]


def _half_motion(camera: Similarity, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    turn = camera.zoom * np.exp(1j * np.deg2rad(camera.rotation_deg))
    root = np.sqrt(turn)
    centre = complex(*camera.centre)
    shift = complex(camera.shift_x, camera.shift_y)
    # z -> root z + half about the centre, applied twice, is z -> turn z + shift
    half = shift / (1 + root)

    def matrix(factor: complex, add: complex) -> np.ndarray:
        c = (centre + 0.5) * ratio - 0.5
        move = c - factor * c + add * ratio
        return np.array(
            [[factor.real, -factor.imag, move.real], [factor.imag, factor.real, move.imag]]
        )

    return matrix(1 / root, -half / root), matrix(root, half)


def _warp(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    if np.abs(matrix - np.eye(2, 3)).max() < 2e-4:
        return picture
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=how))


def _follows_camera(a: PreparedFrame, left_out: np.ndarray) -> np.ndarray:
    if not left_out.any():
        return np.ones(a.coarse.shape[:2], np.float32)
    cells = np.ones(a.grid[0] * a.grid[1], np.float32)
    cells[a.cells[left_out]] = 0
    size = a.coarse.shape[1::-1]
    return np.asarray(cv2.resize(cells.reshape(a.grid), size, interpolation=cv2.INTER_NEAREST))


def _model(colours: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Changed colours (B, 3) and their gradient (6, B, 3); x = three gains, offset, saturation, hue."""
    step = 0.5
    row = colours[None].astype(np.float32)
    turned, ahead = (_turn_hue(row, by)[0].astype(np.float64) for by in (x[5], x[5] + step))

    def saturate(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        luma = (picture @ LUMA)[:, None]
        return luma + x[4] * (picture - luma), picture - luma

    base, chroma = saturate(turned)
    gains = x[:3]
    gradient = np.zeros((6, *colours.shape))
    for channel in range(3):
        gradient[channel, :, channel] = base[:, channel]
    gradient[3] = 1
    gradient[4] = gains * chroma
    gradient[5] = gains * (saturate(ahead)[0] - base) / step
    return gains * base + x[3], gradient


def _turn_hue(picture: np.ndarray, degrees: float) -> np.ndarray:
    """A picture (H, W, 3) float32 whose hues are turned."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = np.mod(hsv[..., 0] + np.float32(degrees), np.float32(360))
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _fit(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    x = nothing.copy()
    robust = np.ones(len(first))
    for iteration in range(_ITERATIONS):
        predicted, gradient = _model(first, x)
        residual = second - predicted
        size = np.sqrt((residual**2).sum(axis=1) * weight)
        limit = max(1.48 * float(np.median(size)), 0.3)
        # begun with Tukey's weights, a large change would take half of the blocks for outliers
        if iteration < 2:
            robust = np.minimum(1, 1.5 * limit / np.maximum(size, 1e-9))
        else:
            robust = np.clip(1 - (size / (4 * limit)) ** 2, 0, 1) ** 2
        w = (weight * robust)[:, None]
        flat = gradient.reshape(6, -1)
        normal = (gradient * w).reshape(6, -1) @ flat.T + np.diag(1 / _PRIOR**2)
        pull = flat @ (residual * w).ravel() - (x - nothing) / _PRIOR**2
        change = np.linalg.solve(normal, pull)
        x = x + np.clip(change, -_PRIOR / 2, _PRIOR / 2)
        ratios, levels = np.abs(change[[0, 1, 2, 4]]).max(), np.abs(change[[3, 5]]).max()
        if iteration > 2 and ratios < 1e-4 and levels < 1e-2:
            break
    return x, robust


def _covariance(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, cluster: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """(6, 6) sandwich covariance: clusters of neighbours plus clusters of like tones."""
    predicted, gradient = _model(first, x)
    scores = (gradient * ((second - predicted) * weight[:, None])).sum(axis=2).T
    normal = (gradient * weight[:, None]).reshape(6, -1) @ gradient.reshape(6, -1).T + np.diag(
        1 / _PRIOR**2
    )
    inverse = np.linalg.inv(normal)
    cov: np.ndarray = inverse * 0.05**2
    for groups in (cluster, (first @ LUMA / TONE).astype(int)):
        cov = cov + sandwich(inverse, scores, groups, 6)
    return cov


def _report(
    x: np.ndarray, cov: np.ndarray, first: np.ndarray, inliers: np.ndarray, aligned: bool
) -> LightChange:
    follows = inliers > 0.1
    usable = aligned and float(follows.mean()) >= MIN_INLIERS and follows.sum() >= MIN_BLOCKS
    chroma = np.ptp(first[follows], axis=1) if follows.any() else np.zeros(0)
    coloured = bool((chroma >= MIN_CHROMA).sum() >= MIN_COLOURED)
    # rounding turns a chroma of c levels by rounding / c
    rounding = ROUNDING / float(np.median(chroma[chroma >= MIN_CHROMA])) if coloured else 0.0

    def measure(
        value: float, gradient: dict[int, float], kind: str, more: bool = True, floor: float = 0.0
    ) -> Measure:
        g = np.zeros(6)
        g[list(gradient)] = list(gradient.values())
        error = float(np.sqrt(max(g @ cov @ g, 0) + floor**2))
        valid = bool(usable and more and error <= MAX_ERROR[kind])
        return Measure(value=float(value), valid=valid, error=error)

    def ratio(over: int, under: int) -> Measure:
        value = x[over] / x[under]
        return measure(value, {over: 1 / x[under], under: -value / x[under]}, "white_balance")

    return LightChange(
        gain=measure(LUMA @ x[:3], dict(enumerate(LUMA)), "gain"),
        offset=measure(x[3], {3: 1.0}, "offset"),
        saturation=measure(x[4], {4: 1.0}, "saturation", coloured, rounding),
        hue_deg=measure(x[5], {5: 1.0}, "hue_deg", coloured, np.rad2deg(rounding)),
        white_balance=ratio(0, 2),
        white_balance_rg=ratio(0, 1),
        white_balance_bg=ratio(2, 1),
    )
