"""The stage ``replays``: the models are asked again, of changed footage and with changes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run

NAME, VERSION, FILE = "replays", 1, "replays.json"
BOXES = ("only", "ignore", "entry_line")  # settings that say which boxes are looked at
SETTINGS = (*FOOTAGE, *BOXES, "seed", "labels", "label_offset", "class_map")
# Arms that are no remedies: what shifting alone does, and the answer to one changed copy.
CONTROL, LOOK = "resampled", "one-look"
FREE = ("steady-camera", "level-light", "no-flicker")  # what is bought once and costs no time per frame
SHARED = (*FREE, "less-noise")  # replays of the footage, the same for every model
RESIZES = ("another-resize-area", "another-resize-plain")
BLUR, STATISTICS = NETWORKS = ("blur-pool", "batch-norm")  # networks that are changed without training


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

    def make(self, run: Run) -> None:
        from vidrobust.stages.replays.arms import replay_all

        replay_all(run)


REPLAYS = ReplaysStage()
