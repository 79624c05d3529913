"""Right and wrong along a run: labelled frames, anchors, and the frames around them."""

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

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class TwoModels:
    """An old and a new model, by what each gets right; intervals are over clusters.

    ``kappa`` is error consistency (Geirhos et al. 2020). ``negative_flips`` and ``positive_flips`` are shares
    of frames that only the old or only the new model gets right (Yan et al. 2021), ``relative_nfr`` the
    former over those of independent errors. ``difference`` is new minus old accuracy.
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
    """Compare two models on the same frames; old, new (n,) bool are right answers."""
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


def pm_correct(sets: AnchorSets, k: int) -> np.ndarray:
    """Return whether the anchor and all neighbours within k frames are right, (n,) bool."""
    if k < 0:
        raise ValueError(f"pm-k: expected k of 0 or more, got {k}")
    wrong = sets.of[(np.abs(sets.offset) <= k) & ~sets.neighbour]
    correct = sets.correct.copy()
    correct[wrong] = False
    return correct


def right_neighbours(sets: AnchorSets, k: int = WITHIN) -> np.ndarray:
    """Return the share of each anchor's neighbours within k frames that are right; NaN without any."""
    near = np.abs(sets.offset) <= k
    count = np.bincount(sets.of[near], minlength=len(sets.anchor))
    right = np.bincount(sets.of[near], weights=sets.neighbour[near], minlength=len(sets.anchor))
    return np.where(count > 0, right / np.maximum(count, 1), np.nan)


# Anchors are labelled frames at least so far apart, so that their windows hardly overlap.
ANCHOR_EVERY_S = 1.0
TOP = 5
NAMES_SAID = 3
JudgedBy = Literal["own", "anchor"]


@dataclass(frozen=True, kw_only=True)
class JudgedAnswers:
    """One model judged by labels: the tables ``label_answers`` and ``neighbour_accuracy``.

    ``unknown``: labels that are no class -> rows; ``unjudged``: frames without others; ``lost``: reviewed
    frames that were not predicted.
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
) -> JudgedAnswers:
    """Judge one model by its rows of ``frames`` and ``probabilities``.

    Anchors are labelled frames one second apart. A neighbour, up to ten frames away, is judged by its own
    labels where they are dense, by its anchor's where they are sparse. With ``sets`` (item, anchor, frame,
    offset) only these count, judged as ``judged_by`` says.
    """
    seen = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"]).reset_index(drop=True)
    said = SaidClasses.of(on_frames(labels, seen), class_names)
    truths = label_sets(said.rows, seen)
    judged = np.array([bool(s) for s in truths], dtype=bool)
    unjudged = int((~judged & np.array([bool(s) for s in label_sets(said.unknown, seen)], bool)).sum())
    if not judged.any():
        return JudgedAnswers(unknown=said.counts, unjudged=unjudged)
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
        answered = set(table[["item", "frame"]].itertuples(index=False, name=None))
        keys = sets[["item", "anchor"]].itertuples(index=False, name=None)
        here = sets[np.array([key in answered for key in keys], dtype=bool)].drop_duplicates(
            ["item", "anchor", "frame"]
        )
        found = [anchor_sets(seen, said.rows, judged_by=judged_by, reviewed=here)] if len(here) else []
        lost = len(here) - sum(len(each.anchor) + len(each.of) for each in found)
    return JudgedAnswers(
        label_answers=tables.check("label_answers", _with_anchors(table, found)),
        neighbour_accuracy=_neighbours(found, table),
        unknown=said.counts,
        unjudged=unjudged,
        lost=lost,
    )


def on_frames(labels: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """Put each label that only has a time on the frame shown then; ``frames`` is sorted by item and frame."""
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
    names = list(dict.fromkeys(class_names[int(str(k))] for k in sorted(wanted, key=lambda k: int(str(k)))))
    more = f" and {len(names) - NAMES_SAID} more" if len(names) > NAMES_SAID else ""
    return " or ".join(names[:NAMES_SAID]) + more


def _among_top(
    probabilities: pd.DataFrame, kept: pd.DataFrame, sets: Sequence[frozenset[object]], classes: int
) -> np.ndarray:
    """(n,) 0 or 1; NaN if unknown: at most five classes, or a shorter list."""
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
    """Return the first labelled frame of each item, and each a second after the last one taken, (n,) bool."""
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
    by: dict[JudgedBy, list[str]] = {}
    for item, rows in seen.groupby("item", sort=False).indices.items():
        places = np.flatnonzero(judged[rows])
        if len(places):
            follow = len(places) > 1 and float(np.median(np.diff(places))) == 1
            by.setdefault("own" if follow else "anchor", []).append(str(item))
    return by


def _with_anchors(table: pd.DataFrame, found: Sequence[AnchorSets]) -> pd.DataFrame:
    columns = [f"pm{k}" for k in range(WITHIN + 1)]
    parts = [
        tables.empty("label_answers").drop(columns=["time_s", "model", "track", "truth", "top1", "top5"])
    ]
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


def _neighbours(found: Sequence[AnchorSets], table: pd.DataFrame) -> pd.DataFrame:
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
