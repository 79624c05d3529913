"""Average precision by hand, by a plain implementation of COCO's rules and by faster-coco-eval; neighbours."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.accuracy.average_precision import FramesOfBoxes, Precision, worst_and_best

BOX = ["x1", "y1", "x2", "y2"]


def iou(a, b):
    """Of two boxes x1, y1, x2, y2."""
    width, height = (max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1))
    area_a, area_b = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (area_a + area_b - width * height)


def boxes(*rows):
    """Rows of frame, label, x1, y1, x2, y2 and, of found boxes, the score."""
    columns = ["frame", "label", *BOX, "score"]
    table = pd.DataFrame([list(row) + [1.0] * (7 - len(row)) for row in rows], columns=columns)
    return table.astype({"frame": int, "label": int})


def plain(known, found):
    """COCO's average precision, step by step as its paper and page say it."""
    of_class = []
    for label in sorted(set(known["label"])):
        truth, hits = known[known["label"] == label], found[found["label"] == label]
        hits = hits.sort_values("score", ascending=False, kind="stable")
        of_iou = []
        for least in 0.5 + 0.05 * np.arange(10):
            taken = set()
            right = []
            for hit in hits.itertuples():
                here = truth[(truth["frame"] == hit.frame) & ~truth.index.isin(list(taken))]
                rows = list(here.itertuples())
                ious = [iou(hit[3:7], row[3:7]) for row in rows]
                best = int(np.argmax(ious)) if ious else -1
                right.append(best >= 0 and ious[best] >= least - 1e-10)
                if right[-1]:
                    taken.add(rows[best].Index)
            tp = np.cumsum(right)
            recall = tp / len(truth)
            precision = tp / np.arange(1, len(tp) + 1)
            precision = np.maximum.accumulate(precision[::-1])[::-1]
            at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
            of_iou.append(float(np.mean([precision[k] if k < len(precision) else 0.0 for k in at])))
        of_class.append(of_iou)
    table = np.array(of_class)
    return Precision(float(table.mean()), float(table[:, 0].mean()))


def test_an_overlap_of_88_percent_passes_eight_of_ten_limits():
    known, found = boxes((0, 0, 10, 10, 40, 40)), boxes((0, 0, 11, 11, 41, 41, 0.9))
    # 29 x 29 of 2 x 900 - 841: an IoU of .877, above .50 ... .85
    expected = Precision(pytest.approx(0.8), pytest.approx(1.0))
    assert FramesOfBoxes(known, found).precision([0]) == expected


def test_a_surer_wrong_box_halves_the_precision():
    """Of two known boxes one is found, after a surer wrong one: half a precision up to half of the recall."""
    known = boxes((0, 0, 10, 10, 40, 40), (1, 0, 10, 10, 40, 40))
    found = boxes((0, 0, 10, 10, 40, 40, 0.8), (1, 0, 100, 100, 140, 140, 0.9))
    assert FramesOfBoxes(known, found).precision([0, 1]).ap50 == pytest.approx(0.5 * 51 / 101)


def test_a_plain_implementation_says_the_same():
    rng = np.random.default_rng(3)
    rows = []
    for frame in range(12):
        for label in rng.integers(0, 3, 3):
            x, y = rng.uniform(0, 400, 2)
            rows.append((frame, label, x, y, x + rng.uniform(20, 90), y + rng.uniform(20, 90)))
    known = boxes(*rows)
    near = known[rng.uniform(size=len(known)) < 0.8].copy()
    near[BOX] += rng.normal(0, 5, (len(near), 4))
    wrong = known.sample(10, random_state=1).copy()
    wrong[BOX] += 60
    found = pd.concat([near, wrong], ignore_index=True)
    found["score"] = rng.uniform(size=len(found))
    mine, theirs = FramesOfBoxes(known, found).precision(range(12)), plain(known, found)
    assert mine.ap == pytest.approx(theirs.ap, abs=1e-9)
    assert mine.ap50 == pytest.approx(theirs.ap50, abs=1e-9)
    assert 0.1 < mine.ap < mine.ap50 < 0.9


