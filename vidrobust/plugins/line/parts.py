"""Parts on the line: their surfaces, the bottle, and the kinds with their defects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

FINE = 2  # Samples of a surface per pixel of the frame
_KEY = np.array([-0.42, -0.58, 0.70])  # Key light, from the part: x right, y down, z to the camera


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


def grid(
    length_px: float, width_px: float, margin_px: float = 4.0
) -> tuple[np.ndarray, np.ndarray]:
    """x and y (H, W) float32, px from the middle of a part so long and so wide, with a margin about it."""
    half_x, half_y = (int(np.ceil((side / 2 + margin_px) * FINE)) for side in (length_px, width_px))
    x = (np.arange(2 * half_x, dtype=np.float32) + 0.5 - half_x) / FINE
    y = (np.arange(2 * half_y, dtype=np.float32) + 0.5 - half_y) / FINE
    return tuple(np.meshgrid(x, y))  # type: ignore[return-value]


def edge(distance_px: np.ndarray) -> np.ndarray:
    """The smooth rim of a shape, 0 to 1 over one fine sample about distance 0."""
    return np.clip(distance_px * FINE + 0.5, 0, 1).astype(np.float32)


def cloud(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int = 3
) -> np.ndarray:
    """Smooth random field of mean 0 and standard deviation 1."""
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows, columns = (
            max(2, min(n << octave, side)) for n, side in zip(cells, shape, strict=True)
        )
        coarse = rng.standard_normal((rows, columns)).astype(np.float32)
        field += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-6))


def lit(surface: Surface) -> np.ndarray:
    """(H, W, 3) float32 encoded levels 0..255 of the surface under the line's two strip lamps."""
    height = cv2.GaussianBlur(surface.height, (0, 0), 0.8)
    slope_x, slope_y = (
        cv2.Sobel(height, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1))
    )
    nz = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    nx, ny = -slope_x * nz, -slope_y * nz
    key = _KEY / np.linalg.norm(_KEY)
    scattered = 0.42 + 0.85 * np.maximum(nx * key[0] + ny * key[1] + nz * key[2], 0)
    lamps, hall = (
        _lamps(2 * nz * nx, 2 * nz * ny),
        0.10 + 0.28 * np.clip(2 * nz * nz - 1, 0, 1) ** 2,
    )
    metal = surface.metal[..., None]
    strength = surface.metal * (lamps + hall) + (1 - surface.metal) * surface.gloss * 0.5 * lamps
    colour = surface.albedo * metal + (1 - metal)
    light = surface.albedo * (1 - metal) * scattered[..., None] + colour * strength[..., None]
    return np.asarray(255 * np.clip(light, 0, 1.3) ** (1 / 2.2), dtype=np.float32)


def _lamps(rx: np.ndarray, ry: np.ndarray) -> np.ndarray:
    upper = 1.5 * np.exp(-(((ry + 0.62) / 0.20) ** 2)) * np.exp(-(((rx + 0.25) / 0.75) ** 2))
    lower = 0.45 * np.exp(-(((ry - 0.55) / 0.16) ** 2)) * np.exp(-(((rx - 0.1) / 0.8) ** 2))
    return np.asarray(upper + lower)


def turned(surface: Surface, angle_deg: float, scale: float = 1.0) -> tuple[Surface, np.ndarray]:
    """The surface turned counter-clockwise about its middle and scaled, and the 2 x 3 map."""
    h, w = surface.height.shape
    c, s = abs(np.cos(np.deg2rad(angle_deg))), abs(np.sin(np.deg2rad(angle_deg)))
    size = (int(np.ceil((w * c + h * s) * scale)) + 8, int(np.ceil((w * s + h * c) * scale)) + 8)
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle_deg, scale)
    matrix[:, 2] += [(size[0] - w) / 2, (size[1] - h) / 2]
    maps = {
        name: cv2.warpAffine(
            getattr(surface, name),
            matrix,
            size,
            flags=cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR,
        )
        for name in ("height", "albedo", "alpha", "metal", "gloss")
    }
    maps["height"] = maps["height"] * np.float32(scale)
    return replace(surface, **maps), matrix


