"""``vidrobust compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import JSON, PATH, print_result
from vidrobust.files.json_text import plain
from vidrobust.finished_runs.comparison import MARGIN


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
    default=MARGIN,
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
    from vidrobust.plugins.comparison.compare_runs import compare_runs
    from vidrobust.plugins.comparison.comparison_page import comparison_lines, write_comparison
    from vidrobust.run_folder.folder import RunFolder

    result = compare_runs(RunFolder.evaluated(run_a), RunFolder.evaluated(run_b), **judging)
    page = write_comparison(out or run_b / "comparison.html", plain(result))
    print_result(result, [*comparison_lines(result), f"report: {page}"], as_json)
