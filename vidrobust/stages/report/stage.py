"""The stage ``report``: a run folder becomes report.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vidrobust.pipeline.stage import Stage, TableStage
from vidrobust.stages.boxes.stage import BOXES
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.correlate.stage import CORRELATE
from vidrobust.stages.moments.stage import MOMENTS
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.variation.stage import VARIATION

if TYPE_CHECKING:
    from pathlib import Path

    from vidrobust.pipeline.run import OpenRun


class ReportStage(TableStage):
    """Write report.html and details.html of a run folder."""

    name = "report"
    version = 4
    uses: ClassVar[tuple[Stage, ...]] = (
        STABILITY,
        VARIATION,
        SENSITIVITY,
        CAUSES,
        MOMENTS,
        CORRELATE,
        POLICY,
        BOXES,
        REMEDIES,
    )
    settings = ("pictures",)
    files = ("report.html", "details.html")
    shows = True

    def make(self, run: OpenRun) -> None:
        from vidrobust.stages.report.page import write_report

        run.reporter.say(f"report: {write_report(run.path)}")

    def show(self, run: OpenRun) -> Path:
        from vidrobust.stages.report.page import write_summary

        return write_summary(run.path)

    def as_json(self, run: OpenRun) -> Any:
        return {"report": str(run.path / "report.html")}
