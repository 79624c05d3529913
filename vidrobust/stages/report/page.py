"""A run folder becomes report.html: one file that opens offline, whatever stages have run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidrobust.repeatability import study_file
from vidrobust.report import history_page, repeatability_section
from vidrobust.report.drawing import Picture
from vidrobust.report.pages import rendered, written
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.boxes import section as detectors_section
from vidrobust.stages.causes import section as account_section
from vidrobust.stages.correlate import section as proxies_section
from vidrobust.stages.moments import section as moments_section
from vidrobust.stages.policy import section as policy_section
from vidrobust.stages.remedies import section as remedies_section
from vidrobust.stages.report import answer, settings_section
from vidrobust.stages.sensitivity import section as sensitivity_section
from vidrobust.stages.stability import (
    judgement,
    labels_section,
    timeline_section,
)
from vidrobust.stages.stability import (
    section as stability_section,
)
from vidrobust.stages.variation import section as footage_section
from vidrobust.text.numbers import NOT_MEASURED

LARGEST_BYTES = 15_000_000
"""What the file may weigh; pictures beyond it are left out, and the page says so."""
REST_BYTES = 3_000_000
"""Kept for the text and the tables of the page."""


def write_report(folder: Path) -> Path:
    """Write ``folder/report.html`` from whatever the run folder holds, and return its path.

    Sections whose table is missing say which command makes it. The file is written beside and renamed. Raises
    InputError where the folder is no run folder, holds an unreadable file, or cannot be written to.
    """
    return written(folder / "report.html", render(RunTables(folder)))


def render(run: RunTables) -> str:
    """The page as text."""
    content = _content(run)
    left = LARGEST_BYTES - REST_BYTES - _weight(content["moments"])
    if content["repeatability"]:
        left -= content["repeatability"].weight
    budget = _Budget(left)
    for name in PICTURES:
        content[name] = budget.keep(content[name])
    content["pictures_left_out"] = budget.refused
    return rendered("report.html", content)


PICTURES = (
    "repeatability_figures", "timelines", "box_timelines", "box_curves",
    "remedy_figures", "sensitivity_curves", "proxy_forests", "account_bars", "variation_figures",
    "item_figures", "matrices",
)  # fmt: skip
"""Figures in the order in which they are given room."""


JSON_FILES = (
    *("run.json", "moments.json", "box_moments.json", "correlation.json", "policy.json", "remedies.json"),
    study_file.FILE,
    history_page.FILE,
)


class _Budget:
    """Keeps figures until the room is spent."""

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


def _weight(moments: moments_section.Moments) -> int:
    return sum(len(shot.uri) for m in (*moments.shown, *moments.further) for shot in (m.a, m.b, *m.strip))


def _content(run: RunTables) -> dict[str, Any]:
    """Everything the template shows, as text and pictures."""
    for name in JSON_FILES:
        run.json(name)  # a broken one is told before any figure is drawn
    sensitivity = sensitivity_section.summary(run)
    variation = footage_section.variation_summary(run)
    timelines = timeline_section.timelines(run)
    forests, forests_left_out = proxies_section.forest_figures(run)
    matrices, matrices_left_out = proxies_section.matrix_figures(run)
    repeatability = repeatability_section.section(run)
    name = run.folder.resolve().name
    return {
        "title": name,
        "folder": str(run.folder),
        "models": run.models,
        "named": len(run.models) + len(run.detectors) > 1,
        "several_items": len(run.items) > 1,
        "footage": footage_section.in_one_line(run),
        "failed": footage_section.first_rows(run.run.get("failed", [])),
        "left_out_files": footage_section.first_rows(run.run.get("left_out", [])),
        "missing": {
            stage: settings_section.not_run(stage, str(run.folder)) for stage in settings_section.STAGES
        },
        "not_measured": NOT_MEASURED,
        "limits": judgement.LIMITS,
        "cards": stability_section.cards(run),
        "metric_rows": stability_section.metric_rows(run),
        "label_tables": labels_section.of_every_task(run),
        "label_basis": labels_section.basis(run),
        "label_classes": labels_section.by_class(run),
        "label_pairs": labels_section.two_models(run),
        "label_figures": [
            *_some(labels_section.about_anchors(run)),
            *_some(labels_section.over_thresholds(run)),
        ],
        "item_figures": _some(stability_section.item_figure(run)),
        "moments": moments_section.moments(run),
        "repeatability": repeatability,
        "repeatability_figures": repeatability.pictures if repeatability else [],
        "history": history_page.of_run(run),
        "detectors": run.detectors,
        "box_numbers": detectors_section.numbers(run),
        "box_moments": detectors_section.moments(run),
        "box_names": detectors_section.name_changes(run),
        "box_timelines": detectors_section.timelines(run),
        "box_curves": _some(detectors_section.threshold_figure(run)),
        "box_account": account_section.detector_bars(run),
        "box_groups": detectors_section.by_group(run),
        "box_sensitivity": detectors_section.sensitivity_rows(run),
        "sensitive": sensitivity_section.in_words(run, sensitivity),
        "sensitivity_curves": sensitivity_section.curves(run, sensitivity),
        "sensitivity_rows": sensitivity_section.rows(sensitivity),
        "worth_saying": f"{100 * sensitivity_section.FLIPS_WORTH_SAYING:g} %",
        "studies": proxies_section.studies(run),
        "studies_left_out": proxies_section.left_out(run),
        "proxy_forests": forests,
        "forests_left_out": forests_left_out,
        "matrices": matrices,
        "matrices_left_out": matrices_left_out,
        "correlation_rows": proxies_section.rows(run),
        "policies": policy_section.policies(run),
        "remedies": remedies_section.pages(run),
        "remedy_figures": remedies_section.figures(run),
        "timelines": timelines.pictures,
        "timelines_left_out": timelines.left_out,
        "variation_figures": _some(footage_section.variation_figure(variation)),
        "variation_rows": footage_section.variation_rows(variation),
        "account_bars": account_section.bars(run),
        "account_rows": account_section.rows(run),
        "answers": answer.answers(run),
        "exclusions": footage_section.exclusions(run),
        "inputs": footage_section.inputs(run),
        "corrupt": footage_section.corrupt_frames(run),
        "model_facts": settings_section.models(run),
        "settings": settings_section.settings(run),
        "versions": settings_section.versions(run),
        "stages": settings_section.stages(run),
        "version": (run.run.get("versions") or {}).get("vidrobust", ""),
    }


def _some(picture: Picture | None) -> list[Picture]:
    return [] if picture is None else [picture]
