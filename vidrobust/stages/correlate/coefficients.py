"""All coefficients of many columns at once, with intervals over clusters, ties and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.stages.correlate.units import CorrelationUnits, over_strengths
from vidrobust.statistics.associations import (
    corrected_ranks,
    curve_knots,
    effective_robustness,
    explained_by_confounder,
    kendall_without,
    line_basis,
    partial_ranks,
    pearson,
    ranks,
    residuals,
    split_half,
)
from vidrobust.statistics.standard_errors import Jackknife, cluster_interval, cluster_jackknife

PLAIN = ("pearson", "spearman", "kendall")
PARTIAL = "partial_spearman"
CURVED = "partial_spearman_curved"  # partial Spearman where the confounder may act along a broken line
# Partial Spearman corrected for the measurement error of the confounder.
CORRECTED = "partial_spearman_corrected"
# Pearson correlation of effective robustness (beyond clean accuracy on the logit scale), across models.
EFFECTIVE = "effective_robustness"
FEWEST = 4  # units below which no coefficient is given
FEWEST_HALVES = 3  # units with both halves below which no reliability is given


@dataclass(frozen=True)
class CompleteUnits:
    """Sensitivities x (n, p), instabilities y (n, s), confounders z (n, k) and clusters (n,), none missing."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    cluster: np.ndarray


def coefficients(units: CompleteUnits, reliability: np.ndarray) -> dict[str, Jackknife]:
    """Return the coefficients (p, s) of every method, with intervals over clusters.

    A NaN in the confounders' ``reliability`` (k,) leaves out the corrected one.
    """
    x, y, z = units.x, units.y, units.z
    names = ["pearson", "spearman", *[PARTIAL, CURVED] * (z.shape[1] > 0)]
    if len(x) < FEWEST:
        blank = np.full((x.shape[1], y.shape[1]), np.nan)
        return {m: Jackknife(blank, blank[None], blank, blank, blank) for m in (*PLAIN, *names[2:])}
    p, knots = x.shape[1], curve_knots(len(x))
    corrected = z.shape[1] > 0 and not np.isnan(reliability).any()

    def together(rows: np.ndarray) -> np.ndarray:
        a, b = x[rows], y[rows]
        # the ranks are made once: they take most of the time
        rx, ry, rz = np.split(ranks(np.hstack([a, b, z[rows]])), [p, p + y.shape[1]], axis=1)
        found = [pearson(a, b), pearson(rx, ry)]
        if z.shape[1]:
            lines = (line_basis(rz, k) for k in (0, knots))
            found += [pearson(residuals(rx, line), residuals(ry, line)) for line in lines]
        if corrected:
            found.append(corrected_ranks(rx, ry, rz, reliability))
        return np.stack(found)

    one = cluster_jackknife(together, units.cluster, lost=2 + z.shape[1])
    names += [CORRECTED] * corrected
    codes = np.unique(units.cluster, return_inverse=True)[1]
    found = {"kendall": cluster_interval(*kendall_without(x, y, codes), kept=1 - 2 / len(x))}
    for k, method in enumerate(names):
        found[method] = Jackknife(one.value[k], one.without[:, k], one.low[k], one.high[k], one.p[k])
    return {method: found[method] for method in (*PLAIN, *names[2:])}


def effective(units: CompleteUnits) -> Jackknife | None:
    """Return the correlation of effective robustness to the synthetic and the natural, across models.

    The confounder is clean accuracy with reversed sign. Columns that are no rates or accuracies give NaN. The
    line is fitted anew without each cluster (Taori et al. 2020, section 5).
    """
    start = _as_accuracy(-units.z)[:, 0]
    if np.isnan(start).any() or len(start) < FEWEST:
        return None
    a, b = _as_accuracy(units.x), _as_accuracy(units.y)

    def beyond(rows: np.ndarray) -> np.ndarray:
        sides = (effective_robustness(start[rows], side[rows]) for side in (a, b))
        return pearson(*sides)

    return cluster_jackknife(beyond, units.cluster, lost=3)


def _as_accuracy(harm: np.ndarray) -> np.ndarray:
    """Accuracies in [0, 1], per column, from accuracies with reversed sign or from rates of harm."""
    low, high = harm.min(axis=0), harm.max(axis=0)
    largest = np.maximum(-low, high)
    scaled = harm / np.where(largest > 1, 100.0, 1.0)
    accuracy = np.where(high <= 0, -scaled, 1 - scaled)
    return np.where((largest > 100) | ((low < 0) & (high > 0)), np.nan, accuracy)


