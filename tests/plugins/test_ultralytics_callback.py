"""Stability at the end of Ultralytics' validation: by hand from planted predictions, and in its loop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tests.made_frames import texture
from vidrobust.errors import SettingsError
from vidrobust.plugins.ultralytics_callback import stability_callback

FRAMES, MISSED = 14, (6, 7)
MISSING = "Ultralytics is not installed: pip install ultralytics"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "images"
    folder.mkdir()
    still = texture(3, 96, 128 + FRAMES)
    for k in range(FRAMES):
        cv2.imwrite(str(folder / f"clip_{k}.png"), still[:, k : k + 128])
    return folder


def validator(images: Path, **arguments: Any) -> SimpleNamespace:
    rows = [
        {
            "file_name": f"clip_{k}.png",
            "category_id": 2,
            "bbox": [30.0 - k, 20.0, 40.0, 40.0],
            "score": 0.9,
        }
        for k in range(FRAMES)
        if k not in MISSED
    ]
    files = [str(path) for path in images.glob("*.png")]
    return SimpleNamespace(
        args=SimpleNamespace(save_json=True, **arguments),
        class_map=[1, 2],
        names={0: "dog", 1: "cat"},
        jdict=rows,
        dataloader=SimpleNamespace(dataset=SimpleNamespace(im_files=files)),
    )


def test_planted_predictions(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: a box in 12 of 14 frames, missed in the middle."""
    planted = validator(images)
    stability_callback(frame_rate=25)(planted)
    found = planted.stability.compute()
    assert float(found["uncovered_rate"]) == pytest.approx(len(MISSED) / FRAMES)
    assert float(found["flip_rate"]) == 0
    assert "uncovered_rate" in capsys.readouterr().out
    planted.args.save_json = False
    with pytest.raises(SettingsError, match="save_json"):
        stability_callback()(planted)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
def test_in_the_loop_of_the_library(images: Path) -> None:
    ultralytics = pytest.importorskip("ultralytics", reason=MISSING)
    labels = images.parent / "labels"
    labels.mkdir(exist_ok=True)
    for k in range(FRAMES):
        (labels / f"clip_{k}.txt").write_text("1 0.4 0.4 0.3 0.4\n")
    data = images.parent / "data.yaml"
    data.write_text(
        f"path: {images.parent}\ntrain: images\nval: images\nnames: {{0: dog, 1: cat}}\n"
    )
    model = ultralytics.YOLO("yolo11n.yaml", verbose=False)
    seen: list[np.ndarray] = []
    measure = stability_callback(frame_rate=25)

    def callback(validator: Any) -> None:
        measure(validator)
        seen.append(validator.stability.figures()["n"].to_numpy())

    model.add_callback("on_val_end", callback)
    given: dict[str, Any] = {
        "imgsz": 64,
        "workers": 0,
        "device": "cpu",
        "plots": False,
        "verbose": False,
    }
    model.val(data=str(data), save_json=True, project=str(images.parent / "runs"), **given)
    assert len(seen) == 1
