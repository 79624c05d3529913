"""Markdown: the answer of a run for a wiki, a pull request or the summary of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vidrobust.finished_runs.exports.exported import Exported, Format, save
from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.gates import Passage
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report.actions import actions
from vidrobust.stages.report.answer import answers
from vidrobust.stages.report.page import shared_content
from vidrobust.stages.report.undetermined import undetermined
from vidrobust.stages.stability.overall import overall
from vidrobust.text.numbers import known, percent_with_interval, with_interval

MARKS = {"passed": "✅ passed", "failed": "❌ failed"}
SPECIAL = str.maketrans({each: f"\\{each}" for each in "\\`*_[]<>|"})


def write(run: RunTables, out: Path) -> Exported:
    """summary.md."""
    return Exported((save(out / "summary.md", page(run)),))


def page(run: RunTables, passages: Sequence[Passage] = ()) -> str:
    """The answer by model, the metrics, what to do and what is undetermined; the rules of a gate before all."""
    return "\n".join(_lines(run, passages)) + "\n"


def rules(passages: Sequence[Passage], title: str) -> str:
    """What a gate said, as a list under a heading; the part of a page that a build server shows first."""
    failed = sum(each.outcome != "passed" for each in passages)
    said = f"{failed} of {len(passages)} rules not passed" if failed else "passed"
    lines = [f"## {escaped(title)}: {said}", ""]
    lines += [
        f"- {MARKS.get(each.outcome, f'⚠️ {each.outcome}')}: `{each.gate.text}`: {escaped(each.sentence)}"
        for each in passages
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text in which Markdown and HTML see no marks, in one line."""
    return " ".join(text.split()).translate(SPECIAL)


def _lines(run: RunTables, passages: Sequence[Passage]) -> Iterator[str]:
    shared = shared_content(run)
    name = run.folder.resolve().name
    if passages:
        yield rules(passages, f"vidrobust gate, {name}")
    yield f"## vidrobust: {escaped(name)}"
    yield ""
    yield f"{escaped(shared['footage'])}."
    verdicts = {card.name: card.judgement.word for card in shared["cards"]}
    for answer in answers(run):
        word = f": {verdicts[answer.model]}" if answer.model in verdicts else ""
        yield f"\n### {escaped(answer.model)}{word}\n"
        yield from (f"- **{question}**: {escaped(said)}" for question, said in answer.lines)
    yield from _metrics(run)
    todo = actions(run, shared["remedies"], shared["policies"])
    if todo:
        yield "\n### What you can do\n"
        yield from (f"1. {escaped(each.what)} ({each.basis}: {escaped(each.why)})" for each in todo)
    open_ = undetermined(run, shared["cards"], shared["policies"], shared["studies"])
    if open_:
        yield "\n### What is undetermined\n"
        yield from (
            f"- **{escaped(each.question)}**: {escaped(each.why)}. To find out: {escaped(each.needed)}."
            for each in open_
        )


def _metrics(run: RunTables) -> Iterator[str]:
    stability = run.table("stability")
    if stability is None:
        return
    yield "\n### Metrics\n"
    yield "| model | metric | value and 95 % interval | n |"
    yield "|---|---|---|---|"
    for model, task in run.tasks.items():
        for row in stability[(stability["model"] == model) & (stability["item"] == "")].itertuples():
            metric = find_metric(str(row.metric), task.name)
            if metric is None or not known(row.value):
                continue
            found = overall(stability, model, str(row.metric))
            ends = (float(found["value"]), float(found["low"]), float(found["high"]))
            said = with_interval(*ends, metric.unit) if metric.unit else percent_with_interval(*ends)
            yield f"| {escaped(model)} | {escaped(metric.title)} | {said} | {int(row.n)} |"


FORMAT = Format(
    what="the answer as summary.md",
    opened_by="any viewer of Markdown",
    write=write,
)
