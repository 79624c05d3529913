"""The stage ``boxes``: detectors at every threshold, and pictures of their worst moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run


def _make(run: Run) -> None:
    from vidrobust.stages.boxes.pictures import make

    make(run)


def _as_json(run: Run) -> Any:
    """The curve over thresholds, and the worst moments."""
    return {"curve": run.folder.rows("box_curve"), **run.folder.read_json("box_moments.json")}


BOXES = TableStage(
    name="boxes",
    sentence="Detectors: the stability at every threshold, and pictures of the worst moments.",
    version=4,
    needs=(STABILITY,),
    settings=(*FOOTAGE, *TRACKS, "pictures"),
    tables=("box_curve", "name_changes"),
    files=("box_moments.json",),
    make=_make,
    as_json=_as_json,
)
