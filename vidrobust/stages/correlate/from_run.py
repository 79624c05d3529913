"""Units of one model in a run: frames or clips, never a mixture, as they answer different questions.

A frame's instability is the mean over the usable pairs that touch it; clips are means over their frames and
pairs. Confounders are how sure the model is, and the pixel change of the same pairs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.frame_pairs.transitions import SCENE_CUT
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.metric import CorrelationSpec, usable_pairs
from vidrobust.stages.correlate.units import Across, CorrelationUnits, as_names, one_model, spread, with_means
from vidrobust.statistics.clusters import SHORTEST_S, independent_clusters
from vidrobust.statistics.levels import FEWEST_CORRELATED
from vidrobust.statistics.permutations import autocorrelation_time


def units_of_run(
    frames: pd.DataFrame,
    pairs: pd.DataFrame,
    sensitivity: pd.DataFrame,
    *,
    across: Across = "frames",
    model: str | None = None,
    given: str | Sequence[str] | None = None,
    groups: Mapping[str, str] | None = None,
    how: CorrelationSpec = CLASSIFICATION.correlation,
) -> CorrelationUnits:
    """Make the units of one model from the tables ``frames`` and ``pairs`` that ``how`` names.

    ``given`` are confounders, ``groups`` item -> what is left out together, such as a part. SettingsError for a
    wrong setting, InputError where no unit is left.
    """
    if across not in ("frames", "clips"):
        raise SettingsError(f"across: within a model expected frames or clips, got {across!r}")
    model = one_model(sensitivity, model)
    wanted = as_names(given, (how.sure, "pixel_change"))
    unknown = sorted(set(wanted) - {how.sure, "pixel_change"})
    if unknown:
        raise SettingsError(
            f"given: within a model only {how.sure} and pixel_change are known, got {', '.join(unknown)}"
        )
    frames, pairs, sensitivity = (t[t["model"] == model] for t in (frames, pairs, sensitivity))
    keys = ["item", "frame"] if across == "frames" else ["item"]
    wide, columns = spread(sensitivity, keys)
    metrics = list(how.metrics)
    if how.primary not in set(columns["metric"]) or how.primary not in metrics:
        have = sorted(set(columns["metric"]))
        raise SettingsError(f"primary metric {how.primary!r}: not in the sensitivity table ({have})")
    sides = _pair_sides(pairs, sensitivity, metrics, across)
    sure = frames.groupby(keys)[how.sure].mean()
    starts = sides[0] if across == "frames" else sides[2]
    index = wide.index.intersection(starts.index).intersection(sure.index).sort_values()
    first, second, natural = (side.reindex(index) for side in sides)
    confounders = natural[["pixel_change"]].assign(**{how.sure: sure.reindex(index).to_numpy()})[wanted]
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
        sensitivity_halves=_sensitivity_halves(sensitivity, across, keys, index, columns),
        instability_halves=(first[metrics], second[metrics]),
        primary_sensitivity=how.primary,
        primary_stability=how.primary,
        uncontrolled="" if how.sure in confounders else f"{how.sure_is} is not controlled for",
        skipped={what: len(wide) - len(index)} if len(wide) > len(index) else {},
        notes=tuple(f"{c} was not measured and is not controlled for" for c in unmeasured),
    )
    units = units.only(known.to_numpy())
    if across == "clips":
        return units
    time_s = frames.groupby(keys)["time_s"].first().reindex(index).to_numpy(np.float64)
    return _choose_clusters(units, time_s[known])


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
        good.groupby(["item", side])[measured].mean().astype(np.float64).rename_axis(["item", "frame"])
        for side in ("frame_a", "frame_b")
    )
    whole = pd.concat([after, before.reindex(after.index)]).groupby(level=[0, 1]).mean()
    return after, before, whole


def _middle(sensitivity: pd.DataFrame) -> pd.Series:
    """Item -> frame that halves its sampled frames in time; every other frame would inflate the reliability."""
    return sensitivity.groupby("item")["frame"].median()


def _sensitivity_halves(
    sensitivity: pd.DataFrame, across: Across, keys: list[str], index: pd.Index, columns: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sensitivities of frames from odd and from even draws (None with one draw), of clips from halves of time."""
    if across == "clips":
        first = sensitivity["frame"] <= sensitivity["item"].map(_middle(sensitivity))
    else:
        draw = sensitivity["draw"].rank(method="dense").to_numpy(np.int64)
        if draw.max(initial=0) < 2:
            return None
        first = draw % 2 == 1
    one, other = (
        spread(sensitivity[side], keys, columns)[0].reindex(index).to_numpy(np.float64)
        for side in (first, ~first)
    )
    return one, other


def _scenes(item: np.ndarray, frame: np.ndarray, adjacent: pd.DataFrame) -> np.ndarray:
    """(n,) "item/scene": a scene begins after each pair that was excluded for a scene cut."""
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
    whole = ~np.isnan(units.sensitivity).any()  # else each strength was tried on some of the units alone
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
    return dataclasses.replace(units, cluster=cluster, clusters_are=kind, notes=(*units.notes, note))
