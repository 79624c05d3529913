"""Registers the simulated line without slow imports."""

from __future__ import annotations

from vidrobust.finished_runs.demo import Demo
from vidrobust.pipeline.progress import Reporter


def _run(out: str, reporter: Reporter) -> list[str]:
    from vidrobust.plugins.line.demo import demo_line

    return demo_line(out, reporter)


DEMO = Demo(
    name="line",
    help="footage rendered with known truth, and what was planted beside what was found; some six minutes",
    out="reports/demo-line",
    run=_run,
)
