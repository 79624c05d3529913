"""The stage ``replays``: the models asked again, of footage without its causes and with changes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.replays.names import FILE, NAME, SETTINGS, VERSION
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run


def _make(run: Run) -> None:
    from vidrobust.stages.replays.make import replay_all

    replay_all(run)


REPLAYS = TableStage(
    name=NAME,
    sentence="What the models answer to footage without its causes, and when they are changed without training.",
    version=VERSION,
    needs=(STABILITY,),
    uses=(POLICY,),
    settings=SETTINGS,
    tables=("replayed_answers", "replayed_boxes"),
    files=(FILE,),
    make=_make,
    command=False,
    on_request=True,
)
