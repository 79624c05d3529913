"""The stage ``causes``: why the output changed, by replays of measured changes, and the account of causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Found, Look, Read, SampleStage, Trim
from vidrobust.stages.causes.tables import UNIT_TABLES
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.source import VideoSource


class CausesStage(SampleStage):
    """Why the output changed: measured changes replayed one by one, and the account of causes."""

    name = "causes"
    version = 24
    per = "model"
    needs = (TRANSITIONS, STABILITY)
    settings = (*FOOTAGE, "seed")
    summary_settings = ("pairs", "budget", "only", "ignore", "entry_line")
    unit_tables = UNIT_TABLES
    tables = (
        *("account", "account_by", "named"),
        *("place_account", "place_account_by", "place_named"),
    )
    budgeted = "pairs"
    step = "pairs"
    grows = True

    def extra_key(self, settings: Settings, model: Model | None) -> Any:
        from vidrobust.stages.causes.unit import extra_key

        assert model is not None, "a unit per model has one"
        return extra_key(settings, model)

    def work(self, context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
        from vidrobust.stages.causes.unit import work

        return work(context, source, models)

    def frames_needed(self, context: Context) -> Sequence[int]:
        from vidrobust.stages.causes.unit import frames_needed

        return frames_needed(context)

    def trim(self, read: Read, content: str, settings: Settings, count: int) -> Trim:
        from vidrobust.stages.causes.pair_choice import trim

        return trim(read, content, settings, count)

    def steps(self, settings: Settings) -> float:
        from vidrobust.stages.causes.pair_choice import steps

        return steps(settings)

    def conclude(self, run: Run, looks: Sequence[Look]) -> None:
        from vidrobust.stages.causes.summary import conclude

        conclude(run, looks)

    def undecided(self, run: Run) -> bool:
        from vidrobust.stages.causes.summary import undecided

        return undecided(run)

    def as_json(self, run: Run) -> Any:
        return run.folder.rows("account")


CAUSES = CausesStage()
