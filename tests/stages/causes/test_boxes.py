"""A detector's scores and places in a pair's replays."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.frame_pairs.planted import HEIGHT, MARGIN, WIDTH, recorded, still, view
from tests.made_frames import boxes_of
from vidrobust.frames.pixels import to_array
from vidrobust.shapes.mask import Mask
from vidrobust.shapes.shape import Places, shape_array
from vidrobust.stages.causes.boxes import followed, seen_boxes, taken_along
from vidrobust.stages.causes.candidate_fits import candidates, motions
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED
from vidrobust.stages.causes.naming import named
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.scene import STEP, ShownMotion
from vidrobust.stages.causes.score import SeenPictures, score
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
    task: str = "detection"

    def __call__(self, pixels):
        n = len(pixels)
        frames = pixels.permute(0, 2, 3, 1).numpy().astype(np.float64) / 255
        logits = [
            self.logit(frame[int(y1) : int(y2), int(x1) : int(x2)], k)
            for frame in frames
            for k, (x1, y1, x2, y2) in enumerate(PLACES)
        ]
        return boxes_of(
            np.tile(PLACES, (n, 1)),
            np.repeat(np.arange(n), 3),
            n,
            score=1 / (1 + np.exp(-np.array(logits))),
            label=np.tile(np.arange(3), n),
            names=CLASSES,
        )


def by_brightness(part, k):
    """Brightness alone."""
    return float(20 * (part.mean() - 0.45) + 1.5)


def by_pixels(part, k):
    """A fixed random sum of the pixels: noise moves it, and so does any change of the picture."""
    weights = np.random.default_rng(k).normal(0, 1, part.shape)
    along = (weights * (part - part.mean())).sum() / np.sqrt(part.size)
    return float(np.clip(0.8 + 8 * along, -2.5, 4))


OF_PAIR = {"frame_a": 1, "frame_b": 2, "weight": 1.0, "scale": "adjacent"}


@pytest.fixture(scope="module")
def scene(corpus):
    return still(corpus)


def accounted(scene, logit, gains, sigma):
    """The table ``causes`` of one pair an item."""
    rows = []
    for item, four in enumerate(gains):
        pair = study_pair(*recorded([view(scene, gain=g) for g in four], sigma, item))
        seen = seen_boxes(Fixed(logit), pair.pictures)
        made = score(pair, Fixed(logit), SeenPictures("", seen.z, seen.states, seen.names))
        rows += [{**OF_PAIR, "item": f"clip {item}", **row} for row in made]
    return pd.DataFrame(rows)


def test_flicker_of_a_detector_that_sees_brightness_alone_is_lights(scene):
    rng = np.random.default_rng(0)
    gains = [list(1 + rng.uniform(-0.06, 0.06, 4)) for _ in range(6)]
    causes = accounted(scene, by_brightness, gains, 2.0)
    account = summarise(causes, per_item=False)
    table = account[account["level"] == "cause"].set_index("cause")
    assert table.loc["light", "share"] == pytest.approx(1.0, abs=0.08)
    assert table["share"].drop("light").abs().max() < 0.08
    assert named(account)["cause"].tolist() == ["light", "light"]


def test_noise_alone_names_no_cause(scene):
    causes = accounted(scene, by_pixels, [[1.0] * 4] * 6, 4.0)
    change = causes.groupby("item")["squared_change"].first()
    assert (change > 0.01).all()  # the scores do change
    table = summarise(causes, per_item=False)
    assert set(named(table)["cause"]) <= {NOISE, "noise_and_detail"}
    own = table[table["level"] == "cause"].set_index("cause")["share"]
    assert own.drop(NOISE).abs().max() < 0.15
    assert own[NOISE] == pytest.approx(1.0, abs=0.2)


def pictures(scene):
    return recorded([view(scene, gain=g) for g in (1.0, 0.7)], 0.0, 0)


def test_a_lost_box_keeps_the_score_of_its_candidate(scene):
    """The cup's score falls from sigmoid(1) to sigmoid(-1.5) = .18, below .3: lost, and its logit still told."""
    first, second = pictures(scene)
    bright = first[20:80, 20:90].mean() / 255
    dark = second[20:80, 20:90].mean() / 255

    def falls(part, k):
        at = (part.mean() - dark) / (bright - dark)
        return -1.5 + 2.5 * at if k == 0 else 2.0

    seen = seen_boxes(Fixed(falls), (first, second))
    assert seen.z.shape == (2, 3)
    assert seen.z[:, 2] == pytest.approx([1.0, -1.5], abs=0.01)  # those found twice come first
    assert seen.z[:, :2] == pytest.approx(np.full((2, 2), 2.0), abs=1e-5)
    assert seen.states[0] != seen.states[1]  # a flip: the cup is gone
    assert set(seen.names) == {"several classes"}


