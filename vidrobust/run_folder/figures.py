"""Figures that gates read besides the metrics of a run: plugins register them, such as those of a gauge study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vidrobust.extensions import Extensions, extensions

GROUP = "vidrobust.figures"
"""Group of entry points in which a package names a FigureSource, or several."""
Figures = dict[str, dict[str, dict[str, Any]]]
"""Figure -> of whom or what -> value, low, high, n; a number that is not known is None or NaN."""


@dataclass(frozen=True, kw_only=True)
class FigureSource:
    """Named figures of a run folder that are not metrics.

    Attributes
    ----------
    name
        Name of the source.
    knows
        Whether a figure of this name belongs to it, computed or not.
    of_run
        Run folder -> its figures, and why they are missing or incomplete, "" where they are not.
    sections
        What stands before the point in names of two parts, as in ``within_operator.fleiss_kappa``.
    bare
        Sections that are meant where a rule names none, the first that has the figure.
    """

    name: str
    knows: Callable[[str], bool]
    of_run: Callable[[Path], tuple[Figures, str]]
    sections: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()

    def find(self, figures: Figures, name: str) -> dict[str, dict[str, Any]]:
        """Return a figure by its name, with or without section: whose -> value, low, high, n."""
        full_names = (name, *(f"{section}.{name}" for section in self.bare))
        return next((figures[full] for full in full_names if full in figures), {})

    def names(self, figures: Figures) -> list[str]:
        """Return the names of the figures that are there, as short as a rule may write them."""
        return [full.partition(".")[2] if full.partition(".")[0] in self.bare else full for full in figures]


@cache
def brought() -> Extensions[FigureSource]:
    """Return the sources of figures of installed plugins."""
    return extensions(GROUP, FigureSource, lambda source: source.name)


def source_of(name: str) -> FigureSource | None:
    """Return the source that knows a figure; None where none does, as for every metric of a run."""
    return next((source for source in brought().records if source.knows(name)), None)
