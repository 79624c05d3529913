"""The stage ``variation``: how much the footage itself varies, from pixels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Facts, StreamStage, StreamWork
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run


class VariationStage(StreamStage):
    """How much the footage itself varies, from pixels alone."""

    name = "variation"
    version = 5
    per = "item"
    needs = (TRANSITIONS,)
    settings = (*FOOTAGE, "seed")
    unit_tables = ("changes",)
    tables = ("variation", "spread")

    def work(self, context: Context, model: Model | None) -> StreamWork:
        from vidrobust.stages.variation.meter import VariationUnit

        return VariationUnit(context)

    def summarise(self, run: Run, facts: Facts) -> None:
        from vidrobust.stages.variation.summary import summarise

        summarise(run, facts)

    def as_json(self, run: Run) -> Any:
        return run.folder.rows("variation")


VARIATION = VariationStage()
