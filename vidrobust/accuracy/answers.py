"""Right and wrong along a run: each labelled frame of a model, its anchors, and the frames about them.

labels    what a person said of frames or whole items, as sets of classes
answers   a row a labelled frame: is the answer right, and is it an anchor, what holds about it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.accuracy.anchors import WITHIN, AnchorSets, anchor_sets
from vidrobust.accuracy.said_classes import REST, WHOLE_ITEM, SaidClasses, label_sets
from vidrobust.footage.labels.matching import at_frames
from vidrobust.statistics.agreement import cohens_kappa
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.statistics.significance import clustered_mcnemar
from vidrobust.tables import schema as tables

# Two models on the same frames: errors in common, and what an update breaks and mends.

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class TwoModels:
    """A model and another that may replace it, by what each gets right; intervals are over clusters.

    kappa           error consistency (Geirhos et al. 2020): agreement of right and wrong beyond what the two
                    accuracies make by chance, (observed - expected) / (1 - expected). NaN where both are always
                    right or both always wrong, which leaves nothing to agree on
    observed        share of frames on which both are right or both are wrong
    expected        the same, were their errors independent: p q + (1 - p)(1 - q)
    negative_flips  share of frames that only the old model gets right (Yan et al. 2021); negative_count of them
    positive_flips  share of frames that only the new model gets right; positive_count of them
    difference      accuracy of the new less that of the old; negative - positive flips = - difference
    relative_nfr    negative flips over what independent errors would make, (1 - error_old) error_new; NaN where 0
    mcnemar_p       two-sided p of as many negative as positive flips
    """

    kappa: Interval
    observed: float
    expected: float
    negative_flips: Interval
    positive_flips: Interval
    negative_count: int
    positive_count: int
    difference: Interval
    relative_nfr: float
    mcnemar_p: float


def two_models(
    old: np.ndarray, new: np.ndarray, clusters: Clusters | np.ndarray, *, seed: int = 0
) -> TwoModels:
    """Two models on the same frames: old, new (n,) bool, right or not; n may be 0."""
    old, new = np.asarray(old, bool), np.asarray(new, bool)
    if old.shape != new.shape or old.ndim != 1:
        raise ValueError(f"expected right or not on the same frames, got {old.shape} and {new.shape}")
    p, q = (float(each.mean()) if len(each) else NAN for each in (old, new))
    lost, won = old & ~new, new & ~old
    independent = p * (1 - q)
    return TwoModels(
        kappa=cohens_kappa(old, new, clusters),
        observed=float(np.mean(old == new)) if len(old) else NAN,
        expected=p * q + (1 - p) * (1 - q),
        negative_flips=clustered_rate(lost, clusters),
        positive_flips=clustered_rate(won, clusters),
        negative_count=int(lost.sum()),
        positive_count=int(won.sum()),
        difference=clustered_mean(new.astype(np.float64) - old, clusters, bounds=(-1.0, 1.0)),
        relative_nfr=float(lost.mean()) / independent if len(old) and independent > 0 else NAN,
        mcnemar_p=clustered_mcnemar(lost, won, clusters, seed=seed),
    )


# What a folder holds of a data set of the field.


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found.

    counts    what -> (found, published)
    missing   what is not there, a sentence each
    manifest  rows of a manifest: path relative to the folder, item, label; none where the next command needs none
    command   the next one to type
    notes     what else is to be known, a sentence each
    """

    counts: dict[str, tuple[int, int]]
    missing: tuple[str, ...]
    manifest: tuple[tuple[str, str, str], ...]
    command: str
    notes: tuple[str, ...] = ()


# pm-k: whether a model is right on a labelled frame and stays right on the frames around it.
#
# Shankar et al. 2019 (arXiv 1906.02168), section 2. Rates of these, with intervals over videos, are the metrics of
# ``metrics/labelled.py``.


def pm_correct(sets: AnchorSets, k: int) -> np.ndarray:
    """(n,) bool: the anchor and every neighbour within k frames are right. k = 0: the anchor alone.

    An anchor without neighbours counts as at k = 0.
    """
    if k < 0:
        raise ValueError(f"pm-k: expected k of 0 or more, got {k}")
    wrong = sets.of[(np.abs(sets.offset) <= k) & ~sets.neighbour]
    correct = sets.correct.copy()
    correct[wrong] = False
    return correct


def right_neighbours(sets: AnchorSets, k: int = WITHIN) -> np.ndarray:
    """(n,) share of each anchor's neighbours within k frames that are right; NaN where it has none."""
    near = np.abs(sets.offset) <= k
    count = np.bincount(sets.of[near], minlength=len(sets.anchor))
    right = np.bincount(sets.of[near], weights=sets.neighbour[near], minlength=len(sets.anchor))
    return np.where(count > 0, right / np.maximum(count, 1), np.nan)


