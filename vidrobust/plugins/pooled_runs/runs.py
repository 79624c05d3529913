"""Several run folders read as one, and correlated."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder, is_run_folder, remove_results
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.page import write_page
from vidrobust.stages.correlate.studies import ACROSS, write_studies
from vidrobust.stages.correlate.units import Across


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

    @property
    def run_of(self) -> dict[str, str]:
        """The run of each clip; what several runs hold is of the first."""
        named: dict[str, str] = {}
        for folder, items in zip(self._folders, self._items, strict=True):
            for name in items.values():
                named.setdefault(name, folder.path.name)
        return named

    def table(self, name: str) -> pd.DataFrame:
        """Return the rows of all runs under their common names."""
        parts: list[pd.DataFrame] = []
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
            parts.append(rows[[key not in seen or key[1] == "" for key in keys]])
            seen |= set(keys)
        return pd.concat(parts, ignore_index=True)


def _names(folders: Sequence[RunFolder]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    items: dict[str, str] = {}
    models: dict[str, str] = {}
    names: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for folder in folders:
        inputs = {
            str(e["item"]): str(e.get("sha256") or f"{folder.path}/{e['item']}")
            for e in folder.run["inputs"]
        }
        nets = {
            str(m["name"]): f"{m['name']}\x1f{m.get('weights_sha256') or ''}"
            for m in folder.run["models"]
        }
        for keys, known, into in ((inputs, items, names[0]), (nets, models, names[1])):
            into.append(
                {name: _common(name, key, folder.path.name, known) for name, key in keys.items()}
            )
    return names


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
    for run, name in itertools.product(folders, ("stability", "sensitivity")):
        if not len(run.table(name)):
            command = f"vidrobust {name} {shlex.quote(str(run.path))}"
            raise InputError(
                f"{run.path}: has no figures of the stage {name}; make them with {command}"
            )
    pooled = PooledRuns(folders)
    settings = Settings(resamples=resamples, seed=seed)
    folder = empty_folder(out, settings)
    folder.update(
        inputs=[{"item": f"run {n}", "path": str(path)} for n, path in enumerate(runs, 1)]
    )
    models = len(pooled.run["models"])
    reporter.say(
        f"correlation of {len(runs)} runs: {pooled.clips} different clips, {models} models"
    )
    conclusions = write_studies(
        pooled, pooled.parts, folder, settings, reporter, across, pooled.run_of
    )
    reporter.say(f"correlation: {write_page(folder)}")
    return conclusions


def empty_folder(out: Path, settings: Settings) -> RunFolder:
    """Return a run folder without footage; SettingsError if ``out`` holds a run on footage."""
    if is_run_folder(out):
        if RunFolder.existing(out).settings.sources:
            raise SettingsError(f"{out}: holds a run on footage; give another --out")
        remove_results(out)
    return RunFolder.create(out, settings)
