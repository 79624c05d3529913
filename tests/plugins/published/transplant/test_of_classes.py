"""A classifier and an object that is moved: blind at a side, blind anywhere by chance, and at rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from vidrobust.frames.pixels import to_array
from vidrobust.plugins.published.transplant import summary as pasted_places
from vidrobust.plugins.published.transplant.cutout import Cutout
from vidrobust.plugins.published.transplant.study import Background, TransplantSettings
from vidrobust.plugins.published.transplant.summary import summary, transplant_of_classes
from vidrobust.predictions import Classifications

CLASSES = ("floor", "elephant", "sofa")
GRID = TransplantSettings(columns=10, rows=6)


@dataclass(eq=False)
class Planted:
    """Says elephant where it sees something red whose middle a rule lets it see, else floor."""

    sees: Callable[[np.ndarray, float, float], bool]
    name: str = "planted"
    class_names: tuple[str, ...] = CLASSES
    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        found = np.array([self._one(to_array(frame)) for frame in pixels], np.float32)
        return Classifications(found, CLASSES)

    def _one(self, picture: np.ndarray) -> list[float]:
        y, x = np.nonzero((picture == (255, 0, 0)).all(axis=2))
        if len(x) and self.sees(
            picture, float(x.mean()) / picture.shape[1], float(y.mean()) / picture.shape[0]
        ):
            return [0.1, 0.8, 0.1]
        return [0.7, 0.2, 0.1]


def backgrounds(count: int) -> list[Background]:
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 200, (60, 100, 3)).astype(np.uint8) for _ in range(count)]
    return [Background(name=f"b{k}", frame=0, pixels=pixels) for k, pixels in enumerate(made)]


def elephant() -> Cutout:
    return Cutout(
        np.tile(np.array([255, 0, 0], np.uint8), (6, 6, 1)), np.ones((6, 6), np.float32), "elephant"
    )


def asked(sees: Callable[[np.ndarray, float, float], bool], count: int = 6):  # type: ignore[no-untyped-def]
    shown = backgrounds(count)
    found = transplant_of_classes(Planted(sees), elephant(), shown, GRID)
    return found, pasted_places.places_of(found, shown, (6, 6), "planted", 1)


def by_chance(picture: np.ndarray, x: float, y: float) -> bool:
    """By the picture's content, four times of five."""
    return hashlib.sha256(picture.tobytes()).digest()[0] < 205


def test_an_object_that_is_missed_at_the_left() -> None:
    found, tables = asked(lambda picture, x, y: x > 0.2)
    said = summary(found, CLASSES)
    assert said["object"]["class"] == "elephant"
    # by hand: the middles of the ten columns lie at .025, .13, .23 ... of the width, of which two are missed
    assert said["object"]["class_rate"]["value"] == pytest.approx(0.8)
    assert said["object"]["neutral_found"]["value"] == pytest.approx(0.8)  # its double is as red
    assert said["object"]["position_flip_rate"]["value"] == pytest.approx(6 / (9 * 6 + 10 * 5))
    assert float(tables["place_tests"]["p"].iloc[0]) < 0.05
    rate = tables["by_place"].groupby("column")["value"].mean()
    assert rate.to_dict() == {0: 0.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}
    text = pasted_places.sentence(tables)
    assert text.startswith("the place matters: known 100 % ")
    assert "0 % [0, " in text
    assert "far left" in text


def test_one_that_is_missed_anywhere_by_chance_is_no_place() -> None:
    found, tables = asked(by_chance)
    assert 0.1 < float((found.positions.query("patch == 'object'")["label"] == 0).mean()) < 0.3
    assert pasted_places.sentence(tables).startswith("no effect of the place seen")


def test_few_backgrounds_and_few_positions_say_so(tmp_path: Path) -> None:
    _, tables = asked(lambda picture, x, y: x > 0.2, count=2)
    text = pasted_places.sentence(tables)
    assert text.startswith("whether the place matters is open")
    assert "15 cells of 15 with fewer than 10 positions say nothing" in text
    pasted_places.draw(tables, "elephant", tmp_path / "places.png")
    assert (tmp_path / "places.png").stat().st_size > 1000


def test_a_background_that_is_answered_so_anyway_says_nothing() -> None:
    shown = backgrounds(2)
    found = transplant_of_classes(Planted(lambda *_: True), elephant(), shown, GRID, expected=0)
    assert found.positions["occupied"].all()
    assert summary(found, CLASSES, 0)["object"]["recall"]["n"] == 0
