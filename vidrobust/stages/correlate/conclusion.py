"""The stage correlate: of a run, and of tables from anywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.catalogue import TASKS, metrics_of
from vidrobust.metrics.task import Task
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import Run
from vidrobust.run_folder.folder import RunFolder, is_run_folder, remove_results
from vidrobust.run_folder.model_tasks import tasks_of
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.conclusions_file import (
    FILE,
    Conclusions,
    GroupConclusion,
    StudyConclusion,
    TogetherConclusion,
)
from vidrobust.stages.correlate.from_run import units_of_run
from vidrobust.stages.correlate.study import CorrelationResult, correlate_tables
from vidrobust.stages.correlate.study import correlate as correlate_units
from vidrobust.stages.correlate.together import Together, explain_together
from vidrobust.stages.correlate.units import Across, Units
from vidrobust.tables import schema as tables

# Several runs read as one: their models, clips and frames together, each clip and model under one name.


class PooledRuns:
    """What a correlation asks of a run folder, of several at once.

    Clips of the same content have one name, and what a model did on a clip counts once: the first run that has it.
    Models are the same where name and weights are; another model of the same name is called after its run. Where
    clips of other runs have the same name, they are called after their run.
    """

    def __init__(self, folders: Sequence[RunFolder]) -> None:
        self._folders = tuple(folders)
        self._items, self._models = _names(self._folders)
        self.run: dict[str, Any] = {"models": list(self._known_models().values())}

    @property
    def clips(self) -> int:
        """How many different clips there are."""
        return len({name for names in self._items for name in names.values()})

    @property
    def parts(self) -> dict[str, str]:
        """The part of each clip whose manifest names one."""
        return {
            items[item]: part
            for folder, items in zip(self._folders, self._items, strict=True)
            for item, part in folder.record.parts.items()
            if item in items
        }

    def table(self, name: str) -> pd.DataFrame:
        """The rows of all runs under their common names, those of a model on a clip from the first run alone."""
        found: list[pd.DataFrame] = []
        seen: set[tuple[str, str]] = set()
        for folder, items, models in zip(self._folders, self._items, self._models, strict=True):
            rows = folder.table(name)
            rows = rows.assign(item=_renamed(rows["item"], items), model=_renamed(rows["model"], models))
            keys = list(zip(rows["model"], rows["item"], strict=True))
            # rows over all items of a run are its own
            found.append(rows[[key not in seen or key[1] == "" for key in keys]])
            seen |= set(keys)
        return pd.concat(found, ignore_index=True)

    def _known_models(self) -> dict[str, Mapping[str, Any]]:
        known: dict[str, Mapping[str, Any]] = {}
        for folder, models in zip(self._folders, self._models, strict=True):
            for record in folder.run["models"]:
                name = models[str(record["name"])]
                known.setdefault(name, {**record, "name": name})
        return known


def _renamed(column: pd.Series, names: Mapping[str, str]) -> pd.Series:
    """Under the common names; what has none, as the rows over all clips, stays."""
    return column.map(dict(names)).fillna(column)


def _names(folders: Sequence[RunFolder]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Per run: item -> common name, model -> common name."""
    items: dict[str, str] = {}
    models: dict[str, str] = {}
    found: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for folder in folders:
        inputs = {
            str(e["item"]): str(e.get("sha256") or f"{folder.path}/{e['item']}") for e in folder.run["inputs"]
        }
        nets = {
            str(m["name"]): f"{m['name']}\x1f{m.get('weights_sha256') or ''}" for m in folder.run["models"]
        }
        for own, known, into in ((inputs, items, found[0]), (nets, models, found[1])):
            into.append({name: _common(name, key, folder.path.name, known) for name, key in own.items()})
    return found


def _common(name: str, key: str, run: str, known: dict[str, str]) -> str:
    """The name of what has this key; a new one is called by its own name, or after its run where that is taken."""
    if key not in known:
        taken, number = set(known.values()), 2
        wanted = name if name not in taken else f"{run}/{name}"
        while wanted in taken:
            wanted, number = f"{run}/{name} {number}", number + 1
        known[key] = wanted
    return known[key]


ACROSS: tuple[Across, ...] = ("frames", "clips", "models")
FAMILIES = {key: str(entry.family) for key, entry in PERTURBATIONS.items()}


def correlate(run: Run) -> None:
    """Which perturbations are proxies: across frames and clips within each model, and across models.

    Each is a study of its own, never pooled; one that has no units is left out with its reason.
    """
    _studies(run.folder, run.folder, run.settings, run.reporter)


def correlate_runs(
    runs: Sequence[Path],
    out: Path,
    *,
    across: Sequence[Across] = ACROSS,
    resamples: int = 2000,
    seed: int = 0,
    reporter: Reporter,
) -> dict[str, Any]:
    """The same of several runs together: their models, clips and frames; written into ``out``."""
    pooled = PooledRuns([RunFolder.existing(path) for path in runs])
    settings = Settings(resamples=resamples, seed=seed)
    folder = _empty_folder(out, settings)
    folder.update(
        inputs=[{"item": f"run {number}", "path": str(path)} for number, path in enumerate(runs, 1)]
    )
    models = len(pooled.run["models"])
    reporter.say(f"correlation of {len(runs)} runs: {pooled.clips} different clips, {models} models")
    return _studies(pooled, folder, settings, reporter, across)


