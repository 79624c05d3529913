"""One table, written in every way that people write it."""

import pytest

from vidrobust.errors import InputError
from vidrobust.files.csv_table import csv_columns, read_columns, read_csv_table

GERMAN = "Teil;Prüfer;Wert\r\nA;Jürgen;1,5\r\n\r\nB;Jörg;1.234,25\r\nC;Ute;-2\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_every_encoding_and_separator_gives_the_same_rows(tmp_path, encoding, delimiter):
    path = tmp_path / "t.csv"
    path.write_bytes(GERMAN.replace(";", delimiter).encode(encoding))
    found = read_csv_table(path)
    assert found.columns == ("Teil", "Prüfer", "Wert") == csv_columns(path)
    assert found.rows == (("A", "Jürgen", "1.5"), ("B", "Jörg", "1234.25"), ("C", "Ute", "-2"))
    assert (found.lines, found.decimal_commas) == ((2, 4, 5), ("Wert",))
    assert found.dialect.guessed == (encoding == "cp1252")
    assert found.frame().loc[4, "Prüfer"] == "Jörg"


def test_a_large_file_is_read_by_the_same_dialect(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("frame;score\n0;0,25\n1;0,5\n".encode("utf-16"))
    assert read_columns(path)["score"].tolist() == [0.25, 0.5]


def test_commas_in_text_and_between_values_are_no_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('name;value\n"a, b";1.5\nc,d;2.5\n')
    assert read_csv_table(path).rows == (("a, b", "1.5"), ("c,d", "2.5"))
    path.write_text("name,value\n1,5\n2,5\n")
    assert read_csv_table(path).rows == (("1", "5"), ("2", "5"))


def test_a_number_of_two_readings_is_asked_about(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name;value\na;1,5\nb;1.234\n")
    said = r"t\.csv, line 3, column value: 1\.234 may be 1234 or 1,234"
    with pytest.raises(InputError, match=said):
        read_csv_table(path)


def test_rows_of_another_length_are_kept_with_their_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,2\n"x\ny",3\n1,2,3\n,,\n4,5\n')
    found = read_csv_table(path)
    assert (found.lines, found.uneven) == ((2, 3, 7), ((5, 3),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n\x81,\x8d\xff\n", "is not UTF-8, UTF-16 or Windows-1252"),
        (b"a,b\n1,\0\n" + b"x" * 100, "holds bytes that no text has"),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_csv_table(path)
    with pytest.raises(InputError, match="no such file"):
        read_csv_table(tmp_path / "none.csv")
