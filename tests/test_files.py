"""Files that are written whole, and JSON that keeps every file name."""

from __future__ import annotations

import json
import os
from pathlib import Path

from vidrobust.files import json_text, write_text


def test_a_name_that_is_no_utf_8_comes_back_from_json_exactly(tmp_path: Path) -> None:
    name = os.fsdecode(b"/a/\xff\xc3\xa9 \\udcff.mp4")
    write_text(tmp_path / "a.json", json_text({"sources": [name], "path": Path(name), "x": float("nan")}))
    content = (tmp_path / "a.json").read_bytes().decode("utf-8")
    back = json.loads(content)
    assert os.fsencode(back["sources"][0]) == b"/a/\xff\xc3\xa9 \\udcff.mp4"
    assert back["path"] == "/a/\\xffé \\udcff.mp4"
    assert back["x"] is None


def test_other_text_shows_such_a_name(tmp_path: Path) -> None:
    write_text(tmp_path / "a.html", os.fsdecode(b"<p>\xff</p>\n"))
    assert (tmp_path / "a.html").read_text() == "<p>\\xff</p>\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
