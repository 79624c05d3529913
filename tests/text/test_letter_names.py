"""Letters by their names."""

import pytest

from vidrobust.text.printable import in_brackets, letter_name


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        *(
            ("か", "ka"),
            ("ョ", "small yo"),
            ("김", "gim"),
            ("轴", "U+8F74"),
            ("ह", "ha"),
            ("ि", "i"),
        ),
        *(("์", "thanthakhat"), ("ภ", "pho samphao"), ("\ue123", "U+E123"), ("ш", "sha")),
    ],
)
def test_a_letter_is_named_as_unicode_names_it(letter, name):
    assert letter_name(letter) == name


def test_runs_of_letters_stand_in_one_pair_of_brackets():
    assert in_brackets("<p>轴-3 and か</p>", "轴か") == "<p>[U+8F74]-3 and [ka]</p>"
    assert in_brackets("plain", "") == "plain"
    assert in_brackets("a]b-c^d", "]^-") == "a[U+005D]b[U+002D]c[U+005E]d"
