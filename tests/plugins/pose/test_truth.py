"""OKS and average precision against pycocotools, and filters against their formulas."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.made_coco import judged_by_pycocotools
from vidrobust.footage.labels.formats import read_labels
from vidrobust.plugins.pose import filters
from vidrobust.plugins.pose.people import COCO
from vidrobust.plugins.pose.task import METRICS
from vidrobust.plugins.pose.truth import average_precision, known_people


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Annotations of 40 frames with crowds and people without visible joints; results; and both as frames."""
    rng = np.random.default_rng(5)
    images, known, results, found = [], [], [], []
    for frame in range(40):
        of = {"id": frame, "frame_id": frame, "video_id": 1}
        images.append({**of, "file_name": f"clip_{frame:06d}.jpg"})
        points, scores = [], []
        for _ in range(rng.integers(1, 5)):
            pose = np.column_stack([rng.uniform(50, 250, (17, 2)), rng.integers(0, 3, 17)])
            if rng.random() < 0.15:
                pose[:, 2] = 0
            box = [float(v) for v in (*pose[:, :2].min(axis=0), *np.ptp(pose[:, :2], axis=0))]
            count = int((pose[:, 2] > 0).sum())
            of = {
                "id": len(known) + 1,
                "image_id": frame,
                "category_id": 1,
                "bbox": box,
                "num_keypoints": count,
            }
            of |= {"area": float(box[2] * box[3] * 0.6), "iscrowd": int(rng.random() < 0.1)}
            known.append({**of, "keypoints": pose.ravel().tolist()})
            for _ in range(rng.integers(0, 3)):
                off = rng.normal(0, rng.choice([3.0, 12.0, 40.0]), (17, 2))
                points.append(np.column_stack([pose[:, :2] + off, np.ones(17)]))
                scores.append(float(rng.random()))
        results += [
            {"image_id": frame, "category_id": 1, "keypoints": p.ravel().tolist(), "score": s}
            for p, s in zip(points, scores, strict=True)
        ]
        found.append((np.array(points).reshape(-1, 17, 3), np.array(scores)))
    path = tmp_path_factory.mktemp("coco") / "person.json"
    category = [{"id": 1, "name": "person", "keypoints": list(COCO), "skeleton": []}]
    content = {"videos": [{"id": 1, "name": "clip"}], "images": images}
    content |= {"annotations": known, "categories": category}
    path.write_text(json.dumps({**content, "info": {}}))
    return path, results, found


def test_average_precision_is_that_of_pycocotools(worlds):
    path, results, found = worlds
    known = known_people(read_labels(path).rows, COCO)
    ours = average_precision([(known[("clip", k)], *each) for k, each in enumerate(found)], COCO)
    whole = {"areaRng": [[0, 1e10]], "areaRngLbl": ["all"]}
    judge = judged_by_pycocotools(path, results, "keypoints", **whole)
    precision = judge.eval["precision"]
    assert 0.05 < ours < 0.9
    assert ours == pytest.approx(precision[precision > -1].mean(), abs=1e-9)


def test_known_joints_come_in_the_order_of_the_model(worlds):
    rows = read_labels(worlds[0]).rows
    mine, turned = (known_people(rows, names)["clip", 0][0].points for names in (COCO, COCO[::-1]))
    assert np.array_equal(mine, turned[::-1])


def test_filters_are_those_of_their_formulas():
    path = np.random.default_rng(0).normal(0, 2, (30, 2)) + np.arange(30)[:, None]
    size = np.full(30, 50.0)
    gaussian = np.exp(-(np.arange(-2, 3) ** 2) / 2.0)
    wanted = np.convolve(path[:, 0], gaussian / gaussian.sum(), "valid")
    assert filters.filtered("gaussian-5", path, size)[2:-2, 0] == pytest.approx(wanted)
    fit = np.polyval(np.polyfit(np.arange(5), path[10:15, 1], 2), 2)
    assert filters.filtered("savgol-5", path, size)[12, 1] == pytest.approx(fit)
    x, v, shown = path[0, 0], 0.0, [path[0, 0]]
    # Casiez et al. 2012, a frame as the unit of time, speed in sides of the person
    for z in path[1:, 0]:
        v += 0.04 * 2 * np.pi / (0.04 * 2 * np.pi + 1) * (z - x - v)
        rate = 2 * np.pi * (0.1 + 0.5 * abs(v) / 50)
        x += rate / (rate + 1) * (z - x)
        shown.append(x)
    assert filters.filtered("one-euro-0.1", path, size)[:, 0] == pytest.approx(shown)


def test_a_filter_is_judged_by_jitter_lag_and_known_joints():
    """A joint goes 3 px a frame with noise of 1 px; a filter that shows the frame before is one frame late."""
    count = 200
    truth = np.column_stack([3.0 * np.arange(count), np.zeros(count)])
    noise = np.random.default_rng(1).normal(0, 1, (count, 2))
    joints = pd.DataFrame(truth + noise, columns=["x", "y"])
    joints = joints.assign(moved_x=-3.0, moved_y=0.0, confidence=1.0)
    known = (np.arange(count), truth, np.full(count, 50.0))
    shown = np.vstack([joints[["x", "y"]].to_numpy()[:1], joints[["x", "y"]].to_numpy()[:-1]])
    costs = filters._precision(joints, shown, known)
    assert costs["lag_frames"] == pytest.approx(1, abs=0.02)
    distance = np.linalg.norm(shown - truth, axis=1).mean() / 50
    assert costs["distance_after"] == pytest.approx(distance)
    assert costs["distance_before"] == pytest.approx(np.linalg.norm(noise, axis=1).mean() / 50)
    raw = filters._jitter(joints, joints[["x", "y"]].to_numpy())
    expected = np.linalg.norm(np.diff(noise, n=2, axis=0), axis=1).mean() / 2
    assert raw[2:].mean() == pytest.approx(expected)


def test_without_labels_no_row_counts():
    """The table of labels has its keys alone; a comparison of two runs reads it all the same."""
    (oks,) = (metric for metric in METRICS if metric.name == "oks")
    assert oks.values(pd.DataFrame({"item": [], "model": []})).empty
