"""The stage ``variation``: how much the footage itself varies, from pixels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Facts, StreamStage
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.pipeline.unit import Context, StreamWork


def _work(context: Context, model: Model | None) -> StreamWork:
    from vidrobust.stages.variation.unit import VariationUnit

    return VariationUnit(context)


def _summarise(run: Run, facts: Facts) -> None:
    from vidrobust.stages.variation.summary import summarise

    summarise(run, facts)


def _as_json(run: Run) -> Any:
    """The rows of the table ``variation``."""
    return run.folder.rows("variation")


VARIATION = StreamStage(
    name="variation",
    sentence="How much the footage itself varies, from pixels alone.",
    version=5,
    per="item",
    needs=(TRANSITIONS,),
    settings=(*FOOTAGE, "seed"),
    unit_tables=("changes",),
    tables=("variation", "spread"),
    work=_work,
    summarise=_summarise,
    as_json=_as_json,
)
