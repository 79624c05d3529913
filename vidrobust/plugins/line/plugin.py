"""Registers the demos of the simulated line without slow imports."""

from __future__ import annotations

from vidrobust.finished_runs.demo import Demo
from vidrobust.report.section import called

DEMOS = (
    Demo(
        name="lamp",
        help="a simulated line under a lamp that flickers: the cause is known; some two minutes on two processors",
        out="reports/demo",
        run=called("vidrobust.plugins.line.lamp:demo_lamp"),
        comes_first=True,
    ),
    Demo(
        name="line",
        help="footage rendered with known truth, and what was planted beside what was found; some six minutes",
        out="reports/demo-line",
        run=called("vidrobust.plugins.line.demo:demo_line"),
    ),
)
