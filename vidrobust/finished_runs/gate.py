"""The gates of a run or study: its rules on its numbers, said on standard error and written for a build server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import Run
from vidrobust.plugins.gauge.figures import figures_of, is_figure
from vidrobust.plugins.gauge.kept_study import current_study
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.gates import (
    Gate,
    Passage,
    exit_code,
    junit_xml,
    parse_gate,
    pass_figures,
    pass_gates,
)


def enforce_gates(run: Run, junit: str | None) -> int:
    """The exit code of the run's rules: 2 where one could not be judged, else 1 where one failed, else 0."""
    gates = [parse_gate(rule) for rule in run.settings.fail_if]
    return describe(passages_of(run.folder, gates), run.reporter, junit, run.path.name)


def hold_study(
    found: Mapping[str, Any], rules: Sequence[str], reporter: Reporter, junit: str | None, name: str
) -> int:
    """The same of the study of a table without video."""
    why = "; ".join(found["notes"])
    passages = pass_figures([parse_gate(rule) for rule in rules], figures_of(found), why=why)
    return describe(passages, reporter, junit, name)


def passages_of(folder: RunFolder, gates: Sequence[Gate]) -> list[Passage]:
    """Each rule on the metrics of a run, or on the figures of its repeatability study."""
    study, why = current_study(folder)
    figures = {} if study is None else figures_of(study)
    passages: list[Passage] = []
    for gate in gates:
        if is_figure(gate.metric):
            passages += pass_figures([gate], figures, why=why)
        else:
            passages += pass_gates([gate], folder.metrics.asked(gate.metric, folder.record.tasks))
    return passages


def describe(passages: Sequence[Passage], reporter: Reporter, junit: str | None, name: str) -> int:
    """Say what the gates said, write it where a file is named, and return the exit code."""
    for passage in passages:
        say = reporter.say if passage.outcome == "passed" else reporter.warn
        say(passage.sentence)
    if junit:
        write_text(Path(junit), junit_xml(passages, suite=name))
    return exit_code(passages)
