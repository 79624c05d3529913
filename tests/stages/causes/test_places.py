"""The account of boxes' places on planted pairs: what moves with its part is at rest, light is light's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from tests.stages.causes.planted import HEIGHT, MARGIN, WIDTH, recorded, still, view
from vidrobust.predictions import Detections
from vidrobust.stages.causes.boxes import seen_boxes, taken_along
from vidrobust.stages.causes.candidate_fits import candidates, motions
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.scene import STEP, Motion
from vidrobust.stages.causes.score import score
from vidrobust.stages.causes.shares import summarise

RED = np.array([230, 30, 40], np.float32)
Lean = Callable[[np.ndarray], float]
"""(frame (H, W, 3) in 0..1) -> px by which the detector puts its box too far to the right."""


@dataclass(eq=False)
class Middle:
    """Finds the one red plate by its centre of redness, to a fraction of a pixel; and leans as it is told to."""

    lean: Lean = lambda frame: 0.0
    name: str = "middle"
    class_names: tuple[str, ...] = ("plate",)
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        boxes = []
        for frame in pixels.permute(0, 2, 3, 1).numpy().astype(np.float64):
            red = np.maximum(frame[..., 0] - frame[..., 1:].max(axis=2) - 90, 0)
            x = (red.sum(axis=0) @ np.arange(red.shape[1])) / red.sum() + self.lean(frame / 255)
            y = (red.sum(axis=1) @ np.arange(red.shape[0])) / red.sum()
            boxes.append([x - 22, y - 18, x + 22, y + 18])
        n = len(boxes)
        return Detections(
            boxes=np.array(boxes, np.float32),
            scores=np.full(n, 0.8, np.float32),
            labels=np.zeros(n, np.int64),
            frame=np.arange(n),
            num_frames=n,
            class_names=self.class_names,
        )


@pytest.fixture(scope="module")
def scene(corpus: Path) -> np.ndarray:
    """A still without anything red in it."""
    picture = still(corpus)
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2).astype(np.float32)


def with_plate(scene: np.ndarray, x: float, y: float = 80, gain: float = 1.0) -> np.ndarray:
    """The scene with a red plate on it, grained, whose middle lies at (x, y) of the view."""
    plate = np.random.default_rng(3).normal(0, 9, (36, 44, 1)).astype(np.float32) + RED
    plate = cv2.GaussianBlur(plate, (0, 0), 1.0)
    into = np.array([[1, 0, x + MARGIN - 21.5], [0, 1, y + MARGIN - 17.5]], np.float32)
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    over = cv2.warpAffine(plate, into, size, flags=cv2.INTER_CUBIC)
    cover = cv2.warpAffine(np.ones((36, 44), np.float32), into, size, flags=cv2.INTER_LINEAR)[..., None]
    return view(cover * over + (1 - cover) * scene, gain=gain)


def accounted(detector: Middle, clips: list[list[np.ndarray]], sigma: float) -> pd.DataFrame:
    """The table ``place_causes`` of one pair an item."""
    rows = []
    for item, four in enumerate(clips):
        pair = study_pair(*recorded(four, sigma, item))
        assert not pair.excluded
        album, fitted = candidates(pair)
        moved = motions(pair, fitted)
        assert len(moved) == len(album)
        seen = seen_boxes(detector, album, moved, backwards=pair.reversed)
        ids = {"item": f"clip {item}", "frame_a": 1, "frame_b": 2, "weight": 1.0, "scale": "adjacent"}
        made = score(pair, detector, (seen.places, np.zeros(len(album), np.int64)), names=("",))
        rows += [{**ids, **row} for row in made]
    return pd.DataFrame(rows)


def steps(count: int) -> list[list[float]]:
    """Places of the plate in four frames, by 2 to 7 px a frame."""
    rng = np.random.default_rng(1)
    return [list(70 + np.cumsum(rng.uniform(2, 7, 4))) for _ in range(count)]


def test_boxes_that_move_with_their_part_name_no_cause(scene: np.ndarray) -> None:
    clips = [[with_plate(scene, x) for x in four] for four in steps(8)]
    causes = accounted(Middle(), clips, 2.0)
    assert (causes.groupby("item")["size"].max() > 1).all()  # the plate's motion was measured
    # a box of 40 px wanders by less than a third of a pixel about its part
    assert causes["squared_change"].max() < (0.33 / 40) ** 2 * 4
    assert set(named(summarise(causes, per_item=False))["cause"]) <= {NOISE}


def test_noise_alone_names_no_cause(scene: np.ndarray) -> None:
    weights = np.random.default_rng(5).normal(0, 1, (HEIGHT, WIDTH, 3))

    def lean(frame: np.ndarray) -> float:
        return float(8 * (weights * (frame - frame.mean())).sum() / np.sqrt(weights.size))

    clips = [[with_plate(scene, 100)] * 4 for _ in range(8)]
    causes = accounted(Middle(lean), clips, 4.0)
    assert (causes.groupby("item")["squared_change"].first() > 0).all()
    table = summarise(causes, per_item=False)
    assert set(named(table)["cause"]) <= {NOISE}
    own = table.set_index("cause")
    assert own.loc[list(REPLAYED), "share"].abs().max() < 0.15
    assert own.loc[NOISE, "low"] <= 1 <= own.loc[NOISE, "high"]  # eight pairs of one number each: 1.8


@pytest.mark.parametrize("moving", [False, True])
def test_boxes_that_lean_with_the_light_are_lights(scene: np.ndarray, moving: bool) -> None:
    """Also while the plate moves; what its motion is measured wrongly by is nobody's: .80 and 1.00."""
    rng = np.random.default_rng(0)
    places = steps(8) if moving else [[100.0] * 4] * 8  # of six pairs all signs alike have p = 1 / 64
    clips = [
        [with_plate(scene, x, gain=g) for x, g in zip(four, 1 + rng.uniform(-0.08, 0.08, 4), strict=True)]
        for four in places
    ]
    causes = accounted(Middle(lambda frame: 60 * (float(frame[:30].mean()) - 0.45)), clips, 1.0)
    table = summarise(causes, per_item=False)
    assert named(table)["cause"].tolist() == ["light"]
    own = table.set_index("cause")["share"]
    assert own["light"] == pytest.approx(1.0, abs=0.3 if moving else 0.1)


