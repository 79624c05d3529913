"""pm-k and conditional robustness on sets written down by hand, and on published sets and numbers."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrobust.accuracy.answers import AnchorSets, anchor_sets, pm_correct, right_neighbours
from vidrobust.errors import InputError
from vidrobust.statistics.intervals import clopper_pearson
from vidrobust.tables import schema as tables


def sets(correct, neighbours):
    """neighbours: (anchor, offset, right)."""
    columns = zip(*neighbours, strict=True) if neighbours else [[]] * 3
    of, offset, right = map(np.array, columns)
    return AnchorSets(
        anchor=np.array([f"v{k}:0" for k in range(len(correct))], dtype=object),
        cluster=np.array([f"v{k}" for k in range(len(correct))], dtype=object),
        correct=np.array(correct, bool),
        of=np.array(of, np.int64),
        frame=np.array(offset, np.int64),
        offset=np.array(offset, np.int64),
        offset_ms=np.array(offset, np.float64) * 40,
        neighbour=np.array(right, bool),
    )


HAND = sets(
    [1, 1, 0, 1],
    # anchor 0 right with all; 1 fails at +2; 2 wrong itself, neighbours right; 3 without any neighbour
    [(0, -1, 1), (0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 2, 0), (1, -2, 1), (2, 1, 1), (2, -1, 1)],
)


def test_pm_k_needs_the_anchor_and_every_neighbour():
    assert list(pm_correct(HAND, 0)) == [True, True, False, True]
    assert list(pm_correct(HAND, 1)) == [True, True, False, True]
    assert list(pm_correct(HAND, 2)) == list(pm_correct(HAND, 10)) == [True, False, False, True]
    with pytest.raises(ValueError, match="expected k of 0 or more, got -1"):
        pm_correct(HAND, -1)


def test_one_neighbour_at_random_is_the_mean_over_draws():
    """Shares of right neighbours 1, 2/3, 1, none: by hand and by drawing."""
    shares = right_neighbours(HAND)
    assert shares[:3] == pytest.approx([1, 2 / 3, 1])
    assert np.isnan(shares[3])
    draws = [[1, 1, 1], [1, 0, 1], [1, 1]]
    every = [np.mean(each) for each in itertools.product(*draws)]
    assert shares[:3].mean() == pytest.approx(np.mean(every))
    assert right_neighbours(HAND, 1)[1] == 1.0


def test_some_of_the_sets():
    some = HAND.only(np.array([False, True, False, True]))
    assert list(some.anchor) == ["v1:0", "v3:0"]
    assert list(some.of) == [0, 0, 0]
    assert list(some.offset) == [1, 2, -2]


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [
        (749, 1109, (0.6469, 0.7029)),
        (582, 1109, (0.4949, 0.5545)),
        (0, 20, (0.0, 0.1684)),
        (20, 20, (0.8316, 1.0)),
    ],
)
def test_exact_intervals_are_the_published_ones(right, n, interval):
    """ResNet-50 on ImageNet-Vid-Robust: pm-0 and pm-10; 0 and n of 20: 1 - .025 ** (1 / 20)."""
    assert clopper_pearson(right, n) == pytest.approx(interval, abs=5e-5)


@given(
    st.lists(st.booleans(), min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-10, 10).filter(bool), st.booleans()), max_size=30
    ),
)
def test_pm_k_never_rises_with_k(correct, neighbours):
    made = sets(correct, [(a % len(correct), o, r) for a, o, r in neighbours])
    values = [pm_correct(made, k).mean() for k in range(11)]
    assert values == sorted(values, reverse=True)


# ------------------------------------------------------------------------------------ from tables


def frames_of(answers):
    rows = [(item, f, f / 25, k) for item, labels in answers.items() for f, k in enumerate(labels)]
    made = pd.DataFrame(rows, columns=["item", "frame", "time_s", "label"])
    made["label_name"] = made["label"].map({0: "cat", 1: "dog", 2: "cow"})
    made = made.assign(model="net", probability=0.9, second_label=1, margin=0.8, entropy=0.1)
    return tables.check("frames", made.assign(track=0, keyframe=False))


def labels_of(rows):
    made = pd.DataFrame(rows, columns=["item", "frame", "label", "label_name"])
    box = dict.fromkeys(["time_s", "x1", "y1", "x2", "y2"], np.nan)
    return tables.check("labels", made.assign(track="", source="hand", **box))


def test_sets_from_tables_by_own_labels_and_by_the_anchors():
    frames = frames_of({"a": [0, 0, 1, 0, 2], "b": [1, 1]})
    cats = [("a", frame, 0, "cat") for frame in (2, 3, 4)]
    labels = labels_of([("a", 2, 1, "dog"), *cats, ("b", 0, -1, "dog")])
    anchors = pd.DataFrame({"item": ["a", "b"], "frame": [2, 0]})
    own = anchor_sets(frames, labels, anchors=anchors)
    assert list(own.anchor) == ["a:2", "b:0"]
    assert list(own.correct) == [True, True]  # dog is in the set; b by name
    # a: frames 3 (cat, right) and 4 (cow, wrong) have labels of their own, 0 and 1 have none; b: frame 1 has none
    assert (list(own.offset), list(own.neighbour)) == ([1, 2], [True, False])
    assert list(own.offset_ms) == pytest.approx([40, 80])
    inherited = anchor_sets(frames, labels, anchors=anchors, judged_by="anchor", within=2)
    # a: cat cat | cat cow against {cat, dog}; b: dog against dog
    assert list(inherited.neighbour) == [True, True, True, False, True]
    assert list(pm_correct(inherited, 10)) == [False, True]
    near = anchor_sets(frames, labels, anchors=anchors, judged_by="anchor", within=1)
    assert list(near.offset) == [-1, 1, 1]
    # sets of people: frame 2 is an anchor, 3 stands nine frames behind it, 1 is too far and 9 was not predicted
    said = [("a", 2, 2, 0), ("a", 2, 3, 9), ("a", 2, 1, -11), ("a", 2, 9, 7), ("b", 1, 0, -1)]
    reviewed = pd.DataFrame(said, columns=["item", "anchor", "frame", "offset"])
    found = anchor_sets(frames, labels, judged_by="anchor", reviewed=reviewed)
    assert (list(found.anchor), list(found.frame), list(found.offset)) == (["a:2"], [3], [9])
    assert np.isnan(found.offset_ms[0])  # the frames between the two are not there


def test_every_labelled_frame_is_an_anchor_by_default_and_none_is_an_error():
    frames = frames_of({"a": [0, 0, 1]})
    assert len(anchor_sets(frames, labels_of([("a", -1, 0, "cat")])).anchor) == 3
    with pytest.raises(InputError, match="no anchor frame was predicted"):
        anchor_sets(frames, labels_of([("z", 0, 0, "cat")]))
    both = pd.concat([frames, frames.assign(model="other")])
    with pytest.raises(InputError, match="are of one model, got 2"):
        anchor_sets(both, labels_of([("a", 0, 0, "cat")]))


def test_the_published_sets_of_imagenet_vid_robust_give_their_counts(corpus):
    """1109 anchors, 21 070 pairs, one anchor without neighbours; a model that is always right gets 1."""
    folder = corpus / "annotations" / "imagenet-vid-robust_metadata"
    files = (folder / f"{name}.json" for name in ("pmsets", "labels"))
    pmsets, labels = (json.loads(file.read_text()) for file in files)

    def key(path):
        return path.rsplit("/", 1)[0], int(path.rsplit("/", 1)[1].split(".")[0])

    label_table = labels_of([(*key(p), k, "") for p, classes in labels.items() for k in classes])
    first = label_table.drop_duplicates(["item", "frame"])
    frames = first.assign(model="oracle", time_s=first["frame"] / 30)
    frames = frames[["model", "item", "frame", "time_s", "label", "label_name"]]
    reviewed = pd.DataFrame(
        [
            (key(a)[0], key(a)[1], key(b)[1], key(b)[1] - key(a)[1])
            for a, near in pmsets.items()
            for b in (a, *near)
        ],
        columns=["item", "anchor", "frame", "offset"],
    )
    found = anchor_sets(frames, label_table, reviewed=reviewed)
    assert (len(found.anchor), len(found.of)) == (1109, 21070)
    assert (np.bincount(found.of, minlength=1109) == 0).sum() == 1
    assert (np.bincount(found.of, minlength=1109) == 20).sum() == 889
    assert pm_correct(found, 10).all()
    wrong = anchor_sets(frames.assign(label=99), label_table, reviewed=reviewed)
    assert not pm_correct(wrong, 0).any()
