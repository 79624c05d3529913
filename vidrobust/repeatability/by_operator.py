"""Each operator's own repeatability: which one measures the same part differently from trial to trial."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy import stats

LEVEL = 0.95


def repeatability_by_operator(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per operator: mean, repeatability_sd with its chi-square interval, parts, n.

    table  part, operator, value: one row a measurement

    The standard deviation is pooled over the parts that the operator measured more than once; null without any.
    The common repeatability of a gauge study hides an operator that repeats badly beside others that repeat well.
    """
    return [_of(str(operator), rows) for operator, rows in table.groupby("operator", sort=True)]


def _of(operator: str, rows: pd.DataFrame) -> dict[str, Any]:
    by_part = rows.groupby("part")["value"]
    squares = float((rows["value"] - by_part.transform("mean")).pow(2).sum())
    free = len(rows) - rows["part"].nunique()
    sd = low = high = None
    if free:
        sd = math.sqrt(squares / free)
        tail = (1 - LEVEL) / 2
        low, high = (math.sqrt(squares / stats.chi2.ppf(p, free)) for p in (1 - tail, tail))
    return {
        "operator": operator,
        "mean": float(rows["value"].mean()),
        "repeatability_sd": sd,
        "low": low,
        "high": high,
        "degrees_of_freedom": free,
        "parts": int(rows["part"].nunique()),
        "n": len(rows),
    }
