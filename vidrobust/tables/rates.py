"""Tables of rates, correlations and remedies."""

from __future__ import annotations

from vidrobust.tables.table import (
    BOX,
    CLUSTERS,
    EXACT,
    FRAME,
    INTERVAL,
    ITEM,
    ITEM_OR_ALL,
    LABEL,
    MODEL,
    UNKNOWN,
    Table,
    boolean,
    float64,
    int64,
    string,
)

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

_MODEL = string("model", 'name of the model; "" across models', absent="")

CORRELATION = Table(
    "correlation",
    "correlate",
    "a perturbation, strength, pair of metrics and method: a coefficient with its controls and verdict",
    (
        string("across", "frames, clips or models"),
        string("perturbation", "its key in the catalogue"),
        string("family", "of the perturbation"),
        float64("strength", "in its unit; NaN: the mean over strengths", unit="of the perturbation"),
        string("sensitivity_metric", "how the sensitivity is measured"),
        string("stability_metric", "how the instability is measured"),
        string("method", "pearson, spearman, kendall, or a partial one"),
        string("given", "what the coefficient is given: the confounders"),
        float64("value", "the coefficient"),
        *INTERVAL,
        float64("p", "permutation p-value, within clusters"),
        float64("q", "the same after Benjamini and Hochberg"),
        int64("n", "units"),
        int64("distinct", "distinct values of the metric that has fewer"),
        string("verdict", "proxy, no evidence or cannot tell"),
        _MODEL,
        boolean("primary", "the row is one of those on which the verdict rests"),
        int64("clusters", "independent clusters of units", absent=0),
        float64("reliability", "split-half reliability of the sensitivity", absent=UNKNOWN),
        float64("stability_reliability", "the same of the instability", absent=UNKNOWN),
        int64("distinct_x", "distinct values of the sensitivity", absent=0),
        int64("distinct_y", "distinct values of the instability", absent=0),
        int64("varied_x", "units off the commonest value of the sensitivity", absent=0),
        int64("varied_y", "units off the commonest value of the instability", absent=0),
        float64(
            "attenuation",
            "root of the product of both reliabilities: the most a coefficient can be",
            absent=UNKNOWN,
        ),
        float64(
            "explained_by_confounder", "share of the association that the confounder explains", absent=UNKNOWN
        ),
        float64("low_without", "least coefficient with one cluster left out", absent=UNKNOWN),
        float64("high_without", "largest coefficient with one cluster left out", absent=UNKNOWN),
        float64("shuffled", "mean coefficient with the instability shuffled", absent=UNKNOWN),
        float64("shuffled_p", "how often the shuffled one reaches the true one", absent=UNKNOWN),
        float64("beyond_others", "coefficient less what general fragility makes expected", absent=UNKNOWN),
        float64("beyond_others_low", "lower end of its interval", absent=UNKNOWN),
        float64("beyond_others_high", "upper end of its interval", absent=UNKNOWN),
        string("foreign", "the instability on other data that is hardest to beat", absent=""),
        float64("beyond_foreign", "coefficient less that with it", absent=UNKNOWN),
        float64("beyond_foreign_low", "lower end of its interval", absent=UNKNOWN),
        float64("beyond_foreign_high", "upper end of its interval", absent=UNKNOWN),
        string("group", "perturbations that always move together with this one, by name", absent=""),
        string("why", "what decided the verdict, as a code (``stages/correlate/reasons.py``)", absent=""),
        string("reason", "the same in words", absent=""),
        int64("same", "perturbations of other families that pass the same test without controls", absent=0),
        int64("others", "perturbations of other families", absent=0),
        string("needs", "what would decide it, as a code (``stages/correlate/needs.py``)", absent=""),
        float64("needs_count", "how many are needed of it: frames, clips, models, families", absent=UNKNOWN),
        float64("needs_now", "how many there are", absent=UNKNOWN),
    ),
)

CORRELATION_MATRIX = Table(
    "correlation_matrix",
    "correlate",
    "two columns of the study against each other: perturbations, stability metrics, confounders",
    (
        string("across", "frames, clips or models"),
        _MODEL,
        string("row", "the one"),
        string("column", "the other"),
        string("method", "spearman, or partial given the confounder"),
        float64("value", "the coefficient"),
        *INTERVAL,
        int64("n", "units"),
    ),
)

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
        float64("lag_frames", "frames by which boxes lie behind the detector's own", absent=UNKNOWN),
        float64("distance_before", "of boxes from known ones, in known box sizes", absent=UNKNOWN),
        float64("distance_after", "the same with the rule", absent=UNKNOWN),
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

TABLES = (
    STABILITY,
    STABILITY_BY,
    BY_PLACE,
    PLACE_TESTS,
    SENSITIVITY,
    CORRELATION,
    CORRELATION_MATRIX,
    REMEDIES,
    REPLAYED,
    REPLAYED_BOXES,
)
