"""The stage ``remedies``: what makes it steadier without training, by how much and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.replays.stage import REPLAYS
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings


def _make(run: Run) -> None:
    from vidrobust.stages.remedies.make import remedies

    remedies(run)


def _check(settings: Settings) -> None:
    from vidrobust.stages.remedies.make import max_delay_ms

    max_delay_ms(settings)


def _as_json(run: Run) -> Any:
    """The rows of the table, as the contract has them."""
    from vidrobust.stages.remedies.make import summary

    return summary(run)


REMEDIES = TableStage(
    name="remedies",
    sentence="What makes it steadier without training, by how much and at what price.",
    version=5,
    needs=(STABILITY,),
    uses=(REPLAYS,),
    settings=(*FOOTAGE, *TRACKS, "revert_within", "max_delay", "labels", "label_offset", "class_map"),
    tables=("remedies",),
    files=("remedies.json",),
    make=_make,
    check=_check,
    as_json=_as_json,
)
