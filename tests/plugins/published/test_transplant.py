"""The transplant with a planted detector, whose answers are counted by hand, and with a real one on real pictures."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.pipeline.conftest import run
from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.pixels import to_array
from vidrobust.plugins.published.transplant import (
    ARMS,
    blended,
    by_place,
    own_label,
    pasted,
    places,
    read_cutout,
    summary,
    transplant,
)
from vidrobust.predictions import Detections

DOG = "409,373,715,584"  # where YOLOX sees the dog
CLASSES = ("chair", "elephant", "sofa")


class Planted:
    """Finds red objects (elephants) and green ones (chairs); a chair to the right of an elephant becomes a sofa,
    and one below it is lost."""

    name, class_names, task = "planted", CLASSES, "detection"

    def __call__(self, pixels):
        rows = [row for at, frame in enumerate(pixels) for row in self._frame(to_array(frame), at)]
        boxes, labels, frame = (np.array([row[k] for row in rows]) for k in range(3))
        return Detections(
            boxes=boxes.reshape(-1, 4).astype(np.float32),
            scores=np.full(len(rows), 0.9, np.float32),
            labels=labels.astype(np.int64),
            frame=frame.astype(np.int64),
            num_frames=len(pixels),
            class_names=CLASSES,
        )

    def _frame(self, picture, at):
        def found(channel):
            mask = (picture[..., channel] > 200) & (picture.sum(axis=2) < 400)
            return cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, :4]

        elephants, chairs = found(0), found(1)
        rows = [((x, y, x + w, y + h), 1, at) for x, y, w, h in elephants]
        for x, y, w, h in chairs:
            below = any(y > other[1] + other[3] for other in elephants)
            right = any(x > other[0] + other[2] for other in elephants)
            rows += [] if below else [((x, y, x + w, y + h), 2 if right else 0, at)]
        return rows


@pytest.fixture
def elephant(tmp_path):
    """A red plate of 30 x 20 px in a grey picture, cut out by its box."""
    picture = np.full((100, 120, 3), 128, np.uint8)
    picture[40:60, 30:60] = (250, 0, 0)
    cv2.imwrite(str(tmp_path / "plate.png"), picture[..., ::-1])
    return read_cutout(f"{tmp_path / 'plate.png'}#30,40,60,60")


def _room():
    room = np.full((104, 204, 3), 128, np.uint8)
    room[10:30, 170:200] = (0, 250, 0)  # a chair at the upper right
    return room


def test_a_transplant_counts_what_is_planted(elephant):
    table = transplant(Planted(), elephant, [(0, 0.0, _room()), (5, 0.2, _room())], (3, 2))
    own = table[(table["arm"] == "pasted") & (table["frame"] == 0)].set_index(["row", "column"])
    assert own["found"].all()
    # the upper right place covers the chair; of the upper row the other two stand to the left of it
    assert own["others"].to_dict()[0, 2] == 0
    assert own.loc[(0, 0), ["others", "lost", "renamed"]].tolist() == [1, 0, 1]
    # below the chair: it is not below them, but to the right of two of the three
    assert own.loc[1, "renamed"].tolist() == [1, 1, 0]
    assert own["lost"].sum() == 0
    assert own["lost_before"].isna().all()  # the detector does not give its candidates
    flat = table[table["arm"] == "flat"]
    assert flat["found"].all()  # a flat plate is a plate
    label = own_label(Planted(), elephant, table)
    assert CLASSES[label] == "elephant"
    figures = summary(table, "room", label)["pasted"]
    assert figures["named"].value == 1
    assert (figures["renamed"].value, figures["renamed"].n) == (0.8, 10)
    assert np.isnan(figures["lost_before"].value)
    counted = by_place(table, label)
    assert (counted["frames"] == 2).all()
    assert len(counted) == len(ARMS) * 6


def test_places_lie_inside_and_reach_the_borders(elephant):
    found = list(places((104, 204), elephant, 3, 2))
    assert found[0] == (0, 0, 2, 2)
    assert found[-1] == (2, 1, 204 - 30 - 2, 104 - 20 - 2)
    with pytest.raises(SettingsError, match="give --scale"):
        list(places((20, 20), elephant, 3, 2))


def test_a_blended_object_stands_where_the_pasted_one_does_and_nothing_else_changes(elephant):
    room = cv2.GaussianBlur(_room(), (0, 0), 3)
    hard, soft = (put(room, elephant, 50, 40) for put in (pasted, blended))
    for shown in (hard, soft):
        changed = np.argwhere((shown != room).any(axis=2))
        assert changed.min(axis=0).tolist() >= [40, 50]
        assert changed.max(axis=0).tolist() <= [59, 79]
    # blended edges do not step
    edge = [np.abs(np.diff(shown[50, 48:53].astype(int), axis=0)).max() for shown in (hard, soft)]
    assert edge[1] < edge[0] / 2


def test_a_mask_of_coco_annotations_cuts_along_the_outline(corpus, tmp_path):
    clip = corpus / "objects" / "sam2_01_dog.mp4"
    ring = [500, 400, 700, 400, 600, 560]
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}]
    dog = {"id": 7, "image_id": 3, "category_id": 1, "segmentation": [ring], "bbox": [0] * 4}
    image = {"id": 3, "file_name": f"x/{clip.name}", "height": 720, "width": 1280}
    content = {"images": [image], "annotations": [dog], "categories": categories}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    cut = read_cutout(f"{clip}#dog", tmp_path / "coco.json")
    assert cut.mask.sum() == pytest.approx(200 * 160 / 2, rel=0.02)
    assert cut.box.tolist() == pytest.approx([500, 400, 700, 560], abs=1)
    # outside of the outline the frame stays
    frame = np.zeros((400, 400, 3), np.uint8)
    assert (pasted(frame, cut, 50, 50).any(axis=2)).sum() <= cut.mask.sum()
    with pytest.raises(InputError, match="it has dog"):
        read_cutout(f"{clip}#cat", tmp_path / "coco.json")
    for box, why in (("1,2", "expected"), ("0,0,5000,9", "not inside"), ("1,1,4,4", "expected 8")):
        with pytest.raises(SettingsError, match=why):
            read_cutout(f"{clip}#{box}")


def test_a_real_dog_over_real_cups(corpus, models, tmp_path, printed):
    objects = corpus / "objects"
    out = printed(
        0,
        *(
            "transplant",
            objects / "sam2_02_cups.mp4",
            "--object",
            f"{objects / 'sam2_01_dog.mp4'}#{DOG}",
        ),
        *("--model", f"onnx:{models / 'yolox_nano.onnx'}", "--grid", 3, 2, "--frames", 2),
        *("--out", tmp_path / "out", "--json"),
    ).out
    result = json.loads(out)
    assert result["object"] == "dog"
    assert set(result["arms"]) == set(ARMS)
    assert result["arms"]["pasted"]["named"]["value"] > result["arms"]["flat"]["named"]["value"]
    assert result["arms"]["pasted"]["lost_before"]["n"] > 0
    table = pd.read_csv(tmp_path / "out" / "places.csv")
    pasted_rows = table[table["arm"] == "pasted"]
    shares = pasted_rows["named"].sum() / pasted_rows["frames"].sum()
    assert shares == pytest.approx(result["arms"]["pasted"]["named"]["value"])
    assert cv2.imread(str(tmp_path / "out" / "worst.jpg")) is not None


def test_a_classifier_is_refused(corpus, tmp_path, printed):
    clip = str(corpus / "objects" / "sam2_02_cups.mp4")
    given = ("transplant", clip, "--object", clip, "--model", "line-classifier")
    assert "is no detector" in printed(2, *given, "--out", tmp_path / "out").err
    assert run(*given, "--label", "cup") == 2
