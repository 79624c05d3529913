"""Shares of tiles: of a linear model by hand."""

import numpy as np
import pytest

from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.places import (
    MAPPED,
    PlacesToMap,
    exchanged_tiles,
    tile_boxes,
    tile_shares,
)


def test_tiles_cover_the_picture_once():
    for height, width in ((48, 96), (97, 61), (33, 47)):
        covered = np.zeros((height, width), int)
        boxes = tile_boxes(height, width)
        for x1, y1, x2, y2 in boxes:
            covered[y1:y2, x1:x2] += 1
        assert len(boxes) == 24
        assert (covered == 1).all()
    assert tile_boxes(48, 96)[1] == (16, 0, 32, 12)
    assert tile_boxes(96, 48)[1] == (12, 0, 24, 16)


def linear(pictures):
    """Sums over the left and the right half, coordinates of a model that is a sum over places."""
    half = pictures[0].shape[1] // 2
    sides = ((x[:, :half], x[:, half:]) for x in pictures)
    return np.array([[side.sum(dtype=float) for side in both] for both in sides])


def frames():
    a = np.full((48, 96, 3), 100, np.uint8)
    b = a.copy()
    b[0:12, 0:16] += 2  # all of tile 0: d of the left half 12 * 16 * 3 * 2 = 1152
    b[36:42, 80:96] += 4  # half of tile 23: d of the right half 6 * 16 * 3 * 4 = 1152
    b[12:24, 0:16] -= 1  # all of tile 6, the other way: -576, so that the left half changes by 576
    return a, b


def test_shares_of_a_linear_model_by_hand_add_up_to_one():
    a, b = frames()
    boxes = tile_boxes(48, 96)
    pictures, different = exchanged_tiles(a, b, boxes)
    assert different == [0, 6, 23]
    assert len(pictures) == 2 + 2 * 3
    shares = tile_shares(linear(pictures), different, len(boxes))
    # <d, d> = 576^2 + 1152^2 = 5 * 576^2
    assert shares[[0, 6, 23]] == pytest.approx([1152 * 576 / (5 * 576**2), -1 / 5, 4 / 5])
    assert shares.sum() == pytest.approx(1)
    assert np.isnan(tile_shares(np.ones((2, 3)), [], 24)).all()


def test_the_pairs_that_weigh_most_are_mapped_in_their_order():
    a, b = frames()
    maps = PlacesToMap()
    for frame in range(MAPPED + 5):
        maps.add(float(frame % 7), {"frame_a": frame}, PairReplays(pictures=(a, b)))
    rows = maps.rows(lambda pictures, motions: linear(pictures))
    kept = [row["frame_a"] for row in rows][::24]
    assert kept == sorted(kept)
    assert len(kept) == MAPPED
    assert all(frame % 7 >= 1 for frame in kept)
    assert rows[0]["share"] == pytest.approx(0.4)
    assert (rows[23]["x2"], rows[23]["y2"]) == (96, 48)


def test_of_a_large_frame_the_reduced_one_is_asked_for_and_its_own_places_are_told():
    a, b = (np.kron(x, np.ones((3, 3, 1), np.uint8))[:, :-1] for x in frames())
    maps = PlacesToMap(3)
    maps.add(1.0, {}, PairReplays(pictures=(a, b)))
    asked = []

    def ask(pictures, motions):
        asked.extend(picture.shape for picture in pictures)
        return linear(pictures)

    rows = maps.rows(ask)
    assert set(asked) == {(48, 95, 3)}
    assert [rows[n]["share"] for n in (0, 6, 23)] == pytest.approx([0.4, -0.2, 0.8], abs=0.03)
    assert (rows[23]["x2"], rows[23]["y2"]) == (287, 144)
