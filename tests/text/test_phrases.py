"""Counts, enumerations and short names; expected texts by hand."""

from vidrobust.text import phrases


def test_long_names_lose_their_synonyms_but_stay_apart():
    bike = "mountain bike, all-terrain bike, off-roader"
    other = "mountain bike, the one of the other class"
    assert phrases.short_names([bike])[bike] == "mountain bike"
    both = phrases.short_names([bike, other, "bolt, M6"])
    assert both["bolt, M6"] == "bolt, M6"
    assert both[bike] != both[other]
    assert all(len(short) <= phrases.LONGEST_NAME for short in both.values())


def test_counts_and_enumerations():
    assert phrases.plural(1, "frame") == "1 frame"
    assert phrases.plural(12345, "frame") == "12 345 frames"
    assert phrases.plural(2, "box") == "2 boxes"
    assert phrases.listing(["a", "b", "c"]) == "a, b and c"
    assert phrases.listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert phrases.span([3, 5, 4]) == "3 to 5"


def test_a_noun_before_one_name_and_before_several():
    assert phrases.nouns("column", ["a"]) == "column a"
    assert phrases.nouns("column", ["a", "b"]) == "columns a, b"
