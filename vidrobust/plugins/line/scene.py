"""Which parts lie where on the belt, and where each is in every frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vidrobust.plugins.line.belt import HEIGHT, MARGIN, WIDTH, rubber
from vidrobust.plugins.line.dials import FRAME_RATE
from vidrobust.plugins.line.parts import FINE, KINDS, PartKind, Surface, cloud, lit, turned

# Defects: what goes wrong with a part, by kind and size, drawn into its surface.

# x, y (H, W) fine px from the middle of the defect, and its size, fine px.
Spot = tuple[np.ndarray, np.ndarray, float]
SIZES_PX = (28.0, 56.0)  # Smallest and largest longest side


def with_defect(
    surface: Surface, name: str, size_px: float, rng: np.random.Generator
) -> tuple[Surface, np.ndarray]:
    """Return the surface with one defect of DEFECTS, ``size_px`` long, and its (H, W) float32 mask."""
    solid = (surface.alpha > 0.4).astype(np.uint8)
    x0, y0 = _at_rim(solid, rng) if name in AT_RIM else _inside(solid, size_px * FINE, rng)
    h, w = solid.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    changed, mask = DEFECTS[name](surface, (x - x0, y - y0, size_px * FINE), rng)
    return changed, mask * (surface.alpha > 0.02)


def _inside(solid: np.ndarray, size: float, rng: np.random.Generator) -> tuple[int, int]:
    depth = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= min(size / 2, 0.75 * float(depth.max())))
    chosen = rng.integers(len(rows))
    return int(columns[chosen]), int(rows[chosen])


def _at_rim(solid: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    outline = max(cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    x, y = outline[rng.integers(len(outline)), 0]
    return int(x), int(y)


def _blot(spot: Spot, rng: np.random.Generator, ragged: float) -> np.ndarray:
    x, y, size = spot
    angle, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 0.95)
    u, v = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / flat
    cells = max(2, int(4 * x.shape[0] / size)), max(2, int(4 * x.shape[1] / size))
    rho = np.hypot(u, v) / (size / 2) + ragged * cloud(rng, (x.shape[0], x.shape[1]), cells, 2)
    return np.clip((1 - rho) * 6, 0, 1).astype(np.float32) * (np.hypot(x, y) < 0.6 * size)


def _painted(
    surface: Surface, mask: np.ndarray, colour: np.ndarray, opacity: float, metal: float
) -> Surface:
    cover = (mask * opacity)[..., None]
    return replace(
        surface,
        albedo=(surface.albedo * (1 - cover) + colour * cover).astype(np.float32),
        metal=(surface.metal * (1 - mask) + metal * mask).astype(np.float32),
        gloss=(surface.gloss * (1 - 0.8 * mask)).astype(np.float32),
        alpha=np.where(
            surface.alpha > 0.4, np.maximum(surface.alpha, cover[..., 0]), surface.alpha
        ).astype(np.float32),
    )


def _rust(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    mask = _blot(spot, rng, 0.22)
    grain = cloud(rng, (mask.shape[0], mask.shape[1]), (mask.shape[0] // 5, mask.shape[1] // 5), 2)[
        ..., None
    ]
    return _painted(
        surface, mask, np.array([0.26, 0.09, 0.03]) * (1 + 0.35 * grain), 0.95, 0.0
    ), mask


def _stain(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    mask = _blot(spot, rng, 0.12)
    bright = float(surface.albedo[mask > 0.5].mean()) > 0.12 if (mask > 0.5).any() else True
    colour = np.array([0.03, 0.02, 0.015]) if bright else np.array([0.35, 0.3, 0.22])
    return _painted(surface, mask, colour, 0.88, 0.0), mask


def _burn(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    mask = _blot(spot, rng, 0.1)
    halo = cv2.GaussianBlur(mask, (0, 0), spot[2] * 0.06)
    brown = _painted(surface, halo, np.array([0.20, 0.11, 0.05]), 0.9, 0.0)
    core = np.clip(mask * 1.5 - 0.6, 0, 1)
    return _painted(brown, core, np.array([0.012, 0.010, 0.010]), 0.95, 0.0), np.maximum(
        mask, halo > 0.3
    )


def _dent(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    x, y, size = spot
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / 0.75
    depth = np.exp(-((np.hypot(u, v) / (0.30 * size)) ** 4))
    crease = np.exp(-((np.hypot(u, v) / (0.33 * size) - 1) ** 2) / 0.02)
    dented = replace(
        surface,
        height=(surface.height - 0.26 * size * depth + 0.04 * size * crease).astype(np.float32),
    )
    mask = (depth > 0.25).astype(np.float32)
    return _painted(
        dented, mask * 0.6, surface.albedo * 0.35, 0.9, 0.5 * float(surface.metal.max())
    ), mask


def _scratch(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    angle = rng.uniform(0.15, 0.85) * np.pi
    mask = np.zeros(surface.alpha.shape, np.float32)
    for _ in range(int(rng.integers(2, 4))):
        mask = np.maximum(mask, _stroke(spot, rng, angle + rng.normal(0, 0.08), 0.02, 4.4))
    bare = np.array([0.85, 0.86, 0.88])
    scratched = _painted(surface, mask, bare, 0.9, 0.0)
    return replace(scratched, height=(surface.height - 2 * mask).astype(np.float32)), mask


def _crack(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    angle = rng.uniform(0, np.pi)
    mask = _stroke(spot, rng, angle, 0.10, 6.0)
    branch = _stroke((spot[0] * 1.8, spot[1] * 1.8, spot[2]), rng, angle + 0.7, 0.08, 5.0)
    mask = np.maximum(mask, branch)
    dark = surface.albedo.mean() > 0.04
    colour = np.array([0.008, 0.008, 0.008]) if dark else np.array([0.4, 0.4, 0.4])
    cracked = _painted(surface, mask, colour, 0.95, 0.0)
    return replace(cracked, height=(surface.height - 3 * mask).astype(np.float32)), mask


def _stroke(
    spot: Spot, rng: np.random.Generator, angle: float, jag: float, thick: float
) -> np.ndarray:
    """(H, W) 0..1: a jagged line through the middle, ``thick`` fine px wide."""
    x, y, size = spot
    along = x * np.cos(angle) + y * np.sin(angle) + rng.normal(0, 0.03) * size
    across = y * np.cos(angle) - x * np.sin(angle) + rng.normal(0, 0.06) * size
    knots = np.linspace(-0.5, 0.5, 9) * size
    bend = np.interp(along, knots, rng.normal(0, jag, 9) * size)
    length = np.clip(size / 2 - np.abs(along), 0, 1)
    return (np.clip(thick / 2 + 0.5 - np.abs(across - bend), 0, 1) * length).astype(np.float32)


def _chip(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    mask = _blot(spot, rng, 0.12)
    pale = np.clip(cv2.dilate(mask, np.ones((9, 9))) - mask, 0, 1)
    rim = _painted(surface, pale, np.clip(surface.albedo * 2.2 + 0.08, 0, 1), 0.9, 0.0)
    there = (surface.alpha > 0.4).astype(np.float32)
    return replace(rim, alpha=(surface.alpha * (1 - mask)).astype(np.float32)), np.maximum(
        mask, pale
    ) * there


def _torn(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    mask = _blot(spot, rng, 0.25)
    paper = np.array([0.80, 0.76, 0.66]) * (
        1 - 0.25 * cloud(rng, (mask.shape[0], mask.shape[1]), (20, 20))[..., None] * 0.3
    )
    return _painted(surface, mask, np.clip(paper, 0, 1), 0.97, 0.0), mask


def _missing(surface: Surface, spot: Spot, rng: np.random.Generator) -> tuple[Surface, np.ndarray]:
    x, y, size = spot
    half_x, half_y = size / 2, size * rng.uniform(0.3, 0.42)
    mask = ((np.abs(x) < half_x) & (np.abs(y) < half_y)).astype(np.float32)
    ground = np.array([0.50, 0.52, 0.42])
    pads = (
        mask * (np.abs(np.abs(y) - half_y * 0.72) < half_y * 0.2) * (np.mod(x, size / 4) < size / 8)
    )
    bare = _painted(surface, mask, ground, 0.95, 0.0)
    bare = replace(bare, height=(surface.height * (1 - mask) + 8 * mask).astype(np.float32))
    return _painted(bare, pads, np.array([0.7, 0.5, 0.2]), 1.0, 0.8), mask


AT_RIM = ("chip",)
DEFECTS: dict[str, Callable[[Surface, Spot, np.random.Generator], tuple[Surface, np.ndarray]]] = {
    "rust": _rust,
    "stain": _stain,
    "burn": _burn,
    "dent": _dent,
    "scratch": _scratch,
    "crack": _crack,
    "chip": _chip,
    "torn": _torn,
    "missing": _missing,
}


# Rows on which other parts ride; the part of the clip rides in the middle
LANES_PX = (138.0, 342.0)
# Longest side of another part.
LANE_SIDE_PX = 44.0
GAP_PX = 8.0
_STEP_PX = 128  # A belt is drawn in stretches of so many px, so that clips of like length share one
# Shift in x and y, blur and depth of the cast shadow and of the dark line where a part lies on, px.
_SHADOW = ((5.0, 7.0, 5.0, 0.42), (1.0, 1.5, 2.0, 0.30))


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the line, the same in every pass and at every station; ``defect`` is "" if it is sound."""

    name: str
    kind: PartKind
    surface: Surface
    defect: str
    defect_size_px: float
    defect_mask: np.ndarray

    @property
    def label(self) -> str:
        return f"{self.kind.name}-defect" if self.defect else self.kind.name


