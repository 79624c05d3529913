"""Correlate sensitivity with instability, and judge each perturbation.

The verdict rests on one declared pair of metrics and on the mean over strengths. Everything else is exploratory
and has its own Benjamini-Hochberg family.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from vidrobust.errors import InputError
from vidrobust.stages.correlate.coefficients import (
    COLUMNS,
    CURVED,
    EFFECTIVE,
    FEWEST_UNITS,
    PARTIAL,
    PLAIN,
    TIES,
    CompleteUnits,
    ControlUnits,
    below_best,
    coefficients,
    describe,
    dose_ties,
    effective,
    matrix,
    negative_controls,
)
from vidrobust.stages.correlate.units import CorrelationUnits, of_families, with_means
from vidrobust.stages.correlate.verdicts import (
    CANNOT_TELL,
    ProxyVerdict,
    judge,
    not_measured,
)
from vidrobust.statistics.associations import curve_knots
from vidrobust.statistics.permutations import free_orders, permutation_p, shifted_orders
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.tables.schema import TABLES

# Enough for p-values of 5 % after a correction for twenty perturbations.
MANY_ROTATIONS = 10_000  # ways to rotate the series, above which nothing but rotations is drawn
# Such perturbations are one proxy: with .8 the ranks share two thirds of their variance.
TOGETHER = 0.8  # smallest coefficient between any two members of a group
TOGETHER_LOW = 0.6  # smallest lower end of its interval
MOST_NAMED = 4  # members of a group that are all named
_CONTRACT = tuple(TABLES["correlation"])


@dataclass(frozen=True)
class Group:
    """Perturbations whose sensitivities cannot be distinguished; ``weakest`` coefficient between two members."""

    name: str
    members: tuple[str, ...]
    weakest: float = np.nan
    weakest_low: float = np.nan


@dataclass(frozen=True, kw_only=True)
class CorrelationResult:
    """The tables of a study, perturbations that always move together, and notes.

    ``units`` has a row for each unit and value that entered: see the table ``correlation_units``.
    """

    table: pd.DataFrame
    matrix: pd.DataFrame
    units: pd.DataFrame
    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def correlate(
    units: CorrelationUnits,
    families: Mapping[str, str] | None = None,
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> CorrelationResult:
    """Correlate every perturbation and strength with every stability metric, and judge each perturbation.

    ``resamples`` is the number of permutations. InputError without a unit.
    """
    families = families or {}
    study = _studied(units, families, seed, resamples)
    whole = _of_families(units, study, seed, resamples)
    table = study.table.join(whole, on="perturbation")
    ordered = (c for c in table if c not in _CONTRACT and not c.startswith("edge_"))
    return CorrelationResult(
        table=table[[*_CONTRACT, *ordered]],
        matrix=study.matrix,
        units=_unit_values(units, study.family),
        groups=study.groups,
        notes=_notes(units),
    )


def _unit_values(units: CorrelationUnits, family: Mapping[str, str]) -> pd.DataFrame:
    """The values that were correlated, a row each: families, instability and confounders of each unit."""
    pooled = of_families(units, family)
    of_family = pd.DataFrame(pooled.sensitivity, columns=pooled.columns["perturbation"])
    parts = [
        table.set_axis(pd.Index(units.name.astype(str), name="unit"))
        .melt(var_name="name", value_name="value", ignore_index=False)
        .reset_index()
        .assign(kind=kind, cluster=np.tile(units.cluster.astype(str), table.shape[1]))
        for kind, table in (
            ("family", of_family),
            ("instability", units.instability),
            ("confounder", units.confounders),
        )
    ]
    return pd.concat([part.astype({"name": str, "value": np.float64}) for part in parts])


@dataclass(frozen=True)
class _Study:
    """Coefficients and verdicts of the columns of some units, and the family of each perturbation."""

    table: pd.DataFrame
    matrix: pd.DataFrame
    groups: tuple[Group, ...]
    verdicts: Mapping[str, ProxyVerdict]
    family: Mapping[str, str]


def _studied(
    units: CorrelationUnits, families: Mapping[str, str], seed: int, resamples: int
) -> _Study:
    columns, values = with_means(units)
    rng = np.random.default_rng(seed)
    parts = [
        _block(units, columns, values, *which, resamples, rng)
        for which in _complete(units, columns, values)
    ]
    if not parts:
        raise InputError(
            f"correlation across {units.across}: no unit has both a sensitivity and an instability"
        )
    table = pd.concat(parts, ignore_index=True)
    table["family"] = table["perturbation"].map(lambda name: families.get(name, ""))
    table["q"] = np.nan
    for _, rows in table.groupby(["method", "primary"]).groups.items():
        table.loc[rows, "q"] = benjamini_hochberg(table.loc[rows, "p"].to_numpy())
    square = _square(units, columns, values)
    among = PARTIAL if units.confounders.shape[1] else "spearman"
    inner = (
        square[["row", "column"]]
        .isin(set(columns.loc[columns["main"], "perturbation"]))
        .all(axis=1)
    )
    groups = find_groups(square[inner & (square["method"] == among)], families)
    group = {name: group.name for group in groups for name in group.members}
    names = [str(name) for name in table["perturbation"].unique()]
    family = {name: families.get(name) or group.get(name, name) for name in names}
    controls = _controls(units, columns, values, family, np.random.default_rng([seed, 1]))
    judged = judge(table[table["primary"]], units, controls, family)
    verdicts = {name: judged.get(name, not_measured()) for name in names}
    table = table.join(controls, on="perturbation")
    table["group"] = table["perturbation"].map(lambda name: group.get(name, ""))
    for name, value in (
        ("verdict", lambda one: one.verdict),
        ("why", lambda one: one.why),
        ("reason", lambda one: one.reason),
        ("same", lambda one: one.same),
        ("others", lambda one: one.others),
        ("needs", lambda one: one.needed.what if one.needed else ""),
        ("needs_count", lambda one: one.needed.count if one.needed else np.nan),
        ("needs_now", lambda one: one.needed.now if one.needed else np.nan),
    ):
        table[name] = table["perturbation"].map({key: value(one) for key, one in verdicts.items()})
    return _Study(table, square, groups, verdicts, family)


def _of_families(units: CorrelationUnits, study: _Study, seed: int, resamples: int) -> pd.DataFrame:
    """What is found of the family of each perturbation, and by how much its best member surely exceeds it."""
    pooled = of_families(units, study.family)
    found = _studied(pooled, {}, seed, resamples)
    method = PARTIAL if units.confounders.shape[1] else "spearman"
    rows = found.table[found.table["primary"] & (found.table["method"] == method)]
    rows = rows.set_index("perturbation").reindex(list(study.family.values()))
    columns = ("value", "low", "high", "verdict", "others", "reason", "needs", "needs_count")
    table = pd.DataFrame({f"family_{name}": rows[name].to_numpy() for name in columns})
    table = table.fillna({"family_reason": "", "family_needs": ""})
    table.index = pd.Index(list(study.family))
    table["family_verdict"] = table["family_verdict"].fillna(CANNOT_TELL)
    table["family_others"] = table["family_others"].fillna(0).astype(np.int64)
    return table.assign(below_best=_below_best(units, study.family).reindex(table.index))


def _below_best(units: CorrelationUnits, family: Mapping[str, str]) -> pd.Series:
    """By how much the strongest tie in its family surely exceeds that of each perturbation."""
    columns, values = with_means(units)
    main = columns["main"].to_numpy()
    names, x = columns["perturbation"].to_numpy(object)[main], values[:, main]
    y = units.instability[units.primary_stability].to_numpy(np.float64)
    z = units.confounders.to_numpy(np.float64)
    below = pd.Series(np.nan, index=names)
    of = np.array([family.get(name, "") for name in names], dtype=object)
    for one in np.unique(of):
        members = np.flatnonzero(of == one)
        rows = ~(np.isnan(x[:, members]).any(axis=1) | np.isnan(y))
        if rows.sum() >= FEWEST_UNITS and len(members) > 1:
            complete = CompleteUnits(
                x[rows][:, members], y[rows, None], z[rows], units.cluster[rows]
            )
            below.iloc[members] = below_best(complete)
    return below


def _notes(units: CorrelationUnits) -> tuple[str, ...]:
    metrics = f"{units.primary_sensitivity} (sensitivity) and {units.primary_stability} (stability)"
    turned = [f"reversed, since larger is better: {', '.join(units.turned)}"] * bool(units.turned)
    skipped = (f"left out: {count} {what}" for what, count in units.skipped.items())
    return (f"verdicts rest on {metrics}", *turned, *units.notes, *skipped)


def _controls(
    units: CorrelationUnits,
    columns: pd.DataFrame,
    values: np.ndarray,
    family: Mapping[str, str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    main = np.flatnonzero(columns["main"].to_numpy())
    y = units.instability[units.primary_stability].to_numpy(np.float64)
    z = units.confounders.to_numpy(np.float64)
    foreign = units.foreign if units.foreign is not None else pd.DataFrame(index=range(len(y)))
    known = ~(np.isnan(y) | foreign.isna().any(axis=1).to_numpy())
    controls = [pd.DataFrame(columns=list(COLUMNS))]
    for x_known, which in _by_pattern(values[:, main]):
        rows = np.flatnonzero(known & x_known)
        beside = main[~np.isnan(values[np.ix_(rows, main)]).any(axis=0)]
        names = columns["perturbation"].to_numpy(object)[beside].astype(str)
        if len(rows) < FEWEST_UNITS or not len(which):
            continue
        complete = ControlUnits(
            x=values[np.ix_(rows, beside)],
            y=y[rows],
            foreign=foreign.iloc[rows],
            z=z[rows],
            cluster=units.cluster[rows],
            family=np.array([family[name] for name in names], dtype=object),
        )
        table = negative_controls(complete, rng).set_index(names)
        controls.append(
            table.loc[columns["perturbation"].to_numpy(object)[main[which]].astype(str)]
        )
    whole = pd.concat([one for one in controls if len(one)] or controls)
    whole = whole.reindex(list(family)).fillna({"foreign": ""})
    dose = units.dose if units.dose is not None else pd.DataFrame(index=range(len(y)))
    ties = dose_ties(dose[known], z[known], y[known], units.cluster[known])
    of_each = ties.reindex([family[name] for name in whole.index])
    return whole.assign(**{name: of_each[name].to_numpy() for name in TIES})


def _complete(
    units: CorrelationUnits, columns: pd.DataFrame, values: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
    natural = units.instability.to_numpy(np.float64)
    partly = np.zeros(len(columns), bool)
    for _, rows in columns.groupby(["perturbation", "metric"], sort=False):
        whole = rows.index[rows["overall"]][0]
        partly[rows.index] = (np.isnan(values[:, rows.index]) & ~np.isnan(values[:, [whole]])).any(
            axis=0
        )
    summary = np.flatnonzero(~partly)
    for x_known, some in _by_pattern(values[:, summary]):
        for y_known, metrics in _by_pattern(natural):
            rows = np.flatnonzero(x_known & y_known)
            if len(rows) and len(some) and len(metrics):
                yield rows, summary[some], [units.instability.columns[m] for m in metrics]


def _by_pattern(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    patterns, which = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    which = np.ravel(which)
    return [(patterns[:, k], np.flatnonzero(which == k)) for k in range(patterns.shape[1])]


def _block(
    units: CorrelationUnits,
    columns: pd.DataFrame,
    values: np.ndarray,
    rows: np.ndarray,
    which: np.ndarray,
    metrics: list[str],
    resamples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    x, y = values[np.ix_(rows, which)], units.instability[metrics].to_numpy(np.float64)[rows]
    z = units.confounders.to_numpy(np.float64)[rows]
    complete = CompleteUnits(x, y, z, units.cluster[rows])
    found = coefficients(complete, np.array(units.confounder_reliability or [np.nan] * z.shape[1]))
    if z.shape[1]:
        orders = _orders(units, rows, resamples, rng)
        for method, knots in ((PARTIAL, 0), (CURVED, curve_knots(len(x)))):
            p = permutation_p(x, y, z, orders, knots=knots)
            found[method] = dataclasses.replace(found[method], p=p)
    if units.across == "models" and z.shape[1] == 1:
        beyond = effective(complete)
        found |= {EFFECTIVE: beyond} if beyond else {}
    about = describe(units, columns, which, metrics, complete)
    methods = list(found)
    table = about.loc[np.tile(about.index, len(methods))].reset_index(drop=True)
    table["method"] = np.repeat(methods, len(about))
    given = [" + ".join(units.confounders) if method not in PLAIN else "" for method in methods]
    table["given"] = np.repeat(given, len(about))
    for name in ("value", "low", "high", "p"):
        table[name] = np.concatenate([getattr(one, name).ravel() for one in found.values()])
    table["low_without"] = np.concatenate(
        [one.without.min(axis=0).ravel() for one in found.values()]
    )
    table["high_without"] = np.concatenate(
        [one.without.max(axis=0).ravel() for one in found.values()]
    )
    return table


def _orders(
    units: CorrelationUnits, rows: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Frames rotate within their series, others change places freely; so do few short series."""
    series = None if units.series is None else units.series[rows]
    if series is None or len(np.unique(series)) == len(series):
        return free_orders(len(rows), count, rng)
    turned = shifted_orders(series, count, rng)
    if np.prod(np.unique(series, return_counts=True)[1].astype(np.float64)) > MANY_ROTATIONS:
        return turned
    both = pd.DataFrame({"series": series, "cluster": units.cluster[rows]})
    blocks = both.groupby(["series", "cluster"], sort=False).ngroup().to_numpy()
    parts = []
    for name in np.unique(series):
        place = np.flatnonzero(series == name)
        parts.append(
            (place, {block: place[blocks[place] == block] for block in np.unique(blocks[place])})
        )
    for order in turned:
        for place, of_block in parts:
            mixed = [of_block[block] for block in rng.permutation([*of_block])]
            order[place] = order[np.concatenate(mixed)]
    return turned


