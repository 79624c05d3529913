"""Negative controls: what a perturbation's correlation must beat before it says anything about this footage.

Fragile models, and frames near a decision, are sensitive to every perturbation and unstable on every footage. So a
correlation given the confounder is not yet about the footage. Three targets show what it would be without a tie:

    shuffled   each unit is given the instability of a unit of another cluster with nearly the same confounders:
               the same margins with the clips changed round (Kim et al. 2022, local permutation)
    others     what general fragility alone makes expected: the perturbations of all other families agree on how
               fragile a unit is, and the product of both sides' ties to that is taken off (one common factor,
               corrected for how well the families agree; Spearman 1904)
    foreign    the same units on other data, which this footage's perturbation should not stand for
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.statistics.associations import line_basis, pearson, ranks, residuals
from vidrobust.statistics.standard_errors import cluster_jackknife

NEIGHBOURS = 5
"""The units of other clusters, nearest in the confounders, from which a shuffled instability is drawn."""
SHUFFLES = 499
FEWEST_FAMILIES = 2
"""So many families beside a perturbation's own are needed to say what general fragility makes expected."""
LEAST_AGREEMENT = 0.3
"""Families that agree less than this are taken to agree so much: dividing by less would make up fragility."""

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
class Asked:
    """The units and columns on which the controls are asked, complete and as harm.

    x        (n, p) float64, one column per perturbation: its mean over strengths under the primary metric
    y        (n,) float64, the instability on this footage
    foreign  (n, f) float64, instability on other data, named by its columns; f may be 0
    z        (n, k) float64, the confounders
    cluster  (n,) what each unit depends with
    family   (p,) str; perturbations of one family do not control each other
    """

    x: np.ndarray
    y: np.ndarray
    foreign: pd.DataFrame
    z: np.ndarray
    cluster: np.ndarray
    family: np.ndarray


def negative_controls(asked: Asked, rng: np.random.Generator) -> pd.DataFrame:
    """One row per perturbation, columns ``COLUMNS``; coefficients are partial Spearman given the confounders.

    shuffled, shuffled_p      mean coefficient with the shuffled target, and how often it reaches the true one
    beyond_others, low, high  the coefficient less what general fragility makes expected; NaN with too few families
    foreign ...               the foreign target that is hardest to beat, and the coefficient less that with it
    """
    table = pd.DataFrame(index=range(asked.x.shape[1]), columns=list(COLUMNS))
    table["shuffled"], table["shuffled_p"] = _shuffled(asked, rng)
    weights = _other_families(asked.family)
    targets = np.column_stack([asked.y, asked.foreign.to_numpy(np.float64)])

    def contrasts(rows: np.ndarray) -> np.ndarray:
        """(p, 1 + f), halved so that each lies in -1 .. 1: beyond the others, then beyond each foreign target."""
        basis = line_basis(ranks(asked.z[rows]))
        x, y = residuals(ranks(asked.x[rows]), basis), residuals(ranks(targets[rows]), basis)
        tie = pearson(x, y)
        beyond = tie[:, 0] - expected_of_fragility(pearson(x, x), tie[:, 0], weights)
        return np.column_stack([beyond, tie[:, :1] - tie[:, 1:]]) / 2

    found = cluster_jackknife(contrasts, asked.cluster, lost=2 + asked.z.shape[1])
    value, low, high = 2 * found.value, 2 * found.low, 2 * found.high
    table["beyond_others"], table["beyond_others_low"], table["beyond_others_high"] = (
        value[:, 0],
        low[:, 0],
        high[:, 0],
    )
    table["foreign"] = ""
    for name in ("beyond_foreign", "beyond_foreign_low", "beyond_foreign_high"):
        table[name] = np.nan
    if asked.foreign.shape[1]:
        hardest = 1 + np.where(np.isnan(low[:, 1:]), -np.inf, low[:, 1:]).argmin(axis=1)
        each = np.arange(len(table))
        table["foreign"] = asked.foreign.columns.to_numpy(object)[hardest - 1]
        table["beyond_foreign"] = value[each, hardest]
        table["beyond_foreign_low"], table["beyond_foreign_high"] = low[each, hardest], high[each, hardest]
    return table.astype({name: np.float64 for name in COLUMNS if name != "foreign"})


def expected_of_fragility(among: np.ndarray, tie: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(p,) the coefficients with the instability that one common fragility would make, without any tie beside it.

    among    (p, p) coefficients between the perturbations
    tie      (p,) coefficients with the instability
    weights  (p, m, p) for each perturbation, the means of the m other families; zero rows pad

    With g the sum of the other families' means: expected = r(x, g) r(y, g) / agreement, agreement being Cronbach's
    alpha of the families, and neither tie to fragility larger than 1. NaN with fewer than two other families.
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
    """(p, m, p): row m of perturbation k averages one family that is not its own; rows of zeros for its own."""
    names = np.unique(family)
    means = np.array([(family == name) / np.sum(family == name) for name in names])
    return np.array([np.where((names != own)[:, None], means, 0.0) for own in family])


def _shuffled(asked: Asked, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(p,) mean coefficient over shuffles, and one-sided p of the true one among them; NaN without confounders."""
    p = asked.x.shape[1]
    donors = donors_of(asked.z, asked.cluster)
    if donors is None:
        return np.full(p, np.nan), np.full(p, np.nan)
    basis = line_basis(ranks(asked.z))
    x = residuals(ranks(asked.x), basis)
    true = pearson(x, residuals(ranks(asked.y[:, None]), basis))
    picked = rng.integers(0, donors.shape[1], size=(SHUFFLES, len(donors)))
    targets = asked.y[donors[np.arange(len(donors)), picked]].T
    drawn = pearson(x, residuals(ranks(targets), basis))
    with np.errstate(invalid="ignore"):
        p_value = (1 + np.sum(drawn >= true - 1e-12, axis=1)) / (1 + SHUFFLES)
    flat = np.isnan(true[:, 0])
    mean = np.nan_to_num(drawn).mean(axis=1)
    return np.where(flat, np.nan, mean), np.where(flat, np.nan, p_value)


def donors_of(z: np.ndarray, cluster: np.ndarray) -> np.ndarray | None:
    """(n, m) units of other clusters with the nearest confounders, by rank; None where there are none.

    m is ``NEIGHBOURS``, or fewer where other clusters hold fewer units.
    """
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
