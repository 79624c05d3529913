"""Right and wrong along a run: labels as classes of a model, anchors and their neighbours, pm-k.

offset   -2  -1   0  +1  +2
correct   1   1   1   0   1          pm0 = 1, pm1 = 0 (one neighbour within 1 frame is wrong)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.labels.labels import NUMBERS_ARE_CLASSES
from vidrobust.footage.labels.matching import at_frames
from vidrobust.models.classes import imagenet_wnids, sets_for, shown_name
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate, cohens_kappa
from vidrobust.statistics.significance import clustered_mcnemar
from vidrobust.tables import schema as tables

# the frame of a label that holds for every frame of its item (``footage/item_tables.py``)
WHOLE_ITEM = -1
# the label under which ``probabilities`` keeps the sum of the classes that are not listed
REST = -1


def label_sets(labels: pd.DataFrame, frames: pd.DataFrame) -> list[frozenset[object]]:
    """Return the class numbers of each row of ``frames``, and names without a class.

    Labels of frame -1 hold for every frame of the item without labels of its own.
    """
    known: dict[tuple[str, int], set[object]] = {}
    for item, frame, label, name in labels[["item", "frame", "label", "label_name"]].itertuples(
        index=False
    ):
        known.setdefault((str(item), int(frame)), set()).add(
            int(label) if label >= 0 else str(name)
        )
    empty: set[object] = set()
    return [
        frozenset(known.get((str(item), int(frame)), known.get((str(item), WHOLE_ITEM), empty)))
        for item, frame in frames[["item", "frame"]].itertuples(index=False)
    ]


@dataclass(frozen=True)
class SaidClasses:
    """Labels as classes of a model: a name of several classes is several rows.

    ``unknown`` are rows without a class, ``counts`` rows by such label.
    """

    rows: pd.DataFrame
    unknown: pd.DataFrame
    counts: Mapping[str, int]

    @staticmethod
    def of(labels: pd.DataFrame, class_names: Sequence[str]) -> SaidClasses:
        """Match names without regard to case; numbers only where the format uses the model's classes."""
        keys = list(zip(labels["label_name"], labels["source"], strict=True))
        known = {key: _classes(*key, class_names) for key in dict.fromkeys(keys)}
        lists = [known[key] for key in keys]
        rows = labels.assign(label=lists).explode("label").dropna(subset="label")
        rows = rows.reset_index(drop=True)
        unknown = labels[np.array([not classes for classes in lists], bool)].reset_index(drop=True)
        counts = {str(name): int(n) for name, n in unknown["label_name"].value_counts().items()}
        names = [class_names[int(k)] for k in rows["label"]]
        return SaidClasses(
            rows.assign(label=rows["label"].astype("int64"), label_name=names), unknown, counts
        )


def by_name(labels: pd.DataFrame) -> pd.DataFrame:
    """Drop numbers of formats that count classes of their own."""
    return labels.assign(
        label=labels["label"].where(labels["source"].isin(NUMBERS_ARE_CLASSES), -1)
    )


def _classes(name: str, source: str, class_names: Sequence[str]) -> list[int]:
    text = str(name).strip()
    known = {class_name.casefold() for class_name in class_names}
    if text.casefold() == "pedestrian" and "pedestrian" not in known and "person" in known:
        text = "person"  # MOTChallenge's word for COCO's class
    is_name = (
        not known.isdisjoint({text.casefold(), shown_name(text).casefold()})
        or text in imagenet_wnids()
    )
    if not is_name and source not in NUMBERS_ARE_CLASSES:
        return []
    try:
        (classes,), _ = sets_for([frozenset({text})], class_names)
    except SettingsError:
        return []
    return sorted(classes)


WITHIN = 10  # frames on either side that count as neighbours, as in Shankar et al. 2019.


@dataclass(frozen=True, kw_only=True)
class AnchorSets:
    """n anchors of one model and their m neighbours; ``of`` (m,) is the row of a neighbour's anchor.

    ``anchor`` is "item:frame", ``cluster`` the video; ``offset`` and ``offset_ms`` are distances from the
    anchor (NaN where frames are missing); ``correct`` and ``neighbour`` say who is right.
    """

    anchor: np.ndarray
    cluster: np.ndarray
    correct: np.ndarray
    of: np.ndarray
    frame: np.ndarray
    offset: np.ndarray
    offset_ms: np.ndarray
    neighbour: np.ndarray

    def __post_init__(self) -> None:
        n, m = len(self.anchor), len(self.of)
        if not len(self.cluster) == len(self.correct) == n:
            raise ValueError(f"AnchorSets: expected cluster and correct for {n} anchors")
        if {len(of) for of in (self.frame, self.offset, self.offset_ms, self.neighbour)} != {m}:
            raise ValueError(
                f"AnchorSets: expected frame, offset, offset_ms and neighbour for {m} neighbours"
            )
        if m and (self.of.min() < 0 or self.of.max() >= n or (self.offset == 0).any()):
            raise ValueError(
                "AnchorSets: a neighbour belongs to no anchor, or is the anchor itself"
            )

    def only(self, anchors: np.ndarray) -> AnchorSets:
        place = np.cumsum(anchors) - 1
        kept = anchors[self.of]
        return AnchorSets(
            anchor=self.anchor[anchors],
            cluster=self.cluster[anchors],
            correct=self.correct[anchors],
            of=place[self.of[kept]],
            frame=self.frame[kept],
            offset=self.offset[kept],
            offset_ms=self.offset_ms[kept],
            neighbour=self.neighbour[kept],
        )


