"""One row per unit: what it went through naturally, how sensitive it is, and what confounds the two.

A unit is a frame, a clip or a model, never a mixture: frames of one model on some clips answer another
question than models on the same clips.

    frames   one row per frame whose sensitivity was measured and that starts a valid adjacent pair
             instability   mean over the valid pairs that touch it (t-1 -> t and t -> t+1)
             confounders   top-1 margin at t; pixel change of the same pairs
    clips    one row per item: means over its frames and valid pairs
    models   one row per model: means over all items; the confounder is clean accuracy
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import pandas as pd

from vidrobust.correlation.model_units import from_summaries
from vidrobust.correlation.unit_rows import Across, Units, as_names, one_model, spread
from vidrobust.differences.classes import METRICS
from vidrobust.errors import InputError, SettingsError
from vidrobust.statistics.resampling import MIN_CLUSTERS, time_blocks

__all__ = ["Units", "from_tables"]

PRIMARY = "total_variation"
"""The metric of verdicts within one model: it is continuous where flips are rare and tied."""
_CONFOUNDERS = ("margin", "pixel_change")


def from_tables(
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
    primary: str = PRIMARY,
) -> Units:
    """The units of a run, from its four tables.

    model   which model, for frames and clips; may be left out where there is only one
    given   confounders: of margin and pixel_change within a model (both by default); across models metrics of
            the stability table (clean accuracy by default)
    groups  item or model -> group that is left out together (same part, same family); guessed for models
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
        return from_summaries(
            stability,
            sensitivity,
            given=given,
            groups=groups,
            higher_is_better=higher_is_better,
            frames=frames,
            strict=False,
        )
    model = one_model(sensitivity, model)
    wanted = as_names(given, _CONFOUNDERS)
    unknown = sorted(set(wanted) - set(_CONFOUNDERS))
    if unknown:
        raise SettingsError(
            f"given: within a model only {' and '.join(_CONFOUNDERS)} are known, got {', '.join(unknown)}"
        )
    tables = [table[table["model"] == model] for table in (frames, pairs, sensitivity)]
    build = _frame_units if across == "frames" else _clip_units
    return build(tables[0], tables[1], tables[2], model, wanted, groups or {}, primary)


def _frame_units(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    model: str,
    given: Sequence[str],
    groups: Mapping[str, str],
    primary: str,
) -> Units:
    adjacent = pairs[pairs["kind"] == "adjacent"]
    good = adjacent[adjacent["excluded"] == ""]
    measured = [*METRICS, "pixel_change"]
    ahead = good.groupby(["item", "frame_a"])[measured].mean().astype(np.float64)
    behind = good.groupby(["item", "frame_b"])[measured].mean().astype(np.float64)
    wide, columns = spread(sensitivity, ["item", "frame"])
    margin = frames.groupby(["item", "frame"])["margin"].mean()
    index = wide.index.intersection(ahead.index).intersection(margin.index).sort_values()
    skipped = {"sampled frames without a valid pair": len(wide) - len(index)}
    after, before = ahead.reindex(index), behind.reindex(index)
    before.index = after.index
    natural = pd.concat([after, before]).groupby(level=[0, 1]).mean().reindex(index)
    confounders = natural[["pixel_change"]].assign(margin=margin.reindex(index).to_numpy())
    halves = _draw_halves(sensitivity, ["item", "frame"], index, columns)
    item = index.get_level_values(0).astype(str).to_numpy()
    frame = index.get_level_values(1).to_numpy()
    units = _within(
        across="frames",
        model=model,
        name=np.array([f"{a}:{b}" for a, b in zip(item, frame, strict=True)], dtype=object),
        cluster=np.array([groups.get(i, i) for i in item], dtype=object),
        series=_scenes(item, frame, adjacent),
        columns=columns,
        sensitivity=wide.reindex(index).to_numpy(np.float64),
        instability=natural[list(METRICS)],
        confounders=confounders[list(given)],
        sensitivity_halves=halves,
        instability_halves=(after[list(METRICS)], before[list(METRICS)]),
        primary=primary,
        skipped=skipped,
    )
    return _choose_clusters(units)


