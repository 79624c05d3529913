"""Strips say of every real frame what the table ``frames`` says, and of a made picture what the model does."""

import base64

import cv2
import numpy as np
import pytest
import torch

from tests.made_frames import texture
from vidrobust.frame_pairs.registration import warp
from vidrobust.frames.pixels import to_levels
from vidrobust.predictions import Classifications
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import answers
from vidrobust.stages.causes.strips import clear, rows_of_flip, tiles

CLASSES = ("dark", "middle", "bright")


class Brightness:
    """Three classes of brightness: what it says of a picture can be checked by hand from its mean."""

    name, class_names, task = "brightness", CLASSES, "classification"

    def __call__(self, pixels):
        mean = pixels.float().mean(dim=(1, 2, 3))
        logits = torch.stack([-(mean - level).abs() for level in (115.0, 128.0, 140.0)], dim=1)
        return Classifications.from_logits(logits, self.class_names)


def moment(model, frames):
    """What moments.json holds of the pair of the two middle frames."""
    said = model(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2))
    of = {"frame_a": 41, "frame_b": 42}
    for side, row in (("a", 1), ("b", 2)):
        of[f"label_{side}"] = CLASSES[said.labels[row]]
        of[f"probability_{side}"] = float(said.probabilities[row].max())
    return of


def scene(sharper):
    """Four frames of rectangles; from the second to the third brighter by a tenth, and sharper or blurrier."""
    rng = np.random.default_rng(5)
    sharp = texture(3, 180, 240)
    for _ in range(60):
        x, y = rng.integers(0, 220), rng.integers(0, 160)
        corners = (int(x), int(y)), (int(x) + 24, int(y) + 18)
        cv2.rectangle(sharp, *corners, rng.integers(0, 256, 3).tolist(), -1)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    first, last = (soft, sharp) if sharper else (sharp, soft)
    made = [first * 0.9, first * 0.9, last * 1.0, last * 1.0]
    noisy = [m + rng.normal(0, 1.0, m.shape) for m in made]
    return [np.clip(m, 0, 255).round().astype(np.uint8) for m in noisy]


@pytest.mark.parametrize("sharper", [False, True])
def test_every_picture_is_shown_with_its_own_answer_and_real_ones_under_their_number(sharper):
    model, frames = Brightness(), scene(sharper)
    made = study_pair(*frames)
    assert not made.excluded, made.excluded
    assert made.reversed is sharper  # the chain runs backwards where the picture gets sharper
    strip = tiles(made, model, (of := moment(model, frames)))
    real = {tile.frame: tile for tile in strip if tile.frame is not None}
    assert set(real) == {41, 42}
    assert strip[0].frame == (42 if sharper else 41)
    assert strip[-1].frame == (41 if sharper else 42)
    for frame, side, picture in ((41, "a", frames[1]), (42, "b", frames[2])):
        assert np.array_equal(real[frame].picture, picture)
        assert real[frame].title == f"frame {frame}"
        assert real[frame].label == of[f"label_{side}"]
        assert real[frame].probability == of[f"probability_{side}"]
    for tile in strip:
        p = answers(model, (tile.picture,), "cpu").probabilities[0]
        assert tile.label == CLASSES[int(p.argmax())], tile.title
        assert tile.probability == pytest.approx(float(p.max()), abs=1e-6)


def test_the_second_tile_is_called_what_it_is():
    model, frames = Brightness(), scene(False)
    strip = tiles(study_pair(*frames), model, moment(model, frames))
    assert strip[1].frame is None
    assert "41" in strip[1].title
    assert [t.frame for t in strip if t.frame is not None] == [41, 42]


def test_a_pair_that_cannot_be_replayed_has_no_strip():
    frames = scene(False)
    made = study_pair(None, frames[1], frames[2], None)
    assert made.excluded
    assert tiles(made, Brightness(), moment(Brightness(), frames)) == []


def shifted(picture, where, by):
    """(H, W, 3) float32: moved by so many px to the right where ``where`` (H, W) is set."""
    motion = np.float32([-by, 0]) * where[..., None].astype(np.float32)
    moved = warp(picture.astype(np.float32), motion)
    return np.clip(moved, 0, 255)