def test_a_frame_without_boxes_has_no_coordinates(scene):
    first, second = pictures(scene)
    seen = seen_boxes(Fixed(lambda part, k: -4.0), (first, second))
    assert seen.z.shape == (2, 0)
    assert seen.names == ("nothing",)
    pair = study_pair(first, second, *recorded([view(scene)] * 2, 2.0, 1))
    again = seen_boxes(Fixed(lambda part, k: -4.0), pair.pictures)
    rows = score(pair, Fixed(by_pixels), SeenPictures("", again.z, again.states, again.names))
    assert {row["squared_change"] for row in rows} == {0.0}


def test_a_moving_object_is_followed_and_one_that_leaves_is_left_out():
    boxes = Places.of(np.array([[50, 50, 70, 70], [0, 90, 30, 120]]))
    a = (boxes, np.array([0.9, 0.9]), np.array([0, 1]))
    b = (Places.of(np.array([[110, 50, 130, 70]])), np.array([0.4]), np.array([2]))
    shifts = np.array([[60.0, 0], [0, 0]])
    (found,) = followed(a, b, shifts, (240, 320))
    assert found.labels == (0, 2)
    assert found.boxes[:, 0].tolist() == [50, 110]
    # without its motion the partner is not found
    assert len(followed(a, b, np.zeros((2, 2)), (240, 320))) == 1


@dataclass(eq=False)
class Finder:
    """Finds the one white plate of a dark picture, wherever it is, and is equally sure of it everywhere."""

    name: str = "finder"
    class_names: tuple[str, ...] = CLASSES
    task: str = "detection"

    def __call__(self, pixels):
        boxes = []
        for frame in pixels:
            y, x = np.nonzero(frame[0].numpy() > 200)
            boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
        return boxes_of(boxes, np.arange(len(boxes)), len(boxes), score=0.8, names=CLASSES)


def test_a_box_that_moves_with_its_part_is_no_change():
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


RED = np.array([230, 30, 40], np.float32)
Lean = Callable[[np.ndarray], float]
"""(frame (H, W, 3) in 0..1) -> px by which the detector puts its box too far to the right."""


@dataclass(eq=False)
class Middle:
    """Finds the one red plate by its centre of redness, to a fraction of a pixel; and leans as it is told to."""

    lean: Lean = lambda frame: 0.0
    name: str = "middle"
    class_names: tuple[str, ...] = ("plate",)
    task: str = "detection"

    def __call__(self, pixels):
        boxes = []
        for frame in pixels.permute(0, 2, 3, 1).numpy().astype(np.float64):
            red = np.maximum(frame[..., 0] - frame[..., 1:].max(axis=2) - 90, 0)
            x = (red.sum(axis=0) @ np.arange(red.shape[1])) / red.sum() + self.lean(frame / 255)
            y = (red.sum(axis=1) @ np.arange(red.shape[0])) / red.sum()
            boxes.append([x - 22, y - 18, x + 22, y + 18])
        return boxes_of(boxes, np.arange(len(boxes)), len(boxes), score=0.8, names=("plate",))


@pytest.fixture(scope="module")
def plain_scene(corpus):
    """A still without anything red in it."""
    picture = still(corpus)
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2).astype(np.float32)


