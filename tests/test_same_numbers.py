"""What benchmarks/same_numbers.py calls the same, and what it says where tables differ."""

import numpy as np
import pandas as pd
import pytest
import same_numbers

VALUES = [1.0, np.inf, np.nan]
TABLE = pd.DataFrame({"item": ["a", "a", "b"], "note": ["x", "x", "y"], "value": VALUES})


def test_rows_are_matched_by_what_names_them_in_any_order():
    assert same_numbers.keys_of("of_no_list", TABLE, TABLE) == ["item", "note"]
    assert same_numbers.differences(TABLE, TABLE.iloc[[2, 0, 1]], ["item", "note"], 0.0) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (TABLE.assign(value=[1.25, np.inf, np.nan]), "value: up to 0.25, 0 known in one alone"),
        (TABLE.assign(value=[1.0, np.inf, 3.0]), "value: up to 0, 1 known in one alone"),
        (TABLE.iloc[:2], "1 rows only in the first"),
        (TABLE.iloc[:0], "3 rows, and 0 in the second"),
    ],
)
def test_what_differs_is_said(changed, said):
    assert same_numbers.differences(TABLE, changed, ["item", "note"], 1e-9) == [said]


def test_it_says_what_it_covered(tmp_path, capsys):
    runs = (tmp_path / "one", tmp_path / "other")
    for run in runs:
        run.mkdir()
        TABLE.to_parquet(run / "both.parquet")
    assert same_numbers.compare(runs, 0.0)
    TABLE.to_parquet(runs[0] / "more.parquet")
    assert not same_numbers.compare(runs, 0.0)
    *_, only, covered = capsys.readouterr().out.splitlines()
    assert (only, covered) == ("more: only in the first", "covered: 1 of 2 tables, 3 rows")
