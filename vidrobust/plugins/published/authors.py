"""Constants that the authors of the published suites state, from ``authors.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def stated(name: str) -> dict[str, Any]:
    text = (resources.files(__package__) / "authors.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = _tuples(tomllib.loads(text)[name])
    return found


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(each) for key, each in value.items()} if isinstance(value, dict) else value
