"""The table of a first look."""

from __future__ import annotations

from vidrobust.tables.table import CLUSTERS, INTERVAL, MODEL, Table, float64, int64, string

# What each change speaks of, in the order of the table.
PARTS = {"batch": "model", "engine": "model", "conversion": "decoder", "pixel": "resize"}
LOOK = Table(
    "look",
    "look",
    "a model, and a change that a person does not see: how often it changes the answer to one picture",
    (
        MODEL,
        string("part", "model, decoder or resize: what the change speaks of"),
        string("change", "batch, engine, conversion or pixel"),
        float64("value", "share of the frames with another answer"),
        *INTERVAL,
        int64("n", "frames that were asked about twice"),
        *CLUSTERS,
    ),
)
