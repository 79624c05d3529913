"""Attribute studies against the manual's counts, hand counts and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.errors import InputError, SettingsError
from vidrobust.repeatability.attribute import attribute_study
from vidrobust.statistics.agreement import kendalls_w


def two_raters(counts: str) -> pd.DataFrame:
    """Two operators whose cross table of classes 0 and 1 over 150 ratings is given row by row."""
    n = iter(range(1000))
    rows = []
    for pair, count in zip(((0, 0), (0, 1), (1, 0), (1, 1)), map(int, counts.split()), strict=True):
        for _ in range(count):
            part = str(next(n))
            rows += [(part, "first", "1", str(pair[0])), (part, "second", "1", str(pair[1]))]
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value"])


@pytest.mark.parametrize(
    ("counts", "kappa"), [("44 6 3 97", 0.8629), ("42 5 9 94", 0.7880), ("43 7 8 92", 0.7761)]
)
def test_kappas_of_the_manuals_study(counts: str, kappa: float) -> None:
    # AIAG 2010, chapter III-C: cross tables of A and B, B and C, A and C; kappas .86, .79, .78
    found = attribute_study(two_raters(counts))["between_operators"]["cohens_kappa"][0]
    assert found["value"] == pytest.approx(kappa, abs=5e-5)
    assert found["low"] < kappa < found["high"]


def study() -> pd.DataFrame:
    """Four parts, two operators, two trials; parts 3 and 4 are bad. B misses part 3 once and part 4 twice."""
    verdicts = {
        "A": {"1": "ok ok", "2": "ok bad", "3": "bad bad", "4": "bad bad"},
        "B": {"1": "ok ok", "2": "ok ok", "3": "bad ok", "4": "ok ok"},
    }
    return pd.DataFrame(
        [
            (part, operator, str(trial), value, "bad" if part in "34" else "ok")
            for operator, parts in verdicts.items()
            for part, values in parts.items()
            for trial, value in enumerate(values.split())
        ],
        columns=["part", "operator", "trial", "value", "reference"],
    )


def test_counts_by_hand() -> None:
    found = attribute_study(study(), defect=["bad"])
    assert {k: v["agreement"]["count"] for k, v in found["within_operator"].items()} == {"A": 3, "B": 3}
    assert found["between_operators"]["agreement"]["count"] == 1  # part 1
    against = found["against_reference"]["operators"]
    assert against["A"]["effectiveness"]["count"] == 3
    assert against["B"]["effectiveness"]["count"] == 2
    assert (against["A"]["miss_rate"]["count"], against["A"]["miss_rate"]["n"]) == (0, 4)
    assert (against["B"]["miss_rate"]["count"], against["B"]["miss_rate"]["n"]) == (3, 4)
    assert (against["A"]["false_alarm_rate"]["count"], against["A"]["false_alarm_rate"]["n"]) == (1, 4)
    assert found["against_reference"]["all_operators"]["count"] == 1
    assert [part["part"] for part in found["grey_zone"]["parts"]] == ["2", "3", "4"]
    assert found["grey_zone"]["parts"][0]["verdicts"] == {"ok": 3, "bad": 1}
    # A wavers on part 2 alone, B on part 3 alone: never on the same part
    assert found["grey_zone"]["operators"]["A"]["both"] == 0
    # by most trials (a tie is a defect) A calls 2, 3, 4 bad and B 3: they differ on 2 and 4, both times A
    mcnemar = found["between_operators"]["mcnemar"][0]
    assert (mcnemar["only_first"], mcnemar["only_second"]) == (2, 0)
    assert mcnemar["p"] == pytest.approx(2 * stats.binom.cdf(0, 2, 0.5))
    # Cochran 1950: k (k - 1) sum (C_j - mean)^2 / (k T - sum R_i^2) = 2 x 1 x 2 / (2 x 4 - (1 + 4 + 1)) = 2
    assert found["between_operators"]["cochrans_q"]["q"] == pytest.approx(2.0)


def test_shares_have_exact_intervals() -> None:
    found = attribute_study(study(), defect=["bad"])["against_reference"]["operators"]["B"]["miss_rate"]
    assert (found["low"], found["high"]) == pytest.approx((0.1941204, 0.9936906), abs=1e-6)  # 3 of 4


def test_kendalls_w_of_a_published_table() -> None:
    # three raters, six parts, no ties; Siegel & Castellan 1988, table 9.6: W = .16
    ratings = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]])
    found = kendalls_w(ratings)
    assert found is not None
    assert found["value"] == pytest.approx(0.16, abs=5e-3)
    # with ties: Friedman's statistic, corrected for ties, is m (n - 1) W
    tied = np.array([[1, 2, 2, 4, 5], [2, 1, 3, 3, 5], [1, 1, 2, 5, 4]])
    friedman = stats.friedmanchisquare(*tied.T)
    found = kendalls_w(tied)
    assert found is not None
    assert (found["chi_square"], found["p"]) == pytest.approx((friedman.statistic, friedman.pvalue))
    assert kendalls_w(np.ones((3, 4))) is None
    assert kendalls_w(tied[:1]) is None


def test_ordered_classes_have_a_concordance() -> None:
    table = study().assign(value=lambda t: t["value"].map({"ok": "low", "bad": "high"}))
    table = pd.concat(
        [
            table.drop(columns="reference"),
            pd.DataFrame([("5", o, t, "mid") for o in "AB" for t in "01"], columns=table.columns[:4]),
        ]
    )
    found = attribute_study(table, ordered=["low", "mid", "high"])
    assert 0 < found["between_operators"]["kendalls_w"]["value"] < 1
    assert found["classes"] == ["low", "mid", "high"]
    assert attribute_study(table)["between_operators"]["kendalls_w"] is None
    with pytest.raises(SettingsError, match="mid occurs and is not in the order"):
        attribute_study(table, ordered=["low", "high"])


def test_what_cannot_be_told_is_null_and_said() -> None:
    table = study()
    table = table[(table["operator"] == "A") & (table["trial"] == "0")]
    found = attribute_study(table.drop(columns="reference"))
    assert found["against_reference"] is None
    assert found["within_operator"]["A"]["agreement"]["value"] is None
    assert len(found["notes"]) == 3
    with pytest.raises(SettingsError, match="no such class"):
        attribute_study(study(), defect=["scratch"])
    with pytest.raises(InputError, match="2 references"):
        attribute_study(study().assign(reference=["ok", "bad"] * 8))
