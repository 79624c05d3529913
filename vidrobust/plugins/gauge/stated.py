"""What the files of this plugin state: words, and names of columns."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any


def stated(name: str) -> dict[str, Any]:
    return tomllib.loads(
        (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    )


WORDS = stated("words")
