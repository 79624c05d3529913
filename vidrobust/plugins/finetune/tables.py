"""Tables of the fine-tuning."""

from __future__ import annotations

from vidrobust.tables.table import (
    CLUSTERS,
    INTERVAL,
    MODEL,
    TESTED,
    WHY,
    Table,
    boolean,
    float64,
    int64,
    string,
)

ADAPTATION = Table(
    "adaptation",
    "adapt",
    "an arm of the fine-tuning, what it is held against, what it is judged by, and a metric",
    (
        MODEL,
        string("arm", "how it was fine-tuned: none, random, literature, policy, ..."),
        string("against", "before: the network as it was; or the arm none or random, seed by seed"),
        string("judged", "footage: held-out footage as it is; or the perturbation that it is shown under"),
        string("family", "of the perturbation"),
        float64("times", "of the range of the policy's step; 0: no step of the policy"),
        float64("strength", "of the perturbation, either way; lengths of a step as shares of the width"),
        boolean("trained", "the arm was trained with this family"),
        string(
            "metric",
            "flip_rate, jitter, error_rate, negative_flips (wrong, and right before), other_answers (than the "
            "network before), answer_change (by the perturbation); of a detector uncovered_rate, dropout_rate, "
            "flip_rate, center_jitter, lost_boxes (of those before), box_change (by the perturbation), and with "
            "known boxes missed_boxes, false_boxes (a frame), average_precision_lost (1 less that of COCO, a "
            "row a cluster)",
        ),
        float64("before", "the metric of what it is held against"),
        float64("after", "the metric of the arm, mean over seeds"),
        float64("after_low", "lower end of its 95 % interval, over clips and seeds"),
        float64("after_high", "upper end of the same"),
        float64("ratio", "after over before"),
        *INTERVAL,
        string("verdict", "helps, does not, cannot tell or harms"),
        float64("p", "two-sided p-value of no difference, over clips and seeds"),
        float64("q", "the same after Benjamini and Hochberg, over the footage's rows or over the others"),
        WHY,
        TESTED,
        int64("n", "rows that count, of one seed"),
        *CLUSTERS,
        int64("seeds", "times that the arm was trained"),
    ),
)

LEAKS = Table(
    "leaks",
    "adapt",
    "an arm of the fine-tuning and a perturbation that judges it: how near its pictures come to the judge's",
    (
        MODEL,
        string("arm", "how it was fine-tuned; as it came: what the run says of its training before"),
        string("judged", "the perturbation that it is shown under"),
        string("family", "of the perturbation"),
        float64("strength", "of the perturbation; lengths of a step as shares of the width"),
        boolean("trained", "the arm was trained with this family"),
        float64(
            "distance", "of the features: from the judge's draws to the nearest of the arm's, or of none"
        ),
        float64("unchanged", "the same to unchanged pictures"),
        float64("own", "the same to further draws of the judge"),
        float64(
            "covered",
            "share of the way from unchanged to own; NaN where the judge's own draws come less than half of it",
        ),
        float64("low", "lower end of its 95 % interval, from the pictures"),
        float64("high", "upper end"),
        float64(
            "chance",
            "share of the way that pictures under perturbations of other families go, in any strength",
        ),
        string(
            "verdict",
            "leak (surely half of the way, and more than by chance), apart (surely less) or cannot tell",
        ),
    ),
)

TABLES = (ADAPTATION, LEAKS)
