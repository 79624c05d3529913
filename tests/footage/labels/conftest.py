"""The real annotation files, and copies of them with faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def annotations(corpus: Path) -> Path:
    return corpus / "annotations"


@pytest.fixture
def changed(annotations: Path, tmp_path: Path) -> Callable[..., Path]:
    """changed(name, (old, new), ...): a copy of a real file in which each ``old``, there once, is ``new``."""

    def copy(name: str, *changes: tuple[str, str]) -> Path:
        path = tmp_path / Path(name).name
        shutil.copyfile(annotations / name, path)
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path.write_text(text)
        return path

    return copy
