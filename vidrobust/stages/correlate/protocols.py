"""Published protocols of ``correlate --protocol``; plugins register them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from vidrobust.extensions import Extensions, extensions

GROUP = "vidrobust.correlation_protocols"
"""Group of entry points in which a package names a CorrelationProtocol, or several."""


@dataclass(frozen=True, kw_only=True)
class CorrelationProtocol:
    """A published way to correlate natural with synthetic robustness over the models of a run.

    Attributes
    ----------
    name
        As in ``--protocol NAME``.
    stages, tables
        Stages that are made first where a run lacks one of these tables.
    run
        ``(run folder, *, seed, resamples)`` gives what ``--json`` prints, and the lines of the console. Seed and
        resamples are left out where the user names none.
    """

    name: str
    stages: tuple[str, ...]
    tables: tuple[str, ...]
    run: Callable[..., tuple[dict[str, Any], list[str]]]


@cache
def brought() -> Extensions[CorrelationProtocol]:
    """Return the protocols of installed plugins."""
    return extensions(GROUP, CorrelationProtocol, lambda protocol: protocol.name)


def protocols() -> dict[str, CorrelationProtocol]:
    """Return all protocols by name."""
    return {protocol.name: protocol for protocol in brought().records}
