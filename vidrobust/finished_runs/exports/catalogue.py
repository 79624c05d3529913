"""The formats of ``vidrobust export``, and a run written in one of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.extensions import Extensions, extensions, imported
from vidrobust.files.atomic import write_text
from vidrobust.install_hint import pip_install
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import known

GROUP = "vidrobust.exports"  # group of entry points in which a package names a Format, or several
# Formats of the core: module in this folder, and record.
CORE_FORMATS = {"csv": "csv:CSV", "excel": "excel:EXCEL", "markdown": "markdown:MARKDOWN"}
FOLDER = "exports"  # within a run folder, where no other is named


@dataclass(frozen=True)
class Exported:
    files: tuple[Path, ...]  # the files that were written, or the folder that a library wrote to
    notes: tuple[str, ...] = ()  # what is not in them, and why
    opened_by: str = ""  # how to open them, where that depends on the run; else the format says it


@dataclass(frozen=True, kw_only=True)
class Format:
    name: str
    what: str  # what it writes, in a few words
    opened_by: str  # how that is opened; ``{out}`` is the folder
    write: Callable[[RunTables, Path], Exported]  # ``(run, folder) -> Exported``


def metrics_of(run: RunTables, model: str) -> pd.DataFrame:
    """Return the rows of ``stability`` of a model over all inputs; InputError where nothing was measured."""
    stability = run.table("stability")
    if stability is None:
        raise InputError(
            f"{run.folder}: has no metrics yet. To measure them: vidrobust stability {run.folder_name}"
        )
    measured = (stability["n"] > 0) & np.isfinite(stability["value"])
    return stability[(stability["model"] == model) & (stability["item"] == "") & measured]


def figures_of(run: RunTables, model: str) -> dict[str, float]:
    """Return every metric with the ends of its interval and n, as the flat names that trackers take."""
    figures: dict[str, float] = {}
    for row in metrics_of(run, model).itertuples():
        ends = {"": row.value, ".low": row.low, ".high": row.high, ".n": float(row.n)}
        figures |= {f"{row.metric}{end}": value for end, value in ends.items() if known(value)}
    return figures


def parameters_of(run: RunTables, model: str) -> dict[str, str]:
    """Return what a model's numbers depend on: sources, weights, engine, seed, version."""
    record = next((entry for entry in run.record.models if entry.name == model), None)
    settings = run.record.settings
    texts = {"model": model, "sources": ", ".join(map(str, settings.get("sources") or ()))}
    if record is not None:
        texts |= {"engine": record.engine, "precision": record.precision, "weights": record.weights}
    texts |= {
        "seed": str(settings.get("seed", "")),
        "vidrobust": run.record.versions.get("vidrobust", ""),
    }
    return {name: text for name, text in texts.items() if text}


def library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"--to {extra}: needs {name} ({error}); install it with: {pip_install(extra)}"
        ) from error


def save(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


@cache
def provided() -> Extensions[Format]:
    return extensions(GROUP, Format, lambda found: found.name, CORE_FORMATS)


def names() -> list[str]:
    return sorted([*CORE_FORMATS, *(record.name for record in provided().records)])


def format_of(name: str) -> Format:
    if name in CORE_FORMATS:
        chosen: Format = imported(f"{__package__}.{CORE_FORMATS[name]}")
        return chosen
    for plugin in provided().records:
        if plugin.name == name:
            return plugin
    raise SettingsError(f"--to {name}: expected one of {', '.join(names())}")


def export_run(folder: Path, name: str, out: Path | None = None) -> tuple[Exported, str]:
    """Write a finished run in a format; return what was written, and how it is opened."""
    chosen = format_of(name)
    run = RunTables(RunFolder.evaluated(folder).path)
    where = out or folder / FOLDER / name
    if where.exists() and not where.is_dir():
        raise SettingsError(f"--out {where}: is a file; an export is a folder of files")
    where.mkdir(parents=True, exist_ok=True)
    written = chosen.write(run, where)
    return written, written.opened_by or chosen.opened_by.format(out=str(where))
