"""Passes in small pictures: drawn squares by hand, and a rendered line whose entering and leaving is known."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from vidrobust.plugins.gauge.passes import find_passes

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SHAPE = (60, 160)


def drawn(count: int, *parts: tuple[int, int, int, int], light: float = 0.0) -> np.ndarray:
    """Grey pictures of squares 20 px wide: each first frame, row, left edge, px a frame; grain of 1 level."""
    rng = np.random.default_rng(3)
    pictures = 80 + rng.normal(0, 1, (count, *SHAPE))
    for begin, row, left, speed in parts:
        for frame in range(begin, count):
            x = left + speed * (frame - begin)
            pictures[frame, row : row + 20, max(x, 0) : max(x + 20, 0)] = 170
    pictures *= 1 + light * np.sin(np.arange(count) / 4)[:, None, None]
    return np.clip(pictures, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", [0.0, 0.2])
def test_a_square_that_crosses_by_hand(light: float) -> None:
    # left edge -20 at frame 10, 5 px a frame: a first column at 11; whole from -20 + 5 n >= 0, n = 4, frame 14;
    # right edge 160 at n = 32, frame 42; the left edge leaves at 160, n = 36: last seen in 45
    (found,) = find_passes(drawn(60, (10, 20, -20, 5), light=light)).passes
    # a blurred edge reaches 2 px further: up to 2 frames less is wholly inside
    assert (found.first, found.last) == (pytest.approx(11, abs=1), pytest.approx(45, abs=1))
    assert (found.whole_first, found.whole_last) == (
        pytest.approx(15, abs=1),
        pytest.approx(41, abs=1),
    )
    assert (found.direction, found.crossed, found.remark) == ("right", True, "")


def test_two_at_once_in_opposite_directions_are_two() -> None:
    found = find_passes(drawn(60, (5, 1, -20, 5), (8, 39, 160, -5))).passes
    assert [(p.direction, p.crossed) for p in found] == [("right", True), ("left", True)]


def test_two_that_touch_are_not_counted_as_crossing_but_stay_in_sight() -> None:
    found = find_passes(drawn(60, (5, 5, -20, 5), (8, 30, 160, -5))).passes
    assert found
    assert all(p.remark == "does not cross the picture" for p in found if not p.crossed)


def test_one_that_is_there_already_has_not_crossed() -> None:
    (found,) = find_passes(drawn(60, (0, 20, 30, 5))).passes
    assert not found.crossed
    assert found.remark == "was there when the clip begins"


def halting(visits: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Squares that come in from the left, halt in the middle for most of the clip, and leave to the right."""
    way = [*range(-20, 70, 10), *[70] * 60, *range(80, 170, 10)]
    rng, frames, truth = np.random.default_rng(4), [], []
    for level in np.linspace(150, 230, visits):
        for x in [*[200] * 10, *way]:
            picture = 80 + rng.normal(0, 1, SHAPE)
            picture[20:40, max(x, 0) : max(x + 20, 0)] = level
            frames.append(picture)
        truth.append((len(frames) - len(way) + 1, len(frames) - 2))  # 10 px at -10, and at 150
    return np.clip(frames, 0, 255).astype(np.uint8), truth


def test_parts_that_halt_for_most_of_the_clip_are_not_the_empty_scene() -> None:
    pictures, truth = halting(4)
    assert np.median(pictures[:, 30, 80]) > 140  # the median of that place is a part
    found = [p for p in find_passes(pictures).passes if p.crossed]
    assert [(p.first, p.last) for p in found] == [pytest.approx(span, abs=1) for span in truth]


def test_a_shadow_that_follows_is_no_part() -> None:
    rng = np.random.default_rng(6)
    floor = 110 + cv2.GaussianBlur(rng.normal(0, 40, SHAPE), (0, 0), 1.0)
    frames = []
    for frame in range(70):
        picture, x = floor + rng.normal(0, 1, SHAPE), -20 + 5 * (frame - 10)
        shade = np.zeros(SHAPE)
        shade[10:50, max(x - 40, 0) : max(x, 0)] = 0.35
        picture *= 1 - cv2.GaussianBlur(shade, (0, 0), 6.0)
        picture[20:40, max(x, 0) : max(x + 20, 0)] = 30
        frames.append(picture)
    (found,) = (
        p for p in find_passes(np.clip(frames, 0, 255).astype(np.uint8)).passes if p.crossed
    )
    # the square is in view from 11 to 45, its shadow to 53
    assert (found.first, found.last) == (pytest.approx(11, abs=1), pytest.approx(45, abs=2))


def test_where_parts_come_and_go_amid_the_picture_none_is_trusted() -> None:
    rng = np.random.default_rng(7)
    pictures = 80 + rng.normal(0, 1, (90, *SHAPE))
    for begin in range(5, 80, 6):
        y, x = int(rng.integers(4, 36)), int(rng.integers(4, 130))
        pictures[begin : begin + 9, y : y + 20, x : x + 20] = 170
    found = find_passes(np.clip(pictures, 0, 255).astype(np.uint8))
    assert found.unsure
    assert not any(p.crossed for p in found.passes)


def test_an_empty_line_and_one_whose_light_changes_have_none() -> None:
    assert find_passes(drawn(40)).passes == ()
    assert find_passes(drawn(40, light=0.3)).passes == ()


def test_a_belt_that_is_never_empty_is_said() -> None:
    crowd = [(0, 20, -20 - 50 * k, 5) for k in range(8)]
    found = find_passes(drawn(80, *crowd))
    assert "look at every pass" in found.notes[0] or len(found.passes) >= 5


def benchmark() -> ModuleType:
    """The script that prints the errors of all conditions."""
    spec = importlib.util.spec_from_file_location("passes_benchmark", BENCHMARKS / "passes.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_rendered_line_to_within_frames() -> None:
    # 20 px a frame; measured at six speeds and in seven conditions: docs/measured/repeatability.md
    pictures, (in_view, whole) = benchmark().crossing(("shake=2",), 1, 20.0)
    (found,) = (each for each in find_passes(pictures).passes if each.crossed)
    assert (found.first, found.last) == pytest.approx(in_view, abs=3)
    assert (found.whole_first, found.whole_last) == pytest.approx(whole, abs=3)
