"""UnitCache: what each unit of work has found, kept under a key of all that it depends on.

cache/STAGE/KEY.parquet          the first raw table of a unit, with its facts; written last: then it is done
cache/STAGE/KEY.TABLE.parquet    its other raw tables
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import plain
from vidrobust.metrics.catalogue import metric_columns
from vidrobust.tables import schema as tables

# Where the files of parts lie: a folder, or a place that pyarrow or fsspec reach by its URL (object storage).

FLAT = ("s3", "gcs", "abfs")
"""Kinds of storage of pyarrow that have no folders which would have to be made."""


class PartFiles(Protocol):
    """Parquet files by name, "STAGE/KEY.parquet"; each is whole or absent."""

    def has(self, name: str) -> bool: ...

    def write(self, name: str, table: Any) -> None: ...

    def table(self, name: str) -> Any:
        """The file as pyarrow.Table."""

    def schema(self, name: str) -> Any:
        """Its schema alone."""

    def where(self, name: str) -> str:
        """Where it is, for messages."""


@dataclass(frozen=True)
class Folder:
    """Files are written beside and then renamed."""

    path: Path

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def write(self, name: str, table: Any) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            pq.write_table(table, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def table(self, name: str) -> Any:
        return pq.read_table(self.path / name, partitioning=None)

    def schema(self, name: str) -> Any:
        return pq.read_schema(self.path / name)

    def where(self, name: str) -> str:
        return str(self.path / name)


@dataclass(frozen=True)
class Storage:
    """A place by its URL, such as s3://bucket/folder; an object appears there when it is whole."""

    url: str

    def _at(self, name: str) -> tuple[Any, str]:
        system, root = file_system(self.url)
        return system, f"{root.rstrip('/')}/{name}"

    def has(self, name: str) -> bool:
        system, path = self._at(name)
        return bool(system.get_file_info(path).type == pafs.FileType.File)

    def write(self, name: str, table: Any) -> None:
        system, path = self._at(name)
        if system.type_name not in FLAT:
            system.create_dir(path.rpartition("/")[0], recursive=True)
        whole = pa.BufferOutputStream()
        pq.write_table(table, whole)
        with system.open_output_stream(path) as stream:
            stream.write(whole.getvalue())

    def table(self, name: str) -> Any:
        system, path = self._at(name)
        return pq.read_table(path, filesystem=system, partitioning=None)

    def schema(self, name: str) -> Any:
        system, path = self._at(name)
        return pq.read_schema(path, filesystem=system)

    def where(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}"


@functools.cache
def file_system(url: str) -> tuple[Any, str]:
    """What reaches a URL, and the path there: pyarrow itself, or else fsspec.

    Raises SettingsError where neither can.
    """
    try:
        return pafs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    try:
        import fsspec

        system, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError, TypeError) as error:
        raise SettingsError(f"parts: {url}: neither pyarrow nor fsspec reaches it ({error})") from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), root


def cache_files(folder: Path, place: str) -> PartFiles:
    """The folder, or the place that the settings name instead: another folder, or a URL."""
    if not place:
        return Folder(folder)
    return Storage(place) if "://" in place else Folder(Path(place))


FACTS = b"vidrobust"


class Stage(Protocol):
    """What the cache needs to know of a stage."""

    @property
    def name(self) -> str: ...

    @property
    def unit_tables(self) -> tuple[str, ...]: ...


def key_of(content: Mapping[str, Any]) -> str:
    """A name for everything that a unit depends on: 24 hex digits of SHA-256 over it as JSON."""
    text = json.dumps(plain(content), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class UnitCache:
    """The cache of units of a run: in its folder ``cache``, or where ``place`` says (another folder, or a URL)."""

    def __init__(self, run_folder: Path, place: str = "") -> None:
        self.run_folder, self.place = run_folder, place
        self._files = cache_files(run_folder / "cache", place)

    @property
    def in_reach(self) -> bool:
        """Whether this machine sees the run folder, where the cache is in it."""
        return bool(self.place) or (self.run_folder / "run.json").is_file()

    def has(self, stage: Stage, key: str) -> bool:
        """Whether this unit is done."""
        return self._files.has(_name(stage, key, stage.unit_tables[0]))

    def write(
        self, stage: Stage, key: str, found: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]
    ) -> None:
        """Keep what a unit found, each table whole or absent, the first table last."""
        for name in reversed(stage.unit_tables):
            table = tables.to_arrow(name, found[name], metrics=metric_columns(name))
            if name == stage.unit_tables[0]:
                summary = json.dumps(plain(facts), ensure_ascii=True).encode()
                table = table.replace_schema_metadata({**(table.schema.metadata or {}), FACTS: summary})
            self._files.write(_name(stage, key, name), table)

    def read(self, stage: Stage, key: str, table: str, item: str) -> pd.DataFrame:
        """One raw table of a unit, under the name that its item has in this run."""
        found = self._readable(_name(stage, key, table), self._files.table)
        return pd.DataFrame(found.to_pandas()).assign(item=item)

    def facts(self, stage: Stage, key: str) -> dict[str, Any]:
        """What a unit noted beside its tables."""
        metadata = self._readable(_name(stage, key, stage.unit_tables[0]), self._files.schema).metadata or {}
        facts: dict[str, Any] = json.loads(metadata.get(FACTS, b"{}"))
        return facts

    def clean(self) -> int:
        """Remove every part; returns the bytes that were freed. SettingsError where other runs may share them."""
        if self.place:
            raise SettingsError(f"{self.place}: may hold units of other runs too; remove them there")
        folder = self.run_folder / "cache"
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        return freed

    def _readable(self, name: str, read: Callable[[str], Any]) -> Any:
        try:
            return read(name)
        except Exception as error:  # pyarrow raises its own kinds
            where = self._files.where(name)
            raise InputError(
                f"{where}: cannot be read ({error}); delete it, and the same command makes it again"
            ) from error


def _name(stage: Stage, key: str, table: str) -> str:
    return (
        f"{stage.name}/{key}.parquet"
        if table == stage.unit_tables[0]
        else f"{stage.name}/{key}.{table}.parquet"
    )
