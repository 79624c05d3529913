"""The stage ``remedies``: what makes a model steadier without training, by how much and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.replays.stage import REPLAYS
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE
from vidrobust.statement import Question

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings


class RemediesStage(TableStage):
    """What makes it steadier without training, by how much and at what price."""

    name = "remedies"
    version = 6
    needs = (STABILITY,)
    uses = (REPLAYS,)
    settings = (*FOOTAGE, *TRACKS, "revert_within", "max_delay", "labels", "label_offset", "class_map")
    tables = ("remedies",)
    files = ("remedies.json",)
    question = Question.RULE

    def check(self, settings: Settings) -> None:
        from vidrobust.stages.remedies.make import max_delay_ms

        max_delay_ms(settings)

    def make(self, run: Run) -> None:
        from vidrobust.stages.remedies.make import remedies

        remedies(run)

    def as_json(self, run: Run) -> Any:
        from vidrobust.stages.remedies.make import summary

        return summary(run)


REMEDIES = RemediesStage()
