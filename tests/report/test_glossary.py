"""Words of the report: one glossary for page and docs, and a name for every perturbation."""

import numpy as np
import pytest

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.perturbation import FAMILIES
from vidrobust.report.glossary import GLOSSARY, phrase, saying


def test_every_word_has_an_example_of_its_own():
    words, examples = {each.word for each in GLOSSARY}, {each.example for each in GLOSSARY}
    assert len(words) == len(GLOSSARY) == len(examples)
    assert all("|" not in f"{each.word}{each.meaning}{each.example}" for each in GLOSSARY)


def test_the_figures_of_the_examples_are_right():
    """By hand: half the sum of absolute differences; bits; agreement beyond chance."""
    p, q = np.array([0.7, 0.3]), np.array([0.4, 0.6])
    assert 0.5 * np.abs(p - q).sum() == pytest.approx(0.3, abs=1e-12)
    a, b = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    middle = (a + b) / 2
    entropy = [-(x[x > 0] * np.log2(x[x > 0])).sum() for x in (middle, a, b)]
    assert round(entropy[0] - (entropy[1] + entropy[2]) / 2, 2) == 0.31
    assert round(-(0.99 * np.log2(0.99) + 0.01 * np.log2(0.01)), 2) == 0.08
    assert round((0.9 - 0.5) / (1 - 0.5), 10) == 0.8
    assert 12 / 480 == 0.025 == 1 / 40


@pytest.mark.parametrize("key", list(PERTURBATIONS))
def test_every_perturbation_can_be_spoken_of(key):
    text = saying(key, PERTURBATIONS[key].strengths[0])
    assert "{" not in text
    assert "_" not in text
    assert phrase(key).noun
    assert phrase(key).family in FAMILIES


def test_no_two_of_a_suite_have_one_name():
    nouns = [entry.noun for entry in PERTURBATIONS.values()]
    assert len(set(nouns)) == len(nouns)


def test_strengths_in_words():
    assert saying("brightness", 0.1) == "a brightness change of 10 %"
    assert saying("translation", 4.0) == "a shift of 4 px"
    assert saying("jpeg", 30.0) == "JPEG compression at quality 70"
    assert saying("imagenet-c:fog", 3.0) == "fog of imagenet-c at severity 3"
    assert saying("own_filter", 2.0) == "own filter at strength 2"
    assert phrase("other-suite:own_filter").noun == "own filter of other-suite"
