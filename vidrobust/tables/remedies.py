"""Tables of what makes a model steadier."""

from __future__ import annotations

from vidrobust.tables.shared_columns import BOX, CLUSTERS, FRAME, INTERVAL, ITEM, LABEL, MODEL
from vidrobust.tables.table import Table, boolean, float64, int64, string

WHY = (
    "why nothing can be told: not_measured, few_rows, no_events (nothing to take away), few_clusters (fewer than "
    "six with events), interval (it holds 1), control (which does as much) or family (q above .05)"
)
TESTED = "clusters with events, before or after: those that can decide"

REMEDIES = Table(
    "remedies",
    "remedies",
    "a remedy, model and metric: before against after, and what it costs",
    (
        string("remedy", "its name with its numbers, as majority-5"),
        MODEL,
        string("metric", "what before and after are a rate or a mean of"),
        float64("before", "the metric with nothing done"),
        float64("after", "the same with the remedy"),
        float64("ratio", "after over before"),
        *INTERVAL,
        string("verdict", "helps, does not, cannot tell or harms"),
        float64(
            "delay_frames",
            "worst case until a lasting change is said; of rules on probabilities the longest that was measured, "
            "infinite where one was never reported, NaN where there were too few",
            unit="frames",
        ),
        float64("delay_ms", "the same as a time", unit="ms"),
        float64("cost_ms", "time of further passes and of work on pixels, a frame", unit="ms"),
        float64("agreement", "share of frames with the same answer as without; of boxes their F1"),
        string("kind", "rule, silence, boxes, candidates, network, input or look"),
        string("note", "what else is to be known of the row, or why it could not be measured"),
        float64("p", "two-sided p-value of no difference, over the independent clusters"),
        float64("q", "the same after Benjamini and Hochberg over all rows of the table"),
        string("why", WHY),
        int64("tested", TESTED),
        int64("n", "rows that count, with nothing done"),
        *CLUSTERS,
        float64(
            "mean_delay_frames", "mean over the measured lasting changes that were reported", unit="frames"
        ),
        float64("mean_delay_ms", "the same as a time", unit="ms"),
        float64(
            "longest_delay_frames", "longest of them, infinite where one was never reported", unit="frames"
        ),
        float64("longest_delay_ms", "the same as a time", unit="ms"),
        int64("changes", "lasting changes of the answers, or with labels of the truth"),
        int64("unreported", "how many of them the rule never reports while they last"),
        float64("asked", "share of frames on which nothing is said, and a person is asked"),
        float64("accuracy_before", "share of right answers on labelled frames with nothing done"),
        float64("accuracy_after", "the same with the remedy; of silence on the frames that are answered"),
        float64("accuracy_low", "lower end of the interval of the difference of the two"),
        float64("accuracy_high", "upper end of the same"),
        int64("short_events", "labelled events shorter than the rule's window"),
        int64("short_missed_before", "how many of them the model never reports"),
        int64("short_missed", "how many of them are never reported with the rule"),
        boolean("best", "no other rule has as little delay and fewer changes left"),
        boolean("recommended", "the rule to use within the largest delay, if it helps on held-out footage"),
    ),
)

_REPLAYED = string("remedy", "what was taken away or changed, or how it was looked at")

REPLAYED = Table(
    "replayed_answers",
    "replays",
    "a frame of footage played again without a cause, or shown to a changed network, and a model: its answer",
    (ITEM, FRAME, MODEL, _REPLAYED, LABEL),
)

REPLAYED_BOXES = Table(
    "replayed_boxes",
    "replays",
    "a box of a detector on a frame that was played again, or of another way to choose boxes",
    (ITEM, FRAME, MODEL, _REPLAYED, LABEL, float64("score", "of the box"), *BOX),
)

TABLES = (REMEDIES, REPLAYED, REPLAYED_BOXES)
