"""The gates of a run: its rules on its numbers, reported and written for a build server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidrobust.files.atomic import write_text
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.gates import Gate, Passage, exit_code, junit_xml, parse_gate, passages_of


def enforce_gates(run: OpenRun, junit: str | None) -> int:
    gates = [parse_gate(rule) for rule in run.settings.fail_if]
    return describe(gates_on(run.folder, gates), run.reporter, junit, run.path.name)


def gates_on(folder: RunFolder, gates: Sequence[Gate]) -> list[Passage]:
    return passages_of(
        gates, lambda metric: folder.metrics.asked(metric, folder.record.tasks), folder.path
    )


def describe(passages: Sequence[Passage], reporter: Reporter, junit: str | None, name: str) -> int:
    """Report the outcome of gates, write it where a file is named, and return the exit code."""
    for passage in passages:
        say = reporter.say if passage.outcome == "passed" else reporter.warn
        say(passage.sentence)
    if junit:
        write_text(Path(junit), junit_xml(passages, suite=name))
    return exit_code(passages)
