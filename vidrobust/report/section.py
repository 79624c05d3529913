"""Sections that plugins add to the report of a run and to the answer on the console."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vidrobust.extensions import Extensions, extensions, imported

if TYPE_CHECKING:
    from vidrobust.report.drawing import Picture
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.statement import Statement

GROUP = "vidrobust.sections"  # group of entry points in which a package names a ReportSection, or several
Keep = Callable[["list[Picture]"], "list[Picture]"]  # figures -> those for which the page has room
# Questions of ``details.html`` in their order; each has the template of its name.
FOLDS = {
    "stable": "How stable?",
    "worst": "When is it worst?",
    "why": "Why?",
    "sensitive": "What is it sensitive to?",
    "proxies": "Which test predicts the line?",
    "remedies": "What helps without training?",
    "policy": "What to train with?",
    "footage": "How much does the footage vary?",
}


def called(place: str) -> Callable[..., Any]:
    """Return a function that imports ``"package.module:function"`` when it is called, and calls it."""
    return lambda *given, **named: imported(place)(*given, **named)


def _nothing(*_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """What a plugin adds to the report and to the answer of a run."""

    # The section of ``details.html`` has this name as its anchor; its HTML contains ``<section id="NAME">``.
    name: str
    question: str  # title of its fold
    after: str  # the question of FOLDS that it follows
    # ``(run, keep)`` gives its HTML, or "" where the run has nothing of it. Figures go through ``keep``.
    details: Callable[[RunTables, Keep], Markup | str]
    # Gives what it adds to the answer: on the console, on the first page, and in ``show --json``.
    statements: Callable[[RunTables], Iterable[Statement]] = _nothing
    # JSON files of the run folder that it reads: a broken one is reported before anything is drawn.
    files: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return the question that it follows; the last one where ``after`` is none of them."""
        return self.after if self.after in FOLDS else [*FOLDS][-1]


@cache
def provided() -> Extensions[ReportSection]:
    return extensions(GROUP, ReportSection, lambda section: section.name)
