"""vidrobust recorded: answers without a video, by hand."""

import json

import numpy as np
import pandas as pd
import pytest

LABELS = [0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]  # 3 of 11 pairs flip


@pytest.fixture
def recorded(printed):
    """recorded(file, *options): what the command says of a recording as JSON."""
    return lambda file, *more: json.loads(printed(0, "recorded", file, "--json", *more).out)


def test_probabilities_in_an_archive(tmp_path, recorded, printed):
    rows = np.full((len(LABELS), 2), 0.25)
    rows[np.arange(len(LABELS)), LABELS] = 0.75
    np.savez(tmp_path / "probs.npz", probabilities=rows, class_names=["ok", "crack"])
    found = recorded(f"predictions:{tmp_path / 'probs.npz'}")
    assert found["metrics"]["flip_rate"]["value"] == pytest.approx(3 / 11)
    assert found["metrics"]["flip_rate"]["n"] == 11
    assert any("causes" in what for what in found["needs_pixels"])
    np.save(tmp_path / "probs.npy", rows)
    assert "27 %" in printed(0, "recorded", f"predictions:{tmp_path / 'probs.npy'}").out


def test_boxes(tmp_path, recorded):
    """One object in 14 frames, missed in 2: 2 of 14."""
    rows = [f"{k},0.9,cat,{10 + k},10,{50 + k},50" for k in range(14) if k not in (6, 7)]
    (tmp_path / "boxes.csv").write_text("frame,score,label,x1,y1,x2,y2\n" + "\n".join(rows))
    found = recorded(f"detections:{tmp_path / 'boxes.csv'}", "--size", "160x90")
    assert found["metrics"]["uncovered_rate"]["value"] == pytest.approx(2 / 14)


def test_what_is_lost_at_the_outermost_box_has_not_left_the_picture(tmp_path, recorded, printed):
    """A still object in 60 of 80 frames: lost in 20 of 80, and the one object vanishes."""
    rows = [{"frame": k, "score": 0.9, "label": 0, "bbox": [300, 100, 40, 40]} for k in range(60)]
    table = pd.DataFrame([{**row, **corners(row["bbox"])} for row in rows]).drop(columns="bbox")
    table.to_csv(tmp_path / "boxes.csv", index=False)
    asked = (f"detections:{tmp_path / 'boxes.csv'}", "--frames", "80")
    for size, lost in (("640x480", 20 / 80), ("340x140", 0.0)):
        found = recorded(*asked, "--size", size)["metrics"]
        assert found["uncovered_rate"]["value"] == pytest.approx(lost)
        assert found["vanished_rate"]["value"] == float(lost > 0)
    for wrong in ([], ["--size", "640"], ["--size", "0x480"]):
        assert "--size" in printed(2, "recorded", *asked, *wrong).err
    images = [{"id": k, "file_name": f"{k}.jpg", "width": 640, "height": 480} for k in range(80)]
    found = [{"image_id": r["frame"], "category_id": 0, **r} for r in rows]
    coco = {"images": images, "categories": [{"id": 0, "name": "cup"}], "annotations": found}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    said = recorded(f"detections:{tmp_path / 'coco.json'}", "--frames", "80")["metrics"]
    assert said["uncovered_rate"]["value"] == pytest.approx(20 / 80)


def corners(box):
    x, y, width, height = box
    return {"x1": x, "y1": y, "x2": x + width, "y2": y + height}


def test_a_network_is_no_recording(printed):
    printed(2, "recorded", "efficientnet-lite0")


def test_memory_grows_neither_with_the_picture_nor_with_a_gap(tmp_path, recorded):
    """One picture would take 30 GB; of ten million frames 14 + 1 500 and 1 500 + 1 lie near a box."""
    rows = [f"{k},0.9,cat,{10 + k % 99},10,{50 + k % 99},50" for k in (*range(14), 9_999_999)]
    (tmp_path / "boxes.csv").write_text("frame,score,label,x1,y1,x2,y2\n" + "\n".join(rows))
    found = recorded(f"detections:{tmp_path / 'boxes.csv'}", "--size", "100000x100000")
    assert found["metrics"]["count_jitter"]["n"] == 1514 - 2 + 1501 - 2
