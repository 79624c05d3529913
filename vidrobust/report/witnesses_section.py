"""What each witness says about each perturbation, where they agree and where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from vidrobust.report.perturbation_words import phrase
from vidrobust.report.run_tables import RunTables
from vidrobust.report.words import amount, known, percent_with_interval, with_interval

WITNESSES = ("variation", "sensitivity", "causes", "direction", "correlation")
QUESTIONS = {
    "variation": "does the footage do it?",
    "sensitivity": "does the model care at that size?",
    "causes": "does it explain the change when replayed?",
    "direction": "does the output move that way?",
    "correlation": "do both go up and down together?",
}
AGREEMENTS = ("for", "disagree", "against", "cannot tell")
FIGURE = {
    "sensitivity": "sensitivity",
    "causes": "explained",
    "direction": "cosine",
    "correlation": "partial",
}
SHARES = ("sensitivity", "causes")


@dataclass(frozen=True)
class Heard:
    """The witnesses of one model: what the footage does or somebody speaks for, and the rest."""

    model: str
    rows: list[dict[str, Any]]
    rest: list[dict[str, Any]]


def heard(run: RunTables) -> list[Heard]:
    """Per model one row a perturbation: each witness's vote, figure and words; agreement; the whole sentence."""
    table = run.table("witnesses")
    if table is None:
        return []
    found = []
    for model, rows in table.groupby("model", sort=False):
        entries = [_row(row) for row in rows.to_dict("records")]
        entries.sort(
            key=lambda entry: AGREEMENTS.index(entry["agreement"]) if entry["agreement"] in AGREEMENTS else 9
        )
        says = [e for e in entries if e["agreement"] in ("for", "disagree") or e["telling"]]
        found.append(Heard(str(model), says, [e for e in entries if e not in says]))
    return found


def _row(row: dict[str, Any]) -> dict[str, Any]:
    votes = [
        {"who": who, "vote": _vote(row, who), "figure": _figure(row, who), "words": _words(row, who)}
        for who in WITNESSES
    ]
    return {
        "perturbation": phrase(str(row["perturbation"])).noun,
        "family": str(row.get("family") or ""),
        "contaminated": bool(row.get("contaminated")),
        "votes": votes,
        "agreement": str(row.get("agreement") or "cannot tell"),
        "sentence": str(row.get("sentence") or ""),
        "telling": votes[0]["vote"] == "for",
    }


def _vote(row: dict[str, Any], who: str) -> str:
    return str(row.get(f"{who}_vote") or "cannot tell")


def _words(row: dict[str, Any], who: str) -> str:
    return str(row.get(f"{who}_words") or "")


def _figure(row: dict[str, Any], who: str) -> str:
    """The witness's number with its interval, or empty where it has none."""
    if who == "variation":
        value = row.get("observed")
        return amount(_number(value), str(row.get("unit") or "")) if known(_number(value)) else ""
    name = FIGURE[who]
    value, low, high = (_number(row.get(key)) for key in (name, f"{name}_low", f"{name}_high"))
    if not known(value):
        return ""
    if who in SHARES:
        return percent_with_interval(value, low, high)
    return with_interval(value, low, high)


def _number(value: Any) -> float:
    return float(value) if value is not None else math.nan
