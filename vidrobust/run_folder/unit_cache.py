"""What each unit of work has found, under a key of all that it depends on.

    cache/STAGE/KEY.zip   a unit: TABLE.parquet for each table with rows, and facts.json

Files are written beside and renamed.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.files.atomic import disk_is_full
from vidrobust.files.json_text import plain
from vidrobust.metrics.catalogue import metric_columns
from vidrobust.tables import schema as tables
from vidrobust.text.printable import without_secrets

FLAT = ("s3", "gcs", "abfs")  # kinds of storage of pyarrow that have no folders to make
PATIENCE_S = 60.0  # a storage that could be reached before is asked again for this long, in seconds
FACTS = "facts.json"
# Written into a cache outside the run folder before anything is computed: whoever cannot write it cannot keep units
NOTE = "README.txt"
NOTE_TEXT = b"Results of vidrobust by what they depend on. Runs that need them compute them anew.\n"
T = TypeVar("T")


class KeptStage(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def unit_tables(self) -> tuple[str, ...]: ...


class Store(Protocol):
    """Files by name, such as "STAGE/KEY.zip"; each is whole or absent."""

    def has(self, name: str) -> bool: ...

    def write(self, name: str, content: bytes) -> None: ...

    def open(self, name: str) -> BinaryIO: ...

    def where(self, name: str) -> str:
        """Return where a file of this name lies, for messages: a path or an address."""


@dataclass(frozen=True)
class FolderStore:
    path: Path

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def write(self, name: str, content: bytes) -> None:
        path = self.path / name
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            os.replace(beside, path)
        except OSError as error:
            if disk_is_full(error):
                raise
            raise InputError(
                f"{self.path}: the cache cannot be written to ({error.strerror or error}); give another --cache"
            ) from error
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def open(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")

    def where(self, name: str) -> str:
        return str(self.path / name)


@dataclass(frozen=True)
class UrlStore:
    """Object storage by its URL, such as s3://bucket/folder."""

    url: str

    def has(self, name: str) -> bool:
        def found() -> bool:
            system, path = self._at(name)
            return bool(system.get_file_info(path).type == pafs.FileType.File)

        return self._patiently(found, "cannot be reached")

    def write(self, name: str, content: bytes) -> None:
        def written() -> None:
            system, path = self._at(name)
            if system.type_name not in FLAT:
                system.create_dir(path.rpartition("/")[0], recursive=True)
            with system.open_output_stream(path) as stream:
                stream.write(content)

        self._patiently(written, "cannot be written to")

    def open(self, name: str) -> BinaryIO:
        def content() -> bytes:
            system, path = self._at(name)
            with system.open_input_stream(path) as stream:
                return bytes(stream.read())

        return io.BytesIO(self._patiently(content, "cannot be reached"))

    def where(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}"

    def _at(self, name: str) -> tuple[Any, str]:
        system, root = file_system(self.url)
        return system, f"{root.rstrip('/')}/{name}"

    def _patiently(self, work: Callable[[], T], fault: str) -> T:
        """Do some work; if the storage fails after it has done such work, retry for a while."""
        until, pause = time.monotonic() + PATIENCE_S, 0.5
        while True:
            try:
                result = work()
            except (SettingsError, FileNotFoundError):
                raise
            except Exception as error:  # each storage raises its own kinds
                if (self.url, fault) not in _REACHED or time.monotonic() + pause > until:
                    why = str(error) or type(error).__name__
                    raise InputError(
                        f"{without_secrets(self.url)}: the cache {fault} ({why}); give another --cache"
                    ) from error
                time.sleep(pause)
                pause = min(2 * pause, 8.0)
            else:
                _REACHED.add((self.url, fault))
                return result


# storages that this process has reached or written to: a wrong address is named at once
_REACHED: set[tuple[str, str]] = set()


@functools.cache
def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL (pyarrow's, else fsspec's) and the path there."""
    try:
        return pafs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    try:
        import fsspec

        system, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError, TypeError) as error:
        raise SettingsError(
            f"cache: {url}: neither pyarrow nor fsspec reaches it ({error})"
        ) from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), root


def key_of(content: Mapping[str, Any]) -> str:
    """Return 24 hex digits of SHA-256 over what a unit depends on, as JSON."""
    text = json.dumps(plain(content), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class UnitCache:
    """The cache of a run's units, in the run folder or at ``place``, a folder or URL that runs may share."""

    def __init__(self, run_folder: Path, place: str = "") -> None:
        self.run_folder, self.place = run_folder, place
        self._store: Store = (
            UrlStore(place) if "://" in place else FolderStore(Path(place or self._folder))
        )

    def check(self) -> None:
        """Raise InputError if a cache outside the run folder cannot be written to."""
        if self.place and not self._store.has(NOTE):
            self._store.write(NOTE, NOTE_TEXT)

    @property
    def in_reach(self) -> bool:
        return bool(self.place) or (self.run_folder / "run.json").is_file()

    @property
    def _folder(self) -> Path:
        return self.run_folder / "cache"

    def has(self, stage: KeptStage, key: str) -> bool:
        return self._store.has(_unit(stage.name, key))

    def write(
        self,
        stage: KeptStage,
        key: str,
        made: Mapping[str, pd.DataFrame],
        facts: Mapping[str, Any],
    ) -> None:
        whole = io.BytesIO()
        with ZipFile(whole, "w", ZIP_STORED) as file:
            for name in stage.unit_tables:
                table = tables.to_arrow(name, made[name], metrics=metric_columns(name))
                if len(table):
                    sink = pa.BufferOutputStream()
                    pq.write_table(table, sink)
                    file.writestr(ZipInfo(f"{name}.parquet"), sink.getvalue().to_pybytes())
            file.writestr(ZipInfo(FACTS), json.dumps(plain(facts), ensure_ascii=True))
        self._store.write(_unit(stage.name, key), whole.getvalue())

    def read(self, stage: KeptStage, key: str, table: str, item: str) -> pd.DataFrame:
        """Return a table of a unit, under its input's name in this run."""
        with self._opened(stage, key) as file:
            try:
                content = file.read(f"{table}.parquet")
            except KeyError:  # a table without rows
                return tables.empty(table).assign(item=item)
            rows = pd.DataFrame(pq.read_table(pa.BufferReader(content)).to_pandas())
            return rows.assign(item=item)

    def facts(self, stage: KeptStage, key: str) -> dict[str, Any]:
        with self._opened(stage, key) as file:
            facts: dict[str, Any] = json.loads(file.read(FACTS))
            return facts

    def clean(self) -> int:
        """Remove every unit and return the bytes freed; SettingsError if other runs may share them."""
        if self.place:
            raise SettingsError(
                f"{self.place}: may hold units of other runs too; remove them there"
            )
        freed = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        shutil.rmtree(self._folder, ignore_errors=True)
        return freed

    @contextmanager
    def _opened(self, stage: KeptStage, key: str) -> Iterator[ZipFile]:
        name = _unit(stage.name, key)
        try:
            with self._store.open(name) as file, ZipFile(file) as unit:
                yield unit
        except InputError:
            raise
        except Exception as error:  # a damaged file raises errors of zip, Parquet or JSON
            where = self._store.where(name)
            raise InputError(
                f"{where}: cannot be read ({in_plain_words(error)}); delete it, and the same command makes it again"
            ) from error


def _unit(stage: str, key: str) -> str:
    return f"{stage}/{key}.zip"
