"""Strict JSON of whatever a result may hold."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.files.json_text import file_text, json_text, parsed_json, plain
from vidrobust.footage.labels.labels import read_class_map


def refused(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_what_is_no_number_is_null_wherever_it_stands():
    content = {
        "nan": float("nan"),
        "inf": [np.float64("inf"), np.float32("nan"), (np.int64(3), np.bool_(True))],
        "array": np.array([[1.0, np.nan], [2.0, -np.inf]]),
        "path": Path("a/b.mp4"),
        3: {"text": "°"},
    }
    text = json_text(content)
    assert json.loads(text, parse_constant=refused) == {
        "nan": None,
        "inf": [None, None, [3, True]],
        "array": [[1.0, None], [2.0, None]],
        "path": "a/b.mp4",
        "3": {"text": "°"},
    }
    assert text.endswith("}\n")
    assert "°" in text


def test_bytes_of_file_names_come_back():
    name = b"clip\xff.mp4".decode(errors="surrogateescape")
    assert json.loads(json_text([name])) == [name]
    json_text([name]).encode("utf-8")


def test_what_json_cannot_hold_is_an_error_and_no_text():
    with pytest.raises(TypeError, match="not JSON serializable"):
        json_text({"set": {1, 2}})
    assert plain(np.float64(0.25)) == 0.25
    assert type(plain(np.float64(0.25))) is float


def test_a_pipe_is_no_text_file(tmp_path):
    """Opened for reading, it would wait for whoever writes."""
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "a.json"))):
        file_text(tmp_path / "a.json")
    with pytest.raises(InputError):
        read_class_map(tmp_path / "a.json")


def test_a_mark_of_the_byte_order_is_no_content(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert parsed_json(file_text(path)) == parsed_json("\ufeff[1]") == [1]
    assert parsed_json(path.read_bytes()) == [1]
