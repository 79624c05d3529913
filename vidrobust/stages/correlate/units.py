"""What is correlated: units, one row each, with what happened to them and how sensitive they are.

Units of one model in a run are frames or clips, never a mixture, as they answer different questions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.frame_pairs.transitions import SCENE_CUT
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.metric import CorrelationSpec, usable_pairs
from vidrobust.stages.correlate.doses import OTHER, Doses
from vidrobust.statistics.clusters import SHORTEST_S, independent_clusters
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.permutations import autocorrelation_time
from vidrobust.text.phrases import plural

Across = Literal["frames", "clips", "models", "parts", "classes", "runs"]
# Strengths count that move the model at most so much further than the footage does: heavier ones say little of
# what mild changes do. Chosen among 1, 2 and all on worlds of seed 1 (``benchmarks/proxies.py``).
MILD = 2.0
# singular of the words that do not lose an s
SINGULAR = {"stretches": "stretch", "families": "family", "classes": "class"}


@dataclass(frozen=True, kw_only=True)
class CorrelationUnits:
    """The n units of a correlation. Larger numbers always mean more harm or less stability.

    ``cluster`` (n,) depend on each other, ``clusters_are`` names them; of one ``series``, in the order of time,
    a permutation only rotates. ``columns`` are perturbation, strength and metric of the p columns of
    ``sensitivity``, NaN where not measured. ``confounder_reliability`` (k,) is the share of variance that is
    not measurement error. The primary metrics carry verdicts; ``turned`` ones had their sign reversed.
    ``uncontrolled`` says why a partial correlation cannot rule out the usual confounder, or "". ``mild`` (p,)
    marks the strengths that do about as much as the footage; means over strengths are theirs, None: of all.
    ``absent`` perturbations are of a family that does not occur between neighbouring frames. ``dose`` (n, families) is
    how far each measured family of changes goes, over its mean.
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
    mild: np.ndarray | None = None
    absent: frozenset[str] = frozenset()
    dose: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        n = len(self.name)
        shapes = {
            "cluster": len(self.cluster),
            "sensitivity": len(self.sensitivity),
            "instability": len(self.instability),
            "confounders": len(self.confounders),
            "foreign": n if self.foreign is None else len(self.foreign),
            "dose": n if self.dose is None else len(self.dose),
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
        one = SINGULAR.get(self.across, self.across.removesuffix("s"))
        return plural(count, one, self.across)

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
            dose=None if self.dose is None else table(self.dose),
        )


def with_means(units: CorrelationUnits) -> tuple[pd.DataFrame, np.ndarray]:
    """Add means over strengths (strength NaN) to the columns of the units; return columns and values.

    ``of`` are those it is made from, ``overall`` represents its perturbation under its metric, ``main`` under
    the primary metric.
    """
    rows, extra = [], []
    for (perturbation, metric), members in units.columns.groupby(
        ["perturbation", "metric"], sort=False
    ):
        if len(members) > 1:
            rows.append({"perturbation": perturbation, "strength": np.nan, "metric": metric})
            extra.append(_counting(units, members.index.to_numpy()))
    columns = pd.concat(
        [units.columns, pd.DataFrame(rows, columns=units.columns.columns)], ignore_index=True
    )
    columns["of"] = [np.array([i]) for i in range(len(units.columns))] + extra
    means = [over_strengths(units.sensitivity[:, of]) for of in extra]
    count = columns.groupby(["perturbation", "metric"])["strength"].transform("size")
    columns["overall"] = (count == 1) | columns["strength"].isna()
    # a perturbation that was not measured by the primary metric speaks through the first that it has
    scale = columns.groupby("perturbation")["metric"].transform(
        lambda metrics: (
            units.primary_sensitivity
            if units.primary_sensitivity in set(metrics)
            else metrics.iloc[0]
        )
    )
    columns["main"] = columns["overall"] & (columns["metric"] == scale)
    return columns, np.column_stack([units.sensitivity, *means])


def _counting(units: CorrelationUnits, of: np.ndarray) -> np.ndarray:
    """Those of the columns that are mild, where they leave no unit without a value."""
    if units.mild is None or not units.mild[of].any():
        return of
    shown = ~np.isnan(units.sensitivity)
    some = of[units.mild[of]]
    return some if (shown[:, some].any(axis=1) == shown[:, of].any(axis=1)).all() else of


