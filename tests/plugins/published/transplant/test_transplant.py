"""The transplant with planted detectors, whose answers are counted by hand, and with a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch

from tests.pipeline.conftest import run
from vidrobust.frames.pixels import to_array, to_tensor
from vidrobust.models.detection.network import BoxAnswer, answers
from vidrobust.models.load import load_model
from vidrobust.plugins.published.transplant.cutout import (
    Cutout,
    GridPlace,
    covered,
    grid,
    neutral,
    paste,
    read_cutout,
)
from vidrobust.plugins.published.transplant.study import (
    Background,
    TransplantSettings,
    new_boxes,
    of_object,
    of_others,
    transplant,
)
from vidrobust.plugins.published.transplant.summary import summary
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import Places
from vidrobust.video.source import open_video

SIZE = (240, 320)
CHAIRS = ((20, 30, 60, 90), (250, 40, 300, 100), (140, 180, 190, 230))
CLASSES = ("chair", "elephant", "sofa")
Rule = Callable[[np.ndarray | None, np.ndarray], bool]
"""(centre of the elephant or None, centre of a chair or of the elephant) -> whether it is answered so."""


@dataclass(eq=False)
class Planted:
    """Finds red things (elephants) and green ones (chairs) exactly, but where a rule says otherwise.

    sees  whether an elephant is found, by its own centre · keeps  whether a chair is · names  whether it is
    called a chair
    """

    sees: Rule = lambda _, own: True
    keeps: Rule = lambda elephant, own: True
    names: Rule = lambda elephant, own: True
    name: str = "planted"
    class_names: tuple[str, ...] = CLASSES
    task: Literal["detection"] = "detection"

    def __call__(self, pixels: torch.Tensor) -> Detections:
        rows = [row for n, frame in enumerate(pixels) for row in self._frame(to_array(frame), n)]
        boxes, labels, frame = (np.array([row[k] for row in rows]) for k in range(3))
        return Detections(
            boxes=boxes.reshape(-1, 4).astype(np.float32),
            scores=np.full(len(rows), 0.9, np.float32),
            labels=labels.astype(np.int64),
            frame=frame.astype(np.int64),
            num_frames=len(pixels),
            class_names=CLASSES,
        )

    def _frame(self, picture: np.ndarray, n: int) -> list[tuple[np.ndarray, int, int]]:
        red, green = (plates(picture, colour) for colour in ((255, 0, 0), (0, 255, 0)))
        elephant = middle(red[0]) if red else None
        rows = [(box, 1, n) for box in red if self.sees(elephant, middle(box))]
        for box in green:
            if self.keeps(elephant, middle(box)):
                rows.append((box, 0 if self.names(elephant, middle(box)) else 2, n))
        return rows


def plates(picture: np.ndarray, colour: tuple[int, int, int]) -> list[np.ndarray]:
    """Boxes of the whole regions of a colour, five px wider all round for red: the object's rim is blue."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(
        (picture == colour).all(axis=2).astype(np.uint8)
    )
    wider = RIM if colour[0] else 0
    return [
        np.array([x - wider, y - wider, x + w + wider, y + h + wider], float)
        for x, y, w, h, _ in stats[1:count]
    ]


def middle(box: np.ndarray) -> np.ndarray:
    centre: np.ndarray = (box[:2] + box[2:]) / 2
    return centre


RIM = 5


