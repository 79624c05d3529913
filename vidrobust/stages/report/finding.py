"""The title of page one: what was found, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import Answer
from vidrobust.stages.report.why import clause
from vidrobust.stages.stability.section import ModelCard
from vidrobust.text.phrases import capital

ORDER = ("bad", "middle", "unknown", "good")  # of the kinds of verdicts


def finding(run: RunTables, answer: Answer, cards: Sequence[ModelCard]) -> str:
    """Say how often the least stable model fails, and what causes it where that is known."""
    if not cards:
        return "Nothing was measured yet"
    worst = least_stable_first(cards)[0]
    said = capital(worst.finding)
    if len(cards) > 1:
        said = f"{worst.name}, the least stable of {len(cards)} models: {worst.finding}"
    if any(each.model == worst.name for each in answer.unknown_scenes):
        return f"{said}; the model does not know this scene"
    cause = clause(run, worst.name)
    return f"{said}; {cause}" if cause else said


def least_stable_first(cards: Sequence[ModelCard]) -> list[ModelCard]:
    """Return the models from the worst verdict to the best."""
    return sorted(cards, key=lambda card: ORDER.index(card.judgement.kind))
