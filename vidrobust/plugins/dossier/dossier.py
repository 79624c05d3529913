"""``vidrobust export --to dossier``: clauses of standards, each with its evidence in a run or *not covered*.

It lists evidence and never states conformity. The clauses are in ``clauses.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.finished_runs.exports.catalogue import Exported, Format, parameters_of
from vidrobust.report.pages import printed, write_page
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.variation.section import in_one_line
from vidrobust.stages.variation.spread import title_of
from vidrobust.statement import Level, Question
from vidrobust.text.numbers import known, number, percent_with_interval, with_interval
from vidrobust.text.phrases import capital, listing, plural

PACKAGE = "vidrobust.plugins.dossier"
REPEATABLE = "is it repeatable"  # the question of the plugin gauge


@dataclass(frozen=True)
class SubjectEvidence:
    """What a run shows on one subject, with the file of the run folder and the section of its details."""

    number: int
    title: str
    texts: tuple[str, ...]
    file: str
    section: str


@dataclass(frozen=True)
class Clause:
    """A clause in our words, with its evidence; ``missing`` is what the run does not show."""

    number: str
    title: str
    evidence: tuple[SubjectEvidence, ...]
    missing: str
    needs: tuple[str, ...] = ()  # subjects that would be evidence, where the run has none


@dataclass(frozen=True)
class Standard:
    name: str
    source: str
    read: str  # how much of its text these clauses were written from
    clauses: tuple[Clause, ...]

    @property
    def covered(self) -> int:
        return sum(bool(clause.evidence) for clause in self.clauses)


def _stated(run: RunTables, model: str) -> dict[str, list[str]]:
    """What was measured of a model, by question."""
    found: dict[str, list[str]] = {}
    for each in answer_of(run).statements:
        if each.level is not Level.NOT_MEASURED and each.model in ("", model):
            found.setdefault(str(each.question), []).append(each.text)
    return found


def _footage(run: RunTables, model: str) -> Iterator[str]:
    damaged = sum(bool(each.problems) for each in run.record.inputs)
    counted = [in_one_line(run), f"{plural(len(run.record.failed), 'input')} not read"]
    yield f"{listing([*counted, f'{damaged} with problems'])}. Hashes of files and of decoded frames."


def _identity(run: RunTables, model: str) -> Iterator[str]:
    found = {
        name: text
        for name, text in parameters_of(run, model).items()
        if name not in ("model", "sources")
    }
    hashes = {
        each.name: each.weights_sha256[:16] for each in run.record.models if each.weights_sha256
    }
    found |= {"SHA-256 of the weights": hashes[model]} if model in hashes else {}
    yield f"{capital(listing(f'{name} {text}' for name, text in found.items()))}."


def _domain(run: RunTables, model: str) -> Iterator[str]:
    table = run.table("spread")
    if table is not None:
        rows = table[(table["item"] == "") & (table["n"] > 0)].itertuples()
        found = [
            f"{title_of(r.quantity)} {number(r.least)} to {number(r.most)} ({r.unit})" for r in rows
        ]
        if found:
            yield f"{capital('; '.join(found))}."


def _floor(run: RunTables, model: str) -> Iterator[str]:
    ways: Mapping[str, Mapping[str, int]] = run.record.noise_floor.get(model) or {}
    flips, asked = (sum(way.get(key, 0) for way in ways.values()) for key in ("flips", "n"))
    if asked:
        yield f"Asked again with another {listing(ways, joined='or')}: {flips} of {asked} answers differ."


def _history(run: RunTables, model: str) -> Iterator[str]:
    found = run.json("history.json")
    if found:
        out = [chart for chart in found["charts"] if chart["model"] == model and chart["out_since"]]
        yield f"{plural(found['runs'], 'run')}; {plural(len(out), 'chart')} out of control."


def _labels(run: RunTables, model: str) -> Iterator[str]:
    yield from _stated(run, model).get(str(Question.LABELS), ())
    table = run.table("stability")
    if table is not None and known((row := overall(table, model, "top1"))["value"]):
        figure = percent_with_interval(row["value"], row["low"], row["high"])
        yield f"Right answers: {figure}, {row['n']:.0f} frames."


def _repeatability(run: RunTables, model: str) -> Iterator[str]:
    yield from _stated(run, model).get(REPEATABLE, ())
    found = run.json("repeatability.json")
    rules: dict[str, list[str]] = {}
    for each in found["verdicts"] if found else ():
        figure = with_interval(each["value"], each["low"], each["high"])
        rules.setdefault(each["rule"], []).append(
            f"{each['of']} {figure} {each['verdict']}".strip()
        )
    yield from (
        f"{capital(rule.replace('_', ' '))}: {'; '.join(values)}." for rule, values in rules.items()
    )
    yield from [found["overall"]["sentence"]] if found and found["overall"] else ()


Source = Callable[[RunTables, str], Iterator[str]]
# Of each name in clauses.toml: title, source or question of the answer, file of the run, section of details.html.
SOURCES: Mapping[str, tuple[str, Source | str, str, str]] = {
    "footage": ("Footage", _footage, "run.json", "inputs"),
    "domain": ("What changes within a clip", _domain, "spread.parquet", "variation"),
    "identity": ("Model and settings", _identity, "run.json", "models"),
    "labels": ("Accuracy by labels", _labels, "stability.parquet", "stable"),
    "stable": ("Stability", Question.STABLE, "stability.parquet", "stable"),
    "worst": ("Worst moment", Question.WORST, "moments.json", "moments"),
    "floor": ("Equal pictures, asked again", _floor, "metrics.json", "metrics"),
    "why": ("Causes of changes", Question.WHY, "account.parquet", "causes"),
    "sensitive": ("Sensitivity", Question.SENSITIVE, "sensitivity.parquet", "curves"),
    "unknown": ("Unknown scenes", Question.SCENE, "unknown.json", "stable"),
    "repeatability": ("Repeatability study", _repeatability, "repeatability.json", "repeatability"),
    "history": ("Control charts", _history, "history.json", "stable"),
}


def evidence_of(run: RunTables, model: str) -> dict[str, SubjectEvidence]:
    """Return what a run shows of one model, numbered, without subjects on which it shows nothing."""
    found: dict[str, SubjectEvidence] = {}
    stated = _stated(run, model)
    for name, (title, source, file, section) in SOURCES.items():
        texts = tuple(
            stated.get(str(source), ()) if isinstance(source, str) else source(run, model)
        )
        if texts:
            found[name] = SubjectEvidence(len(found) + 1, title, texts, file, section)
    return found


def standards_of(evidence: Mapping[str, SubjectEvidence]) -> tuple[Standard, ...]:
    """Return every standard with its clauses, and what of the evidence belongs to each."""
    known = tomllib.loads(
        resources.files(PACKAGE).joinpath("clauses.toml").read_text(encoding="utf-8")
    )

    def clause(each: Mapping[str, Any]) -> Clause:
        shown = tuple(evidence[name] for name in each.get("evidence", ()) if name in evidence)
        needs = () if shown else tuple(SOURCES[name][0] for name in each.get("evidence", ()))
        return Clause(each["number"], each["title"], shown, each.get("missing", ""), needs)

    return tuple(
        Standard(each["name"], each["source"], each["read"], tuple(map(clause, each["clause"])))
        for each in known["standard"]
    )


def write(run: RunTables, out: Path) -> Exported:
    """Write ``dossier.html`` and, where a Chromium is installed, ``dossier.pdf``."""
    evidence = {model: evidence_of(run, model) for model in run.tasks}
    models = [
        (model, list(found.values()), standards_of(found)) for model, found in evidence.items()
    ]
    content = {"title": f"Dossier of {run.folder.resolve().name}", "models": models}
    page = write_page(out / "dossier.html", "dossier.html", content, PACKAGE)
    try:
        return Exported((page, printed(page, out / "dossier.pdf")))
    except SettingsError:
        note = "no dossier.pdf: no Chromium is installed; print dossier.html from a browser"
        return Exported((page,), (note,))


FORMAT = Format(
    name="dossier",
    what="evidence for clauses of the AI Act, ISO/IEC 24029 and VDA 5, and what is not covered",
    opened_by="open {out}/dossier.html",
    write=write,
)
