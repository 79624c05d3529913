"""The exported files with boxes: geometry moves them as ``move_boxes`` does, light and texture leave them alone.

The oracle of geometry is ``move_corners``, which ``move_boxes`` is made of, and the picture itself: a red, a green
and a blue plate on a dark ground, whose own upright boxes are read from the pixels afterwards.
"""

import itertools
import math

import albumentations
import numpy as np
import pytest
import torch
import yaml
from torchvision import tv_tensors

from tests.plugins.policy_files.test_files import PINNED, SIZE, module, one_step, written
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.geometric import move_corners, shifted, turned, zoomed
from vidrobust.stages.policy.policy import Policy

PLATES = np.array([[52, 38, 72, 58], [20, 18, 36, 44], [92, 60, 106, 78]], np.float32)
BRIGHT, GROUND = 200, 20
"""The first plate is red, the second green, the third blue; their labels are 7, 8 and 9."""
LIMITS = {"rotation": 6.0, "scale": 0.2, "shear": 8.0, "translation": 9.0, "horizontal_flip": 1.0}
LIGHT = {
    **{
        name: strength
        for name, strength in PINNED.items()
        if PERTURBATIONS[name].move_boxes is None
    },
    "gaussian_blur": 1.0,
    "gaussian_noise": 5.0,
    "shot_noise": 5.0,
    "jpeg": 30.0,
}
CANNOT = {("albumentations", "white_balance"), ("albumentations", "shot_noise")}


def plates():
    """(H, W, 3) uint8."""
    image = np.full((*SIZE, 3), GROUND, np.uint8)
    for channel, (x1, y1, x2, y2) in enumerate(PLATES.astype(int)):
        image[y1:y2, x1:x2, channel] = BRIGHT
    return image


def with_torchvision(policy, folder, seed):
    """Picture (H, W, 3), boxes (D, 4) and labels (D,) after the exported policy."""
    transform = module(policy, "torchvision", folder).train_transform()
    torch.manual_seed(seed)
    sample = {
        "image": tv_tensors.Image(torch.from_numpy(plates()).permute(2, 0, 1)),
        "boxes": tv_tensors.BoundingBoxes(
            torch.from_numpy(PLATES), format="XYXY", canvas_size=SIZE
        ),
        "labels": torch.tensor([7, 8, 9]),
    }
    done = transform(sample)
    assert isinstance(done["boxes"], tv_tensors.BoundingBoxes)
    return done["image"].permute(1, 2, 0).numpy(), done["boxes"].numpy(), done["labels"].numpy()


def with_albumentations(policy, folder, seed):
    written(policy, folder)
    transform = albumentations.load(folder / "policy_albumentations.yaml", data_format="yaml")
    transform.set_random_seed(seed)
    done = transform(image=plates(), bboxes=np.c_[PLATES, [7, 8, 9]])
    return done["image"], done["bboxes"][:, :4], done["bboxes"][:, 4].astype(int)


LIBRARIES = {"torchvision": with_torchvision, "albumentations": with_albumentations}


def either_way(name, strength):
    """The maps that the catalogue may draw at a strength."""
    signs = (strength, -strength)
    if name == "rotation":
        return [turned(s) for s in signs]
    if name == "scale":
        return [zoomed(1 + s if s > 0 else 1 / (1 - s)) for s in signs]
    if name == "horizontal_flip":
        return [np.diag([-1.0, 1.0, 1.0])]
    slopes = [math.tan(math.radians(s)) for s in signs]
    rows = [np.array([[1, slope, 0], [0, 1, 0], [0, 0, 1.0]]) for slope in slopes]
    return [*rows, *(m.T for m in rows)]


def seen(image, channel):
    """The upright box of a plate, from the pixels nearer to it than to the ground."""
    y, x = np.nonzero(image[..., channel] > (BRIGHT + GROUND) / 2)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], float)


@pytest.mark.parametrize(
    ("name", "sign"), [*itertools.product(LIMITS, (1, -1))][:-1]
)  # a flip has one direction
@pytest.mark.parametrize("library", LIBRARIES)
def test_geometry_moves_boxes_as_move_boxes_does(library, name, sign, tmp_path):
    limit = LIMITS[name]
    if name == "translation":
        policy = one_step(name, -limit, limit, axes=(limit, limit))
    else:
        policy = one_step(name, sign * limit, sign * limit)
    image, boxes, labels = LIBRARIES[library](policy, tmp_path, seed=3 + sign)
    assert labels.tolist() == [7, 8, 9]  # one box for one, in their order
    # drawn within the limit: the same shift for all, and it is the picture's
    if name == "translation":
        shifts = (boxes - PLATES)[:, :2]
        assert np.abs(shifts).max() > 1
        assert np.abs(shifts).max() <= limit + 0.5
        wanted = [move_corners(PLATES, SIZE, shifted(*shifts[0]))]
    else:
        wanted = [move_corners(PLATES, SIZE, matrix) for matrix in either_way(name, limit)]
    off = min(np.abs(boxes - each).max() for each in wanted)
    assert off < 0.05
    assert np.abs(boxes - PLATES).max() > 1
    for channel, box in enumerate(boxes):
        # a leaning corner fills no whole pixel
        assert np.abs(seen(image, channel) - box).max() < 1.6


