"""The stage ``unknown``: how much of the footage lies outside what a classifier was trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.plugins.unknown.settings import UnknownSettings
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings


class UnknownStage(TableStage):
    """How much of the footage lies outside what the models were trained for, and are they unstable there?"""

    name = "unknown"
    version = 3  # four scores
    needs = (STABILITY,)
    settings = (
        *(*FOOTAGE, "known", "false_alarms", "scored_frames", "pictures"),
        *("labels", "label_offset", "class_map"),
    )
    tables = ("unknown", "unknown_links", "unknown_frames")
    files = ("unknown.json",)

    def make(self, run: OpenRun) -> None:
        from vidrobust.plugins.unknown.make import make

        make(run)

    def reads(self, settings: Settings) -> Any:
        from vidrobust.plugins.unknown.changed import state_of

        known = settings.of(UnknownSettings).known
        return state_of(known) if known else None

    def as_json(self, run: OpenRun) -> Any:
        found = run.folder.read_json("unknown.json")
        return {
            **found,
            "scores": run.folder.rows("unknown"),
            "links": run.folder.rows("unknown_links"),
        }


UNKNOWN = UnknownStage()
