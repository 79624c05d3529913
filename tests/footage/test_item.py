"""What an item refuses to be."""

from pathlib import Path

import pytest

from vidrobust.footage.item import Item


def test_an_empty_window_and_an_impossible_region_are_refused():
    with pytest.raises(ValueError, match=r"expected start < end, got 2 and 2"):
        Item(name="a", path=Path("a"), start_s=2, end_s=2)
    with pytest.raises(ValueError, match=r"expected x and y of 0 or more, got \(-1, 0, 2, 2\)"):
        Item(name="a", path=Path("a"), roi=(-1, 0, 2, 2))
