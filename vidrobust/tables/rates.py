"""Tables of rates: how stable each model is, by input and by group, and how sensitive to perturbations."""

from __future__ import annotations

from vidrobust.tables.shared_columns import CLUSTERS, EXACT, FRAME, INTERVAL, ITEM, ITEM_OR_ALL, MODEL
from vidrobust.tables.table import Table, boolean, float64, int64, string

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

_GRID = string(
    "grid", "position, the middle of the box in the frame; or size, its area as a share of the frame's"
)

BY_PLACE = Table(
    "by_place",
    "stability",
    "a model, metric and cell of a grid: where in the picture it is unsteady, over all inputs",
    (
        MODEL,
        _GRID,
        int64("column", "of position, of five from the left; of size, its class from the smallest; from 0"),
        int64("row", "of position, of three from the top, from 0; -1 of size"),
        boolean("few", "whether fewer than ten rows lie there, so that no rate is stated"),
        int64("events", "rows in which it happens"),
        int64("objects", "objects that they are of"),
        float64("share", "share of all rows of the metric that lie there: the photographer's bias"),
        *_RATE,
    ),
)

PLACE_TESTS = Table(
    "place_tests",
    "stability",
    "a model, metric and grid: whether the rate differs between the cells",
    (
        MODEL,
        _GRID,
        string("metric", "name of the metric"),
        int64("cells", "cells with ten rows or more, which are compared"),
        int64("objects", "objects in them"),
        float64("p", "of the null that the places are exchanged at random; NaN of fewer than five objects"),
        float64("p_adjusted", "the same, for all grids and metrics of the model asked at once (Holm 1979)"),
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

TABLES = (STABILITY, STABILITY_BY, BY_PLACE, PLACE_TESTS, SENSITIVITY)
