"""One row per unit: what it went through naturally, how sensitive it is, and what confounds the two.

A unit is a frame, a clip or a model, never a mixture: frames of one model on some clips answer another
question than models on the same clips.

    frames   one row per frame whose sensitivity was measured and that starts a valid adjacent pair
             instability   mean over the valid pairs that touch it (t-1 -> t and t -> t+1)
             confounders   how sure the model is at t, the top-1 margin or the score of its boxes; pixel change of
                           the same pairs
    clips    one row per item: means over its frames and valid pairs
    models   one row per model: means over all items; the confounder is clean accuracy
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.frame_pairs.transitions import SCENE_CUT
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.metric import CorrelationSpec, usable_pairs
from vidrobust.stages.correlate.columns import with_means
from vidrobust.stages.correlate.from_summaries import units_of_summaries
from vidrobust.stages.correlate.units import Across, Units, as_names, one_model, spread
from vidrobust.statistics.clusters import SHORTEST_S, independent_clusters
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.permutations import autocorrelation_time


def units_of_run(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    stability: pd.DataFrame,
    *,
    across: Across = "frames",
    model: str | None = None,
    given: str | Sequence[str] | None = None,
    groups: Mapping[str, str] | None = None,
    higher_is_better: Mapping[str, bool] | None = None,
    how: CorrelationSpec = CLASSIFICATION.correlation,
) -> Units:
    """The units of a run, from its four tables.

    model   which model, for frames and clips; may be left out where there is only one
    given   confounders: of how sure the model is (margin) and pixel_change within a model (both by default);
            across models metrics of the stability table (clean accuracy by default)
    groups  item or model -> group that is left out together (same part, same family); guessed for models
    how     what the model's task has to be correlated, which says what ``frames`` and ``pairs`` hold
    Raises SettingsError for a wrong setting, InputError where no unit is left.
    """
    if across not in get_args(Across):
        raise SettingsError(f"across: expected one of {', '.join(get_args(Across))}, got {across!r}")
    if across == "tracks":
        raise SettingsError(
            "across tracks: the sensitivity and pairs tables have no column 'track' (they describe whole "
            "frames); use across frames or clips"
        )
    if across == "models":
        return units_of_summaries(
            stability,
            sensitivity,
            given=given,
            groups=groups,
            higher_is_better=higher_is_better,
            frames=frames if "margin" in frames else None,
            strict=False,
        )
    model = one_model(sensitivity, model)
    confounders = (how.sure, "pixel_change")
    wanted = as_names(given, confounders)
    unknown = sorted(set(wanted) - set(confounders))
    if unknown:
        raise SettingsError(
            f"given: within a model only {' and '.join(confounders)} are known, got {', '.join(unknown)}"
        )
    tables = [table[table["model"] == model] for table in (frames, pairs, sensitivity)]
    build = _frame_units if across == "frames" else _clip_units
    return build(tables[0], tables[1], tables[2], model, wanted, groups or {}, how)


def _frame_units(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    model: str,
    given: Sequence[str],
    groups: Mapping[str, str],
    how: CorrelationSpec,
) -> Units:
    adjacent = pairs[pairs["kind"] == "adjacent"]
    good = usable_pairs(pairs)
    metrics = list(how.metrics)
    measured = [*metrics, "pixel_change"]
    ahead = good.groupby(["item", "frame_a"])[measured].mean().astype(np.float64)
    behind = good.groupby(["item", "frame_b"])[measured].mean().astype(np.float64)
    wide, columns = spread(sensitivity, ["item", "frame"])
    sure = frames.groupby(["item", "frame"])[how.sure].mean()
    index = wide.index.intersection(ahead.index).intersection(sure.index).sort_values()
    skipped = {"sampled frames without a valid pair": len(wide) - len(index)}
    after, before = ahead.reindex(index), behind.reindex(index)
    before.index = after.index
    natural = pd.concat([after, before]).groupby(level=[0, 1]).mean().reindex(index)
    confounders = natural[["pixel_change"]].assign(**{how.sure: sure.reindex(index).to_numpy()})
    halves = _draw_halves(sensitivity, ["item", "frame"], index, columns)
    item = index.get_level_values(0).astype(str).to_numpy()
    frame = index.get_level_values(1).to_numpy()
    time_s = frames.groupby(["item", "frame"])["time_s"].first().reindex(index).to_numpy(np.float64)
    name_of_all = np.array([f"{a}:{b}" for a, b in zip(item, frame, strict=True)], dtype=object)
    units = _within(
        across="frames",
        model=model,
        name=name_of_all,
        cluster=np.array([groups.get(i, i) for i in item], dtype=object),
        series=_scenes(item, frame, adjacent),
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64),
        instability=natural[metrics],
        confounders=confounders[list(given)],
        sensitivity_halves=halves,
        instability_halves=(after[metrics], before[metrics]),
        how=how,
        skipped=skipped,
    )
    return _choose_clusters(units, pd.Series(time_s, name_of_all).reindex(units.name).to_numpy())


def _clip_units(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    model: str,
    given: Sequence[str],
    groups: Mapping[str, str],
    how: CorrelationSpec,
) -> Units:
    good = usable_pairs(pairs)
    metrics = list(how.metrics)
    measured = [*metrics, "pixel_change"]
    natural = good.groupby("item")[measured].mean().astype(np.float64)
    wide, columns = spread(sensitivity, ["item"])
    sure = frames.groupby("item")[how.sure].mean()
    index = wide.index.intersection(natural.index).intersection(sure.index).sort_values()
    confounders = natural.reindex(index)[["pixel_change"]].assign(
        **{how.sure: sure.reindex(index).to_numpy()}
    )
    # halves of time, not every other frame: neighbours resemble each other and would flatter the reliability
    middle = sensitivity.groupby("item")["frame"].median()
    early = sensitivity["frame"] <= sensitivity["item"].map(middle)
    early_pairs = good["frame_a"] <= good["item"].map(middle)
    halves = tuple(
        spread(sensitivity[side], ["item"], columns)[0].reindex(index).to_numpy(np.float64)
        for side in (early, ~early)
    )
    natural_halves = tuple(
        good[side].groupby("item")[metrics].mean().astype(np.float64).reindex(index)
        for side in (early_pairs, ~early_pairs)
    )
    item = index.astype(str).to_numpy()
    return _within(
        across="clips",
        model=model,
        name=item,
        cluster=np.array([groups.get(i, i) for i in item], dtype=object),
        series=None,
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64),
        instability=natural.reindex(index)[metrics],
        confounders=confounders[list(given)],
        sensitivity_halves=(halves[0], halves[1]),
        instability_halves=(natural_halves[0], natural_halves[1]),
        how=how,
        skipped={"clips without a valid pair or a sampled frame": len(wide) - len(index)},
    )


def _within(
    *,
    across: Across,
    model: str,
    name: np.ndarray,
    cluster: np.ndarray,
    series: np.ndarray | None,
    columns: pd.DataFrame,
    sensitivity: np.ndarray,
    instability: pd.DataFrame,
    confounders: pd.DataFrame,
    sensitivity_halves: tuple[np.ndarray, np.ndarray] | None,
    instability_halves: tuple[pd.DataFrame, pd.DataFrame],
    how: CorrelationSpec,
    skipped: Mapping[str, int],
) -> Units:
    """Units of one model: confounders that were not measured are dropped, and that is said."""
    unmeasured = [c for c in confounders if confounders[c].isna().all()]
    confounders = confounders.drop(columns=unmeasured)
    metrics, primary = set(columns["metric"]), how.primary
    if primary not in metrics or primary not in instability:
        raise SettingsError(f"primary metric {primary!r}: not in the sensitivity table ({sorted(metrics)})")
    notes = tuple(f"{c} was not measured and is not controlled for" for c in unmeasured)
    known = confounders.notna().all(axis=1).to_numpy() & instability[primary].notna().to_numpy()
    if not known.any() or not len(name):
        raise InputError(
            f"correlation across {across}, model {model}: no unit has both a sensitivity and a valid "
            "adjacent pair; study more frames, or look at the excluded pairs"
        )

    units = Units(
        across=across,
        model=model,
        name=name,
        cluster=cluster,
        clusters_are="clips",
        series=series,
        columns=columns,
        sensitivity=sensitivity,
        instability=instability,
        confounders=confounders,
        sensitivity_halves=sensitivity_halves,
        instability_halves=instability_halves,
        primary_sensitivity=primary,
        primary_stability=primary,
        uncontrolled="" if how.sure in confounders else f"{how.sure_is} is not controlled for",
        skipped={what: count for what, count in skipped.items() if count},
        notes=notes,
    )
    return units.only(known)


def _scenes(item: np.ndarray, frame: np.ndarray, adjacent: pd.DataFrame) -> np.ndarray:
    """(n,) "item/scene": a new scene begins after each pair that was excluded for a scene cut."""
    names = np.empty(len(item), dtype=object)
    cuts = adjacent[adjacent["excluded"] == SCENE_CUT]
    for one in np.unique(item):
        rows = item == one
        begins = np.unique(cuts.loc[cuts["item"] == one, "frame_b"].to_numpy())
        scene = np.searchsorted(begins, frame[rows], side="right")
        names[rows] = [f"{one}/{k}" for k in scene]
    return names


def _choose_clusters(units: Units, time_s: np.ndarray) -> Units:
    """Clips where there are enough, else scenes, else stretches; the last two speak of these clips only.

    Stretches are long enough that neighbours depend little: three times the autocorrelation time.
    """
    assert units.series is not None
    count = len(np.unique(units.cluster))
    if count >= FEWEST_CORRELATED:
        return units
    columns, values = with_means(units)
    whole = ~np.isnan(units.sensitivity).any()  # else each strength was tried on some of the units alone
    x = units.sensitivity if whole else values[:, columns["main"].to_numpy()]
    slow = autocorrelation_time(units.series, x, units.instability.to_numpy())
    chosen = independent_clusters(
        units.series,
        time_s,
        shortest=max(SHORTEST_S, 3 * slow * _typical_step(units.series, time_s)) if slow > 1 else SHORTEST_S,
        fewest=FEWEST_CORRELATED,
    )
    kind = "scenes" if chosen.what == "item" else "stretches"
    note = (
        f"{count} clip{'s are' if count > 1 else ' is'} too few to speak of other footage: "
        f"{kind} are the clusters, and the result holds for these clips alone"
    )
    stretches = np.array([f"stretch {label}" for label in chosen.label], dtype=object)
    cluster = units.series if chosen.what == "item" else stretches
    return dataclasses.replace(units, cluster=cluster, clusters_are=kind, notes=(*units.notes, note))


def _typical_step(series: np.ndarray, time_s: np.ndarray) -> float:
    """Median time between neighbouring units of a series, seconds; 0 with single ones only."""
    steps = np.diff(time_s)[series[1:] == series[:-1]]
    return float(np.median(steps)) if len(steps) else 0.0


def _draw_halves(
    sensitivity: pd.DataFrame, keys: list[str], index: pd.MultiIndex, columns: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sensitivities from every other draw; None with one draw."""
    draw = sensitivity["draw"].rank(method="dense").to_numpy(np.int64)
    if draw.max(initial=0) < 2:
        return None
    first, second = (
        spread(sensitivity[side], keys, columns)[0].reindex(index).to_numpy(np.float64)
        for side in (draw % 2 == 1, draw % 2 == 0)
    )
    return first, second