TINTS = ((0.30, 0.46, 0.56), (0.33, 0.50, 0.40), (0.50, 0.52, 0.53))
CAPS = ((0.02, 0.05, 0.50), (0.03, 0.30, 0.12), (0.62, 0.62, 0.62), (0.55, 0.05, 0.04))
LABEL_COLOURS = ((0.75, 0.76, 0.78), (0.08, 0.22, 0.55), (0.60, 0.10, 0.08), (0.12, 0.38, 0.18))
NAMES = ("AQUA", "VITAL", "SPRING", "FONTE", "CLEAR")


def bottle(rng: np.random.Generator) -> Surface:
    """Length, girth, tint, label and cap differ."""
    length, radius = rng.uniform(215, 265), rng.uniform(33, 41)
    x, y = grid(length, 2 * radius)
    along = (x + length / 2) / length
    reach = _profile(along, length, radius, rng.uniform(0.5, 0.58))
    across = np.clip(np.abs(y) / np.maximum(reach, 1e-3), 0, 1)
    height = np.sqrt(np.maximum(reach**2 - y**2, 0)) + 0.5 * np.sin(along * length / 2.4) * (
        along < 0.12
    )
    clear = TINTS[rng.integers(len(TINTS))] * (0.75 + 0.5 * across[..., None] ** 3)
    clear = clear * (1 + 0.08 * cloud(rng, x.shape, (4, 12)))[..., None]
    alpha = 0.55 + 0.4 * across**4
    left = rng.uniform(0.16, 0.22)
    label, cap = (along > left) & (along < left + 0.26), along > 0.92
    paper = _paper(rng, x.shape, left)
    albedo = np.where(label[..., None], paper, clear)
    albedo = np.where(cap[..., None], CAPS[rng.integers(len(CAPS))], albedo)
    height = height + np.where(cap, 0.5 * np.cos(y * 2.2), 0)
    solid = label | cap
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        alpha=edge(reach - np.abs(y)) * np.where(solid, 1, alpha).astype(np.float32),
        metal=np.zeros_like(x),
        gloss=np.where(solid, 0.25, 0.9).astype(np.float32),
    )


def _profile(along: np.ndarray, length: float, radius: float, shoulder: float) -> np.ndarray:
    """Half width px at each place along the bottle."""
    places = [
        0,
        0.012,
        0.03,
        shoulder,
        shoulder + 0.12,
        shoulder + 0.22,
        0.88,
        0.885,
        0.9,
        0.905,
        0.92,
        0.921,
        0.998,
        1,
    ]
    widths = [0.8, 0.93, 1, 1, 0.84, 0.46, 0.36, 0.48, 0.48, 0.36, 0.36, 0.44, 0.44, 0.4]
    inside = np.minimum(along, 1 - along) * length
    return np.where(inside >= 0, radius * np.interp(along, places, widths), inside).astype(
        np.float32
    )


