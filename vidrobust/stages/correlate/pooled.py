"""Several runs read as one: their models, clips and frames together, each clip and model under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vidrobust.run_folder.folder import RunFolder


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
            rows = folder.table_or_empty(name)
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
