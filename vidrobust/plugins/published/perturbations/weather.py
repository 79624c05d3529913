"""Weather of ImageNet-C: snow, frost, fog, spatter (Hendrycks & Dietterich 2019, arXiv 1903.12261).

Each takes a float32 frame (H, W, 3) in [0, 1] and returns levels in [0, 255]. Frost uses six drawn pictures
instead of six photographs.
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

FROST_PICTURES = 6
_FROST_SIZE = (360, 560)
_FROST_LOOKS = (
    # mean level, standard deviation, ridges against needles
    (131.0, 40.0, 0.6),
    (206.0, 23.0, 0.8),
    (200.0, 25.0, 0.4),
    (152.0, 32.0, 0.7),
    (123.0, 44.0, 0.5),
    (92.0, 44.0, 0.3),
)
_FROST_TINT = np.array([-18.0, 3.0, 15.0], np.float32)


def zoom_about_centre(picture: np.ndarray, factor: float, size: tuple[int, int]) -> np.ndarray:
    """The centre of a picture enlarged bilinearly, corner pixel to corner pixel, cut to ``size`` (H, W)."""
    h, w = picture.shape[:2]
    inner = [math.ceil(n / factor) for n in (h, w)]
    steps = [(n - 1) / max(round(n * factor) - 1, 1) for n in inner]
    top, left = (h - inner[0]) // 2, (w - inner[1]) // 2
    middle = np.ascontiguousarray(picture[top : top + inner[0], left : left + inner[1]])
    matrix = np.array([[steps[1], 0, 0], [0, steps[0], 0]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(middle, matrix, size[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out)


def trail_kernel(
    radius: int, sigma: float, degrees: float, size: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Kernel and anchor (x, y) of the one-sided motion blur."""
    length = 2 * radius + 1
    weights = np.exp(-(np.arange(length) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    at = np.arange(length)
    y = np.ceil(at * math.sin(math.radians(degrees)) - 0.5).astype(int)
    x = np.ceil(at * math.cos(math.radians(degrees)) - 0.5).astype(int)
    outside = (np.abs(y) >= size[0]) | (np.abs(x) >= size[1])
    kept = slice(0, int(outside.argmax()) if outside.any() else length)
    top, left = int(y[kept].min()), int(x[kept].min())
    kernel = np.zeros((int(y[kept].max()) - top + 1, int(x[kept].max()) - left + 1), np.float32)
    np.add.at(kernel, (y[kept] - top, x[kept] - left), weights[kept].astype(np.float32))
    return kernel, (-left, -top)


def trail(picture: np.ndarray, radius: int, sigma: float, degrees: float) -> np.ndarray:
    """Motion blur of the reference package."""
    kernel, anchor = trail_kernel(radius, sigma, degrees, (picture.shape[0], picture.shape[1]))
    return np.asarray(
        cv2.filter2D(picture, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    )


def snow_noise_size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """How many normal numbers, rows and columns, ``snow`` enlarges by ``factor``."""
    return math.ceil(size[0] / factor), math.ceil(size[1] / factor)


def snow(
    frame: np.ndarray,
    noise: np.ndarray,
    degrees: float,
    c: tuple[float, float, float, float, int, float, float],
) -> np.ndarray:
    """Add flakes: thresholded noise, enlarged and smeared along ``degrees``, over a paler picture."""
    h, w = frame.shape[:2]
    size = (max(h, round(noise.shape[0] * c[2])), max(w, round(noise.shape[1] * c[2])))
    steps = [(n - 1) / max(round(n * c[2]) - 1, 1) for n in noise.shape]
    matrix = np.array([[steps[1], 0, 0], [0, steps[0], 0]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layer = cv2.warpAffine(
        noise * np.float32(c[1]) + np.float32(c[0]),
        matrix,
        size[::-1],
        flags=how,
        borderMode=cv2.BORDER_REPLICATE,
    )
    layer[layer < c[3]] = 0
    layer = trail(np.clip(layer, 0, 1), c[4], c[5], degrees)[:h, :w]
    return snow_over(frame, np.round(layer * 255) / np.float32(255), c[6])


def snow_over(frame: np.ndarray, layer: np.ndarray, kept: float) -> np.ndarray:
    """A snow layer (H, W) and itself turned by 180 degrees over a picture made paler."""
    pale = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[:, :, None] * np.float32(1.5) + np.float32(0.5)
    out = np.float32(kept) * frame + np.float32(1 - kept) * np.maximum(frame, pale)
    return np.asarray(np.clip(out + (layer + layer[::-1, ::-1])[:, :, None], 0, 1) * 255)


def plasma(uniforms: np.ndarray, decay: float) -> np.ndarray:
    """Return a diamond-square height map in [0, 1] on a torus, from (M, M) uniforms in [-1, 1)."""
    side = uniforms.shape[0]
    heights = np.zeros_like(uniforms)
    step, wibble = side, 100.0
    while step >= 2:
        half = step // 2
        jitter = np.float32(wibble * wibble)
        corners = heights[::step, ::step]
        across = corners + np.roll(corners, -1, axis=0)
        centres = (across + np.roll(across, -1, axis=1)) / 4 + jitter * uniforms[
            half::step, half::step
        ]
        heights[half::step, half::step] = centres
        tops = corners + np.roll(corners, -1, axis=1) + centres + np.roll(centres, 1, axis=0)
        heights[::step, half::step] = tops / 4 + jitter * uniforms[::step, half::step]
        sides = corners + np.roll(corners, -1, axis=0) + centres + np.roll(centres, 1, axis=1)
        heights[half::step, ::step] = sides / 4 + jitter * uniforms[half::step, ::step]
        step, wibble = half, wibble / decay
    heights -= heights.min()
    most = heights.max()
    return np.asarray(heights / most if most > 0 else heights)


def fog(frame: np.ndarray, uniforms: np.ndarray, c: tuple[float, float]) -> np.ndarray:
    """Add plasma and scale the sum back to the picture's range."""
    h, w = frame.shape[:2]
    most = float(frame.max())
    haze = np.float32(c[0]) * plasma(uniforms, c[1])[:h, :w, None]
    return np.asarray(np.clip((frame + haze) * np.float32(most / (most + c[0])), 0, 1) * 255)


def fog_side(size: tuple[int, int]) -> int:
    """Side of the plasma that covers a frame."""
    return 1 << (max(*size, 2) - 1).bit_length()


def spatter(
    frame: np.ndarray, noise: np.ndarray, c: tuple[float, float, float, float, float, int]
) -> np.ndarray:
    """Add drops of water (c[5] = 0) or mud (1)."""
    side = 2 * int(4 * c[2] + 0.5) + 1
    liquid = cv2.GaussianBlur(
        noise * np.float32(c[1]) + np.float32(c[0]),
        (side, side),
        c[2],
        borderType=cv2.BORDER_REPLICATE,
    )
    liquid[liquid < c[3]] = 0
    if c[5] == 0:
        water = np.array([175, 238, 238], np.float32) / 255
        return np.asarray(np.clip(frame + water_film(liquid, c[4])[:, :, None] * water, 0, 1) * 255)
    side = 2 * int(4 * c[4] + 0.5) + 1
    mud = cv2.GaussianBlur(
        (liquid > c[3]).astype(np.float32), (side, side), c[4], borderType=cv2.BORDER_REPLICATE
    )
    mud[mud < 0.8] = 0
    brown = np.array([63, 42, 20], np.float32) / 255
    return np.asarray(np.clip(frame + (brown - frame) * mud[:, :, None], 0, 1) * 255)


def water_film(liquid: np.ndarray, opacity: float) -> np.ndarray:
    """(H, W) in [0, opacity]: a drop shines by its thickness and its distance from its rim."""
    levels = np.clip(liquid * 255, 0, 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(levels, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.threshold(distance, 20, 20, cv2.THRESH_TRUNC)[1]
    distance = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    emboss = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    rim = cv2.blur(cv2.filter2D(distance, cv2.CV_8U, emboss), (3, 3)).astype(np.float32)
    film = levels * rim
    most = float(film.max())
    return np.asarray(film * np.float32(opacity / most) if most > 0 else film)


def frost(frame: np.ndarray, crop: np.ndarray, c: tuple[float, float]) -> np.ndarray:
    """Weighted sum of a picture and frost (H, W, 3) uint8."""
    return np.asarray(np.clip(np.float32(255 * c[0]) * frame + np.float32(c[1]) * crop, 0, 255))


@functools.lru_cache(maxsize=4 * FROST_PICTURES)
def frost_picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """One of the six frost pictures, uint8 RGB, large enough that a frame of ``size`` can be cut from it."""
    grown = 1.1 * max(1.0, size[0] / _FROST_SIZE[0], size[1] / _FROST_SIZE[1])
    shape = (math.ceil(_FROST_SIZE[1] * grown), math.ceil(_FROST_SIZE[0] * grown))
    return np.asarray(cv2.resize(_draw_frost(number), shape, interpolation=cv2.INTER_CUBIC))


@functools.lru_cache(maxsize=FROST_PICTURES)
def _draw_frost(number: int) -> np.ndarray:
    rng = np.random.default_rng([2019, number])
    mean, deviation, ridged = _FROST_LOOKS[number]
    pattern = ridged * _standard(_ridges(rng)) + (1 - ridged) * _standard(_needles(rng))
    levels = mean + deviation * np.clip(_standard(pattern), -2.5, 2.5)
    tint = _FROST_TINT * np.clip(2 - levels / 128, 0.3, 1)[:, :, None]
    return np.asarray(np.clip(levels[:, :, None] + tint, 0, 255).astype(np.uint8))


def _standard(field: np.ndarray) -> np.ndarray:
    return np.asarray((field - field.mean()) / field.std())


def _smooth(rng: np.random.Generator, cells: int) -> np.ndarray:
    h, w = _FROST_SIZE
    coarse = rng.standard_normal((cells, math.ceil(cells * w / h))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC))


def _ridges(rng: np.random.Generator) -> np.ndarray:
    """Branching veins: octaves of 1 - |noise|, looked up at places that noise displaces."""
    h, w = _FROST_SIZE
    field = np.zeros((h, w), np.float32)
    for octave in range(6):
        field += 0.7**octave * (1 - np.abs(_smooth(rng, 4 * 2**octave)))
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y = x + 12 * _smooth(rng, 8), y + 12 * _smooth(rng, 8)
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def _needles(rng: np.random.Generator) -> np.ndarray:
    h, w = _FROST_SIZE
    canvas = np.zeros((h, w), np.float32)
    for _ in range(90):
        start, way = rng.uniform((0, 0), (w, h)), rng.uniform(0, 2 * math.pi)
        length = rng.uniform(40, 160)
        _line(canvas, start, way, length, 0.9)
        for along in np.arange(4, length, 5):
            root = start + along * np.array([math.cos(way), math.sin(way)])
            for side in (-1, 1):
                _line(canvas, root, way + side * math.pi / 3, 0.35 * (length - along), 0.5)
    return np.asarray(
        cv2.GaussianBlur(canvas, (0, 0), 0.7) + 0.5 * cv2.GaussianBlur(canvas, (0, 0), 6)
    )


def _line(canvas: np.ndarray, start: np.ndarray, way: float, length: float, weight: float) -> None:
    stop = start + length * np.array([math.cos(way), math.sin(way)])
    a, b = (tuple(int(v * 16) for v in point) for point in (start, stop))
    cv2.line(canvas, a, b, weight, 1, cv2.LINE_AA, 4)
