"""correlation.json: what every correlation study says in words, written and read as records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cattrs import Converter

from vidrobust.errors import InputError

FILE = "correlation.json"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class GroupConclusion:
    """Perturbations that cannot be distinguished; fields as of ``groups.Group``, None where not known."""

    members: tuple[str, ...]
    name: str = ""
    weakest: float | None = None
    weakest_low: float | None = None


@dataclass(frozen=True, kw_only=True)
class TogetherConclusion:
    """What all perturbations together explain; fields as of ``together.Together``, None where not known."""

    verdict: str
    sentence: str
    confounder: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    clusters: int = 0


@dataclass(frozen=True, kw_only=True)
class StudyConclusion:
    """What one study says: of a model, or "" across models; ``sentences`` by perturbation."""

    across: str
    model: str = ""
    headline: str = ""
    sentences: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[GroupConclusion, ...] = ()
    notes: tuple[str, ...] = ()
    together: TogetherConclusion | None = None


@dataclass(frozen=True, kw_only=True)
class Conclusions:
    """The file: its studies, and why others could not be made."""

    schema: int = SCHEMA
    studies: tuple[StudyConclusion, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = FILE) -> Conclusions:
        """From the content of a correlation.json, an empty one without a study; else InputError."""
        try:
            found = _CONVERTER.structure(content, cls)
        except Exception as error:  # cattrs gathers what is wrong in groups of its own
            raise InputError(f"{where}: is not the correlation.json of this version: {error}") from error
        if found.schema != SCHEMA:
            raise InputError(f"{where}: schema {found.schema} is not known, this version reads {SCHEMA}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the file."""
        return dataclasses.asdict(self)

    def study(self, across: str, model: str) -> StudyConclusion:
        """One study's words; none where the file does not have it."""
        for each in self.studies:
            if (each.across, each.model) == (across, model):
                return each
        return StudyConclusion(across=across, model=model)


_CONVERTER = Converter(detailed_validation=False)
