"""The stage ``look``: frames of the footage, asked about again after changes that nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun


class LookStage(TableStage):
    """Whether the answer to one picture depends on the batch, the engine, the decoder or a pixel's shift."""

    name = "look"
    version = 1
    needs = (TRANSITIONS, STABILITY)
    settings = (*FOOTAGE, "track_start_score")
    tables = ("look",)
    command = False
    on_request = True

    def make(self, run: OpenRun) -> None:
        from vidrobust.plugins.look.again import asked_again

        run.folder.write_table("look", asked_again(run))

    def as_json(self, run: OpenRun) -> Any:
        from vidrobust.run_folder.reader import RunTables
        from vidrobust.stages.answer.text import first_answer

        return first_answer(RunTables(run.path)) | {"same_picture": run.folder.rows("look")}


LOOK = LookStage()
