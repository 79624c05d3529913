"""Files that are written whole, and JSON that keeps every file name."""

import json
import os
from pathlib import Path

import pandas as pd

from vidrobust.files.atomic import cell_text, csv_text, write_text
from vidrobust.files.json_text import json_text
from vidrobust.footage.manifest import read_manifest


def test_a_name_that_is_no_utf_8_comes_back_from_json_exactly(tmp_path):
    name = os.fsdecode(b"/a/\xff\xc3\xa9 \\udcff.mp4")
    content = {"sources": [name], "path": Path(name), "x": float("nan")}
    write_text(tmp_path / "a.json", json_text(content))
    content = (tmp_path / "a.json").read_bytes().decode("utf-8")
    back = json.loads(content)
    assert os.fsencode(back["sources"][0]) == b"/a/\xff\xc3\xa9 \\udcff.mp4"
    assert back["path"] == "/a/\\xffé \\udcff.mp4"
    assert back["x"] is None


def test_other_text_shows_such_a_name(tmp_path):
    write_text(tmp_path / "a.html", os.fsdecode(b"<p>\xff</p>\n"))
    assert (tmp_path / "a.html").read_text() == "<p>\\xff</p>\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


def test_cells_that_a_spreadsheet_would_run_are_escaped_and_come_back(tmp_path):
    names = [
        "=HYPERLINK(1).mp4",
        "+1+cmd.mp4",
        "-2+3.mp4",
        "@SUM(A1).mp4",
        "\tx.mp4",
        "plain.mp4",
        "-3.5",
        "'q.mp4",
    ]
    table = pd.DataFrame({"path": names, "shift": range(len(names)), "start_s": -1.5})
    lines = csv_text(table).splitlines()[1:]
    first = [line.split(",")[0].strip('"') for line in lines]
    assert [cell[0] for cell in first] == ["'", "'", "'", "'", "'", "p", "-", "'"]
    assert [line.split(",")[2] for line in lines] == ["-1.5"] * len(names)  # numbers stay numbers
    assert [cell_text(cell) for cell in first] == names
    for name in names[:4]:
        (tmp_path / name).write_bytes(b"x")
    write_text(tmp_path / "manifest.csv", csv_text(table[["path"]].head(4)))
    assert [item.path.name for item in read_manifest(tmp_path / "manifest.csv").items] == names[:4]
