"""What other packages bring, from modules written here and named by entry points."""

from fractions import Fraction
from importlib.metadata import EntryPoint

import pytest

from vidrobust import extensions as extensions_module
from vidrobust.extensions import extensions

MODULE = """
from fractions import Fraction
ONE, TWO = Fraction(1, 2), Fraction(1, 3)
BOTH = [Fraction(1, 5), Fraction(1, 7)]
MIXED = [Fraction(1, 9), "no fraction"]
WRONG = "no fraction"
def __getattr__(name):
    if name == "STOPS":
        raise KeyboardInterrupt
    raise AttributeError(name)
TWICE = [Fraction(1, 11), Fraction(1, 11)]
"""


def point(name, value):
    return EntryPoint(name, f"brought_fractions:{value}", "tried.fractions")


@pytest.fixture(autouse=True)
def outside(tmp_path, monkeypatch):
    (tmp_path / "brought_fractions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    monkeypatch.setattr(extensions_module, "_reported", set())


def test_records_come_one_by_one_or_in_lists():
    points = [point("one", "ONE"), point("both", "BOTH")]
    found = extensions("tried.fractions", Fraction, str, points=points)
    assert found.records == (Fraction(1, 2), Fraction(1, 5), Fraction(1, 7))
    assert [each.names for each in found.points] == [("1/2",), ("1/5", "1/7")]
    assert found.broken == {}


def test_what_is_broken_is_named_once_and_harms_no_other(capsys):
    named = {"absent": "GONE", "stops": "STOPS", "wrong": "WRONG", "mixed": "MIXED", "taken": "ONE"}
    named |= {"good": "TWO", "again": "TWO", "twice": "TWICE"}
    points = [point(name, value) for name, value in named.items()]
    for _ in range(2):
        found = extensions("tried.fractions", Fraction, str, taken={"1/2"}, points=points)
    assert found.records == (Fraction(1, 3),)
    assert list(found.broken) == [*("absent", "stops", "wrong", "mixed", "taken", "again", "twice")]
    assert "AttributeError" in found.broken["absent"]
    assert "brought_fractions:WRONG" in found.broken["wrong"]
    said = capsys.readouterr()
    assert said.out == ""
    named = [line.partition("'")[2].partition("'")[0] for line in said.err.splitlines()]
    assert named == list(found.broken)


def test_a_group_that_nobody_serves_is_empty():
    assert extensions("vidrobust.of_nobody", str, str).records == ()
