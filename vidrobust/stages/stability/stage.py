"""The stage ``stability``: how stable the models are, frame to frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Facts, StreamStage, StreamWork
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings


# Names of the tables that a unit of the stage stability writes: those of classifiers, and those of detectors.

UNIT_TABLES = (
    *("frames", "pairs", "triples", "probabilities"),
    *("detections", "track_steps", "tracks", "box_counts", "box_pairs"),
)


TRACKS = (
    *("track_start_score", "track_keep_score", "max_gap"),
    *("min_boxes", "only", "class_score", "occluder", "ignore", "entry_line"),
)
"""Settings that say how boxes are followed."""


class StabilityStage(StreamStage):
    """How stable the models are, frame to frame."""

    name = "stability"
    version = 13
    per = "model"
    needs = (TRANSITIONS,)
    settings = (*FOOTAGE, "revert_within", *TRACKS)
    summary_settings = ("labels", "label_offset", "class_map")
    unit_tables = UNIT_TABLES
    tables = (
        *("stability", "stability_by", "by_place", "place_tests"),
        *("label_answers", "neighbour_accuracy", "model_pairs"),
        *("known_boxes", "known_tracks", "judged_tracks", "judged_steps", "truth_curve"),
    )
    spans_segments = True  # tracks, and reverts and jitter at the borders

    def extra_key(self, settings: Settings, model: Model | None) -> Any:
        from vidrobust.metrics.catalogue import versions_of

        assert model is not None, "a unit per model has one"
        return versions_of(model.task)

    def work(self, context: Context, model: Model | None) -> StreamWork:
        from vidrobust.stages.stability.unit import StabilityUnit

        assert model is not None, "a unit per model has one"
        return StabilityUnit(context, model, self.unit_tables)

    def whole_item(
        self,
        settings: Settings,
        model: Model,
        about: Mapping[str, Any],
        found: Mapping[str, pd.DataFrame],
        transitions: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:
        from vidrobust.metrics.catalogue import task_of
        from vidrobust.stages.stability.unit import along_time

        along = along_time(settings, float(about["frame_rate"]))
        return task_of(model.task).whole(found, transitions, (about["height"], about["width"]), along)

    def summarise(self, run: Run, facts: Facts) -> None:
        from vidrobust.stages.stability.summary import summarise

        summarise(run, facts)


STABILITY = StabilityStage()
