"""The formats of ``vidrobust export`` by name, and a run written in one of them."""

from __future__ import annotations

import importlib
from pathlib import Path

from vidrobust.errors import SettingsError
from vidrobust.finished_runs.exports import formats
from vidrobust.finished_runs.exports.exported import Exported, Format
from vidrobust.finished_runs.exports.names import NAMES
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables

FOLDER = "exports"
"""Within a run folder, where nothing else is named."""


def format_of(name: str) -> Format:
    """The record of a format; SettingsError for an unknown one."""
    if name not in NAMES:
        raise SettingsError(f"--to {name}: expected one of {', '.join(NAMES)}")
    found: Format = importlib.import_module(f"{formats.__name__}.{name}").FORMAT
    return found


def export_run(folder: Path, name: str, out: Path | None = None) -> tuple[Exported, str]:
    """Write a finished run in a format: what was written, and how it is opened.

    out  the folder, made where it is not there; RUN/exports/FORMAT by default
    Raises SettingsError for an unknown format or a place that is a file, InputError where it is no run folder.
    """
    found = format_of(name)
    run = RunTables(RunFolder.evaluated(folder).path)
    where = out or folder / FOLDER / name
    if where.exists() and not where.is_dir():
        raise SettingsError(f"--out {where}: is a file; an export is a folder of files")
    where.mkdir(parents=True, exist_ok=True)
    return found.write(run, where), found.opened_by.format(out=str(where))