def test_what_the_border_cuts_has_no_place(scene: np.ndarray) -> None:
    """A plate that comes in: its box grows as it does, and that is no fault."""
    pair = study_pair(*recorded([with_plate(scene, x) for x in (5, 10, 15, 20)], 1.0, 0))
    seen = seen_boxes(Middle(), pair.pictures, pair.motions, backwards=pair.reversed)
    assert seen.z.shape[1] == 1
    assert seen.places.shape[1] == 0


def test_a_box_is_taken_along_with_its_pixels() -> None:
    """A box shifted by (6, -4), one on a part that moves by 10 before a background at rest, and one that grows."""
    height, width = 60, 80  # of every second pixel
    box = np.array([40.0, 30, 80, 70])
    none = np.zeros((height, width), bool)
    still_ = np.zeros((height, width, 2), np.float32)
    assert taken_along(box, Motion(still_, none), own=False).tolist() == box.tolist()
    shifted = Motion(still_ + np.array([-6, 4], np.float32), none)
    assert taken_along(box, shifted, own=False) == pytest.approx([46, 26, 86, 66])
    part = none.copy()
    part[20:30, 30:38] = True  # px 60..75, 40..59: a fifth of the box
    back = np.where(part[..., None], np.array([-10, 0], np.float32), still_)
    assert taken_along(box, Motion(back, part), own=True) == pytest.approx([50, 30, 90, 70])
    assert taken_along(box, Motion(back, part), own=False) == pytest.approx(box)
    x = STEP * np.arange(width, dtype=np.float32)[None] * np.ones((height, 1), np.float32)
    y = STEP * np.arange(height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    grown = np.stack([(60 - x) * 0.02 / 1.02, (50 - y) * 0.02 / 1.02], axis=-1)  # by 2 % about (60, 50)
    assert taken_along(box, Motion(grown, none), own=False) == pytest.approx(
        [60 - 20.4, 50 - 20.4, 60 + 20.4, 50 + 20.4], abs=0.01
    )