ANCHOR_EVERY_S = 1.0
"""Anchors are labelled frames at least so far apart, so that their windows hardly overlap."""
TOP = 5
NAMES_SAID = 3
JudgedBy = Literal["own", "anchor"]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One model, judged by labels.

    answers     the table ``answers``
    neighbours  the table ``neighbours``
    unknown     labels that are no class of the model -> how many rows of labels say so; they judge nothing
    unjudged    frames that have such labels alone, and are left out
    lost        frames about anchors, of sets that people looked through, that were not predicted
    """

    label_answers: pd.DataFrame = field(default_factory=lambda: tables.empty("label_answers"))
    neighbour_accuracy: pd.DataFrame = field(default_factory=lambda: tables.empty("neighbour_accuracy"))
    unknown: Mapping[str, int] = field(default_factory=dict)
    unjudged: int = 0
    lost: int = 0


def answers_of(
    frames: pd.DataFrame,
    probabilities: pd.DataFrame,
    labels: pd.DataFrame,
    class_names: Sequence[str],
    *,
    sets: pd.DataFrame | None = None,
    judged_by: JudgedBy = "own",
) -> Answers:
    """The answers of one model, from its rows of ``frames`` and ``probabilities``.

    labels       the table ``labels`` of the items; rows of objects that are absent or uncertain judge nothing
    class_names  of the model; how labels are brought to them: ``said_classes.py``
    sets         anchors and the frames about them that count (item, anchor, frame, offset), where the labels come
                 with such; ``judged_by`` then says whose labels these frames are judged by

    Without sets, anchors are labelled frames one second apart. A neighbour, up to ten frames away, is judged by
    its own labels where an item's labels stand on frame after frame, and by its anchor's where they are sparse.
    """
    seen = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"]).reset_index(drop=True)
    said = SaidClasses.of(on_frames(labels, seen), class_names)
    truths = label_sets(said.rows, seen)
    judged = np.array([bool(s) for s in truths], dtype=bool)
    unjudged = int((~judged & np.array([bool(s) for s in label_sets(said.unknown, seen)], bool)).sum())
    if not judged.any():
        return Answers(unknown=said.counts, unjudged=unjudged)
    kept = seen[judged].reset_index(drop=True)
    of = [truths[row] for row in np.flatnonzero(judged)]
    table = kept[["item", "frame", "time_s", "model"]].assign(
        truth=[_in_words(s, class_names) for s in of],
        top1=[float(int(label) in s) for label, s in zip(kept["label"], of, strict=True)],
        top5=_among_top(probabilities, kept, of, len(class_names)),
    )
    lost = 0
    if sets is None:
        anchors = table[apart(table)]
        found = [
            anchor_sets(seen[seen["item"].isin(items)], said.rows, judged_by=by, anchors=anchors)
            for by, items in _judged_by(seen, judged).items()
        ]
    else:
        here = _of_anchors_in(sets, table)
        found = [anchor_sets(seen, said.rows, judged_by=judged_by, reviewed=here)] if len(here) else []
        lost = len(here) - sum(len(each.anchor) + len(each.of) for each in found)
    return Answers(
        label_answers=tables.check("label_answers", _with_anchors(table, found)),
        neighbour_accuracy=_neighbours(found, table),
        unknown=said.counts,
        unjudged=unjudged,
        lost=lost,
    )


def _of_anchors_in(sets: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The sets whose anchor is among the labelled frames."""
    answered = set(table[["item", "frame"]].itertuples(index=False, name=None))
    keys = sets[["item", "anchor"]].itertuples(index=False, name=None)
    return sets[np.array([key in answered for key in keys], dtype=bool)].drop_duplicates(
        ["item", "anchor", "frame"]
    )


