"""The stage ``moments``: the worst moments as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun


class MomentsStage(TableStage):
    """The worst moments as pictures, and frames for the report's player."""

    name = "moments"
    version = 7  # strips show light with edges
    needs = (STABILITY,)
    uses = (CAUSES,)
    settings = ("pictures", "pairs")
    tables = ("player_frames",)
    files = ("moments.json",)
    command = False

    def make(self, run: OpenRun) -> None:
        from vidrobust.stages.moments.pictures import moments

        moments(run)


MOMENTS = MomentsStage()
