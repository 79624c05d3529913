"""vidrobust recorded: answers without a video, by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from vidrobust.cli.app import main

LABELS = [0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]  # 3 of 11 pairs flip


def test_probabilities_in_an_archive(tmp_path, capsys):
    rows = np.full((len(LABELS), 2), 0.25)
    rows[np.arange(len(LABELS)), LABELS] = 0.75
    np.savez(tmp_path / "probs.npz", probabilities=rows, class_names=["ok", "crack"])
    main(["recorded", f"predictions:{tmp_path / 'probs.npz'}", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["flip_rate"]["value"] == pytest.approx(3 / 11)
    assert found["metrics"]["flip_rate"]["n"] == 11
    assert any("causes" in what for what in found["needs_pixels"])
    np.save(tmp_path / "probs.npy", rows)
    main(["recorded", f"predictions:{tmp_path / 'probs.npy'}"])
    assert "27 %" in capsys.readouterr().out


def test_boxes(tmp_path, capsys):
    """One object in 14 frames, missed in 2: 2 of 14."""
    rows = [f"{k},0.9,cat,{10 + k},10,{50 + k},50" for k in range(14) if k not in (6, 7)]
    (tmp_path / "boxes.csv").write_text("frame,score,label,x1,y1,x2,y2\n" + "\n".join(rows))
    main(["recorded", f"detections:{tmp_path / 'boxes.csv'}", "--json", "--size", "160x90"])
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["uncovered_rate"]["value"] == pytest.approx(2 / 14)


def test_what_is_lost_at_the_outermost_box_has_not_left_the_picture(tmp_path, capsys):
    """A still object in 60 of 80 frames: lost in 20 of 80, and the one object vanishes."""
    rows = [{"frame": k, "score": 0.9, "label": 0, "bbox": [300, 100, 40, 40]} for k in range(60)]
    table = pd.DataFrame([{**row, **corners(row["bbox"])} for row in rows]).drop(columns="bbox")
    table.to_csv(tmp_path / "boxes.csv", index=False)
    asked = ["recorded", f"detections:{tmp_path / 'boxes.csv'}", "--json", "--frames", "80"]
    for size, lost in (("640x480", 20 / 80), ("340x140", 0.0)):
        main([*asked, "--size", size])
        found = json.loads(capsys.readouterr().out)["metrics"]
        assert found["uncovered_rate"]["value"] == pytest.approx(lost)
        assert found["vanished_rate"]["value"] == float(lost > 0)
    for wrong in ([], ["--size", "640"], ["--size", "0x480"]):
        with pytest.raises(SystemExit) as ended:
            main([*asked, *wrong])
        assert ended.value.code == 2
        assert "--size" in capsys.readouterr().err
    images = [{"id": k, "file_name": f"{k}.jpg", "width": 640, "height": 480} for k in range(80)]
    found = [{"image_id": r["frame"], "category_id": 0, **r} for r in rows]
    coco = {"images": images, "categories": [{"id": 0, "name": "cup"}], "annotations": found}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    main(["recorded", f"detections:{tmp_path / 'coco.json'}", "--json", "--frames", "80"])
    said = json.loads(capsys.readouterr().out)["metrics"]
    assert said["uncovered_rate"]["value"] == pytest.approx(20 / 80)


def corners(box):
    x, y, width, height = box
    return {"x1": x, "y1": y, "x2": x + width, "y2": y + height}


def test_a_network_is_no_recording(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["recorded", "efficientnet-lite0"])
    assert ended.value.code == 2
