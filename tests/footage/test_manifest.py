"""Manifests: real files, rows that cannot be used, and what becomes of them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item_tables import items_table, labels_table
from vidrobust.footage.manifest import is_manifest, read_manifest


@pytest.fixture
def line(tmp_path):
    """clips/{a,b}.mp4, frames/{1,2}.png, stills/part7.jpg; their contents do not matter here."""
    for name in ("clips/a.mp4", "clips/b.mp4", "frames/1.png", "frames/2.png", "stills/part7.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def written(folder, text, name="manifest.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder, text):
    return read_manifest(written(folder, text))


def test_every_column_of_a_row_is_taken(line):
    text = (
        "path,item,part,pass,station,label,start_s,end_s,x,y,w,h,shift,operator\n"
        "clips/a.mp4,first,P1,01,north,ok,2,4.5,10,20,30,40,night,Kim\n"
        "stills/part7.jpg,,P7,2,,crack,,,,,,,day,\n"
    )
    manifest = read(line, text)
    assert manifest.problems == ()
    first, second = manifest.items
    assert (first.name, first.path) == ("first", line / "clips/a.mp4")
    assert (first.part, first.pass_, first.station, first.label) == ("P1", "01", "north", "ok")
    assert (first.start_s, first.end_s, first.roi) == (2.0, 4.5, (10, 20, 30, 40))
    assert first.more == (("shift", "night"), ("operator", "Kim"))
    assert (second.name, second.label, second.start_s, second.roi) == ("part7", "crack", None, None)
    assert list(manifest.rows.columns)[-2:] == ["shift", "operator"]


FAR = "https://a.example/b.mp4"


def test_only_the_path_is_needed_and_names_tell_windows_apart(line):
    text = "path,start_s,end_s\nclips/a.mp4,0,2\nclips/a.mp4,2,\nclips/a.mp4,2,\nclips/b.mp4,,\nframes,,\n"
    names = [item.name for item in read(line, text).items]
    assert names == ["a 0-2 s", "a 2- s", "a 2- s#2", "b", "frames"]


def test_rows_that_cannot_be_used_are_listed_with_line_and_column(line):
    text = (
        "path,item,start_s,end_s,x,y,w,h\n"
        "clips/a.mp4,good,,,,,,\n"
        "clips/none.mp4,,,,,,,\n"
        ",nameless,,,,,,\n"
        "clips/b.mp4,late,five,,,,,\n"
        "clips/b.mp4,turned,4,2,,,,\n"
        "clips/b.mp4,good,,,,,,\n"
        "clips/b.mp4,part_of_a_box,,,1,2,3,\n"
        "clips/b.mp4,flat,,,1,2,0,5\n"
        "clips/b.mp4,half,,,1,2.5,3,4\n"
        "clips/b.mp4,endless,,inf,,,,\n"
        f"{FAR},far,,,,,,\n"
        "clips/b.mp4,short\n"
        "\n"
        "clips/b.mp4,last,,,,,,\n"
    )
    manifest = read(line, text)
    assert [item.name for item in manifest.items] == ["good", "last"]
    assert [(p.line, p.column, p.what.replace(str(line), ".")) for p in manifest.problems] == [
        (3, "path", "there is no such file or folder: ./clips/none.mp4"),
        (4, "path", "is empty"),
        (5, "start_s", "expected a number, got 'five'"),
        (6, "end_s", "expected more than start_s = 4, got 2"),
        (7, "item", "'good' is the name of the input of line 2 already"),
        (8, "h", "is empty"),
        (9, "x, y, w, h", "expected a width and a height of 1 px or more, got 1, 2, 0, 5"),
        (10, "y", "expected a whole number, got '2.5'"),
        (11, "end_s", "expected a number, got 'inf'"),
        (12, "path", f"{FAR} is a network address, and only local files are read; download it"),
        (13, "", "expected 8 values, got 2"),
    ]
    place = f"{line}/manifest.csv, line 5, column start_s"
    assert str(manifest.problems[2]) == f"{place}: expected a number, got 'five'"


def test_quoted_line_breaks_semicolons_and_a_byte_order_mark(line):
    (line / "clips" / "two\nlines.mp4").touch()
    path = line / "manifest.csv"
    text = '\ufeffpath;part\n"clips/two\nlines.mp4";1\nnone.mp4;2\nclips/a.mp4;3\n'
    path.write_bytes(text.encode())
    manifest = read_manifest(path)
    found = [(i.name, i.part, i.path.name) for i in manifest.items]
    assert found == [("two\\nlines", "1", "two\nlines.mp4"), ("a", "3", "a.mp4")]
    assert [p.line for p in manifest.problems] == [4]


def test_parquet_says_the_same_as_csv(line):
    paths = ["clips/a.mp4", "stills/part7.jpg", "none.mp4"]
    rows = pd.DataFrame({"path": paths, "pass": [1, 2, 3]})
    rows = rows.assign(label=[3.0, np.nan, 1.0], start_s=[0.5, None, None])
    rows.loc[0, ["x", "y", "w", "h"]] = [1, 2, 3, 4]
    rows.to_parquet(line / "m.parquet")
    rows.to_csv(line / "m.csv", index=False)
    by_parquet, by_csv = read_manifest(line / "m.parquet"), read_manifest(line / "m.csv")
    assert [i.pass_ for i in by_parquet.items] == ["1", "2"]
    assert (by_parquet.items[0].label, by_parquet.items[0].roi) == ("3", (1, 2, 3, 4))
    assert by_parquet.items[1] == by_csv.items[1]
    said = f"{line}/m.parquet, row 3, column path: there is no such"
    assert str(by_parquet.problems[0]).startswith(said)


def test_a_name_that_is_no_utf_8_is_shown_with_escapes_and_its_path_stays(line):
    path = os.fsencode(line) + b"/clips/\xff\xe9.mp4"
    Path(os.fsdecode(path)).touch()
    (line / "m.csv").write_bytes(b"path,part\nclips/\xff\xe9.mp4,\xfc\nclips/\xfe.mp4,2\n")
    manifest = read_manifest(line / "m.csv")
    (item,) = manifest.items
    assert (item.name, item.part, os.fsencode(item.path)) == (r"\xff\xe9", "ü", path)
    assert str(manifest.problems[0]).endswith("clips/þ.mp4")
    table = items_table(manifest.items)
    table.to_parquet(line / "items.parquet")  # refuses what is no valid text
    assert table["path"].tolist() == [rf"{line}/clips/\xff\xe9.mp4"]


def test_what_is_no_manifest_is_refused(line):
    said = r"other.csv, line 1: has no column path; it has file, label"
    with pytest.raises(InputError, match=said):
        read_manifest(written(line, "file,label\na.mp4,1\n", "other.csv"))
    with pytest.raises(InputError, match="is empty; expected a header and rows"):
        read_manifest(written(line, "", "none.csv"))
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_manifest(written(line, "path\n", "false.parquet"))
    assert not is_manifest(line / "false.parquet")
    assert not is_manifest(line / "none.csv")


def test_a_manifest_is_a_source_and_the_others_stay_what_they_are(line):
    rows = "clips/a.mp4,a,,,,\nclips/b.mp4,,1,1,8,8\nno.mp4,,,,,\n"
    manifest = written(line, f"path,item,x,y,w,h\n{rows}")
    found = expand_sources([manifest, line / "frames", line / "clips" / "a.mp4"])
    regions = {item.name: item.roi for item in found.items}
    assert regions == {"frames": None, "a#2": None, "a": None, "b": (1, 1, 8, 8)}
    assert [str(row) for row in found.bad_rows] == list(found.problems)
    assert found.problems[0].startswith(f"{manifest}, line 4, column path: there is no such file")


def test_items_of_two_manifests_keep_apart(line):
    one = written(line, "path,item\nclips/a.mp4,bolt\n", "one.csv")
    two = written(line, "path,item\nclips/b.mp4,bolt\n", "two.csv")
    assert [item.name for item in expand_sources([one, two]).items] == ["bolt", "bolt#2"]


def test_a_table_that_is_no_manifest_and_a_manifest_in_a_folder_are_named(line):
    other = written(line, "file,label\na.mp4,1\n", "other.csv")
    written(line, "path\nclips/a.mp4\n")
    found = expand_sources([other, line])
    assert found.problems == (f"{other}: is a table, but no manifest: it has no column path",)
    reasons = {each.path.name: each.reason for each in found.left_out}
    assert reasons["manifest.csv"] == "is a manifest; name it as a source to use it"
    assert reasons["other.csv"] == ".csv is not known as a video or an image"


def test_the_items_and_labels_tables(line):
    text = "path,part,pass,label,start_s,x,y,w,h,shift\n"
    text += "clips/a.mp4,P1,1,crack,1,1,2,3,4,night\nclips/b.mp4,P2,1,1,,,,,,\nframes,P3,2,,,,,,,\n"
    items = read(line, text).items
    table = items_table(items)
    assert table["pass"].tolist() == ["1", "1", "2"]
    assert table.loc[0, ["start_s", "roi_x", "roi_h"]].tolist() == [1.0, 1.0, 4.0]
    assert table[["end_s", "roi_w"]].isna().sum().tolist() == [3, 2]
    assert table["shift"].tolist() == ["night", "", ""]
    labels = labels_table(items)
    rows = labels[["item", "frame", "label", "label_name"]].to_numpy().tolist()
    assert rows == [["a", -1, -1, "crack"], ["b", -1, 1, "1"]]
    several = read(line, "path,label\nclips/a.mp4,281; 282;crack;281\n").items
    rows = labels_table(several)[["label", "label_name"]].to_numpy().tolist()
    assert rows == [[281, "281"], [282, "282"], [-1, "crack"]]
    assert items_table([]).columns.tolist()[:2] == ["item", "path"]
