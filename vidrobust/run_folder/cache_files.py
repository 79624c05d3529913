"""Where the files of parts lie: a folder, or a place that pyarrow or fsspec reach by its URL (object storage)."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from vidrobust.errors import SettingsError

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
