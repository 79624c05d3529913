"""The stage ``remedies``: the table ``remedies`` and remedies.json, from the tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import Stage, TableStage
from vidrobust.stages.remedies.inputs import input_stages
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE
from vidrobust.statement import Question

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings
    from vidrobust.stages.remedies.study import FootageTables, Studied

FILE = "remedies.json"
CONTRACT = (
    *("remedy", "model", "metric", "before", "after", "ratio", "low", "high", "verdict"),
    *("delay_frames", "delay_ms", "cost_ms", "agreement"),
)  # Columns that a line of the JSON begins with; the others follow


class RemediesStage(TableStage):
    """What makes it steadier without training, by how much and at what price."""

    name = "remedies"
    version = 13  # no abstention; of rules on boxes no filters that need later frames or a model of motion
    needs = (STABILITY,)
    settings = (
        *FOOTAGE,
        *TRACKS,
        "max_delay",
        "labels",
        "label_offset",
        "class_map",
    )
    tables = ("remedies",)
    files = (FILE,)
    question = Question.RULE

    @property
    def uses(self) -> tuple[Stage, ...]:
        return input_stages()

    def check(self, settings: Settings) -> None:
        max_delay_ms(settings)

    def make(self, run: OpenRun) -> None:
        from vidrobust.files.json_text import plain
        from vidrobust.stages.remedies.catalogue import recommended
        from vidrobust.stages.remedies.recommend import as_json
        from vidrobust.stages.remedies.row import table_of

        footage, limit = self._footage(run), max_delay_ms(run.settings)
        studies: dict[str, Studied] = {}
        for record in run.model_records:
            studied = self._study(run, record, footage, limit)
            if studied is None:
                run.reporter.say(
                    f"remedies, {record['name']}: it answered no frame, or no rule is known for it"
                )
            else:
                studies[str(record["name"])] = studied
        rows = []
        for done in studies.values():
            rows += done.rows
            if done.study is not None:
                rows += [row for stage in input_stages() for row in stage.rows(run, done.study)]
        run.folder.write_table("remedies", table_of(rows))
        summary = {
            model: {**as_json(each.recommended, limit), "resting_label": each.rest}
            for model, each in studies.items()
        }
        run.folder.write_json(FILE, {"models": plain(summary)})
        for model, each in summary.items():
            helps = "" if recommended(each) else ", not shown to help"
            best = f"{each['rule']}{helps}" if each["rule"] else "none"
            run.reporter.say(f"remedies, {model}: best rule within {limit:g} ms: {best}")

    def as_json(self, run: OpenRun) -> list[dict[str, Any]]:
        rows = run.folder.rows("remedies")
        return [{**{name: row[name] for name in CONTRACT}, **row} for row in rows]

    def _footage(self, run: OpenRun) -> FootageTables:
        from vidrobust.stages.remedies.study import FootageTables

        labels, items = run.table("labels"), run.table("items")
        names = (
            {model.name: tuple(model.class_names) for model in run.models} if len(labels) else {}
        )
        return FootageTables(
            transitions=run.table("transitions"),
            sizes=run.folder.record.sizes,
            frame_rates={entry.item: entry.frame_rate for entry in run.folder.record.inputs},
            parts={str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p},
            labels=labels,
            class_names=names,
            known_boxes=run.table("known_boxes") if len(labels) else None,
        )

    def _study(
        self, run: OpenRun, record: dict[str, Any], footage: FootageTables, limit: float
    ) -> Studied | None:
        import dataclasses

        from vidrobust.metrics.catalogue import task_of
        from vidrobust.stages.remedies.study import study_classifier, study_detector

        model, task = str(record["name"]), task_of(str(record["task"]))
        if task.labels_frames:
            tables = {
                name: run.table(name) for name in ("frames", "pairs", "triples", "probabilities")
            }
            if not (tables["frames"]["model"] == model).any():
                return None
            return study_classifier(model, tables, footage, max_delay_ms=limit)
        if not task.finds_boxes:
            return (
                None if task.remedies is None else task.remedies(model, run.table, footage, limit)
            )
        counts = run.table("box_counts")
        seen = footage.transitions["item"].isin(counts.loc[counts["model"] == model, "item"])
        if not seen.any():
            return None
        of_model = dataclasses.replace(footage, transitions=footage.transitions[seen])
        boxes = run.table("detections")
        return study_detector(model, boxes, of_model, run.settings, max_delay_ms=limit)


REMEDIES = RemediesStage()


def max_delay_ms(settings: Settings) -> float:
    """Return the setting ``max_delay`` in ms; SettingsError where it is no time."""
    from vidrobust.run_folder.declared import seconds_of

    return 1000.0 * seconds_of(settings.max_delay, "max_delay")
