"""The stage ``stability``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Context, Facts, StreamStage, StreamWork
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS
from vidrobust.statement import Question
from vidrobust.statistics.levels import FEWEST_ROWS

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings


UNIT_TABLES = (
    *("frames", "pairs", "triples", "probabilities"),
    *("detections", "object_frames", "tracks", "box_counts", "box_pairs"),
    *("task_frames", "task_pairs", "task_parts"),
)
# Settings that say how boxes are followed.
TRACKS = (
    *("track_start_score", "track_keep_score", "max_gap"),
    *("min_boxes", "only", "class_score", "occluder", "ignore", "entry_line"),
)


class StabilityStage(StreamStage):
    """How stable the models are, frame to frame."""

    name = "stability"
    version = 19  # the noise floor asks other ways to the model's input
    per = "model"
    needs = (TRANSITIONS,)
    settings = (*FOOTAGE, *TRACKS)
    summary_settings = ("labels", "label_offset", "class_map")
    unit_tables = UNIT_TABLES
    tables = (
        *("stability", "stability_by"),
        *("label_answers", "neighbour_accuracy", "model_pairs"),
        *(
            "known_boxes",
            "judged_boxes",
            "known_tracks",
            "judged_tracks",
            "judged_steps",
            "truth_curve",
        ),
        "task_truth",
    )
    question = Question.STABLE
    spans_segments = True  # tracks, and reverts and jitter at the borders

    def least(self, settings: Settings) -> dict[str, int]:
        return {"neighbours": FEWEST_ROWS}

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
        tables: Mapping[str, pd.DataFrame],
        transitions: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:
        from vidrobust.metrics.catalogue import task_of

        along = settings.along_time(float(about["frame_rate"]))
        return task_of(model.task).whole(
            tables, transitions, (about["height"], about["width"]), along
        )

    def summarise(self, run: OpenRun, facts: Facts) -> None:
        from vidrobust.metrics.catalogue import metrics_of, task_of
        from vidrobust.metrics.metric import ANCHOR_DELTAS
        from vidrobust.metrics.tracks.measures import without_absent
        from vidrobust.run_folder.reader import with_parts
        from vidrobust.stages.stability import rates, summary, with_labels
        from vidrobust.tables import schema

        of_pixels = summary.pixel_floor(run)
        by_way = summary.floors_by_way(facts)
        floors = {model: {**ways, **of_pixels.get(model, {})} for model, ways in by_way.items()}
        run.folder.update(noise_floor=floors, ms_a_frame=summary.ms_a_frame(facts))
        summary.report_box_files(run, facts)
        run.folder.update(judged={}, labels_outside={})
        summaries, by = [summary.floor_rows(facts)], [schema.empty("stability_by")]
        judged: dict[str, pd.DataFrame] = {}
        parts = {item.name: item.part for item in run.inputs.items if item.part}
        for task in dict.fromkeys(model.task for model in run.models):
            names = [model.name for model in run.models if model.task == task]
            raw = {name: run.table(name) for name in task_of(task).tables}
            mine = {n: with_parts(t[t["model"].isin(names)], parts) for n, t in raw.items()}
            found = with_labels.judged(run, task_of(task), mine)
            summaries.insert(0, found.pop("stability", schema.empty("stability")))
            mine, judged = {**mine, **found}, {**judged, **found}
            if "judged_steps" in found:
                mine["object_frames"] = without_absent(mine["object_frames"], found["judged_steps"])
            metrics = metrics_of(task, ANCHOR_DELTAS)
            summaries.insert(0, rates.summarise(mine, metrics))
            by.append(rates.summarise_by_class(mine, metrics))
            by.append(rates.summarise_by(mine, metrics, task_of(task).groups))
        with_labels.write(run, judged)
        for name, several in (("stability", summaries), ("stability_by", by)):
            run.folder.write_table(name, schema.joined(name, several))


STABILITY = StabilityStage()
