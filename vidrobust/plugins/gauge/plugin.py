"""What the gauge plugin registers; this module imports nothing that takes time."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

SECTION = "Repeatability"
COMMANDS = (
    CommandEntry(
        name="repeatability",
        section=SECTION,
        help="Study gauge R&R and the agreement of verdicts, of a run or of tables.",
        load=at("vidrobust.plugins.gauge.commands:repeatability"),
    ),
    CommandEntry(
        name="passes",
        section=SECTION,
        help="Find the passes of parts in footage, and write them as a manifest.",
        load=at("vidrobust.plugins.gauge.commands:passes"),
    ),
    CommandEntry(
        name="plan",
        section=SECTION,
        help="Compute how many parts, operators or clips a study needs.",
        load=at("vidrobust.plugins.gauge.plan_command:plan"),
    ),
)