def elephant() -> Cutout:
    """Red with a blue rim, 30 px wide and 24 high: its mean colour is not red."""
    pixels = np.zeros((24, 30, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[RIM:-RIM, RIM:-RIM] = (255, 0, 0)
    return Cutout(pixels, np.ones((24, 30), np.float32), "elephant")


def room(name: str = "room") -> Background:
    pixels = np.full((*SIZE, 3), 90, np.uint8)
    for x1, y1, x2, y2 in CHAIRS:
        pixels[y1:y2, x1:x2] = (0, 255, 0)
    return Background(name=name, frame=0, pixels=pixels)


def clear(place: GridPlace) -> int:
    """How many chairs a paste at this place does not touch, by hand."""
    w, h = 30, 24
    return sum(
        place.x + w <= x1 or x2 <= place.x or place.y + h <= y1 or y2 <= place.y
        for x1, y1, x2, y2 in CHAIRS
    )


def test_a_detector_blind_on_the_right_half_has_that_recall() -> None:
    blind = Planted(sees=lambda _, own: bool(own[0] < SIZE[1] / 2))
    found = transplant(
        blind, elephant(), [room(), room("again")], TransplantSettings(columns=8, rows=6)
    )
    said = summary(found, CLASSES)
    thing = said["object"]
    assert thing["recall"]["value"] == 0.5  # 4 of 8 columns
    assert thing["recall"]["n"] == 2 * 48
    assert thing["class"] == "elephant"
    assert thing["class_rate"]["value"] == 1.0
    assert thing["neutral_found"]["value"] == 0.0
    # pairs side by side: 7 x 6, of which those over the middle differ, 6; one above the other: 8 x 5, none
    assert thing["position_flip_rate"]["value"] == pytest.approx(6 / 82)
    assert [each["recall"] for each in said["backgrounds"]] == [0.5, 0.5]


def test_an_effect_within_a_reach_is_counted_by_distance_and_not_for_the_neutral_patch() -> None:
    reach = 80.0
    shy = Planted(keeps=lambda e, own: e is None or bool(np.hypot(*(e - own)) > reach))
    found = transplant(shy, elephant(), [room()], TransplantSettings(columns=8, rows=6))
    effects = found.effects[found.effects["patch"] == "object"]
    places = grid(SIZE, elephant(), 8, 6)
    assert len(effects) == sum(clear(place) for place in places)
    near = effects["distance"] * np.hypot(*SIZE) <= reach
    assert np.array_equal(effects["lost"], near)
    assert 0 < near.sum() < len(near)
    said = summary(found, CLASSES)
    assert said["others"]["object"]["lost"]["value"] == pytest.approx(near.mean())
    assert said["others"]["neutral"]["lost"]["value"] == 0
    assert said["others"]["nothing"]["lost"]["value"] == 0
    # what is before it is not known
    assert said["others"]["object"]["lost_by_suppression_alone"] is None
    rates = [row["lost_or_renamed"] for row in said["by_distance"] if row["patch"] == "object"]
    assert rates[0] == 1.0  # within .15 of 400 px all are within the reach
    assert rates[2:] == [0.0, 0.0]


def test_a_renamed_chair_is_renamed_not_lost() -> None:
    fickle = Planted(names=lambda e, own: e is None)
    said = summary(
        transplant(fickle, elephant(), [room()], TransplantSettings(columns=4, rows=3)), CLASSES
    )
    assert said["others"]["object"]["renamed"]["value"] == 1.0
    assert said["others"]["object"]["lost"]["value"] == 0.0


def test_a_detector_that_looks_at_each_place_alone_shows_no_effect() -> None:
    said = summary(
        transplant(Planted(), elephant(), [room()], TransplantSettings(columns=6, rows=5)), CLASSES
    )
    assert said["object"]["recall"]["value"] == 1.0
    for patch in ("object", "neutral", "nothing"):
        each = said["others"][patch]
        assert each["n"] > 0
        assert (each["lost"]["value"], each["renamed"]["value"], each["new_a_picture"]) == (0, 0, 0)
        assert each["largest_score_change"] == 0


def test_a_place_that_holds_the_object_already_is_set_aside() -> None:
    background = room()
    place = grid(SIZE, elephant(), 4, 3)[5]
    full = Background(name="full", frame=0, pixels=paste(background.pixels, elephant(), place))
    said = summary(
        transplant(Planted(), elephant(), [full], TransplantSettings(columns=4, rows=3)), CLASSES
    )
    assert said["object"]["occupied_positions"] == 1
    assert said["object"]["recall"]["n"] == 11


def test_covered_counts_the_pixels() -> None:
    rng = np.random.default_rng(0)
    cutout = Cutout(
        np.zeros((20, 30, 3), np.uint8), (rng.random((20, 30)) < 0.4).astype(np.float32), "random"
    )
    place = GridPlace(0, 0, 50, 40)
    boxes = np.array(
        [[45.2, 38.5, 60.7, 52.1], [0, 0, 20, 20], [50, 40, 80, 60], [-4, -3, 400, 300]]
    )
    mask = np.zeros(SIZE, bool)
    mask[40:60, 50:80] = cutout.alpha > 0
    wanted = [mask[38:53, 45:61].mean(), 0.0, mask[40:60, 50:80].mean(), mask.mean()]
    assert covered(boxes, cutout, place, SIZE) == pytest.approx(wanted)


def test_lost_by_suppression_is_distinguished_from_lost_by_the_network() -> None:
    """Two boxes vanish; a raw candidate of .6 remains on the first, and one of .1 on the second."""
    boxes = Places.of(np.array([[0, 0, 10, 10], [50, 50, 70, 70], [100, 0, 120, 20]]))
    scores, labels = np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 1, 2])
    none = (Places.of(np.empty((0, 4))), np.empty(0, np.float32), np.empty(0, np.int64))
    before = (boxes, np.array([0.6, 0.1, 0.7], np.float32), labels)
    clean, pasted = (
        BoxAnswer((boxes, scores, labels), (boxes, scores, labels)),
        BoxAnswer(none, before),
    )
    rows = of_others(clean, pasted, np.array([False, False, True]))
    assert [row["lost"] for row in rows] == [True, True]  # the third is hidden
    assert [row["lost_before"] for row in rows] == [0.0, 1.0]
    assert [row["score_change"] for row in rows] == pytest.approx([-0.3, -0.7], abs=1e-6)
    assert np.isnan(of_others(clean, BoxAnswer(none), np.zeros(3, bool))[0]["score_change"])
    assert new_boxes(BoxAnswer(none), clean, np.array([False, True, False])) == 2


