"""Registers the command and the comparison without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.finished_runs.comparison import Comparison
from vidrobust.report.section import called

COMMANDS = (
    CommandEntry(
        name="compare",
        section="Runs",
        help="Compare two runs on the same footage, or detectors side by side.",
        load=at("vidrobust.plugins.comparison.command:compare"),
    ),
    CommandEntry(
        name="pipelines",
        section="Study",
        help="Whether another decoder, resize or engine gives the same answers.",
        load=at("vidrobust.plugins.comparison.pipelines_command:pipelines"),
    ),
)

COMPARISON = Comparison(
    name="comparison", compare=called("vidrobust.plugins.comparison.compare_runs:compare_runs")
)
