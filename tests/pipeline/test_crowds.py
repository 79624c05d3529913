"""A thousand boxes a frame, and frames without any, through the command line."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.pipeline.conftest import run
from vidrobust.run_folder.folder import RunFolder

COUNT, FRAMES, EMPTY = 1000, 12, (5,)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Twelve pictures of a grid of 40 x 25 things at rest, each box shaken by a hair; the sixth without boxes."""
    folder = tmp_path_factory.mktemp("crowd")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (500, 800, 3), dtype=np.uint8)
    (folder / "grid").mkdir()
    rows = []
    for frame in range(FRAMES):
        noisy = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "grid" / f"{frame:02d}.png"), noisy)
        if frame in EMPTY:
            continue
        for k in range(COUNT):
            x, y = 20 * (k % 40) + 3 + rng.normal(0, 0.1), 20 * (k // 40) + 3 + rng.normal(0, 0.1)
            box = {"x1": x, "y1": y, "x2": x + 14, "y2": y + 14}
            rows.append({"frame": frame, "label": 0, "label_name": "thing", "score": 0.9, **box})
    pd.DataFrame(rows).to_csv(folder / "boxes.csv", index=False)
    return folder


def test_each_of_a_thousand_is_followed_through_a_frame_without_boxes(crowd):
    out, model = crowd / "run", f"--model=detections:{crowd / 'boxes.csv'}"
    assert run("stability", str(crowd / "grid"), model, f"--out={out}", "-q") == 0
    found = json.loads((out / "metrics.json").read_text())["models"]["boxes"]
    names = ("box_counts", "tracks", "object_frames")
    tables = {name: RunFolder(out).table(name) for name in names}
    assert (len(tables["box_counts"]), len(tables["tracks"])) == (FRAMES, COUNT)
    assert tables["object_frames"]["missed"].sum() == COUNT
    assert found["dropout_rate"]["value"] == pytest.approx(1 / FRAMES)
    assert found["fragments_per_track"]["value"] == 2
    assert found["duplicate_rate"]["value"] == 0
    # lost at once in one of eleven pairs; the pair behind the empty frame has no box to lose
    assert found["lost"]["value"] == pytest.approx(1 / 10)
