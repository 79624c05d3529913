"""The run folder: run.json, tables and files, each whole or absent."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import file_text, json_text, parsed_json, plain
from vidrobust.metrics.catalogue import metric_columns, task_of
from vidrobust.run_folder.record import FILE as METRICS
from vidrobust.run_folder.record import Metrics, RunRecord
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema as tables

SCHEMA = 4
PACKAGES = (
    "vidrobust",
    "torch",
    "torchvision",
    "av",
    "numpy",
    "pandas",
    "scipy",
    "opencv-python-headless",
)
LOCK, RUNNING = ".lock", ".running.json"
RECORDINGS = "recordings"
# What a folder may hold in which a run was killed before it had begun.
EMPTY = (LOCK, RUNNING, f"{RUNNING}.part", "run.json.part", RECORDINGS)


class RunFolder:
    """A run folder as stages read and write it; pages use ``RunTables``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, settings: Settings) -> RunFolder:
        """Make a folder with run.json; SettingsError if impossible or it holds something else."""
        make_room(path)
        if is_run_folder(path):
            raise SettingsError(f"{path}: is a run folder already; give another --out")
        folder = cls(path)
        folder.write_json("run.json", new_run(settings))
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Return an existing run folder; InputError if it is none, or of another schema."""
        if not is_run_folder(path):
            raise InputError(
                f"{path}: is not a run folder (it has no run.json); make one with vidrobust study"
            )
        folder = cls(path)
        run = folder.run
        if "schema" not in run:
            raise InputError(
                f"{path}: its run.json is not one of vidrobust; make a run with vidrobust study"
            )
        if run.get("schema") != SCHEMA:
            made = (run.get("versions") or {}).get("vidrobust", "another version")
            raise InputError(
                f"{path}: was made by vidrobust {made} and cannot be continued by this one (schema "
                f"{run.get('schema')}, expected {SCHEMA}); give another --out, or --overwrite to replace it"
            )
        folder.refuse_without(("settings", "stages"), dict)
        for model in RunRecord.of(run, str(path / "run.json")).models:
            task_of(model.task)  # its package may be gone
        folder.refuse_emptied()
        return folder

    @classmethod
    def continued(cls, path: Path) -> RunFolder:
        """Return an existing folder in which stages may go on; InputError if run.json lacks what they read."""
        folder = cls.existing(path)
        folder.refuse_without(("inputs", "models", "failed"), list)
        return folder

    def refuse_without(self, keys: Sequence[str], kind: type) -> None:
        """Raise InputError unless run.json has all ``keys`` with values of this kind."""
        run = self.run
        for key in keys:
            if not isinstance(run.get(key), kind):
                raise InputError(
                    f"{self.path}: its run.json is damaged, it has no {key}; give another --out, or --overwrite"
                )

    def refuse_emptied(self) -> None:
        """Raise InputError for a table without rows: none is written, so that it was emptied."""
        for path in sorted(self.path.glob("*.parquet")):
            if path.stem in tables.TABLES and not tables.count(path.stem, self.path):
                raise InputError(
                    f"{path}: has no rows, which no stage writes; delete it and run its stage again"
                )

    @classmethod
    def evaluated(cls, path: Path) -> RunFolder:
        """Return an existing folder in which some input was evaluated; else InputError."""
        folder = cls.existing(path)
        if folder.run.get("inputs"):
            return folder
        failed = folder.run.get("failed") or []
        if failed:
            raise InputError(
                f"{path}: holds no results, none of its inputs could be read: {failed[0]['error']}"
            )
        raise InputError(
            f"{path}: holds no results yet; the command that made it, given again, continues it"
        )

    @property
    def run(self) -> dict[str, Any]:
        return self.read_json("run.json")

    @property
    def record(self) -> RunRecord:
        return RunRecord.of(self.run, str(self.path / "run.json"))

    @property
    def metrics(self) -> Metrics:
        return Metrics.of(self.read_json(METRICS), str(self.path / METRICS))

    @property
    def settings(self) -> Settings:
        return Settings().changed(self.run["settings"], str(self.path / "run.json"))

    def update(self, **values: Any) -> None:
        self.write_json("run.json", {**self.run, **values})

    def note_stage(self, stage: str, record: Mapping[str, Any] | None) -> None:
        """Note what a stage was made of; None removes it."""
        stages = {**self.run["stages"], stage: record}
        self.update(stages={name: each for name, each in stages.items() if each is not None})

    def has(self, table: str) -> bool:
        """Return whether a table has been written, and so has rows."""
        return (self.path / f"{table}.parquet").is_file()

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, empty if it was not written; InputError if its file is damaged or gone."""
        if self.has(name):
            return tables.read(name, self.path, metrics=metric_columns(name))
        stage = tables.TABLES[name].stage
        record = (
            self.run.get("stages", {}).get(stage) if (self.path / "run.json").is_file() else None
        )
        if int((record or {}).get("rows", {}).get(name, 0)):
            raise InputError(f"{self.path / name}.parquet: is missing; run its stage again")
        return tables.empty(name)

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = plain(self.table(name).to_dict("records"))
        return rows

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Check a table and write it; one without rows is removed."""
        tables.write(name, table, self.path, metrics=metric_columns(name))

    def count(self, name: str) -> int:
        return tables.count(name, self.path)

    def read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content = parsed_json(file_text(path))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read: {in_plain_words(error)}; run its stage again"
            ) from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}")
        return content

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write strict JSON; numbers that are not finite become null."""
        write_text(self.path / name, json_text(content))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; SettingsError if another process holds it."""
        lock = FileLock(self.path / LOCK)
        who = self.path / RUNNING
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            holder = _holder(who)
            raise SettingsError(
                f"{self.path}: another vidrobust is at work in this run folder{holder}; wait for it, or give "
                "another --out"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"{self.path}: the run folder cannot be written to ({reason})"
            ) from error
        try:
            write_text(who, json.dumps({"pid": os.getpid(), "host": platform.node()}))
            yield
        finally:
            who.unlink(missing_ok=True)
            lock.release()


def _holder(who: Path) -> str:
    try:
        holder = parsed_json(who.read_text(encoding="utf-8"))
        return f" (process {holder['pid']} on {holder['host']})"
    except (OSError, ValueError, KeyError):
        return ""


def new_run(settings: Settings) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "settings": settings.as_dict(),
        "versions": versions(),
        "inputs": [],
        "failed": [],
        "left_out": [],
        "duplicates": [],
        "models": [],
        "stages": {},
    }


def check_room(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{path}: the run folder cannot be made (it is a file); see --out")
    if (
        path.is_dir()
        and not is_run_folder(path)
        and any(e.name not in EMPTY for e in path.iterdir())
    ):
        raise SettingsError(f"{path}: is not empty and not a run folder; give another --out")


def make_room(path: Path) -> None:
    """Make the folder; SettingsError if impossible, or it holds anything but a run."""
    try:
        check_room(path)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path}: the run folder cannot be made ({error.strerror}); see --out"
        ) from error


def remove_unfinished(path: Path) -> None:
    """Remove what a killed process left unfinished; requires the lock."""
    for folder in (path, path / "cache", *(path / "cache").glob("*")):
        for file in folder.glob("*.part"):
            file.unlink(missing_ok=True)


def remove_results(path: Path) -> None:
    """Remove everything that a run of any version wrote. run.json goes last."""
    for pattern in (
        "*.parquet",
        "*.json",
        "*.png",
        "policy_*",
        "report.html",
        "details.html",
        "correlation.html",
        "*.part",
    ):
        for file in path.glob(pattern):
            if file.name not in ("run.json", LOCK, RUNNING):
                file.unlink()
    for folder in ("cache", "moments", "policies", "grey_zone", "adapt"):
        shutil.rmtree(path / folder, ignore_errors=True)
    (path / "run.json").unlink()


def is_run_folder(path: Path) -> bool:
    return (path / "run.json").is_file()


def versions() -> dict[str, str]:
    return dict(_versions())


@functools.cache
def _versions() -> Mapping[str, str]:
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed as a package"
    return versions
