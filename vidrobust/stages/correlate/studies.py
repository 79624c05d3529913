"""Correlate what a run measured; write what each study found.

Frames and clips are studied within each model, models across all of them: one study each, never pooled.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
from cattrs import Converter

from vidrobust.errors import InputError
from vidrobust.metrics import catalogue
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import HasModels, tasks_of
from vidrobust.run_folder.record import structured
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.doses import Doses
from vidrobust.stages.correlate.from_summaries import signs, units_of_summaries
from vidrobust.stages.correlate.study import CorrelationResult, Group, correlate
from vidrobust.stages.correlate.units import Across, CorrelationUnits, grouped, units_of_run

FILE = "correlation.json"
SCHEMA = 1  # version of correlation.json
ACROSS: tuple[Across, ...] = ("frames", "clips", "models")
# What is asked for by name alone, and the units whose means it takes.
MEANS_OF: dict[Across, Across] = {"parts": "clips", "runs": "clips", "classes": "frames"}


@functools.cache
def families() -> dict[str, str]:
    """Return perturbation -> family; imported here, since the catalogue imports torch and pages need none."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    return {key: str(entry.family) for key, entry in PERTURBATIONS.items()}


_Study = tuple[str, str, CorrelationResult]  # across, model, the study


@dataclass(frozen=True, kw_only=True)
class StudyConclusion:
    """What one study says, of a model or across models ("")."""

    across: str
    model: str = ""
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conclusions:
    """The content of correlation.json: the studies, and why others could not be made."""

    schema: int = SCHEMA
    studies: tuple[StudyConclusion, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = FILE) -> Conclusions:
        """Read the content of a correlation.json, which may be empty; InputError for any other."""
        conclusions = structured(_CONVERTER, content, cls, f"{where}: is not the correlation.json")
        if conclusions.schema != SCHEMA:
            raise InputError(
                f"{where}: schema {conclusions.schema} is not known, this version reads {SCHEMA}"
            )
        return conclusions

    def to_dict(self) -> dict[str, Any]:
        """Return plain values in the order of the file."""
        return dataclasses.asdict(self)

    def study(self, across: str, model: str) -> StudyConclusion:
        """Return one study; an empty one where the file does not have it."""
        for each in self.studies:
            if (each.across, each.model) == (across, model):
                return each
        return StudyConclusion(across=across, model=model)


def _number(value: Any, _: type) -> float:
    return math.nan if value is None else float(value)


_CONVERTER = Converter(detailed_validation=False)
_CONVERTER.register_structure_hook(float, _number)


class StudiedTables(HasModels, Protocol):
    """Tables of a run, or of several that are read as one."""

    def table(self, name: str) -> pd.DataFrame:
        """Return all rows of a table."""


