"""The stage ``moments``: the worst moments as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run


def _make(run: Run) -> None:
    from vidrobust.stages.moments.pictures import moments

    moments(run)


MOMENTS = TableStage(
    name="moments",
    sentence="The worst moments as pictures, and frames for the report's player.",
    version=3,
    needs=(STABILITY,),
    settings=("pictures",),
    tables=("player_frames",),
    files=("moments.json",),
    make=_make,
    command=False,
)
