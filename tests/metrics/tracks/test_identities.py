"""HOTA, IDF1 and ID switches: by hand, and against TrackEval on random tracks."""

import numpy as np
import pytest

from vidrobust.metrics.box_differences import ious
from vidrobust.metrics.tracks.against_truth import NOTHING, Truth, identity_counts
from vidrobust.metrics.tracks.item_boxes import ItemBoxes


def boxes(rows):
    return np.array([[x, 0.0, x + 10, 10] for _, x, _, _ in rows]).reshape(-1, 4)


def column(rows, place):
    return np.array([row[place] for row in rows], np.int64)


def truth(rows):
    return Truth(column(rows, 0), boxes(rows), column(rows, 3), column(rows, 2))


def found(rows, frames=20):
    rows = sorted(rows)
    count = len(rows)
    return ItemBoxes(
        frame=column(rows, 0),
        boxes=boxes(rows),
        scores=np.full(count, 0.9),
        labels=column(rows, 3),
        shift=np.zeros((count, 2)),
        num_frames=frames,
        joined=np.ones(frames, bool),
        size=(100, 100),
        given=column(rows, 2),
    )


def test_a_number_that_changes_half_way_by_hand():
    """Ten frames, one object, found on its place: as 7 in the first six frames, as 8 in the last four."""
    known = truth([(f, 0.0, 3, 0) for f in range(10)])
    counts = identity_counts(found([(f, 0.0, 7 if f < 6 else 8, 0) for f in range(10)]), known, 0.5)
    assert counts.switches == 1
    assert counts.idf1 == pytest.approx(6 / 10)
    # detection 1; a match of the six: 6 / (10 + 6 - 6), of the four: 4 / 10
    association = (6 * 0.6 + 4 * 0.4) / 10
    assert counts.association == pytest.approx(association)
    assert counts.hota == pytest.approx(np.sqrt(association))


def test_what_is_missed_and_what_is_wrong_count_once_each():
    """Eight of ten frames found, shifted to an IoU of .6; and a track of four boxes on nothing."""
    known = truth([(f, 0.0, 3, 0) for f in range(10)])
    mine = [(f, 2.5, 1, 0) for f in range(8)] + [(f, 60.0, 2, 0) for f in range(4)]
    counts = identity_counts(found(mine), known, 0.5)
    assert counts.switches == 0
    assert counts.idf1 == pytest.approx(2 * 8 / (10 + 12))
    detection, association = 8 / (10 + 12 - 8), 8 / 10
    # up to .60 of the nineteen thresholds
    assert counts.hota == pytest.approx(12 / 19 * np.sqrt(detection * association))


def test_another_class_finds_nothing_and_low_scores_count_for_nothing():
    known = truth([(f, 0.0, 3, 0) for f in range(10)])
    other = identity_counts(found([(f, 0.0, 1, 1) for f in range(10)]), known, 0.5)
    assert (other.idf1, other.hota, other.known, other.found) == (0.0, 0.0, 10, 10)
    none = identity_counts(found([(f, 0.0, 1, 0) for f in range(10)]), known, 0.95)
    assert (none.idf1, none.found) == (0.0, 0)
    assert np.isnan(NOTHING.hota)


def walk(seed):
    """Known objects that walk, and a tracker that loses, swaps, doubles and invents some."""
    rng = np.random.default_rng(seed)
    known = []
    mine = []
    for number in range(6):
        x, given = rng.uniform(0, 60), 10 + number
        for frame in range(int(rng.integers(0, 8)), 20):
            x += rng.normal(0, 2)
            known.append((frame, float(x), number, number % 2))
            if rng.random() < 0.15:
                given = int(rng.integers(10, 18))
            if rng.random() < 0.8:
                label = number % 2 if rng.random() < 0.95 else 1 - number % 2
                mine.append((frame, float(x + rng.normal(0, 2)), given, label))
    once = {(frame, number, label): (frame, x, number, label) for frame, x, number, label in mine}
    return known, list(once.values())


@pytest.mark.parametrize("seed", range(4))
def test_random_tracks_as_trackeval_judges_them(seed):
    metrics = pytest.importorskip("trackeval.metrics")
    known, mine = walk(seed)
    quiet = {"PRINT_CONFIG": False}
    judges = {"CLEAR": metrics.CLEAR(quiet), "Identity": metrics.Identity(quiet)}
    judges["HOTA"] = metrics.HOTA()
    results = {name: {} for name in judges}
    for label in (0, 1):
        data = as_trackeval([r for r in known if r[3] == label], [r for r in mine if r[3] == label])
        for name, judge in judges.items():
            results[name][str(label)] = judge.eval_sequence(data)
    combined = (judge.combine_classes_det_averaged(results[n]) for n, judge in judges.items())
    theirs = dict(zip(judges, combined, strict=True))
    counts = identity_counts(found(mine), truth(known), 0.5)
    assert counts.hota == pytest.approx(theirs["HOTA"]["HOTA"].mean(), abs=1e-12)
    assert counts.association == pytest.approx(theirs["HOTA"]["AssA"].mean(), abs=1e-12)
    assert counts.idf1 == pytest.approx(theirs["Identity"]["IDF1"], abs=1e-12)
    assert counts.switches == theirs["CLEAR"]["IDSW"]
    assert counts.switches > 3


def as_trackeval(known, mine):
    """One class as TrackEval's metrics take it."""
    sides = []
    for rows in (known, mine):
        numbers = {number: k for k, number in enumerate(sorted({row[2] for row in rows}))}
        frames = [[row for row in rows if row[0] == frame] for frame in range(20)]
        ids = [np.array([numbers[row[2]] for row in frame], int) for frame in frames]
        sides.append((len(numbers), len(rows), ids, [boxes(frame) for frame in frames]))
    similar = []
    for a, b in zip(sides[0][3], sides[1][3], strict=True):
        table = np.zeros((len(a), len(b)))
        i, j, iou = ious(a, b)
        table[i, j] = iou
        similar.append(table)
    return {
        "num_timesteps": 20,
        "num_gt_ids": sides[0][0],
        "num_gt_dets": sides[0][1],
        "gt_ids": sides[0][2],
        "num_tracker_ids": sides[1][0],
        "num_tracker_dets": sides[1][1],
        "tracker_ids": sides[1][2],
        "similarity_scores": similar,
    }
