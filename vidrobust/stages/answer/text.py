"""The answer as text: for the console, as JSON, and as Markdown."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from vidrobust.files.json_text import plain
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import Answer, answer_of
from vidrobust.statement import DOING, Level, Question, Statement
from vidrobust.text.phrases import capital, plural
from vidrobust.text.printable import shown

WIDTH = 100  # columns of a line on the console
COLUMN = 18  # columns in front of the text of a statement
MOST_LINES = 14  # of the whole answer, with the names of the models and the place of the report
LEAST_LINES = 3  # of a model, with its name; of many models the least stable are shown
# shown in one line where stages have not run
NOT_RUN = (Question.SENSITIVE, Question.RULE, Question.TRAIN)
TITLES = {
    Question.FOOTAGE: "Footage",
    Question.SCENE: "Unknown scene",
    Question.ACCEPT: "Accept",
    Question.LABELS: "With labels",
    Question.STABLE: "How stable",
    Question.WORST: "Worst moment",
    Question.WHY: "Why",
    Question.SENSITIVE: "Sensitive to",
    Question.PROXIES: "Proxies",
    Question.RULE: "Rule",
    Question.STATION: "At the station",
    Question.TRAIN: "Train with",
}
# Marks of what to act on; the text of every other level says by itself what it is.
TAGS = {Level.TRIED: "tried", Level.REPLICATED: "found again"}
TO_DO = {
    Level.TRIED: "To use it",
    Level.SUGGESTED: "To try it",
    Level.NOT_MEASURED: "To find out",
}


def title_of(question: str) -> str:
    """A question as a heading."""
    known = {str(key): title for key, title in TITLES.items()}
    return known.get(str(question), capital(str(question)))


def sentence_of(statement: Statement) -> str:
    """The whole text of a statement, with the command that tries or measures it."""
    if not statement.command:
        return statement.text
    return f"{statement.text} {TO_DO.get(statement.level, 'Next')}: {statement.command}"


def console_text(run: RunTables) -> str:
    """What ``vidrobust show`` prints."""
    answer = answer_of(run)
    missing = [s for s in answer.statements if s.level is Level.NOT_MEASURED and s.command]
    unknown = [s for s in missing if s.question in NOT_RUN]
    commands = list(dict.fromkeys(s.command for s in unknown))
    left_out = unknown if len(commands) > 1 else []
    if len(together := " && ".join(commands)) <= WIDTH - COLUMN:
        commands = [together]
    of = {model: [s for s in answer.of(model) if s not in left_out] for model in answer.models}
    head = title_of(Question.FOOTAGE).ljust(COLUMN)
    faults = [_wrapped(each.text, head) for each in answer.faults]
    room = MOST_LINES - 1 - bool(left_out) * (1 + len(commands)) - bool(answer.to_come)
    room -= sum(len(each.splitlines()) for each in faults)
    least_stable = sorted(of, key=lambda model: _instability(of[model]), reverse=True)
    shown_models = [model for model in of if model in least_stable[: room // LEAST_LINES]]
    lines: list[str] = []
    left = 0
    for model in shown_models:
        kept, others = _most_important(of[model], room // len(shown_models) - 1)
        lines += _model_lines(kept, model)
        left += others
    if left_out:
        titles = dict.fromkeys(title_of(s.question).lower() for s in left_out)
        lines.append(_wrapped(f"{', '.join(titles)}. To find out:", "Not measured".ljust(COLUMN)))
        lines += [f"{' ' * COLUMN}{command}" for command in commands]
    if not lines:
        lines = [f"{run.folder}: no model has been evaluated in this run."]
    lines += faults
    report = run.folder / "report.html"
    if answer.to_come:
        lines.append(f"Incomplete, still to come: {', '.join(answer.to_come)}.")
    models = len(of) - len(shown_models)
    more = [plural(models, "more model")] if models else []
    more += [plural(left, "more finding")] if left else []
    if report.is_file():
        aside = f" ({', '.join(more)})" if more else ""
        lines.append(f"Report{aside}: {report}")
    elif more:
        lines.append(f"{', '.join(more)}: vidrobust show {run.folder_name} --json")
    return shown("\n".join(lines))  # the names of a model and its classes are anybody's


def _instability(statements: Iterable[Statement]) -> float:
    """The rate of what went wrong on one model, by which models are ordered; below 0 where it is not known."""
    rates = (s.value for s in statements if s.question == Question.STABLE)
    rate = next(rates, math.nan)
    return -1.0 if math.isnan(rate) else rate


def _most_important(statements: list[Statement], room: int) -> tuple[list[Statement], int]:
    """Return the statements that fit into so many lines, in their order, and how many are left out.

    First what leads, why, and what to do, then the first statement of each question. Of a scene that the
    model does not know, neither causes nor advice.
    """
    unknown = any(s.question == Question.SCENE for s in statements)
    hidden = (*DOING, Question.WHY) if unknown else ()
    first = {s.question: s for s in reversed(statements)}

    def rank(each: Statement) -> int:
        if each.question in LEADING:
            return 0
        if first[each.question] is each:
            return 1 if each.question == Question.WHY or each.is_action else 2
        return 3 + (each.level is Level.NO_EFFECT)

    kept: list[Statement] = []
    for statement in sorted((s for s in statements if s.question not in hidden), key=rank):
        lines = len(_wrapped(_tagged(statement, statement.text), " " * COLUMN).splitlines())
        lines += bool(statement.command)
        if lines <= room or not kept:
            room -= lines
            kept.append(statement)
    fitting = [s for s in statements if any(s is one for one in kept)]
    return fitting, len(statements) - len(fitting)


def _model_lines(statements: Iterable[Statement], model: str) -> Iterator[str]:
    yield model
    before, suggested = "", False
    for statement in statements:
        title = title_of(statement.question)
        head = f"  {'' if title == before else title}".ljust(COLUMN)
        before = title
        text = statement.proposal if suggested and statement.is_suggestion else statement.text
        suggested = statement.is_suggestion
        yield _wrapped(_tagged(statement, text), head)
        if statement.command:
            # on a line of its own, so that it can be copied
            yield f"{' ' * COLUMN}{TO_DO.get(statement.level, 'Next')}: {statement.command}"


def _tagged(each: Statement, text: str) -> str:
    return f"[{TAGS[each.level]}] {text}" if each.is_action else text


# Questions whose statements come before all others.
LEADING = (Question.SCENE, Question.ACCEPT, Question.STABLE)


def _wrapped(text: str, head: str) -> str:
    kept = re.sub(r"(?<=\d) (?=%)|(?<=%) (?=\[)|(?<=\d,) (?=[\d−]+\])", "\u00a0", text)
    lines = textwrap.fill(
        kept,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * COLUMN,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines.replace("\u00a0", " ")


# What ``show --json`` holds of each statement.
FIELDS = ("question", "text", "level", "model", "value", "low", "high", "n")


def as_json(run: RunTables) -> dict[str, Any]:
    """What ``vidrobust show --json`` prints; a figure that is not known is null."""
    answer = answer_of(run)
    return {
        "run": str(run.folder),
        "models": list(answer.models),
        "statements": [_fields(s) for s in answer.statements],
        "report": str(report) if (report := run.folder / "report.html").is_file() else None,
    }


def first_answer(run: RunTables) -> dict[str, Any]:
    """What ``vidrobust look --json`` prints of its answer: how stable, the worst moment, and what both come from.

    Each is a list, in the order of the answer, with an entry of every model; ``seconds`` are those of all stages.
    """
    of: dict[str, list[Statement]] = {}
    for statement in answer_of(run).statements:
        of.setdefault(statement.question, []).append(statement)
    return {
        "stable": [_fields(s) for s in of.get(Question.STABLE, ())],
        "worst": [_fields(s) for s in of.get(Question.WORST, ())],
        "because": [
            {**_fields(s), "what": s.share_of, "share": s.value}
            for s in of.get(Question.WHY, ())
            if s.share_of
        ],
        "seconds": sum(stage.seconds or 0.0 for stage in run.record.stages.values()),
    }


def _fields(each: Statement) -> dict[str, Any]:
    values = {name: getattr(each, name) for name in FIELDS} | {"text": sentence_of(each)}
    fields: dict[str, Any] = plain(
        {name: str(v) if isinstance(v, str) else v for name, v in values.items()}
    )
    return fields


def markdown_lines(answer: Answer, model: str, escaped: Any) -> Iterator[str]:
    """A list item a statement of one model; ``escaped`` makes text harmless in Markdown."""
    for s in answer.of(model):
        tag = f" *({TAGS[s.level]})*" if s.is_action else ""
        command = f" {TO_DO.get(s.level, 'Next')}: `{s.command}`" if s.command else ""
        yield f"- **{title_of(s.question)}**{tag}: {escaped(s.text)}{command}"