def with_plate(plain_scene, x, y=80, gain=1.0):
    """The plain_scene with a red plate on it, grained, whose middle lies at (x, y) of the view."""
    plate = np.random.default_rng(3).normal(0, 9, (36, 44, 1)).astype(np.float32) + RED
    plate = cv2.GaussianBlur(plate, (0, 0), 1.0)
    into = np.array([[1, 0, x + MARGIN - 21.5], [0, 1, y + MARGIN - 17.5]], np.float32)
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    over = cv2.warpAffine(plate, into, size, flags=cv2.INTER_CUBIC)
    cover = cv2.warpAffine(np.ones((36, 44), np.float32), into, size, flags=cv2.INTER_LINEAR)
    cover = cover[..., None]
    return view(cover * over + (1 - cover) * plain_scene, gain=gain)


def placed(detector, clips, sigma):
    """The table ``place_causes`` of one pair an item."""
    rows = []
    for item, four in enumerate(clips):
        pair = study_pair(*recorded(four, sigma, item))
        assert not pair.excluded
        album, fitted = candidates(pair)
        moved = motions(pair, fitted)
        assert len(moved) == len(album)
        seen = seen_boxes(detector, album, moved, backwards=pair.reversed)
        made = score(
            pair, detector, SeenPictures("", seen.places, np.zeros(len(album), np.int64), ("",))
        )
        rows += [{**OF_PAIR, "item": f"clip {item}", **row} for row in made]
    return pd.DataFrame(rows)


def steps(count):
    """Places of the plate in four frames, by 2 to 7 px a frame."""
    rng = np.random.default_rng(1)
    return [list(70 + np.cumsum(rng.uniform(2, 7, 4))) for _ in range(count)]


def test_boxes_that_move_with_their_part_name_no_cause(plain_scene):
    clips = [[with_plate(plain_scene, x) for x in four] for four in steps(6)]
    causes = placed(Middle(), clips, 2.0)
    assert (causes.groupby("item")["size"].max() > 1).all()  # the plate's motion was measured
    # a box of 40 px wanders by less than a third of a pixel about its part
    assert causes["squared_change"].max() < (0.33 / 40) ** 2 * 4
    assert set(named(summarise(causes, per_item=False))["cause"]) <= {NOISE, "noise_and_detail"}


def test_noise_alone_names_no_cause_of_places(plain_scene):
    weights = np.random.default_rng(5).normal(0, 1, (HEIGHT, WIDTH, 3))

    def lean(frame):
        return float(8 * (weights * (frame - frame.mean())).sum() / np.sqrt(weights.size))

    clips = [[with_plate(plain_scene, 100)] * 4] * 6
    causes = placed(Middle(lean), clips, 4.0)
    assert (causes.groupby("item")["squared_change"].first() > 0).all()
    table = summarise(causes, per_item=False)
    assert set(named(table)["cause"]) <= {NOISE, "noise_and_detail"}
    own = table[table["level"] == "cause"].set_index("cause")
    assert own.loc[list(REPLAYED), "share"].abs().max() < 0.15
    # six pairs of one number each
    assert own.loc[NOISE, "beyond_low"] <= 1 <= own.loc[NOISE, "beyond_high"]


@pytest.mark.parametrize("moving", [False, True])
def test_boxes_that_lean_with_the_light_are_lights(plain_scene, moving):
    """Also while the plate moves: .79 and 1.00.

    What the plate's own motion is measured wrongly by goes to *moving*, .2 of it here, in four of six draws
    with a name: a fault that is known.
    """
    rng = np.random.default_rng(0)
    # of six pairs all signs alike have p = 1 / 64
    places = steps(12) if moving else [[100.0] * 4] * 6
    clips = [
        [
            with_plate(plain_scene, x, gain=g)
            for x, g in zip(four, 1 + rng.uniform(-0.08, 0.08, 4), strict=True)
        ]
        for four in places
    ]
    causes = placed(Middle(lambda frame: 60 * (float(frame[:30].mean()) - 0.45)), clips, 1.0)
    table = summarise(causes, per_item=False)
    assert [name for name in named(table)["cause"] if name != "moving"] == ["light", "light"]
    assert moving or "moving" not in set(named(table)["cause"])
    own = table[table["level"] == "cause"].set_index("cause")["share"]
    assert own["light"] == pytest.approx(1.0, abs=0.3 if moving else 0.1)


def test_what_the_border_cuts_has_no_place(plain_scene):
    """A plate that comes in: its box grows as it does, and that is no fault."""
    pair = study_pair(*recorded([with_plate(plain_scene, x) for x in (5, 10, 15, 20)], 1.0, 0))
    seen = seen_boxes(Middle(), pair.pictures, pair.motions, backwards=pair.reversed)
    assert seen.z.shape[1] == 1
    assert seen.places.shape[1] == 0


