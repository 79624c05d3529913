"""Which frames the player keeps, how a difference is magnified, and that all of it fits into the page."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.moments import pictures
from vidrobust.stages.moments.player import ACROSS_KEYFRAME, EXCLUDED, _replays


def transitions(**frames):
    rows = [(item, frame) for item, count in frames.items() for frame in range(count)]
    return pd.DataFrame(rows, columns=["item", "frame"])


def events(*pairs):
    rows = [(item, "m", a, a + 1, "label flips", 1.0) for item, a in pairs]
    return pd.DataFrame(rows, columns=["item", "model", "frame_a", "frame_b", "what", "size"])


def test_every_frame_up_to_three_thousand():
    chosen = pictures.choose_frames(transitions(a=1000, b=2000), events(("a", 3)))
    assert (chosen.every, chosen.left) == (1, 0)
    assert {item: len(frames) for item, frames in chosen.frames.items()} == {"a": 1000, "b": 2000}


def test_of_more_a_grid_and_both_sides_of_every_flip():
    chosen = pictures.choose_frames(transitions(a=9000), events(("a", 4001), ("a", 7)))
    assert chosen.every == 5  # 9000 over 2000 on the grid, rounded up
    kept = set(chosen.frames["a"].tolist())
    assert set(range(0, 9000, 5)) < kept
    assert {7, 8, 4001, 4002} <= kept
    assert len(kept) == 1800 + 4
    assert list(chosen.frames["a"]) == sorted(kept)


def test_never_more_than_the_bound_and_what_found_no_room_is_counted():
    many = [("a", a) for a in range(1, 20_000, 11)]
    chosen = pictures.choose_frames(transitions(a=20_000), events(*many))
    assert sum(map(len, chosen.frames.values())) <= pictures.MOST_FRAMES
    shown = set(chosen.frames["a"].tolist())
    assert chosen.left == sum(1 for _, a in many if not {a, a + 1} <= shown) > 0


def test_a_difference_is_magnified_by_the_largest_power_of_two_that_cuts_nothing():
    a = np.full((40, 50, 3), 100, np.uint8)
    b = a + np.uint8(9)
    difference, factor = pictures.magnified(a, b)
    assert factor == 16  # 9 x 16 = 144; 32 would be beyond the bound
    assert np.all(difference == 144)
    difference, factor = pictures.magnified(a, a + np.uint8(50))
    assert factor == 4  # 50 x 4 = 200, 50 x 8 > 255
    assert np.all(difference == 200)
    assert pictures.magnified(a, a) == (pytest.approx(np.zeros_like(a)), 16)


def test_pictures_are_made_smaller_until_they_fit(monkeypatch):
    monkeypatch.setattr(pictures, "BUDGET", 60_000)
    rng = np.random.default_rng(0)
    shown = [rng.integers(0, 256, (240, 480, 3), dtype=np.uint8) for _ in range(4)]
    rows = pd.DataFrame([pictures._row("a", k, "frame", p, 1.0) for k, p in enumerate(shown)])
    assert rows["picture"].str.len().sum() > 60_000
    fitted, width = pictures.fitted(rows)
    assert fitted["picture"].str.len().sum() <= 60_000
    assert width in pictures.WIDTHS[1:]
    assert {pictures._decoded(p).shape[1] for p in fitted["picture"]} == {width}


def test_a_likely_width_leaves_room_for_all():
    assert pictures.likely_width((1080, 1920, 3), 10) == 480
    small = pictures.likely_width((1080, 1920, 3), 3000)
    assert small < 480
    assert 3000 * small**2 * 9 / 16 * pictures.TYPICAL * 4 / 3 <= pictures.BUDGET


def test_the_shares_of_a_flip_stay_within_the_whole_and_are_left_out_where_causes_cancel():
    causes = pd.DataFrame(
        [(0, "light", 1.1), (0, "camera", 0.2), (1, "light", 4.2), (1, "camera", -3.2)],
        columns=["frame_a", "cause", "projection"],
    ).assign(item="a", model="m", scale="adjacent", excluded="", squared_change=1.0)
    causes["frame_b"] = causes["frame_a"] + 1
    strips = pd.DataFrame({"item": ["a"], "model": "m", "frame_a": 2, "frame_b": 3})
    strips = strips.assign(excluded="keyframe")
    run = SimpleNamespace(rows={"causes": causes, "strips": strips}.__getitem__)
    found = _replays(run)
    assert found["a", "m", 0, 1] == ([["light", 1.0], ["motion of the camera", 0.2]], "")
    assert found["a", "m", 1, 2] == ([], "")
    assert found["a", "m", 2, 3][0] == []
    assert found["a", "m", 2, 3][1] == EXCLUDED.format(ACROSS_KEYFRAME)
