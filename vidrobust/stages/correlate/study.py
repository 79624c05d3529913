"""Which synthetic perturbation stands for what happens in the footage: sensitivity against instability.

For each perturbation and strength: Pearson, Spearman, Kendall, and Spearman given the confounder, with
intervals over clusters and permutation p-values; one verdict per perturbation. The verdict rests on one
declared pair of metrics and on the mean over strengths; everything else is exploratory and has its own
Benjamini-Hochberg family.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.stages.correlate.coefficients import (
    CURVED,
    EFFECTIVE,
    FEWEST,
    PARTIAL,
    PLAIN,
    coefficients,
    effective,
    matrix,
)
from vidrobust.stages.correlate.columns import describe, with_means
from vidrobust.stages.correlate.controls import COLUMNS, Asked, negative_controls
from vidrobust.stages.correlate.from_summaries import units_of_summaries
from vidrobust.stages.correlate.groups import Group, find_groups, kinds
from vidrobust.stages.correlate.judgement import CANNOT_TELL, NO_EVIDENCE, PROXY, Judgement
from vidrobust.stages.correlate.units import Across, Units
from vidrobust.stages.correlate.verdicts import Verdict, judge, not_measured
from vidrobust.statistics.associations import curve_knots
from vidrobust.statistics.permutations import free_orders, permutation_p, shifted_orders
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.tables.schema import TABLES

MANY_TURNS = 10_000
"""So many ways to turn series round are enough for p-values that stand a correction for twenty perturbations."""
_CONTRACT = tuple(TABLES["correlation"])


@dataclass(frozen=True, kw_only=True)
class CorrelationResult:
    """What the study found.

    table      the ``correlation`` table; strength NaN is the mean over strengths. Beyond the contract: model,
               primary (the row a verdict rests on), clusters, low_without and high_without (range with one
               cluster left out), varied_x, varied_y (units off the commonest value), reliability,
               stability_reliability, attenuation, explained_by_confounder, the negative controls of the
               perturbation (``controls.COLUMNS``), group, why, reason, same, others, needs, needs_count,
               needs_now (as of ``Verdict``)
    matrix     row, column, method, value, low, high, n: perturbations, stability metrics and confounders
               against each other, each pair once in both orders
    groups     perturbations that always move together: they are one proxy
    sentences  one per perturbation
    headline   the whole in one sentence
    """

    table: pd.DataFrame
    matrix: pd.DataFrame
    groups: tuple[Group, ...]
    sentences: Mapping[str, str]
    headline: str
    notes: tuple[str, ...]


def correlate(
    units: Units, families: Mapping[str, str] | None = None, *, seed: int = 0, resamples: int = 2000
) -> CorrelationResult:
    """Correlate every perturbation and strength with every stability metric, and judge each perturbation.

    families   perturbation -> its family, for the table and the names of groups
    resamples  number of permutations
    """
    families = families or {}
    columns, values = with_means(units)
    rng = np.random.default_rng(seed)
    parts = [
        _block(units, columns, values, *which, resamples, rng) for which in _complete(units, columns, values)
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
    groups = find_groups(_among_perturbations(square, columns, units), families)
    names = [str(name) for name in table["perturbation"].unique()]
    family = kinds(names, families, groups)
    controls = _controls(units, columns, values, family, np.random.default_rng([seed, 1]))
    judged = judge(table[table["primary"]], units, controls, family)
    verdicts = {name: judged.get(name, not_measured()) for name in names}
    return _result(units, table.join(controls, on="perturbation"), square, groups, verdicts)


def correlate_tables(
    stability: pd.DataFrame,
    sensitivity: pd.DataFrame,
    *,
    across: Across = "models",
    given: str | Sequence[str] | None = None,
    foreign: Sequence[str] = (),
    families: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    higher_is_better: Mapping[str, bool] | None = None,
    primary_stability: str | None = None,
    primary_sensitivity: str | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> CorrelationResult:
    """The study on tables from anywhere, with the columns of the stability and sensitivity tables.

    across   "models", or "clips" (items of one model)
    given    metrics of the stability table that confound: clean accuracy under its usual names by default
    foreign  metrics of the stability table that were measured on other data: a proxy must beat them
    groups   unit -> group to be left out together (model families); read off the names of models by default
    higher_is_better  direction of metrics that are not known; SettingsError asks for it
    """
    if across not in ("models", "clips"):
        raise SettingsError(f"across: summary tables hold models or clips, got {across!r}")
    units = units_of_summaries(
        stability,
        sensitivity,
        by="model" if across == "models" else "item",
        given=given,
        foreign=foreign,
        groups=groups,
        higher_is_better=higher_is_better,
        primary_stability=primary_stability,
        primary_sensitivity=primary_sensitivity,
    )
    return correlate(units, families, seed=seed, resamples=resamples)


def _controls(
    units: Units,
    columns: pd.DataFrame,
    values: np.ndarray,
    family: Mapping[str, str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """What the negative controls say of each perturbation's main column, on the units where all of it is known."""
    main = np.flatnonzero(columns["main"].to_numpy())
    y = units.instability[units.primary_stability].to_numpy(np.float64)
    z = units.confounders.to_numpy(np.float64)
    foreign = units.foreign if units.foreign is not None else pd.DataFrame(index=range(len(y)))
    known = ~(np.isnan(y) | foreign.isna().any(axis=1).to_numpy())
    found = [pd.DataFrame(columns=list(COLUMNS))]
    for x_known, which in _by_pattern(values[:, main]):
        rows = np.flatnonzero(known & x_known)
        beside = main[~np.isnan(values[np.ix_(rows, main)]).any(axis=0)]
        names = columns["perturbation"].to_numpy(object)[beside].astype(str)
        if len(rows) < FEWEST or not len(which):
            continue
        asked = Asked(
            x=values[np.ix_(rows, beside)],
            y=y[rows],
            foreign=foreign.iloc[rows],
            z=z[rows],
            cluster=units.cluster[rows],
            family=np.array([family[name] for name in names], dtype=object),
        )
        table = negative_controls(asked, rng).set_index(names)
        found.append(table.loc[columns["perturbation"].to_numpy(object)[main[which]].astype(str)])
    whole = pd.concat([one for one in found if len(one)] or found)
    return whole.reindex(list(family)).fillna({"foreign": ""})