def mild_strengths(
    columns: pd.DataFrame, sensitivity: np.ndarray, instability: pd.DataFrame
) -> np.ndarray:
    """Mark the strengths, (p,) bool, whose mean effect is at most ``MILD`` times that of the footage.

    The mildest strength of each perturbation is always one of them. Nothing is selected by a correlation.
    """
    known = ~np.isnan(sensitivity)
    effect = np.where(known, sensitivity, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    natural = columns["metric"].map(instability.mean()).to_numpy(np.float64)
    mildest = columns.groupby(["perturbation", "metric"])["strength"].transform("min")
    within = ~(effect > MILD * natural)  # a metric that the footage does not have keeps all
    return np.asarray(within | (columns["strength"] == mildest).to_numpy())


def of_families(units: CorrelationUnits, family: Mapping[str, str]) -> CorrelationUnits:
    """Return the units with one sensitivity a family: the mean over its perturbations of the units' ranks.

    Members whose sensitivities are measured badly err apart, so that their mean is measured better.
    """
    columns = with_means(units)[0]
    main = np.flatnonzero(columns["main"].to_numpy())
    names = columns["perturbation"].iloc[main].map(family).to_numpy(object)

    def pooled(sensitivity: np.ndarray) -> pd.DataFrame:
        values = with_means(dataclasses.replace(units, sensitivity=sensitivity))[1][:, main]
        return pd.DataFrame(values).rank(pct=True).T.groupby(names).mean().T

    values, halves = pooled(units.sensitivity), units.sensitivity_halves
    metric = units.primary_sensitivity
    return dataclasses.replace(
        units,
        columns=pd.DataFrame(
            {"perturbation": values.columns, "strength": np.nan, "metric": metric}
        ),
        sensitivity=values.to_numpy(np.float64),
        sensitivity_halves=None
        if halves is None
        else (pooled(halves[0]).to_numpy(np.float64), pooled(halves[1]).to_numpy(np.float64)),
        mild=None,
        absent=frozenset(family[name] for name in units.absent),
    )


def grouped(units: CorrelationUnits, label: Sequence[str], across: Across) -> CorrelationUnits:
    """Return the units with one row a label, such as a part: the mean of all that has it.

    ``label`` (n,) is of each unit; those of "" are left out. Each label is independent of the others.
    """
    labels = np.asarray(label, object)
    units, labels = units.only(labels != ""), labels[labels != ""]
    names = np.unique(labels.astype(str))

    def mean(values: pd.DataFrame | None) -> pd.DataFrame | None:
        if values is None:
            return None
        return values.groupby(labels.astype(str), sort=True).mean().reset_index(drop=True)

    def array(values: np.ndarray) -> np.ndarray:
        table = mean(pd.DataFrame(values))
        assert table is not None
        return table.to_numpy(np.float64)

    instability, confounders = mean(units.instability), mean(units.confounders)
    assert instability is not None
    assert confounders is not None
    halves, natural = units.sensitivity_halves, units.instability_halves
    first, second = (None, None) if natural is None else (mean(natural[0]), mean(natural[1]))
    return dataclasses.replace(
        units,
        across=across,
        name=names.astype(object),
        cluster=names.astype(object),
        clusters_are=across,
        series=None,
        sensitivity=array(units.sensitivity),
        instability=instability,
        confounders=confounders,
        foreign=mean(units.foreign),
        sensitivity_halves=None if halves is None else (array(halves[0]), array(halves[1])),
        instability_halves=None if first is None or second is None else (first, second),
        dose=mean(units.dose),
        skipped={},
        notes=(),
    )


def over_strengths(values: np.ndarray) -> np.ndarray:
    """Return one number per unit (n,) from its values (n, s) at several strengths.

    It is the mean where all were tried. A unit shown only some (NaN elsewhere) has the place sum(value -
    mean) / sum(sd) among others shown the same, on the scale of the overall mean.
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
    spread_of = (known * spread).sum(axis=1)
    place = np.divide(apart.sum(axis=1), spread_of, out=np.zeros(len(values)), where=spread_of > 0)
    return np.where(known.any(axis=1), means.mean() + spread.mean() * place, np.nan)


def spread(
    sensitivity: pd.DataFrame, keys: list[str], columns: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean sensitivities, one row per key, and their columns: perturbation, strength, metric."""
    what = ["perturbation", "strength", "metric"]
    if columns is None:
        columns = (
            sensitivity[what]
            .drop_duplicates()
            .sort_values(what, kind="stable")
            .reset_index(drop=True)
        )
        columns["strength"] = columns["strength"].astype(np.float64)
    number = columns.assign(column=np.arange(len(columns)))
    rows = sensitivity[[*keys, *what, "value"]].merge(number, on=what)  # merge matches NaN with NaN
    wide = rows.groupby([*keys, "column"])["value"].mean().unstack("column")
    return wide.reindex(columns=number["column"]), columns


def one_model(table: pd.DataFrame, model: str | None) -> str:
    """Return the model asked for, or the only one; SettingsError where that is unclear."""
    models = sorted(table["model"].astype(str).unique())
    if model is None and len(models) == 1:
        return models[0]
    if model is None or model not in models:
        asked = "several models, which are never pooled" if model is None else f"no model {model!r}"
        raise SettingsError(f"model: {asked}; choose one of {', '.join(models) or '(none)'}")
    return model


def units_of_run(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    *,
    across: Across = "frames",
    model: str | None = None,
    groups: Mapping[str, str] | None = None,
    how: CorrelationSpec = CLASSIFICATION.correlation,
    doses: Doses | None = None,
) -> CorrelationUnits:
    """Make the units of one model from the tables ``frames`` and ``pairs`` that ``how`` names.

    ``groups`` is item -> what is left out together, such as a part. With ``doses`` a clip's sensitivity counts
    as far as changes of that kind go there. All change of pixels is then not held fixed, as it is how those
    changes show, but what else changes is. SettingsError for a wrong setting, InputError where no unit is left.
    """
    if across not in ("frames", "clips"):
        raise SettingsError(f"across: within a model expected frames or clips, got {across!r}")
    model = one_model(sensitivity, model)
    frames, pairs, sensitivity = (t[t["model"] == model] for t in (frames, pairs, sensitivity))
    keys = ["item", "frame"] if across == "frames" else ["item"]
    wide, columns = spread(sensitivity, keys)
    metrics = list(how.metrics)
    if how.primary not in set(columns["metric"]) or how.primary not in metrics:
        have = sorted(set(columns["metric"]))
        raise SettingsError(
            f"primary metric {how.primary!r}: not in the sensitivity table ({have})"
        )
    sides = _pair_sides(pairs, sensitivity, metrics, across)
    sure = frames.groupby(keys)[how.sure].mean()
    starts = sides[0] if across == "frames" else sides[2]
    index = wide.index.intersection(starts.index).intersection(sure.index).sort_values()
    first, second, natural = (side.reindex(index) for side in sides)
    confounders = pd.DataFrame(
        {how.sure: sure.reindex(index), "pixel_change": natural["pixel_change"]}
    )
    if across != "clips":
        doses = None
    if doses is not None:
        confounders[OTHER] = doses.elsewhere(index)
        confounders = confounders.drop(columns="pixel_change")
    unmeasured = [c for c in confounders if confounders[c].isna().all()]
    confounders = confounders.drop(columns=unmeasured)
    item = index.get_level_values(0).astype(str).to_numpy()
    name, series = item, None
    if across == "frames":
        frame = index.get_level_values(1).to_numpy()
        name = np.array([f"{a}:{b}" for a, b in zip(item, frame, strict=True)], dtype=object)
        series = _scenes(item, frame, pairs[pairs["kind"] == "adjacent"])
    what = {
        "frames": "sampled frames without a usable pair",
        "clips": "clips without a usable pair or a sampled frame",
    }[across]
    known = confounders.notna().all(axis=1) & natural[how.primary].notna()
    if not known.any():
        raise InputError(
            f"correlation across {across}, model {model}: no unit has both a sensitivity and a usable "
            "adjacent pair; study more frames, or look at the excluded pairs"
        )
    units = CorrelationUnits(
        across=across,
        model=model,
        name=name,
        cluster=np.array([(groups or {}).get(i, i) for i in item], dtype=object),
        clusters_are="clips",
        series=series,
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64),
        instability=natural[metrics],
        confounders=confounders,
        # a frame has one draw of each perturbation, which gives no halves
        sensitivity_halves=_halves_of_time(sensitivity, keys, index, columns)
        if across == "clips"
        else None,
        instability_halves=(first[metrics], second[metrics]),
        primary_sensitivity=how.primary,
        primary_stability=how.primary,
        uncontrolled="" if how.sure in confounders else f"{how.sure_is} is not controlled for",
        skipped={what: len(wide) - len(index)} if len(wide) > len(index) else {},
        notes=tuple(f"{c} was not measured and is not controlled for" for c in unmeasured),
        mild=mild_strengths(columns, wide.reindex(index).to_numpy(np.float64), natural[metrics]),
    )
    if doses is not None:
        units = _dosed(units, doses, index, _middle(sensitivity))
    units = units.only(known.to_numpy())
    if across == "clips":
        return units
    time_s = frames.groupby(keys)["time_s"].first().reindex(index).to_numpy(np.float64)
    return _choose_clusters(units, time_s[known])


