"""The stage ``stability``: how stable the models are, frame to frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Facts, StreamStage
from vidrobust.stages.stability.tables import UNIT_TABLES
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.pipeline.unit import Context, StreamWork
    from vidrobust.run_folder.settings import Settings

TRACKS = (
    *("track_start_score", "track_keep_score", "track_iou", "max_gap"),
    *("min_boxes", "only", "class_score", "occluder", "ignore", "entry_line"),
)
"""Settings that say how boxes are followed."""


def _work(context: Context, model: Model | None) -> StreamWork:
    from vidrobust.stages.stability.unit import StabilityUnit

    assert model is not None, "a unit per model has one"
    return StabilityUnit(context, model)


def _whole_item(
    settings: Settings,
    model: Model,
    about: Mapping[str, Any],
    found: Mapping[str, pd.DataFrame],
    transitions: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    from vidrobust.stages.stability.unit import whole_item

    return whole_item(settings, model, about, found, transitions)


def _metrics_in_force(settings: Settings, model: Model | None) -> Any:
    """The metrics of the model's task, some of which other packages may bring."""
    from vidrobust.metrics.catalogue import versions_of

    assert model is not None, "a unit per model has one"
    return versions_of(model.task)


def _summarise(run: Run, facts: Facts) -> None:
    from vidrobust.stages.stability.summary import summarise

    summarise(run, facts)


STABILITY = StreamStage(
    name="stability",
    sentence="How stable the models are, frame to frame.",
    version=11,
    per="model",
    needs=(TRANSITIONS,),
    settings=(*FOOTAGE, "anchor_deltas", "revert_within", *TRACKS),
    summary_settings=("labels", "label_offset", "class_map"),
    extra_key=_metrics_in_force,
    unit_tables=UNIT_TABLES,
    tables=(
        *("stability", "stability_by", "by_place", "place_tests"),
        *("label_answers", "neighbour_accuracy", "model_pairs"),
        *("known_boxes", "known_tracks", "judged_tracks", "judged_steps", "truth_curve"),
    ),
    work=_work,
    whole_item=_whole_item,
    summarise=_summarise,
)
