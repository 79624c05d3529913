"""Tables and records that another program changed: one sentence, exit code 3, and never a result from the rest."""

import json

import pandas as pd
import pytest


def without_level(table):
    return table.drop(columns="level")


def emptied(table):
    return table[:0]


def untimed(table):
    return table.assign(time_s=float("nan"))


def unnamed(table):
    return table.assign(label_name=None)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("account", without_level, "lacks the column level"),
        ("stability", emptied, "has no rows"),
        ("frames", emptied, "has no rows"),
        ("transitions", emptied, "has no rows"),
        ("frames", untimed, "column time_s: row 0"),
        ("frames", unnamed, "column label_name: row 0"),
    ],
)
def test_a_changed_table_is_refused_where_it_is_opened(
    again, studied, printed, name, change, words
):
    path = again.run / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    for command in (["show"], ["report"], ["compare", studied.run]):
        if command == ["compare", studied.run] and name == "account":
            continue  # it compares no causes
        said = printed(3, command[0], again.run, *command[1:]).err
        assert f"{path}: " in said
        assert words in said


@pytest.mark.parametrize(
    ("changed", "command", "words"),
    [
        ({"inputs": None}, "remedies", "it has no inputs"),
        ({"models": []}, "compare", "no model has been evaluated"),
    ],
)
def test_a_changed_record_is_refused(again, studied, printed, changed, command, words):
    path = again.run / "run.json"
    content = {**json.loads(path.read_text()), **changed}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    more = [studied.run] if command == "compare" else []
    assert words in printed(3, command, again.run, *more).err
