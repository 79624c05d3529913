"""Names of files: readable, of any script, and no two of different texts."""

import itertools

import pytest

from vidrobust.files.names import file_name, readable_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("clip-1.mp4", "clip-1.mp4"),
        ("line 3/part #2", "line_3_part_2"),
        ("Prüfling 1", "Prüfling_1"),
        ("部品-7", "部品-7"),
        ("../..", "unnamed"),
        ("a\x00b\udcff", "a_b"),
    ],
)
def test_what_is_kept(text, name):
    assert readable_name(text) == name


def test_different_texts_have_different_files():
    texts = [
        "a/b",
        "a_b",
        "a b",
        "🙂",
        "🙃",
        "部品 1",
        "部品 2",
        "e\u0301",
        "é",
        "x" * 70 + "1",
        "x" * 70 + "2",
        "a\udcfe",
        "a\udcff",
    ]
    names = [file_name(text) for text in texts]
    assert all(one != other for one, other in itertools.combinations(names, 2))
    assert all(len(name.encode()) < 250 for name in [*names, file_name("部" * 400)])


def test_a_plain_name_stays_as_it_is():
    assert file_name("bolt-1_north.v2") == "bolt-1_north.v2"
    assert file_name("///", "clip").startswith("clip-")