def _complete(
    units: Units, columns: pd.DataFrame, values: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
    """(units, columns, stability metrics) that are complete together: one entry where nothing is missing.

    A strength that a design has shown to some of the units alone has no row of its own: the mean over strengths
    speaks for the perturbation.
    """
    natural = units.instability.to_numpy(np.float64)
    summary = np.flatnonzero(~_shown_to_some(columns, values))
    for x_known, some in _by_pattern(values[:, summary]):
        for y_known, metrics in _by_pattern(natural):
            rows = np.flatnonzero(x_known & y_known)
            if len(rows) and len(some) and len(metrics):
                yield rows, summary[some], [units.instability.columns[m] for m in metrics]


def _shown_to_some(columns: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """(columns,) bool: units are missing that the mean over the strengths has."""
    found = np.zeros(len(columns), bool)
    for _, rows in columns.groupby(["perturbation", "metric"], sort=False):
        whole = rows.index[rows["overall"]][0]
        for column in rows.index:
            found[column] = bool((np.isnan(values[:, column]) & ~np.isnan(values[:, whole])).any())
    return found


def _by_pattern(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    patterns, which = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    which = np.ravel(which)
    return [(patterns[:, k], np.flatnonzero(which == k)) for k in range(patterns.shape[1])]


def _block(
    units: Units,
    columns: pd.DataFrame,
    values: np.ndarray,
    rows: np.ndarray,
    which: np.ndarray,
    metrics: list[str],
    resamples: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The rows of the table for columns and stability metrics that are complete on the same units."""
    x, y = values[np.ix_(rows, which)], units.instability[metrics].to_numpy(np.float64)[rows]
    z, cluster = units.confounders.to_numpy(np.float64)[rows], units.cluster[rows]
    found = coefficients(x, y, z, cluster, np.array(units.confounder_reliability or [np.nan] * z.shape[1]))
    if z.shape[1]:
        orders = _orders(units, rows, resamples, rng)
        for method, knots in ((PARTIAL, 0), (CURVED, curve_knots(len(x)))):
            p = permutation_p(x, y, z, orders, knots=knots)
            found[method] = dataclasses.replace(found[method], p=p)
    if units.across == "models" and z.shape[1] == 1:
        beyond = effective(x, y, z[:, 0], cluster)
        found |= {EFFECTIVE: beyond} if beyond else {}
    about = describe(units, columns, which, metrics, x, y, z, cluster)
    methods = list(found)
    table = about.loc[np.tile(about.index, len(methods))].reset_index(drop=True)
    table["method"] = np.repeat(methods, len(about))
    given = [" + ".join(units.confounders) if method not in PLAIN else "" for method in methods]
    table["given"] = np.repeat(given, len(about))
    for name in ("value", "low", "high", "p"):
        table[name] = np.concatenate([getattr(one, name).ravel() for one in found.values()])
    table["low_without"] = np.concatenate([one.without.min(axis=0).ravel() for one in found.values()])
    table["high_without"] = np.concatenate([one.without.max(axis=0).ravel() for one in found.values()])
    return table


def _orders(units: Units, rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Frames are turned round within their series; units that stand alone change places freely.

    Few short series have too few turns for a small p: their clusters, which are stretches, change places as well.
    """
    series = None if units.series is None else units.series[rows]
    if series is None or len(np.unique(series)) == len(series):
        return free_orders(len(rows), count, rng)
    turned = shifted_orders(series, count, rng)
    if np.prod(np.unique(series, return_counts=True)[1].astype(np.float64)) > MANY_TURNS:
        return turned
    blocks = pd.factorize(
        pd.Series(series).astype(str) + "\x1f" + pd.Series(units.cluster[rows]).astype(str)
    )[0]
    for order in turned:
        for name in np.unique(series):
            place = np.flatnonzero(series == name)
            own = np.unique(blocks[place])
            mixed = np.concatenate([place[blocks[place] == block] for block in rng.permutation(own)])
            order[place] = order[mixed]
    return turned


def _square(units: Units, columns: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """The matrix of perturbations, stability metrics and confounders, on units where all are known."""
    main = columns["main"].to_numpy()
    names = [*columns["perturbation"][main], *units.instability.columns, *units.confounders.columns]
    z = units.confounders.to_numpy(np.float64)
    every = np.column_stack([values[:, main], units.instability.to_numpy(np.float64), z])
    rows = np.flatnonzero(~np.isnan(every).any(axis=1))
    if len(rows) < FEWEST:
        return pd.DataFrame(columns=["row", "column", "method", "value", "low", "high", "n"])
    return matrix(names, every[rows], z[rows], units.cluster[rows])


def _among_perturbations(square: pd.DataFrame, columns: pd.DataFrame, units: Units) -> pd.DataFrame:
    """The part of the matrix between perturbations, given the confounder where there is one."""
    method = PARTIAL if units.confounders.shape[1] else "spearman"
    names = set(columns.loc[columns["main"], "perturbation"])
    return square[square["row"].isin(names) & square["column"].isin(names) & (square["method"] == method)]


def _result(
    units: Units,
    table: pd.DataFrame,
    matrix: pd.DataFrame,
    groups: tuple[Group, ...],
    verdicts: Mapping[str, Verdict],
) -> CorrelationResult:
    member = {name: group.name for group in groups for name in group.members}
    table["group"] = table["perturbation"].map(lambda name: member.get(name, ""))
    table["verdict"] = table["perturbation"].map(lambda name: verdicts[name].verdict)
    for what in ("why", "reason", "same", "others", "needs", "needs_count", "needs_now"):
        table[what] = [getattr(verdicts[name], what) for name in table["perturbation"]]
    table = table[[*_CONTRACT, *(c for c in table if c not in _CONTRACT and not c.startswith("edge_"))]]
    by_verdict = {
        v: [n for n, one in verdicts.items() if one.verdict == v] for v in (PROXY, NO_EVIDENCE, CANNOT_TELL)
    }
    return CorrelationResult(
        table=table,
        matrix=matrix,
        groups=groups,
        sentences={name: one.sentence for name, one in verdicts.items()},
        headline=_headline(units, by_verdict, verdicts),
        notes=_notes(units),
    )


def _notes(units: Units) -> tuple[str, ...]:
    rest = f"verdicts rest on {units.primary_sensitivity} (sensitivity) and {units.primary_stability} (stability)"
    turned = (f"turned round, since larger is better: {', '.join(units.turned)}",) * bool(units.turned)
    skipped = (f"left out: {count} {what}" for what, count in units.skipped.items())
    return (rest, *turned, *units.notes, *skipped)


def _headline(
    units: Units, by_verdict: Mapping[Judgement, list[str]], verdicts: Mapping[str, Verdict]
) -> str:
    where = f"across {units.in_words(len(units))}"
    if by_verdict[PROXY]:
        return (
            f"{len(by_verdict[PROXY])} of {len(verdicts)} perturbations stand for what happens in the footage, "
            f"{where}: {', '.join(by_verdict[PROXY])}."
        )
    if len(by_verdict[CANNOT_TELL]) == len(verdicts):
        reasons = {one.reason for one in verdicts.values()}
        why = reasons.pop() if len(reasons) == 1 else "see each perturbation"
        more = {one.needed.in_words for one in verdicts.values() if one.needed}
        enough = f" To settle it: {more.pop()}." if len(more) == 1 else ""
        return f"Cannot tell {where} which perturbation stands for the footage: {why}.{enough}"
    given = " and ".join(units.confounders)
    judged, unclear = len(by_verdict[NO_EVIDENCE]), len(by_verdict[CANNOT_TELL])
    rest = f", {unclear} more cannot be determined" if unclear else ""
    same = sum(verdicts[name].fragile for name in by_verdict[NO_EVIDENCE])
    if same:
        return (
            f"No proxy {where}: {same} of {judged} perturbations judged go with the instability, but none surely "
            "more than its negative controls do."
        )
    return f"No proxy can be distinguished from {given} {where} ({judged} perturbations judged{rest})."
