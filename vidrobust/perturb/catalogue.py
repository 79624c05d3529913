"""The catalogue of all perturbations, those of plugins included."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType

from vidrobust.errors import SettingsError
from vidrobust.extensions import extensions
from vidrobust.perturb import blur, geometric, light, noise
from vidrobust.perturb.perturbation import Perturbation

ENTRY_POINTS = "vidrobust.perturbations"

_MODULES = (light, geometric, blur, noise)


def catalogue_of(modules: Iterable[ModuleType]) -> Mapping[str, Perturbation]:
    """Return the entries of each module's ``PERTURBATIONS`` by key, in order; no key may come twice."""
    table: dict[str, Perturbation] = {}
    for entry in (entry for module in modules for entry in module.PERTURBATIONS):
        if entry.key in table:
            raise SettingsError(f"two perturbations have the key {entry.key}; rename one of them")
        table[entry.key] = entry
    return table


_OWN = catalogue_of(_MODULES)
# Perturbations of installed plugins
PROVIDED = extensions(ENTRY_POINTS, Perturbation, lambda entry: entry.key, _OWN)
# Every perturbation by its key: the core's, then those of plugins
PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType(
    dict(_OWN) | {entry.key: entry for entry in PROVIDED.records}
)

SUITES: tuple[str, ...] = tuple(dict.fromkeys(entry.suite for entry in PERTURBATIONS.values()))


def suite(name: str = "natural") -> tuple[Perturbation, ...]:
    """Return all perturbations of a suite, in the order of the catalogue; SettingsError for an unknown name."""
    if name not in SUITES:
        raise SettingsError(_unknown("suite", name, SUITES))
    return tuple(entry for entry in PERTURBATIONS.values() if entry.suite == name)


def find(key: str) -> Perturbation:
    """Return the perturbation with this key; SettingsError with the nearest names otherwise."""
    if key not in PERTURBATIONS:
        raise SettingsError(_unknown("perturbation", key, tuple(PERTURBATIONS)))
    return PERTURBATIONS[key]


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or list(known)
    return f"there is no {what} {name!r}; did you mean {', '.join(near)}?"
