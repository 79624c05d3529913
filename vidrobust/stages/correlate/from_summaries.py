"""Units from tables of summaries: one row per model, from here or from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.catalogue import find_metric, metric_of_column
from vidrobust.stages.correlate.units import CorrelationUnits, spread
from vidrobust.statistics.levels import FEWEST_CORRELATED

# Direction of a metric: does a larger value mean a better or a worse model? A correlation with one side reversed
# is the worst kind of wrong number, so nothing is guessed: the metric is declared, or one of these that tables of
# others have, or the user says so.
_OF_OTHERS = {
    **dict.fromkeys(("accuracy", "clean_accuracy", "top1_accuracy", "benign_accuracy"), True),
    **dict.fromkeys(("robustness", "pm10/pm0"), True),
    **dict.fromkeys(("error", "top1_error", "top5_error", "accuracy_drop", "mce"), False),
}

# Names of clean accuracy, in the order in which they are looked for where no confounder is given.
CLEAN_ACCURACY = (
    "clean_accuracy",
    "accuracy",
    "top1_accuracy",
    "benign_accuracy",
    "pm0",
    "pm0_accuracy",
)


def higher_is_better(metric: str, directions: Mapping[str, bool] | None = None) -> bool:
    """Return whether larger means better; SettingsError for unknown metrics and contradictions."""
    known = known_direction(metric)
    stated = (directions or {}).get(metric)
    if known is None and stated is None:
        raise SettingsError(
            f"metric {metric!r}: it is not known whether larger is better; say so with "
            f"MetricRoles(higher_is_better={{{metric!r}: ...}})"
        )
    if known is not None and stated is not None and known != stated:
        word = "better" if known else "worse"
        raise SettingsError(
            f"metric {metric!r}: stated as {'higher' if stated else 'lower'} is better, but larger values of "
            f"this metric are known to mean {word}; rename the metric if it is another one"
        )
    return bool(stated if known is None else known)


def known_direction(metric: str) -> bool | None:
    """Return True where larger is better, False where it is worse, None where unknown."""
    record = find_metric(metric) or metric_of_column(metric)
    return _OF_OTHERS.get(metric) if record is None else record.worse == "lower"


def signs(metrics: Iterable[str], directions: Mapping[str, bool] | None = None) -> dict[str, float]:
    """Return +1 for a metric that counts harm (flips, errors), -1 for one to be reversed."""
    return {metric: -1.0 if higher_is_better(metric, directions) else 1.0 for metric in metrics}


# Metrics on which verdicts rest where none is named: the first that is there, else the first of the table.
_PREFERRED = (
    "conditional_robustness",
    "pm10/pm0",
    "consistency",
    "total_variation",
    "flip_rate",
    "label_flip",
)
# Models are wrong about the same images: the kappa of error consistency between ImageNet networks is about .5 or
# more (Geirhos et al. 2020).
COMMON_ERROR = 0.5  # share of the error of accuracies that models have in common
# Perturbations with several strengths below which the direction of a metric cannot be checked.
FEWEST_SLOPES = 3
# Noise alone makes half of the slopes negative.
# Share of perturbations doing less harm when stronger, from which on a metric seems reversed.
MANY_FALLING = 2 / 3


@dataclass(frozen=True, kw_only=True)
class MetricRoles:
    """What the metrics of two tables are for, as far as it is not found out from their names.

    ``confounders`` are held constant (none named: clean accuracy), ``foreign`` are metrics on other data, a
    control; ``groups`` are unit -> cluster, ``higher_is_better`` are metric -> direction. Verdicts rest on the
    primary metrics.
    """

    confounders: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    primary_stability: str | None = None
    primary_sensitivity: str | None = None


def units_of_summaries(
    stability: pd.DataFrame,
    sensitivity: pd.DataFrame,
    *,
    roles: MetricRoles | None = None,
    frames: pd.DataFrame | None = None,
    strict: bool = True,
) -> CorrelationUnits:
    """Make units, a model each, from tables of stability metrics and sensitivities.

    ``stability`` has model, item ("": over all), metric, value, and low, high or n for the error of clean
    accuracy; ``sensitivity`` model, item, perturbation, strength, metric, value. Margins of ``frames`` replace an
    unknown clean accuracy; then there are no verdicts. Unless ``strict``, metrics of unknown direction are left
    out.
    """
    roles = roles or MetricRoles()
    foreign, higher = roles.foreign, roles.higher_is_better
    stability, sensitivity = _plain_items(stability), _plain_items(sensitivity)
    natural = _summaries(stability)
    wide, columns = spread(_over_all(sensitivity), ["model"])
    index = wide.index.intersection(natural.index).sort_values()
    if not len(index):
        raise InputError(
            "correlation across models: the two tables have no model in common "
            f"({len(natural)} in stability, {len(wide)} in sensitivity)"
        )
    skipped = {"models in one table only": len(wide.index.union(natural.index)) - len(index)}
    confounders, uncontrolled, notes = _given(natural.reindex(index), roles.confounders, frames)
    _must_be_known(foreign, natural, "foreign")
    metrics = _stability_metrics(
        natural.drop(columns=list(foreign)), confounders, roles.primary_stability
    )
    if not strict:
        metrics, unclear = _known_only(metrics, higher)
        notes += [
            f"stability metric {m} left out: it is not known which way it points" for m in unclear
        ]
    if not metrics:
        raise SettingsError(
            "stability table: no metric is left to be correlated beside the confounder "
            f"({', '.join(natural)}); name the confounder with given"
        )
    turn = signs([*metrics, *foreign, *columns["metric"].unique()], higher)
    known = confounders.notna().all(axis=1).to_numpy()
    skipped["models whose confounder is missing"] = int((~known).sum())
    index, confounders = index[known], confounders[known]
    name = index.astype(str).to_numpy(dtype=object)
    cluster, kind, families = _families(name, roles.groups)
    halves = _item_halves(stability, sensitivity, columns, metrics, index)
    notes += _against_strength(sensitivity, turn, higher)
    factors = columns["metric"].map(turn).to_numpy(np.float64)
    values = natural.reindex(index).mul(pd.Series(turn))
    return CorrelationUnits(
        across="models",
        model="",
        name=name,
        cluster=cluster,
        clusters_are=kind,
        series=None,
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64) * factors,
        instability=values[metrics].reset_index(drop=True),
        foreign=values[list(foreign)].reset_index(drop=True) if foreign else None,
        confounders=confounders.reset_index(drop=True),
        confounder_reliability=[_reliability(stability, index, c) for c in confounders],
        sensitivity_halves=halves[0] if halves else None,
        instability_halves=halves[1] if halves else None,
        primary_sensitivity=_primary(
            columns["metric"].unique(), roles.primary_sensitivity, "sensitivity"
        ),
        primary_stability=_primary(metrics, roles.primary_stability, "stability"),
        turned=tuple(sorted(m for m, s in turn.items() if s < 0)),
        uncontrolled=uncontrolled,
        skipped={what: count for what, count in skipped.items() if count},
        notes=(*notes, *families),
    )


def family_of(model: str) -> str:
    """Return the family in the name of a model: "resnet" of torchvision:resnet50_v2."""
    word = re.split(r"[_\-. /]", model.split(":")[-1].split("/")[-1].strip().lower())[0]
    return re.split(r"\d", word)[0] or word


def _plain_items(table: pd.DataFrame) -> pd.DataFrame:
    if "item" not in table:
        return table.assign(item="")
    return table.assign(
        item=table["item"].astype(object).where(table["item"].notna(), "").astype(str)
    )


def _over_all(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """The rows of item "" where every model has them, else all rows, which are those of items."""
    whole = sensitivity[sensitivity["item"] == ""]
    return whole if set(whole["model"]) == set(sensitivity["model"]) else sensitivity


def _summaries(stability: pd.DataFrame) -> pd.DataFrame:
    parts = stability[stability["item"] != ""]
    whole = stability[stability["item"] == ""].groupby(["model", "metric"])["value"].mean()
    result = whole.combine_first(parts.groupby(["model", "metric"])["value"].mean()).unstack(
        "metric"
    )
    return result[[m for m in stability["metric"].unique() if m in result]]


def _given(
    natural: pd.DataFrame, given: Sequence[str], frames: pd.DataFrame | None
) -> tuple[pd.DataFrame, str, list[str]]:
    """The confounders, why they do not rule out skill ("" where they do), and notes."""
    names = list(given) or [m for m in CLEAN_ACCURACY if m in natural][:1]
    _must_be_known(names, natural, "given")
    if names:
        return natural[names], "", []
    reason = "clean accuracy is not known, and skill alone makes everything correlate"
    if frames is None or not len(frames):
        return pd.DataFrame(index=natural.index), reason, []
    margin = frames.groupby("model")["margin"].mean().reindex(natural.index).to_frame("margin")
    note = (
        "no clean accuracy: the mean top-1 margin stands in for skill, and no verdict rests on it"
    )
    return margin, reason, [note]


def _must_be_known(names: Sequence[str], natural: pd.DataFrame, setting: str) -> None:
    missing = [n for n in names if n not in natural]
    if missing:
        raise SettingsError(
            f"{setting}: no metric {', '.join(missing)} in the stability table, which has {', '.join(natural)}"
        )


def _stability_metrics(
    natural: pd.DataFrame, confounders: pd.DataFrame, primary: str | None
) -> list[str]:
    others = [m for m in natural if m not in confounders]
    return [m for m in others if m not in CLEAN_ACCURACY or m == primary] or others


def _known_only(metrics: list[str], directions: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    known = [m for m in metrics if known_direction(m) is not None or m in directions]
    return known, [m for m in metrics if m not in known]


def _against_strength(
    sensitivity: pd.DataFrame, turn: Mapping[str, float], directions: Mapping[str, bool]
) -> list[str]:
    """Notes on metrics whose harm falls with strength; SettingsError where their direction was stated."""
    notes = []
    for metric, rows in sensitivity.groupby("metric", sort=False):
        mean = rows.groupby(["perturbation", "strength"])["value"].mean() * turn[str(metric)]
        slopes = [
            np.sign(np.cov(of.index.get_level_values(1).to_numpy(np.float64), of.to_numpy())[0, 1])
            for _, of in mean.groupby(level=0)
            if len(of) > 1
        ]
        if len(slopes) < FEWEST_SLOPES or np.mean(np.array(slopes) < 0) < MANY_FALLING:
            continue
        fall = f"sensitivity metric {metric}: stronger perturbations seem to do less harm by it"
        if metric in directions:
            raise SettingsError(
                f"{fall}, so its direction was stated the wrong way round, or its strengths are"
            )
        notes.append(f"{fall}; are its values, or its strengths, the wrong way round?")
    return notes


def _reliability(stability: pd.DataFrame, index: pd.Index, confounder: str) -> float:
    """Share of a confounder's variance that is not error; models share the error of seeing the same images."""
    rows = stability[(stability["metric"] == confounder) & (stability["item"] == "")]
    if not {"low", "high", "n"} <= set(rows.columns):
        return np.nan
    rows = rows.drop_duplicates("model").set_index("model").reindex(index)
    value, n = rows["value"].to_numpy(np.float64), rows["n"].to_numpy(np.float64)
    error = ((rows["high"] - rows["low"]) / (2 * 1.96)).to_numpy(np.float64) ** 2
    top = 100.0 if np.nanmax(value, initial=0.0) > 1 else 1.0
    counted = known_direction(confounder) is True and bool(np.all((value >= 0) & (value <= top)))
    binomial = np.where(counted & (n >= 20), value * (top - value) / np.maximum(n, 1), np.nan)
    error = np.where(error > 0, error, binomial)
    if np.isnan(error).any() or len(value) < 3 or not np.var(value, ddof=1) > 0:
        return np.nan
    return float(np.clip(1 - (1 - COMMON_ERROR) * error.mean() / np.var(value, ddof=1), 0.0, 1.0))