def write_studies(
    tables_of: StudiedTables,
    parts: Mapping[str, str],
    folder: RunFolder,
    settings: Settings,
    reporter: Reporter,
    wanted: Sequence[Across] = ACROSS,
    run_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Make the studies of a run or several, and write them into a folder; return correlation.json.

    ``parts`` is item -> part of the footage, ``run_of`` item -> run, such as a week.
    """
    results: list[_Study] = []
    left_out: list[str] = []
    names = {"parts": parts, "runs": run_of or {}}
    for across, model, units in _all_units(tables_of, names, wanted, left_out):
        result = correlate(units, families(), seed=settings.seed, resamples=settings.resamples)
        results.append((across, model, result))
    return conclude(folder, results, left_out, reporter)


def _all_units(
    folder: StudiedTables,
    labels: Mapping[str, Mapping[str, str]],
    asked: Sequence[Across],
    left_out: list[str],
) -> list[tuple[Across, str, CorrelationUnits]]:
    sensitivity, stability = folder.table("sensitivity"), folder.table("stability")
    tasks = tasks_of(folder, sensitivity)
    by_task: dict[str, list[str]] = {}
    for model, task in tasks.items():
        by_task.setdefault(task.name, []).append(model)
    # only models of one task can be compared with each other
    alike = max(by_task.values(), key=len, default=[])
    items = sensitivity["item"].nunique()
    wanted: list[tuple[Across, str]] = []
    for across in asked:
        if across == "models":
            wanted += [(across, "")] if len(alike) > 1 else []
        elif across == "frames" or items > 1:
            wanted += [(across, model) for model in tasks]
    found = []
    alone = {
        m.column for name in catalogue.tasks() for m in catalogue.metrics_of(name) if not m.table
    }
    sensitivity = sensitivity[~sensitivity["metric"].isin(alone)]  # has no counterpart along time
    changes = folder.table("changes")
    doses = Doses(changes, families()) if len(changes) else None
    for across, model in wanted:
        task = tasks[model or alike[0]]
        names = [model] if model else alike
        its_units = (
            task.correlation.frames(folder.table),
            folder.table(task.correlation.pairs),
            sensitivity,
            stability,
        )
        frames, pairs, sensitive, stable = (
            table[table["model"].isin(names)] for table in its_units
        )
        try:
            if across == "models":
                margins = frames if "margin" in frames else None
                units = units_of_summaries(stable, sensitive, frames=margins, strict=False)
            else:
                how, base = task.correlation, MEANS_OF.get(across, across)
                units = units_of_run(
                    frames,
                    pairs,
                    sensitive,
                    across=base,
                    model=model,
                    groups=labels["parts"],
                    how=how,
                    doses=doses,
                )
                if base == "clips":
                    units = with_stability(units, stable)
                if across != base:
                    units = grouped(units, _labels(across, units, labels, frames), across)
        except InputError as error:
            left_out.append(str(error))
            continue
        found.append((across, model, units))
    return found


def _labels(
    across: Across,
    units: CorrelationUnits,
    labels: Mapping[str, Mapping[str, str]],
    frames: pd.DataFrame,
) -> list[str]:
    """The part, run or class of each unit, "" of those without; InputError where none has any."""
    known = labels.get(across, {})
    if across == "classes":
        if "label_name" not in frames:
            raise InputError(
                f"correlation across classes, model {units.model}: it gives no class of a frame"
            )
        name = frames["item"].astype(str) + ":" + frames["frame"].astype(str)
        known = dict(zip(name, frames["label_name"].fillna("").astype(str), strict=True))
    found = [known.get(str(name), "") for name in units.name]
    if not any(found):
        raise InputError(
            f"correlation across {across}, model {units.model}: no clip names its {across}"
        )
    return found


# Further kinds of instability across clips, which verdicts do not rest on: along time, of boxes, with labels.
ALONG_CLIPS = (
    *("flip_rate", "jitter", "revert_flip_rate", "conditional_robustness", "pm10"),
    *("uncovered_rate", "dropout_rate", "score_jitter", "center_jitter"),
)


def with_stability(units: CorrelationUnits, stability: pd.DataFrame) -> CorrelationUnits:
    """Add to units that are clips what the table ``stability`` has of each: larger is worse.

    A metric that not every clip has is left out.
    """
    wide = stability[stability["metric"].isin(ALONG_CLIPS)].pivot_table(
        index="item", columns="metric", values="value"
    )
    added = wide.reindex(units.name).dropna(axis=1).reset_index(drop=True)
    added = added[[name for name in ALONG_CLIPS if name in added and name not in units.instability]]
    turned = signs(added)
    return dataclasses.replace(
        units,
        instability=units.instability.join(added * pd.Series(turned)),
        turned=(*units.turned, *sorted(name for name, sign in turned.items() if sign < 0)),
    )


def conclude(
    folder: RunFolder, results: Sequence[_Study], left_out: Sequence[str], reporter: Reporter
) -> dict[str, Any]:
    """Say and write what studies (across, model, result) found; return correlation.json."""
    for across, model, result in results:
        counts = result.table.drop_duplicates("perturbation")["verdict"].value_counts()
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        of_model = f", {model}" if model else ""
        reporter.say(f"correlation across {across}{of_model}: {verdicts}")
    for reason in left_out:
        reporter.say(f"correlation: {reason}")
    conclusions = Conclusions(
        studies=tuple(
            StudyConclusion(
                across=across,
                model=model,
                groups=tuple(result.groups),
                notes=tuple(result.notes),
            )
            for across, model, result in results
        ),
        left_out=tuple(left_out),
    ).to_dict()
    if results:
        folder.write_table(
            "correlation", pd.concat([r.table for _, _, r in results], ignore_index=True)
        )
        matrix = pd.concat(
            [r.matrix.assign(across=a, model=m) for a, m, r in results], ignore_index=True
        )
        folder.write_table("correlation_matrix", matrix)
        units = [r.units.assign(across=a, model=m) for a, m, r in results]
        folder.write_table("correlation_units", pd.concat(units, ignore_index=True))
    folder.write_json(FILE, conclusions)
    return conclusions
