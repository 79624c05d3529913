"""The catalogue of all perturbations, and the suites they come in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType

from vidrobust.errors import SettingsError
from vidrobust.perturb import (
    blur,
    camera,
    camera_in_time,
    compression,
    geometric,
    noise,
    occlusion,
    photometric,
)
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.perturb.published import elastic_authors, imagenet_c, sequences, shift

SUITES = ("natural", "line-camera", "imagenet-c", "imagenet-c-authors", "imagenet-p", "shift")

_MODULES = (
    photometric,
    geometric,
    blur,
    noise,
    compression,
    occlusion,
    camera,
    camera_in_time,
    imagenet_c,
    elastic_authors,
    sequences,
    shift,
)


def catalogue_of(modules: Iterable[ModuleType]) -> Mapping[str, Perturbation]:
    """The entries of each module's ``PERTURBATIONS``, by key, in order; ValueError where a key comes twice."""
    table: dict[str, Perturbation] = {}
    for module in modules:
        for entry in module.PERTURBATIONS:
            if entry.key in table:
                raise ValueError(f"two perturbations have the key {entry.key}")
            table[entry.key] = entry
    return MappingProxyType(table)


PERTURBATIONS: Mapping[str, Perturbation] = catalogue_of(_MODULES)
"""Every perturbation by its key."""


def suite(name: str = "natural") -> tuple[Perturbation, ...]:
    """All perturbations of a suite, in the order of the catalogue; SettingsError for an unknown name."""
    if name not in SUITES:
        raise SettingsError(_unknown("suite", name, SUITES))
    return tuple(entry for entry in PERTURBATIONS.values() if entry.suite == name)


def find(key: str) -> Perturbation:
    """The perturbation with this key; SettingsError with the nearest names otherwise."""
    if key not in PERTURBATIONS:
        raise SettingsError(_unknown("perturbation", key, tuple(PERTURBATIONS)))
    return PERTURBATIONS[key]


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
    return f"there is no {what} {name!r}; did you mean {', '.join(near)}?"
