"""Rules of acceptance on the page: each verdict with its value, its interval and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.repeatability.acceptance import limits_in_words
from vidrobust.repeatability.figures import GAUGE, Figures, find
from vidrobust.repeatability.overall import SHARES
from vidrobust.text.numbers import (
    interval,
    number,
    percent,
    percent_interval,
)

KINDS = {"acceptable": "good", "marginal": "middle", "unacceptable": "bad"}

QUANTITIES = {
    "percent_grr": "%GRR, of the study variation",
    "percent_tolerance": "%GRR, of the tolerance",
    "percent_process": "%GRR, of the process variation",
    "cg": "Cg",
    "cgk": "Cgk",
    "q_ms": "Q_MS",
    "q_mp": "Q_MP",
    "slope_p": "p of the slope of bias",
    "bias_p": "p of the bias",
    "limit_bias_p": "p of the bias",
    "ndc": "distinct categories (ndc)",
    "effectiveness": "effectiveness",
    "miss_rate": "miss rate",
    "false_alarm_rate": "false alarm rate",
    "kappa": "kappa",
}

MEANS = {
    "percent_grr": "%GRR: the spread of the gauge in percent of the spread of all values in the study",
    "percent_tolerance": "%GRR of the tolerance: six times the spread of the gauge in percent of the tolerance",
    "ndc": "ndc: how many groups of parts the gauge distinguishes",
    "effectiveness": "effectiveness: parts that an operator judged right in all trials",
    "miss_rate": "miss: a bad part called good",
    "false_alarm_rate": "false alarm: a good part called bad",
    "kappa": "kappa: agreement beyond chance, 0 as by chance, 1 always",
}
"""What a quantity is, for a reader who has never met it."""


def verdict(each: Mapping[str, Any], known: Figures) -> dict[str, str]:
    """One verdict with the interval of what it judges; the limits of its rule in percent where the value is."""
    name, share = each["quantity"], each["quantity"] in SHARES
    of_two = {} if name != "kappa" else find(known, "cohens_kappa")
    entry = {**of_two, **find(known, name)}.get(each["of"] or GAUGE, {})
    ends = entry.get("low"), entry.get("high")
    limits = (each["accept"], each["marginal"])
    written = map(percent, limits) if share else (f"{limit:g}{each['unit']}" for limit in limits)
    return {
        "quantity": QUANTITIES.get(name, name),
        "of": each["of"],
        "value": percent(each["value"]) if share else number(each["value"], 3),
        "interval": percent_interval(*ends) if share else interval(*ends),
        "verdict": each["verdict"],
        "kind": KINDS.get(each["verdict"], "unknown"),
        "rule": limits_in_words(each["better"], *written),
    }
