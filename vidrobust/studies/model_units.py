"""Units from tables of summaries: one row per model, or per item, from here or from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.studies.orientation import CLEAN_ACCURACY, known_direction, signs
from vidrobust.studies.resampling import MIN_CLUSTERS
from vidrobust.studies.unit_rows import Units, as_names, one_model, spread

_PREFERRED = (
    "conditional_robustness",
    "pm10/pm0",
    "pm10_over_pm0",
    "consistency",
    "total_variation",
    "label_flip",
)
"""Which stability metric the verdicts rest on where none is named: the first of these that is there."""


def from_models(
    stability: pd.DataFrame,
    sensitivity: pd.DataFrame,
    *,
    by: Literal["model", "item"] = "model",
    given: str | Sequence[str] | None = None,
    groups: Mapping[str, str] | None = None,
    higher_is_better: Mapping[str, bool] | None = None,
    primary_stability: str | None = None,
    primary_sensitivity: str | None = None,
    frames: pd.DataFrame | None = None,
    strict: bool = True,
) -> Units:
    """Units from a table of stability metrics and one of sensitivities: models, or items of one model.

    strict  a stability metric of unknown direction is an error; otherwise it is left out, and that is said
    """
    natural = _summaries(stability, by)
    wide, columns = spread(sensitivity, [by])
    index = wide.index.intersection(natural.index).sort_values()
    if not len(index):
        raise InputError(
            f"correlation across {by}s: the two tables have no {by} in common "
            f"({len(natural)} in stability, {len(wide)} in sensitivity)"
        )
    notes: list[str] = []
    confounders, uncontrolled = _given(natural.reindex(index), given, frames, by, notes)
    metrics = [m for m in natural if m not in confounders and m not in CLEAN_ACCURACY]
    if not strict:
        unclear = [m for m in metrics if known_direction(m) is None and m not in (higher_is_better or {})]
        metrics = [m for m in metrics if m not in unclear]
        notes += [f"stability metric {m} left out: it is not known which way it points" for m in unclear]
    if not metrics:
        raise SettingsError(
            "stability table: no metric is left to be correlated beside the confounder "
            f"({', '.join(natural)}); name the confounder with given"
        )
    turn_stable, turn_sensitive = (
        signs(metrics, higher_is_better),
        signs(columns["metric"].unique(), higher_is_better),
    )
    factor = columns["metric"].map(turn_sensitive).to_numpy()
    known = confounders.notna().all(axis=1).to_numpy()
    index = index[known]
    name = index.astype(str).to_numpy()
    cluster, kind, said = _families(name, groups) if by == "model" else (name, "clips", ())
    halves = _item_halves(stability, sensitivity, columns, metrics, index) if by == "model" else None
    return Units(
        across="models" if by == "model" else "clips",
        model="" if by == "model" else one_model(sensitivity, None),
        name=name,
        cluster=cluster,
        clusters_are=kind,
        series=None,
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64) * factor,
        instability=natural.reindex(index)[metrics]
        .mul(pd.Series(turn_stable)[metrics])
        .reset_index(drop=True),
        confounders=confounders[known].reset_index(drop=True),
        sensitivity_halves=halves[0] if halves else None,
        instability_halves=halves[1] if halves else None,
        primary_sensitivity=_primary(columns["metric"].unique(), primary_sensitivity, "sensitivity"),
        primary_stability=_primary(metrics, primary_stability, "stability"),
        turned=tuple(sorted({m for m, s in (turn_stable | turn_sensitive).items() if s < 0})),
        uncontrolled=uncontrolled,
        skipped={
            k: v
            for k, v in {
                f"{by}s in one table only": len(wide.index.union(natural.index)) - len(known),
                f"{by}s without a confounder": int((~known).sum()),
            }.items()
            if v
        },
        notes=(*notes, *said),
    )


def _given(
    natural: pd.DataFrame,
    given: str | Sequence[str] | None,
    frames: pd.DataFrame | None,
    by: str,
    notes: list[str],
) -> tuple[pd.DataFrame, str]:
    names = as_names(given, tuple(m for m in CLEAN_ACCURACY if m in natural)[:1])
    missing = [n for n in names if n not in natural]
    if missing == ["margin"] == names and frames is not None:
        names = []
    elif missing:
        raise SettingsError(
            f"given: no metric {', '.join(missing)} in the stability table, which has {', '.join(natural)}"
        )
    if names:
        return natural[names], ""
    reason = "clean accuracy is not known, and skill alone makes everything correlate"
    if frames is not None and by == "model" and len(frames):
        notes.append(
            "no clean accuracy: the mean top-1 margin stands in for skill, and no verdict rests on it"
        )
        margin = frames.groupby("model")["margin"].mean().reindex(natural.index)
        return margin.to_frame("margin"), reason
    return pd.DataFrame(index=natural.index), reason


def _summaries(stability: pd.DataFrame, by: str) -> pd.DataFrame:
    """(unit, metric) values: rows of item "" where a model has them, else the mean over its items."""
    item = stability["item"].astype(object).fillna("").astype(str) if "item" in stability else pd.Series("", stability.index)
    table = stability.assign(item=item)
    if by == "item":
        return table[table["item"] != ""].pivot_table(
            index="item", columns="metric", values="value", sort=False
        )
    whole = table[table["item"] == ""].groupby(["model", "metric"])["value"].mean()
    parts = table[table["item"] != ""].groupby(["model", "metric"])["value"].mean()
    result: pd.DataFrame = whole.combine_first(parts).unstack("metric")
    order = [m for m in stability["metric"].unique() if m in result]
    return result[order]


def _families(name: np.ndarray, groups: Mapping[str, str] | None) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Families as clusters where they were given, or where the names show enough of them."""
    if groups:
        return np.array([groups.get(n, n) for n in name], dtype=object), "families", ()
    family = np.array([family_of(n) for n in name], dtype=object)
    if len(np.unique(family)) >= MIN_CLUSTERS:
        return family, "families", ("families of models were read off their names",)
    note = f"the names show {len(np.unique(family))} families, too few to leave out: each model counts as its own"
    return name.astype(object), "models", (note,)


