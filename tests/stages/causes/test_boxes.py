"""The account of a detector's scores on planted pairs: light alone is light's, noise alone is nobody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch

from tests.stages.causes.planted import recorded, still, view
from vidrobust.predictions import Detections
from vidrobust.shapes.places import Places
from vidrobust.stages.causes.boxes import SeenBoxes, followed, seen_boxes
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import score
from vidrobust.stages.causes.shares import summarise

PLACES = np.array([[20, 20, 90, 80], [120, 30, 200, 120], [60, 95, 110, 150]], np.float32)
CLASSES = ("cup", "hand", "plate")
Logit = Callable[[np.ndarray, int], float]
"""(pixels of a box (h, w, 3) in 0..1, its number) -> the logit of its score."""


@dataclass(eq=False)
class Fixed:
    """Three boxes that never move; each one's score is a function of the pixels in it."""

    logit: Logit
    name: str = "fixed"
    class_names: tuple[str, ...] = CLASSES
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        n = len(pixels)
        frames = pixels.permute(0, 2, 3, 1).numpy().astype(np.float64) / 255
        logits = [
            self.logit(frame[int(y1) : int(y2), int(x1) : int(x2)], k)
            for frame in frames
            for k, (x1, y1, x2, y2) in enumerate(PLACES)
        ]
        return Detections(
            boxes=np.tile(PLACES, (n, 1)),
            scores=(1 / (1 + np.exp(-np.array(logits)))).astype(np.float32),
            labels=np.tile(np.arange(3), n),
            frame=np.repeat(np.arange(n), 3),
            num_frames=n,
            class_names=CLASSES,
        )


def by_brightness(part: np.ndarray, k: int) -> float:
    """Brightness alone."""
    return float(20 * (part.mean() - 0.45) + 1.5)


def by_pixels(part: np.ndarray, k: int) -> float:
    """A fixed random sum of the pixels: noise moves it, and so does any change of the picture."""
    weights = np.random.default_rng(k).normal(0, 1, part.shape)
    return float(np.clip(0.8 + 8 * (weights * (part - part.mean())).sum() / np.sqrt(part.size), -2.5, 4))


@pytest.fixture(scope="module")
def scene(corpus: Path) -> np.ndarray:
    return still(corpus)


def accounted(scene: np.ndarray, logit: Logit, gains: list[list[float]], sigma: float) -> pd.DataFrame:
    """The table ``causes`` of one pair an item."""
    rows = []
    for item, four in enumerate(gains):
        pair = study_pair(*recorded([view(scene, gain=g) for g in four], sigma, item))
        seen = seen_boxes(Fixed(logit), pair.pictures)
        ids = {"item": f"clip {item}", "frame_a": 1, "frame_b": 2, "weight": 1.0, "scale": "adjacent"}
        made = score(pair, Fixed(logit), (seen.z, seen.states), names=seen.names)
        rows += [{**ids, **row} for row in made]
    return pd.DataFrame(rows)