def _dosed(
    units: CorrelationUnits, doses: Doses, items: pd.Index, middle: pd.Series
) -> CorrelationUnits:
    """The units with sensitivities times the doses of their clips; halves have those of their half."""
    first, second, whole = doses.of(items, units.columns["perturbation"], middle)
    halves = units.sensitivity_halves
    return dataclasses.replace(
        units,
        sensitivity=units.sensitivity * whole,
        sensitivity_halves=None if halves is None else (halves[0] * first, halves[1] * second),
        absent=doses.absent(units.columns["perturbation"]),
        dose=doses.of_families(items),
    )


def _pair_sides(
    pairs: pd.DataFrame, sensitivity: pd.DataFrame, metrics: list[str], across: Across
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Means over the pairs of each unit: of one half of the pairs (after, or earlier), of the other, of all."""
    good = usable_pairs(pairs)
    measured = [*metrics, "pixel_change"]
    if across == "clips":
        early = good["frame_a"] <= good["item"].map(_middle(sensitivity))
        halves = (good[side].groupby("item")[measured] for side in (early, ~early, early | ~early))
        first, second, whole = (half.mean().astype(np.float64) for half in halves)
        return first, second, whole
    after, before = (
        good.groupby(["item", side])[measured]
        .mean()
        .astype(np.float64)
        .rename_axis(["item", "frame"])
        for side in ("frame_a", "frame_b")
    )
    whole = pd.concat([after, before.reindex(after.index)]).groupby(level=[0, 1]).mean()
    return after, before, whole


def _middle(sensitivity: pd.DataFrame) -> pd.Series:
    """Frame that halves an item's sample in time; every other frame would inflate the reliability."""
    return sensitivity.groupby("item")["frame"].median()


def _halves_of_time(
    sensitivity: pd.DataFrame, keys: list[str], index: pd.Index, columns: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivities of clips from the frames up to their median, and from the later ones."""
    first = sensitivity["frame"] <= sensitivity["item"].map(_middle(sensitivity))
    one, other = (
        spread(sensitivity[side], keys, columns)[0].reindex(index).to_numpy(np.float64)
        for side in (first, ~first)
    )
    return one, other


def _scenes(item: np.ndarray, frame: np.ndarray, adjacent: pd.DataFrame) -> np.ndarray:
    """ "item/scene" of each row: a scene begins after each pair that was excluded for a scene cut."""
    names = np.empty(len(item), dtype=object)
    cuts = adjacent[adjacent["excluded"] == SCENE_CUT]
    for one in np.unique(item):
        rows = item == one
        begins = np.unique(cuts.loc[cuts["item"] == one, "frame_b"].to_numpy())
        scene = np.searchsorted(begins, frame[rows], side="right")
        names[rows] = [f"{one}/{k}" for k in scene]
    return names


def _choose_clusters(units: CorrelationUnits, time_s: np.ndarray) -> CorrelationUnits:
    """Clips where there are enough, else scenes, else stretches; a note says that these clips alone count."""
    assert units.series is not None
    count = len(np.unique(units.cluster))
    if count >= FEWEST_CORRELATED:
        return units
    columns, values = with_means(units)
    # else each strength was tried on some of the units alone
    whole = ~np.isnan(units.sensitivity).any()
    x = units.sensitivity if whole else values[:, columns["main"].to_numpy()]
    slow = autocorrelation_time(units.series, x, units.instability.to_numpy())
    steps = np.diff(time_s)[units.series[1:] == units.series[:-1]]
    step = float(np.median(steps)) if len(steps) else 0.0
    # neighbouring stretches of three autocorrelation times hardly depend on each other
    shortest = max(SHORTEST_S, 3 * slow * step) if slow > 1 else SHORTEST_S
    chosen = independent_clusters(units.series, time_s, shortest=shortest, fewest=FEWEST_CORRELATED)
    kind = "scenes" if chosen.what == "item" else "stretches"
    note = (
        f"{count} clip{'s are' if count > 1 else ' is'} too few to speak of other footage: "
        f"{kind} are the clusters, and the result holds for these clips alone"
    )
    stretches = np.array([f"stretch {label}" for label in chosen.label], dtype=object)
    cluster = units.series if chosen.what == "item" else stretches
    return dataclasses.replace(
        units, cluster=cluster, clusters_are=kind, notes=(*units.notes, note)
    )
