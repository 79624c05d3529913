"""Every table is declared: what is written holds the declared columns and no other, and the page says the same."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables_page import page

from vidrobust.errors import InputError
from vidrobust.tables import schema as tables
from vidrobust.tables.table import Column, Extra, Table

ANY = {"string": "x", "int64": 3, "float64": 0.5, "bool": True}


def filled(name, rows=2):
    """A table with a value in every column."""
    return pd.DataFrame({c.name: [ANY[c.kind]] * rows for c in tables.TABLES[name].columns})


@pytest.mark.parametrize("name", tables.TABLES)
def test_what_is_written_comes_back_with_units_and_sentences(name, tmp_path):
    tables.write(name, filled(name), tmp_path)
    back = tables.read(name, tmp_path)
    assert list(back.columns) == list(tables.TABLES[name].names)
    pd.testing.assert_frame_equal(back, tables.check(name, filled(name)))
    schema = pq.read_schema(tmp_path / f"{name}.parquet")
    for column in tables.TABLES[name].columns:
        field = schema.field(column.name)
        assert field.metadata[b"sentence"].decode() == column.sentence
        assert field.metadata[b"unit"].decode() == column.unit
    assert schema.metadata[b"row"].decode() == tables.TABLES[name].row


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_column_is_reported_in_a_sentence(name):
    table = tables.TABLES[name]
    assert len(table.row) > 4
    for column in table.columns:
        assert len(column.sentence) > 4, column.name
        assert column.sentence.endswith("...") or not column.sentence.endswith(".")
        assert column.kind in ("float64", "int64") or not column.unit, column.name


@pytest.mark.parametrize("name", tables.TABLES)
def test_an_undeclared_column_fails_and_is_named(name, tmp_path):
    table = filled(name).assign(surplus="x")
    if tables.TABLES[name].extra in (Extra.MANIFEST, Extra.ANNOTATIONS):
        assert list(tables.check(name, table).columns[-1:]) == ["surplus"]
        return
    said = rf"the {name} table has the column surplus"
    with pytest.raises(tables.UndeclaredColumnError, match=said):
        tables.write(name, table, tmp_path)
    assert not list(tmp_path.iterdir())
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), tmp_path / f"{name}.parquet")
    said = rf"{name}\.parquet: the {name} table .* surplus.*again"
    with pytest.raises(tables.UndeclaredColumnError, match=said):
        tables.read(name, tmp_path)


def test_columns_of_metrics_are_allowed_where_the_metric_is_known(tmp_path):
    table = filled("pairs").assign(shock=[0.25, np.nan])
    with pytest.raises(InputError, match="whose package is not installed here"):
        tables.write("pairs", table, tmp_path)
    tables.write("pairs", table, tmp_path, metrics=("shock",))
    assert tables.read("pairs", tmp_path, metrics=("shock",))["shock"].iloc[0] == 0.25
    with pytest.raises(InputError, match="shock"):
        tables.check("stability", filled("stability").assign(shock=1.0), metrics=("shock",))


def test_a_column_that_lacks_is_named():
    with pytest.raises(InputError, match="lacks the column metric"):
        tables.check("stability", filled("stability").drop(columns="metric"))


def test_columns_that_an_older_run_lacks_have_their_declared_value():
    older = filled("causes").drop(columns=["alone", "slight", "margin_past"])
    read = tables.check("causes", older)
    assert not read["alone"].any()
    assert (read["slight"] == 0).all()
    assert read["margin_past"].isna().all()


def test_values_of_another_dtype_are_named(tmp_path):
    said = "column n of the stability table does not hold int64 values"
    with pytest.raises(InputError, match=said):
        tables.write("stability", filled("stability").assign(n="many"), tmp_path)
    with pytest.raises(InputError, match="the named table cannot be written"):
        tables.write("named", filled("named").assign(cause=7), tmp_path)


def test_a_column_is_declared_once():
    twice = tuple(Column("a", kind, "", "what") for kind in ("string", "int64"))
    with pytest.raises(ValueError, match="declared twice"):
        Table("t", "s", "a row", twice)


def test_the_page_has_a_row_for_every_column():
    sections = dict(part.partition("\n")[::2] for part in page().split("\n## ")[1:])
    assert list(sections) == list(tables.TABLES)
    for name, table in tables.TABLES.items():
        same = re.search(r"Columns as of \[`(\w+)`]", sections[name])
        text = sections[same[1] if same else name]
        assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == list(table.names)
