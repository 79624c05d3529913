"""Registers the demos of the simulated line without slow imports."""

from __future__ import annotations

from vidrobust.finished_runs.demo import Demo
from vidrobust.pipeline.progress import Reporter


def _lamp(out: str, reporter: Reporter) -> list[str]:
    from vidrobust.plugins.line.lamp import demo_lamp

    return demo_lamp(out, reporter)


def _line(out: str, reporter: Reporter) -> list[str]:
    from vidrobust.plugins.line.demo import demo_line

    return demo_line(out, reporter)


DEMOS = (
    Demo(
        name="lamp",
        help="a simulated line under a lamp that flickers: the cause is known; some two minutes on two processors",
        out="reports/demo",
        run=_lamp,
        comes_first=True,
    ),
    Demo(
        name="line",
        help="footage rendered with known truth, and what was planted beside what was found; some six minutes",
        out="reports/demo-line",
        run=_line,
    ),
)
