"""Tables of the correlation study."""

from __future__ import annotations

from vidrobust.tables.shared_columns import INTERVAL
from vidrobust.tables.table import UNKNOWN, Table, boolean, float64, int64, string

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

TABLES = (CORRELATION, CORRELATION_MATRIX)
