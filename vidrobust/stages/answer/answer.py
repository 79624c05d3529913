"""Everything that is said of a run; console, first page, ``show --json``, README and tutorial are made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from vidrobust.report.section import provided
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes import statements as causes
from vidrobust.stages.correlate import statements as correlate
from vidrobust.stages.policy import statements as policy
from vidrobust.stages.remedies import statements as remedies
from vidrobust.stages.sensitivity import statements as sensitivity
from vidrobust.stages.stability import statements as stability
from vidrobust.stages.variation import section as variation
from vidrobust.statement import Question, Statement

Contributor = Callable[[RunTables], Iterable[Statement]]
# Those of the core; plugins add theirs.
CONTRIBUTORS: tuple[Contributor, ...] = (
    stability.statements,
    causes.statements,
    sensitivity.statements,
    correlate.statements,
    remedies.statements,
    policy.statements,
    variation.statements,
)


@dataclass(frozen=True)
class Answer:
    """What a run says."""

    models: tuple[str, ...]  # in the order in which they were given
    # By model, then by question; within a question in the order in which the stage makes them.
    statements: tuple[Statement, ...]
    to_come: tuple[str, ...] = ()  # stages of an unfinished study, of which nothing is said

    def of(self, model: str) -> tuple[Statement, ...]:
        """The statements on one model."""
        return tuple(s for s in self.statements if s.model == model)

    @cached_property
    def faults(self) -> tuple[Statement, ...]:
        """What was lost of the footage; it holds for every model."""
        return tuple(s for s in self.statements if s.question == Question.FOOTAGE)

    @cached_property
    def actions(self) -> tuple[Statement, ...]:
        """What to do: tried on this footage, or found again on other footage."""
        return tuple(s for s in self.statements if s.is_action)

    @cached_property
    def suggestions(self) -> tuple[Statement, ...]:
        """What is worth trying, and no more than that."""
        return tuple(s for s in self.statements if s.is_suggestion)

    @cached_property
    def open(self) -> tuple[Statement, ...]:
        """What this footage has not settled, besides what is worth trying."""
        return tuple(s for s in self.statements if s.is_open and not s.is_suggestion)

    @cached_property
    def unknown_scenes(self) -> tuple[Statement, ...]:
        """What leads the page: models that do not seem to know what they see."""
        return tuple(s for s in self.statements if s.question == Question.SCENE)


def answer_of(run: RunTables) -> Answer:
    """Collect the answer of a run from the core and installed plugins."""
    every = [s for contribute in CONTRIBUTORS for s in contribute(run)]
    every += provided().each(lambda section: section.statements(run))
    models, to_come = tuple(run.tasks), run.record.to_come
    kept = [s for s in every if not set(s.command.split()[1:2]) & set(to_come)]
    return Answer(models, tuple(_sorted(kept, models)), to_come)


def _sorted(found: list[Statement], models: tuple[str, ...]) -> Iterator[Statement]:
    places = {question: place for place, question in enumerate(Question)}
    others = places[Question.WHY] + 0.5

    def place(each: Statement) -> tuple[int, float]:
        model = models.index(each.model) if each.model in models else len(models)
        return model, places.get(each.question, others)  # type: ignore[call-overload]

    yield from sorted(found, key=place)
