"""``vidrobust compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import JSON, PATH, all_but, end, print_result, refuse_idle, reporter
from vidrobust.files.json_text import plain
from vidrobust.finished_runs.comparison import MARGIN


@click.command()
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN_A RUN_B ...")
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
    default=MARGIN,
    show_default=True,
    metavar="SHARE",
    help="Differences up to this share of a metric do not matter.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of tests that change signs."
)
@click.option(
    "--fail-if",
    multiple=True,
    metavar="RULE",
    help='A rule on what B has more than A, such as "flip_rate.high > 0.01", or on the share of frames with another '
    'answer, "answers > 2%". Exit code 1 if one holds.',
)
@click.option(
    "--junit", type=PATH, metavar="FILE", help="Write the outcome of --fail-if as JUnit XML."
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="FILE",
    help="The report.  [default: comparison.html in RUN_B]",
)
@JSON
def compare(
    runs: tuple[Path, ...],
    fail_if: tuple[str, ...],
    junit: Path | None,
    out: Path | None,
    as_json: bool,
    **judging: Any,
) -> None:
    """Compare two runs on the same footage: B is better or worse than A, the same, or it cannot be told.

    One run of several models, or three runs and more, become a matrix of how often each two answer differently.
    """
    from vidrobust.finished_runs.gate import describe
    from vidrobust.plugins.comparison.compare_runs import compare_runs, outcomes
    from vidrobust.plugins.comparison.comparison_page import comparison_lines, write_comparison
    from vidrobust.plugins.comparison.matrix import agreement_matrix, matrix_lines
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.run_folder.gates import parse_gate

    gates = [parse_gate(rule) for rule in fail_if]  # a misspelt rule is refused before the work
    if junit and not gates:
        raise click.UsageError("--junit without --fail-if: there is no outcome to write")
    folders = [RunFolder.evaluated(path) for path in runs]
    if len(folders) != 2:
        refuse_idle(all_but("as_json"), "for a matrix of models")
        found = agreement_matrix(folders)
        print_result(found, matrix_lines(found), as_json)
        return
    result = compare_runs(*folders, **judging)
    page = write_comparison(out or runs[1] / "comparison.html", plain(result))
    print_result(result, [*comparison_lines(result), f"report: {page}"], as_json)
    if gates:
        code = describe(
            outcomes(gates, result), reporter(as_json), str(junit) if junit else None, "compare"
        )
        if code:
            end(code)
