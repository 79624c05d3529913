"""What other packages bring, from modules written here and named by entry points."""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from vidrobust.errors import SettingsError
from vidrobust.extensions import extensions

MODULE = """
from fractions import Fraction
ONE, TWO = Fraction(1, 2), Fraction(1, 3)
BOTH = [Fraction(1, 5), Fraction(1, 7)]
MIXED = [Fraction(1, 9), "no fraction"]
WRONG = "no fraction"
"""


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, f"brought_fractions:{value}", "tried.fractions")


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brought_fractions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_records_come_one_by_one_or_in_lists() -> None:
    points = [point("one", "ONE"), point("both", "BOTH")]
    found = extensions("tried.fractions", Fraction, str, points=points)
    assert found.or_error() == (Fraction(1, 2), Fraction(1, 5), Fraction(1, 7))
    assert found.broken == {}


def test_what_is_broken_is_named_and_harms_no_other() -> None:
    points = [
        point("absent", "GONE"),
        point("wrong", "WRONG"),
        point("mixed", "MIXED"),
        point("taken", "ONE"),
        point("good", "TWO"),
        point("again", "TWO"),
    ]
    found = extensions("tried.fractions", Fraction, str, taken={"1/2"}, points=points)
    assert found.records == (Fraction(1, 3),)
    assert list(found.broken) == ["absent", "wrong", "mixed", "taken", "again"]
    where = "entry point wrong = brought_fractions:WRONG of tried.fractions: "
    assert found.broken["wrong"] == f"{where}expected a Fraction or a list of them, got str"
    assert "cannot be loaded (AttributeError" in found.broken["absent"]
    assert found.broken["taken"].endswith("there is a Fraction '1/2' already; rename one of them")
    with pytest.raises(
        SettingsError, match=r"absent = brought_fractions:GONE of tried\.fractions: cannot be"
    ):
        found.or_error()


def test_a_group_that_nobody_serves_is_empty() -> None:
    assert extensions("vidrobust.of_nobody", str, str).records == ()
