"""Attribute studies against the manual's counts, hand counts and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.plugins.gauge.published import DIAGNOSES, aiag_attribute, bearings
from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.gauge.attributes.attribute import attribute_study, model_and_people
from vidrobust.plugins.gauge.attributes.raters import kendalls_w


def test_the_manuals_study_to_every_figure_that_it_prints():
    # AIAG 2010, chapter III-C: cross tables of A and B, B and C, A and C; kappas .86, .79, .78 and .88, .92, .77
    # with the reference; 42, 45, 40 and together 39 of 50; misses 6.3, 6.3, 12.5 %; false alarms 4.9, 2.0, 8.8 %;
    # 71 to 93 %, 78 to 97 %, 66 to 90 %
    table = aiag_attribute()
    wide = table.pivot(index=["part", "trial"], columns="operator", values="value")
    references = dict(zip(table["part"], table["reference"], strict=True))
    wide["R"] = wide.index.get_level_values("part").map(references)
    tables = {
        pair: pd.crosstab(wide[pair[0]], wide[pair[1]]).to_numpy().ravel().tolist()
        for pair in ("AB", "BC", "AC", "AR", "BR", "CR")
    }
    assert tables == {
        "AB": [44, 6, 3, 97], "BC": [42, 5, 9, 94], "AC": [43, 7, 8, 92],
        "AR": [45, 5, 3, 97], "BR": [45, 2, 3, 100], "CR": [42, 9, 6, 93],
    }  # fmt: skip
    found = attribute_study(table, defect=["0"])
    kappas = found["between_operators"]["cohens_kappa"]
    between = {"".join(each["operators"]): each["value"] for each in kappas}
    assert between == pytest.approx({"AB": 0.8629, "BC": 0.7880, "AC": 0.7761}, abs=5e-5)
    against = found["against_reference"]
    keys = ("kappa", "effectiveness", "miss_rate", "false_alarm_rate")
    summary = {n: [each[key]["value"] for key in keys] for n, each in against["operators"].items()}
    assert summary["A"] == pytest.approx([0.8788, 42 / 50, 3 / 48, 5 / 102], abs=5e-5)
    assert summary["B"] == pytest.approx([0.9230, 45 / 50, 3 / 48, 2 / 102], abs=5e-5)
    assert summary["C"] == pytest.approx([0.7740, 40 / 50, 6 / 48, 9 / 102], abs=5e-5)
    effective = [each["effectiveness"] for each in against["operators"].values()]
    ends = [(each["low"], each["high"]) for each in effective]
    assert np.round(ends, 2).tolist() == [[0.71, 0.93], [0.78, 0.97], [0.66, 0.90]]
    assert against["all_operators"]["count"] == 39
    assert found["between_operators"]["agreement"]["count"] == 39
    within = [each["agreement"]["count"] for each in found["within_operator"].values()]
    assert within == [42, 45, 40]
    assert len(found["grey_zone"]["parts"]) == 11


def test_fleiss_own_study():
    rows = [
        (str(patient), str(rater), "1", diagnosis)
        for patient, diagnoses in enumerate(DIAGNOSES.split())
        for rater, diagnosis in enumerate(diagnoses)
    ]
    found = attribute_study(pd.DataFrame(rows, columns=["part", "operator", "trial", "value"]))
    kappa = found["between_operators"]["fleiss_kappa"]
    # kappam.fleiss of the R package irr
    assert kappa["value"] == pytest.approx(0.4302445, abs=5e-8)
    assert kappa["low"] < 0.43 < kappa["high"]


def test_a_study_is_as_an_independent_program_has_it():
    # the quality module of JASP, test-msaAttribute.R: counts with Clopper & Pearson's intervals, kappas, misses
    # and false alarms (there a part without spots that is called spotted is the miss)
    found = attribute_study(bearings(), defect=["N"])
    within, against = found["within_operator"], found["against_reference"]

    def percents(each):
        return [each["count"], *(round(100 * each[key], 3) for key in ("low", "high"))]

    assert {name: percents(each["agreement"]) for name, each in within.items()} == {
        "BL": [14, 68.052, 99.831], "EG": [14, 68.052, 99.831], "MH": [12, 51.911, 95.669],
    }  # fmt: skip
    assert percents(found["between_operators"]["agreement"]) == [9, 32.287, 83.664]
    assert percents(against["all_operators"]) == [7, 21.267, 73.414]
    assert {name: percents(each["effectiveness"]) for name, each in against["operators"].items()} == {
        "BL": [11, 44.900, 92.213], "EG": [12, 51.911, 95.669], "MH": [9, 32.287, 83.664],
    }  # fmt: skip
    kappas = {name: each["kappa"]["value"] for name, each in against["operators"].items()}
    expected = {"BL": 0.492307692, "EG": 0.612903226, "MH": 0.264150943}
    assert kappas == pytest.approx(expected, abs=1e-9)
    assert against["kappa"]["value"] == pytest.approx(0.466666667, abs=1e-9)
    fleiss = {name: each["fleiss_kappa"]["value"] for name, each in within.items()}
    assert fleiss == pytest.approx({"BL": 0.91, "EG": 0.905462185, "MH": 0.543918919}, abs=1e-9)
    among_all = found["between_operators"]["fleiss_kappa"]["value"]
    assert among_all == pytest.approx(0.641666667, abs=1e-9)
    rates = {
        name: [each[f"{kind}_rate"]["value"] for kind in ("miss", "false_alarm")]
        for name, each in against["operators"].items()
    }
    assert rates["BL"] == pytest.approx([0.20, 8 / 30])
    assert rates["EG"] == pytest.approx([0.20, 5 / 30])
    assert rates["MH"] == pytest.approx([10 / 15, 3 / 30])


def test_trials_without_a_common_name_are_paired_in_their_order():
    table = aiag_attribute()
    trial = table["trial"].where(table["operator"] != "A", "pass " + table["trial"])
    named = table.assign(trial=trial)
    one, other = (attribute_study(t)["between_operators"]["cohens_kappa"] for t in (table, named))
    assert one == other


def study():
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


def test_counts_by_hand():
    found = attribute_study(study(), defect=["bad"])
    within = {k: v["agreement"]["count"] for k, v in found["within_operator"].items()}
    assert within == {"A": 3, "B": 3}
    assert found["between_operators"]["agreement"]["count"] == 1  # part 1
    against = found["against_reference"]["operators"]
    assert against["A"]["effectiveness"]["count"] == 3
    assert against["B"]["effectiveness"]["count"] == 2
    expected = {("A", "miss_rate"): 0, ("B", "miss_rate"): 3, ("A", "false_alarm_rate"): 1}
    for (name, key), count in expected.items():
        assert (against[name][key]["count"], against[name][key]["n"]) == (count, 4)
    assert found["against_reference"]["all_operators"]["count"] == 1
    assert [part["part"] for part in found["grey_zone"]["parts"]] == ["2", "3", "4"]
    assert found["grey_zone"]["parts"][0]["verdicts"] == {"ok": 3, "bad": 1}
    # by most trials (a tie is a defect) A calls 2, 3, 4 bad and B 3: they differ on 2 and 4, both times A
    mcnemar = found["between_operators"]["mcnemar"][0]
    assert (mcnemar["only_first"], mcnemar["only_second"]) == (2, 0)
    assert mcnemar["p"] == pytest.approx(2 * stats.binom.cdf(0, 2, 0.5))
    # Cochran 1950: k (k - 1) sum (C_j - mean)^2 / (k T - sum R_i^2) = 2 x 1 x 2 / (2 x 4 - (1 + 4 + 1)) = 2
    assert found["between_operators"]["cochrans_q"]["q"] == pytest.approx(2.0)


def test_shares_have_exact_intervals():
    against = attribute_study(study(), defect=["bad"])["against_reference"]
    found = against["operators"]["B"]["miss_rate"]
    # 3 of 4
    assert (found["low"], found["high"]) == pytest.approx((0.1941204, 0.9936906), abs=1e-6)


def test_kendalls_w_of_a_published_table():
    # three raters, six parts, no ties; Siegel & Castellan 1988, table 9.6: W = .16
    ratings = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]])
    found = kendalls_w(ratings)
    assert found["value"] == pytest.approx(0.16, abs=5e-3)
    # with ties: Friedman's statistic, corrected for ties, is m (n - 1) W
    tied = np.array([[1, 2, 2, 4, 5], [2, 1, 3, 3, 5], [1, 1, 2, 5, 4]])
    friedman = stats.friedmanchisquare(*tied.T)
    found = kendalls_w(tied)
    assert (found["chi_square"], found["p"]) == pytest.approx((friedman.statistic, friedman.pvalue))
    assert kendalls_w(np.ones((3, 4))) is None
    assert kendalls_w(tied[:1]) is None


def test_ordered_classes_have_a_concordance():
    table = study().assign(value=lambda t: t["value"].map({"ok": "low", "bad": "high"}))
    table = table.drop(columns="reference")
    middle = [("5", o, t, "mid") for o in "AB" for t in "01"]
    table = pd.concat([table, pd.DataFrame(middle, columns=table.columns)])
    found = attribute_study(table, ordered=["low", "mid", "high"])
    assert 0 < found["between_operators"]["kendalls_w"]["value"] < 1
    assert found["classes"] == ["low", "mid", "high"]
    assert attribute_study(table)["between_operators"]["kendalls_w"] is None
    with pytest.raises(SettingsError, match="mid occurs and is not in the order"):
        attribute_study(table, ordered=["low", "high"])


def test_what_cannot_be_reported_is_null_and_said():
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


def test_whether_the_model_splits_where_people_split_by_hand():
    verdicts = {
        "net": "ok bad, ok ok, ok bad, bad bad, ok ok",
        "Ann": "ok bad, ok ok, ok ok, bad ok, ok ok",
        "Bob": "ok ok, bad bad, ok ok, ok ok, ok ok",
    }
    table = pd.DataFrame(
        [
            (str(part), operator, str(trial), value)
            for operator, parts in verdicts.items()
            for part, values in enumerate(parts.split(", "))
            for trial, value in enumerate(values.split())
        ],
        columns=["part", "operator", "trial", "value"],
    )
    # the model splits on 0 and 2; people, within or between them, on 0, 1 and 3
    found = model_and_people(table, ["Ann", "Bob"])
    keys = ("parts", "both", "only_model", "only_people", "neither")
    assert [found[key] for key in keys] == [5, 1, 1, 2, 1]
    assert found["p"] == pytest.approx(stats.fisher_exact([[1, 1], [2, 1]]).pvalue)
    assert model_and_people(table, ["Cid"]) is None
