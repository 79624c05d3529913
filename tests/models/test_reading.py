"""Raw outputs become rows of scores, and rows become answers; what is ambiguous is refused."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.reading import (
    Declared,
    are_probabilities,
    as_rows,
    check_finite,
    find_scores,
    in_fixed_batches,
    settle,
)

RAW = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], np.float32)
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], np.float32)
SIGMOIDS = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.6]], np.float32)


def test_as_rows():
    assert as_rows(torch.from_numpy(RAW)[:, :, None, None], "m").tolist() == RAW.tolist()
    assert as_rows(RAW.astype(np.float16), "m").dtype == np.float32
    bfloat = as_rows(torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16, requires_grad=True), "m")
    assert bfloat.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (
            np.zeros((2, 85, 22, 22)),
            r"\(N, classes\), got \(2, 85, 22, 22\): looks like a detector",
        ),
        (np.zeros((2, 3549, 85)), "classifiers only"),
        (np.zeros((4, 0)), r"got \(4, 0\)"),
        ([np.zeros((2, 3))], "got list"),
        ({"logits": np.zeros((2, 3))}, "got dict"),
    ],
    ids=str,
)
def test_other_outputs_are_refused(outputs, message):
    with pytest.raises(SettingsError, match=f"model m: .*{message}"):
        as_rows(outputs, "model m")


@pytest.mark.parametrize(
    ("rows", "declared", "found"),
    [
        (RAW, None, "logits"),
        (RAW, "logits", "logits"),
        (PROBABILITIES, None, "probabilities"),
        (PROBABILITIES, "probabilities", "probabilities"),
        (PROBABILITIES.astype(np.float16).astype(np.float32), None, "probabilities"),
        (SIGMOIDS, "logits", "logits"),
        (np.abs(RAW), None, "logits"),  # a ReLU at the end, as in SqueezeNet
        (RAW, "multilabel", "sigmoid logits"),
        (SIGMOIDS, "multilabel", "sigmoids"),
        (RAW[:, :1], "logit", "logit"),
        (SIGMOIDS[:, :1], "probability", "probability"),
        (RAW[:, :1], "score", "score"),
    ],
)
def test_find_scores(rows, declared, found):
    output, note = find_scores(rows, declared, "m")
    assert output == found
    assert ("no softmax added" in note) == (output == "probabilities" and declared is None)


@pytest.mark.parametrize(
    ("rows", "declared", "message"),
    [
        (PROBABILITIES, "logits", "softmax is inside the network already; say output = .prob"),
        (RAW, "probabilities", r"sums to 1\.5 and the least value is -2; .* say output = .logits"),
        (
            SIGMOIDS,
            None,
            r"all outputs lie in 0\.\.1, .* sum to 1\.8, as with a sigmoid.*say output = .log",
        ),
        (RAW, "softmax", 'output: expected one of "logits", "probabilities", .*, got .softmax'),
        (RAW, "logit", 'output = "logit" is for a network of one output; it has 3'),
        (RAW[:, :1], None, 'the network has one output; say output = "logit" or "probability"'),
        (RAW[:, :1], "logits", 'the network has one output; say output = "logit" or "probability"'),
        (RAW[:, :1], "probability", "but values go from 0 to 2; if the network gives a logit"),
        (SIGMOIDS, None, 'for a network of several labels at once say output = "multilabel"'),
    ],
)
def test_contradictions_are_refused(rows, declared, message):
    with pytest.raises(SettingsError, match=message):
        find_scores(rows, declared, "m")


def test_one_row_that_is_no_distribution_is_enough():
    assert are_probabilities(PROBABILITIES)
    assert not are_probabilities(np.concatenate([PROBABILITIES, SIGMOIDS[:1]]))


def test_nan_is_an_input_error_that_counts():
    rows = RAW.copy()
    rows[1, 2] = np.nan
    with pytest.raises(InputError, match="outputs for 1 of 2 frames, the first in row 1"):
        check_finite(rows, "model m")
    with pytest.raises(InputError, match=r"outputs for 1 of 2 frames.*check its weights"):
        find_scores(rows, "logits", "model m")


def test_one_output_a_frame_may_come_without_its_column():
    assert as_rows(np.array([0.5, 2.0]), "m").tolist() == [[0.5], [2.0]]


@pytest.mark.parametrize(
    ("count", "size", "calls"), [(7, 3, [3, 3, 3]), (6, 3, [3, 3]), (2, 4, [4]), (3, 1, [1] * 3)]
)
def test_fixed_batches(count, size, calls):
    seen = []

    def run(part):
        seen.append(len(part))
        return part.numpy() * 10

    inputs = torch.arange(count * 2, dtype=torch.float32).reshape(count, 2)
    assert in_fixed_batches(run, inputs, size).tolist() == (inputs * 10).tolist()
    assert seen == calls
    seen.clear()
    assert in_fixed_batches(run, inputs, None).tolist() == (inputs * 10).tolist()
    assert seen == [count]


ONE = np.array([[-1.0], [0.0], [3.0]], np.float32)
NAMES = ("a", "b", "c")


def answer(rows, names=NAMES, **said):
    reading, _ = settle(rows, Declared(**said), names, "model m")
    return reading(rows, "model m")


def test_softmax_once_or_not_at_all():
    """By hand: the logits of the second row differ from each other by ln 2 and ln 4."""
    logits = np.array([[5, 5, 5], [0, np.log(2), np.log(4)]], np.float32)
    found = answer(logits)
    assert np.allclose(found.probabilities, [[1 / 3] * 3, [1 / 7, 2 / 7, 4 / 7]], atol=1e-7)
    assert np.array_equal(answer(found.probabilities).probabilities, found.probabilities)


def test_one_logit_or_one_probability_is_two_classes():
    of_logit = answer(ONE, None, output="logit")
    assert of_logit.class_names == ("class 0", "class 1")
    assert np.allclose(of_logit.probabilities[:, 1], expit(ONE[:, 0]), atol=1e-7)
    of_probability = answer(expit(ONE), ("good", "defect"), output="probability")
    assert np.allclose(of_probability.probabilities, of_logit.probabilities, atol=1e-7)
    assert of_probability.labels.tolist() == [0, 0, 1]


def test_a_threshold_alone_is_that_of_the_second_of_two_classes():
    """Probabilities .27, .5 and .95: from .5 on a defect, so also the one just there."""
    found = answer(ONE, ("good", "defect"), output="logit", threshold=0.5)
    assert found.labels.tolist() == [0, 1, 1]
    assert answer(ONE, None, output="logit", threshold=0.27).labels.tolist() == [0, 1, 1]
    assert answer(ONE, None, output="logit", threshold=0.26).labels.tolist() == [1, 1, 1]


def test_several_labels_lead_or_none_does():
    """The chance of each label alone, and of none, given that there is at most one: products by hand."""
    found = answer(RAW, output="multilabel")
    p = expit(RAW.astype(np.float64))
    of_each = [p[:, k] * np.prod(np.delete(1 - p, k, axis=1), axis=1) for k in range(3)]
    alone = np.stack([np.prod(1 - p, axis=1), *of_each], axis=1)
    assert found.class_names == ("none", "a", "b", "c")
    assert np.allclose(found.probabilities, alone / alone.sum(axis=1, keepdims=True), atol=1e-6)
    inside = answer(expit(RAW), output="multilabel")
    assert np.allclose(inside.probabilities, found.probabilities, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_leading_label_is_none_unless_its_sigmoid_reaches_a_half(seed):
    rows = np.random.default_rng(seed).normal(-1, 2, (200, 4)).astype(np.float32)
    expected = np.where(expit(rows).max(axis=1) > 0.5, 1 + rows.argmax(axis=1), 0)
    assert np.array_equal(answer(rows, None, output="multilabel").labels, expected)


def test_one_label_against_the_rest():
    for rows in (RAW, expit(RAW)):
        found = answer(rows, output="multilabel", one_vs_rest="b", threshold={"b": 0.9})
        assert found.class_names == ("not b", "b")
        assert np.allclose(found.probabilities[:, 1], expit(RAW[:, 1]), atol=1e-6)
        assert found.labels.tolist() == [0, 1]


def test_an_anomaly_score_is_split_at_its_threshold():
    """Threshold 4, scale 8: 0 is (4 - 0) / 8 below, that is .5 - .25; 4 is just there; 20 is beyond the scale."""
    scores = np.array([[0.0], [4.0], [6.0], [20.0]], np.float32)
    found = answer(scores, None, output="score", threshold=4.0, scale=8.0)
    assert found.class_names == ("normal", "anomalous")
    assert np.allclose(found.probabilities[:, 1], [0.25, 0.5, 0.625, 1.0])
    assert found.labels.tolist() == [0, 1, 1, 1]
    assert np.allclose(found.margins, [4 / 8, 0, 2 / 8, 1])


def test_without_a_scale_the_threshold_is_the_unit_and_that_is_said():
    scores = np.array([[0.0], [4.0], [8.0]], np.float32)
    reading, notes = settle(scores, Declared(output="score", threshold=4.0), None, "m")
    assert np.allclose(reading(scores, "m").probabilities[:, 1], [0, 0.5, 1])
    assert any("in units of its threshold, 4" in note for note in notes)


def test_operating_points_of_a_softmax_network():
    found = answer(RAW, threshold={"b": 0.04})
    assert np.allclose(found.probabilities, softmax(RAW.astype(np.float64), axis=1), atol=1e-6)
    assert found.labels.tolist() == [0, 1]  # .039 and .95
    assert answer(RAW, threshold={"b": 0.035}).labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("rows", "said", "message"),
    [
        (RAW, {"threshold": 0.3}, "say of which class, as threshold=c:0.3"),
        (RAW, {"threshold": {"d": 0.3}}, "there is no one class 'd'; classes are a, b, c"),
        (RAW, {"scale": 3.0}, 'scale goes with output = "score"'),
        (RAW, {"one_vs_rest": "a"}, 'one_vs_rest goes with output = "multilabel"'),
        (RAW, {"output": "multilabel", "threshold": {"a": 0.3}}, "say one_vs_rest too"),
        (RAW, {"output": "multilabel", "one_vs_rest": "d"}, "no one class 'd'"),
        (ONE, {"output": "score"}, "needs a number, threshold"),
        (ONE, {"output": "score", "threshold": 0.0}, "a threshold of 0 gives no scale"),
        (ONE, {"output": "logit"}, "one output, so two classes, but 3 class names are given"),
        (RAW[:, :2], {}, "the network has 2 outputs, but 3 class names are given"),
    ],
)
def test_what_does_not_fit_is_refused(rows, said, message):
    names = NAMES if said.get("output") != "score" else None
    with pytest.raises(SettingsError, match=message):
        settle(rows, Declared(**said), names, "model m")


@pytest.mark.parametrize(
    ("first", "said", "later", "message"),
    [
        (softmax(RAW, axis=1), {}, RAW, "now a row sums to 1.5"),
        (expit(RAW), {"output": "multilabel"}, RAW, "lay in 0..1 .*, but now one is 3"),
        (RAW, {}, np.full((2, 3), np.nan, np.float32), "NaN or infinite outputs for 2 of 2"),
    ],
)
def test_scores_that_stop_being_what_they_were(first, said, later, message):
    reading, _ = settle(first, Declared(**said), NAMES, "m")
    with pytest.raises(InputError, match=message):
        reading(later, "m")


def test_declarations_from_texts_and_tables():
    texts = {"output": "multilabel", "threshold": "scratch:0.3+deep dent:0.5"}
    declared = Declared.read({**texts, "one_vs_rest": "scratch"}, "spec")
    assert declared.threshold == {"scratch": 0.3, "deep dent": 0.5}
    of_score = Declared.read({"threshold": "4.5", "scale": "2"}, "spec")
    assert of_score == Declared(threshold=4.5, scale=2.0)
    assert Declared.read({"threshold": {"a": 0.2}}, "toml").threshold == {"a": 0.2}
    assert Declared(scale=1.0).over(declared) == Declared(
        output="multilabel", threshold=declared.threshold, scale=1.0, one_vs_rest="scratch"
    )
    for said, message in (
        ({"threshold": "a:1.5"}, r"expected a probability in \(0, 1\], got 1.5"),
        ({"threshold": "a:x"}, "expected a number, got 'x'"),
        ({"scale": "-1"}, "expected a number above 0"),
    ):
        with pytest.raises(SettingsError, match=message):
            Declared.read(said, "spec")


def test_everything_that_changes_the_answer_stands_in_the_words():
    said = [
        Declared(output="multilabel"),
        Declared(output="multilabel", one_vs_rest="a"),
        Declared(output="multilabel", one_vs_rest="a", threshold=0.3),
        Declared(output="multilabel", one_vs_rest="a", threshold=0.4),
        Declared(),
        Declared(threshold={"a": 0.3}),
    ]
    words = [settle(RAW, each, NAMES, "m")[0].describe() for each in said]
    of_scores = [
        settle(ONE, Declared(output="score", threshold=t, scale=s), None, "m")[0].describe()
        for t, s in ((1, 1), (2, 1), (1, 2))
    ]
    assert len(set(words + of_scores)) == 9
