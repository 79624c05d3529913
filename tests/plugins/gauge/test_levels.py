"""The levels of a study: how a rendered part is shown, which is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError
from vidrobust.plugins.gauge.part_footage import measured_levels, named_levels, placed_again, travel
from vidrobust.plugins.line.dials import station_settings
from vidrobust.plugins.line.render import ClipPlan, stage


def thumbnails(pass_: int, *dials: str, part: int = 1, frames: int = 12) -> np.ndarray:
    settings = station_settings(dials, 1)[0]
    clip = stage(
        ClipPlan(part=part, pass_=pass_, station=1, frames=frames, seed=5, settings=settings)
    )
    grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames())
    return np.stack([cv2.resize(g, (320, 240), interpolation=cv2.INTER_AREA) for g in grey])


def test_travel_is_how_far_the_belt_ran() -> None:
    # 11 steps of 6 px of a picture 640 px wide
    assert travel(thumbnails(1, "speed=6")) == pytest.approx(11 * 6 / 640, abs=0.003)
    assert travel(thumbnails(1, "speed=0", "light=0.2")) == 0.0


@pytest.mark.parametrize(
    "dials", [("speed=6", "shake=4"), ("speed=12", "shake=4"), ("speed=2", "shake=4")]
)
def test_a_camera_that_shakes_takes_nothing_from_the_belt(dials: tuple[str, ...]) -> None:
    speed = float(dials[0].partition("=")[2])
    assert travel(thumbnails(1, *dials, frames=18)) == pytest.approx(17 * speed / 640, abs=0.003)


@pytest.mark.parametrize("shake", ["shake=4", "shake=10"])
def test_a_part_at_rest_is_at_rest_however_the_camera_shakes(shake: str) -> None:
    assert travel(thumbnails(1, "speed=0", shake, frames=18)) == 0.0


def real(corpus: Path, name: str, first: int, count: int) -> list[np.ndarray]:
    """Grey frames of a real line, 320 px wide."""
    found = []
    with av.open(str(corpus / "factory" / name)) as container:
        for frame in itertools.islice(container.decode(video=0), first, first + count):
            grey = frame.to_ndarray(format="gray")
            size = (320, round(grey.shape[0] * 320 / grey.shape[1]))
            found.append(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    return found


def test_real_lines(corpus: Path) -> None:
    # a bolt goes about 15 of 320 px a frame, and is soon out of the picture
    bolt = real(corpus, "intel_preview_bolt-multi-size-detection.gif", 0, 16)
    assert travel(bolt) == pytest.approx(15 * 15 / 320, rel=0.15)
    # bottles that stand, and later a hand that reaches for one
    assert travel(real(corpus, "intel_bottle-detection.mp4", 0, 30)) == 0.0
    assert 0.02 < travel(real(corpus, "intel_bottle-detection.mp4", 150, 30)) < 0.2


def test_what_cannot_be_followed_is_not_reported() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 120, 160)).astype(np.uint8)
    assert np.isnan(travel(noise))
    assert travel([]) == 0.0


def test_a_part_placed_again_lies_elsewhere_whatever_the_light() -> None:
    first, second = (thumbnails(p, "speed=0") for p in (1, 2))
    assert placed_again(first[3], second[3])
    assert not placed_again(first[3], first[9])
    assert not placed_again(first[3], np.clip(first[9] * 0.7, 0, 255).astype(np.uint8))


def test_every_level_is_distinguished_from_measured_motion() -> None:
    items = pd.DataFrame(
        [(n, n[0], "") for n in ("a1", "a2", "b1", "b2", "c1", "d1", "e1")],
        columns=["item", "part", "station"],
    )
    one, other = thumbnails(1, "speed=0")[3], thumbnails(2, "speed=0")[3]
    pictures = dict.fromkeys(items["item"], one) | {"b2": other}
    travels = {
        "a1": 0.0,
        "a2": 0.01,
        "b1": 0.0,
        "b2": 0.0,
        "c1": 0.3,
        "d1": 0.0,
        "e1": float("nan"),
    }
    assert measured_levels(items, travels, pictures) == {
        "a1": "static",
        "a2": "static",
        "b1": "semi-dynamic",
        "b2": "semi-dynamic",
        "c1": "dynamic",
        "d1": "undetermined",
        "e1": "undetermined",
    }


def test_a_level_of_the_manifest_is_taken_and_a_wrong_one_refused() -> None:
    items = pd.DataFrame({"item": ["a", "b"], "level": ["dynamic", ""]})
    assert named_levels(items) == {"a": "dynamic"}
    with pytest.raises(
        InputError, match="b: there is no level 'fast'; there are static, semi-dynamic, dynamic"
    ):
        named_levels(items.assign(level=["dynamic", "fast"]))
