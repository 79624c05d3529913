"""The rules of ``--fail-if``, each passed or failed, as page one lists them."""

from __future__ import annotations

from vidrobust.repeatability import study_file
from vidrobust.repeatability.figures import figures_of, is_figure
from vidrobust.repeatability.gates import Passage, parse_gate, pass_figures, pass_gates
from vidrobust.run_folder.metrics_file import FILE, Metrics
from vidrobust.run_folder.reader import RunTables

KINDS = {"passed": "good", "failed": "bad"}


def gates(run: RunTables) -> list[dict[str, str]]:
    """A row a rule and model: outcome, its kind for the colour, and the sentence; empty where no rule is set."""
    rules = [parse_gate(str(rule)) for rule in run.record.settings.get("fail_if") or []]
    if not rules:
        return []
    metrics = Metrics.of(run.json(FILE), str(run.folder / FILE))
    tasks = {name: task.name for name, task in run.tasks.items()}
    study = run.json(study_file.FILE)
    found: list[Passage] = []
    for gate in rules:
        if is_figure(gate.metric):
            found += pass_figures([gate], figures_of(study) if study else {})
        else:
            found += pass_gates([gate], metrics.asked(gate.metric, tasks))
    return [
        {"outcome": each.outcome, "kind": KINDS.get(each.outcome, "unknown"), "sentence": each.sentence}
        for each in found
    ]
