"""A command's target becomes a run: a run folder, or sources with a run folder."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text, parsed_json
from vidrobust.files.names import readable_name
from vidrobust.footage.expand import expand_sources
from vidrobust.models.predict import Model
from vidrobust.models.spec import parse_spec
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.declared import seconds_of
from vidrobust.run_folder.folder import (
    RECORDINGS,
    RunFolder,
    check_room,
    is_run_folder,
    make_room,
    remove_results,
    remove_unfinished,
    versions,
)
from vidrobust.run_folder.settings import Settings, read_toml
from vidrobust.text.numbers import duration
from vidrobust.text.phrases import listing, plural
from vidrobust.text.printable import printable, without_secrets
from vidrobust.video.record import is_stream, name_of, record

NOTES = "recordings.json"


def with_recordings(
    sources: Sequence[str],
    out: str | None,
    lasting: str | None,
    reporter: Reporter,
    *,
    overwrite: bool = False,
) -> tuple[list[str], str | None]:
    """Return the sources with recordings in place of streams, and the run folder.

    ``lasting`` is the duration of ``--for``, required for streams. What the folder holds is not recorded
    again.
    """
    streams = [source for source in sources if is_stream(source)]
    if not streams:
        if lasting is not None:
            raise SettingsError(
                f"--for {lasting}: is for addresses and pipes, which have no end; files are cut with --end-s"
            )
        return list(sources), out
    first = without_secrets(streams[0])
    if lasting is None:
        raise SettingsError(
            f"{printable(first)}: is a stream without an end; say how long to record it with --for, such as "
            "--for 60s"
        )
    for_s = seconds_of(lasting, "--for")
    path = Path(out) if out else Path("reports") / name_of(streams[0])
    make_room(path)
    with RunFolder(path).locked():
        folder = path / RECORDINGS
        if overwrite:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        for left in folder.glob("*.part"):
            left.unlink()
        files = {
            source: _files(folder, source, for_s, reporter) for source in dict.fromkeys(streams)
        }
    paths: list[str] = []
    for source in sources:
        paths += [str(path) for path in files[source]] if source in files else [source]
    return paths, str(path)


def _files(folder: Path, source: str, for_s: float, reporter: Reporter) -> list[Path]:
    notes = folder / NOTES
    known: list[dict[str, Any]] = (
        parsed_json(notes.read_text(encoding="utf-8")) if notes.is_file() else []
    )
    summary = printable(without_secrets(source))
    for entry in known:
        if entry["source"] == summary:
            files = [folder / name for name in entry["files"]]
            if entry["for_s"] != for_s:
                raise SettingsError(
                    f"{folder.parent}: holds a recording of {summary} with --for {entry['for_s']:g}s; "
                    "give another "
                    "--out, or --overwrite to record anew"
                )
            if all(file.is_file() for file in files):
                reporter.say(f"{summary}: is recorded already; --overwrite records it anew")
                return files
    reporter.say(f"{summary}: recording {duration(for_s)}")
    began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    # a name of its own for each stream, where two have the same host and path
    apart = (
        folder / f"stream-{len(known) + 1}"
        if any(Path(entry["files"][0]).stem == name_of(source) for entry in known)
        else folder
    )
    apart.mkdir(exist_ok=True)
    made = record(source, apart, for_s, say=reporter.warn)
    reporter.say(
        f"{made.source}: {made.seconds:.1f} s recorded, {plural(made.packets, 'packet')} in "
        f"{plural(len(made.files), 'file')}"
    )
    if made.ended:
        reporter.warn(
            f"{made.source}: {made.ended}; {made.seconds:.1f} s of {for_s:g} s are studied"
        )
    for note in made.notes:
        reporter.warn(f"{made.source}: {note}")
    entry = {
        **{name: value for name, value in dataclasses.asdict(made).items() if name != "files"},
        "source": summary,
        "for_s": for_s,
        "began": began,
        "files": [str(file.relative_to(folder)) for file in made.files],
    }
    kept = [recording for recording in known if recording["source"] != summary]
    write_text(notes, json_text([*kept, entry]))
    return list(made.files)


@contextmanager
def opened_folder(
    path: Path, given: Mapping[str, Any], reporter: Reporter, out: str | None = None
) -> Iterator[OpenRun]:
    """Open and lock a run folder with its own settings, changed by those ``given``."""
    folder = RunFolder.existing(path)
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
            for problem in expanded.problems:
                raise InputError(problem)
            raise InputError("none of the sources holds any footage")
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
    """Return the settings with absolute paths; SettingsError if no source is given."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    return settings.placed()


def existing_of(path: Path, settings: Settings) -> RunFolder | None:
    if not is_run_folder(path) or nothing_computed(path):
        return None
    folder = RunFolder.existing(path)
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
    return Path(out) if out else Path("reports") / _name(settings.sources[0])


def _name(source: str) -> str:
    stem = Path(source).stem or Path(source).name
    return readable_name(stem, "study")
