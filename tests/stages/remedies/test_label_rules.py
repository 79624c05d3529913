"""Rules on labels: by hand counts, and by independent implementations of majority and median."""

import inspect
from collections import Counter, deque

import numpy as np
import pytest

from vidrobust.errors import SettingsError
from vidrobust.stages.remedies import label_rules
from vidrobust.stages.remedies.catalogue import (
    LABEL_RULES,
    kind_of,
    label_rule,
    numbers_of,
    window_of,
)
from vidrobust.stages.remedies.label_rules import Hysteresis, KOfN, Majority, Mean, Median


def describe(rule, labels):
    """What the rule says of answers that are sure: "AABA" -> "AAAA"."""
    sure = [[float(k == "ABC".index(letter)) for k in range(3)] for letter in labels]
    return "".join("ABC"[rule.update(p)] for p in sure)


def two(rule, first):
    """What it says of two classes, from the probability of the first."""
    return "".join("AB"[rule.update([p, 1 - p])] for p in first)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("AABAABBB", "AAAAAABB"),  # of the last three: AAB -> A, ABA, BAA, AAB -> A, ABB -> B
        ("ABCABC", "AAAAAA"),  # three labels once each: the held one stays
        ("ABB", "AAB"),  # AB is a tie at the start
    ],
)
def test_a_majority_of_three_by_hand(labels, said):
    assert describe(Majority(3), labels) == said


def test_a_majority_of_an_even_number_keeps_the_held_label_in_a_tie():
    assert describe(Majority(4), "AABBAABBBB") == "AAAAAAAABB"


def test_majorities_equal_an_independent_count():
    labels = np.random.default_rng(3).integers(0, 4, 500)
    for frames in (3, 4, 5, 9, 15):
        rule, window, held, mine = Majority(frames), deque(maxlen=frames), None, []
        for label in labels.tolist():
            window.append(label)
            ranked = Counter(window).most_common()
            if held is None or len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
                held = ranked[0][0]
            mine.append(held)
        assert [rule.step({label: 1.0}, label) for label in labels.tolist()] == mine


def test_k_of_n_waits_for_k_votes_that_are_more_than_the_held_label_has():
    assert describe(KOfN(2, 3), "AABABB") == "AAAABB"
    # two of six are enough only once the held label has fewer: at the fourth B
    assert describe(KOfN(2, 6), "AAAAAABBBB") == "AAAAAAAAAB"


def test_k_of_n_leaves_the_resting_label_soon_and_comes_back_late():
    # A rests: two of the last six are enough for B; back to A takes five of them
    rule = KOfN(2, 6, 5, rest=0)
    assert describe(rule, "AAAAABABAAAAAAA") == "AAAAAAABBBBAAAA"


def test_a_running_mean_by_hand():
    # m = .9, .45, .225 + .5: .5 .9 -> .9; then .5 * .1 + .45 = .5 (tie: A stays); .5 * .1 + .25 = .3 -> B
    assert two(Mean(0.5), [0.9, 0.1, 0.1]) == "AAB"


def test_a_running_mean_of_weight_one_is_the_raw_answer():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(5), 100)
    rule = Mean(1.0)
    assert [rule.update(p) for p in rows.tolist()] == rows.argmax(axis=1).tolist()


def test_a_median_looks_past_one_frame_however_sure_it_is():
    assert two(Median(3), [0.6, 0.6, 0.0, 0.6, 0.0, 0.0]) == "AAAABB"


@pytest.mark.parametrize("frames", [3, 4, 5])
def test_medians_equal_numpy(frames):
    rows = np.random.default_rng(1).dirichlet(np.ones(4), 200)
    rule = Median(frames)
    for row in range(len(rows)):
        rule.update(rows[row].tolist())
        expected = np.median(rows[max(0, row + 1 - frames) : row + 1], axis=0)
        assert [rule.mean[k] for k in range(4)] == pytest.approx(expected.tolist(), abs=1e-15)


def test_hysteresis_switches_where_the_lead_exceeds_the_margin():
    # leads of B over A: -.8, .05, .1 (not more than the margin of .125), .25
    assert two(Hysteresis(0.125), [0.9, 0.475, 0.45, 0.375, 0.45, 0.6]) == "AAABBA"


def test_hysteresis_counts_a_class_beyond_the_leading_ten_as_nothing():
    many = [0.02] * 40
    first, second = list(many), list(many)
    first[39], second[0] = 0.22, 0.22
    second[39] = 0.019  # the held class is the last of forty, and stands as 0
    rule = Hysteresis(0.21)
    assert [rule.update(first), rule.update(second)] == [39, 0]


def test_a_reset_forgets_everything():
    for name in LABEL_RULES:
        used, fresh = label_rule(name, rest=0), label_rule(name, rest=0)
        describe(used, "AAAAAABBC")
        used.reset()
        assert describe(used, "BCAAABBA") == describe(fresh, "BCAAABBA")


@pytest.mark.parametrize("name", LABEL_RULES)
def test_steady_answers_stay_as_they_are(name):
    assert describe(label_rule(name, rest=0), "B" * 20) == "B" * 20


@pytest.mark.parametrize("name", LABEL_RULES)
def test_a_rule_looks_at_no_frame_that_is_yet_to_come(name):
    rng = np.random.default_rng(5)
    rows = rng.dirichlet(np.ones(3) / 2, 60).tolist()
    whole, part = label_rule(name, rest=0), label_rule(name, rest=0)
    assert [whole.update(p) for p in rows][:30] == [part.update(p) for p in rows[:30]]


def test_a_label_of_the_models_own_may_be_another_than_the_most_probable_class():
    assert [Majority(3).update([0.9, 0.1], label=1)] == [1]


def test_names_say_their_numbers():
    assert (kind_of("k-of-n-4-6"), numbers_of("k-of-n-4-6")) == ("k-of-n", (4, 6))
    assert window_of(label_rule("majority-9")) == 9
    assert window_of(label_rule("mean-0.2")) == 5
    assert window_of(label_rule("hysteresis-0.1")) == 1


@pytest.mark.parametrize(
    "name", ["vote-3", "majority-x", "majority-0", "mean-2", "k-of-n-4", "k-of-n-7-6"]
)
def test_a_name_of_no_rule_is_reported(name):
    with pytest.raises(SettingsError, match="rule"):
        label_rule(name)


def test_the_rules_import_nothing():
    source = inspect.getsource(label_rules)
    lines = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    types = "from collections.abc import Mapping, Sequence"
    assert lines == ["from __future__ import annotations", types]
