"""Under CI a skipped test fails, in whichever way it was skipped, unless its reason is listed and holds."""

import pytest

from tests import skips

pytest_plugins = ("pytester",)
SKIPPED = """
import pytest

{}

@pytest.mark.skipif(True, reason="not today")
def test_by_a_mark(): pass

def test_by_a_call():
    pytest.skip("not today")

def test_by_an_import():
    pytest.importorskip("no_such_module", reason="the reason of no_such_module")

def test_of_the_list():
    pytest.skip("needs Linux: /proc")

@pytest.mark.xfail(strict=True)
def test_that_is_expected_to_fail(): assert False
"""


def outcomes(pytester, at_the_top=""):
    pytester.makepyfile(SKIPPED.format(at_the_top))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[skips]).parseoutcomes()


def test_at_home_every_skip_is_a_skip(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert outcomes(pytester) == {"skipped": 4, "xfailed": 1}


@pytest.mark.parametrize("holds", [False, True])
def test_in_ci_three_ways_to_skip_fail_and_a_listed_reason_must_hold(pytester, monkeypatch, holds):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setitem(skips.MISSING, "Linux", lambda: holds)
    expected = {"failed": 2, "skipped": 1} if holds else {"failed": 3}
    assert outcomes(pytester) == {**expected, "errors": 1, "xfailed": 1}  # a mark skips the setup


def test_in_ci_a_file_that_skips_itself_fails(pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert outcomes(pytester, 'pytest.importorskip("no_such_module")') == {"errors": 1}


def test_every_listed_reason_has_a_check():
    assert {entry["missing"] for entry in skips.LISTED} == set(skips.MISSING)
    assert all(entry["why"] for entry in skips.LISTED)
