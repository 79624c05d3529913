"""All coefficients of many columns at once, with intervals over clusters, and negative controls.

Controls are what a correlation must exceed before it says anything about this footage. Fragile models, and frames
near a decision, are sensitive to every perturbation and unstable on all footage::

    shuffled   the instability of a unit of another cluster with similar confounders (Kim et al. 2022)
    others     what general fragility explains, as perturbations of other families show it (Spearman 1904)
    foreign    the instability of the same units on other data
"""

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
# partial Spearman where the confounder may act along a broken line
CURVED = "partial_spearman_curved"
# Partial Spearman corrected for the measurement error of the confounder.
CORRECTED = "partial_spearman_corrected"
# Pearson correlation of effective robustness (beyond clean accuracy on the logit scale), across models.
EFFECTIVE = "effective_robustness"
FEWEST_UNITS = 4  # units below which no coefficient is given
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
    if len(x) < FEWEST_UNITS:
        blank = np.full((x.shape[1], y.shape[1]), np.nan)
        return {m: Jackknife(blank, blank[None], blank, blank, blank) for m in (*PLAIN, *names[2:])}
    p, knots = x.shape[1], curve_knots(len(x))
    corrected = z.shape[1] > 0 and not np.isnan(reliability).any()

    def together(rows: np.ndarray) -> np.ndarray:
        a, b = x[rows], y[rows]
        # the ranks are made once: they take most of the time
        rx, ry, rz = np.split(ranks(np.hstack([a, b, z[rows]])), [p, p + y.shape[1]], axis=1)
        ties = [pearson(a, b), pearson(rx, ry)]
        if z.shape[1]:
            lines = (line_basis(rz, k) for k in (0, knots))
            ties += [pearson(residuals(rx, line), residuals(ry, line)) for line in lines]
        if corrected:
            ties.append(corrected_ranks(rx, ry, rz, reliability))
        return np.stack(ties)

    one = cluster_jackknife(together, units.cluster, lost=2 + z.shape[1])
    names += [CORRECTED] * corrected
    codes = np.unique(units.cluster, return_inverse=True)[1]
    values = {"kendall": cluster_interval(*kendall_without(x, y, codes), kept=1 - 2 / len(x))}
    for k, method in enumerate(names):
        values[method] = Jackknife(
            one.value[k], one.without[:, k], one.low[k], one.high[k], one.p[k]
        )
    return {method: values[method] for method in (*PLAIN, *names[2:])}


def effective(units: CompleteUnits) -> Jackknife | None:
    """Return the correlation of effective robustness to the synthetic and the natural, across models.

    Columns that are no rates or accuracies give NaN. The line is fitted anew without each cluster (Taori et
    al. 2020, section 5).
    """
    start = _as_accuracy(-units.z)[:, 0]
    if np.isnan(start).any() or len(start) < FEWEST_UNITS:
        return None
    a, b = _as_accuracy(units.x), _as_accuracy(units.y)

    def beyond(rows: np.ndarray) -> np.ndarray:
        sides = (effective_robustness(start[rows], side[rows]) for side in (a, b))
        return pearson(*sides)

    return cluster_jackknife(beyond, units.cluster, lost=3)


def below_best(units: CompleteUnits) -> np.ndarray:
    """Return by how much the largest partial coefficient surely exceeds each of the p others, (p,).

    It is the lower end of the difference: above 0 the two can be told apart. NaN for the largest itself.
    """

    def ties(rows: np.ndarray) -> np.ndarray:
        basis = line_basis(ranks(units.z[rows]))
        x, y = (residuals(ranks(side[rows]), basis) for side in (units.x, units.y))
        return pearson(x, y)[:, 0]

    best = int(np.nanargmax(np.nan_to_num(ties(np.arange(len(units.x))), nan=-2.0)))

    def apart(rows: np.ndarray) -> np.ndarray:
        tie = ties(rows)
        return (tie[best] - tie) / 2  # halved, to lie in [-1, 1]

    low = 2 * cluster_jackknife(apart, units.cluster, lost=2 + units.z.shape[1]).low
    low[best] = np.nan
    return np.asarray(low)


def _as_accuracy(harm: np.ndarray) -> np.ndarray:
    """Accuracies in [0, 1], per column, from accuracies with reversed sign or from rates of harm."""
    low, high = harm.min(axis=0), harm.max(axis=0)
    largest = np.maximum(-low, high)
    scaled = harm / np.where(largest > 1, 100.0, 1.0)
    accuracy = np.where(high <= 0, -scaled, 1 - scaled)
    return np.where((largest > 100) | ((low < 0) & (high > 0)), np.nan, accuracy)


