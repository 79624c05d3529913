"""An attribute study on the page: agreement within and between operators, and against the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.repeatability.overall import SHARES
from vidrobust.report import repeatability_figures as figures
from vidrobust.report.drawing import Picture
from vidrobust.text.numbers import (
    NOT_MEASURED,
    counted_share,
)
from vidrobust.text.phrases import plural

MOST_CLASSES, MOST_CROSSED = 4, 10
"""Classes up to which cross tables are shown, and how many of them."""


def agreement_pictures(attribute: Mapping[str, Any]) -> list[Picture]:
    """Three panels each of shares and of kappas: within operators, between them, against the reference."""
    within, between = attribute["within_operator"], attribute["between_operators"]
    against = (attribute["against_reference"] or {}).get("operators") or {}
    shares = {
        "within operator": [(name, each["agreement"]) for name, each in within.items()],
        "between operators": [("all", between["agreement"])],
        "against the reference": [(name, each["effectiveness"]) for name, each in against.items()],
    }
    kappas = {
        "within operator": [(name, each["fleiss_kappa"]) for name, each in within.items()],
        "between operators": [
            ("all", between["fleiss_kappa"]),
            *((" and ".join(each["operators"]), each) for each in between["cohens_kappa"]),
        ],
        "against the reference": [(name, each["kappa"]) for name, each in against.items()],
    }
    return figures.agreement(shares, kappas)


def counts(attribute: Mapping[str, Any]) -> str:
    text = f"{plural(attribute['parts'], 'part')}, {plural(len(attribute['operators']), 'operator')}, "
    return text + plural(attribute["n"], "verdict")


def errors(against: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Effectiveness, misses and false alarms of each operator."""
    return [
        {"operator": name, **{key: share(each[key]) for key in SHARES}}
        for name, each in ((against or {}).get("operators") or {}).items()
    ]


def share(each: Mapping[str, Any] | None) -> str:
    return NOT_MEASURED if each is None else counted_share(each)


def crossed(attribute: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cross tables of each two operators, where the classes are few enough to be read."""
    classes = attribute["classes"]
    if len(classes) > MOST_CLASSES:
        return []
    return [
        {"a": pair["operators"][0], "b": pair["operators"][1], "classes": classes, "counts": pair["counts"]}
        for pair in attribute["between_operators"]["cohens_kappa"][:MOST_CROSSED]
        if pair["n"]
    ]