def test_a_box_is_taken_along_with_its_pixels():
    """A box shifted by (6, -4), one on a part that moves by 10 before a background at rest, and one that grows."""
    height, width = 60, 80  # of every second pixel
    box = np.array([40.0, 30, 80, 70])
    none = np.zeros((height, width), bool)
    still_ = np.zeros((height, width, 2), np.float32)
    assert taken_along(box, ShownMotion(still_, none), own=False).tolist() == box.tolist()
    shifted = ShownMotion(still_ + np.array([-6, 4], np.float32), none)
    assert taken_along(box, shifted, own=False) == pytest.approx([46, 26, 86, 66])
    part = none.copy()
    part[20:30, 30:38] = True  # px 60..75, 40..59: a fifth of the box
    back = np.where(part[..., None], np.array([-10, 0], np.float32), still_)
    assert taken_along(box, ShownMotion(back, part), own=True) == pytest.approx([50, 30, 90, 70])
    assert taken_along(box, ShownMotion(back, part), own=False) == pytest.approx(box)
    x = STEP * np.arange(width, dtype=np.float32)[None] * np.ones((height, 1), np.float32)
    y = STEP * np.arange(height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    # by 2 % about (60, 50)
    grown = np.stack([(60 - x) * 0.02 / 1.02, (50 - y) * 0.02 / 1.02], axis=-1)
    expected = [60 - 20.4, 50 - 20.4, 60 + 20.4, 50 + 20.4]
    found = taken_along(box, ShownMotion(grown, none), own=False)
    assert found == pytest.approx(expected, abs=0.01)


SIZE = (120, 160)
LOWER = np.tri(50, dtype=bool)


def two_parts(x, order=(0, 1), *, masked=True):
    """Two masks that fill one square, in this order; both of one class."""
    masks = [Mask.of_array(part, x, 30) for part in (LOWER, ~LOWER)]
    box = [float(x), 30.0, x + 50.0, 80.0]
    shapes = shape_array(masks[k] for k in order)
    places = Places(np.array([box, box]), shapes if masked else None)
    return places, np.array([0.9, 0.8]), np.array([0, 0])


def test_two_parts_of_one_box_are_matched_by_their_masks():
    shifts = np.full((2, 2), [6.0, 0.0])
    objects = followed(two_parts(50), two_parts(56, (1, 0)), shifts, SIZE)
    assert len(objects) == 2
    for each in objects:
        first, second = each.places.shapes
        assert first.moved(np.array([6, 0])).common(second) == first.area


@dataclass(eq=False)
class Lower:
    """Finds the lower part of the square, and in a dark picture the upper one instead, in the same box."""

    masked: bool
    name: str = "lower"
    class_names: tuple[str, ...] = ("part",)
    task: str = "detection"

    def __call__(self, pixels):
        dark = [to_array(picture).mean() < 100 for picture in pixels]
        masks = [Mask.of_array(~LOWER if each else LOWER, 50, 30) for each in dark]
        shapes = shape_array(masks) if self.masked else None
        boxes, frame = [[50, 30, 100, 80]] * len(masks), np.arange(len(masks))
        return boxes_of(boxes, frame, len(masks), names=self.class_names, shapes=shapes)


def test_another_mask_in_the_same_box_is_another_object():
    """By the boxes nothing changes; by the masks one object goes and another one comes."""
    rng = np.random.default_rng(0)
    bright = rng.integers(120, 160, (*SIZE, 3)).astype(np.uint8)
    album = [bright, bright - 60]
    by_boxes, by_masks = (seen_boxes(Lower(masked), album) for masked in (False, True))
    assert by_boxes.z.shape == (2, 1)
    assert by_boxes.states[0] == by_boxes.states[1]
    assert by_masks.z.shape == (2, 2)
    assert by_masks.states[0] != by_masks.states[1]
    assert by_masks.z[0, 0] > 2 > -2 > by_masks.z[1, 0]
    assert by_masks.z[1, 1] > 2 > -2 > by_masks.z[0, 1]
