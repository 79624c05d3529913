"""A command's target becomes a run: sources into a new or known run folder, or a run folder by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.models.predict import Model
from vidrobust.pipeline.labelled import OWN_CLASSES
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import Run
from vidrobust.run_folder.folder import (
    RunFolder,
    is_run_folder,
    make_room,
    remove_results,
    remove_unfinished,
    versions,
)
from vidrobust.run_folder.settings import Settings, read_toml


@contextmanager
def opened_folder(
    path: Path, given: Mapping[str, Any], reporter: Reporter, out: str | None = None
) -> Iterator[Run]:
    """A run folder that is there, under its own settings and those ``given`` now; locked while it is open."""
    folder = RunFolder.existing(path)
    if out is not None:
        raise SettingsError(f"--out {out}: the results of {path} stand in it; --out goes with sources")
    with folder.locked():
        remove_unfinished(path)
        settings = _placed(folder.settings.changed(given, "options"))
        folder.update(settings=settings.as_dict(), versions=versions())
        yield Run(folder, settings, reporter)


@contextmanager
def opened_sources(
    settings: Settings,
    out: str | None,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    models: Sequence[Model] | None = None,
) -> Iterator[Run]:
    """The run folder of these sources, new or continued; locked while it is open.

    models  those of the settings, where they are loaded already

    Raises SettingsError where the folder belongs to other sources, unless ``overwrite`` replaces it.
    """
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    settings = settings.changed({"sources": [_absolute(s) for s in settings.sources]}, "sources")
    if settings.labels:
        settings = settings.changed({"labels": os.path.abspath(settings.labels)}, "labels")
    if settings.class_map not in ("", OWN_CLASSES):
        settings = settings.changed({"class_map": os.path.abspath(settings.class_map)}, "class_map")
    if settings.cache:
        settings = settings.changed({"cache": _absolute(settings.cache)}, "cache")
    path = folder_of(settings, out)
    make_room(path)
    with RunFolder(path).locked():
        if overwrite and is_run_folder(path):
            remove_results(path)
        remove_unfinished(path)
        known = is_run_folder(path)
        folder = RunFolder.existing(path) if known else RunFolder.create(path, settings)
        if set(folder.settings.sources) != set(settings.sources):
            raise SettingsError(
                f"{path}: holds a run on other sources ({_some(folder.settings.sources)}); give another --out, or "
                "--overwrite to replace it"
            )
        folder.update(settings=settings.as_dict(), versions=versions())
        yield Run(folder, settings, reporter, models)


def settings_of(
    sources: Sequence[str], config: str | None, given: Mapping[str, Any]
) -> tuple[Settings, str | None]:
    """Defaults, over them the file, over it the options; and the ``out`` that the file names."""
    from_file = read_toml(Path(config)) if config else {}
    out = from_file.pop("out", None)
    settings = _placed(Settings().changed(from_file, str(config)).changed(given, "options"))
    return settings.changed({"sources": tuple(sources) or settings.sources}, "sources"), out


def folder_of(settings: Settings, out: str | None) -> Path:
    """The run folder of these sources: ``out``, or one named by the first of them."""
    return Path(out) if out else Path("reports") / _name(settings.sources[0])


def _placed(settings: Settings) -> Settings:
    """The history is the same file from wherever the run is continued."""
    return (
        settings.changed({"history": os.path.abspath(settings.history)}, "history")
        if settings.history
        else settings
    )


def _absolute(source: str) -> str:
    return source if "://" in source else os.path.abspath(source)


def _some(sources: Sequence[str]) -> str:
    return ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")


def _name(source: str) -> str:
    """A folder name from the first source: its stem, in letters, digits, dot, dash and underscore."""
    stem = Path(source).stem or Path(source).name
    cleaned = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem).strip("._")
    return cleaned or "study"
