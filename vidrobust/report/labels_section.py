"""With labels: how right each model is and stays, over all and by class; only where there are labels."""

from __future__ import annotations

from typing import Any

from vidrobust.report.run_tables import RunTables
from vidrobust.report.stability_section import metric_text, overall
from vidrobust.report.words import NOT_MEASURED, percent_with_interval, plural
from vidrobust.tasks.catalogue import metrics_of
from vidrobust.tasks.metric import Metric

MOST_CLASSES = 60
"""Rows of the table by class; the rest is in stability_by.parquet."""


def rows(run: RunTables) -> list[dict[str, Any]]:
    """Every metric that needs labels, over all items: name, sentence, and a text a model."""
    stability = run.table("stability")
    if stability is None:
        return []
    told = []
    for metric in _metrics():
        found = [overall(stability, model, metric.name) for model in run.models]
        if any(each["n"] for each in found):
            values = [metric_text(metric, each) for each in found]
            told.append({"name": metric.title, "sentence": metric.sentence, "values": values})
    return told


def basis(run: RunTables) -> list[str]:
    """On how many frames the figures of each model stand, and what could not be judged; a sentence a model."""
    said = []
    for model, note in (run.run.get("judged") or {}).items():
        text = (
            f"{model}: {note['labelled']} of {plural(note['frames'], 'frame')} have labels, "
            f"{plural(note['anchors'], 'anchor')}."
        )
        if note["unknown"]:
            names = ", ".join(list(note["unknown"])[:5]) + (" ..." if len(note["unknown"]) > 5 else "")
            text += (
                f" It has no class for {plural(len(note['unknown']), 'label')} ({names}); "
                f"{plural(note['unjudged'], 'frame')} with no other label are left out."
            )
        said.append(text)
    return said


def by_class(run: RunTables) -> dict[str, Any]:
    """The leading metrics by labelled class: columns, rows of texts, and how many rows are left out."""
    table = run.table("stability_by")
    metrics = [metric for metric in _metrics() if metric.headline]
    nothing = {"columns": [], "rows": [], "more": 0}
    if table is None:
        return nothing
    table = table[(table["by"] == "label") & table["model"].isin(run.models)]
    told = []
    for (model, group), part in table.groupby(["model", "group"], sort=True):
        found = part.set_index("metric")
        cells = [_cell(found, metric) for metric in metrics]
        told.append({"model": str(model), "group": str(group), "values": cells})
    if not told:
        return nothing
    columns = [metric.title for metric in metrics]
    return {"columns": columns, "rows": told[:MOST_CLASSES], "more": max(0, len(told) - MOST_CLASSES)}


def _metrics() -> list[Metric]:
    return [metric for metric in metrics_of("classification") if metric.of_labels]


def _cell(found: Any, metric: Metric) -> dict[str, str]:
    if metric.name not in found.index:
        return {"text": NOT_MEASURED, "n": ""}
    value, low, high, n = (found.loc[metric.name, name] for name in ("value", "low", "high", "n"))
    return {"text": percent_with_interval(float(value), float(low), float(high)), "n": f"n = {int(n)}"}