def _square(units: CorrelationUnits, columns: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    main = columns["main"].to_numpy()
    names = [*columns["perturbation"][main], *units.instability.columns, *units.confounders.columns]
    z = units.confounders.to_numpy(np.float64)
    every = np.column_stack([values[:, main], units.instability.to_numpy(np.float64), z])
    rows = np.flatnonzero(~np.isnan(every).any(axis=1))
    if len(rows) < FEWEST_UNITS:
        return pd.DataFrame(columns=["row", "column", "method", "value", "low", "high", "n"])
    return matrix(names, every[rows], z[rows], units.cluster[rows])


def find_groups(matrix: pd.DataFrame, families: Mapping[str, str]) -> tuple[Group, ...]:
    """Find groups in which all perturbations correlate (complete linkage)."""
    names = sorted(set(matrix["row"]) | set(matrix["column"]))
    if len(names) < 2:
        return ()
    value, low = (_wide(matrix, names, what) for what in ("value", "low"))
    # the worse of the two margins to its threshold, so that one cut applies both
    short = np.maximum(TOGETHER - value, TOGETHER_LOW - low)
    short[np.isnan(short)] = 2.0
    np.fill_diagonal(short, 0.0)
    # distances must not be negative: everything inside both thresholds is at a distance below 1
    distance = np.where(np.eye(len(names), dtype=bool), 0.0, 1.0 + short)
    tree = hierarchy.linkage(squareform(distance, checks=False), method="complete")
    label = hierarchy.fcluster(tree, t=1.0, criterion="distance")
    groups = []
    for one in dict.fromkeys(label):
        rows = np.flatnonzero(label == one)
        if len(rows) > 1:
            off = ~np.eye(len(rows), dtype=bool)
            inside = np.ix_(rows, rows)
            members = tuple(names[r] for r in rows)
            groups.append(
                Group(
                    group_name(members, families),
                    members,
                    float(value[inside][off].min()),
                    float(low[inside][off].min()),
                )
            )
    return tuple(groups)


def group_name(members: tuple[str, ...], families: Mapping[str, str]) -> str:
    """Return "blur (defocus_blur, gaussian_blur)" for members of one family, else the members joined by +."""
    first = MOST_NAMED - 1
    shown = (
        members
        if len(members) <= MOST_NAMED
        else (*members[:first], f"{len(members) - first} more")
    )
    of = {families.get(member, "") for member in members}
    if len(of) == 1 and "" not in of:
        return f"{of.pop()} ({', '.join(shown)})"
    return " + ".join(shown)


def _wide(matrix: pd.DataFrame, names: list[str], what: str) -> np.ndarray:
    table = matrix.pivot_table(index="row", columns="column", values=what, dropna=False)
    square: np.ndarray = table.reindex(index=names, columns=names).to_numpy(np.float64)
    return np.where(np.isnan(square), square.T, square)
