"""Correlate runs; write what each study found.

Frames and clips are studied within each model, models across all of them: one study each, never pooled.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from cattrs import Converter

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.metrics import catalogue
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder, is_run_folder, remove_results
from vidrobust.run_folder.reader import tasks_of
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.doses import Doses
from vidrobust.stages.correlate.from_summaries import units_of_summaries
from vidrobust.stages.correlate.study import CorrelationResult, Group, correlate
from vidrobust.stages.correlate.units import Across, CorrelationUnits, units_of_run

SCHEMA = 1  # version of correlation.json
ACROSS: tuple[Across, ...] = ("frames", "clips", "models")


@functools.cache
def families() -> dict[str, str]:
    """Return perturbation -> family; imported here, since the catalogue imports torch and pages need none."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    return {key: str(entry.family) for key, entry in PERTURBATIONS.items()}


_Study = tuple[str, str, CorrelationResult]  # across, model, the study


@dataclass(frozen=True, kw_only=True)
class StudyConclusion:
    """What one study says, of a model or across models (""); ``sentences`` by perturbation."""

    across: str
    model: str = ""
    headline: str = ""
    sentences: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Conclusions:
    """The content of correlation.json: the studies, and why others could not be made."""

    schema: int = SCHEMA
    studies: tuple[StudyConclusion, ...] = ()
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = "correlation.json") -> Conclusions:
        """Read the content of a correlation.json, which may be empty; InputError for any other."""
        try:
            found = _CONVERTER.structure(content, cls)
        except Exception as error:  # cattrs gathers what is wrong in groups of its own
            raise InputError(
                f"{where}: is not the correlation.json of this version: {in_plain_words(error)}"
            ) from error
        if found.schema != SCHEMA:
            raise InputError(
                f"{where}: schema {found.schema} is not known, this version reads {SCHEMA}"
            )
        return found

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


class PooledRuns:
    """Several run folders read as one.

    Clips of the same content have one name, and what a model did on a clip counts once. A different clip or
    model of a name that is taken is called after its run.
    """

    def __init__(self, folders: Sequence[RunFolder]) -> None:
        self._folders = tuple(folders)
        self._items, self._models = _names(self._folders)
        known: dict[str, Mapping[str, Any]] = {}
        for folder, models in zip(self._folders, self._models, strict=True):
            for record in folder.run["models"]:
                name = models[str(record["name"])]
                known.setdefault(name, {**record, "name": name})
        self.run: dict[str, Any] = {"models": list(known.values())}

    @property
    def clips(self) -> int:
        return len({name for names in self._items for name in names.values()})

    @property
    def parts(self) -> dict[str, str]:
        return {
            items[item]: part
            for folder, items in zip(self._folders, self._items, strict=True)
            for item, part in folder.record.parts.items()
            if item in items
        }

    def table(self, name: str) -> pd.DataFrame:
        """Return the rows of all runs under their common names."""
        found: list[pd.DataFrame] = []
        seen: set[tuple[str, str]] = set()
        for folder, items, models in zip(self._folders, self._items, self._models, strict=True):
            rows = folder.table(name)
            # rows over all inputs have item "", which has no other name; what is measured of footage has no model
            names = {"item": items, "model": models}
            rows = rows.assign(
                **{c: rows[c].map(n).fillna(rows[c]) for c, n in names.items() if c in rows}
            )
            keys = list(zip(rows.get("model", rows["item"]), rows["item"], strict=True))
            # rows over all items of a run are its own
            found.append(rows[[key not in seen or key[1] == "" for key in keys]])
            seen |= set(keys)
        return pd.concat(found, ignore_index=True)