@pytest.mark.parametrize("detail", [0.0, 0.1])
def test_a_motion_in_noise_alone_is_not_shown(detail):
    """Patches moved by chance in 150 quite flat stills: 1 in 100 would be shown, and 4 are too many."""
    still = detail * texture(3, 120, 160).astype(np.float32) + 100
    rng, shown = np.random.default_rng(8), 0
    for _ in range(150):
        third, last = (to_levels(still + rng.normal(0, 5, still.shape)) for _ in range(2))
        where = np.zeros(still.shape[:2], bool)
        for _ in range(4):
            y, x = rng.integers(0, 96), rng.integers(0, 136)
            where[y : y + 24, x : x + 24] = True
        shown += clear(third, to_levels(shifted(third, where, float(rng.uniform(-1.5, 1.5)))), last)
    assert shown < 4, shown


@pytest.mark.parametrize("by", [0.5, 1.0, 4.0])
def test_a_motion_that_is_there_is_shown_under_the_same_noise(by):
    still, rng = texture(3, 120, 160).astype(np.float32), np.random.default_rng(9)
    where = np.zeros(still.shape[:2], bool)
    where[30:80, 40:100] = True
    third = to_levels(still + rng.normal(0, 5, still.shape))
    last = to_levels(shifted(still, where, by) + rng.normal(0, 5, still.shape))
    assert clear(third, to_levels(shifted(third, where, by)), last)
    assert not clear(third, to_levels(shifted(third, where, -by)), last)


def test_the_strip_of_a_still_with_noise_alone_has_no_change_in_it():
    """Flow finds a motion in this noise, which the strip must not show."""
    rng = np.random.default_rng(12)
    still = cv2.GaussianBlur(texture(5, 180, 240), (0, 0), 3).astype(np.float32)
    frames = [to_levels(still + rng.normal(0, 5, still.shape)) for _ in range(4)]
    made = study_pair(*frames)
    assert made.sizes["objects"].size > 0
    shown = [tile.title for tile in tiles(made, Brightness(), moment(Brightness(), frames))]
    assert shown == ["frame 41", "frame 41, re-created from its neighbour", "frame 42"]


@pytest.mark.parametrize("factor", [1, 2])
def test_a_flip_becomes_rows_of_the_table_strips(factor):
    """The same tiles as of the pair itself; of a reduced pair all pictures are reduced."""
    model, frames = Brightness(), scene(False)
    if factor == 2:
        frames = [cv2.resize(frame, None, fx=2, fy=2) for frame in frames]
    made = study_pair(*frames, factor=factor)
    ids = {"model": model.name, "item": "clip", "frame_a": 41, "frame_b": 42}
    rows = rows_of_flip(made, model, ids)
    expected = tiles(made, model, moment(model, frames))
    assert rows[0]["label"] != rows[-1]["label"]
    assert [row["place"] for row in rows] == list(range(len(expected)))
    for name in ("title", "measured", "label"):
        assert [row[name] for row in rows] == [getattr(tile, name) for tile in expected]
    assert all({**row, **ids} == row for row in rows)
    for row in rows:
        data = np.frombuffer(base64.b64decode(row["picture"]), np.uint8)
        assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (180, 240, 3)


def test_a_pair_whose_label_stays_has_no_rows():
    frames = scene(False)
    made = study_pair(*frames)
    model = Brightness()
    model.class_names = ("same", "same", "same")
    ids = {"model": model.name, "item": "clip", "frame_a": 41, "frame_b": 42}
    assert made.forwards
    assert rows_of_flip(made, model, ids) == []


def test_a_flip_that_cannot_be_replayed_has_a_row_that_says_why():
    first, second = scene(False)[1:3]
    ids = {"model": "m", "item": "clip", "frame_a": 41, "frame_b": 42}
    alone = rows_of_flip(study_pair(None, first, second, None), Brightness(), ids)
    assert [(row["excluded"], row["picture"]) for row in alone] == [("no_third_frame", "")]
    keyframe = rows_of_flip(study_pair(*scene(False), keyframe=True), Brightness(), ids)
    assert [(row["excluded"], row["picture"]) for row in keyframe] == [("keyframe", "")]