def family_of(model: str) -> str:
    """resnet of torchvision:resnet50_v2: the first word of the name, without its number."""
    word = re.split(r"[_\-. /]", model.split(":")[-1].split("/")[-1].strip().lower())[0]
    return re.split(r"\d", word)[0] or word


def _item_halves(
    stability: pd.DataFrame,
    sensitivity: pd.DataFrame,
    columns: pd.DataFrame,
    metrics: list[str],
    index: pd.Index,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[pd.DataFrame, pd.DataFrame]] | None:
    """Both measured on every other item; None without two items in each table."""
    sources = []
    for table in (stability, sensitivity):
        item = table["item"].astype(object).fillna("").astype(str) if "item" in table else pd.Series("", table.index)
        sources.append(table[item != ""].assign(item=item[item != ""]))
    items = sorted(set(sources[0]["item"]) & set(sources[1]["item"]))
    if len(items) < 2:
        return None
    found = []
    for side in (items[::2], items[1::2]):
        one, two = (table[table["item"].isin(side)] for table in sources)
        found.append(
            (
                spread(two, ["model"], columns)[0].reindex(index).to_numpy(np.float64),
                _summaries(one, "model").reindex(index=index, columns=metrics).reset_index(drop=True),
            )
        )
    return (found[0][0], found[1][0]), (found[0][1], found[1][1])


def _primary(metrics: Sequence[str], wanted: str | None, table: str) -> str:
    if wanted is not None and wanted not in metrics:
        raise SettingsError(f"primary metric {wanted!r}: not in the {table} table ({', '.join(metrics)})")
    return wanted or next((m for m in _PREFERRED if m in metrics), metrics[0])
