"""How often each model is right and stays right; only with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.classification import WITHIN
from vidrobust.metrics.metric import Metric
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.stability.section import rows_of
from vidrobust.text.numbers import (
    NOT_MEASURED,
    known,
    number,
    percent_with_interval,
    points_with_interval,
    with_interval,
)
from vidrobust.text.phrases import plural

MOST_CLASSES = 60  # rows of the table by class; the rest is in stability_by.parquet
IN_THE_FIGURE = frozenset(f"pm{k}" for k in range(1, WITHIN))
NO_KAPPA = "not defined: both are always right, or always wrong"


def of_every_task(run: RunTables) -> list[dict[str, Any]]:
    tasks = dict.fromkeys(task.name for task in run.others.values())
    others = (
        ([m for m in run.others if run.others[m].name == name], rows(run, name)) for name in tasks
    )
    summary = ((run.models, rows(run)), (run.detectors, rows(run, "detection")), *others)
    return [{"models": models, "rows": figures} for models, figures in summary if figures]


def rows(run: RunTables, task: str = "classification") -> list[dict[str, Any]]:
    """Return every labelled metric of a task over all items, with a text per model."""
    models = [model for model, of in run.tasks.items() if of.name == task]
    return rows_of(
        run.rows("stability"), models, (m for m in _metrics(task) if m.name not in IN_THE_FIGURE)
    )


def basis(run: RunTables) -> list[str]:
    """Return how many frames were judged and what could not be, a sentence per model."""
    lost = run.record.labels_outside.get("sentence", "")
    sentences = [f"{lost[0].upper()}{lost[1:]}."] if lost else []
    for model, note in run.record.judged.items():
        text = (
            f"{model}: {note['labelled']} of {plural(note['frames'], 'frame')} have labels, "
            f"{plural(note['anchors'], 'anchor')}."
        )
        if note.get("lost"):
            text += (
                f" {plural(note['lost'], 'frame')} about anchors are not in the footage: with them pm-k would be "
                "no higher, and may be lower."
            )
        if note["unknown"]:
            names = ", ".join(list(note["unknown"])[:5]) + (
                " ..." if len(note["unknown"]) > 5 else ""
            )
            text += (
                f" It has no class for {plural(len(note['unknown']), 'label')} ({names}); "
                f"{plural(note['unjudged'], 'frame')} with no other label are left out."
            )
        sentences.append(text)
    return sentences


def two_models(run: RunTables) -> list[dict[str, str]]:
    return [
        {
            "models": f"{row.model_a} to {row.model_b}",
            "n": f"n = {row.n} in {plural(int(row.clusters), 'cluster')}",
            "difference": points_with_interval(
                row.difference, row.difference_low, row.difference_high
            ),
            "negative": percent_with_interval(
                row.negative_flips, row.negative_low, row.negative_high
            ),
            "positive": percent_with_interval(
                row.positive_flips, row.positive_low, row.positive_high
            ),
            "p": number(row.mcnemar_p),
            "kappa": with_interval(row.kappa, row.kappa_low, row.kappa_high)
            if known(row.kappa)
            else NO_KAPPA,
        }
        for row in run.rows("model_pairs").itertuples()
    ]


def about_anchors(run: RunTables) -> Picture | None:
    """Draw pm-k over k, and accuracy by distance from right anchors."""
    stability, by = run.rows("stability"), run.rows("stability_by")
    at = by[
        (by["by"] == "offset")
        & (by["metric"] == "conditional_robustness")
        & by["model"].isin(run.models)
    ]
    if at.empty:
        return None
    with drawing.styled():
        figure, axes = drawing.panels(1, 2, 2.6)
        for k, model in enumerate(m for m in run.models if m in set(at["model"])):
            look: Any = {
                "color": drawing.COLOURS[k % 6],
                "marker": drawing.MARKERS[k % 6],
                "markersize": 3.5,
            }
            pm = [overall(stability, model, f"pm{k}") for k in range(WITHIN + 1)]
            of = (
                at[at["model"] == model]
                .assign(at=lambda rows: rows["group"].astype(int))
                .sort_values("at")
            )
            for panel, x, rows in (
                (0, range(WITHIN + 1), pm),
                (1, of["at"], of.to_dict("records")),
            ):
                value, low, high = (
                    100 * np.array([row[name] for row in rows], np.float64)
                    for name in ("value", "low", "high")
                )
                axes[0, panel].plot(x, value, linewidth=1.4, label=model, **look)
                axes[0, panel].fill_between(
                    x, low, high, color=look["color"], alpha=0.12, linewidth=0
                )
        axes[0, 0].set_xlabel("frames on either side that must be right as well")
        axes[0, 0].set_title("Anchors right, with all frames about them (pm-k), %")
        axes[0, 0].set_xticks(range(0, WITHIN + 1, 2))
        axes[0, 1].set_xticks(range(-WITHIN, WITHIN + 1, 5))
        axes[0, 1].set_xlabel("frames from the anchor")
        axes[0, 1].set_title("Right where the anchor is right, %")
        for each in axes[0]:
            each.set_ylim(0, 102)
            each.grid(axis="y")
        if at["model"].nunique() > 1:
            axes[0, 0].legend(loc="lower left")
        where = "The figures are in stability.parquet and stability_by.parquet."
        caption = f"Bands are 95 % intervals. {_in_time(run)} {where}".replace("  ", " ")
        return drawing.encode(
            figure, "pm-k over k, and accuracy by distance from right anchors", caption
        )


def _in_time(run: RunTables) -> str:
    near = run.rows("neighbour_accuracy")
    far = near[near["offset"].abs() == near["offset"].abs().max()]
    times = far["offset_ms"].abs().dropna()
    if times.empty:
        return ""
    frames = int(far["offset"].abs().max())
    low, high = round(float(times.min())), round(float(times.max()))
    return (
        f"{plural(frames, 'frame')} last {low} ms."
        if low == high
        else f"{frames} frames last {low} to {high} ms."
    )


def by_class(run: RunTables) -> dict[str, Any]:
    """Return the leading metrics by labelled class."""
    table = run.rows("stability_by")
    metrics = [metric for metric in _metrics() if metric.headline]
    table = table[(table["by"] == "label") & table["model"].isin(run.models)]
    lines = []
    for (model, group), part in table.groupby(["model", "group"], sort=True):
        figures = part.set_index("metric")
        cells = [cell(figures, metric.name) for metric in metrics]
        lines.append({"model": str(model), "group": str(group), "values": cells})
    return {
        "columns": [metric.title for metric in metrics],
        "rows": lines[:MOST_CLASSES],
        "more": max(0, len(lines) - MOST_CLASSES),
    }


def over_thresholds(run: RunTables) -> Picture | None:
    """Draw the errors of each detector against recall, and recall and precision over thresholds."""
    curve = run.table("truth_curve")
    if curve is None:
        return None
    lines = {}
    for model in (m for m in run.detectors if m in set(curve["model"])):
        of = curve[curve["model"] == model]
        recall, right, errors = (100 * of[name] for name in ("recall", "precision", "total"))
        lines[model] = [(recall, errors), (of["threshold"], recall), (of["threshold"], right)]
    caption = (
        "Against known boxes, at thresholds from 0 to .95. Left: of two detectors that find as much the lower "
        "one is the steadier (Zhang & Wang 2016)."
    )
    return three_panels(
        lines,
        ("fragment, centre and scale error, %", "known boxes found, %", "boxes that are right, %"),
        "Errors of the detectors against known boxes over thresholds",
        caption,
        first="known boxes found, %",
    )


def three_panels(
    lines: Mapping[str, Sequence[tuple[Any, Any]]],
    titles: Sequence[str],
    alternative: str,
    caption: str,
    first: str = "threshold",
) -> Picture:
    """Draw a line of each model over thresholds in three panels; ``first`` labels the x-axis of the first."""
    with drawing.styled():
        figure, axes = drawing.panels(1, 3, 2.4)
        for k, (name, line) in enumerate(lines.items()):
            for axis, (x, y) in zip(axes[0], line, strict=True):
                axis.plot(
                    x,
                    y,
                    marker=drawing.MARKERS[k % len(drawing.MARKERS)],
                    color=drawing.COLOURS[k % len(drawing.COLOURS)],
                    markersize=3,
                    label=name,
                )
        for axis, title, label in zip(
            axes[0], titles, (first, "threshold", "threshold"), strict=True
        ):
            axis.set_title(title)
            axis.set_xlabel(label)
            axis.set_ylim(bottom=0)
        axes[0, 0].legend()
        return drawing.encode(figure, alternative, caption)


def _metrics(task: str = "classification") -> list[Metric]:
    return [metric for metric in metrics_of(task) if metric.of_labels]


def cell(figures: Any, metric: str) -> dict[str, str]:
    """Return a figure with its interval and n, of rows indexed by metric."""
    if metric not in figures.index:
        return {"text": NOT_MEASURED, "n": ""}
    value, low, high, n = (figures.loc[metric, name] for name in ("value", "low", "high", "n"))
    return {
        "text": percent_with_interval(float(value), float(low), float(high)),
        "n": f"n = {int(n)}",
    }
