"""Tables of rates, correlations, remedies, the account of causes, and models of plugins' tasks."""

from __future__ import annotations

from dataclasses import replace

from vidrobust.tables.table import (
    BOX,
    CLUSTERS,
    DELTA,
    EXACT,
    EXCLUDED,
    FRAME,
    INTERVAL,
    ITEM,
    ITEM_OR_ALL,
    LABEL,
    MODEL,
    PAIR,
    PIXEL_CHANGE,
    SCALE,
    TIME,
    TIME_A,
    TRACK,
    UNKNOWN,
    Extra,
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

_GRID = string("grid", "position of the middle of the box in the frame; or size, its share of the area")

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
            "root of the product of both reliabilities: the largest coefficient",
            absent=UNKNOWN,
        ),
        float64("explained_by_confounder", "share of the association due to the confounder", absent=UNKNOWN),
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
        float64("mean_delay_frames", "mean over the lasting changes that were reported", unit="frames"),
        float64("mean_delay_ms", "the same as a time", unit="ms"),
        float64("longest_delay_frames", "longest of them, infinite if one was never reported", unit="frames"),
        float64("longest_delay_ms", "the same as a time", unit="ms"),
        int64("changes", "lasting changes of the answers, or with labels of the truth"),
        int64("unreported", "how many of them the rule never reports while they last"),
        float64("asked", "share of frames on which nothing is said, and a person is asked"),
        float64("accuracy_before", "share of right answers on labelled frames with nothing done"),
        float64("accuracy_after", "the same with the remedy; of silence on the frames that are answered"),
        float64("accuracy_low", "lower end of the interval of the difference of the two"),
        float64("accuracy_high", "upper end of the same"),
        string(
            "detail", "labelled class that loses most right answers, or the smallest third of known boxes"
        ),
        float64(
            "detail_before",
            "share of its frames that are right, or of those boxes that are found",
            absent=UNKNOWN,
        ),
        float64("detail_after", "the same with the remedy", absent=UNKNOWN),
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


# What the tables of a detector's second account begin with: where its boxes lie, measured motion taken off.
PLACE = "place_"

CAUSE = string(
    "cause", "light, local_light, colour, camera, objects, came_into_view, sharpness, keyframes, ..."
)
_WEIGHT = float64("weight", "inverse of the probability with which the pair was drawn")


CAUSES = Table(
    "causes",
    "causes",
    "a replayed pair of frames and a cause",
    (
        *PAIR[:1],
        MODEL,
        *PAIR[1:],
        CAUSE,
        float64("projection", "<z(after) - z(before), d>: the part of the change along the cause's step"),
        float64("squared_change", "<d, d>, the squared change of the model's output from frame a to frame b"),
        _WEIGHT,
        boolean("flip", "the label changes from frame a to frame b"),
        float64("size", "how large the change is", unit="see unit"),
        string("unit", "unit of the size"),
        string("measured", "what was measured, in words"),
        string("excluded", "code of why the pair could not be replayed (``stages/causes/outcomes.py``)"),
        float64("placebo", "the projection of other changes of that size, mean of the draws"),
        float64("placebo_1", "the first of those draws", absent=UNKNOWN),
        float64("placebo_2", "the last of those draws", absent=UNKNOWN),
        float64(
            "margin_step", "of a flip: how far the step moves the margin towards frame b", absent=UNKNOWN
        ),
        float64(
            "margin_undone",
            "of a flip: lead of frame a's label in frame b with the cause taken back (noise: with the noise of "
            "frame a); above 0 it is the label",
            absent=UNKNOWN,
        ),
        float64(
            "margin_before", "of a flip: margin of frame a to the border of the two labels", absent=UNKNOWN
        ),
        float64("margin_past", "of a flip: margin of frame b beyond that border", absent=UNKNOWN),
        SCALE,
        TIME_A,
        string("class_a", "name of the label at frame a", absent=""),
        string("class_b", "name of the label at frame b", absent=""),
        float64("gain", "of light: factor of the luminance", absent=UNKNOWN),
        float64("offset", "of light: what is added to it", unit="levels of 255", absent=UNKNOWN),
        float64("hue_deg", "of colour: turn of the hue", unit="degrees", absent=UNKNOWN),
        float64("saturation", "of colour: factor of the saturation", absent=UNKNOWN),
        float64("white_balance", "of colour: ratio of the gain of red to that of blue", absent=UNKNOWN),
        float64("shift_x_px", "of camera and objects: shift to the right", unit="px", absent=UNKNOWN),
        float64("shift_y_px", "of camera and objects: shift downwards", unit="px", absent=UNKNOWN),
        float64("rotation_deg", "of the camera: turn", unit="degrees", absent=UNKNOWN),
        float64("zoom", "of the camera: factor", absent=UNKNOWN),
        float64("blur_angle_deg", "of sharpness: main direction of the blur", unit="degrees", absent=UNKNOWN),
    ),
)

