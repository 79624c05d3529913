"""Tables of how far footage lies from what a network was trained for."""

from __future__ import annotations

from vidrobust.tables import table as t

SCORE = t.string(
    "score",
    "neighbours, mahalanobis, energy, max_softmax, odin or rotation; higher where a frame is less known",
)
UNKNOWN = t.Table(
    "unknown",
    "unknown",
    "a classifier and a score: how much of the footage lies outside what is known",
    (
        t.MODEL,
        SCORE,
        t.boolean(
            "leading", "the score that speaks for the classifier: the first in a fixed order that can be had"
        ),
        t.float64("allowed", "the rate of false alarms that was asked for"),
        t.float64("threshold", "above it a frame is outside; infinite where known frames are too few"),
        t.float64(
            "false_alarms", "share of held-out known frames above the threshold that the other clips give"
        ),
        t.float64("false_alarms_low", "lower end of its 95 % interval"),
        t.float64("false_alarms_high", "upper end of the same"),
        t.int64("known_frames", "known frames that were scored"),
        t.string("known_cluster", "what of known footage was held out whole: part, item, stretch"),
        t.int64("known_clusters", "how many of those there are"),
        t.float64(
            "effective_frames", "independent frames that would give the rate of false alarms as exactly"
        ),
        t.float64("outside", "share of the footage's frames above the threshold"),
        *t.INTERVAL,
        t.float64("excess", "by how much it exceeds the rate of false alarms"),
        t.float64("excess_low", "lower end of its 95 % interval"),
        t.float64("excess_high", "upper end of the same"),
        t.string("verdict", 'outside, known or cannot tell; "" where the score cannot be had'),
        t.string("why", "why the score cannot be had, or why it cannot tell"),
        t.int64("n", "frames of the footage that were scored"),
        *t.CLUSTERS,
    ),
)

UNKNOWN_LINKS = t.Table(
    "unknown_links",
    "unknown",
    "a classifier, a score and what may go with it: is it unstable or wrong where frames are less known",
    (
        t.MODEL,
        SCORE,
        t.string("event", "flip: the frame has another label than a neighbour; error: its answer is wrong"),
        t.string("given", '"margin": among frames of equal margin; "" of all frames'),
        t.float64("auroc", "chance that a frame with the event is less known than one without"),
        *t.INTERVAL,
        t.string("verdict", "link, no link, reversed or cannot tell"),
        t.string("why", "why it cannot tell"),
        t.int64("events", "frames with the event"),
        t.int64("n", "frames of which it is known"),
        *t.CLUSTERS,
    ),
)

UNKNOWN_FRAMES = t.Table(
    "unknown_frames",
    "unknown",
    "a frame of the footage, a classifier and a score: how unknown it is",
    (
        t.ITEM,
        t.FRAME,
        t.TIME,
        t.MODEL,
        SCORE,
        t.float64("value", "of the score"),
        t.boolean("outside", "above the threshold"),
    ),
)

TABLES = (UNKNOWN, UNKNOWN_LINKS, UNKNOWN_FRAMES)