@pytest.mark.parametrize(
    ("library", "name"),
    [each for each in itertools.product(LIBRARIES, LIGHT) if each not in CANNOT],
)
def test_light_and_texture_leave_boxes_alone(library, name, tmp_path):
    steps = one_step(name, LIGHT[name], LIGHT[name])
    image, boxes, labels = LIBRARIES[library](steps, tmp_path, seed=1)
    assert boxes == pytest.approx(PLATES, abs=1e-4)
    assert labels.tolist() == [7, 8, 9]
    assert not np.array_equal(image, plates())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_whole_policy_keeps_boxes_on_their_plates(library, tmp_path):
    """Every step one after the other, several draws: each label still lies on the plate of its colour."""
    names = ("translation", "rotation", "scale", "gaussian_noise", "jpeg")
    strengths = {**LIMITS, "scale": 0.1, "gaussian_noise": 2.0, "jpeg": 10.0}
    steps = tuple(
        step
        for name in names
        for step in one_step(
            name, -strengths[name] if name in LIMITS else 0.0, strengths[name], probability=0.7
        ).steps
    )
    policy = Policy(steps=steps, image_size=SIZE)
    moved = []
    for seed in range(6):
        image, boxes, labels = LIBRARIES[library](policy, tmp_path, seed)
        assert labels.tolist() == [7, 8, 9]
        moved.append(np.abs(boxes - PLATES).max())
        for channel, box in enumerate(boxes):
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
            assert image[y, x, channel] > image[y, x].sum() / 2
    assert max(moved) > 4


def test_albumentations_drops_a_box_that_leaves_and_adds_none(tmp_path):
    """Mirrored at the border it would add boxes for the mirrored pieces."""
    written(one_step("scale", -0.4, -0.4), tmp_path)
    transform = albumentations.load(tmp_path / "policy_albumentations.yaml", data_format="yaml")
    edge = np.array([[0, 0, 12, 12, 7]], float)
    assert len(transform(image=plates(), bboxes=edge)["bboxes"]) == 1
    written(one_step("scale", 1.0, 1.0), tmp_path)
    transform = albumentations.load(tmp_path / "policy_albumentations.yaml", data_format="yaml")
    assert len(transform(image=plates(), bboxes=edge)["bboxes"]) == 0  # twice as large: outside
    assert "bboxes" not in transform(image=plates())  # and without boxes it serves classification


@pytest.mark.parametrize("name", ["rotation", "scale", "translation"])
def test_ultralytics_moves_boxes_alike_at_the_limits(name, tmp_path):
    """Oracle: Ultralytics' documented map of corners, T S R C, at the ends of its draws, written again here.

    T shifts by (1/2 +- translate) of the side, R turns by +-degrees and sizes by 1 +- scale, C puts the centre at
    the origin. Compared once with RandomPerspective of Ultralytics 8.4.190, which gave the same boxes.
    """
    limit = LIMITS[name]
    axes = (limit, limit) if name == "translation" else ()
    written(one_step(name, -limit, limit, axes=axes), tmp_path)
    values = yaml.safe_load((tmp_path / "policy_ultralytics.yaml").read_text())
    boxes = {
        at: ultralytics_boxes(
            at * values.get("degrees", 0.0),
            1 + at * values.get("scale", 0.0),
            at * values.get("translate", 0.0),
        )
        for at in (1, -1)
    }
    side = max(SIZE)
    # Ultralytics pads to a square
    square = PLATES + np.array([0, (side - SIZE[0]) / 2] * 2, np.float32)
    if name == "rotation":
        wanted = {at: move_corners(square, (side, side), turned(at * limit)) for at in (1, -1)}
    elif name == "translation":
        moves = {at: shifted(at * limit, at * limit) for at in (1, -1)}
        wanted = {at: move_corners(square, (side, side), by) for at, by in moves.items()}
    else:  # the smaller of both ways, for both: 1 - 1 / 1.2
        even = 1 - 1 / (1 + limit)
        wanted = {at: move_corners(square, (side, side), zoomed(1 + at * even)) for at in (1, -1)}
    for at in (1, -1):
        assert np.abs(boxes[at] - wanted[at]).max() < 0.01
        assert np.abs(boxes[at] - square).max() > 1


def ultralytics_boxes(degrees, scale, translate):
    """(D, 4) upright boxes about the moved corners of the plates on the padded square."""
    side = max(SIZE)
    corners = PLATES[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    corners = corners + np.array([0, (side - SIZE[0]) / 2])
    c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    about = corners - side / 2
    x, y = c * about[..., 0] + s * about[..., 1], -s * about[..., 0] + c * about[..., 1]
    x, y = x + (0.5 + translate) * side, y + (0.5 + translate) * side
    return np.stack([x.min(1), y.min(1), x.max(1), y.max(1)], axis=1)