def crowd(seed, frames=20, spread=6.0, equal=""):
    """Known boxes of four classes, some of which overlap, and boxes found about them, wrong ones among them.

    equal  what is rounded, so that many are equal: "scores" or "overlaps"
    """
    rng = np.random.default_rng(seed)
    rows = []
    for frame in range(frames):
        for label in rng.integers(0, 4, rng.integers(0, 9)):
            x, y = rng.uniform(0, 150, 2)
            rows.append((frame, label, x, y, x + rng.uniform(20, 90), y + rng.uniform(20, 90)))
    known = boxes(*rows)
    some, more = known.sample(frac=0.8, random_state=seed), known.sample(20, random_state=seed)
    found = pd.concat([some, known, more])
    found = found.reset_index(drop=True)
    found[BOX] += rng.normal(0, spread, (len(found), 4))
    found["label"] = np.where(rng.uniform(size=len(found)) < 0.1, 5, found["label"])
    found["score"] = rng.uniform(size=len(found))
    found["x2"], found["y2"] = found[["x1", "x2"]].max(axis=1), found[["y1", "y2"]].max(axis=1)
    if equal == "scores":
        found["score"] = found["score"].round(1)
    if equal == "overlaps":
        known[BOX], found[BOX] = known[BOX].round(-1), found[BOX].round(-1)
    return known, found.sort_values("frame", kind="stable")


def by_faster_coco_eval(known, found, frames):
    """The same by an independent program; a frame that is named twice is two images."""
    package = pytest.importorskip("faster_coco_eval")

    def describe(row, image):
        sides = [row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1]
        label = int(row.label) + 1
        area = sides[2] * sides[3]
        return {"image_id": image, "category_id": label, "bbox": sides, "area": area}

    def images(table):
        numbered = [(k, table[table["frame"] == f]) for k, f in enumerate(frames, 1)]
        return [(row, k) for k, rows in numbered for row in rows.itertuples()]

    annotations = [describe(row, k) for row, k in images(known)]
    results = [{**describe(row, k), "score": row.score} for row, k in images(found)]
    truth = package.COCO(
        {
            "images": [{"id": k + 1, "width": 1000, "height": 1000} for k in range(len(frames))],
            "annotations": [
                {"id": k, "iscrowd": 0, **each} for k, each in enumerate(annotations, 1)
            ],
            "categories": [{"id": k + 1, "name": str(k)} for k in range(6)],
        }
    )
    evaluation = package.COCOeval_faster(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    table = evaluation.eval["precision"][:, :, :, 0, -1]
    return Precision(float(table[table > -1].mean()), float(table[0][table[0] > -1].mean()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("equal", ["", "scores", "overlaps"])
def test_faster_coco_eval_says_the_same(seed, equal):
    known, found = crowd(seed, equal=equal)
    both = FramesOfBoxes(known, found)
    rng = np.random.default_rng(seed)
    # named twice: of equal scores there the order is arbitrary
    twice = sorted(rng.integers(0, 20, 20).tolist())
    for frames in (list(range(20)), [3, 4, 11], *([] if equal == "scores" else [twice])):
        mine, theirs = both.precision(frames), by_faster_coco_eval(known, found, frames)
        assert (mine.ap, mine.ap50) == pytest.approx((theirs.ap, theirs.ap50), abs=1e-9)
    assert 0.1 < both.precision(range(20)).ap < 0.9


def test_a_hundred_boxes_of_a_class_count_in_a_frame():
    known = boxes((0, 0, 10, 10, 40, 40))
    wrong = [(0, 0, 200, 200, 230, 230, 0.9)] * 100
    found = boxes(*wrong, (0, 0, 10, 10, 40, 40, 0.5))
    assert FramesOfBoxes(known, found).precision([0]) == Precision(0.0, 0.0)
    assert by_faster_coco_eval(known, found, [0]) == Precision(0.0, 0.0)
    assert FramesOfBoxes(known, found.iloc[1:]).precision([0]).ap50 == pytest.approx(0.01)


def test_nothing_found_and_nothing_known():
    known, none = boxes((0, 0, 10, 10, 40, 40)), boxes()
    assert FramesOfBoxes(known, none).precision([0]) == Precision(0.0, 0.0)
    empty = FramesOfBoxes(none, known).precision([0])
    assert np.isnan(empty.ap)


def test_worst_and_best_neighbours_by_hand():
    """Frame 0 is off a little, 1 right, 2 missed; of two like frames the nearer is taken."""
    known = boxes(*((frame, 0, 10, 10, 40, 40) for frame in range(4)))
    hits = [(0, 0, 11, 11, 41, 41, 0.9), *((frame, 0, 10, 10, 40, 40, 0.9) for frame in (1, 3))]
    found = boxes(*hits)
    both = FramesOfBoxes(known, found)
    assert both.each([0, 1, 2, 3]) == pytest.approx([0.8, 1.0, 0.0, 1.0])
    worst, best = worst_and_best(both, [0, 3], [[0, 1, 2], [3, 2, 1]])
    assert (worst, best) == ([2, 2], [1, 3])
    assert both.precision(worst) == Precision(0.0, 0.0)  # the missed frame, for both anchors
    assert both.precision(best).ap == pytest.approx(1.0)
    # one of two anchors found: half of the recall
    assert both.precision([2, 1]).ap == pytest.approx(51 / 101)
