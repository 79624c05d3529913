"""Names of files as people read them."""

import os

import pytest

from vidrobust.errors import InputError
from vidrobust.text.printable import printable, without_secrets


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"\xff\xc3\xa9.mp4", r"\xffé.mp4"),
        (b"a\nb\tc\x1b[31m", r"a\nb\tc\x1b[31m"),
        ("right\u202eto left".encode(), r"right\u202eto left"),
        ("bolt 1 – ok.mp4".encode(), "bolt 1 – ok.mp4"),
    ],
)
def test_what_breaks_a_line_or_hides_is_written_as_an_escape(name, expected):
    assert printable(os.fsdecode(name)) == expected
    assert printable(expected) == expected


def test_errors_are_valid_text_of_as_many_lines_as_they_have():
    path = os.fsdecode(b"/a/\xfe.toml")
    error = InputError(f"{path}: is missing; write\n[model]")
    assert str(error) == "/a/\\xfe.toml: is missing; write\n[model]"
    assert str(error).encode()


def test_a_long_error_keeps_its_beginning_and_its_end():
    said = str(InputError(f"a.csv: expected columns, got {'[' * 100_000}; write a header"))
    assert said.startswith("a.csv: expected")
    assert said.endswith("; write a header")
    assert len(said) < 5000


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "rtsp://u:p%40w@cam:554/a?x=1&Password=q&token=z",
            "rtsp://cam:554/a?x=1&Password=***&token=***",
        ),
        (
            "rtsp://cam/user=admin&password=abc&channel=1.sdp",
            "rtsp://cam/user=***&password=***&channel=1.sdp",
        ),
        ("clips/a@b.mp4", "clips/a@b.mp4"),
    ],
)
def test_secrets_are_left_out_of_addresses(address, expected):
    assert without_secrets(address) == expected
