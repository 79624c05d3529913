"""The stage ``transitions``: which neighbouring frames may be compared, and what each input is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidrobust.pipeline.stage import StreamStage

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.stage import Context, StreamWork

FOOTAGE = (
    *("backend", "color", "every", "fps", "start_s", "end_s"),
    *("roi", "crop"),
)
"""Settings that say which frames there are, and which neighbours may be compared."""


class TransitionsStage(StreamStage):
    """Which neighbouring frames may be compared, and what each input is."""

    name = "transitions"
    version = 5
    per = "item"
    settings = FOOTAGE
    unit_tables = ("transitions",)
    command = False

    def work(self, context: Context, model: Model | None) -> StreamWork:
        from vidrobust.stages.transitions.unit import TransitionsUnit

        return TransitionsUnit(context)


TRANSITIONS = TransitionsStage()