CANDIDATE_FITS = Table(
    "candidate_fits",
    "causes",
    "a replayed pair, a cause, and a perturbation that may stand for it, fitted and played in its place",
    (
        *PAIR[:1],
        MODEL,
        *PAIR[1:],
        CAUSE,
        string("perturbation", "its key in the catalogue"),
        float64("strength", "fitted, signed", unit="of the perturbation"),
        float64("along", "the part of the model's change that lies along the perturbation"),
        float64("along_cause", "the same of the cause itself"),
        float64("grain", "of noise and coding: correlation of neighbouring pixels of what is added"),
        float64("grain_seen", "the same of what lies between the frames"),
        _WEIGHT,
        SCALE,
        float64("time_s", "presentation time of the first frame", unit="s", absent=UNKNOWN),
    ),
)

_SHARE = (
    CAUSE,
    float64("share", "of the model's squared change"),
    *INTERVAL,
    int64("n", "pairs that count"),
    float64("specific", "what no placebo of the cause does; NaN where there is none to play"),
    float64("specific_low", "lower end of its 95 % interval"),
    float64("specific_high", "upper end of its 95 % interval"),
    float64("p", "one-sided, of this footage: that the share is not above 5 %, nor above its placebos"),
    float64("p_clips", "the same of footage like this: parts or clips as units; NaN with fewer than five"),
    boolean("misfit", "noise and coding are surely more than all the change: nothing follows from the row"),
    int64("clusters", "independent clusters of pairs"),
    int64("occurs", "pairs in which such a change was measured at all"),
    int64("flips", "flips among the pairs"),
    int64("flips_mostly", "those of whose change more than half is this cause"),
    float64("flips_due", "flips among the pairs that would not have happened without this cause"),
    float64("flips_due_low", "those of them that surely would not"),
    float64("flips_due_high", "those of them that may not"),
    float64("flips_at_most", "upper limit (95 %) of these among all flips of the footage"),
    int64("flips_all", "flips between neighbours in all the footage"),
    int64("excluded", "pairs that could not be replayed"),
)

ACCOUNT = Table("account", "causes", "a model, input and cause", (MODEL, ITEM_OR_ALL, *_SHARE))

ACCOUNT_BY = Table(
    "account_by",
    "causes",
    "the same by class, and by distance in time",
    (
        string("by", "what the rows are reported by: scale or class"),
        string("value", "which of those"),
        MODEL,
        ITEM_OR_ALL,
        *_SHARE,
    ),
)

NAMED = Table(
    "named",
    "causes",
    "a cause that is named",
    (
        MODEL,
        CAUSE,
        SCALE,
        float64("share", "of the model's squared change"),
        *INTERVAL,
        float64("p", "one-sided, of this footage"),
        float64("p_clips", "one-sided, of footage like this; NaN with fewer than five clips"),
        float64("q", "false discovery rate at which it is named, over causes, models and looks"),
        int64("pairs", "pairs that counted when it was named; p and q are of these"),
        float64("replication", "share of tests on other footage that make the finding again; NaN: none"),
        int64("replication_found", "tests that make it again"),
        int64("replication_tested", "tests in all"),
        string("replication_of", 'what they were made on: "clips", "later half of the footage", or ""'),
    ),
)

_OF_SCORES = (CAUSES, CANDIDATE_FITS, ACCOUNT, ACCOUNT_BY, NAMED)
_OF_PLACES = tuple(
    replace(table, name=PLACE + table.name, row=f"the same as {table.name}, of where a detector's boxes lie")
    for table in _OF_SCORES
)

# Models of tasks that plugins bring: a frame, a pair of frames, a part of a frame's answer.
TASK_FRAMES = Table(
    "task_frames",
    "stability",
    "a frame and model",
    (
        *(ITEM, FRAME, TIME, MODEL),
        string("answer", "the answer in a few words"),
        float64("sure", "how sure the model is, from 0 to 1"),
    ),
    Extra.METRICS,
)
TASK_PAIRS = Table(
    "task_pairs",
    "stability",
    "a pair of neighbouring frames and model",
    (
        *(*PAIR, DELTA, MODEL),
        string("kind", "adjacent"),
        *(EXCLUDED, PIXEL_CHANGE, TIME_A),
        int64("delta_frames", "distance in delivered frames"),
    ),
    Extra.METRICS,
)
TASK_PARTS = Table(
    "task_parts",
    "stability",
    "a part of a frame's answer, such as a class of a mask or a joint of a person, and model",
    (*(ITEM, FRAME, TIME, MODEL), string("component", "its name"), TRACK),
    Extra.METRICS,
)
TASK_TRUTH = Table(
    "task_truth",
    "stability",
    "a frame with a label and model",
    (ITEM, FRAME, TIME, MODEL),
    Extra.METRICS,
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
    *_OF_SCORES,
    *_OF_PLACES,
    TASK_FRAMES,
    TASK_PAIRS,
    TASK_PARTS,
    TASK_TRUTH,
)
