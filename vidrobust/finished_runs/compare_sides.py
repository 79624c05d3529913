"""Which footage and models of two run folders belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.text.phrases import listing, plural


@dataclass(frozen=True)
class Side:
    """One model of one run, its items under names that both runs share."""

    folder: RunFolder
    model: str
    task: str
    names: Mapping[str, str]  # item of the run -> shared name
    part: Mapping[str, str]  # shared name -> part, "" where unknown

    def table(self, name: str) -> pd.DataFrame:
        """The rows of the model on shared items, with the column ``part``."""
        table = self.folder.table(name)
        table = table[(table["model"] == self.model) & table["item"].isin(list(self.names))]
        table = table.assign(item=table["item"].map(dict(self.names)))
        return table.assign(part=table["item"].map(dict(self.part)))

    def figure(self, metric: str) -> float | None:
        """The metric as the run itself reports it, over all of its footage."""
        figures = self.folder.metrics.models[self.model].figures
        return figures[metric].value if metric in figures else None


def sides_of(
    a: RunFolder, b: RunFolder, model_a: str | None, model_b: str | None
) -> tuple[Side, Side, str, list[str]]:
    """Return the two sides, by what their footage is paired, and what is left out (InputError if they share
    none).
    """
    models = [folder.record.tasks for folder in (a, b)]
    shared = [name for name in models[0] if name in models[1]]
    wanted = [model_a, model_b]
    for k, name in enumerate(wanted):
        if name is None:
            if len(models[k]) > 1 and not (len(shared) == 1 and wanted == [None, None]):
                several = ", ".join(models[k])
                raise SettingsError(
                    f"{(a, b)[k].path} has several models; choose with --model-{'ab'[k]}: {several}"
                )
            wanted[k] = shared[0] if len(models[k]) > 1 else next(iter(models[k]))
        elif name not in models[k]:
            raise SettingsError(f"{(a, b)[k].path} has no model {name}; it has {', '.join(models[k])}")
    tasks = [models[k][str(wanted[k])] for k in (0, 1)]
    if tasks[0] != tasks[1]:
        raise SettingsError(f"a {tasks[0]} model and a {tasks[1]} model cannot be compared")
    names, by, notes = _footage(a, b)
    part = {**_parts(b, names[1]), **_parts(a, names[0])}
    sides = [Side(folder, str(wanted[k]), tasks[k], names[k], part) for k, folder in enumerate((a, b))]
    return sides[0], sides[1], by, notes


def _parts(folder: RunFolder, names: Mapping[str, str]) -> dict[str, str]:
    return {names[entry.item]: entry.part for entry in folder.record.inputs if entry.item in names}


def _footage(a: RunFolder, b: RunFolder) -> tuple[list[dict[str, str]], str, list[str]]:
    inputs = [folder.run["inputs"] for folder in (a, b)]
    for by, key in (
        ("content", _content),
        ("part, pass and station", _place),
        ("part and pass", _part_and_pass),
    ):
        keyed = [[(key(entry), str(entry["item"])) for entry in entries if key(entry)] for entries in inputs]
        shared = dict(reversed(keyed[0]))  # key -> its first item in A
        shared = {k: name for k, name in shared.items() if k in dict(keyed[1])}
        if shared:
            names = [{item: shared[k] for k, item in each if k in shared} for each in keyed]
            return names, by, _left_out((a, b), inputs, names)
    lines = [
        f"{folder.path} ({listing((str(entry['item']) for entry in entries), 5)})"
        for folder, entries in zip((a, b), inputs, strict=True)
    ]
    raise InputError(
        f"compare: {lines[0]} and {lines[1]} share no footage, neither by content nor by part and pass"
    )


def _left_out(
    folders: Sequence[RunFolder],
    inputs: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[Mapping[str, str]],
) -> list[str]:
    notes = []
    for folder, entries, kept in zip(folders, inputs, names, strict=True):
        alone = [str(entry["item"]) for entry in entries if entry["item"] not in kept]
        if alone:
            notes.append(f"{plural(len(alone), 'input')} only in {folder.path} left out: {listing(alone, 5)}")
    return notes


def _content(entry: Mapping[str, Any]) -> str:
    return str(entry.get("sha256") or "")


def _place(entry: Mapping[str, Any]) -> str:
    station, rest = entry.get("station"), _part_and_pass(entry)
    return f"{rest}\x1f{station}" if rest and station else ""


def _part_and_pass(entry: Mapping[str, Any]) -> str:
    part = entry.get("part")
    return f"{part}\x1f{entry.get('pass') or ''}" if part else ""
