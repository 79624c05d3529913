"""Pixel paths, with classifiers whose answer to a shift can be worked out."""

import math

import numpy as np
import pytest
import torch

from tests.perturb.conftest import make_picture
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.perturbations import shift
from vidrobust.plugins.published.perturbations.shift import DIRECTIONS, View
from vidrobust.plugins.published.shift_study import (
    ShiftPaths,
    ShiftRow,
    jaggedness,
    shift_study,
    top_holds,
)
from vidrobust.predictions import Classifications


class CentreParity:
    """Two classes by the parity of the first row that is not black, of what its view shows it."""

    name = "parity"
    class_names = ("even", "odd")
    task: str = "classification"

    def __init__(self, cut):
        self.cut = cut
        self.seen = []

    def __call__(self, pixels):
        self.seen.append(pixels)
        before = round((pixels.shape[2] - self.cut) / 2)
        view = pixels[:, :, before : before + self.cut, before : before + self.cut]
        rows = [int((v.amax(dim=(0, 2)) > 0).int().argmax()) % 2 for v in view]
        shares = np.array([[0.3, 0.7] if odd else [0.8, 0.2] for odd in rows])
        return Classifications(shares, self.class_names)


class MeanLevel:
    """Two classes by the mean level, which no circular shift changes."""

    name = "mean"
    class_names = ("dark", "light")
    task: str = "classification"

    def __call__(self, pixels):
        light = pixels.double().mean(dim=(1, 2, 3)).numpy() / 255
        return Classifications(np.stack([1 - light, light], axis=1), self.class_names)


def studied(frames, model, *, numbers=None, batch="auto", **paths):
    """The rows of all frames, numbered from 0."""
    how, rows = ShiftPaths(**paths), list[ShiftRow]()
    for number, frame in zip(numbers or range(len(frames)), frames, strict=True):
        rows += shift_study(frame, model, number, how, batch=batch)
    return rows


def values(rows, perturbation, metric):
    of = (f"shift:{perturbation}", metric)
    return [row.value for row in rows if (row.perturbation, row.metric) == of]


def test_black_embedding_flips_with_each_row():
    """Of the eight directions six move by a row, so flip; p changes from .8 to .3 or from .7 to .2: by 1/2."""
    frame = torch.full((3, 150, 150), 200, dtype=torch.uint8)
    black = ["embedding_black", "scale_embedding_black"]
    rows = studied([frame], CentreParity(224), numbers=[7], length_px=10, protocols=black)
    assert sorted(values(rows, "embedding_black", "label_flip")) == [0, 0, 1, 1, 1, 1, 1, 1]
    for metric in ("top1_probability_change", "total_variation"):
        found = sorted(values(rows, "embedding_black", metric))
        assert found == pytest.approx([0] * 2 + [0.5] * 6)
    assert values(rows, "scale_embedding_black", "label_flip") == [0]  # the first row stays
    assert {r.frame for r in rows} == {7}
    black = [r for r in rows if r.perturbation == "shift:embedding_black"]
    flips = [r for r in black if r.metric == "label_flip"]
    assert [r.draw for r in flips] == list(range(8))
    assert [r.value == 0 for r in flips] == [y == 0 for y, _ in DIRECTIONS]


def test_path_along_which_the_label_alternates_is_jagged_at_each_step():
    """With two classes both are in the top five; in the top one the label leaves and returns at every pixel."""
    assert jaggedness(top_holds(np.array([[0.8, 0.2], [0.3, 0.7]] * 3), 0, top=1)) == 5
    assert jaggedness(top_holds(np.array([[0.8, 0.2], [0.3, 0.7]] * 3), 0, top=2)) == 0
    assert jaggedness(np.array([True, True, False, False, True])) == 2


def test_top_holds_counts_equals_in_the_order_of_the_classes():
    p = np.array([[0.1, 0.2, 0.2, 0.2, 0.2, 0.1]])
    for how, first in (({}, True), ({"top": 4}, False)):
        held = [bool(top_holds(p, label, **how)[0]) for label in range(6)]
        assert held == [first] + [True] * 4 + [False]


def test_what_the_network_sees_is_laid_where_its_own_cropping_finds_it():
    """Embedding: a white square of 100 px on black, in the central 224 of 256 px, at neighbouring places."""
    model, frame = CentreParity(224), torch.full((3, 300, 300), 255, dtype=torch.uint8)
    studied([frame], model, batch=16, protocols=["embedding_black"])
    canvases = [p for batch in model.seen for p in batch if p.shape[1] == 256]
    centred = [p[:, 16:240, 16:240] for p in canvases]
    places = set()
    for inner, whole in zip(centred[:9], canvases[:9], strict=True):
        assert int(inner.sum()) == int(whole.sum()) == 3 * 100 * 100 * 255
        y, x = inner[0].nonzero()[0].tolist()
        places.add((y, x))
    assert len(places) == 9
    assert max(y for y, _ in places) - min(y for y, _ in places) == 2


