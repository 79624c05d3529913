"""Known boxes that leave the frame: a run against pycocotools and TrackEval on the same files."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.made_coco import judged_by_pycocotools
from tests.pipeline.conftest import run
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.statements import statements

WIDTH, HEIGHT, FRAMES = 640, 480, 71


@pytest.fixture(scope="module")
def campus(corpus, tmp_path_factory):
    """TUD-Campus as downloaded, without its pictures, and a tracker that shakes, misses and swaps numbers."""
    folder = tmp_path_factory.mktemp("mot")
    campus = corpus / "annotations/mmtracking/demo_MOT15_data/train/TUD-Campus"
    shutil.copytree(campus, folder / "TUD-Campus")
    (folder / "pictures" / "TUD-Campus").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for frame in range(1, FRAMES + 1):
        # every frame a picture of its own, so that none counts as frozen
        small = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        picture = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / "pictures" / "TUD-Campus" / f"{frame:06d}.png"), picture)
    known = np.loadtxt(folder / "TUD-Campus" / "gt" / "gt.txt", delimiter=",")
    lines = []
    for frame, number, *box in known[:, :6]:
        if rng.random() < 0.15:
            continue
        number = number + 10 * (rng.random() < 0.05)
        x, y, w, h = np.array(box) + rng.normal(0, 0.06, 4) * np.array([box[2], box[3]] * 2)
        score = rng.uniform(0.5, 1)
        place = f"{frame:.0f},{number:.0f},{x:.3f},{y:.3f},{w:.3f},{h:.3f}"
        lines.append(f"{place},{score:.6f},-1,-1,-1")
    (folder / "tracker.txt").write_text("\n".join(lines) + "\n")
    return folder


def study(campus, boxes, out):
    pictures = campus / "pictures" / "TUD-Campus"
    labels = campus / "TUD-Campus"
    given = (f"--labels={labels}", f"--model={boxes}", f"--out={out}", "-q")
    assert run("stability", str(pictures), *given) == 0
    ((_, found),) = json.loads((out / "metrics.json").read_text())["models"].items()
    return found


def from_file(path):
    """Frame, number, x1 y1 x2 y2 within the frame, and score of each line."""
    table = np.loadtxt(path, delimiter=",")
    corners = np.column_stack([table[:, 2:4] - 1, table[:, 2:4] - 1 + table[:, 4:6]])
    limits = [WIDTH, HEIGHT, WIDTH, HEIGHT]
    frame, number = (table[:, column].astype(int) for column in (0, 1))
    return frame, number, np.clip(corners, 0, limits), table[:, 6]


def by_pycocotools(known, found):
    rows = []
    frame, _, corners, _ = from_file(known)
    for number, (at, (x1, y1, x2, y2)) in enumerate(zip(frame, corners, strict=True), 1):
        box = [x1, y1, x2 - x1, y2 - y1]
        about = {"id": number, "image_id": int(at), "category_id": 1, "iscrowd": 0}
        rows.append({**about, "bbox": box, "area": box[2] * box[3]})
    content = {
        "images": [{"id": k, "width": WIDTH, "height": HEIGHT} for k in range(1, FRAMES + 1)],
        "annotations": rows,
        "categories": [{"id": 1, "name": "pedestrian"}],
    }
    frame, _, corners, score = from_file(found)
    sides = corners[:, 2:] - corners[:, :2]
    lines = np.column_stack([frame, corners[:, :2], sides, score, np.ones(len(frame))])
    return tuple(judged_by_pycocotools(content, lines).stats[:2])


def by_trackeval(known, found):
    metrics = pytest.importorskip("trackeval.metrics")
    boxes = pytest.importorskip("trackeval.datasets._base_dataset")._BaseDataset
    data = {"num_timesteps": FRAMES}
    sides = []
    for side, path in (("gt", known), ("tracker", found)):
        frame, number, corners, _ = from_file(path)
        numbers, own = np.unique(number, return_inverse=True)
        data |= {f"num_{side}_ids": len(numbers), f"num_{side}_dets": len(frame)}
        data[f"{side}_ids"] = [own[frame == k] for k in range(1, FRAMES + 1)]
        sides.append([corners[frame == k] for k in range(1, FRAMES + 1)])
    pairs, how = zip(*sides, strict=True), {"box_format": "x0y0x1y1"}
    data["similarity_scores"] = [boxes._calculate_box_ious(a, b, **how) for a, b in pairs]
    quiet = {"PRINT_CONFIG": False}
    clear = metrics.CLEAR(quiet).eval_sequence(data)
    identity = metrics.Identity(quiet).eval_sequence(data)
    hota = float(metrics.HOTA().eval_sequence(data)["HOTA"].mean())
    return {"hota": hota, "idf1": identity["IDF1"], "identity_switches": clear["IDSW"]}


def test_a_tracker_on_objects_that_leave_the_frame(campus):
    known, found = campus / "TUD-Campus" / "gt" / "gt.txt", campus / "tracker.txt"
    _, _, corners, _ = from_file(known)
    table = np.loadtxt(known, delimiter=",")
    cut = (corners[:, 2:] - corners[:, :2] < table[:, 4:6]).any(axis=1)
    assert cut.sum() > 20  # the case that this test is about
    (campus / "classes.txt").write_text("pedestrian\n")
    ours = study(campus, f"detections:{found},classes={campus / 'classes.txt'}", campus / "run")
    ap, ap50 = by_pycocotools(known, found)
    assert ours["average_precision"]["value"] == pytest.approx(ap, abs=1e-6)
    assert ours["average_precision_50"]["value"] == pytest.approx(ap50, abs=1e-6)
    assert 0.2 < ap < 0.9
    for name, value in by_trackeval(known, found).items():
        assert ours[name]["value"] == pytest.approx(value, abs=1e-6), name
    # an only class cannot change
    assert not any("class" in each.text for each in statements(RunTables(campus / "run")))


def test_the_known_boxes_themselves_are_right(campus):
    """The same lines as labels and as a detector: no error anywhere, and one class name on both sides."""
    found = study(campus, f"detections:{campus / 'TUD-Campus' / 'gt' / 'gt.txt'}", campus / "truth")
    for name in ("average_precision", "hota", "idf1", "recall"):
        assert found[name]["value"] == pytest.approx(1, abs=1e-6), name
    for name in ("center_error", "scale_error", "fragment_error", "identity_switches"):
        assert found[name]["value"] == pytest.approx(0, abs=1e-5), name


def test_every_second_frame_recorded_is_asked_about(campus):
    """Truth in frames 1, 3, 5 ... of the file: refused as it stands; of the frames looked at none is uncovered."""
    lines = (campus / "TUD-Campus" / "gt" / "gt.txt").read_text().splitlines()
    odd = [line for line in lines if int(line.split(",")[0]) % 2]
    (campus / "stride.txt").write_text("\n".join(odd) + "\n")
    pictures, out = campus / "pictures" / "TUD-Campus", campus / "stride"
    model = f"--model=detections:{campus / 'stride.txt'}"
    words = ("stability", str(pictures), model, f"--out={out}", "-q")
    assert run(*words) == 3
    assert run(*words, "--every=2", "--overwrite") == 0
    ((_, found),) = json.loads((out / "metrics.json").read_text())["models"].items()
    assert found["uncovered_rate"]["value"] < 0.1
