"""Scene: which parts lie where on the belt, drawn once for a clip; and where each is in every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.line_sim.belt import HEIGHT, MARGIN, WIDTH, rubber
from vidrobust.line_sim.defects import SIZES_PX, with_defect
from vidrobust.line_sim.dials import FRAME_RATE
from vidrobust.line_sim.parts.kinds import KINDS, Kind
from vidrobust.line_sim.surface import FINE, Surface, lit, turned

LANES_PX = (138.0, 342.0)
"""Rows of the frame on which other parts ride; the part of the clip rides in the middle."""
LANE_SIDE_PX = 44.0
"""Longest side of another part."""
GAP_PX = 8.0
_STEP_PX = 128
"""A belt is drawn in stretches of so many px, so that clips of like length share one."""
_SHADOW = ((5.0, 7.0, 5.0, 0.42), (1.0, 1.5, 2.0, 0.30))
"""Shift in x and y, blur and depth of the cast shadow and of the dark line where a part lies on, px."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the line: the same in every pass and at every station.

    defect, defect_size_px  name of its one defect and its longest side, or "" and 0
    """

    name: str
    kind: Kind
    surface: Surface
    defect: str
    defect_size_px: float
    defect_mask: np.ndarray

    @property
    def label(self) -> str:
        """Its class: the kind, and whether it is sound."""
        return f"{self.kind.name}-defect" if self.defect else self.kind.name


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A box about a part, or about its defect, where it lies on the belt.

    what  the class of the box, of ``kinds.BOXES``
    box   x1, y1, x2, y2 px of the frame, while the belt stands at 0 and the camera does not shake
    """

    part: str
    what: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """picture (H, W, 3) uint8, FINE times finer; its first column is at ``left_px`` of the frame at belt 0."""

    picture: np.ndarray
    left_px: float
    placed: tuple[Placed, ...]


def make_part(name: str, number: int, seed: Sequence[int]) -> Part:
    """Part ``number``: kinds take turns, and so do sound and defective parts within a kind."""
    return draw_part(
        name,
        KINDS[number % len(KINDS)],
        (number + number // len(KINDS)) % 2 == 1,
        np.random.default_rng([*seed, number]),
    )


def draw_part(name: str, kind: Kind, defective: bool, rng: np.random.Generator) -> Part:
    """A part of a kind, sound or with one defect of a random kind and size."""
    surface = kind.make(rng)
    defect, size, mask = "", 0.0, np.zeros_like(surface.height)
    if defective:
        defect, size = kind.defects[rng.integers(len(kind.defects))], float(rng.uniform(*SIZES_PX))
        surface, mask = with_defect(surface, defect, size, rng)
    return Part(name=name, kind=kind, surface=surface, defect=defect, defect_size_px=size, defect_mask=mask)


def make_scene(
    part: Part | None,
    travel_px: np.ndarray,
    settings: Mapping[str, float],
    belt_seed: Sequence[int],
    seed: Sequence[int],
) -> Scene:
    """The belt of one clip.

    part       rides in the middle lane and passes the middle of the view at half time; None: an empty belt
    travel_px  (frames,) how far the belt has run
    belt_seed  of the belt's wear; ``seed`` of the part's pose and of what else rides by
    """
    rng = np.random.default_rng([*seed, 1])
    ahead, behind = (
        _STEP_PX * np.ceil(max(reach, 0.0) / _STEP_PX) for reach in (travel_px.max(), -travel_px.min())
    )
    left, right = float(-MARGIN - ahead), float(WIDTH + MARGIN + behind)
    picture = rubber(int(right - left), tuple(belt_seed)).copy()
    placed: list[Placed] = []
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
    """Parts a second that the two side lanes can carry at a speed of the belt, px a frame."""
    return len(LANES_PX) * abs(speed_px) * FRAME_RATE / (LANE_SIDE_PX + GAP_PX)


def _arrivals(
    travel_px: np.ndarray, settings: Mapping[str, float], rng: np.random.Generator
) -> list[tuple[float, int]]:
    """Middle on the belt, px, and lane of the parts that ride by: evenly in time but for a draw within the gap."""
    rate, speed = settings["traffic"], settings["speed"]
    if rate <= 0 or speed == 0:
        return []
    spacing = len(LANES_PX) * abs(speed) * FRAME_RATE / rate  # within one lane
    free = spacing - LANE_SIDE_PX - GAP_PX
    reach = float(np.ptp(travel_px)) + WIDTH + 2 * LANE_SIDE_PX
    entrance = -LANE_SIDE_PX / 2 if speed > 0 else WIDTH + LANE_SIDE_PX / 2
    found = []
    for lane in range(len(LANES_PX)):
        start = rng.uniform(0, spacing)
        for number in range(int(reach / spacing) + 1):
            back = start + number * spacing + rng.uniform(0, max(free, 0)) - WIDTH
            found.append((entrance - np.sign(speed) * back, lane))
    return found


def _put(
    picture: np.ndarray,
    left_px: float,
    part: Part,
    where: tuple[float, float],
    angle_deg: float,
    scale: float,
) -> list[Placed]:
    """Draw a part with its shadow, its middle near ``where``; the boxes of what was drawn, or none outside."""
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
    boxes = [Placed(part=part.name, what=part.kind.name, box=_box(surface.alpha, corner))]
    if part.defect:
        mask = cv2.warpAffine(part.defect_mask, matrix, (w, h), flags=cv2.INTER_LINEAR)
        boxes.append(Placed(part=part.name, what="defect", box=_box(mask, corner)))
    return boxes


def _box(mask: np.ndarray, corner: tuple[float, float]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 px about what is at least 0.3 of a mask drawn FINE; corner is its upper left, px."""
    columns, rows = (np.flatnonzero((mask >= 0.3).any(axis=axis)) for axis in (0, 1))
    if not len(columns):
        return (*corner, *corner)
    x1, x2 = (corner[0] + v / FINE for v in (columns[0], columns[-1] + 1))
    y1, y2 = (corner[1] + v / FINE for v in (rows[0], rows[-1] + 1))
    return float(x1), float(y1), float(x2), float(y2)