def matrix(names: Sequence[str], every: np.ndarray, z: np.ndarray, cluster: np.ndarray) -> pd.DataFrame:
    """Correlate the columns of ``every`` (n, w) with each other, plain and given the last k, as Gu et al.
    2019 draw it.
    """
    tables = []
    partial = [(PARTIAL, len(names) - z.shape[1])] if z.shape[1] else []
    for method, used in (("pearson", len(names)), ("spearman", len(names)), *partial):

        def square(rows: np.ndarray, method: str = method, used: int = used) -> np.ndarray:
            a = every[rows][:, :used]
            if method == PARTIAL:
                a = partial_ranks(a, a[:, :1], z[rows])[0]
            elif method == "spearman":
                a = ranks(a)
            return pearson(a, a)

        one = cluster_jackknife(square, cluster, lost=2 + (method == PARTIAL) * z.shape[1])
        row, column = np.indices((used, used)).reshape(2, -1)
        value, low, high = (np.ravel(each) for each in (one.value, one.low, one.high))
        found = {
            "row": np.array(names, dtype=object)[row],
            "column": np.array(names, dtype=object)[column],
            "method": method,
            "value": value,
            "low": np.where(row == column, value, low),
            "high": np.where(row == column, value, high),
            "n": len(every),
        }
        tables.append(pd.DataFrame(found))
    return pd.concat(tables, ignore_index=True)


def describe(
    units: CorrelationUnits,
    columns: pd.DataFrame,
    which: np.ndarray,
    metrics: Sequence[str],
    complete: CompleteUnits,
) -> pd.DataFrame:
    """Describe each pair of the p columns ``which`` and the s metrics: names, sizes, ties, reliability."""
    p, s = len(which), len(metrics)
    reliable_x, reliable_y = _reliability(units, columns, which, metrics)
    table = pd.DataFrame(
        {
            "across": units.across,
            "model": units.model,
            "perturbation": np.repeat(columns["perturbation"].to_numpy()[which], s),
            "strength": np.repeat(columns["strength"].to_numpy()[which], s),
            "sensitivity_metric": np.repeat(columns["metric"].to_numpy()[which], s),
            "stability_metric": np.tile(np.array(metrics, dtype=object), p),
            "primary": np.repeat(columns["main"].to_numpy()[which], s)
            & np.tile([m == units.primary_stability for m in metrics], p),
            "n": len(complete.x),
            "clusters": len(np.unique(complete.cluster)),
            "reliability": np.repeat(reliable_x, s),
            "stability_reliability": np.tile(reliable_y, p),
        }
    )
    ties_x, ties_y = ([_ties(column) for column in side.T] for side in (complete.x, complete.y))
    for k, what in enumerate(("distinct", "varied", "edge")):
        table[f"{what}_x"] = np.repeat([t[k] for t in ties_x], s)
        table[f"{what}_y"] = np.tile([t[k] for t in ties_y], p)
    table["distinct"] = table[["distinct_x", "distinct_y"]].min(axis=1)
    table["attenuation"] = np.sqrt(table["reliability"] * table["stability_reliability"])
    confounded = complete.z.shape[1] > 0
    table["explained_by_confounder"] = (
        explained_by_confounder(complete.x, complete.y, complete.z).ravel() if confounded else np.nan
    )
    return table


def _ties(values: np.ndarray) -> tuple[int, int, str]:
    """Number of distinct values, units off the commonest one, and its edge ("low", "high", "")."""
    distinct, count = np.unique(values, return_counts=True)
    common = distinct[count.argmax()]
    edge = "low" if common == distinct[0] else "high" if common == distinct[-1] else ""
    return len(distinct), int(len(values) - count.max()), edge


def _reliability(
    units: CorrelationUnits, columns: pd.DataFrame, which: np.ndarray, metrics: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    reliable_x, reliable_y = np.full(len(which), np.nan), np.full(len(metrics), np.nan)
    if units.sensitivity_halves is not None:
        for k, of in enumerate(columns["of"].iloc[which]):
            reliable_x[k] = _agreement(*(over_strengths(half[:, of]) for half in units.sensitivity_halves))
    if units.instability_halves is not None:
        for k, metric in enumerate(metrics):
            reliable_y[k] = _agreement(*(half[metric].to_numpy(float) for half in units.instability_halves))
    return reliable_x, reliable_y


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    known = ~(np.isnan(first) | np.isnan(second))
    if known.sum() < FEWEST_HALVES:
        return np.nan
    return float(split_half(first[known, None], second[known, None])[0])
