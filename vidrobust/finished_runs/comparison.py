"""Comparisons of two finished runs, which plugins bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.extensions import Extensions, extensions

# group of entry points in which a package names a Comparison, or several
GROUP = "vidrobust.protocols"
MARGIN = 0.2  # share of a metric up to which a difference does not matter where nobody says another


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A way of comparing run B with run A."""

    name: str
    # (folder A, folder B, model_a, model_b, margin, seed), the last four by name -> what ``compare --json`` prints
    compare: Callable[..., dict[str, Any]]


@cache
def provided() -> Extensions[Comparison]:
    return extensions(GROUP, Comparison, lambda comparison: comparison.name)


def comparison() -> Comparison:
    """Return the first one; SettingsError where no plugin brings any."""
    for record in provided().records:
        return record
    raise SettingsError("compare: no plugin is installed that compares runs")