def _paper(rng: np.random.Generator, shape: tuple[int, int], left: float) -> np.ndarray:
    ground = np.array(LABEL_COLOURS[rng.integers(len(LABEL_COLOURS))])
    ink = np.array([0.85, 0.85, 0.82]) if ground.mean() < 0.5 else np.array(LABEL_COLOURS[1])
    print_ = np.zeros((shape[1], shape[0]), np.uint8)  # drawn upright, then turned clockwise
    name = NAMES[rng.integers(len(NAMES))]
    scale = shape[0] / 150 * 0.85
    (width, height), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_TRIPLEX, scale, 3)
    middle = int(shape[1] * (1 - left - 0.13))
    place = ((shape[0] - width) // 2, middle + height // 2)
    cv2.putText(print_, name, place, cv2.FONT_HERSHEY_TRIPLEX, scale, 255, 3, cv2.LINE_AA)
    for place_ in (left + 0.03, left + 0.23):
        row = int(shape[1] * (1 - place_))
        cv2.line(print_, (0, row), (shape[0], row), 200, 5)
    inked = (cv2.rotate(print_, cv2.ROTATE_90_CLOCKWISE).astype(np.float32) / 255)[..., None]
    return np.asarray(ground * (1 - inked) + ink * inked)


# A populated circuit board: traces, pads, chips, capacitors, a connector.

# Solder masks: green, blue, dark green, red; linear.
MASKS = ((0.02, 0.16, 0.06), (0.02, 0.08, 0.24), (0.03, 0.12, 0.05), (0.20, 0.02, 0.03))
GOLD, SILVER = (0.70, 0.50, 0.20), (0.60, 0.61, 0.63)
BLACK, WHITE = (0.025, 0.025, 0.028), (0.65, 0.66, 0.64)


def board(rng: np.random.Generator) -> Surface:
    """Size, colour, layout and parts differ."""
    length, width = rng.uniform(165, 215), rng.uniform(92, 116)
    x, y = grid(length, width)
    mask = np.array(MASKS[rng.integers(len(MASKS))])
    albedo = np.ascontiguousarray(np.broadcast_to(mask, (*x.shape, 3)), np.float32)
    layers = {
        "albedo": albedo,
        "height": np.full(x.shape, 4.0, np.float32),
        "metal": np.zeros(x.shape, np.float32),
    }
    _traces(layers["albedo"], rng, mask)
    _place(layers, rng, length, width)
    _holes(layers, length, width)
    layers["albedo"] *= 1 + 0.03 * cloud(rng, x.shape, (10, 14))[..., None]
    distance = np.minimum(length / 2 - np.abs(x), width / 2 - np.abs(y))
    return Surface(
        height=layers["height"] * FINE * (distance > 0),
        albedo=np.clip(layers["albedo"], 0, 1),
        alpha=edge(distance),
        metal=layers["metal"],
        gloss=np.full_like(x, 0.22),
    )


def _traces(albedo: np.ndarray, rng: np.random.Generator, mask: np.ndarray) -> None:
    lighter = tuple(float(v) for v in mask * 1.9 + 0.01)
    h, w = albedo.shape[:2]
    for _ in range(int(rng.integers(22, 34))):
        a = np.array([rng.integers(10, w - 10), rng.integers(10, h - 10)])
        run, rise = int(rng.integers(-w // 3, w // 3)), int(rng.integers(-h // 5, h // 5))
        bend = a + np.array([run, 0])
        end = bend + np.array([abs(rise) * (1 if run > 0 else -1), rise])
        points = np.array([a, bend, end], np.int32).reshape(-1, 1, 2)
        cv2.polylines(albedo, [points], False, lighter, int(rng.integers(2, 4)), cv2.LINE_AA)
        for place in (a, end):
            cv2.circle(albedo, tuple(int(v) for v in place), 4, GOLD, -1, cv2.LINE_AA)


def _place(
    layers: dict[str, np.ndarray], rng: np.random.Generator, length: float, width: float
) -> None:
    columns, rows = max(3, int(length / 46)), max(2, int(width / 44))
    kinds = [_chip, _chip, _round, _small, _small, _connector]
    for row in range(rows):
        for column in range(columns):
            cx = (column + 0.5) / columns * length * 0.92 + 0.04 * length + rng.uniform(-3, 3)
            cy = (row + 0.5) / rows * width * 0.92 + 0.04 * width + rng.uniform(-2, 2)
            kinds[rng.integers(len(kinds))](layers, rng, (cx + 4) * FINE, (cy + 4) * FINE)


def _box(
    layers: dict[str, np.ndarray],
    where: tuple[float, float, float, float],
    colour: object,
    up: float,
    metal: float,
) -> None:
    corner, far = (tuple(int(v) for v in pair) for pair in (where[:2], where[2:]))
    for name, value in (("albedo", colour), ("height", up), ("metal", metal)):
        cv2.rectangle(layers[name], corner, far, value, -1, cv2.LINE_AA)


def _chip(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    half_x, half_y, pitch = rng.uniform(11, 17) * FINE, rng.uniform(7, 12) * FINE, 3.2 * FINE
    for offset in np.arange(-half_x + pitch / 2, half_x, pitch):
        _box(
            layers,
            (cx + offset, cy - half_y - 4 * FINE, cx + offset + FINE, cy + half_y + 4 * FINE),
            SILVER,
            5,
            0.8,
        )
    _box(layers, (cx - half_x, cy - half_y, cx + half_x, cy + half_y), BLACK, 9, 0)
    text = f"{rng.choice(list('ALMST'))}{rng.integers(10, 999)}"
    place = (int(cx - half_x * 0.75), int(cy + 4))
    ink = np.zeros(layers["height"].shape, np.uint8)
    cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 255, 1, cv2.LINE_AA)
    layers["albedo"][ink > 100] = 0.3
    cv2.circle(
        layers["albedo"], (int(cx - half_x + 5), int(cy + half_y - 5)), 2, (0.3, 0.3, 0.3), -1
    )


def _round(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    radius, centre = int(rng.uniform(8, 12) * FINE), (int(cx), int(cy))
    for name, value in (("albedo", SILVER), ("height", 14.0), ("metal", 0.7)):
        cv2.circle(layers[name], centre, radius, value, -1, cv2.LINE_AA)
    cv2.ellipse(layers["albedo"], centre, (radius, radius), 90, -60, 60, BLACK, -1, cv2.LINE_AA)


def _small(layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float) -> None:
    body = [(0.30, 0.20, 0.10), BLACK, (0.45, 0.32, 0.2)]
    for step in (-11, 0, 11):
        x, length, half = cx + step * FINE, 8 * FINE, 2.5 * FINE
        _box(layers, (x - half, cy - length, x + half, cy + length), SILVER, 5, 0.8)
        _box(
            layers,
            (x - half, cy - length * 0.6, x + half, cy + length * 0.6),
            body[rng.integers(3)],
            7,
            0,
        )


def _connector(
    layers: dict[str, np.ndarray], rng: np.random.Generator, cx: float, cy: float
) -> None:
    half_x, half_y = rng.uniform(13, 17) * FINE, rng.uniform(6, 8) * FINE
    _box(layers, (cx - half_x, cy - half_y, cx + half_x, cy + half_y), WHITE, 13, 0)
    for offset in np.linspace(-0.75, 0.75, 6):
        x = cx + offset * half_x
        _box(layers, (x - 3, cy - 5, x + 3, cy + 5), GOLD, 10, 0.8)


def _holes(layers: dict[str, np.ndarray], length: float, width: float) -> None:
    for sx in (-1, 1):
        for sy in (-1, 1):
            centre = (
                int((length / 2 + sx * (length / 2 - 7) + 4) * FINE),
                int((width / 2 + sy * (width / 2 - 7) + 4) * FINE),
            )
            cv2.circle(layers["albedo"], centre, 4 * FINE, GOLD, -1, cv2.LINE_AA)
            cv2.circle(layers["albedo"], centre, int(2.5 * FINE), BLACK, -1, cv2.LINE_AA)


# A hex bolt lying on its side.

# Zinc, yellow chromate, bare steel, nickel; linear.
FINISHES = ((0.56, 0.58, 0.62), (0.66, 0.55, 0.33), (0.42, 0.41, 0.40), (0.72, 0.73, 0.75))
PITCH_PX = 5.0


def bolt(rng: np.random.Generator) -> Surface:
    """Head, flange, shank and thread."""
    length, radius = rng.uniform(150, 215), rng.uniform(13, 18)
    head = radius * rng.uniform(1.7, 1.95)
    x, y = grid(length, 2 * head * 1.1)
    along = x + length / 2
    head_end = head * 0.95
    thread_from = head_end + (length - head_end) * rng.uniform(0.25, 0.6)
    height = np.zeros_like(x)
    inside = np.full_like(x, -1e3)
    for part_height, distance in (
        _shank(along, y, radius, head_end, length, thread_from),
        _head(along, y, head, head_end),
    ):
        height = np.where(distance > -0.5 / FINE, np.maximum(height, part_height), height)
        inside = np.maximum(inside, distance)
    finish = np.array(FINISHES[rng.integers(len(FINISHES))]) * rng.uniform(0.9, 1.1)
    brushed = cloud(rng, x.shape, (x.shape[0] // 2, 6), 2)
    albedo = finish * (1 + 0.05 * brushed + 0.04 * cloud(rng, x.shape, (5, 20)))[..., None]
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0, 1).astype(np.float32),
        alpha=edge(inside),
        metal=np.full_like(x, 0.92),
        gloss=np.full_like(x, 0.4),
    )


def _shank(
    along: np.ndarray, y: np.ndarray, radius: float, start: float, end: float, thread_from: float
) -> tuple[np.ndarray, np.ndarray]:
    """Height, and distance to the rim (positive inside), px."""
    threaded = np.clip((along - thread_from) / 3, 0, 1)
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * (along + 0.22 * y) / PITCH_PX)
    reach = radius * (1 - 0.13 * threaded * wave) - 0.9 * np.clip(along - (end - 4), 0, 4)
    height = np.sqrt(np.maximum(reach**2 - y**2, 0))
    return height, np.minimum(np.minimum(reach - np.abs(y), along - start), end - along)


def _head(
    along: np.ndarray, y: np.ndarray, half: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """A hexagonal prism from the side shows a flat face between two that fall off by 60 degrees."""
    side = np.abs(y)
    faces = 0.866 * half - 1.732 * np.maximum(side - half / 2, 0)
    bevel = 0.35 * np.maximum(3 - along, 0) * (1 + side / half)
    flange = along > end - 4
    height = np.where(
        flange, np.sqrt(np.maximum((1.1 * half) ** 2 - y**2, 0)) * 0.85, faces - bevel
    )
    rim = np.where(flange, 1.1 * half - side, half - side)
    return np.maximum(height, 0.5), np.minimum(np.minimum(rim, along), end - along)


# A screw cap from above: knurled rim, recessed top, an embossed mark.

# Blue, red, white, yellow, green, black; linear.
COLOURS = (
    (0.03, 0.10, 0.45),
    (0.50, 0.04, 0.03),
    (0.70, 0.70, 0.68),
    (0.72, 0.48, 0.04),
    (0.04, 0.30, 0.10),
    (0.06, 0.06, 0.07),
)
MARKS = ("PP5", "HD2", "A7", "B28", "38", "X")


def cap(rng: np.random.Generator) -> Surface:
    """Size, colour, knurls and mark differ."""
    radius, ribs = rng.uniform(50, 72), int(rng.integers(48, 90))
    x, y = grid(2 * radius + 4, 2 * radius + 4)
    rho, theta = np.hypot(x, y), np.arctan2(y, x)
    rib = np.cos(ribs * theta)
    rim = radius * (1 + 0.012 * rib)
    fall = np.clip((rho - 0.84 * radius) / (0.16 * radius), 0, 1)
    height = 13 * np.sqrt(np.maximum(1 - fall**2, 0)) + 0.8 * rib * (fall > 0) * (1 - fall)
    recess = 0.5 - 0.5 * np.tanh((rho - rng.uniform(0.62, 0.74) * radius) / 1.2)
    height = height - rng.uniform(1.5, 3) * recess
    mark = _mark(MARKS[rng.integers(len(MARKS))], x.shape, radius)
    height = height + 1.6 * cv2.GaussianBlur(mark, (0, 0), 1.2)
    colour = np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.85, 1.15)
    albedo = colour * (1 + 0.04 * cloud(rng, x.shape, (8, 8)))[..., None]
    if rng.random() < 0.5:
        albedo = albedo + mark[..., None] * (rng.choice([0.1, 0.75]) - albedo) * 0.8
    return Surface(
        height=(height * FINE).astype(np.float32),
        albedo=np.clip(albedo, 0.01, 1).astype(np.float32),
        alpha=edge(rim - rho),
        metal=np.zeros_like(x),
        gloss=np.full_like(x, rng.uniform(0.25, 0.5)),
    )


def _mark(text: str, shape: tuple[int, int], radius: float) -> np.ndarray:
    """(H, W) float32, 1 on the letters."""
    scale = radius * FINE / 75
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 5)
    canvas = np.zeros(shape, np.uint8)
    corner = ((shape[1] - width) // 2, (shape[0] + height) // 2)
    cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_DUPLEX, scale, 255, 5, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


@dataclass(frozen=True, kw_only=True)
class PartKind:
    """A kind of part: how a sound one is made, and the defects that it can have."""

    name: str
    make: Callable[[np.random.Generator], Surface]
    defects: tuple[str, ...]


KINDS = (
    PartKind(name="bolt", make=bolt, defects=("rust", "dent", "scratch")),
    PartKind(name="cap", make=cap, defects=("crack", "chip", "stain")),
    PartKind(name="bottle", make=bottle, defects=("torn", "stain", "dent")),
    PartKind(name="board", make=board, defects=("burn", "scratch", "missing")),
)
EMPTY = "empty"
# Classes of ``line-classifier``: no whole part in view, or its kind, sound or not.
LABELS = (EMPTY, *(name for kind in KINDS for name in (kind.name, f"{kind.name}-defect")))
BOXES = (*(kind.name for kind in KINDS), "defect")  # Classes of ``line-detector``
