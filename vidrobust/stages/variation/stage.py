"""The stage ``variation``: how much the footage itself varies, from pixels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Facts, StreamStage, StreamWork
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import OpenRun


class VariationStage(StreamStage):
    """How much the footage itself varies, from pixels alone."""

    name = "variation"
    version = 6
    per = "item"
    needs = (TRANSITIONS,)
    settings = (*FOOTAGE, "seed")
    unit_tables = ("changes",)
    tables = ("variation", "spread")

    def work(self, context: Context, model: Model | None) -> StreamWork:
        from vidrobust.stages.variation.meter import VariationUnit

        return VariationUnit(context)

    def summarise(self, run: OpenRun, facts: Facts) -> None:
        from vidrobust.stages.variation.meter import summarise
        from vidrobust.stages.variation.spread import spread_of

        changes, inputs = run.table("changes"), run.folder.run["inputs"]
        widths = {entry["item"]: int(entry["width"]) for entry in inputs}
        run.folder.write_table("variation", summarise(changes))
        run.folder.write_table("spread", spread_of(changes, widths))
        for entry in inputs:
            of_item = [fact for name, fact in facts.items() if name[0] == entry["item"]]
            entry["variation"] = dict(of_item[0]) if len(of_item) == 1 else {"segments": of_item}
        run.folder.update(inputs=inputs)

    def as_json(self, run: OpenRun) -> Any:
        return run.folder.rows("variation")


VARIATION = VariationStage()