def test_the_objects_box_is_the_best_of_those_on_it() -> None:
    boxes = Places.of(np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 4], [0, 0, 10, 10]]))
    found = (boxes, np.array([0.6, 0.8, 0.99, 0.3], np.float32), np.array([4, 5, 6, 7]))
    summary = of_object(found, np.array([0.0, 0, 10, 10]))
    assert (summary["found"], summary["label"], summary["iou"]) == (True, 5, pytest.approx(0.9))
    # .99 overlaps by .4 only
    assert not of_object(found, np.array([0.0, 0, 10, 10]), start_score=0.95)["found"]


def test_objects_are_cut_by_alpha_mask_or_box(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 255, (40, 50, 4), dtype=np.uint8)
    rgba[..., 3] = 0
    rgba[10:30, 5:25, 3] = 128
    cv2.imwrite(str(tmp_path / "alpha.png"), rgba)
    cut = read_cutout(tmp_path / "alpha.png")
    assert cut.alpha.shape == (20, 20)
    assert cut.alpha == pytest.approx(128 / 255)
    assert np.array_equal(cut.pixels, rgba[10:30, 5:25, 2::-1])

    cv2.imwrite(str(tmp_path / "plain.png"), rgba[..., :3])
    cv2.imwrite(str(tmp_path / "mask.png"), (rgba[..., 3] > 0).astype(np.uint8) * 255)
    masked = read_cutout(tmp_path / "plain.png", mask=tmp_path / "mask.png")
    boxed = read_cutout(tmp_path / "plain.png", box=(5, 10, 25, 30))
    assert np.array_equal(masked.pixels, cut.pixels)
    assert np.array_equal(boxed.pixels, cut.pixels)
    assert boxed.alpha.min() == 1
    assert read_cutout(tmp_path / "plain.png", box=(5, 10, 25, 30), scale=0.5).alpha.shape == (
        10,
        10,
    )
    soft = read_cutout(tmp_path / "plain.png", box=(5, 10, 25, 30), feather_px=2).alpha
    assert soft[0, 0] < 0.3
    assert soft[10, 10] > 0.99


