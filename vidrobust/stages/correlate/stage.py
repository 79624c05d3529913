"""The stage ``correlate``: which perturbations stand for what happens in the footage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.correlate.conclusions_file import FILE
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run


class CorrelateStage(TableStage):
    """Which perturbations stand for what happens in the footage: across frames, clips and models."""

    name = "correlate"
    version = 6
    needs = (STABILITY, SENSITIVITY)
    settings = ("resamples", "seed")
    files = (FILE,)

    def make(self, run: Run) -> None:
        from vidrobust.stages.correlate.conclusion import correlate

        correlate(run)

    def as_json(self, run: Run) -> Any:
        return run.folder.read_json(FILE)


CORRELATE = CorrelateStage()
