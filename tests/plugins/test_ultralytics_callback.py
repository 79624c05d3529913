"""Stability at the end of Ultralytics' validation: by hand from planted predictions, and in its loop."""

from types import SimpleNamespace

import cv2
import pytest
import yaml

from tests.made_frames import texture
from tests.stages.policy.test_levels import step
from vidrobust.errors import SettingsError
from vidrobust.plugins.policy_files.ultralytics import render
from vidrobust.plugins.ultralytics_callback import stability_callback
from vidrobust.stages.policy.policy import Policy
from vidrobust.statement import Level

FRAMES, MISSED = 14, (6, 7)
MISSING = "Ultralytics is not installed: pip install ultralytics"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "images"
    folder.mkdir()
    still = texture(3, 96, 128 + FRAMES)
    for k in range(FRAMES):
        cv2.imwrite(str(folder / f"clip_{k}.png"), still[:, k : k + 128])
    return folder


def validator(images, **arguments):
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
        metrics=Metrics(),
        get_stats=lambda: {"metrics/mAP50(B)": 0.5},
    )


class Metrics:
    """As the library's: a property without a place for more."""

    @property
    def results_dict(self):
        return {"metrics/mAP50(B)": 0.5}


def test_planted_predictions(images, capsys):
    """By hand: a box in 12 of 14 frames, missed in the middle."""
    planted = validator(images)
    callback = stability_callback(frame_rate=25)
    callback(planted)
    stats = planted.get_stats()
    found = planted.stability.compute()
    assert stats["stability/uncovered_rate"] == pytest.approx(len(MISSED) / FRAMES)
    assert planted.metrics.results_dict == stats
    assert stats["metrics/mAP50(B)"] == 0.5
    assert float(found["uncovered_rate"]) == pytest.approx(len(MISSED) / FRAMES)
    assert float(found["flip_rate"]) == 0
    assert "uncovered_rate" in capsys.readouterr().out
    planted.args.save_json = False
    with pytest.raises(SettingsError, match="save_json"):
        stability_callback()(planted)


def policy_as_hyp(folder):
    """The policy of a study that found brightness again, as it is exported for the library."""
    brighter = step(low=-0.25, high=0.25, level=Level.REPLICATED)
    path = folder / "policy_ultralytics.yaml"
    path.write_text(render(Policy(steps=(brighter,), image_size=(96, 128))).text)
    return path


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
def test_in_the_loop_of_the_library(images):
    ultralytics = pytest.importorskip("ultralytics", reason=MISSING)
    labels = images.parent / "labels"
    labels.mkdir(exist_ok=True)
    for k in range(FRAMES):
        (labels / f"clip_{k}.txt").write_text("1 0.4 0.4 0.3 0.4\n")
    data = images.parent / "data.yaml"
    names = "names: {0: dog, 1: cat}"
    data.write_text(f"path: {images.parent}\ntrain: images\nval: images\n{names}\n")
    model = ultralytics.YOLO("yolo11n.yaml", verbose=False)
    model.add_callback("on_val_start", stability_callback(frame_rate=25))
    given = {"imgsz": 64, "workers": 0, "device": "cpu", "plots": False, "verbose": False}
    runs = images.parent / "runs"
    found = model.val(data=str(data), save_json=True, project=str(runs), **given)
    assert "stability/uncovered_rate" in found.results_dict
    assert "metrics/mAP50(B)" in found.results_dict
    # an epoch with the keys of our policy, and its table
    chosen = policy_as_hyp(images.parent)
    model.train(data=str(data), save_json=True, epochs=1, batch=4, project=str(runs), name="t",
                cfg=str(chosen), **given)  # fmt: skip
    (table,) = runs.glob("t*/results.csv")
    columns = [name.strip() for name in table.read_text().splitlines()[0].split(",")]
    assert "stability/uncovered_rate" in columns
    used = yaml.safe_load((table.parent / "args.yaml").read_text())
    assert used["hsv_v"] == pytest.approx(yaml.safe_load(chosen.read_text())["hsv_v"])
