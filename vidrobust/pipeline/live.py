"""Sources that are streams are recorded into the run folder first, and then are files like others."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text, parsed_json
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RECORDINGS, RunFolder, make_room
from vidrobust.run_folder.time_option import seconds_of
from vidrobust.text.durations import duration
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable, without_secrets
from vidrobust.video.record import Recording, is_stream, name_of, record

NOTES = "recordings.json"


def with_recordings(
    sources: Sequence[str],
    out: str | None,
    lasting: str | None,
    reporter: Reporter,
    *,
    overwrite: bool = False,
) -> tuple[list[str], str | None]:
    """The sources with files in place of streams, and the run folder, which holds what is recorded.

    lasting  how long is recorded, as ``--for`` has it; a stream without it is refused

    A stream that the folder holds already is not recorded again. Raises SettingsError, and InputError where a
    stream gives nothing.
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
        files = {source: _files(folder, source, for_s, reporter) for source in dict.fromkeys(streams)}
    found: list[str] = []
    for source in sources:
        found += [str(path) for path in files[source]] if source in files else [source]
    return found, str(path)


def _files(folder: Path, source: str, for_s: float, reporter: Reporter) -> list[Path]:
    """What is recorded of one stream, now or before."""
    notes = folder / NOTES
    known: list[dict[str, Any]] = parsed_json(notes.read_text(encoding="utf-8")) if notes.is_file() else []
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
        folder / f"stream-{len(known) + 1}" if any(_same_name(entry, source) for entry in known) else folder
    )
    apart.mkdir(exist_ok=True)
    made = record(source, apart, for_s, say=reporter.warn)
    _say(made, for_s, reporter)
    entry = {
        **{name: value for name, value in dataclasses.asdict(made).items() if name != "files"},
        "source": summary,
        "for_s": for_s,
        "began": began,
        "files": [str(file.relative_to(folder)) for file in made.files],
    }
    kept = [each for each in known if each["source"] != summary]
    write_text(notes, json_text([*kept, entry]))
    return list(made.files)


def _same_name(entry: dict[str, Any], source: str) -> bool:
    return Path(entry["files"][0]).stem == name_of(source)


def _say(made: Recording, for_s: float, reporter: Reporter) -> None:
    reporter.say(
        f"{made.source}: {made.seconds:.1f} s recorded, {plural(made.packets, 'packet')} in "
        f"{plural(len(made.files), 'file')}"
    )
    if made.ended:
        reporter.warn(f"{made.source}: {made.ended}; {made.seconds:.1f} s of {for_s:g} s are studied")
    for note in made.notes:
        reporter.warn(f"{made.source}: {note}")
