"""What each column is worth: the mean over strengths, ties, and how well it agrees with itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.stages.correlate.units import Units
from vidrobust.statistics.associations import explained_by_confounder, split_half


def with_means(units: Units) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns of the units, and the mean over strengths (strength NaN) where there are several.

    Beside perturbation, strength and metric: ``overall`` marks the column that speaks for the perturbation
    under its metric, ``main`` the one of these under the primary metric, ``of`` the columns it is made from.
    """
    rows, extra = [], []
    for (perturbation, metric), members in units.columns.groupby(["perturbation", "metric"], sort=False):
        if len(members) > 1:
            rows.append({"perturbation": perturbation, "strength": np.nan, "metric": metric})
            extra.append(members.index.to_numpy())
    columns = pd.concat([units.columns, pd.DataFrame(rows, columns=units.columns.columns)], ignore_index=True)
    columns["of"] = [np.array([i]) for i in range(len(units.columns))] + extra
    means = [over_strengths(units.sensitivity[:, of]) for of in extra]
    count = columns.groupby(["perturbation", "metric"])["strength"].transform("size")
    columns["overall"] = (count == 1) | columns["strength"].isna()
    # a perturbation that was not measured by the primary metric speaks through the first that it has
    own = columns.groupby("perturbation")["metric"].transform(
        lambda metrics: (
            units.primary_sensitivity if units.primary_sensitivity in set(metrics) else metrics.iloc[0]
        )
    )
    columns["main"] = columns["overall"] & (columns["metric"] == own)
    return columns, np.column_stack([units.sensitivity, *means])


def over_strengths(values: np.ndarray) -> np.ndarray:
    """(n,) one number a unit from its values (n, s) at s strengths, NaN where a strength was not tried.

    The mean over strengths, where all were tried. A unit that was shown some of them is judged by how far it lies
    from the other units shown the same: with mean m and spread sd of the units that have a strength, over its own
    strengths sum(value - m) / sum(sd), on the scale of the mean over all strengths. NaN where it has none.
    """
    known = ~np.isnan(values)
    if known.all():
        return np.asarray(values.mean(axis=1))
    tried = known.any(axis=0)
    if not tried.any():
        return np.full(len(values), np.nan)
    values, known = values[:, tried], known[:, tried]
    counts = known.sum(axis=0)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    apart = np.where(known, values - means, 0.0)
    spread = np.sqrt((apart**2).sum(axis=0) / counts)
    own = (known * spread).sum(axis=1)
    place = np.divide(apart.sum(axis=1), own, out=np.zeros(len(values)), where=own > 0)
    return np.where(known.any(axis=1), means.mean() + spread.mean() * place, np.nan)


def describe(
    units: Units,
    columns: pd.DataFrame,
    which: np.ndarray,
    metrics: list[str],
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    cluster: np.ndarray,
) -> pd.DataFrame:
    """One row per column and metric: names, sizes, ties and reliability."""
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
            "n": len(x),
            "clusters": len(np.unique(cluster)),
            "reliability": np.repeat(reliable_x, s),
            "stability_reliability": np.tile(reliable_y, p),
        }
    )
    ties_x, ties_y = [ties(column) for column in x.T], [ties(column) for column in y.T]
    for k, what in enumerate(("distinct", "varied", "edge")):
        table[f"{what}_x"] = np.repeat([t[k] for t in ties_x], s)
        table[f"{what}_y"] = np.tile([t[k] for t in ties_y], p)
    table["distinct"] = table[["distinct_x", "distinct_y"]].min(axis=1)
    table["attenuation"] = np.sqrt(table["reliability"] * table["stability_reliability"])
    table["explained_by_confounder"] = (
        explained_by_confounder(x, y, z).ravel() if z.shape[1] else np.full(p * s, np.nan)
    )
    return table


def ties(values: np.ndarray) -> tuple[int, int, str]:
    """How many distinct values, how many units off the commonest one, and whether that one is an edge."""
    distinct, count = np.unique(values, return_counts=True)
    common = distinct[count.argmax()]
    edge = "low" if common == distinct[0] else "high" if common == distinct[-1] else ""
    return len(distinct), int(len(values) - count.max()), edge


def _reliability(
    units: Units, columns: pd.DataFrame, which: np.ndarray, metrics: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    reliable_x, reliable_y = np.full(len(which), np.nan), np.full(len(metrics), np.nan)
    if units.sensitivity_halves is not None:
        for k, of in enumerate(columns["of"].iloc[which]):
            first, second = (over_strengths(half[:, of]) for half in units.sensitivity_halves)
            reliable_x[k] = _both_halves(first, second)
    if units.instability_halves is not None:
        for k, metric in enumerate(metrics):
            first, second = (half[metric].to_numpy(np.float64) for half in units.instability_halves)
            reliable_y[k] = _both_halves(first, second)
    return reliable_x, reliable_y


def _both_halves(first: np.ndarray, second: np.ndarray) -> float:
    known = ~(np.isnan(first) | np.isnan(second))
    if known.sum() < 3:
        return np.nan
    return float(split_half(first[known, None], second[known, None])[0])
