"""The phrases and the catalogue say the same of each perturbation."""

from __future__ import annotations

import pytest

from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.report.perturbation_words import FAMILIES, PHRASES, phrase, saying


@pytest.mark.parametrize("key", [p.key for name in ("natural", "line-camera") for p in suite(name)])
def test_family_and_unit_are_those_of_the_catalogue(key: str) -> None:
    entry = PERTURBATIONS[key]
    assert (PHRASES[key].family, PHRASES[key].unit) == (entry.family, entry.unit)


def test_no_phrase_without_a_perturbation() -> None:
    assert set(PHRASES) <= set(PERTURBATIONS)
    assert {entry.family for entry in PERTURBATIONS.values()} <= set(FAMILIES)


@pytest.mark.parametrize("key", list(PERTURBATIONS))
def test_every_perturbation_can_be_spoken_of(key: str) -> None:
    text = saying(key, PERTURBATIONS[key].strengths[0])
    assert "{" not in text
    assert "_" not in text
    assert phrase(key).noun


def test_strengths_in_words() -> None:
    assert saying("brightness", 0.1) == "a brightness change of 10 %"
    assert saying("translation", 4.0) == "a shift of 4 px"
    assert saying("jpeg", 30.0) == "JPEG compression at quality 70"
    assert saying("imagenet-c:fog", 3.0) == "fog of imagenet-c at severity 3"
    assert saying("own_filter", 2.0) == "own filter at strength 2"
