"""The stage ``boxes``: detectors at every threshold, and pictures of their worst moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run


class BoxesStage(TableStage):
    """Detectors: the stability at every threshold, and pictures of the worst moments."""

    name = "boxes"
    version = 4
    needs = (STABILITY,)
    settings = (*FOOTAGE, *TRACKS, "pictures")
    tables = ("box_curve", "name_changes")
    files = ("box_moments.json",)

    def make(self, run: Run) -> None:
        from vidrobust.stages.boxes.pictures import make

        make(run)

    def as_json(self, run: Run) -> Any:
        return {"curve": run.folder.rows("box_curve"), **run.folder.read_json("box_moments.json")}


BOXES = BoxesStage()
