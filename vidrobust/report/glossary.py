"""Words of the report, and names of perturbations."""

from __future__ import annotations

from dataclasses import dataclass

from vidrobust.files.csv_table import beside


@dataclass(frozen=True)
class Word:
    word: str
    meaning: str
    example: str


# In the order in which a reader meets them.
GLOSSARY = tuple(Word(**row) for row in beside(__file__, "glossary.csv"))


@dataclass(frozen=True)
class Phrase:
    noun: str
    family: str
    unit: str


def phrase(key: str) -> Phrase:
    """The words of a perturbation; of one that is not installed here, from its name."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    if key in PERTURBATIONS:
        entry = PERTURBATIONS[key]
        return Phrase(entry.noun, str(entry.family), entry.unit)
    suite, _, name = key.rpartition(":")
    noun = name.replace("_", " ")
    return Phrase(f"{noun} of {suite}" if suite else noun, "other", "strength")


def saying(key: str, *strengths: float) -> str:
    """The perturbation at a strength, or from the first to the last of several, as the subject of a sentence."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    if key in PERTURBATIONS:
        return PERTURBATIONS[key].said(*strengths)
    ends = dict.fromkeys((strengths[0], strengths[-1]))
    return f"{phrase(key).noun} at strength {' to '.join(f'{end:g}' for end in ends)}"
