"""From frames to one verdict a part: every rule by hand."""

import pandas as pd
import pytest

from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.verdicts import RULES, verdicts

BAD = [0.2, 0.9, 0.6, 0.1]
"""Probability of "scratch" in four frames; the rest is "ok"."""


def tables(models=("net",)):
    rows = [
        (item, model, frame, name, p)
        for item in ("a", "b", "stray")
        for model in models
        for frame, bad in enumerate(BAD if item == "a" else [0.1, 0.1])
        for name, p in (("scratch", bad), ("ok", 1 - bad))
    ]
    key = ["item", "model", "frame"]
    probabilities = pd.DataFrame(rows, columns=[*key, "label_name", "probability"])
    frames = probabilities.sort_values("probability").groupby(key, as_index=False).last()
    items = pd.DataFrame(
        [("a", "1", "1", "n", "ok"), ("b", "1", "1", "s", "ok"), ("stray", "", "", "", "")],
        columns=["item", "part", "pass", "station", "label"],
    )
    return frames, probabilities, items


@pytest.mark.parametrize(
    ("rule", "value", "score"),
    [
        ("majority", "scratch", 0.45),  # two and two: a tie is a defect
        ("any-defect", "scratch", 0.9),
        ("mean", "ok", 0.45),
        ("last", "ok", 0.1),
        ("worst", "scratch", 0.9),
    ],
)
def test_every_rule_by_hand(rule, value, score):
    found = verdicts(*tables(), rule=rule, defect=["scratch"]).set_index("item")
    assert (found.loc["a", "value"], found.loc["a", "score"]) == (value, pytest.approx(score))
    assert found.loc["b", "value"] == "ok"
    assert list(found.index) == ["a", "b"]  # an item without a part is left out
    assert rule in RULES


def test_the_operator_is_the_station_unless_there_are_several_models():
    one = verdicts(*tables(), defect=["scratch"])
    assert list(one["operator"]) == ["n", "s"]
    two = verdicts(*tables(("net", "other")), defect=["scratch"])
    assert sorted(set(two["operator"])) == ["net", "other"]
    assert sorted(set(two["trial"])) == ["n/1", "s/1"]
    assert verdicts(*tables())["score"].isna().all()


def test_rules_that_do_not_exist_or_need_a_defect():
    with pytest.raises(SettingsError, match="there are majority, any-defect"):
        verdicts(*tables(), rule="best")
    with pytest.raises(SettingsError, match="needs --defect"):
        verdicts(*tables(), rule="worst")
