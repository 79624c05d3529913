"""Constants that the authors of the published suites state, from ``authors.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


def stated(name: str) -> dict[str, Any]:
    return dict(_all()[name])


@cache
def _all() -> dict[str, Any]:
    text = (resources.files(__package__) / "authors.toml").read_text(encoding="utf-8")
    return dict(_tuples(tomllib.loads(text)))


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(item) for key, item in value.items()} if isinstance(value, dict) else value
