"""The gates of a run: its rules on its metrics, said on standard error and written for a build server."""

from __future__ import annotations

from pathlib import Path

from vidrobust.files import write_text
from vidrobust.repeatability.gates import exit_code, junit_xml, parse_gate, pass_gates
from vidrobust.run.run import Run


def hold(run: Run) -> int:
    """The exit code of the run's rules: 2 where one could not be judged, else 1 where one failed, else 0."""
    passages = pass_gates(
        [parse_gate(rule) for rule in run.settings.fail_if], run.folder.read_json("metrics.json")
    )
    for passage in passages:
        told = run.reporter.say if passage.outcome == "passed" else run.reporter.warn
        told(passage.sentence)
    if run.settings.junit:
        write_text(Path(run.settings.junit), junit_xml(passages, suite=run.path.name))
    return exit_code(passages)
