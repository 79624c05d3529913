"""Commands on finished runs: compare, gate, export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import (
    JSON,
    PATH,
    end,
    print_result,
)
from vidrobust.files.atomic import append_text, write_text
from vidrobust.files.json_text import plain
from vidrobust.text.phrases import listing


@click.command()
@click.argument("run_a", type=PATH)
@click.argument("run_b", type=PATH)
@click.option(
    "--model-a",
    metavar="NAME",
    help="The model of A, where it has several.  [default: its only one]",
)
@click.option(
    "--model-b",
    metavar="NAME",
    help="The model of B; two models of one run may be compared.  [default: its only one]",
)
@click.option(
    "--margin",
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Differences up to this share of a metric do not matter.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of tests that change signs."
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="FILE",
    help="The report.  [default: comparison.html in RUN_B]",
)
@JSON
def compare(run_a: Path, run_b: Path, out: Path | None, as_json: bool, **judging: Any) -> None:
    """Compare two runs on the same footage: B is better or worse than A, the same, or it cannot be told."""
    from vidrobust.finished_runs.compare_runs import compare_runs
    from vidrobust.finished_runs.comparison_page import comparison_lines, write_comparison
    from vidrobust.run_folder.folder import RunFolder

    found = compare_runs(RunFolder.evaluated(run_a), RunFolder.evaluated(run_b), **judging)
    page = write_comparison(out or run_b / "comparison.html", plain(found))
    print_result(found, [*comparison_lines(found), f"report: {page}"], as_json)


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