def anchor_sets(
    frames: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    within: int = WITHIN,
    judged_by: Literal["own", "anchor"] = "own",
    anchors: pd.DataFrame | None = None,
    reviewed: pd.DataFrame | None = None,
) -> AnchorSets:
    """Make the sets of one model from its tables ``frames`` and ``labels``.

    Neighbours are judged by their "own" labels (ImageNet-Vid-Robust) or those of the "anchor" (YTBB-Robust).
    ``anchors`` (item, frame) are by default all labelled frames; of ``reviewed`` (item, anchor, frame,
    offset) only these sets count. InputError without a predicted anchor.
    """
    if frames["model"].nunique() != 1:
        raise InputError(f"anchor sets are of one model, got {frames['model'].nunique()}")
    seen = _each_once(frames)
    truths = label_sets(labels, seen)
    is_anchor = np.array([bool(s) for s in truths])
    if reviewed is not None:
        anchors = reviewed[reviewed["offset"] == 0]
    if anchors is not None:
        wanted = set(anchors[["item", "frame"]].itertuples(index=False, name=None))
        here = seen[["item", "frame"]].itertuples(index=False, name=None)
        is_anchor &= np.array([key in wanted for key in here], dtype=bool)
    if not is_anchor.any():
        raise InputError(
            "labels: no anchor frame was predicted; do labels and predictions name inputs and number frames alike?"
        )
    right = [(int(k), str(n)) for k, n in zip(seen["label"], seen["label_name"], strict=True)]
    frame, time_s = seen["frame"].to_numpy(np.int64), seen["time_s"].to_numpy(np.float64)
    if reviewed is None:
        pairs = _pairs(seen, np.flatnonzero(is_anchor), within)
        offset = frame[pairs[:, 1]] - frame[pairs[:, 0]]
    else:
        pairs, offset = _reviewed_pairs(seen, is_anchor, reviewed, within)
    if judged_by == "own":
        kept = np.array([bool(truths[b]) for b in pairs[:, 1]], dtype=bool)
        pairs, offset = pairs[kept], offset[kept]
    row_of = np.cumsum(is_anchor) - 1
    judge = pairs[:, 1] if judged_by == "own" else pairs[:, 0]
    between = frame[pairs[:, 1]] - frame[pairs[:, 0]]
    apart_ms = 1000 * (time_s[pairs[:, 1]] - time_s[pairs[:, 0]])
    rows = np.flatnonzero(is_anchor)
    item = seen["item"].astype(str).to_numpy(object)
    return AnchorSets(
        anchor=np.array([f"{item[r]}:{frame[r]}" for r in rows], dtype=object),
        cluster=item[rows],
        correct=np.array([_among(right[r], truths[r]) for r in rows], dtype=bool),
        of=row_of[pairs[:, 0]],
        frame=frame[pairs[:, 1]],
        offset=offset,
        offset_ms=np.where(between == offset, apart_ms, np.nan),
        neighbour=np.array(
            [_among(right[b], truths[j]) for b, j in zip(pairs[:, 1], judge, strict=True)],
            dtype=bool,
        ),
    )


def _each_once(frames: pd.DataFrame) -> pd.DataFrame:
    once = frames.drop_duplicates(["item", "frame"])
    return once.sort_values(["item", "frame"]).reset_index(drop=True)


def _among(prediction: tuple[int, str], wanted: frozenset[object]) -> bool:
    return prediction[0] in wanted or prediction[1] in wanted