def test_crop_is_shifted_before_it_is_resized():
    """The model gets squares of the frame's own pixels, one pixel apart."""
    frame = make_picture(64, 90)
    model = CentreParity(1)
    studied([frame], model, batch=16, protocols=["crop"])
    squares = next(batch for batch in model.seen if batch.shape[2:] == (56, 56))
    first = squares[0]
    for (y, x), moved in zip(DIRECTIONS, squares[1:], strict=True):
        rows_a, rows_b = slice(max(y, 0), 56 + min(y, 0)), slice(max(-y, 0), 56 + min(-y, 0))
        cols_a, cols_b = slice(max(x, 0), 56 + min(x, 0)), slice(max(-x, 0), 56 + min(-x, 0))
        assert torch.equal(first[:, rows_a, cols_a], moved[:, rows_b, cols_b])


def test_circular_and_crop_shift_are_distinguished():
    """A model of the mean level never feels a circular shift and does feel new pixels coming into view."""
    frames = [make_picture(200, 260, seed) for seed in range(6)]
    rows = studied(frames, MeanLevel(), protocols=["crop_shift", "circular_shift"])
    assert max(values(rows, "circular_shift", "total_variation")) == 0
    assert len(values(rows, "circular_shift", "label_flip")) == 6
    assert max(values(rows, "crop_shift", "total_variation")) > 0.001


def test_offsets_are_drawn_for_each_frame_and_again_the_same():
    frames = [make_picture(200, 260)] * 4
    zhang = ["crop_shift", "circular_shift"]
    how = {"seed": 1, "protocols": zhang}
    one, two = (studied(frames, MeanLevel(), content="a", **how) for _ in range(2))
    assert one == two
    # equal frames, other offsets
    assert len(set(values(one, "crop_shift", "total_variation"))) == 4
    assert one != studied(frames, MeanLevel(), content="b", **how)
    first = studied(frames[:1], MeanLevel(), content="a", batch=3, **how)
    assert one[: len(one) // 4] == first


def test_zhang_crops_by_hand():
    """A frame of 256 px is not resized: crops are its windows, and rolls start from the centre crop."""
    frame = make_picture(256, 256)
    crops, rolled = shift.zhang_pictures(frame, View(), [(0, 31), (5, 2)])
    assert torch.equal(crops[0], frame[:, 0:224, 31:255])
    assert torch.equal(rolled[1], frame[:, 16:240, 16:240].roll((-5, -2), (1, 2)))


def test_inpainted_embedding_fills_the_canvas_and_keeps_the_picture():
    frame = torch.full((3, 80, 80), 180, dtype=torch.uint8)
    black = shift.embed(frame, (64, 64), 10, 12, shorter=30)
    filled = shift.embed(frame, (64, 64), 10, 12, shorter=30, background="inpainted")
    assert int((black == 0).all(dim=0).sum()) == 64 * 64 - 30 * 30
    assert (filled[:, 10:40, 12:42] == 180).all()
    assert (filled.int() - 180).abs().max() <= 8  # its weighted means drift a little


def test_long_frames_are_made_to_fit_the_canvas():
    assert shift.embedded_size(torch.zeros(3, 100, 400), (224, 224), 100) == (56, 224)
    frame = torch.full((3, 100, 400), 99, dtype=torch.uint8)
    rows = studied([frame], MeanLevel(), protocols=["embedding_black"])
    assert len(values(rows, "embedding_black", "label_flip")) == 8
    assert not math.isnan(values(rows, "embedding_black", "jaggedness")[0])


def test_a_frame_without_room_has_no_path():
    rows = studied([torch.full((3, 1, 1), 9, dtype=torch.uint8)], MeanLevel(), protocols=["crop"])
    assert math.isnan(values(rows, "crop", "jaggedness")[0])


def test_rows_name_perturbations_of_the_catalogue():
    rows = studied([make_picture(60, 60)], MeanLevel())
    shifts = {key for key in PERTURBATIONS if key.startswith("shift:")}
    assert {row.perturbation for row in rows} == shifts


def test_circular_perturbation_rolls_in_all_eight_directions():
    pixels = torch.zeros(120, 3, 9, 9, dtype=torch.uint8)
    pixels[:, :, 4, 4] = 255
    moved = PERTURBATIONS["shift:circular_shift"].apply(pixels, 1, from_seed(0))
    places = {tuple(int(v) for v in f[0].nonzero()[0]) for f in moved}
    assert places == {(4 - y, 4 - x) for y, x in DIRECTIONS}


def test_mistakes_are_named():
    said = "expected 8 <= cut <= resized, got cut 300, resized 256"
    with pytest.raises(SettingsError, match=said):
        View(cut=300)


def test_shift_counts_flips_of_the_label_that_operating_points_give():
    """The leading class never changes, while "defect" crosses its operating point of .3 with every shift."""

    class Defect:
        name, class_names, task = "defect", ("good", "defect"), "classification"

        def __call__(self, pixels):
            p = np.where(np.arange(len(pixels)) % 2 == 0, 0.25, 0.35)
            return Classifications(np.stack([1 - p, p], axis=1), self.class_names, ((1, 0.3),))

    frame = torch.zeros(3, 64, 64, dtype=torch.uint8)
    rows = studied([frame], Defect(), protocols=("crop",))
    flips = [row.value for row in rows if row.metric == "label_flip"]
    assert flips == [1.0, 0.0] * 4  # the first picture has .25, the second .35, the third .25 ...