@dataclass(frozen=True, kw_only=True)
class PlacedPart:
    """A box x1, y1, x2, y2 px about a part or its defect, with belt at 0 and no shake."""

    part: str
    what: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """picture (H, W, 3) uint8, FINE times finer; its first column is at ``left_px`` of the frame at belt 0."""

    picture: np.ndarray
    left_px: float
    placed: tuple[PlacedPart, ...]


def make_part(name: str, number: int, seed: Sequence[int]) -> Part:
    """Part ``number``: kinds take turns, and so do sound and defective parts within a kind."""
    return draw_part(
        name,
        KINDS[number % len(KINDS)],
        (number + number // len(KINDS)) % 2 == 1,
        np.random.default_rng([*seed, number]),
    )


def draw_part(name: str, kind: PartKind, defective: bool, rng: np.random.Generator) -> Part:
    """A part of a kind, sound or with one defect of a random kind and size."""
    surface = kind.make(rng)
    defect, size, mask = "", 0.0, np.zeros_like(surface.height)
    if defective:
        defect, size = kind.defects[rng.integers(len(kind.defects))], float(rng.uniform(*SIZES_PX))
        surface, mask = with_defect(surface, defect, size, rng)
    return Part(
        name=name, kind=kind, surface=surface, defect=defect, defect_size_px=size, defect_mask=mask
    )


def make_scene(
    part: Part | None,
    travel_px: np.ndarray,
    settings: Mapping[str, float],
    belt_seed: Sequence[int],
    seed: Sequence[int],
) -> Scene:
    """The belt of one clip; ``part`` passes the middle at half time, None: an empty belt."""
    rng = np.random.default_rng([*seed, 1])
    ahead, behind = (
        _STEP_PX * np.ceil(max(reach, 0.0) / _STEP_PX)
        for reach in (travel_px.max(), -travel_px.min())
    )
    left, right = float(-MARGIN - ahead), float(WIDTH + MARGIN + behind)
    picture = rubber(int(right - left), tuple(belt_seed)).copy()
    placed: list[PlacedPart] = []
    if part is not None:
        middle = WIDTH / 2 - float(travel_px[len(travel_px) // 2])
        where = (middle + rng.uniform(-14, 14), HEIGHT / 2 + rng.uniform(-6, 6))
        placed += _put(picture, left, part, where, rng.uniform(-7, 7), 1.0)
    others = np.random.default_rng([*seed, 2])
    for number, (x, lane) in enumerate(_arrivals(travel_px, settings, others)):
        kind = KINDS[others.integers(len(KINDS))]
        other = draw_part(f"other-{number + 1}", kind, bool(others.random() < 0.3), others)
        sides = np.array(other.surface.height.shape) / FINE
        scale = LANE_SIDE_PX / float(sides.max())
        placed += _put(picture, left, other, (x, LANES_PX[lane]), others.uniform(-4, 4), scale)
    return Scene(picture=picture, left_px=left, placed=tuple(placed))


def most_traffic(speed_px: float) -> float:
    """Parts a second that the side lanes can carry at a belt speed, px a frame."""
    return len(LANES_PX) * abs(speed_px) * FRAME_RATE / (LANE_SIDE_PX + GAP_PX)


def _arrivals(
    travel_px: np.ndarray, settings: Mapping[str, float], rng: np.random.Generator
) -> list[tuple[float, int]]:
    """Middle on the belt, px, and lane of the parts that ride by."""
    rate, speed = settings["traffic"], settings["speed"]
    if rate <= 0 or speed == 0:
        return []
    spacing = len(LANES_PX) * abs(speed) * FRAME_RATE / rate  # within one lane
    free = spacing - LANE_SIDE_PX - GAP_PX
    reach = float(np.ptp(travel_px)) + WIDTH + 2 * LANE_SIDE_PX
    entrance = -LANE_SIDE_PX / 2 if speed > 0 else WIDTH + LANE_SIDE_PX / 2
    parts = []
    for lane in range(len(LANES_PX)):
        start = rng.uniform(0, spacing)
        for number in range(int(reach / spacing) + 1):
            back = start + number * spacing + rng.uniform(0, max(free, 0)) - WIDTH
            parts.append((entrance - np.sign(speed) * back, lane))
    return parts


def _put(
    picture: np.ndarray,
    left_px: float,
    part: Part,
    where: tuple[float, float],
    angle_deg: float,
    scale: float,
) -> list[PlacedPart]:
    surface, matrix = turned(part.surface, angle_deg, scale)
    h, w = surface.alpha.shape
    room = 12 * FINE
    column = round((where[0] - left_px) * FINE - w / 2)
    row = round((where[1] + MARGIN) * FINE - h / 2)
    if column < room or column + w + room > picture.shape[1]:
        return []
    ground = picture[row - room : row + h + room, column - room : column + w + room]
    shade = np.pad(surface.alpha, room)
    light = np.ones_like(shade)
    for dx, dy, blur, depth in _SHADOW:
        moved = cv2.warpAffine(
            shade,
            np.array([[1, 0, dx * FINE * scale], [0, 1, dy * FINE * scale]], np.float64),
            shade.shape[::-1],
        )
        light *= 1 - depth * cv2.GaussianBlur(moved, (0, 0), max(blur * FINE * scale, 0.5))
    alpha = shade[..., None]
    colour = np.pad(lit(surface), ((room, room), (room, room), (0, 0)))
    ground[:] = np.clip(ground * light[..., None] * (1 - alpha) + colour * alpha, 0, 255)
    corner = (column / FINE + left_px, row / FINE - MARGIN)
    boxes = [PlacedPart(part=part.name, what=part.kind.name, box=_box(surface.alpha, corner))]
    if part.defect:
        mask = cv2.warpAffine(part.defect_mask, matrix, (w, h), flags=cv2.INTER_LINEAR)
        boxes.append(PlacedPart(part=part.name, what="defect", box=_box(mask, corner)))
    return boxes


def _box(mask: np.ndarray, corner: tuple[float, float]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 px about what is at least 0.3 of a mask drawn FINE."""
    columns, rows = (np.flatnonzero((mask >= 0.3).any(axis=axis)) for axis in (0, 1))
    if not len(columns):
        return (*corner, *corner)
    x1, x2 = (corner[0] + v / FINE for v in (columns[0], columns[-1] + 1))
    y1, y2 = (corner[1] + v / FINE for v in (rows[0], rows[-1] + 1))
    return float(x1), float(y1), float(x2), float(y2)
