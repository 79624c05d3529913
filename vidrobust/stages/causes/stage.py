"""The stage ``causes``: pairs are replayed once for all models, and make the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Found, Look, Read, SampleStage, Trim
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS
from vidrobust.statement import Question
from vidrobust.statistics.levels import FEWEST_ROWS

if TYPE_CHECKING:
    from vidrobust.frames.batch import VideoInfo
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.source import VideoSource


class CausesStage(SampleStage):
    """Why the output changed: measured changes replayed one by one, and the account of causes."""

    name = "causes"
    version = 41  # light with edges and by rows; pairs that could not be measured
    per = "model"
    needs = (TRANSITIONS, STABILITY)
    settings = (*FOOTAGE, "seed", "pictures")
    summary_settings = ("pairs", "budget", "only", "ignore", "entry_line")
    unit_tables = (
        *("causes", "candidate_fits", "place_causes", "place_candidate_fits"),
        *("places", "strips"),
    )
    tables = (
        *("account", "account_by", "named"),
        *("place_account", "place_account_by", "place_named"),
    )
    budgeted = "pairs"
    step = "pairs"
    grows = True
    question = Question.WHY

    def least(self, settings: Settings) -> dict[str, int]:
        """Return the fewest pairs of which an account is given."""
        return {"pairs": FEWEST_ROWS}

    def extra_key(self, settings: Settings, model: Model | None) -> Any:
        assert model is not None, "a unit per model has one"
        from vidrobust.metrics.catalogue import is_detector, plugin_of

        if not is_detector(model):
            brought = plugin_of(model.task)
            return {"task": brought} if brought else {}
        # which boxes count: their scores, classes and places
        start, keep = settings.track_start_score, settings.track_keep_score
        return {"track_start_score": start, "track_keep_score": keep, **settings.chosen_boxes}

    def work(self, context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
        from vidrobust.stages.causes.unit import work

        return work(context, source, models, self.unit_tables)

    def frames_needed(self, context: Context) -> Sequence[int]:
        from vidrobust.stages.causes.unit import frames_needed

        return frames_needed(context)

    def trim(self, read: Read, content: str, settings: Settings, count: int) -> Trim:
        from vidrobust.stages.causes.pairs import trimmed_to

        return trimmed_to(read, content, settings.seed, count)

    def steps(self, settings: Settings) -> float:
        from vidrobust.stages.causes.pairs import SECOND_SHARE

        return 1 + 1 / SECOND_SHARE

    def at_once(self, info: VideoInfo, models: Sequence[Model]) -> int:
        from vidrobust.stages.causes.unit import abreast, factor_of

        return min(abreast(info, factor_of(model, info)) for model in models)

    def conclude(self, run: OpenRun, looks: Sequence[Look]) -> None:
        from vidrobust.stages.causes.naming import conclude

        conclude(run, looks)

    def undecided(self, run: OpenRun) -> bool:
        from vidrobust.stages.causes.naming import undecided

        return undecided(run)

    def as_json(self, run: OpenRun) -> Any:
        return run.folder.rows("account")


CAUSES = CausesStage()