def test_the_neutral_double_keeps_outline_and_mean_colour() -> None:
    own = elephant()
    for how in ("flat", "blurred"):
        double = neutral(own, how)  # type: ignore[arg-type]
        assert np.array_equal(double.alpha, own.alpha)
        assert np.abs(double.pixels.mean(axis=(0, 1)) - own.pixels.mean(axis=(0, 1))).max() < 6
        assert double.pixels.std() < own.pixels.std()


def test_a_paste_mixes_by_alpha_and_leaves_the_frame() -> None:
    frame = np.full((*SIZE, 3), 100, np.uint8)
    half = Cutout(np.full((6, 8, 3), 200, np.uint8), np.full((6, 8), 0.5, np.float32), "half")
    done = paste(frame, half, GridPlace(0, 0, 10, 20))
    assert (done[20:26, 10:18] == 150).all()
    assert frame.max() == 100
    assert int((done != 100).any(axis=2).sum()) == 48


def test_a_real_networks_answer_after_suppression_is_the_detectors_own(
    corpus: Path, models: Path
) -> None:
    detector = load_model(f"onnx:{models / 'yolox_nano.onnx'}", device="cpu")
    assert detector.task == "detection"
    with open_video(corpus / "factory/intel_bottle-detection.mp4", device="cpu") as source:
        picture = to_array(source.at([0]).pixels[0]).copy()
    (answer,) = answers(detector, [picture])
    plain = detector(to_tensor([picture]))
    places, *rest = answer.after
    for mine, own in zip(
        (places.boxes, *rest), (plain.boxes, plain.scores, plain.labels), strict=True
    ):
        assert np.array_equal(mine, own)
    assert answer.before is not None
    assert len(answer.before[1]) > len(answer.after[1])  # three bottles, each with many candidates
    assert answer.before[1].max() == answer.after[1].max()


def test_the_command_on_real_footage(
    corpus: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, bear = (
        corpus / "factory/intel_bottle-detection.mp4",
        corpus / "objects/cotracker_teddy.mp4",
    )
    common = (
        "transplant",
        str(clip),
        f"--object={bear}",
        "--object-box=122,139,325,409",
        "--scale=0.5",
        "--label=teddy bear",
    )
    grid_of = ("--grid=8,2", "--frame=0", "--frame=60", f"--out={tmp_path / 'out'}", "--json", "-q")
    assert run(*common, *grid_of, f"--model=onnx:{models / 'yolox_nano.onnx'}") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["object_px"] == [102, 135]
    assert 0 < said["object"]["recall"]["value"] < 1  # found at some positions and not at others
    assert said["object"]["recall"]["backgrounds"] == 2
    assert said["object"]["class_rate"]["value"] == 1.0
    assert said["object"]["neutral_found"]["value"] == 0.0
    assert said["before_nms_known"] is True
    assert said["others"]["nothing"]["largest_score_change"] == 0.0
    for name in said["files"]:
        assert Path(name).stat().st_size > 500
    assert cv2.imread(str(tmp_path / "out/map.png")).shape[0] > 300

    net = f"--model=onnx:{models / 'mobilenet_v1_0.25_128.onnx'}"
    assert run(*common, net) == 2
    assert "has no class 'teddy bear'" in capsys.readouterr().err
    asked = [*common[:-1], "--label=teddy", net, "--grid=8,2", f"--out={tmp_path / 'classes'}"]
    assert run(*asked) == 0
    assert "whether the place matters is open" in capsys.readouterr().out  # of one background
    assert sorted(path.name for path in (tmp_path / "classes").iterdir()) == [
        *("map.png", "places.parquet", "places.png", "positions.parquet", "transplant.json")
    ]
    assert run("transplant", str(clip), f"--object={bear}", "-monnx:x") == 3
    assert "--object-box" in capsys.readouterr().err
