"""Tables of how far footage lies from what a network was trained for."""

from __future__ import annotations

from vidrobust.tables.table import (
    CLUSTERS,
    FRAME,
    INTERVAL,
    ITEM,
    MODEL,
    TIME,
    Table,
    boolean,
    float64,
    int64,
    string,
)

SCORE = string(
    "score",
    "neighbours, mahalanobis, energy, max_softmax, odin or rotation; higher where a frame is less known",
)
UNKNOWN = Table(
    "unknown",
    "unknown",
    "a classifier and a score: how much of the footage lies outside what is known",
    (
        MODEL,
        SCORE,
        boolean(
            "leading", "the score that speaks for the classifier: the first in a fixed order that can be had"
        ),
        float64("allowed", "the rate of false alarms that was asked for"),
        float64("threshold", "above it a frame is outside; infinite where known frames are too few"),
        float64(
            "false_alarms", "share of held-out known frames above the threshold that the other clips give"
        ),
        float64("false_alarms_low", "lower end of its 95 % interval"),
        float64("false_alarms_high", "upper end of the same"),
        int64("known_frames", "known frames that were scored"),
        string("known_cluster", "what of known footage was held out whole: part, item, stretch"),
        int64("known_clusters", "how many of those there are"),
        float64("effective_frames", "independent frames that would give the rate of false alarms as exactly"),
        float64("outside", "share of the footage's frames above the threshold"),
        *INTERVAL,
        float64("excess", "by how much it exceeds the rate of false alarms"),
        float64("excess_low", "lower end of its 95 % interval"),
        float64("excess_high", "upper end of the same"),
        string("verdict", 'outside, known or cannot tell; "" where the score cannot be had'),
        string("why", "why the score cannot be had, or why it cannot tell"),
        int64("n", "frames of the footage that were scored"),
        *CLUSTERS,
    ),
)

UNKNOWN_LINKS = Table(
    "unknown_links",
    "unknown",
    "a classifier, a score and what may go with it: is it unstable or wrong where frames are less known",
    (
        MODEL,
        SCORE,
        string("event", "flip: the frame has another label than a neighbour; error: its answer is wrong"),
        string("given", '"margin": among frames of equal margin; "" of all frames'),
        float64("auroc", "chance that a frame with the event is less known than one without"),
        *INTERVAL,
        string("verdict", "link, no link, reversed or cannot tell"),
        string("why", "why it cannot tell"),
        int64("events", "frames with the event"),
        int64("n", "frames of which it is known"),
        *CLUSTERS,
    ),
)

UNKNOWN_FRAMES = Table(
    "unknown_frames",
    "unknown",
    "a frame of the footage, a classifier and a score: how unknown it is",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        SCORE,
        float64("value", "of the score"),
        boolean("outside", "above the threshold"),
    ),
)

TABLES = (UNKNOWN, UNKNOWN_LINKS, UNKNOWN_FRAMES)
