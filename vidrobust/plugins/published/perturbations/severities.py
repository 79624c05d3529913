"""A corruption of the published suites that come in severities 1 to 5."""

from __future__ import annotations

from vidrobust.perturb.perturbation import Apply, Family, Perturbation


def of_severities(
    suite: str, name: str, family: Family, apply: Apply, doc: str, not_monotone: str = ""
) -> Perturbation:
    """The entry of a catalogue: its strength is the severity, a whole number from 1 to 5."""
    return Perturbation(
        name=name,
        suite=suite,
        family=family,
        unit="severity",
        strengths=(1.0, 2.0, 3.0, 4.0, 5.0),
        range=(1.0, 5.0),
        apply=apply,
        not_monotone=not_monotone,
        doc=doc,
    )
