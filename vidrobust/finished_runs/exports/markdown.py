"""Markdown: the answer of a run for a wiki, a pull request or the summary of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vidrobust.finished_runs.exports.catalogue import Exported, Format, save
from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.gates import Passage
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.answer.text import markdown_lines, title_of
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.variation.section import in_one_line
from vidrobust.text.numbers import known, percent_with_interval, with_interval

MARKS = {"passed": "✅ passed", "failed": "❌ failed"}
SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|"})


def write(run: RunTables, out: Path) -> Exported:
    return Exported((save(out / "summary.md", page(run)),))


def page(run: RunTables, passages: Sequence[Passage] = ()) -> str:
    """Return the answer by model and the metrics, after what the rules of a gate said."""
    return "\n".join(_lines(run, passages)) + "\n"


def rules(passages: Sequence[Passage], title: str) -> str:
    """Return what a gate said, as a list under a heading."""
    failed = sum(passage.outcome != "passed" for passage in passages)
    result = f"{failed} of {len(passages)} rules not passed" if failed else "passed"
    lines = [f"## {escaped(title)}: {result}", ""]
    lines += [
        f"- {MARKS.get(passage.outcome, f'⚠️ {passage.outcome}')}: `{passage.gate.text}`: {escaped(passage.sentence)}"
        for passage in passages
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    return " ".join(text.split()).translate(SPECIAL)


def _lines(run: RunTables, passages: Sequence[Passage]) -> Iterator[str]:
    name = run.folder.resolve().name
    if passages:
        yield rules(passages, f"vidrobust gate, {name}")
    yield f"## vidrobust: {escaped(name)}"
    yield ""
    yield f"{escaped(in_one_line(run))}."
    answer = answer_of(run)
    yield from (f"\n**{title_of(s.question)}**: {escaped(s.text)}" for s in answer.faults)
    for model in answer.models:
        yield f"\n### {escaped(model)}\n"
        yield from markdown_lines(answer, model, escaped)
    yield from _metrics(run)


def _metrics(run: RunTables) -> Iterator[str]:
    stability = run.table("stability")
    if stability is None:
        return
    yield "\n### Metrics\n"
    yield "| model | metric | value and 95 % interval | n |"
    yield "|---|---|---|---|"
    for model, task in run.tasks.items():
        for row in stability[
            (stability["model"] == model) & (stability["item"] == "")
        ].itertuples():
            metric = find_metric(str(row.metric), task.name)
            if metric is None or not known(row.value):
                continue
            figure = overall(stability, model, str(row.metric))
            ends = (float(figure["value"]), float(figure["low"]), float(figure["high"]))
            text = (
                with_interval(*ends, metric.unit) if metric.unit else percent_with_interval(*ends)
            )
            yield f"| {escaped(model)} | {escaped(metric.title)} | {text} | {int(row.n)} |"


MARKDOWN = Format(
    name="markdown",
    what="the answer as summary.md",
    opened_by="any viewer of Markdown",
    write=write,
)
