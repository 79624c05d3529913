"""Tables of what classifiers say: frames, pairs and triples of frames, and answers judged by labels."""

from __future__ import annotations

from vidrobust.tables.table import (
    CONTENT,
    DELTA,
    EXCLUDED,
    FRAME,
    ITEM,
    LABEL_NAME,
    MODEL,
    PAIR,
    PART,
    PIXEL_CHANGE,
    PTS,
    TIME,
    TIME_A,
    TRACK,
    Column,
    Extra,
    Table,
    boolean,
    float64,
    int64,
    string,
)

FRAMES = Table(
    "frames",
    "stability",
    "a frame and model",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        int64("label", "number of the class the model gives"),
        LABEL_NAME,
        float64("probability", "of that class"),
        int64("second_label", "number of the runner-up"),
        float64("margin", "probability of the class less that of the runner-up"),
        float64("entropy", "of all probabilities; NaN where the model lists only some", unit="bit"),
        TRACK,
        boolean("keyframe", "the coding of the recording begins anew with this frame"),
        PTS,
        CONTENT,
    ),
    Extra.METRICS,
)

PAIRS = Table(
    "pairs",
    "stability",
    "a pair of frames and model: neighbours, or an anchor and a frame about it",
    (
        *PAIR,
        DELTA,
        MODEL,
        string("kind", "adjacent or anchor"),
        EXCLUDED,
        boolean("label_flip", "the two labels differ"),
        float64("total_variation", "half the sum of the absolute differences of probabilities"),
        float64("top1_probability_change", "absolute change of the probability of the first frame's label"),
        float64("jensen_shannon", "divergence of the two sets of probabilities", unit="bit"),
        float64("top5_distance", "how far the five leading classes are reordered (T5D)"),
        PIXEL_CHANGE,
        TRACK,
        TIME_A,
        int64("delta_frames", "distance in delivered frames; negative for one before"),
    ),
    Extra.METRICS,
)

TRIPLES = Table(
    "triples",
    "stability",
    "a frame and model, with the frames before and behind it",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        TRACK,
        float64(
            "jitter",
            "half the L1 norm of the second difference of probabilities, halved; NaN at ends and cuts",
        ),
        float64("revert_flip", "1 where the label leaves and is back within the window (A B A), else 0"),
    ),
    Extra.METRICS,
)

PROBABILITIES = Table(
    "probabilities",
    "stability",
    "a frame, model and class: all classes up to 32, else the leading ten and the sum of the rest",
    (
        ITEM,
        FRAME,
        MODEL,
        TRACK,
        int64("label", "number of the class; -1: the sum of the rest"),
        LABEL_NAME,
        float64("probability", "of the class"),
    ),
)

LABEL_ANSWERS = Table(
    "label_answers",
    "stability",
    "a labelled frame and model; behind top5 of anchors only, else NaN",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        TRACK,
        string("truth", "the classes that are right"),
        float64("top1", "1 where the answer is right, else 0"),
        float64("top5", "1 where a right class is among the five leading ones, else 0"),
        *(
            float64(
                f"pm{k}",
                f"1 where the answer is right on the anchor and all frames up to {k} from it, else 0",
            )
            for k in range(11)
        ),
        float64("mean_neighbour", "share of the frames about the anchor whose answer is right"),
        float64("right_neighbours", "the same, of anchors whose own answer is right"),
        float64("pm_drop", "pm0 less pm10: right on the anchor, wrong somewhere about it"),
        PART,
    ),
    Extra.METRICS,
)

NEIGHBOUR_ACCURACY = Table(
    "neighbour_accuracy",
    "stability",
    "an anchor (frame_a), a frame about it (frame_b) and a model",
    (
        *PAIR,
        int64("offset", "of the frame from its anchor", unit="frames"),
        float64("offset_ms", "the same in time", unit="ms"),
        TIME_A,
        MODEL,
        string("truth", "the classes that are right"),
        boolean("anchor_right", "the answer on the anchor is right"),
        float64("neighbour_right", "1 where the answer on the frame about it is right, else 0"),
        float64("all_right", "1 where every model has the anchor right, else 0; NaN with one model"),
        PART,
    ),
    Extra.METRICS,
)


def _with_interval(name: str, stem: str, sentence: str) -> tuple[Column, ...]:
    return (
        float64(name, sentence),
        float64(f"{stem}_low", "lower end of its 95 % interval"),
        float64(f"{stem}_high", "upper end of its 95 % interval"),
    )


MODEL_PAIRS = Table(
    "model_pairs",
    "stability",
    "two models of the run, on the labelled frames that both have answered",
    (
        string("model_a", "the first model"),
        string("model_b", "the second model; flips are from the first to it"),
        int64("n", "frames that both have answered"),
        int64("clusters", "independent clusters of them"),
        float64("right_a", "share of right answers of the first model"),
        float64("right_b", "the same of the second"),
        *_with_interval("kappa", "kappa", "error consistency: agreement on what is right beyond chance"),
        float64("observed", "share of frames on which both are right or both are wrong"),
        float64("expected", "the same, expected of independent models"),
        *_with_interval(
            "negative_flips", "negative", "share right in the first model and wrong in the second"
        ),
        *_with_interval(
            "positive_flips", "positive", "share wrong in the first model and right in the second"
        ),
        *_with_interval("difference", "difference", "accuracy of the second model less that of the first"),
        float64("relative_nfr", "negative flips over those expected of independent errors"),
        float64("mcnemar_p", "p-value of McNemar's test that both err equally often"),
    ),
)

TABLES = (FRAMES, PAIRS, TRIPLES, PROBABILITIES, LABEL_ANSWERS, NEIGHBOUR_ACCURACY, MODEL_PAIRS)
