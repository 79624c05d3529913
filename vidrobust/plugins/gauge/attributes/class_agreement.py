"""Agreement class by class, of ordered classes, and whether two operators disagree in one direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class ClassKappa:
    """Kappa of one class against all others, or of all classes ("all"); z and p of the hypothesis that it is 0."""

    name: str
    kappa: float
    se: float
    z: float
    p: float


def kappa_by_class(counts: np.ndarray, classes: Sequence[str]) -> list[ClassKappa]:
    """Return Fleiss' kappa of each class and of all, with one-sided p.

    ``counts`` (n, K): ratings of class k for part i. Parts with an unusual number of ratings are left out.
    References: Fleiss, Psychological Bulletin 76 (1971); Fleiss, Nee & Landis, 86 (1979).
    """
    counts = np.asarray(counts, np.float64)
    sizes = counts.sum(axis=1)
    usual = float(np.bincount(sizes.astype(int)).argmax()) if len(sizes) else 0.0
    counts = counts[sizes == usual]
    n, m = len(counts), usual
    if n < 1 or m < 2:
        return []
    share = counts.sum(axis=0) / (n * m)
    rest = 1 - share
    pq = share * rest
    disagree = (counts * (m - counts)).sum(axis=0) / (n * m * (m - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(pq > 0, 1 - disagree / pq, NAN)
    error = math.sqrt(2 / (n * m * (m - 1)))
    found = [_class_kappa(name, float(kappa), error) for name, kappa in zip(classes, each, strict=True)]
    total = float(pq.sum())
    if not total > 0:
        return [*found, _class_kappa("all", NAN, NAN)]
    whole = math.sqrt(max(0.0, total**2 - float((pq * (rest - share)).sum()))) * error / total
    return [*found, _class_kappa("all", 1 - float(disagree.sum()) / total, whole)]


def kappa_against_standard(table: pd.DataFrame, classes: Sequence[str]) -> list[ClassKappa]:
    """Return Fleiss' kappa of an operator's trials with the reference as second rater: each trial, and the mean.

    The standard error of the mean takes the trials as independent, as Minitab and JASP do.
    """
    each = []
    for _, rows in table.groupby("trial", sort=True):
        pairs = np.stack(
            [(rows[name].to_numpy()[:, None] == np.array(classes)) for name in ("value", "reference")]
        )
        each.append(kappa_by_class(pairs.sum(axis=0), classes))
    if not each:
        return []
    found = []
    for same in zip(*each, strict=True):
        kappa = float(np.mean([one.kappa for one in same]))
        error = math.sqrt(sum(one.se**2 for one in same)) / len(same)
        found.append(_class_kappa(same[0].name, kappa, error))
    return found


def _class_kappa(name: str, kappa: float, error: float) -> ClassKappa:
    z = kappa / error if error > 0 else NAN
    return ClassKappa(
        name=name, kappa=kappa, se=error, z=z, p=float(stats.norm.sf(z)) if not math.isnan(z) else NAN
    )


def weighted_kappa(counts: np.ndarray, weights: str = "quadratic") -> float:
    """Return kappa of two raters of ordered classes, from a (K, K) cross table; "linear" or "quadratic" weights.

    Cohen, Psychological Bulletin 70 (1968). NaN where chance cannot disagree.
    """
    counts = np.asarray(counts, np.float64)
    far = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts)))).astype(np.float64)
    if weights == "quadratic":
        far = far**2
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    expected = float((far * chance).sum())
    return 1 - float((far * counts).sum()) / expected if expected > 0 else NAN


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Kendall's tau-b of an operator's ordered classes with the reference; the mean over its trials."""

    value: float
    p: float
    n: int
    trials: int


def kendalls_coefficient(table: pd.DataFrame, classes: Sequence[str]) -> Correlation | None:
    """Return Kendall's tau-b with the reference, trial by trial, and the mean with its two-sided p.

    None where one side has one class only. Kendall, Biometrika 33 (1945).
    """
    place = {name: k for k, name in enumerate(classes)}
    taus, zs, n = [], [], 0
    for _, rows in table.groupby("trial", sort=True):
        a, b = (rows[name].map(place).to_numpy(np.float64) for name in ("value", "reference"))
        if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
            continue
        found = stats.kendalltau(a, b)
        taus.append(float(found.statistic))
        zs.append(math.copysign(float(stats.norm.isf(max(float(found.pvalue), 1e-300) / 2)), taus[-1]))
        n = max(n, len(a))
    if not taus:
        return None
    # trials of one part are no new evidence: their z values are averaged, not summed
    p = float(2 * stats.norm.sf(abs(float(np.mean(zs)))))
    return Correlation(value=float(np.mean(taus)), p=p, n=n, trials=len(taus))


@dataclass(frozen=True, kw_only=True)
class Bowker:
    """Bowker's test that a cross table is symmetric: that two operators err in both directions alike."""

    statistic: float
    df: int
    p: float


def bowker(counts: np.ndarray) -> Bowker | None:
    """Bowker's test of a (K, K) cross table; None where the two never disagree (JASA 43, 1948)."""
    counts = np.asarray(counts, np.float64)
    upper = np.triu_indices(len(counts), 1)
    a, b = counts[upper], counts.T[upper]
    used = a + b > 0
    if not used.any():
        return None
    statistic = float(((a - b)[used] ** 2 / (a + b)[used]).sum())
    df = int(used.sum())
    return Bowker(statistic=statistic, df=df, p=float(stats.chi2.sf(statistic, df)))


def steadiness_table(table: pd.DataFrame, first: str, second: str, good: set[str]) -> np.ndarray:
    """Return (3, 3) counts of parts: always good, both, always bad by two operators (ISO 22514-7:2012, 12.2)."""
    passes = table["value"].isin(good).groupby([table["part"], table["operator"]]).mean().unstack()
    both = passes[[first, second]].dropna()
    kind = np.select([both == 1, both == 0], [0, 2], 1)
    found = np.zeros((3, 3), np.int64)
    np.add.at(found, (kind[:, 0], kind[:, 1]), 1)
    return found


def as_json(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Dataclasses as plain values."""
    return [asdict(row) for row in rows]
