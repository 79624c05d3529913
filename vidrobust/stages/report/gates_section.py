"""The rules of ``--fail-if``, each passed or failed, as page one lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.metrics.catalogue import find_metric
from vidrobust.repeatability import study_file
from vidrobust.repeatability.figures import figures_of, is_figure
from vidrobust.repeatability.gates import Gate, Passage, parse_gate, pass_figures, pass_gates
from vidrobust.run_folder.reader import RunTables

KINDS = {"passed": "good", "failed": "bad"}


def gates(run: RunTables) -> list[dict[str, str]]:
    """A row a rule and model: outcome, its kind for the colour, and the sentence; empty where no rule is set."""
    rules = [parse_gate(str(rule)) for rule in (run.run.get("settings") or {}).get("fail_if") or []]
    if not rules:
        return []
    metrics = run.json("metrics.json")
    study = run.json(study_file.FILE)
    found: list[Passage] = []
    for gate in rules:
        if is_figure(gate.metric):
            found += pass_figures([gate], figures_of(study) if study else {})
        else:
            found += pass_gates([gate], _asked(run, gate, metrics))
    return [
        {"outcome": each.outcome, "kind": KINDS.get(each.outcome, "unknown"), "sentence": each.sentence}
        for each in found
    ]


def _asked(run: RunTables, gate: Gate, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of the models whose task has the metric; of all where none has."""
    of = {name for name, task in run.tasks.items() if find_metric(gate.metric, task.name)}
    models = {name: each for name, each in (metrics.get("models") or {}).items() if name in of}
    return {**metrics, "models": models} if models else dict(metrics)
