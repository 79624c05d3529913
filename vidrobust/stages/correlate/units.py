"""What is correlated: one row per unit, and its columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.text.phrases import plural

Across = Literal["frames", "clips", "tracks", "models"]


ONE_OF = {"stretches": "stretch", "families": "family"}
"""What one of several is called, where it is not the word without its s."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """n units, ready to be correlated. Larger numbers always mean more harm or less stability.

    across         what a unit is
    model          the model studied; "" across models
    name           (n,) str, what each unit is called
    cluster        (n,) str, units of one cluster depend on each other
    clusters_are   what a cluster is: "clips", "scenes", "stretches", "families", "models" ...
    series         (n,) str runs of units in the order of time, which may only be turned round; None where
                   units may change places freely
    columns        (p rows) perturbation, strength, metric: what the columns of ``sensitivity`` are
    sensitivity    (n, p) float64, NaN where not measured
    instability    (n, s) float64, one column per stability metric
    confounders    (n, k) float64
    confounder_reliability  (k,) share of each confounder's variance that is not error of measurement; NaN or
                   empty where unknown
    foreign        (n, f) float64, instability of the same units on other data, which no perturbation of this
                   footage should stand for; None where there is none
    sensitivity_halves, instability_halves  the same from each half of the measurements, or None
    primary_sensitivity, primary_stability  the metrics on which the verdict rests, declared beforehand
    turned         metrics whose sign was turned round, because larger meant better
    uncontrolled   why a partial correlation cannot rule out the usual confounder; "" where it can
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

    def in_words(self, count: int) -> str:
        """So many units: "1 clip", "24 frames"."""
        return plural(count, self.across.removesuffix("s"), self.across)

    def clusters_in_words(self, count: int) -> str:
        """So many of them: "1 stretch", "5 clips"."""
        return plural(
            count, ONE_OF.get(self.clusters_are, self.clusters_are.removesuffix("s")), self.clusters_are
        )

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

    def only(self, rows: np.ndarray) -> Units:
        """Some of the units: rows (n,) bool."""

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


def spread(
    sensitivity: pd.DataFrame, keys: list[str], columns: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean sensitivity, one row per key and one column per (perturbation, strength, metric), numbered.

    Returns the means and the table of columns. With ``columns`` given, exactly those.
    """
    what = ["perturbation", "strength", "metric"]
    if columns is None:
        columns = sensitivity[what].drop_duplicates().sort_values(what, kind="stable").reset_index(drop=True)
        columns["strength"] = columns["strength"].astype(np.float64)
    number = columns.assign(column=np.arange(len(columns)))
    rows = sensitivity[[*keys, *what, "value"]].merge(number, on=what)  # merge matches NaN with NaN
    wide = rows.groupby([*keys, "column"])["value"].mean().unstack("column")
    return wide.reindex(columns=number["column"]), columns


def one_model(table: pd.DataFrame, model: str | None) -> str:
    models = sorted(table["model"].astype(str).unique())
    if model is None and len(models) == 1:
        return models[0]
    if model is None or model not in models:
        asked = "several models, which are never pooled" if model is None else f"no model {model!r}"
        raise SettingsError(f"model: {asked}; choose one of {', '.join(models) or '(none)'}")
    return model


def as_names(given: str | Sequence[str] | None, default: Sequence[str]) -> list[str]:
    return list(default) if given is None else [given] if isinstance(given, str) else list(given)