def _pairs(seen: pd.DataFrame, anchors: np.ndarray, within: int) -> np.ndarray:
    item = pd.factorize(seen["item"])[0]
    frame = seen["frame"].to_numpy(np.int64)
    pairs = []
    for a in anchors:
        for step in (-1, 1):
            b = a + step
            while 0 <= b < len(seen) and item[b] == item[a] and abs(frame[b] - frame[a]) <= within:
                pairs.append((int(a), int(b)))
                b += step
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _reviewed_pairs(
    seen: pd.DataFrame, is_anchor: np.ndarray, reviewed: pd.DataFrame, within: int
) -> tuple[np.ndarray, np.ndarray]:
    """(m, 2) rows of anchor and reviewed neighbour, and (m,) offsets."""
    row = {
        key: k for k, key in enumerate(seen[["item", "frame"]].itertuples(index=False, name=None))
    }
    pairs = []
    for item, anchor, frame, offset in reviewed[["item", "anchor", "frame", "offset"]].itertuples(
        index=False
    ):
        a, b = row.get((item, anchor)), row.get((item, frame))
        if offset and abs(offset) <= within and a is not None and b is not None and is_anchor[a]:
            pairs.append((a, b, offset))
    rows = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 3)
    return rows[:, :2], rows[:, 2]


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
        raise ValueError(
            f"expected right or not on the same frames, got {old.shape} and {new.shape}"
        )
    p, q = (float(right.mean()) if len(right) else NAN for right in (old, new))
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
    neighbour_accuracy: pd.DataFrame = field(
        default_factory=lambda: tables.empty("neighbour_accuracy")
    )
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
    seen = _each_once(frames)
    truth = SaidClasses.of(on_frames(labels, seen), class_names)
    truths = label_sets(truth.rows, seen)
    judged = np.array([bool(s) for s in truths], dtype=bool)
    unjudged = int(
        (~judged & np.array([bool(s) for s in label_sets(truth.unknown, seen)], bool)).sum()
    )
    if not judged.any():
        return JudgedAnswers(unknown=truth.counts, unjudged=unjudged)
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
        parts = [
            anchor_sets(seen[seen["item"].isin(items)], truth.rows, judged_by=by, anchors=anchors)
            for by, items in _judged_by(seen, judged).items()
        ]
    else:
        answered = set(table[["item", "frame"]].itertuples(index=False, name=None))
        keys = sets[["item", "anchor"]].itertuples(index=False, name=None)
        here = sets[np.array([key in answered for key in keys], dtype=bool)].drop_duplicates(
            ["item", "anchor", "frame"]
        )
        parts = (
            [anchor_sets(seen, truth.rows, judged_by=judged_by, reviewed=here)] if len(here) else []
        )
        lost = len(here) - sum(len(group.anchor) + len(group.of) for group in parts)
    return JudgedAnswers(
        label_answers=tables.check("label_answers", _with_anchors(table, parts)),
        neighbour_accuracy=_neighbours(parts, table),
        unknown=truth.counts,
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
            placed = at_frames(rows, shown[item]["time_s"].to_numpy(np.float64))
            number = shown[item]["frame"].to_numpy(np.int64)
            parts.append(placed.assign(frame=number[placed["frame"].to_numpy(np.int64)]))
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _in_words(wanted: frozenset[object], class_names: Sequence[str]) -> str:
    names = list(
        dict.fromkeys(class_names[int(str(k))] for k in sorted(wanted, key=lambda k: int(str(k))))
    )
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
    leaders = leading.reindex(pd.MultiIndex.from_frame(kept[["item", "frame"]])).to_list()
    for row, (labels, wanted) in enumerate(zip(leaders, sets, strict=True)):
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


def _with_anchors(table: pd.DataFrame, anchors: Sequence[AnchorSets]) -> pd.DataFrame:
    columns = [f"pm{k}" for k in range(WITHIN + 1)]
    others = ["time_s", "model", "track", "truth", "top1", "top5"]
    parts = [tables.empty("label_answers").drop(columns=others)]
    for sets in anchors:
        of = pd.DataFrame({"item": sets.cluster, "frame": _frame(sets)})
        for k, column in enumerate(columns):
            of[column] = pm_correct(sets, k).astype(np.float64)
        near = right_neighbours(sets)
        of["mean_neighbour"] = np.where(np.isnan(near), sets.correct, near)
        of["right_neighbours"] = np.where(sets.correct, near, np.nan)
        parts.append(of.assign(pm_drop=of["pm0"] - of[columns[-1]]))
    joined = pd.concat(parts[1:] or parts, ignore_index=True)
    return table.merge(joined, on=["item", "frame"], how="left").assign(track=0)


def _neighbours(anchors: Sequence[AnchorSets], table: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for sets in anchors:
        frame = _frame(sets)[sets.of]
        columns = {
            "item": sets.cluster[sets.of],
            "frame": frame,
            "frame_a": frame,
            "frame_b": sets.frame,
            "offset": sets.offset,
            "offset_ms": sets.offset_ms,
            "anchor_right": sets.correct[sets.of],
            "neighbour_right": sets.neighbour.astype(np.float64),
            "all_right": np.nan,
        }
        parts.append(pd.DataFrame(columns))
    if not parts:
        return tables.empty("neighbour_accuracy")
    of_anchor = table[["item", "frame", "time_s", "model", "truth"]]
    joined = pd.concat(parts, ignore_index=True).merge(of_anchor, on=["item", "frame"], how="left")
    return tables.check("neighbour_accuracy", joined.drop(columns="frame"))


def _frame(sets: AnchorSets) -> np.ndarray:
    return np.array([int(str(name).rsplit(":", 1)[1]) for name in sets.anchor], np.int64)
