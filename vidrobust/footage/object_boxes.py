"""Where one object is to be seen from frame to frame, and the window of the frame that is cut out about it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

Box = tuple[float, float, float, float]

SLACK_S = 0.02
"""A frame this much before the first box or behind the last is still shown with it."""


@dataclass(frozen=True, kw_only=True)
class ObjectBoxes:
    """The boxes of one object, from the first to the last without a break.

    places   rising; frame numbers from 0, or seconds by the file's time stamps
    boxes    x1, y1, x2, y2 at each place
    counted  whether the places are frame numbers
    unit     px of the upright frame, or shares of its width and height
    """

    places: tuple[float, ...]
    boxes: tuple[Box, ...]
    counted: bool
    unit: str = "px"

    def __post_init__(self) -> None:
        if not self.places or len(self.places) != len(self.boxes):
            raise ValueError(
                f"ObjectBoxes: expected as many places as boxes, and one at least, "
                f"got {len(self.places)} and {len(self.boxes)}"
            )
        if any(b <= a for a, b in zip(self.places, self.places[1:], strict=False)):
            raise ValueError("ObjectBoxes.places: expected rising numbers")
        if self.unit not in ("px", "share"):
            raise ValueError(f"ObjectBoxes.unit: expected px or share, got {self.unit!r}")

    def at(self, index: int, time_s: float) -> Box | None:
        """The box in a frame, on a straight line between the two nearest labels; None before and behind them."""
        place = float(index) if self.counted else time_s
        slack = 0.0 if self.counted else SLACK_S
        if not self.places[0] - slack <= place <= self.places[-1] + slack:
            return None
        place = min(max(place, self.places[0]), self.places[-1])
        right = min(bisect_right(self.places, place), len(self.places) - 1)
        left = max(right - 1, 0)
        span = self.places[right] - self.places[left]
        share = (place - self.places[left]) / span if span else 0.0
        a, b = self.boxes[left], self.boxes[right]
        x1, y1, x2, y2 = (p + share * (q - p) for p, q in zip(a, b, strict=True))
        return x1, y1, x2, y2

    def is_past(self, index: int, time_s: float) -> bool:
        """Whether a frame lies behind the last box."""
        return index > self.places[-1] if self.counted else time_s > self.places[-1] + SLACK_S


def crop_window(box: Box, *, margin: float, width: int, height: int) -> tuple[int, int, int]:
    """x, y and side in whole px of the window about a box of a frame of this size.

    The window is a square about the middle of the box, its side the longer side of the box and ``margin``
    times that on both sides, but no longer than the shorter side of the frame. Where it would leave the frame
    it is moved inward: nothing is made up, and nothing is stretched.

        +---------------+      side = longer * (1 + 2 margin)
        |   +-------+   |
        |   |  box  |   |
        |   +-------+   |
        +---------------+
    """
    x1, y1, x2, y2 = box
    wanted = round(max(x2 - x1, y2 - y1) * (1 + 2 * margin))
    side = min(max(wanted, 1), width, height)
    x = min(max(round((x1 + x2 - side) / 2), 0), width - side)
    y = min(max(round((y1 + y2 - side) / 2), 0), height - side)
    return x, y, side
