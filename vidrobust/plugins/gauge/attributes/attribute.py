"""Attribute study: agreement within and between operators, and with the reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.attributes.raters import (
    cochrans_q,
    exact_mcnemar,
    fleiss_kappa,
    kendalls_w,
)
from vidrobust.plugins.gauge.differing_operators import right_by_operator
from vidrobust.plugins.gauge.measurements import check_attribute
from vidrobust.statistics.intervals import Interval, clopper_pearson, clustered_rate, cohens_kappa

NAN = float("nan")


def attribute_study(
    table: pd.DataFrame,
    *,
    defect: Iterable[str] = (),
    ordered: Sequence[str] = (),
    possible: Iterable[str] = (),
) -> dict[str, Any]:
    """Study the agreement of verdicts."""
    table, bad = check_attribute(table), set(defect)
    classes = _classes(table, ordered)
    have_order = len(classes) > 2 and (bool(ordered) or _numbers(classes))
    unknown = sorted(bad - set(classes) - set(table.get("reference", ())) - set(possible))
    if unknown:
        raise SettingsError(
            f"--defect {', '.join(unknown)}: no such class; there are {', '.join(classes)}"
        )
    has_reference = "reference" in table and (table["reference"] != "").any()
    return {
        "classes": classes,
        "parts": int(table["part"].nunique()),
        "operators": sorted(table["operator"].unique()),
        "n": len(table),
        "defect": sorted(bad),
        "within_operator": within_operator(table, classes, have_order),
        "between_operators": between_operators(table, classes, bad, have_order),
        "against_reference": against_reference(table, bad) if has_reference else None,
        "differences": [asdict(row) for row in right_by_operator(table)] if has_reference else [],
        "grey_zone": grey_zone(table),
        "notes": _notes(table, has_reference, bad),
    }


def within_operator(table: pd.DataFrame, classes: Sequence[str], ordered: bool) -> dict[str, Any]:
    """Per operator: parts of one class in all trials, Fleiss' kappa and Kendall's W."""
    within = {}
    for operator, rows in table.groupby("operator", sort=True):
        repeated = rows[rows.groupby("part")["trial"].transform("size") > 1]
        same = repeated.groupby("part")["value"].nunique() == 1
        within[str(operator)] = {
            "agreement": share(int(same.sum()), len(same)),
            "fleiss_kappa": _interval(_fleiss(repeated, classes)),
            "kendalls_w": kendalls_w(_ratings(rows, classes)) if ordered else None,
        }
    return within


def between_operators(
    table: pd.DataFrame, classes: Sequence[str], defect: set[str], ordered: bool
) -> dict[str, Any]:
    """All operators: parts of one class from all, kappas, Kendall's W, and tests that they differ."""
    several = table[table.groupby("part")["operator"].transform("nunique") > 1]
    same = several.groupby("part")["value"].nunique() == 1
    return {
        "agreement": share(int(same.sum()), len(same)),
        "fleiss_kappa": _interval(_fleiss(several, classes)),
        "kendalls_w": kendalls_w(_ratings(several, classes)) if ordered and len(several) else None,
        "cohens_kappa": [
            {
                "operators": [str(a), str(b)],
                **_pairwise(table, str(a), str(b), classes),
            }
            for a, b in combinations(sorted(table["operator"].unique()), 2)
        ],
        **_differences(table, defect),
    }


def against_reference(table: pd.DataFrame, defect: set[str]) -> dict[str, Any]:
    """Compare with the reference, per operator and for all."""
    known = table[table["reference"] != ""]
    right = known["value"] == known["reference"]
    operators = {}
    for operator, rows in known.groupby("operator", sort=True):
        whole = right[rows.index].groupby(rows["part"]).all()
        operators[str(operator)] = {
            "effectiveness": share(int(whole.sum()), len(whole)),
            "kappa": _kappa_with_reference(rows),
            **_errors(rows, defect),
        }
    everyone = right.groupby(known["part"]).all()
    return {
        "operators": operators,
        "all_operators": share(int(everyone.sum()), len(everyone)),
        "kappa": _kappa_with_reference(known),
        **_errors(known, defect),
    }


def _kappa_with_reference(rows: pd.DataFrame) -> dict[str, Any]:
    columns = (rows[name].to_numpy(str) for name in ("value", "reference", "part"))
    return _interval(cohens_kappa(*columns))


def share(count: int, of: int) -> dict[str, Any]:
    """A share of independent trials with its Clopper-Pearson interval."""
    if not of:
        return {"value": None, "low": None, "high": None, "count": 0, "n": 0}
    low, high = clopper_pearson(count, of)
    return {"value": count / of, "low": low, "high": high, "count": count, "n": of}


def _errors(rows: pd.DataFrame, defect: set[str]) -> dict[str, Any]:
    if not defect:
        return dict.fromkeys(
            ("miss_rate", "false_alarm_rate", "miss_rate_over_parts", "false_alarm_rate_over_parts")
        )
    bad, called = rows["reference"].isin(defect), rows["value"].isin(defect)
    result: dict[str, Any] = {}
    for name, of, wrong in (
        ("miss_rate", rows[bad], ~called[bad]),
        ("false_alarm_rate", rows[~bad], called[~bad]),
    ):
        result[name] = share(int(wrong.sum()), len(wrong))
        result[f"{name}_over_parts"] = _interval(
            clustered_rate(wrong.to_numpy(bool), of["part"].to_numpy(str))
        )
    return result


