"""What a study may be of, from Python: paths, arrays, iterators of frames, a manifest as a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from vidrobust.api.frames_given import is_array, write_frames
from vidrobust.errors import SettingsError
from vidrobust.files.names import file_name, readable_name

Path_: TypeAlias = "str | os.PathLike[str]"
Source: TypeAlias = "Path_ | np.ndarray | pd.DataFrame | Iterable[np.ndarray]"
"""One source. An array or iterator of frames is one clip; a DataFrame is a manifest, a row an item."""
Sources: TypeAlias = "Source | Sequence[Source] | Mapping[str, Source]"
"""One source, several, or several by name."""
FRAME_RATE = 25.0
"""Of frames in memory, where nothing is said."""


def in_memory(sources: Any) -> bool:
    """Whether any of the sources has to be written before it can be read."""
    return any(not isinstance(each, str | os.PathLike) for _, each in _each(sources))


def paths_of(sources: Any, folder: Path, frame_rate: float) -> list[str]:
    """The sources as paths; what is in memory is written into ``folder`` first, frames without loss.

    Raises SettingsError for a source of another kind.
    """
    return [_path(name, source, folder, frame_rate) for name, source in _each(sources)]


def _each(sources: Any) -> list[tuple[str, Any]]:
    """Name and source; one clip where all members of a list are single frames."""
    if isinstance(sources, Mapping):
        return [(str(name), source) for name, source in sources.items()]
    if isinstance(sources, list | tuple) and not (sources and all(map(_is_frame, sources))):
        return [(f"clip-{number}", source) for number, source in enumerate(sources, 1)]
    return [("clip", sources)]


def _is_frame(source: Any) -> bool:
    return is_array(source) and len(source.shape) == 3


def _path(name: str, source: Any, folder: Path, frame_rate: float) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    if isinstance(source, pd.DataFrame):
        return str(_manifest(source, folder, name))
    if is_array(source) or isinstance(source, Iterable):
        return str(write_frames(source, folder, readable_name(name, "clip"), frame_rate))
    raise SettingsError(
        f"{name}: expected a path, an array or iterator of frames, or a DataFrame with a column path, got "
        f"{type(source).__name__}"
    )


def _manifest(table: pd.DataFrame, folder: Path, name: str) -> Path:
    """The table as a manifest file; its paths are taken from here, not from where the file is."""
    if "path" not in table.columns:
        raise SettingsError(
            f"{name}: a manifest has a column path; it has {', '.join(map(str, table.columns))}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name(name, 'clip')}.csv"
    table.assign(path=[os.path.abspath(os.fspath(each)) for each in table["path"]]).to_csv(path, index=False)
    return path
