"""Negative controls: what a correlation must exceed before it says anything about this footage.

Fragile models, and frames near a decision, are sensitive to every perturbation and unstable on all footage::

    shuffled   the instability of a unit of another cluster with similar confounders (Kim et al. 2022)
    others     what general fragility explains, as perturbations of other families show it (Spearman 1904)
    foreign    the instability of the same units on other data
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.statistics.associations import line_basis, pearson, ranks, residuals
from vidrobust.statistics.standard_errors import cluster_jackknife

# Units of other clusters, nearest in the confounders, from which a shuffled instability is drawn.
NEIGHBOURS = 5
# The smallest p-value is 1/500, far below the 5 % of ``FALSE_DISCOVERY``.
SHUFFLES = 499  # draws of a shuffled instability
# Cronbach's alpha takes two parts.
FEWEST_FAMILIES = 2  # families beside a perturbation's own that are needed to estimate general fragility
# The product of both correlations is divided by the agreement: a smaller one would make up fragility from noise.
LEAST_AGREEMENT = 0.3  # smallest agreement of families that is used

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
    """Complete units: main column of each perturbation ``x`` (n, p), instability ``y``, ``foreign`` (n, f),
    ``z`` (n, k).
    """

    x: np.ndarray
    y: np.ndarray
    foreign: pd.DataFrame
    z: np.ndarray
    cluster: np.ndarray
    family: np.ndarray


def negative_controls(units: ControlUnits, rng: np.random.Generator) -> pd.DataFrame:
    """Compare each perturbation's partial Spearman correlation with its negative controls, one row each.

    ``shuffled_p`` is how often shuffled targets reach the real coefficient; ``beyond_others`` and
    ``beyond_foreign`` are it minus that of fragility, and of the foreign target that is hardest to beat.
    """
    table = pd.DataFrame(index=range(units.x.shape[1]), columns=list(COLUMNS))
    table["shuffled"], table["shuffled_p"] = _shuffled(units, rng)
    weights = _other_families(units.family)
    targets = np.column_stack([units.y, units.foreign.to_numpy(np.float64)])

    def contrasts(rows: np.ndarray) -> np.ndarray:
        """(p, 1 + f) beyond the others, then beyond each foreign target; halved, so that each lies in [-1, 1]."""
        basis = line_basis(ranks(units.z[rows]))
        x, y = residuals(ranks(units.x[rows]), basis), residuals(ranks(targets[rows]), basis)
        tie = pearson(x, y)
        beyond = tie[:, 0] - expected_of_fragility(pearson(x, x), tie[:, 0], weights)
        return np.column_stack([beyond, tie[:, :1] - tie[:, 1:]]) / 2

    found = cluster_jackknife(contrasts, units.cluster, lost=2 + units.z.shape[1])
    value, low, high = 2 * found.value, 2 * found.low, 2 * found.high
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
        table["beyond_foreign_low"], table["beyond_foreign_high"] = low[each, hardest], high[each, hardest]
    return table.astype({name: np.float64 for name in COLUMNS if name != "foreign"})


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
        own, natural = means.sum(axis=0) @ among[:, k] / scale, means.sum(axis=0) @ tie / scale
        expected[k] = np.clip(own, -1, 1) * np.clip(natural, -1, 1)
    return expected


def _other_families(family: np.ndarray) -> np.ndarray:
    """(p, m, p): row m of perturbation k averages family m; zeros where that is its own."""
    names = np.unique(family)
    means = np.array([(family == name) / np.sum(family == name) for name in names])
    return np.array([np.where((names != own)[:, None], means, 0.0) for own in family])


def _shuffled(units: ControlUnits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(p,) mean coefficient over shuffles, and one-sided p-value of the real one; NaN without confounders."""
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
