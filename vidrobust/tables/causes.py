"""Tables of the account of causes: replayed pairs, fitted perturbations, shares, and which causes are named."""

from __future__ import annotations

from dataclasses import replace

from vidrobust.tables.table import (
    INTERVAL,
    ITEM_OR_ALL,
    MODEL,
    PAIR,
    SCALE,
    TIME_A,
    UNKNOWN,
    Table,
    boolean,
    float64,
    int64,
    string,
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
        float64(
            "projection",
            "<z(after) - z(before), d>: the part of the model's change that lies along the cause's step",
        ),
        float64("squared_change", "<d, d>, the squared change of the model's output from frame a to frame b"),
        _WEIGHT,
        boolean("flip", "the label changes from frame a to frame b"),
        float64("size", "how large the change is", unit="see unit"),
        string("unit", "unit of the size"),
        string("measured", "what was measured, in words"),
        string(
            "excluded",
            'code of why the pair could not be replayed, as in ``stages/causes/excluded.py``; "" where it was',
        ),
        float64("placebo", "the projection of other changes of that size, mean of the draws"),
        float64("placebo_1", "the first of those draws", absent=UNKNOWN),
        float64("placebo_2", "the last of those draws", absent=UNKNOWN),
        float64(
            "margin_step",
            "of a flip: how far the step moves the margin of the two labels from frame a towards frame b",
            absent=UNKNOWN,
        ),
        float64(
            "margin_undone",
            "of a flip: lead of frame a's label in frame b with the cause taken back (noise: with the noise of "
            "frame a); above 0 it is the label",
            absent=UNKNOWN,
        ),
        float64(
            "margin_before",
            "of a flip: how far frame a lies from the border of the two labels",
            absent=UNKNOWN,
        ),
        float64(
            "margin_past",
            "of a flip: how far frame b lies beyond the border of the two labels",
            absent=UNKNOWN,
        ),
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
        float64(
            "grain", "of noise and coding: correlation of neighbouring pixels of what the perturbation adds"
        ),
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
        float64(
            "replication", "share of tests on footage that did not make the finding that make it; NaN: none"
        ),
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
TABLES = (*_OF_SCORES, *_OF_PLACES)
