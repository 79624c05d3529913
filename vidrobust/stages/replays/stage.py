"""The stage ``replays``: the models are asked again, of changed footage and with changes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.replays.names import FILE, NAME, SETTINGS, VERSION
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun


class ReplaysStage(TableStage):
    """What the models answer to footage without its causes, and when they are changed without training."""

    name = NAME
    version = VERSION
    needs = (STABILITY,)
    uses = (POLICY,)
    settings = SETTINGS
    tables = ("replayed_answers", "replayed_boxes")
    files = (FILE,)
    command = False
    on_request = True

    def make(self, run: OpenRun) -> None:
        from vidrobust.stages.replays.arms import replay_all

        replay_all(run)


REPLAYS = ReplaysStage()
