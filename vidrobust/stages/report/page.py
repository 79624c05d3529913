"""A run folder becomes report.html and details.html; both open offline, whatever has run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidrobust.report.drawing import Picture
from vidrobust.report.glossary import GLOSSARY
from vidrobust.report.pages import rendered, written
from vidrobust.report.pictures import save_picture
from vidrobust.report.section import FOLDS, ReportSection, provided
from vidrobust.run_folder.gates import parse_gate, passages_of
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import FILE, Metrics
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.answer.text import title_of
from vidrobust.stages.boxes import moments as which
from vidrobust.stages.boxes import section as detectors_section
from vidrobust.stages.causes import section as account_section
from vidrobust.stages.correlate import section as proxies_section
from vidrobust.stages.correlate.verdicts import PROXY
from vidrobust.stages.moments import player as moments_player
from vidrobust.stages.moments import section as moments_section
from vidrobust.stages.policy import section as policy_section
from vidrobust.stages.remedies import section as remedies_section
from vidrobust.stages.report.finding import finding, least_stable_first
from vidrobust.stages.report.ribbons import ribbon
from vidrobust.stages.report.why import place_map, why
from vidrobust.stages.sensitivity import section as sensitivity_section
from vidrobust.stages.sensitivity.changes import WORTH_SAYING
from vidrobust.stages.stability import by_clip, labels_section
from vidrobust.stages.stability import rates as judgement
from vidrobust.stages.stability import section as stability_section
from vidrobust.stages.stability.section import ModelCard
from vidrobust.stages.variation import section as footage_section
from vidrobust.statement import DOING, NEEDS_MODEL, Question
from vidrobust.text.numbers import duration
from vidrobust.text.phrases import listing

STAGES = (
    "stability",
    "sensitivity",
    "variation",
    "causes",
    "correlate",
    "policy",
    "remedies",
    "report",
)
# Stages that show a model new pictures, or read the tables of those that do.
NEED_PIXELS = ("sensitivity", "causes", "correlate", "policy")
KINDS = {"passed": "good", "failed": "bad"}
LARGEST_BYTES = 15_000_000  # largest file; pictures beyond it are left out, and the page says so
REST_BYTES = 3_000_000  # kept for the text and the tables of the page
REPORT, DETAILS, WHERE = "report.html", "details.html", "where.png"
# What the pictures and figures of the one page may weigh; beyond that the player goes without pictures.
PAGE_BYTES = 13_500_000
MOST_CARDS = 4  # models whose verdict is reported in full on the one page; of more, a line each
MOST_MODELS = 8
MOST_GATES = 6
# Questions with a section of their own on the one page.
CORE_QUESTIONS = (*DOING, Question.WHY, Question.SENSITIVE, Question.PROXIES, Question.WORST)
MOST_PLACES = 60  # clips, and classes, in the details; page one has the first of them
MOST_LISTED = 4  # statements of a list on the one page; ``vidrobust show`` prints all of them
# Figures in the order in which they are given room.
PICTURES = ("box_curves", "sensitivity_curves")
JSON_FILES = (
    "run.json",
    "moments.json",
    "box_moments.json",
    "correlation.json",
    "policy.json",
    "remedies.json",
)


def write_report(folder: Path) -> Path:
    """Write both pages and ``where.png`` from whatever the run folder holds; return the path of ``report.html``.

    InputError where a file cannot be read or written.
    """
    run = RunTables(folder)
    shared = shared_content(run)
    written(folder / DETAILS, details(run, shared))
    write_where(run, shared["cards"])
    return written(folder / REPORT, one_page(run, shared))


def write_summary(folder: Path) -> Path:
    """Write ``report.html`` alone, of a study that goes on."""
    run = RunTables(folder)
    text = one_page(run, shared_content(run))
    return written(folder / REPORT, re.sub(r'<a href="details\.html[^"]*">(.*?)</a>', r"\1", text))


def shared_content(run: RunTables) -> dict[str, Any]:
    """What both pages show, with the answer of the run as ``answer``."""
    for name in (*JSON_FILES, *(name for section in provided().records for name in section.files)):
        run.json(name)  # a broken one is reported before any figure is drawn
    return {
        "title": run.folder.resolve().name,
        "folder": str(run.folder),
        "models": run.models,
        "detectors": run.detectors,
        "others": list(run.others),
        "named": len(run.tasks) > 1,
        "answer": answer_of(run),
        "footage": footage_section.in_one_line(run),
        "failed": footage_section.first_rows(run.record.failed),
        "missing": {stage: not_run(stage, run) for stage in STAGES},
        "cards": stability_section.cards(run),
        "box_moments": detectors_section.moments(run),
        "policies": policy_section.policies(run),
        "remedies": remedies_section.pages(run),
        "studies": proxies_section.studies(run),
        "gates": gates(run),
        "version": run.record.versions.get("vidrobust", ""),
    }


def not_run(stage: str, run: RunTables) -> str:
    asked = run.record.models
    if stage in NEED_PIXELS and asked and all(model.is_recorded for model in asked):
        return f"{NEEDS_MODEL} Give it as --model onnx:FILE, torchvision:NAME, ..."
    if stage in run.record.to_come:
        return "Still to come."
    if stage in run.record.stages:
        return "This stage ran and found nothing that it could judge."
    return f"Not measured: this stage has not run. To run it: vidrobust {stage} {run.folder_name}"


def gates(run: RunTables) -> list[dict[str, str]]:
    """A row for each rule and model: outcome, its kind for the colour, and the sentence."""
    rules = [parse_gate(str(rule)) for rule in run.record.settings.get("fail_if") or []]
    if not rules:
        return []
    metrics = Metrics.of(run.json(FILE), str(run.folder / FILE))
    tasks = {name: task.name for name, task in run.tasks.items()}
    passages = passages_of(rules, lambda metric: metrics.asked(metric, tasks), run.folder)
    return [
        {
            "outcome": passage.outcome,
            "kind": KINDS.get(passage.outcome, "unknown"),
            "sentence": passage.sentence,
        }
        for passage in passages
    ]


def details(run: RunTables, shared: Mapping[str, Any]) -> str:
    content = {**shared, **_content(run)}
    moments = (*content["moments"].shown, *content["moments"].further)
    weight = sum(
        len(shot.uri) for moment in moments for shot in (moment.a, moment.b, *moment.strip)
    )
    budget = _Budget(LARGEST_BYTES - REST_BYTES - weight)
    content["sections"] = list(_sections(run, budget))
    for name in PICTURES:
        content[name] = budget.keep(content[name])
    content["pictures_left_out"] = budget.refused
    return rendered(DETAILS, content)


def _content(run: RunTables) -> dict[str, Any]:
    sensitivity = sensitivity_section.summary(run)
    variation = footage_section.variation_summary(run)
    return {
        "folds": FOLDS,
        "several_items": len(run.items) > 1,
        "remedy_questions": (Question.RULE, Question.STATION),
        "left_out_files": footage_section.first_rows(run.record.left_out),
        "limits": judgement.LIMITS,
        "metric_rows": stability_section.metric_rows(run),
        "label_tables": labels_section.of_every_task(run),
        "label_basis": labels_section.basis(run),
        "label_classes": labels_section.by_class(run),
        "label_pairs": labels_section.two_models(run),
        "label_figures": [
            *_some(labels_section.about_anchors(run)),
            *_some(labels_section.over_thresholds(run)),
        ],
        "places": [
            (title, table)
            for title, table in (
                ("Flips of each clip", by_clip.clips(run, MOST_PLACES)),
                ("Classes that swap", by_clip.swaps(run, MOST_PLACES)),
                ("Classes", by_clip.classes(run, MOST_PLACES)),
            )
            if table.more or table.rows[by_clip.MOST_ROWS :]
        ],
        "moments": moments_section.moments(run),
        "box_numbers": detectors_section.numbers(run),
        "other_tasks": stability_section.other_tasks(run),
        "box_places": [
            each["sentence"] for each in run.json("box_moments.json").get("hiding_places", [])
        ],
        "box_which": which.side_by_side(run),
        "box_curves": _some(detectors_section.threshold_figure(run)),
        "box_groups": detectors_section.by_group(run),
        "box_sensitivity": detectors_section.sensitivity_rows(run),
        "sensitive": sensitivity_section.in_words(run, sensitivity),
        "sensitivity_curves": sensitivity_section.curves(run, sensitivity),
        "sensitivity_rows": sensitivity_section.rows(sensitivity),
        "worth_saying": f"{100 * WORTH_SAYING:g} %",
        "studies_left_out": proxies_section.left_out(run),
        "correlation_rows": proxies_section.rows(run),
        "variation_rows": footage_section.variation_rows(variation),
        "glossary": GLOSSARY,
        "account_rows": account_section.rows(run),
        "exclusions": footage_section.exclusions(run),
        "inputs": footage_section.inputs(run),
        "corrupt": footage_section.faults_in_words(run),
        "model_facts": models(run),
        "settings": [{"name": k, "value": _plain(v)} for k, v in run.record.settings.items()],
        "versions": [{"name": k, "value": v} for k, v in run.record.versions.items()],
        "stages": stages(run),
    }


def models(run: RunTables) -> list[dict[str, Any]]:
    result = []
    for entry in run.record.models:
        rest = {k: v for k, v in asdict(entry).items() if k not in ("name", "notes") and v}
        facts = [{"name": k.replace("_", " "), "value": str(v)} for k, v in rest.items()]
        result.append({"name": entry.name, "facts": facts, "notes": list(entry.notes)})
    return result


def stages(run: RunTables) -> list[dict[str, str]]:
    done = run.record.stages
    rows = []
    for stage in [*STAGES, *(s for s in done if s not in STAGES)]:
        if stage == "report":
            continue
        if stage in done:
            seconds = done[stage].seconds
            text = duration(seconds) if seconds is not None else "done"
        elif stage == "variation" and run.table("variation") is not None:
            text = "measured together with the stability"
        else:
            text = "not run"
        rows.append({"name": stage, "value": text})
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)


def _some(picture: Picture | None) -> list[Picture]:
    return [] if picture is None else [picture]


def _sections(run: RunTables, budget: _Budget) -> Iterator[dict[str, Any]]:
    """Sections of plugins that have something to show; they take room from the figures."""

    def shown(section: ReportSection) -> Iterator[dict[str, Any]]:
        room = budget.room
        html = section.details(run, budget.keep)
        budget.room = room - len(html)
        if html:
            yield {
                "name": section.name,
                "question": section.question,
                "place": section.place,
                "html": html,
            }

    return provided().each(shown)


class _Budget:
    def __init__(self, room: int) -> None:
        self.room, self.refused = room, 0

    def keep(self, pictures: list[Picture]) -> list[Picture]:
        kept = []
        for picture in pictures:
            if len(picture.uri) > self.room:
                self.refused += 1
                continue
            self.room -= len(picture.uri)
            kept.append(picture)
        return kept


def write_where(run: RunTables, cards: Sequence[ModelCard]) -> None:
    """Write ``where.png``, the map of the least stable model that has one; an older one goes where none has."""
    maps = (place_map(run, card.name) for card in least_stable_first(cards))
    shown = next((one for one in maps if one is not None), None)
    if shown is None:
        (run.folder / WHERE).unlink(missing_ok=True)
    else:
        save_picture(shown.image, run.folder / WHERE, shown.image.shape[1])


def one_page(run: RunTables, shared: Mapping[str, Any]) -> str:
    moments, boxes = moments_section.moments(run), shared["box_moments"]
    player, policies = moments_player.player(run), shared["policies"]
    content = {
        **shared,
        "made_on": made_on(run),
        "most_cards": MOST_CARDS if len(shared["cards"]) <= MOST_CARDS else 2,
        "most_rows": MOST_MODELS,
        "most_gates": MOST_GATES,
        "most_listed": MOST_LISTED if len(run.tasks) <= 2 else MOST_LISTED // 2,
        "leading": (Question.LABELS, Question.STABLE),
        "told": (
            *CORE_QUESTIONS,
            Question.SCENE,
            Question.ACCEPT,
            Question.LABELS,
            Question.STABLE,
        ),
        "accepted": [s for s in shared["answer"].statements if s.question == Question.ACCEPT],
        "titles": title_of,
        "show": f"vidrobust show {run.folder_name}",
        "finding": finding(run, shared["answer"], shared["cards"]),
        # where no model knows the scene the rest of the page is folded
        "unknown": {each.model for each in shared["answer"].unknown_scenes}
        == set(run.tasks)
        != set(),
        "open": [
            each
            for each in shared["answer"].open
            if each.question != Question.SCENE and each.kind != "why_named"
        ],
        "ribbons": {card.name: ribbon(run, card.name) for card in shared["cards"][:MOST_CARDS]},
        "whys": {card.name: why(run, card.name) for card in shared["cards"][:MOST_CARDS]},
        "leading_curves": sensitivity_section.leading_curves(run, sensitivity_section.summary(run)),
        "proxies": any(
            row["verdict"] == PROXY and row["count"]
            for study in shared["studies"]
            for row in study["verdicts"]
        ),
        "kept_for_testing": listing(
            policies[0]["evaluation_only"] if policies and policies[0]["steps"] else ()
        ),
        "worst": moments.shown[0] if moments.shown else None,
        "worst_box": boxes[0] if boxes else None,
        "swaps": by_clip.swaps(run),
        "clips": by_clip.clips(run),
        "classes": by_clip.classes(run),
        "player": player,
        "player_data": Markup(moments_player.as_script(player)) if player else "",
    }
    if len(content["player_data"]) > PAGE_BYTES and player is not None:
        player = moments_player.without_pictures(player)
        content |= {"player": player, "player_data": Markup(moments_player.as_script(player))}
    return rendered(REPORT, content)


def made_on(run: RunTables) -> str:
    for name in ("stability.parquet", "run.json"):
        path = run.folder / name
        if path.is_file():
            day = datetime.fromtimestamp(path.stat().st_mtime)
            return f"{day.day} {day:%B %Y}"
    return ""
