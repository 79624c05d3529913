"""mPC and rPC on real frames with a real detector, against the reference corruptions and pycocotools."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the package's own dependencies
    import imagecorruptions

from tests.made_coco import judged_by_pycocotools
from vidrobust.errors import InputError
from vidrobust.models.load import load_model
from vidrobust.plugins.published.corrupted_boxes import box_corruptions, read_boxed
from vidrobust.video.source import open_video

FRAMES = {"objects/intel_car-detection.mp4": (60,), "objects/sam2_02_cups.mp4": (10,)}
EXACT = ("brightness", "jpeg_compression")  # nothing in them is drawn


@pytest.fixture(scope="module")
def folder(tmp_path_factory, corpus, models):
    """Frames of two clips; what a second detector is sure of stands for the truth, in COCO's format."""
    made = tmp_path_factory.mktemp("boxes")
    (made / "images").mkdir()
    detector = load_model(f"onnx:{models / 'yolox_nano.onnx'}", device="cpu")
    images = []
    marks = []
    for clip, numbers in FRAMES.items():
        with open_video(corpus / clip) as source:
            pixels = source.at(list(numbers)).pixels[..., ::2, ::2].contiguous()
        found = detector(pixels)
        for row in range(len(pixels)):
            name = f"{Path(clip).stem}-{row}.png"
            Image.fromarray(pixels[row].permute(1, 2, 0).numpy()).save(made / "images" / name)
            images.append({"id": len(images), "file_name": name})
            for k in np.flatnonzero((found.frame == row) & (found.scores > 0.4)):
                x1, y1, x2, y2 = map(float, found.boxes[k])
                box = [x1, y1, x2 - x1, y2 - y1]
                about = {"image_id": images[-1]["id"], "category_id": int(found.labels[k])}
                area = {"area": box[2] * box[3], "iscrowd": 0}
                marks.append({"id": len(marks) + 1, "bbox": box, **about, **area})
    names = [{"id": k, "name": name} for k, name in enumerate(found.class_names)]
    content = {"images": images, "annotations": marks, "categories": names}
    (made / "truth.json").write_text(json.dumps(content))
    assert len(marks) >= 3
    return made


def library(truth, answers):
    """AP and AP50 by pycocotools."""
    rows = []
    for k, of in enumerate(answers):
        boxes = np.hstack([of.boxes[:, :2], of.boxes[:, 2:] - of.boxes[:, :2]]).astype(float)
        found = zip(of.labels.tolist(), of.scores.tolist(), boxes.tolist(), strict=True)
        names = ("category_id", "score", "bbox")
        rows += [dict(zip(names, each, strict=True), image_id=k) for each in found]
    return tuple(judged_by_pycocotools(truth, rows).stats[:2])


def test_mpc_is_that_of_the_reference_packages(folder, models):
    """Every cell: their corruption of the whole picture, their average precision; then the two means by hand."""
    detector = load_model(f"onnx:{models / 'FastestDet.onnx'}", device="cpu")
    boxed = read_boxed(folder / "images", folder / "truth.json")
    done = []
    found = box_corruptions(boxed, [detector], only=EXACT, step=done.append)
    assert sum(done) == found["images"] == 2
    (one,) = found["models"].values()
    truth = json.loads((folder / "truth.json").read_text())
    names = [each["file_name"] for each in truth["images"]]
    pictures = [np.array(Image.open(folder / "images" / name)) for name in names]

    def answers(changed):
        return [detector(torch.from_numpy(p.copy()).permute(2, 0, 1)[None]) for p in changed]

    expected = {}
    for name in EXACT:
        for severity in range(1, 6):
            how = {"corruption_name": name, "severity": severity}
            changed = [np.uint8(imagecorruptions.corrupt(p, **how)) for p in pictures]
            expected.setdefault(name, []).append(library(folder / "truth.json", answers(changed)))
        for k, metric in enumerate(("ap", "ap50")):
            theirs = [pair[k] for pair in expected[name]]
            assert one["corruptions"][name][metric] == pytest.approx(theirs, abs=1e-6)
    clean = library(folder / "truth.json", answers(pictures))
    every = np.array(list(expected.values()))
    for k, metric in enumerate(("ap", "ap50")):
        assert one["clean"][metric] == pytest.approx(clean[k], abs=1e-6)
        assert one["mpc"][metric] == pytest.approx(every[..., k].mean(), abs=1e-6)
        assert one["rpc"][metric] == pytest.approx(every[..., k].mean() / clean[k], abs=1e-6)
    assert 0 < one["rpc"]["ap"] < 1.2


def test_the_command_and_its_table(folder, models, tmp_path, printed):
    spec = f"onnx:{models / 'FastestDet.onnx'}"
    truth = folder / "truth.json"
    command = ("corruptions", folder / "images", f"--labels={truth}", "-q", f"--model={spec}")
    out = tmp_path / "c.csv"
    assert "mPC" in printed(0, *command, "--corruption=contrast", f"--out={out}").out
    table = pd.read_csv(out)
    assert {f"ap_{k}" for k in range(1, 6)} | {"ap50_5"} <= set(table)
    printed(2, *command, "--extra")


def test_boxes_of_other_pictures_are_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    Image.new("RGB", (64, 48)).save(tmp_path / "other" / "a.png")
    with pytest.raises(InputError, match="has no box in a picture"):
        read_boxed(tmp_path / "other", folder / "truth.json")
