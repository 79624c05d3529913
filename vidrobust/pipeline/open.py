"""A command's target becomes a run: sources into a new or known run folder, or a run folder by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.names import readable_name
from vidrobust.footage.expand import expand_sources
from vidrobust.models.predict import Model
from vidrobust.models.spec import parse_spec
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import Run
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
        settings = folder.settings.changed(given, "options").placed()
        for spec in set(settings.model) - set(folder.settings.model):
            parse_spec(spec)  # a bare name of a model that the run has would take its place
        _say_models(folder, settings, reporter)
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
    settings = settled(settings)
    path = folder_of(settings, out)
    check_room(path)
    if not is_run_folder(path):
        _check_before(settings, models)
    make_room(path)
    with RunFolder(path).locked():
        if is_run_folder(path) and (overwrite or nothing_computed(path)):
            remove_results(path)
        remove_unfinished(path)
        folder = existing_of(path, settings) or RunFolder.create(path, settings)
        _say_models(folder, settings, reporter)
        folder.update(settings=settings.as_dict(), versions=versions())
        yield Run(folder, settings, reporter, models)


def settled(settings: Settings) -> Settings:
    """The settings with their paths as they are found from anywhere; SettingsError where no source is given."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    return settings.placed()


def existing_of(path: Path, settings: Settings) -> RunFolder | None:
    """The run folder that is there, if any; SettingsError where it holds a run on other sources.

    A folder in which nothing was computed holds no run.
    """
    if not is_run_folder(path) or nothing_computed(path):
        return None
    folder = RunFolder.existing(path)
    if set(folder.settings.sources) != set(settings.sources):
        raise SettingsError(
            f"{path}: holds a run on other sources ({_some(folder.settings.sources)}); give another --out, or "
            "--overwrite to replace it"
        )
    return folder


def nothing_computed(path: Path) -> bool:
    """Whether a run folder was begun, and no unit of work was ever finished in it."""
    folder = RunFolder(path)
    try:
        begun = folder.run.get("stages") or folder.settings.cache
    except (InputError, SettingsError):
        return False
    return not begun and not any((path / "cache").rglob("*.zip"))


def _check_before(settings: Settings, models: Sequence[Model] | None) -> None:
    """What can be wrong with sources and models, found before a folder is made for them."""
    if models is None:
        for spec in settings.model:
            parse_spec(spec)
    expanded = expand_sources(settings.sources)
    if not expanded.items:
        for problem in expanded.problems:
            raise InputError(f"nothing could be evaluated: {problem}")
        raise InputError("nothing could be evaluated: none of the sources holds any footage")


def _say_models(folder: RunFolder, settings: Settings, reporter: Reporter) -> None:
    """Other models on a folder with results take the place of those that are there: it is said."""
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
    """Defaults, over them the file, over it the options; and the ``out`` that the file names."""
    from_file = read_toml(Path(config)) if config else {}
    out = from_file.pop("out", None)
    settings = Settings().changed(from_file, str(config)).changed(given, "options")
    return settings.changed({"sources": tuple(sources) or settings.sources}, "sources"), out


def folder_of(settings: Settings, out: str | None) -> Path:
    """The run folder of these sources: ``out``, or one named by the first of them."""
    return Path(out) if out else Path("reports") / _name(settings.sources[0])


def _some(sources: Sequence[str]) -> str:
    return ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")


def _name(source: str) -> str:
    """A folder name from the first source: its stem, in letters, digits, dot, dash and underscore."""
    stem = Path(source).stem or Path(source).name
    return readable_name(stem, "study")
