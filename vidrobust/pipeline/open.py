"""A command's target becomes a run: a run folder, or sources with a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.names import readable_name
from vidrobust.footage.expand import expand_sources, is_stream, stream_problem
from vidrobust.models.predict import Model
from vidrobust.models.spec import parse_spec
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.folder import (
    RunFolder,
    check_room,
    is_run_folder,
    make_room,
    remove_results,
    remove_unfinished,
    versions,
)
from vidrobust.run_folder.settings import Settings, read_toml
from vidrobust.text.phrases import listing


@contextmanager
def opened_folder(
    path: Path, given: Mapping[str, Any], reporter: Reporter, out: str | None = None
) -> Iterator[OpenRun]:
    """Open and lock a run folder with its own settings, changed by those ``given``."""
    folder = RunFolder.continued(path)
    if out is not None:
        raise SettingsError(
            f"--out {out}: the results of {path} stand in it; --out goes with sources"
        )
    with folder.locked():
        remove_unfinished(path)
        settings = folder.settings.changed(given, "options").placed()
        for spec in set(settings.model) - set(folder.settings.model):
            parse_spec(spec)  # a bare name of a model that the run has would take its place
        _say_models(folder, settings, reporter)
        folder.update(settings=settings.as_dict(), versions=versions())
        yield OpenRun(folder, settings, reporter)


@contextmanager
def opened_sources(
    settings: Settings,
    out: str | None,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    models: Sequence[Model] | None = None,
) -> Iterator[OpenRun]:
    """Open and lock the run folder of these sources, new or continued.

    SettingsError if it belongs to other sources, unless ``overwrite`` replaces it.
    """
    settings = settled(settings)
    path = folder_of(settings, out)
    check_room(path)
    if not is_run_folder(path):
        if models is None:
            for spec in settings.model:
                parse_spec(spec)
        expanded = expand_sources(settings.sources)
        if not expanded.items:
            nothing = "none of the sources holds any footage"
            raise InputError(next(iter(expanded.problems), nothing))
    make_room(path)
    with RunFolder(path).locked():
        if is_run_folder(path) and (overwrite or nothing_computed(path)):
            remove_results(path)
        remove_unfinished(path)
        folder = existing_of(path, settings) or RunFolder.create(path, settings)
        _say_models(folder, settings, reporter)
        folder.update(settings=settings.as_dict(), versions=versions())
        yield OpenRun(folder, settings, reporter, models)


def settled(settings: Settings) -> Settings:
    """Return the settings with absolute paths; SettingsError if no source is given, or one is a stream."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    for source in filter(is_stream, settings.sources):
        raise SettingsError(stream_problem(source))  # before its password is written anywhere
    return settings.placed()


def existing_of(path: Path, settings: Settings) -> RunFolder | None:
    if not is_run_folder(path) or nothing_computed(path):
        return None
    folder = RunFolder.continued(path)
    if set(folder.settings.sources) != set(settings.sources):
        raise SettingsError(
            f"{path}: holds a run on other sources ({listing(folder.settings.sources, 3)}); give another --out, "
            "or --overwrite to replace it"
        )
    return folder


def nothing_computed(path: Path) -> bool:
    folder = RunFolder(path)
    try:
        begun = folder.run.get("stages") or folder.settings.cache
    except (InputError, SettingsError):
        return False
    return not begun and not any((path / "cache").rglob("*.zip"))


def _say_models(folder: RunFolder, settings: Settings, reporter: Reporter) -> None:
    before = folder.settings.model
    if folder.run["stages"] and set(before) - set(settings.model):
        gone = ", ".join(spec for spec in before if spec not in settings.model)
        reporter.warn(
            f"{folder.path}: the results of {gone} are replaced by those of {', '.join(settings.model)}; give "
            "another --out to keep both, or name all models"
        )


def settings_of(
    sources: Sequence[str], config: str | None, given: Mapping[str, Any]
) -> tuple[Settings, str | None]:
    """Return the defaults overridden by the file, then by the options; and the file's ``out``."""
    from_file = read_toml(Path(config)) if config else {}
    out = from_file.pop("out", None)
    settings = Settings().changed(from_file, str(config)).changed(given, "options")
    return settings.changed({"sources": tuple(sources) or settings.sources}, "sources"), out


def folder_of(settings: Settings, out: str | None) -> Path:
    first = Path(settings.sources[0])
    return Path(out) if out else Path("reports") / readable_name(first.stem or first.name, "study")