def matrix(
    names: Sequence[str], every: np.ndarray, z: np.ndarray, cluster: np.ndarray
) -> pd.DataFrame:
    """Correlate the columns of ``every`` (n, w) with each other, plain and given ``z`` (Gu et al. 2019)."""
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
        columns = {
            "row": np.array(names, dtype=object)[row],
            "column": np.array(names, dtype=object)[column],
            "method": method,
            "value": value,
            "low": np.where(row == column, value, low),
            "high": np.where(row == column, value, high),
            "n": len(every),
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def describe(
    units: CorrelationUnits,
    columns: pd.DataFrame,
    which: np.ndarray,
    metrics: Sequence[str],
    complete: CompleteUnits,
) -> pd.DataFrame:
    """Describe each pair of the p columns ``which`` and the s metrics: sizes, ties, reliability."""
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
        explained_by_confounder(complete.x, complete.y, complete.z).ravel()
        if confounded
        else np.nan
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
            reliable_x[k] = _agreement(
                *(over_strengths(half[:, of]) for half in units.sensitivity_halves)
            )
    if units.instability_halves is not None:
        for k, metric in enumerate(metrics):
            if metric in units.instability_halves[0]:
                reliable_y[k] = _agreement(
                    *(half[metric].to_numpy(float) for half in units.instability_halves)
                )
    return reliable_x, reliable_y


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    known = ~(np.isnan(first) | np.isnan(second))
    if known.sum() < FEWEST_HALVES:
        return np.nan
    return float(split_half(first[known, None], second[known, None])[0])


# Units of other clusters, nearest in the confounders, from which a shuffled instability is drawn.
NEIGHBOURS = 5
# The smallest p-value is 1/500, far below the 5 % of ``FALSE_DISCOVERY``.
SHUFFLES = 499  # draws of a shuffled instability
# Cronbach's alpha takes two parts.
# families beside a perturbation's own that are needed to estimate general fragility
FEWEST_FAMILIES = 2
# The product of both correlations is divided by the agreement: a smaller one would make up fragility from noise.
LEAST_AGREEMENT = 0.3  # smallest agreement of families that is used

# A dose speaks for itself where its logarithm varies so much over clips (standard deviation), and where no more of its
# variance than this is explained by whatever else was measured: several changes may all grow with what moves.
VARIES, EXPLAINED = 0.1, 0.5
TIES = ("by_dose", "by_dose_low", "by_dose_high")
COLUMNS = (
    "shuffled",
    "shuffled_p",
    "beyond_others",
    "beyond_others_low",
    "beyond_others_high",
    "foreign",
    "beyond_foreign",
    "beyond_foreign_low",
    "beyond_foreign_high",
)


@dataclass(frozen=True, kw_only=True)
class ControlUnits:
    """Complete units: sensitivities (n, p), instability (n,), on other data (n, f), confounders (n, k)."""

    x: np.ndarray
    y: np.ndarray
    foreign: pd.DataFrame
    z: np.ndarray
    cluster: np.ndarray
    family: np.ndarray


def negative_controls(units: ControlUnits, rng: np.random.Generator) -> pd.DataFrame:
    """Compare each perturbation's partial Spearman correlation with its negative controls, one row each.

    ``beyond_others`` and ``beyond_foreign`` are it minus that of fragility, and of the foreign target that is
    hardest to beat.
    """
    table = pd.DataFrame(index=range(units.x.shape[1]), columns=list(COLUMNS))
    table["shuffled"], table["shuffled_p"] = _shuffled(units, rng)
    # Row m of perturbation k averages family m, (p, m, p); zeros where that is its own
    names = np.unique(units.family)
    means = np.array([(units.family == name) / np.sum(units.family == name) for name in names])
    weights = np.array(
        [np.where((names != family)[:, None], means, 0.0) for family in units.family]
    )
    targets = np.column_stack([units.y, units.foreign.to_numpy(np.float64)])

    def contrasts(rows: np.ndarray) -> np.ndarray:
        """Beyond the others, then beyond each foreign target, (p, 1 + f); halved, to lie in [-1, 1]."""
        basis = line_basis(ranks(units.z[rows]))
        x, y = residuals(ranks(units.x[rows]), basis), residuals(ranks(targets[rows]), basis)
        tie = pearson(x, y)
        beyond = tie[:, 0] - expected_of_fragility(pearson(x, x), tie[:, 0], weights)
        return np.column_stack([beyond, tie[:, :1] - tie[:, 1:]]) / 2

    jackknifed = cluster_jackknife(contrasts, units.cluster, lost=2 + units.z.shape[1])
    value, low, high = 2 * jackknifed.value, 2 * jackknifed.low, 2 * jackknifed.high
    for name, of in (("", value), ("_low", low), ("_high", high)):
        table[f"beyond_others{name}"] = of[:, 0]
    table["foreign"] = ""
    for name in ("beyond_foreign", "beyond_foreign_low", "beyond_foreign_high"):
        table[name] = np.nan
    if units.foreign.shape[1]:
        hardest = 1 + np.where(np.isnan(low[:, 1:]), -np.inf, low[:, 1:]).argmin(axis=1)
        each = np.arange(len(table))
        table["foreign"] = units.foreign.columns.to_numpy(object)[hardest - 1]
        table["beyond_foreign"] = value[each, hardest]
        table["beyond_foreign_low"], table["beyond_foreign_high"] = (
            low[each, hardest],
            high[each, hardest],
        )
    return table.astype({name: np.float64 for name in COLUMNS if name != "foreign"})


def dose_ties(
    dose: pd.DataFrame, fixed: np.ndarray, instability: np.ndarray, cluster: np.ndarray
) -> pd.DataFrame:
    """Return how closely the dose of each family (n, families) goes with the instability (n,), with intervals.

    Partial Spearman coefficients given ``fixed`` (n, k) and the other doses that vary, with a jackknife over clusters;
    NaN where a dose hardly varies or cannot be told from those. A dose is measured from pixels alone, so that no
    general fragility of the model is in it.
    """
    table = pd.DataFrame(np.nan, index=dose.columns, columns=list(TIES))
    varies = [name for name in dose if np.log(dose[name]).std() >= VARIES]
    for name in varies:
        others = dose[[other for other in varies if other != name]].to_numpy(np.float64)
        given, its_dose = np.hstack([fixed, others]), dose[[name]].to_numpy(np.float64)
        left = residuals(ranks(its_dose), line_basis(ranks(given)))
        if left.var() < (1 - EXPLAINED) * ranks(its_dose).var():
            continue
        units = CompleteUnits(its_dose, instability[:, None], given, cluster)
        method = PARTIAL if given.shape[1] else "spearman"
        tie = coefficients(units, np.full(given.shape[1], np.nan))[method]
        table.loc[name] = [float(end[0, 0]) for end in (tie.value, tie.low, tie.high)]
    return table


def expected_of_fragility(among: np.ndarray, tie: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the correlations (p,) with the instability that one common fragility explains.

    With g the sum of the other families' means, that is r(x, g) r(y, g) over Cronbach's alpha of the families; NaN
    with fewer than two. ``among`` (p, p) and ``tie`` (p,) are correlations, ``weights`` (p, m, p) those means.
    """
    expected = np.full(len(tie), np.nan)
    for k, rows in enumerate(weights):
        means = rows[rows.any(axis=1)]
        if len(means) < FEWEST_FAMILIES:
            continue
        spread = means @ among @ means.T
        total = spread.sum()
        if not total > 0:
            continue
        agreement = len(means) / (len(means) - 1) * (1 - np.trace(spread) / total)
        scale = np.sqrt(total * np.clip(agreement, LEAST_AGREEMENT, 1.0))
        its_own, natural = means.sum(axis=0) @ among[:, k] / scale, means.sum(axis=0) @ tie / scale
        expected[k] = np.clip(its_own, -1, 1) * np.clip(natural, -1, 1)
    return expected


def _shuffled(units: ControlUnits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean coefficient over shuffles, and one-sided p-value of the real one; NaN without confounders."""
    p = units.x.shape[1]
    donors = donors_of(units.z, units.cluster)
    if donors is None:
        return np.full(p, np.nan), np.full(p, np.nan)
    basis = line_basis(ranks(units.z))
    x = residuals(ranks(units.x), basis)
    true = pearson(x, residuals(ranks(units.y[:, None]), basis))
    picked = rng.integers(0, donors.shape[1], size=(SHUFFLES, len(donors)))
    targets = units.y[donors[np.arange(len(donors)), picked]].T
    drawn = pearson(x, residuals(ranks(targets), basis))
    with np.errstate(invalid="ignore"):
        p_value = (1 + np.sum(drawn >= true - 1e-12, axis=1)) / (1 + SHUFFLES)
    flat = np.isnan(true[:, 0])
    mean = np.nan_to_num(drawn).mean(axis=1)
    return np.where(flat, np.nan, mean), np.where(flat, np.nan, p_value)


def donors_of(z: np.ndarray, cluster: np.ndarray) -> np.ndarray | None:
    """Return units of other clusters with the nearest confounders by rank, (n, m), or None."""
    codes = np.unique(cluster, return_inverse=True)[1]
    largest = int(np.bincount(codes).max(initial=0))
    count = min(NEIGHBOURS, len(codes) - largest)
    if not z.shape[1] or count < 1:
        return None
    place = ranks(z)
    donors = np.empty((len(codes), count), np.int64)
    for start in range(0, len(codes), 256):
        rows = slice(start, start + 256)
        distance = np.abs(place[rows, None] - place[None]).sum(axis=2)
        distance[codes[rows, None] == codes[None]] = np.inf
        donors[rows] = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return donors
