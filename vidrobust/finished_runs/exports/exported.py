"""What every format of an export shares: what it gives back, names of files, the metrics of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.files.atomic import write_text
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import known


@dataclass(frozen=True)
class Exported:
    """The files that were written, and what is not in them and why."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: what it writes in a few words, how that is opened ({out} is the folder), the writer."""

    what: str
    opened_by: str
    write: Callable[[RunTables, Path], Exported]


@dataclass(frozen=True)
class Number:
    """A metric of a model over all inputs with its 95 % interval, as the table ``stability`` has it."""

    metric: str
    value: float
    low: float
    high: float
    n: int


def numbers(run: RunTables, model: str) -> Iterator[Number]:
    """The metrics of a model that were measured, over all inputs; InputError where none has been."""
    stability = run.table("stability")
    if stability is None:
        raise InputError(f"{run.folder}: has no metrics yet; make them with vidrobust stability {run.folder}")
    for row in stability[(stability["model"] == model) & (stability["item"] == "")].itertuples():
        if row.n and known(row.value):
            yield Number(str(row.metric), float(row.value), float(row.low), float(row.high), int(row.n))


def file_name(text: str) -> str:
    """A name of an input or model as a name of a file or a path of a metric: letters, digits, dots, dashes."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("._") or "unnamed"


def save(path: Path, text: str) -> Path:
    """Write a file whole, its folder first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path
