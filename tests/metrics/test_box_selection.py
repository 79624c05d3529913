"""Boxes of some classes and outside of some zones: alone, under perturbations, and in replays."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tests.made_frames import batch_of, boxes_of, texture
from vidrobust.errors import SettingsError
from vidrobust.metrics.box_meter import chosen
from vidrobust.metrics.tracks.borders import EntryLine, in_zones
from vidrobust.perturb.catalogue import find
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.boxes import seen_boxes
from vidrobust.stages.sensitivity.unit import Draws, study_frames

NAMES = ("cup", "vase")
PLACES = np.array([[10.0, 10, 40, 40], [60.0, 50, 100, 90], [90.0, 10, 120, 30]])
LABELS = np.array([0, 1, 0])


@dataclass(eq=False)
class Bright:
    """Boxes whose scores and places follow the brightness of the picture, each in its own way; some of three."""

    rows: tuple[int, ...] = (0, 1, 2)
    name: str = "bright"
    class_names: tuple[str, ...] = NAMES
    task: str = "detection"

    def __call__(self, pixels):
        light = pixels.float().mean(dim=(1, 2, 3)).numpy() / 255
        rows, count = np.array(self.rows), len(self.rows)
        boxes = [PLACES[rows] + 8 * (each - 0.4) * (1 + rows[:, None]) for each in light]
        scores = [np.clip(0.3 + each * (0.5 + 0.2 * rows), 0, 1) for each in light]
        frame = np.repeat(np.arange(len(light)), count)
        of = {"score": np.concatenate(scores), "label": np.tile(LABELS[rows], len(light))}
        return boxes_of(np.concatenate(boxes), frame, len(light), **of, names=NAMES)


def pixels():
    still = texture(4, 120, 160).astype(np.float64)
    frames = [np.clip(still * gain, 0, 255) for gain in (1.0, 0.7)]
    return torch.from_numpy(np.stack(frames).astype(np.uint8)).permute(0, 3, 1, 2)


def under_light(detector, **more):
    frames = batch_of(pixels(), item="x")
    table = study_frames(frames, [detector], [find("brightness")], Draws(content="x"), **more)
    return [value for value in table["value"].tolist() if value == value]


def replayed(detector, **more):
    album = list(pixels().permute(0, 2, 3, 1).numpy())
    seen = seen_boxes(detector, [*album, album[0]], **more)
    return [*seen.z.ravel().tolist(), *seen.places.ravel().tolist(), *seen.states.tolist()]


def test_the_middle_of_a_box_decides_whether_it_is_in_a_zone():
    assert in_zones(PLACES, [(0, 0, 26, 26), (80, 70, 5, 5)]).tolist() == [True, True, False]
    assert not in_zones(PLACES, [(0, 0, 25, 25)]).any()  # the middle, 25, is behind its edge
    assert in_zones(np.empty((0, 4)), [(0, 0, 9, 9)]).tolist() == []
    x, y = (PLACES[:, :2] + PLACES[:, 2:]).T / 2
    # upwards along x = 40, then downwards along it: to the right of it, and to the left, counts
    assert in_zones(PLACES, [EntryLine(40, 90, 40, 0)]).tolist() == (x < 40).tolist()
    assert in_zones(PLACES, [EntryLine(40, 0, 40, 90)]).tolist() == (x > 40).tolist()
    # to the right along y = 30: what lies below it counts
    assert in_zones(PLACES, [EntryLine(0, 30, 9, 30)]).tolist() == (y < 30).tolist()


def test_boxes_of_a_class_outside_of_zones():
    found = Bright()(pixels()[:1])
    assert chosen(found, (), ()) is found
    assert chosen(found, ("cup",), ()).labels.tolist() == [0, 0]
    assert chosen(found, ("cup",), [(80, 0, 80, 60)]).boxes.tolist() == found.boxes[:1].tolist()
    with pytest.raises(SettingsError, match="has no class 'dish'; its classes are cup, vase"):
        chosen(found, ("dish",), ())


@pytest.mark.parametrize("study", [under_light, replayed])
def test_the_rest_of_the_boxes_might_not_be_there(study):
    every = study(Bright())
    assert study(Bright(), only=("cup",)) == study(Bright(rows=(0, 2))) != every
    assert study(Bright(), ignored=((0.0, 0.0, 160.0, 45.0),)) == study(Bright(rows=(1,))) != every


def test_a_zone_is_four_numbers():
    assert Settings(ignore=("1,2,3,4",)).ignored_zones == ((1, 2, 3, 4),)
    assert Settings(entry_line="1,2,3,4").ignored_zones == (EntryLine(1, 2, 3, 4),)
    refused = {"1,2,3": "expected x1,y1,x2,y2", "5,5,5,5": "expected two points, got one"}
    for wrong, says in refused.items():
        with pytest.raises(SettingsError, match=f"entry_line: {says}"):
            Settings(entry_line=wrong)
    with pytest.raises(SettingsError, match="ignore: expected x,y,width,height in px, got '1,2'"):
        Settings(ignore=("1,2",))
