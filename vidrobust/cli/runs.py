"""Commands on finished runs: gate, export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from vidrobust.cli.options import (
    JSON,
    PATH,
    end,
    print_result,
)
from vidrobust.files.atomic import append_text, write_text
from vidrobust.text.phrases import listing


@click.command()
@click.argument("run_folder", type=PATH)
@click.option(
    "--fail-if",
    multiple=True,
    required=True,
    metavar="RULE",
    help='Such as "flip_rate.high > 0.02".',
)
@click.option("--junit", type=PATH, metavar="FILE", help="Write the outcome as JUnit XML.")
@click.option(
    "--summary",
    type=PATH,
    envvar="GITHUB_STEP_SUMMARY",
    metavar="FILE",
    help="Add the outcome and the run's answer as Markdown.  [default: $GITHUB_STEP_SUMMARY, where it is set]",
)
@JSON
def gate(
    run_folder: Path,
    fail_if: tuple[str, ...],
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
) -> None:
    """Check a run against rules. Exit codes: 0 passed, 1 failed, 2 not computed."""
    from vidrobust.finished_runs.gate import gates_on
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.run_folder.gates import exit_code, junit_xml, parse_gate

    gates = [parse_gate(text) for text in fail_if]
    passages = gates_on(RunFolder.evaluated(run_folder), gates)
    if junit is not None:
        write_text(junit, junit_xml(passages))
    if summary is not None:
        from vidrobust.finished_runs.exports.markdown import page
        from vidrobust.run_folder.reader import RunTables

        append_text(summary, page(RunTables(run_folder), passages))
    lines = [{**asdict(passage), "gate": passage.gate.text} for passage in passages]
    print_result(lines, [passage.sentence for passage in passages], as_json)
    end(exit_code(passages))


class FormatOption(click.Option):
    """Imports the formats, and so the plugins, when its help is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from vidrobust.finished_runs.exports.catalogue import names

        self.help = f"One of {', '.join(names())}."
        return super().get_help_record(ctx)


@click.command()
@click.argument("run_folder", type=PATH, metavar="RUN")
@click.option("--to", "name", cls=FormatOption, required=True, metavar="FORMAT")
@click.option(
    "--out", "-o", type=PATH, metavar="DIR", help="Where to.  [default: RUN/exports/FORMAT]"
)
@JSON
def export(run_folder: Path, name: str, out: Path | None, as_json: bool) -> None:
    """Write a finished RUN as files for another program."""
    from vidrobust.finished_runs.exports.catalogue import export_run

    written, opened = export_run(run_folder, name, out)
    files = [str(path) for path in written.files]
    print_result(
        {"files": files, "notes": written.notes, "opened_by": opened},
        [f"written: {listing(files, 3)}", *written.notes, f"opened by: {opened}"],
        as_json,
    )
