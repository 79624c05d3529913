"""A cause taken back in t+1: the picture that would have been recorded without it, with its own noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from tests.stages.causes.planted import recorded, still, view
from vidrobust.predictions import Classifications
from vidrobust.stages.causes.catalogue import NOISE, together_with
from vidrobust.stages.causes.margins import lead_of
from vidrobust.stages.causes.pair_replays import measure_all, study_pair, undone
from vidrobust.stages.causes.score import coordinates, predict, score


@pytest.fixture(scope="module")
def scene(corpus: Path) -> np.ndarray:
    return still(corpus)


@dataclass(frozen=True)
class Brightness:
    """Dark or bright, and a third class that never leads."""

    border: float
    name: str = "brightness"
    task: Literal["classification"] = "classification"
    class_names: tuple[str, ...] = ("dark", "bright", "other")

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        brighter = pixels.float().mean(dim=(1, 2, 3)).numpy() - self.border
        return Classifications.from_logits(
            np.stack([-brighter, brighter, -10 + 0 * brighter], axis=1), self.class_names
        )


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square, levels, away from the rim."""
    return float(np.sqrt(np.square(a.astype(float) - b)[12:-12, 12:-12].mean()))


def taken_back(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    return undone(a, b, measure_all(a, b), measure_all(b, a))


@pytest.mark.parametrize(
    ("cause", "now", "then"),
    [
        ("light", {"gain": 0.95}, {"gain": 1.05}),
        ("camera", {"shift": (1.0, 0.0)}, {"shift": (-2.0, 3.0)}),
        ("sharpness", {"blur": 1.2}, {"blur": 0.0}),
    ],
)
def test_the_condition_of_t_with_the_noise_of_t_1(
    scene: np.ndarray, cause: str, now: dict[str, float], then: dict[str, float]
) -> None:
    a, b = recorded([view(scene, **now), view(scene, **then)], 2.0, 0)
    without = recorded([view(scene, **now)] * 2, 2.0, 0)[1]  # the second frame's noise is the same
    found = taken_back(a, b)[cause]
    if cause == "light":
        assert apart(found, without) < 1.0
    assert apart(found, without) < 0.5 * apart(b, without)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({}, {}),
        ({"gain": 0.95}, {"gain": 1.05}),
        ({"shift": (1.0, 0.0)}, {"shift": (-2.0, 3.0)}),
    ],
)
def test_the_conditions_of_t_1_with_the_noise_of_t(
    scene: np.ndarray, now: dict[str, tuple[float, float]], then: dict[str, tuple[float, float]]
) -> None:
    frames = recorded([view(scene, **each) for each in (now, now, then)], 2.0, 0)
    _, a, b = frames
    pair = study_pair(*frames, None, flips=True)
    found = pair.pictures[pair.undone[NOISE]]
    # the noise of t lies on the scene of t+1: with it, and not with that of t+1, the difference goes
    noise = a.astype(float) - recorded([view(scene, **now)], 0.0, 0)[0]
    clean = recorded([view(scene, **then)], 0.0, 0)[0]
    alike = np.corrcoef((found - clean.astype(float)).ravel(), _moved(noise, now, then).ravel())[0, 1]
    own = np.corrcoef((found - clean.astype(float)).ravel(), (b - clean.astype(float)).ravel())[0, 1]
    assert alike > 0.8
    assert abs(own) < 0.1


def _moved(
    noise: np.ndarray, now: dict[str, tuple[float, float]], then: dict[str, tuple[float, float]]
) -> np.ndarray:
    """Noise of t as it lies in t+1, for shifts of whole pixels."""
    (x0, y0), (x1, y1) = (each.get("shift", (0.0, 0.0)) for each in (now, then))
    return np.roll(noise, (round(y0 - y1), round(x0 - x1)), axis=(0, 1))


def test_a_frame_that_got_blurrier_cannot_be_taken_back(scene: np.ndarray) -> None:
    a, b = recorded([view(scene), view(scene, blur=1.2)], 1.0, 0)
    assert "sharpness" not in taken_back(a, b)
    assert taken_back(a, recorded([view(scene[::-1, ::-1].copy())], 1.0, 0)[0]) == {}


def test_what_comes_into_view_goes_with_the_motion() -> None:
    assert together_with("camera") == ("camera", "came_into_view")
    assert together_with("came_into_view") == ("came_into_view",)
    assert together_with("light") == ("light",)


def test_its_margin_stands_in_the_row_of_a_flip(scene: np.ndarray) -> None:
    frames = recorded([view(scene, gain=g) for g in (1.0, 0.9, 1.1, 1.0)], 1.0, 0)
    model = Brightness(float(np.mean(frames[0])))
    pair = study_pair(*frames, flips=True)
    rows = {row["cause"]: row for row in score(pair, model)}
    z = coordinates(predict(model, pair.pictures, "cpu"), "logits")
    a, b = z[0].argmax(), z[1].argmax()
    assert a != b
    assert rows["light"]["margin_undone"] == pytest.approx(lead_of(z[pair.undone["light"]], int(a)))
    noise = z[pair.undone[NOISE]]
    assert rows[NOISE]["margin_undone"] == pytest.approx(lead_of(noise, int(a)))
    assert rows["light"]["margin_before"] == pytest.approx(z[0, a] - z[0, b])
    assert np.isnan(rows["camera"]["margin_undone"])
    assert len(pair.motions) == len(pair.pictures)
