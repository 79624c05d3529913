"""Tables of rates: how stable each model is, by input and by group, and how sensitive to perturbations."""

from __future__ import annotations

from vidrobust.tables.shared_columns import CLUSTERS, EXACT, FRAME, INTERVAL, ITEM, ITEM_OR_ALL, MODEL
from vidrobust.tables.table import Table, float64, int64, string

_RATE = (
    string("metric", "name of the metric, as in metrics.json and in gates"),
    float64("value", "rate or mean", unit="of the metric"),
    *INTERVAL,
    int64("n", "rows it is the rate or mean of; 0 where it is unknown"),
    *CLUSTERS,
    *EXACT,
)

STABILITY = Table(
    "stability",
    "stability",
    "a model, input and metric; the noise floor is here too",
    (MODEL, ITEM_OR_ALL, *_RATE),
)

STABILITY_BY = Table(
    "stability_by",
    "stability",
    "the same by class, by labelled class, by offset from an anchor, and of boxes by size",
    (
        MODEL,
        ITEM_OR_ALL,
        string("by", "what the rows are reported by: class, size, offset, ..."),
        string("group", "which of those"),
        *_RATE,
    ),
)

SENSITIVITY = Table(
    "sensitivity",
    "sensitivity",
    "a frame, perturbation, strength, draw and metric: the difference to the clean frame",
    (
        MODEL,
        ITEM,
        FRAME,
        string("perturbation", "its key in the catalogue"),
        float64("strength", "in the perturbation's unit", unit="of the perturbation"),
        int64("draw", "number of the random draw, from 0"),
        string("metric", "which difference"),
        float64("value", "the difference", unit="of the metric"),
    ),
)

TABLES = (STABILITY, STABILITY_BY, SENSITIVITY)