def on_frames(labels: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """The labels of what is to be seen, each that has only a time on the frame shown then.

    frames  item, frame, time_s of the frames at hand, sorted
    """
    if "presence" in labels:
        labels = labels[labels["presence"] == "present"]
    timed = (labels["frame"] == WHOLE_ITEM) & labels["time_s"].notna()
    parts = [labels[~timed]]
    shown = dict(list(frames.groupby("item", sort=False)))
    for item, rows in labels[timed].groupby("item", sort=False):
        if item in shown:
            found = at_frames(rows, shown[item]["time_s"].to_numpy(np.float64))
            number = shown[item]["frame"].to_numpy(np.int64)
            parts.append(found.assign(frame=number[found["frame"].to_numpy(np.int64)]))
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _in_words(wanted: frozenset[object], class_names: Sequence[str]) -> str:
    """A set of classes in words."""
    names = list(dict.fromkeys(class_names[int(str(k))] for k in sorted(wanted, key=lambda k: int(str(k)))))
    more = f" and {len(names) - NAMES_SAID} more" if len(names) > NAMES_SAID else ""
    return " or ".join(names[:NAMES_SAID]) + more


def _among_top(
    probabilities: pd.DataFrame, kept: pd.DataFrame, sets: Sequence[frozenset[object]], classes: int
) -> np.ndarray:
    """(n,) 0 or 1, NaN where it is not known: of no more than five classes, or of a list that is shorter."""
    out = np.full(len(kept), np.nan)
    if classes <= TOP:
        return out
    listed = probabilities[probabilities["label"] != REST]
    listed = listed.sort_values("probability", ascending=False, kind="stable")
    leading = listed.groupby(["item", "frame"], sort=False)["label"].agg(lambda of: tuple(of)[:TOP])
    found = leading.reindex(pd.MultiIndex.from_frame(kept[["item", "frame"]])).to_list()
    for row, (labels, wanted) in enumerate(zip(found, sets, strict=True)):
        if isinstance(labels, tuple) and len(labels) == TOP:
            out[row] = float(any(int(k) in wanted for k in labels))
    return out


def apart(table: pd.DataFrame) -> np.ndarray:
    """(n,) bool: the first labelled frame of each item, and each that is a second behind the last one taken."""
    taken = np.zeros(len(table), bool)
    for rows in table.groupby("item", sort=False).indices.values():
        times = table["time_s"].to_numpy(np.float64)[rows]
        last = -np.inf
        # labels of one a second stand on frames that may be half a frame early
        near = 0.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        for row, time in zip(rows, times, strict=True):
            if time - last >= ANCHOR_EVERY_S - min(near, 0.05):
                taken[row], last = True, time
    return taken


def _judged_by(seen: pd.DataFrame, judged: np.ndarray) -> dict[JudgedBy, list[str]]:
    """Items by whose labels their neighbours are judged by: their own where labels follow frame on frame."""
    by: dict[JudgedBy, list[str]] = {}
    for item, rows in seen.groupby("item", sort=False).indices.items():
        places = np.flatnonzero(judged[rows])
        if len(places):
            follow = len(places) > 1 and float(np.median(np.diff(places))) == 1
            by.setdefault("own" if follow else "anchor", []).append(str(item))
    return by


def _with_anchors(table: pd.DataFrame, found: Sequence[AnchorSets]) -> pd.DataFrame:
    """The table with pm0 ... pm10 and what else is reported of anchors, NaN elsewhere."""
    columns = [f"pm{k}" for k in range(WITHIN + 1)]
    parts = [_of_no_anchor()]
    for sets in found:
        of = pd.DataFrame({"item": sets.cluster, "frame": _frame(sets)})
        for k, column in enumerate(columns):
            of[column] = pm_correct(sets, k).astype(np.float64)
        near = right_neighbours(sets)
        of["mean_neighbour"] = np.where(np.isnan(near), sets.correct, near)
        of["right_neighbours"] = np.where(sets.correct, near, np.nan)
        parts.append(of.assign(pm_drop=of["pm0"] - of[columns[-1]]))
    joined = pd.concat(parts[1:] or parts, ignore_index=True)
    return table.merge(joined, on=["item", "frame"], how="left").assign(track=0)


def _of_no_anchor() -> pd.DataFrame:
    return tables.empty("label_answers").drop(columns=["time_s", "model", "track", "truth", "top1", "top5"])


def _neighbours(found: Sequence[AnchorSets], table: pd.DataFrame) -> pd.DataFrame:
    """A row an anchor and neighbour."""
    parts = []
    for sets in found:
        frame = _frame(sets)
        parts.append(
            pd.DataFrame(
                {
                    "item": sets.cluster[sets.of],
                    "frame": frame[sets.of],
                    "frame_a": frame[sets.of],
                    "frame_b": sets.frame,
                    "offset": sets.offset,
                    "offset_ms": sets.offset_ms,
                    "anchor_right": sets.correct[sets.of],
                    "neighbour_right": sets.neighbour.astype(np.float64),
                    "all_right": np.nan,
                }
            )
        )
    if not parts:
        return tables.empty("neighbour_accuracy")
    of_anchor = table[["item", "frame", "time_s", "model", "truth"]]
    joined = pd.concat(parts, ignore_index=True).merge(of_anchor, on=["item", "frame"], how="left")
    return tables.check("neighbour_accuracy", joined.drop(columns="frame"))


def _frame(sets: AnchorSets) -> np.ndarray:
    return np.array([int(str(name).rsplit(":", 1)[1]) for name in sets.anchor], np.int64)
