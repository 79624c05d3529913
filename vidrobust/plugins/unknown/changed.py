"""Whether known footage is what it was: sizes and times of change of its files."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from vidrobust.run_folder.folder import RunFolder, is_run_folder


def state_of(paths: Sequence[str]) -> list[list[object]]:
    """A row a file."""
    rows: list[list[object]] = []
    for path in paths:
        if is_run_folder(Path(path)):
            folder = RunFolder.existing(Path(path))
            rows.append([path, str(folder.run["stages"].get("stability", {}).get("key", ""))])
            rows += state_of(
                [source for source in folder.settings.sources if not is_run_folder(Path(source))]
            )
            continue
        for place in sorted(glob.glob(path)) if glob.has_magic(path) else [path]:
            rows += _files(place)
    return rows


def _files(path: str) -> list[list[object]]:
    if not os.path.isdir(path):
        return [_state(path)] if os.path.exists(path) else []
    found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return [_state(each) for each in sorted(found)]


def _state(path: str) -> list[object]:
    about = os.stat(path)
    return [path, about.st_size, about.st_mtime_ns]
