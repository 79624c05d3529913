"""metrics.json, the headline figures."""

from __future__ import annotations

from typing import Any

from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import SCHEMA


def collect(folder: RunFolder) -> dict[str, Any]:
    """Return the headline figures of all stages: ``models.NAME.METRIC.{value, low, high, n}``."""
    metrics: dict[str, Any] = {"schema": SCHEMA, "items": len(folder.run["inputs"]), "models": {}}
    if not folder.has("stability"):
        return metrics
    stability = folder.table("stability")
    whole = stability[stability["item"] == ""]
    place = {str(model["name"]): k for k, model in enumerate(folder.run["models"])}
    of_models = whole.groupby("model", sort=False)
    for model, rows in sorted(of_models, key=lambda each: place.get(str(each[0]), len(place))):
        metrics["models"][str(model)] = {
            row.metric: _figure(row)
            for row in rows.itertuples()
            if find_metric(row.metric) is not None
        }
    pairs = folder.table("model_pairs")
    if len(pairs):
        metrics["model_pairs"] = pairs.to_dict("records")
    return metrics


def _figure(row: Any) -> dict[str, Any]:
    summary = {"value": row.value, "low": row.low, "high": row.high, "n": row.n}
    summary |= {name: getattr(row, name) for name in ("cluster", "clusters") if hasattr(row, name)}
    if row.exact_low != row.exact_low:
        return summary
    return {**summary, "exact_low": row.exact_low, "exact_high": row.exact_high}
