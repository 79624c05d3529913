"""How the report speaks of perturbations: of every one of the catalogue, and of one that is not there."""

from __future__ import annotations

import pytest

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.report.perturbation_words import family_order, phrase, saying


@pytest.mark.parametrize("key", list(PERTURBATIONS))
def test_every_perturbation_can_be_spoken_of(key: str) -> None:
    text = saying(key, PERTURBATIONS[key].strengths[0])
    assert "{" not in text
    assert "_" not in text
    assert phrase(key).noun
    assert phrase(key).family in family_order()


def test_no_two_of_a_suite_have_one_name() -> None:
    nouns = [entry.noun for entry in PERTURBATIONS.values()]
    assert len(set(nouns)) == len(nouns)


def test_strengths_in_words() -> None:
    assert saying("brightness", 0.1) == "a brightness change of 10 %"
    assert saying("translation", 4.0) == "a shift of 4 px"
    assert saying("jpeg", 30.0) == "JPEG compression at quality 70"
    assert saying("imagenet-c:fog", 3.0) == "fog of imagenet-c at severity 3"
    assert saying("own_filter", 2.0) == "own filter at strength 2"
    assert phrase("other-suite:own_filter").noun == "own filter of other-suite"
