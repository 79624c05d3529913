"""What is correlated: units, one row each, with what happened to them and how sensitive they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.text.phrases import plural

Across = Literal["frames", "clips", "models"]
SINGULAR = {"stretches": "stretch", "families": "family"}  # singular of the words that do not lose an s


@dataclass(frozen=True, kw_only=True)
class CorrelationUnits:
    """The n units of a correlation. Larger numbers always mean more harm or less stability.

    ``cluster`` (n,) depend on each other, ``clusters_are`` names them; of one ``series``, in the order of time,
    a permutation only rotates. ``columns`` are perturbation, strength and metric of the p columns of
    ``sensitivity``, NaN where not measured. ``confounder_reliability`` (k,) is the share of variance that is
    not measurement error. The primary metrics carry verdicts; ``turned`` ones had their sign reversed.
    ``uncontrolled`` says why a partial correlation cannot rule out the usual confounder, or "".
    """

    across: Across
    model: str
    name: np.ndarray
    cluster: np.ndarray
    clusters_are: str
    series: np.ndarray | None
    columns: pd.DataFrame
    sensitivity: np.ndarray
    instability: pd.DataFrame
    confounders: pd.DataFrame
    confounder_reliability: Sequence[float] = ()
    foreign: pd.DataFrame | None = None
    sensitivity_halves: tuple[np.ndarray, np.ndarray] | None = None
    instability_halves: tuple[pd.DataFrame, pd.DataFrame] | None = None
    primary_sensitivity: str
    primary_stability: str
    turned: tuple[str, ...] = ()
    uncontrolled: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.name)
        shapes = {
            "cluster": len(self.cluster),
            "sensitivity": len(self.sensitivity),
            "instability": len(self.instability),
            "confounders": len(self.confounders),
            "foreign": n if self.foreign is None else len(self.foreign),
        }
        for what, length in shapes.items():
            if length != n:
                raise ValueError(f"Units.{what}: expected {n} rows, one per unit, got {length}")
        if self.sensitivity.shape[1:] != (len(self.columns),):
            raise ValueError(
                f"Units.sensitivity: expected {len(self.columns)} columns, got {self.sensitivity.shape}"
            )

    def __len__(self) -> int:
        return len(self.name)

    def in_words(self, count: int) -> str:
        """Return a number of units in words: "1 clip", "24 frames"."""
        return plural(count, self.across.removesuffix("s"), self.across)

    def clusters_in_words(self, count: int) -> str:
        """Return a number of clusters in words: "1 stretch", "5 clips"."""
        one = SINGULAR.get(self.clusters_are, self.clusters_are.removesuffix("s"))
        return plural(count, one, self.clusters_are)

    def only(self, rows: np.ndarray) -> CorrelationUnits:

        def table(one: pd.DataFrame) -> pd.DataFrame:
            return one[rows].reset_index(drop=True)

        halves, natural = self.sensitivity_halves, self.instability_halves
        return dataclasses.replace(
            self,
            name=self.name[rows],
            cluster=self.cluster[rows],
            series=None if self.series is None else self.series[rows],
            sensitivity=self.sensitivity[rows],
            instability=table(self.instability),
            confounders=table(self.confounders),
            foreign=None if self.foreign is None else table(self.foreign),
            sensitivity_halves=None if halves is None else (halves[0][rows], halves[1][rows]),
            instability_halves=None if natural is None else (table(natural[0]), table(natural[1])),
        )


def with_means(units: CorrelationUnits) -> tuple[pd.DataFrame, np.ndarray]:
    """Add means over strengths (strength NaN) to the columns of the units; return columns and values (n, columns).

    ``of`` are those it is made from, ``overall`` represents its perturbation under its metric, ``main`` under the
    primary metric.
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
    """Return one number per unit (n,) from its values (n, s) at several strengths: the mean where all were tried.

    A unit shown only some (NaN elsewhere) is compared with others shown the same: its place is sum(value - mean) /
    sum(sd) over its strengths, on the scale of the overall mean.
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


def spread(
    sensitivity: pd.DataFrame, keys: list[str], columns: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean sensitivities, one row per key, and their columns: perturbation, strength, metric."""
    what = ["perturbation", "strength", "metric"]
    if columns is None:
        columns = sensitivity[what].drop_duplicates().sort_values(what, kind="stable").reset_index(drop=True)
        columns["strength"] = columns["strength"].astype(np.float64)
    number = columns.assign(column=np.arange(len(columns)))
    rows = sensitivity[[*keys, *what, "value"]].merge(number, on=what)  # merge matches NaN with NaN
    wide = rows.groupby([*keys, "column"])["value"].mean().unstack("column")
    return wide.reindex(columns=number["column"]), columns


def one_model(table: pd.DataFrame, model: str | None) -> str:
    """Return the model asked for, or the only one; raise SettingsError where that is unclear."""
    models = sorted(table["model"].astype(str).unique())
    if model is None and len(models) == 1:
        return models[0]
    if model is None or model not in models:
        asked = "several models, which are never pooled" if model is None else f"no model {model!r}"
        raise SettingsError(f"model: {asked}; choose one of {', '.join(models) or '(none)'}")
    return model


def as_names(given: str | Sequence[str] | None, default: Sequence[str]) -> list[str]:
    """Return the names given as a list, or the default."""
    return list(default) if given is None else [given] if isinstance(given, str) else list(given)