def test_flicker_of_a_detector_that_sees_brightness_alone_is_lights(scene: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    gains = [list(1 + rng.uniform(-0.06, 0.06, 4)) for _ in range(6)]
    causes = accounted(scene, by_brightness, gains, 2.0)
    table = summarise(causes, per_item=False).set_index("cause")
    assert table.loc["light", "share"] == pytest.approx(1.0, abs=0.08)
    others = table.loc[[c for c in (*REPLAYED, NOISE) if c != "light"], "share"]
    assert others.abs().max() < 0.08
    assert named(table.reset_index())["cause"].tolist() == ["light"]


def test_noise_alone_names_no_cause(scene: np.ndarray) -> None:
    causes = accounted(scene, by_pixels, [[1.0] * 4] * 8, 4.0)
    change = causes.groupby("item")["squared_change"].first()
    assert (change > 0.01).all()  # the scores do change
    table = summarise(causes, per_item=False)
    assert set(named(table)["cause"]) <= {NOISE}
    own = table.set_index("cause")["share"]
    assert own[list(REPLAYED)].abs().max() < 0.15
    assert own[NOISE] == pytest.approx(1.0, abs=0.5)


def pictures(scene: np.ndarray) -> list[np.ndarray]:
    return recorded([view(scene, gain=g) for g in (1.0, 0.7)], 0.0, 0)


def test_a_lost_box_keeps_the_score_of_its_candidate(scene: np.ndarray) -> None:
    """The cup's score falls from sigmoid(1) to sigmoid(-1.5) = .18, below .3: lost, and its logit still told."""
    first, second = pictures(scene)
    bright = first[20:80, 20:90].mean() / 255
    dark = second[20:80, 20:90].mean() / 255

    def falls(part: np.ndarray, k: int) -> float:
        at = (part.mean() - dark) / (bright - dark)
        return -1.5 + 2.5 * at if k == 0 else 2.0

    seen: SeenBoxes = seen_boxes(Fixed(falls), (first, second))
    assert seen.z.shape == (2, 3)
    assert seen.z[:, 2] == pytest.approx([1.0, -1.5], abs=0.01)  # those found twice come first
    assert seen.z[:, :2] == pytest.approx(np.full((2, 2), 2.0), abs=1e-5)
    assert seen.states[0] != seen.states[1]  # a flip: the cup is gone
    assert set(seen.names) == {"several classes"}


def test_a_frame_without_boxes_has_no_coordinates(scene: np.ndarray) -> None:
    first, second = pictures(scene)
    seen = seen_boxes(Fixed(lambda part, k: -4.0), (first, second))
    assert seen.z.shape == (2, 0)
    assert seen.names == ("nothing",)
    pair = study_pair(first, second, *recorded([view(scene)] * 2, 2.0, 1))
    again = seen_boxes(Fixed(lambda part, k: -4.0), pair.pictures)
    rows = score(pair, Fixed(by_pixels), (again.z, again.states), names=again.names)
    assert {row["squared_change"] for row in rows} == {0.0}


def test_a_moving_object_is_followed_and_one_that_leaves_is_left_out() -> None:
    a = (Places.of(np.array([[50, 50, 70, 70], [0, 90, 30, 120]])), np.array([0.9, 0.9]), np.array([0, 1]))
    b = (Places.of(np.array([[110, 50, 130, 70]])), np.array([0.4]), np.array([2]))
    shifts = np.array([[60.0, 0], [0, 0]])
    (found,) = followed(a, b, shifts, (240, 320))
    assert found.labels == (0, 2)
    assert found.boxes[:, 0].tolist() == [50, 110]
    assert (
        len(followed(a, b, np.zeros((2, 2)), (240, 320))) == 1
    )  # without its motion the partner is not found


@dataclass(eq=False)
class Finder:
    """Finds the one white plate of a dark picture, wherever it is, and is equally sure of it everywhere."""

    name: str = "finder"
    class_names: tuple[str, ...] = CLASSES
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        boxes = []
        for frame in pixels:
            y, x = np.nonzero(frame[0].numpy() > 200)
            boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
        n = len(pixels)
        return Detections(
            boxes=np.array(boxes, np.float32),
            scores=np.full(n, 0.8, np.float32),
            labels=np.zeros(n, np.int64),
            frame=np.arange(n),
            num_frames=n,
            class_names=CLASSES,
        )


def test_a_box_that_moves_with_its_part_is_no_change() -> None:
    """By 50 px a frame, more than its own width; with a grain on it, by which its motion is seen."""
    rng = np.random.default_rng(2)
    plate = rng.integers(205, 255, (36, 40, 1), dtype=np.uint8).repeat(3, axis=2)
    plate[8:20, 10:24] = 120
    frames = []
    for left in (60, 110):
        frame = np.full((240, 320, 3), 60, np.uint8)
        frame[100:136, left : left + 40] = plate
        frames.append(frame)
    seen = seen_boxes(Finder(), frames)
    assert seen.z.shape == (2, 1)
    assert np.ptp(seen.z) == 0
    assert seen.states[0] == seen.states[1]
