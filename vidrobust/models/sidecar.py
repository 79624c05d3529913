"""The TOML beside a network file: how pixels go in, and what comes out.

Looked for as FILE.toml (``net.onnx.toml`` or ``net.toml``), then as the entry of ``models.toml`` in the same
folder whose ``file`` is the network's name.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.models import classes, reading
from vidrobust.models.preprocess import Preprocess

_PREPROCESS = ("size", "crop", "interpolation", "mean", "std", "channels", "resize", "resize_to")
_OTHER = ("file", "task", "name", "output_name", "classes", *reading.KEYS)
_FREE = ("licence", "license", "source", "pip", "head", "notes")

TEMPLATE = """\
size = 224                      # px, or [height, width]
crop = 0.875                    # the shorter side becomes size / crop, then a centre crop of size
interpolation = "bilinear"      # or "bicubic"
mean = [123.675, 116.28, 103.53]  # in the range 0..255, in the order of channels
std = [58.395, 57.12, 57.375]
channels = "RGB"                # or "BGR"
"""


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """path where it was read; name or None; what is declared of the outputs."""

    path: Path
    preprocess: Preprocess
    name: str | None
    declared: reading.Declared
    output_name: str | None
    class_names: tuple[str, ...] | None


def read_sidecar(network: Path, given: str | None = None) -> Sidecar:
    """Find and check the description of ``network``; ``given`` names the TOML instead of looking for it.

    Raises SettingsError: none found (with a template), no entry for this file, a key missing or misspelt,
    or a task other than classification.
    """
    path, entry = find_entry(network, given)
    task = entry.get("task", "classification")
    if task != "classification":
        raise SettingsError(
            f'{path}: {network.name} is for {task}: expected task = "classification" here; detectors are read '
            "from ONNX files"
        )
    _check_keys(entry, path)
    named = entry.get("classes")
    try:
        return Sidecar(
            path=path,
            preprocess=Preprocess(**{key: entry[key] for key in _PREPROCESS if key in entry}),
            name=entry.get("name"),
            declared=reading.Declared.read({k: entry[k] for k in reading.KEYS if k in entry}, "outputs"),
            output_name=entry.get("output_name"),
            class_names=None if named is None else classes.named(named, path.parent),
        )
    except (SettingsError, TypeError) as error:
        raise SettingsError(f"{path}, {network.name}: {error}") from error


def find_entry(
    network: Path, given: str | None = None, *, own: dict[str, Any] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Where the description of ``network`` stands, and its keys, unchecked.

    own  what the network file says of itself: keys that a sidecar overrides, and enough where there is none
    """
    path = Path(given).expanduser() if given else None
    if not own:
        return _find(network, path)
    try:
        found, entry = _find(network, path)
    except SettingsError:
        if path is not None:
            raise
        return network, own
    return found, {**own, **entry}


def _find(network: Path, given: Path | None) -> tuple[Path, dict[str, Any]]:
    own = [network.with_name(network.name + ".toml"), network.with_suffix(".toml")]
    table = network.with_name("models.toml")
    for path in [given] if given else [*own, table]:
        if path.is_file():
            entry = _entry(_load(path), network.name, alone=path != table)
            if entry is not None:
                return path, entry
            if given:
                raise SettingsError(f'{given}: no entry has file = "{network.name}"')
    if given:
        raise SettingsError(f"{given}: no such file; it was named as the sidecar of {network.name}")
    why = f', and {table} has no entry with file = "{network.name}"' if table.is_file() else ""
    raise SettingsError(
        f"{network}: there is no sidecar that says how pixels go in{why}. Write {own[0]} with:\n{TEMPLATE}"
    )


def _entry(data: dict[str, Any], name: str, *, alone: bool) -> dict[str, Any] | None:
    """The table whose ``file`` is ``name``; in a file of its own also the top level, or the only table."""
    tables = [value for value in data.values() if isinstance(value, dict)]
    for table in tables:
        if table.get("file") == name:
            return table
    if not alone:
        return None
    if not tables:
        return data
    return tables[0] if len(tables) == 1 and "file" not in tables[0] else None


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error


def _check_keys(entry: dict[str, Any], path: Path) -> None:
    needed = {"size", "interpolation", "mean", "std", "channels"}
    if entry.get("resize") != "stretch" and "resize_to" not in entry:
        needed.add("crop")
    missing = sorted(needed - entry.keys())
    if missing:
        raise SettingsError(f"{path}: missing {', '.join(missing)}; a sidecar reads:\n{TEMPLATE}")
    known = (*_PREPROCESS, *_OTHER)
    for key in entry.keys() - {*known, *_FREE}:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
        if near:
            raise SettingsError(f"{path}: unknown key {key!r}; did you mean {near[0]!r}?")
