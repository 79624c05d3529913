"""Surface: height, colour and finish of a part seen from above, and how light falls on it.

All maps are drawn FINE times finer than the frames, so that a part can lie anywhere between two pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

# Samples of a surface per pixel of the frame.
FINE = 2
# Direction of the key light, from the part: x to the right, y down, z to the camera.
_KEY = np.array([-0.42, -0.58, 0.70])


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A part from above, maps (H, W) float32: height in fine px, albedo (H, W, 3) linear, alpha, metal, gloss
    0..1.
    """

    height: np.ndarray
    albedo: np.ndarray
    alpha: np.ndarray
    metal: np.ndarray
    gloss: np.ndarray

    def __post_init__(self) -> None:
        shape = self.height.shape
        wanted = {"albedo": (*shape, 3), "alpha": shape, "metal": shape, "gloss": shape}
        for name, expected in wanted.items():
            got = getattr(self, name).shape
            if got != expected:
                raise ValueError(f"Surface.{name}: expected shape {expected}, got {got}")


def grid(length_px: float, width_px: float, margin_px: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """x and y (H, W) float32, px from the middle of a part so long and so wide, with a margin about it."""
    half_x, half_y = (int(np.ceil((side / 2 + margin_px) * FINE)) for side in (length_px, width_px))
    x = (np.arange(2 * half_x, dtype=np.float32) + 0.5 - half_x) / FINE
    y = (np.arange(2 * half_y, dtype=np.float32) + 0.5 - half_y) / FINE
    return tuple(np.meshgrid(x, y))  # type: ignore[return-value]


def edge(distance_px: np.ndarray) -> np.ndarray:
    """0 to 1 over one fine sample about distance 0: the smooth rim of a shape; positive is inside."""
    return np.clip(distance_px * FINE + 0.5, 0, 1).astype(np.float32)


def cloud(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int = 3
) -> np.ndarray:
    """Smooth random field of mean 0 and standard deviation 1; ``cells`` across its height and width."""
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows, columns = (max(2, min(n << octave, side)) for n, side in zip(cells, shape, strict=True))
        coarse = rng.standard_normal((rows, columns)).astype(np.float32)
        field += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-6))


def lit(surface: Surface) -> np.ndarray:
    """(H, W, 3) float32 encoded levels 0..255 of the surface under the line's two strip lamps.

    Lambert's cosine for what scatters, the lamps' mirror images for metal and gloss; gamma 2.2.
    """
    height = cv2.GaussianBlur(surface.height, (0, 0), 0.8)
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1)))
    nz = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    nx, ny = -slope_x * nz, -slope_y * nz
    key = _KEY / np.linalg.norm(_KEY)
    scattered = 0.42 + 0.85 * np.maximum(nx * key[0] + ny * key[1] + nz * key[2], 0)
    lamps, hall = _lamps(2 * nz * nx, 2 * nz * ny), 0.10 + 0.28 * np.clip(2 * nz * nz - 1, 0, 1) ** 2
    metal = surface.metal[..., None]
    strength = surface.metal * (lamps + hall) + (1 - surface.metal) * surface.gloss * 0.5 * lamps
    colour = surface.albedo * metal + (1 - metal)
    light = surface.albedo * (1 - metal) * scattered[..., None] + colour * strength[..., None]
    return np.asarray(255 * np.clip(light, 0, 1.3) ** (1 / 2.2), dtype=np.float32)


def _lamps(rx: np.ndarray, ry: np.ndarray) -> np.ndarray:
    """Light that comes from direction r: a strip lamp over the upper rail, a weaker one below."""
    upper = 1.5 * np.exp(-(((ry + 0.62) / 0.20) ** 2)) * np.exp(-(((rx + 0.25) / 0.75) ** 2))
    lower = 0.45 * np.exp(-(((ry - 0.55) / 0.16) ** 2)) * np.exp(-(((rx - 0.1) / 0.8) ** 2))
    return np.asarray(upper + lower)


def turned(surface: Surface, angle_deg: float, scale: float = 1.0) -> tuple[Surface, np.ndarray]:
    """The surface turned counter-clockwise about its middle and made smaller or larger, and the 2 x 3 map."""
    h, w = surface.height.shape
    c, s = abs(np.cos(np.deg2rad(angle_deg))), abs(np.sin(np.deg2rad(angle_deg)))
    size = (int(np.ceil((w * c + h * s) * scale)) + 8, int(np.ceil((w * s + h * c) * scale)) + 8)
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle_deg, scale)
    matrix[:, 2] += [(size[0] - w) / 2, (size[1] - h) / 2]
    maps = {
        name: cv2.warpAffine(
            getattr(surface, name), matrix, size, flags=cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
        )
        for name in ("height", "albedo", "alpha", "metal", "gloss")
    }
    maps["height"] = maps["height"] * np.float32(scale)
    return replace(surface, **maps), matrix