def _clip_units(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    model: str,
    given: Sequence[str],
    groups: Mapping[str, str],
    primary: str,
) -> Units:
    good = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    measured = [*METRICS, "pixel_change"]
    natural = good.groupby("item")[measured].mean().astype(np.float64)
    wide, columns = spread(sensitivity, ["item"])
    margin = frames.groupby("item")["margin"].mean()
    index = wide.index.intersection(natural.index).intersection(margin.index).sort_values()
    confounders = natural.reindex(index)[["pixel_change"]].assign(margin=margin.reindex(index).to_numpy())
    # halves of time, not every other frame: neighbours resemble each other and would flatter the reliability
    middle = sensitivity.groupby("item")["frame"].median()
    early = sensitivity["frame"] <= sensitivity["item"].map(middle)
    early_pairs = good["frame_a"] <= good["item"].map(middle)
    halves = tuple(
        spread(sensitivity[side], ["item"], columns)[0].reindex(index).to_numpy(np.float64)
        for side in (early, ~early)
    )
    natural_halves = tuple(
        good[side].groupby("item")[list(METRICS)].mean().astype(np.float64).reindex(index)
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
        instability=natural.reindex(index)[list(METRICS)],
        confounders=confounders[list(given)],
        sensitivity_halves=(halves[0], halves[1]),
        instability_halves=(natural_halves[0], natural_halves[1]),
        primary=primary,
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
    primary: str,
    skipped: Mapping[str, int],
) -> Units:
    """Units of one model: confounders that were not measured are dropped, and that is said."""
    unmeasured = [c for c in confounders if confounders[c].isna().all()]
    confounders = confounders.drop(columns=unmeasured)
    known = confounders.notna().all(axis=1).to_numpy()
    if not known.any() or not len(name):
        raise InputError(
            f"correlation across {across}, model {model}: no unit has both a sensitivity and a valid "
            "adjacent pair; study more frames, or look at the excluded pairs"
        )
    metrics = set(columns["metric"])
    if primary not in metrics or primary not in instability:
        raise SettingsError(f"primary metric {primary!r}: not in the sensitivity table ({sorted(metrics)})")
    notes = tuple(f"{c} was not measured and is not controlled for" for c in unmeasured)

    def keep(table: pd.DataFrame) -> pd.DataFrame:
        return table[known].reset_index(drop=True)

    return Units(
        across=across,
        model=model,
        name=name[known],
        cluster=cluster[known],
        clusters_are="clips",
        series=None if series is None else series[known],
        columns=columns,
        sensitivity=sensitivity[known],
        instability=keep(instability),
        confounders=keep(confounders),
        sensitivity_halves=None
        if sensitivity_halves is None
        else (sensitivity_halves[0][known], sensitivity_halves[1][known]),
        instability_halves=(keep(instability_halves[0]), keep(instability_halves[1])),
        primary_sensitivity=primary,
        primary_stability=primary,
        uncontrolled="" if "margin" in confounders else "the top-1 margin is not controlled for",
        skipped={what: count for what, count in skipped.items() if count},
        notes=notes,
    )


def _scenes(item: np.ndarray, frame: np.ndarray, adjacent: pd.DataFrame) -> np.ndarray:
    """(n,) "item/scene": a new scene begins after each pair that was excluded for a scene cut."""
    names = np.empty(len(item), dtype=object)
    cuts = adjacent[adjacent["excluded"].str.contains("cut|scene", case=False)]
    for one in np.unique(item):
        rows = item == one
        begins = np.unique(cuts.loc[cuts["item"] == one, "frame_b"].to_numpy())
        scene = np.searchsorted(begins, frame[rows], side="right")
        names[rows] = [f"{one}/{k}" for k in scene]
    return names


def _choose_clusters(units: Units) -> Units:
    """Clips where there are enough, else scenes, else blocks of time; the last two speak of these clips only."""
    assert units.series is not None
    if len(np.unique(units.cluster)) >= MIN_CLUSTERS:
        return units
    clips = len(np.unique(units.cluster))
    if len(np.unique(units.series)) >= MIN_CLUSTERS:
        cluster, kind = units.series, "scenes"
    else:
        cluster, kind = (
            time_blocks(units.series, units.sensitivity, units.instability.to_numpy()),
            "blocks of time",
        )
    note = (
        f"{clips} clip{'s are' if clips > 1 else ' is'} too few to speak of other footage: "
        f"{kind} are the clusters, and the result holds for these clips alone"
    )
    return dataclasses.replace(units, cluster=cluster, clusters_are=kind, notes=(*units.notes, note))


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
