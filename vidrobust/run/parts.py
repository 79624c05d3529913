"""Parts: what each unit of work has found, kept under a key of all that it depends on.

parts/STAGE/KEY.parquet          the first raw table of a unit, with its facts; written last: then it is done
parts/STAGE/KEY.TABLE.parquet    its other raw tables
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vidrobust import tables
from vidrobust.errors import InputError
from vidrobust.files import plain
from vidrobust.run.stage import Stage

FACTS = b"vidrobust"


def key_of(content: Mapping[str, Any]) -> str:
    """A name for everything that a unit depends on: 24 hex digits of SHA-256 over it as JSON."""
    text = json.dumps(plain(content), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Parts:
    """The folder ``parts`` of a run."""

    def __init__(self, run_folder: Path) -> None:
        self.path = run_folder / "parts"

    def has(self, stage: Stage, key: str) -> bool:
        """Whether this unit is done."""
        return self._path(stage, key, stage.parts[0]).is_file()

    def write(
        self, stage: Stage, key: str, found: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]
    ) -> None:
        """Keep what a unit found: beside first and then renamed, the first table last."""
        (self.path / stage.name).mkdir(parents=True, exist_ok=True)
        for name in reversed(stage.parts):
            table = pa.Table.from_pandas(tables.check(name, found[name]), preserve_index=False)
            if name == stage.parts[0]:
                told = json.dumps(plain(facts), ensure_ascii=True).encode()
                table = table.replace_schema_metadata({**(table.schema.metadata or {}), FACTS: told})
            path = self._path(stage, key, name)
            beside = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                pq.write_table(table, beside)
                os.replace(beside, path)
            finally:
                beside.unlink(missing_ok=True)

    def read(self, stage: Stage, key: str, table: str, item: str) -> pd.DataFrame:
        """One raw table of a unit, under the name that its item has in this run."""
        return pd.DataFrame(_readable(self._path(stage, key, table), pd.read_parquet)).assign(item=item)

    def facts(self, stage: Stage, key: str) -> dict[str, Any]:
        """What a unit noted beside its tables."""
        metadata = _readable(self._path(stage, key, stage.parts[0]), pq.read_schema).metadata or {}
        facts: dict[str, Any] = json.loads(metadata.get(FACTS, b"{}"))
        return facts

    def clean(self) -> int:
        """Remove every part; returns the bytes that were freed."""
        freed = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
        shutil.rmtree(self.path, ignore_errors=True)
        return freed

    def _path(self, stage: Stage, key: str, table: str) -> Path:
        name = f"{key}.parquet" if table == stage.parts[0] else f"{key}.{table}.parquet"
        return self.path / stage.name / name


def _readable(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except Exception as error:  # pyarrow raises its own kinds
        raise InputError(
            f"{path}: cannot be read ({error}); delete it, and the same command makes it again"
        ) from error