def _families(name: np.ndarray, groups: Mapping[str, str]) -> tuple[np.ndarray, str, list[str]]:
    if groups:
        return np.array([groups.get(n, n) for n in name], dtype=object), "families", []
    family = np.array([family_of(n) for n in name], dtype=object)
    count = len(np.unique(family))
    if count == len(name):
        return name, "models", []
    if count >= FEWEST_CORRELATED:
        return family, "families", ["families of models were read off their names"]
    note = f"the names show {count} families, too few to be left out in turn: each model counts as its own"
    return name, "models", [note]


def _item_halves(
    stability: pd.DataFrame,
    sensitivity: pd.DataFrame,
    columns: pd.DataFrame,
    metrics: list[str],
    index: pd.Index,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[pd.DataFrame, pd.DataFrame]] | None:
    tables = [table[table["item"] != ""] for table in (stability, sensitivity)]
    items = sorted(set(tables[0]["item"]) & set(tables[1]["item"]))
    if len(items) < 2:
        return None
    sensitive, stable = [], []
    for side in (items[::2], items[1::2]):
        one, two = (table[table["item"].isin(side)] for table in tables)
        sensitive.append(spread(two, ["model"], columns)[0].reindex(index).to_numpy(np.float64))
        means = _summaries(one).reindex(index=index, columns=metrics)
        stable.append(means.reset_index(drop=True))
    return (sensitive[0], sensitive[1]), (stable[0], stable[1])


def _primary(metrics: Sequence[str], wanted: str | None, table: str) -> str:
    if wanted is not None and wanted not in metrics:
        raise SettingsError(
            f"primary metric {wanted!r}: not in the {table} table ({', '.join(metrics)})"
        )
    return wanted or next((m for m in _PREFERRED if m in metrics), metrics[0])