def _studies(
    tables_of: RunFolder | PooledRuns,
    folder: RunFolder,
    settings: Settings,
    reporter: Reporter,
    wanted: Sequence[Across] = ACROSS,
) -> dict[str, Any]:
    """The studies of the tables, written into a folder."""
    results: list[tuple[str, str, CorrelationResult, Together | None]] = []
    left_out: list[str] = []
    for across, model, units in _all_units(tables_of, wanted, left_out):
        result = correlate_units(units, FAMILIES, seed=settings.seed, resamples=settings.resamples)
        try:
            together = explain_together(units, seed=settings.seed)
        except InputError as error:
            together = None
            left_out.append(f"across {across}{f', {model}' if model else ''}, all perturbations {error}")
        results.append((across, model, result, together))
        reporter.say(f"correlation across {across}{f', {model}' if model else ''}: {result.headline}")
        if together is not None:
            reporter.say(f"  {together.sentence}")
    for reason in left_out:
        reporter.say(f"correlation: {reason}")
    return _write(folder, results, left_out)


def _empty_folder(out: Path, settings: Settings) -> RunFolder:
    """A folder for results alone; SettingsError where there is a run on footage."""
    if is_run_folder(out):
        if RunFolder.existing(out).settings.sources:
            raise SettingsError(f"{out}: holds a run on footage; give another --out")
        remove_results(out)
    return RunFolder.create(out, settings)


def correlate_files(
    stability: Path,
    sensitivity: Path,
    out: Path,
    *,
    across: Sequence[Across] = ("models",),
    given: Sequence[str] = (),
    foreign: Sequence[str] = (),
    higher_is_better: Mapping[str, bool] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    reporter: Reporter,
) -> dict[str, Any]:
    """Correlate tables from anywhere that have the contract's columns; write the result into ``out``."""
    settings = Settings(resamples=resamples, seed=seed)
    stable, sensitive = tables.read_file("stability", stability), tables.read_file("sensitivity", sensitivity)
    folder = _empty_folder(out, settings)
    folder.update(inputs=[{"item": "stability", "path": str(stability)}])
    results: list[tuple[str, str, CorrelationResult, Together | None]] = []
    for each in across:
        result = correlate_tables(
            stable,
            sensitive,
            across=each,
            given=list(given) or None,
            foreign=foreign,
            families=FAMILIES,
            higher_is_better=higher_is_better,
            seed=seed,
            resamples=resamples,
        )
        results.append((each, "", result, None))
        reporter.say(f"correlation across {each}: {result.headline}")
    return _write(folder, results, [])


def _all_units(
    folder: RunFolder | PooledRuns, asked: Sequence[Across], left_out: list[str]
) -> list[tuple[Across, str, Units]]:
    sensitivity, stability = folder.table("sensitivity"), folder.table("stability")
    tasks = tasks_of(folder, sensitivity)
    alike = _most_alike(tasks)
    parts = folder.parts if isinstance(folder, PooledRuns) else folder.record.parts
    items = sensitivity["item"].nunique()
    wanted: list[tuple[Across, str]] = []
    for across in asked:
        if across == "models":
            wanted += [("models", "")] if len(alike) > 1 else []
        elif across == "clips":
            wanted += [("clips", model) for model in tasks] if items > 1 else []
        else:
            wanted += [("frames", model) for model in tasks]
    found = []
    alone = {m.column for name in TASKS for m in metrics_of(name) if not m.table}
    sensitivity = sensitivity[~sensitivity["metric"].isin(alone)]  # has no counterpart along time
    for across, model in wanted:
        task = tasks[model or alike[0]]
        names = [model] if model else alike
        own = [
            table[table["model"].isin(names)]
            for table in (
                task.correlation.frames(folder.table),
                folder.table(task.correlation.pairs),
                sensitivity,
                stability,
            )
        ]
        try:
            units = units_of_run(
                *own,
                across=across,
                model=model or None,
                groups=parts if across != "models" else None,
                how=task.correlation,
            )
        except InputError as error:
            left_out.append(str(error))
            continue
        found.append((across, model, units))
    return found


def _most_alike(tasks: Mapping[str, Task]) -> list[str]:
    """The models of the task that most of them have: only those can be compared with each other."""
    of: dict[str, list[str]] = {}
    for model, task in tasks.items():
        of.setdefault(task.name, []).append(model)
    return max(of.values(), key=len, default=[])


def _write(
    folder: RunFolder,
    results: Sequence[tuple[str, str, CorrelationResult, Together | None]],
    left_out: Sequence[str],
) -> dict[str, Any]:
    """correlation.parquet, the matrices, and what they say in words (correlation.json)."""
    said = Conclusions(
        studies=tuple(
            StudyConclusion(
                across=across,
                model=model,
                headline=result.headline,
                sentences=dict(result.sentences),
                groups=tuple(GroupConclusion(**dataclasses.asdict(group)) for group in result.groups),
                notes=tuple(result.notes),
                together=None if together is None else TogetherConclusion(**dataclasses.asdict(together)),
            )
            for across, model, result, together in results
        ),
        left_out=tuple(left_out),
    ).to_dict()
    if results:
        folder.write_table("correlation", pd.concat([r.table for _, _, r, _ in results], ignore_index=True))
        matrix = pd.concat([r.matrix.assign(across=a, model=m) for a, m, r, _ in results], ignore_index=True)
        folder.write_table("correlation_matrix", matrix)
    folder.write_json(FILE, said)
    return said
