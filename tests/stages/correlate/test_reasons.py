"""Reasons are codes with figures, and each code has its words."""

from __future__ import annotations

import pytest

from vidrobust.stages.correlate.verdicts import WORDS, Why, because, not_measured


def test_every_code_has_words() -> None:
    assert set(WORDS) == set(Why)


def test_the_words_are_made_of_the_figures() -> None:
    reason = because(Why.FEW_UNITS, found="5 clips", verb="are", least=8)
    assert reason.in_words == "5 clips are too few, at least 8 are needed"
    assert not_measured().why is Why.NOT_MEASURED
    with pytest.raises(KeyError):
        _ = because(Why.FEW_UNITS, found="5 clips").in_words