def _names(folders: Sequence[RunFolder]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    items: dict[str, str] = {}
    models: dict[str, str] = {}
    found: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for folder in folders:
        inputs = {
            str(e["item"]): str(e.get("sha256") or f"{folder.path}/{e['item']}")
            for e in folder.run["inputs"]
        }
        nets = {
            str(m["name"]): f"{m['name']}\x1f{m.get('weights_sha256') or ''}"
            for m in folder.run["models"]
        }
        for own, known, into in ((inputs, items, found[0]), (nets, models, found[1])):
            into.append(
                {name: _common(name, key, folder.path.name, known) for name, key in own.items()}
            )
    return found


def _common(name: str, key: str, run: str, known: dict[str, str]) -> str:
    if key not in known:
        taken, number = set(known.values()), 2
        wanted = name if name not in taken else f"{run}/{name}"
        while wanted in taken:
            wanted, number = f"{run}/{name} {number}", number + 1
        known[key] = wanted
    return known[key]


def correlate_runs(
    runs: Sequence[Path],
    out: Path,
    *,
    across: Sequence[Across] = ACROSS,
    resamples: int = 2000,
    seed: int = 0,
    reporter: Reporter,
) -> dict[str, Any]:
    """Correlate the models, clips and frames of several runs; write into ``out`` and return correlation.json."""
    folders = [RunFolder.existing(path) for path in runs]
    for each, name in itertools.product(folders, ("stability", "sensitivity")):
        if not len(each.table(name)):
            command = f"vidrobust {name} {shlex.quote(str(each.path))}"
            raise InputError(
                f"{each.path}: has no figures of the stage {name}; make them with {command}"
            )
    pooled = PooledRuns(folders)
    settings = Settings(resamples=resamples, seed=seed)
    folder = _empty_folder(out, settings)
    folder.update(
        inputs=[{"item": f"run {n}", "path": str(path)} for n, path in enumerate(runs, 1)]
    )
    models = len(pooled.run["models"])
    reporter.say(
        f"correlation of {len(runs)} runs: {pooled.clips} different clips, {models} models"
    )
    return write_studies(pooled, folder, settings, reporter, across)


def write_studies(
    tables_of: RunFolder | PooledRuns,
    folder: RunFolder,
    settings: Settings,
    reporter: Reporter,
    wanted: Sequence[Across] = ACROSS,
) -> dict[str, Any]:
    """Make the studies of a run or several, and write them into a folder; return correlation.json."""
    results: list[_Study] = []
    left_out: list[str] = []
    for across, model, units in _all_units(tables_of, wanted, left_out):
        name = f"across {across}{f', {model}' if model else ''}"
        result = correlate(units, families(), seed=settings.seed, resamples=settings.resamples)
        results.append((across, model, result))
        reporter.say(f"correlation {name}: {result.headline}")
    for reason in left_out:
        reporter.say(f"correlation: {reason}")
    return _write(folder, results, left_out)


def _empty_folder(out: Path, settings: Settings) -> RunFolder:
    if is_run_folder(out):
        if RunFolder.existing(out).settings.sources:
            raise SettingsError(f"{out}: holds a run on footage; give another --out")
        remove_results(out)
    return RunFolder.create(out, settings)


def _all_units(
    folder: RunFolder | PooledRuns, asked: Sequence[Across], left_out: list[str]
) -> list[tuple[Across, str, CorrelationUnits]]:
    sensitivity, stability = folder.table("sensitivity"), folder.table("stability")
    tasks = tasks_of(folder, sensitivity)
    by_task: dict[str, list[str]] = {}
    for model, task in tasks.items():
        by_task.setdefault(task.name, []).append(model)
    # only models of one task can be compared with each other
    alike = max(by_task.values(), key=len, default=[])
    parts = folder.parts if isinstance(folder, PooledRuns) else folder.record.parts
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
        own = (
            task.correlation.frames(folder.table),
            folder.table(task.correlation.pairs),
            sensitivity,
            stability,
        )
        frames, pairs, sensitive, stable = (table[table["model"].isin(names)] for table in own)
        try:
            if across == "models":
                margins = frames if "margin" in frames else None
                units = units_of_summaries(stable, sensitive, frames=margins, strict=False)
            else:
                how = task.correlation
                units = units_of_run(
                    frames,
                    pairs,
                    sensitive,
                    across=across,
                    model=model,
                    groups=parts,
                    how=how,
                    doses=doses,
                )
        except InputError as error:
            left_out.append(str(error))
            continue
        found.append((across, model, units))
    return found


def _write(folder: RunFolder, results: Sequence[_Study], left_out: Sequence[str]) -> dict[str, Any]:
    said = Conclusions(
        studies=tuple(
            StudyConclusion(
                across=across,
                model=model,
                headline=result.headline,
                sentences=dict(result.sentences),
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
    folder.write_json("correlation.json", said)
    return said