def _differences(table: pd.DataFrame, defect: set[str]) -> dict[str, Any]:
    has_reference = "reference" in table and (table["reference"] != "").all()
    if not defect and not has_reference:
        return {"cochrans_q": None, "mcnemar": []}
    hit = table["value"].isin(defect) if defect else table["value"] != table["reference"]
    verdicts = (table.assign(hit=hit).groupby(["part", "operator"])["hit"].mean() >= 0.5).unstack()
    verdicts = verdicts.dropna().astype(int)
    if verdicts.shape[1] < 2 or verdicts.empty:
        return {"cochrans_q": None, "mcnemar": []}
    pairs = []
    for a, b in combinations(verdicts.columns, 2):
        cells = pd.crosstab(verdicts[a], verdicts[b]).reindex(
            index=[0, 1], columns=[0, 1], fill_value=0
        )
        only_a, only_b = int(cells.loc[1, 0]), int(cells.loc[0, 1])
        p = exact_mcnemar(only_a, only_b)
        pairs.append(
            {"operators": [str(a), str(b)], "only_first": only_a, "only_second": only_b, "p": p}
        )
    differ = verdicts[verdicts.nunique(axis=1) > 1]
    q = None
    if len(differ):
        q = {**cochrans_q(verdicts.to_numpy()), "n": len(verdicts)}
    return {"cochrans_q": q, "mcnemar": pairs}


def _pairwise(table: pd.DataFrame, a: str, b: str, classes: Sequence[str]) -> dict[str, Any]:
    """Cohen's kappa of two operators over ratings of equal part and trial."""
    rows = table[table["operator"].isin([a, b])]
    wide = rows.pivot(index=["part", "trial"], columns="operator", values="value").dropna()
    if wide.empty and rows["operator"].nunique() > 1:
        rows = rows.assign(trial=rows.groupby(["part", "operator"]).cumcount())
        wide = rows.pivot(index=["part", "trial"], columns="operator", values="value").dropna()
    parts = wide.index.get_level_values("part").to_numpy(str)
    kappa = cohens_kappa(wide[a].to_numpy(str), wide[b].to_numpy(str), parts)
    counts = pd.crosstab(wide[a], wide[b]).reindex(
        index=list(classes), columns=list(classes), fill_value=0
    )
    return {**_interval(kappa), "counts": counts.to_numpy().tolist()}


def _fleiss(rows: pd.DataFrame, classes: Sequence[str]) -> Interval:
    counts = _counts(rows, classes)
    return fleiss_kappa(counts) if len(counts) else Interval(NAN, NAN, NAN, 0, 0)


def _counts(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    if rows.empty:
        return np.zeros((0, len(classes)), np.int64)
    return (
        pd.crosstab(rows["part"], rows["value"])
        .reindex(columns=list(classes), fill_value=0)
        .to_numpy()
    )


def _ratings(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    rank = {name: place for place, name in enumerate(classes)}
    wide = rows.assign(rank=rows["value"].map(rank)).pivot(
        index=["operator", "trial"], columns="part", values="rank"
    )
    return wide.dropna(axis=1).to_numpy(np.float64)


def _classes(table: pd.DataFrame, ordered: Sequence[str]) -> list[str]:
    seen = set(table["value"]) | (set(table["reference"]) - {""} if "reference" in table else set())
    if ordered:
        missing = sorted(seen - set(ordered))
        if missing:
            raise SettingsError(f"--ordered: {', '.join(missing)} occurs and is not in the order")
        return list(ordered)
    return sorted(seen, key=float) if _numbers(seen) else sorted(seen)


def _numbers(names: Iterable[str]) -> bool:
    try:
        return all(math.isfinite(float(name)) for name in names)
    except ValueError:
        return False


def _interval(interval: Interval) -> dict[str, Any]:
    summary = asdict(interval)
    del summary["cluster"]
    return {
        name: None if isinstance(v, float) and math.isnan(v) else v for name, v in summary.items()
    }


def _notes(table: pd.DataFrame, has_reference: bool, defect: set[str]) -> list[str]:
    notes = []
    sizes = table.groupby(["part", "operator"]).size()
    if (sizes < 2).all():
        notes.append(
            "one trial a part and operator: agreement within operators cannot be determined"
        )
    if table["operator"].nunique() < 2:
        notes.append("one operator: agreement between operators cannot be determined")
    if not has_reference:
        notes.append("no reference: agreement, not correctness")
    elif not defect:
        notes.append("no --defect: misses and false alarms are counted together")
    full = (
        len(sizes) == table["part"].nunique() * table["operator"].nunique() and sizes.nunique() == 1
    )
    if not full:
        notes.append(
            "not every operator rated every part equally often: each figure stands on what there is"
        )
    return notes


def grey_zone(table: pd.DataFrame) -> dict[str, Any]:
    """Return the parts without one class throughout, with their verdicts."""
    counts = table.groupby(["part", "value"], sort=False).size()
    kinds = table.groupby("part", sort=False)["value"].nunique()
    parts = [
        {"part": str(part), "verdicts": {str(v): int(n) for v, n in counts[part].items()}}
        for part in kinds.index[kinds > 1]
    ]
    return {"parts": parts}


def model_and_people(table: pd.DataFrame, people: Iterable[str]) -> dict[str, Any] | None:
    """Parts on which verdicts of the model, of people or of both split, with Fisher's exact p."""
    persons = table["operator"].isin(set(people))
    model = table[~persons].groupby("part", sort=False)["value"].nunique() > 1
    human = table[persons].groupby("part", sort=False)["value"].nunique() > 1
    shared = model.index[model.index.isin(human.index)]
    if not len(shared):
        return None
    a, b = model[shared].to_numpy(), human[shared].to_numpy()
    cells = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    odds, p = stats.fisher_exact(cells)
    return {
        "parts": len(shared),
        "both": cells[0][0],
        "only_model": cells[0][1],
        "only_people": cells[1][0],
        "neither": cells[1][1],
        "odds": float(odds),
        "p": float(p),
    }
