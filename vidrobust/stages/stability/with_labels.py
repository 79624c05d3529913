"""Models judged by labels, and two models against each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.accuracy.answers import (
    WITHIN,
    JudgedAnswers,
    SaidClasses,
    answers_of,
    apart,
    on_frames,
    two_models,
)
from vidrobust.accuracy.average_precision import (
    BOX,
    FramesOfBoxes,
    precisions,
    with_known_boxes,
    worst_and_best,
)
from vidrobust.errors import InputError
from vidrobust.footage.labels.matching import in_pixels, outside
from vidrobust.metrics.box_differences import KINDS, LEAST_IOU, areas, ious, kinds
from vidrobust.metrics.catalogue import is_classifier, is_detector
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Task
from vidrobust.metrics.tracks.against_truth import (
    NOTHING,
    THRESHOLDS,
    IdentityCounts,
    Truth,
    area_under,
    curve_rows,
    identity_counts,
    matched,
    pooled,
    trajectory_errors,
)
from vidrobust.metrics.tracks.borders import clipped, in_zones
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, are_shaped, places_of
from vidrobust.metrics.tracks.measures import faults, size_of
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.reader import with_parts
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.standard_errors import Statistic, groups, leave_one_out, left_out_interval
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import nouns, plural

# IoU from which a box lies on a known one, of whatever class; and the share of a track's boxes that must.
ON_KNOWN = 0.5
KEYS = ["item", "frame"]
# Columns of a track that are kept, as far as the tables have them.
TRACK = ["item", "frame", "time_s", "model", "track", "label", "label_name", "size"]


def boxes_on_known(
    detections: pd.DataFrame, known: pd.DataFrame, frames: pd.DataFrame
) -> pd.DataFrame:
    """Return the boxes of tracks in judged frames, with ``on`` a known box of any class, and its ``object``."""
    tracked = detections[detections["track"] >= 0].merge(frames[KEYS], on=KEYS)
    on, object_ = np.zeros(len(tracked), bool), np.full(len(tracked), "", object)
    shaped = are_shaped(tracked, known)
    known_of = {
        place: places_of(rows, shaped=shaped) for place, rows in known.groupby(KEYS, sort=False)
    }
    names = {place: rows["object"].to_numpy() for place, rows in known.groupby(KEYS, sort=False)}
    boxes = places_of(tracked, shaped=shaped)
    for place, rows in tracked.groupby(KEYS, sort=False).indices.items():
        if place in known_of:
            i, j, iou = ious(boxes.take(rows), known_of[place])
            near = iou >= ON_KNOWN
            on[rows[i[near]]] = True
            object_[rows[i[near]]] = names[place][j[near]]
    return tracked.assign(on=on, object=object_)


def judged_tracks(boxes: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Return ``tracks`` of one model in judged frames, with judged, on_known and false_alarm (0 or 1).

    A false alarm has less than half of its boxes, those of ``boxes_on_known``, on known ones.
    """
    counted = boxes.groupby(["item", "track"], sort=False)["on"].agg(["size", "sum"])
    counted = counted.rename(columns={"size": "judged", "sum": "on_known"}).reset_index()
    known = tracks[[name for name in TRACK if name in tracks]].merge(counted, on=["item", "track"])
    known["on_known"] = known["on_known"].astype(np.int64)
    return known.assign(false_alarm=(2 * known["on_known"] < known["judged"]).astype(np.float64))


def judged_steps(
    steps: pd.DataFrame,
    judged: pd.DataFrame,
    boxes: pd.DataFrame,
    known: pd.DataFrame,
    frames: pd.DataFrame,
) -> pd.DataFrame:
    """Return the frames of such tracks; ``uncovered`` of a known object is NaN where the labels lack it.

    An object is known by its name in the labels or, without one, by a known box where it is expected.
    """
    steps = steps.assign(uncovered=faults(steps["state"], steps["evidence"])["uncovered"])
    here = steps[[name for name in (*TRACK, *BOX, "uncovered") if name in steps]].merge(
        frames[KEYS], on=KEYS
    )
    here = here.merge(judged[["item", "track", "false_alarm"]], on=["item", "track"])
    named = boxes[boxes["object"] != ""].groupby(["item", "track"], sort=False)["object"]
    object_ = named.agg(lambda names: names.mode().iloc[0]).rename("object").reset_index()
    here = here.merge(object_, on=["item", "track"], how="left")
    there = set(zip(known["item"], known["frame"], known["object"], strict=True))
    places = zip(here["item"], here["frame"], here["object"], strict=True)
    has = np.array([place in there for place in places], bool)
    nameless = here["object"].isna().to_numpy() & (here["false_alarm"] == 0).to_numpy()
    known_of = dict(list(known.groupby(KEYS, sort=False)))
    for row in np.flatnonzero(nameless):
        of_frame = known_of.get((here["item"].iat[row], here["frame"].iat[row]))
        if of_frame is not None:
            expected = here[BOX].iloc[row].to_numpy(np.float64)[None]
            _, _, iou = ious(expected, of_frame[BOX].to_numpy(np.float64))
            has[row] = bool((iou >= LEAST_IOU).any())
    here["uncovered"] = here["uncovered"].where(has | (here["false_alarm"] == 1).to_numpy())
    return here.drop(columns=["object", *BOX]).reset_index(drop=True)


@dataclass(frozen=True)
class JudgedDetector:
    # item, frame, time_s and part of the judged frames: those with a known box and, where labels follow frame
    # on frame, all between an item's first and last.
    frames: pd.DataFrame
    # Known boxes of these frames, and all detections in them.
    known: pd.DataFrame
    found: pd.DataFrame
    # Labels without a class of the detector -> rows; frames left out for that.
    unknown: Mapping[str, int]
    unjudged: int


def judge(run: OpenRun, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables ``DETECTION.labelled`` and rows of ``stability``; none without known boxes."""
    boxes = known_in_frames(run)
    judged: dict[str, list[pd.DataFrame]] = {}
    if not len(boxes):
        return {}
    notes = {}
    for model in (model for model in run.models if is_detector(model)):
        of_model = {name: table[table["model"] == model.name] for name, table in raw.items()}
        mine = judged_frames(
            of_model["box_counts"], of_model["detections"], boxes, model.class_names
        )
        anchors = int(apart(mine.frames).sum())
        seen = len(of_model["box_counts"]), len(mine.frames), anchors
        notes[model.name] = _noted(run, model.name, seen, mine.unknown, mine.unjudged)
        if not len(mine.known):
            continue
        made = _of_model(mine, run.settings.track_start_score)
        boxes_on = boxes_on_known(of_model["detections"], mine.known, mine.frames)
        made["judged_tracks"] = judged_tracks(boxes_on, of_model["tracks"])
        made["judged_steps"] = judged_steps(
            of_model["object_frames"], made["judged_tracks"], boxes_on, mine.known, mine.frames
        )
        for name, table in made.items():
            judged.setdefault(name, []).append(table.assign(model=model.name))
    run.folder.update(judged={**run.folder.run.get("judged", {}), **notes})
    return {
        name: tables.check(name, pd.concat(parts, ignore_index=True))
        for name, parts in judged.items()
    }


def known_in_frames(run: OpenRun) -> pd.DataFrame:
    """Return known boxes in px, without those of items cut to a region and those in ignored zones."""
    known = run.inputs.known
    boxes = known.labels[known.labels["x1"].notna()]
    cut = {item.name for item in run.inputs.items if item.roi is not None or item.boxes is not None}
    left_out = boxes["item"].isin(cut)
    if left_out.any():
        run.reporter.warn(
            f"{plural(boxes.loc[left_out, 'item'].nunique(), 'input')} cut out of the frames: the known boxes, "
            "which are of whole frames, judge no detector"
        )
    sizes = {item: (width, height) for item, (height, width) in run.folder.record.sizes.items()}
    parts = [
        _within_frame(in_pixels(rows, known.box_unit, *sizes[str(item)]), sizes[str(item)])
        for item, rows in boxes[~left_out].groupby("item", sort=False)
        if item in sizes
    ]
    whole = pd.concat(parts).sort_index() if parts else boxes.iloc[:0]
    return whole[~in_zones(whole[BOX].to_numpy(np.float64), run.settings.ignored_zones)]


def _within_frame(rows: pd.DataFrame, size: tuple[int, int]) -> pd.DataFrame:
    """Known boxes clipped to (width, height), as detections are; InputError for masks of another size."""
    texts = rows["shape"].fillna("") if "shape" in rows else pd.Series("", rows.index)
    for text in texts[texts.str.startswith("rle ")]:
        height, width = text.split(" ", 3)[1:3]
        if (int(width), int(height)) != size:
            raise InputError(
                f"labels: masks of {width} x {height} px, but the frames of {rows['item'].iloc[0]} have "
                f"{size[0]} x {size[1]} px; give masks of the frames, or the boxes alone"
            )
    boxes = clipped(rows[BOX].to_numpy(np.float64), size[::-1])
    rows = rows.assign(**dict(zip(BOX, boxes.T, strict=True)))
    return rows[areas(boxes) > 0]


def judged_frames(
    seen: pd.DataFrame, detections: pd.DataFrame, labels: pd.DataFrame, class_names: tuple[str, ...]
) -> JudgedDetector:
    """Select what can be judged of one detector, of the frames ``seen``."""
    seen = seen.sort_values(["item", "frame"], kind="stable").reset_index(drop=True)
    here = on_frames(labels, seen)
    # a name of several classes stands for the first of them
    classes = SaidClasses.of(here.assign(row=np.arange(len(here))), class_names)
    rows = classes.rows.drop_duplicates("row")
    keys = [name for name in ("item", "frame", "time_s", "part") if name in seen]
    known = rows.drop(columns="time_s").merge(seen[keys], on=["item", "frame"])
    known["object"] = known["track"].astype(str)
    keep = with_known_boxes(seen, known)
    lost = classes.unknown[["item", "frame"]].drop_duplicates().merge(seen, on=["item", "frame"])
    frames = seen.loc[keep, keys].reset_index(drop=True)
    unjudged = len(
        lost.merge(frames[["item", "frame"]], how="left", indicator=True).query(
            "_merge == 'left_only'"
        )
    )
    boxes = detections.merge(frames[["item", "frame"]], on=["item", "frame"])
    return JudgedDetector(frames, known, boxes, classes.counts, unjudged)


def _of_model(judged: JudgedDetector, track_start_score: float) -> dict[str, pd.DataFrame]:
    boxes, sure_boxes, tracks, rows, identities = [], [], [], [], []
    shaped = are_shaped(judged.known, judged.found)
    for item, known in judged.known.groupby("item", sort=False):
        of_item = judged.found[judged.found["item"] == item]
        truth, detected = _pair(known, of_item, shaped=shaped)
        of = matched(detected, truth, track_start_score)
        sure, kind_of_truth = _errors(known, of_item, track_start_score, shaped=shaped)
        sure_boxes.append(sure)
        boxes.append(
            known[["item", "frame", "time_s", "object", "label", "label_name", *BOX]].assign(
                size=size_of(areas(truth.boxes)),
                found=(of >= 0).astype(np.float64),
                score=np.where(
                    of >= 0,
                    detected.scores[np.maximum(of, 0)] if len(detected.scores) else 0.0,
                    np.nan,
                ),
                error=kind_of_truth,
                missed=(kind_of_truth == "missed").astype(np.float64),
            )
        )
        first = (
            known.assign(trajectory=truth.trajectory)
            .sort_values("frame")
            .drop_duplicates("trajectory")
        )
        about = first[["trajectory", "item", "frame", "time_s", "object", "label", "label_name"]]
        errors = trajectory_errors(detected, truth, track_start_score).rename(
            columns={
                "frames": "known",
                "fragment": "fragment_error",
                "centre": "center_error",
                "scale": "scale_error",
            }
        )
        tracks.append(about.merge(errors, on="trajectory").drop(columns="trajectory"))
        rows.append(curve_rows(detected, truth).assign(item=item))
        if detected.given is not None:
            identities.append(identity_counts(detected, truth, track_start_score))
    every = pd.concat(rows, ignore_index=True)
    right = every.groupby("threshold", sort=True)["found"].sum()
    scores = judged.found["score"].to_numpy(np.float64)
    all_ = np.array([(scores >= threshold).sum() for threshold in right.index])
    curve = pooled(every).assign(
        precision=np.divide(
            right.to_numpy(np.float64), all_, out=np.full(len(all_), np.nan), where=all_ > 0
        )
    )
    summary = [_area(every), *_average_precision(judged), *_identities(identities)]
    return {
        "known_boxes": pd.concat(boxes, ignore_index=True),
        "judged_boxes": pd.concat(sure_boxes, ignore_index=True),
        "known_tracks": pd.concat(tracks, ignore_index=True),
        "truth_curve": curve,
        "stability": pd.DataFrame(summary).assign(item=""),
    }


def _errors(
    known: pd.DataFrame, detected: pd.DataFrame, start_score: float, *, shaped: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the sure boxes of an item with TIDE's kind of each (``judged_boxes``), and the kinds of known boxes."""
    sure = detected[detected["score"] >= start_score]
    kind = np.full(len(sure), "background", object)
    of_known = np.full(len(known), "missed", object)
    places = places_of(sure, shaped=shaped), places_of(known, shaped=shaped)
    rows_of = sure.groupby("frame", sort=False).indices
    for frame, rows in known.groupby("frame", sort=False).indices.items():
        at = rows_of.get(frame, np.empty(0, np.int64))
        kind[at], of_known[rows] = kinds(
            places[0].take(at),
            sure["score"].to_numpy(np.float64)[at],
            sure["label"].to_numpy(np.int64)[at],
            places[1].take(rows),
            known["label"].to_numpy(np.int64)[rows],
        )
    columns = ["item", "frame", "time_s", "track", "label", "label_name", "score"]
    wrong = {name: (kind == name).astype(np.float64) for name in KINDS if name != "missed"}
    size = size_of(areas(sure[BOX].to_numpy(np.float64)))
    return sure[columns].assign(size=size, error=kind, **wrong), of_known


def _pair(
    known: pd.DataFrame, detected: pd.DataFrame, *, shaped: bool = False
) -> tuple[Truth, ItemBoxes]:
    """One item's known and found boxes; a box without an object is an object of its own."""
    alone = known["object"] == ""
    names = known["object"].where(~alone, [f"\0{k}" for k in range(len(known))])
    truth = Truth(
        frame=known["frame"].to_numpy(np.int64),
        boxes=known[BOX].to_numpy(np.float64),
        labels=known["label"].to_numpy(np.int64),
        trajectory=pd.factorize(names)[0].astype(np.int64),
        shapes=places_of(known, shaped=shaped).shapes,
    )
    detected = detected.sort_values("frame", kind="stable")
    count = (
        int(max(truth.frame.max(initial=0), detected["frame"].max() if len(detected) else 0)) + 1
    )
    boxes = ItemBoxes(
        frame=detected["frame"].to_numpy(np.int64),
        boxes=detected[BOX].to_numpy(np.float64),
        scores=detected["score"].to_numpy(np.float64),
        labels=detected["label"].to_numpy(np.int64),
        shift=np.zeros((len(detected), 2)),
        num_frames=count,
        joined=np.ones(count, bool),
        size=(1, 1),
        given=detected["own_track"].to_numpy(np.int64)
        if (detected["own_track"] >= 0).any()
        else None,
        shapes=places_of(detected, shaped=shaped).shapes,
    )
    return truth, boxes


def _area(rows: pd.DataFrame) -> dict[str, object]:
    items = list(rows["item"].unique())
    names = np.array(items, dtype=object)

    def area(kept: np.ndarray) -> np.ndarray:
        return np.array(area_under(pooled(rows[rows["item"].isin(names[kept])])))

    n = int((rows["threshold"] == THRESHOLDS[0]).sum())
    smallest = _over_items(area, len(items), np.inf)
    return {
        "metric": "stability_error_area",
        **smallest,
        "n": n,
        "cluster": "item",
        "clusters": len(items),
    }


def _over_items(statistic: Statistic, items: int, most: float) -> dict[str, object]:
    value = float(statistic(np.arange(items)))
    without = leave_one_out(statistic, groups(np.arange(items))) if items > 2 else np.empty(0)
    low, high = left_out_interval(value, without, (0.0, most))
    return {"value": value, "low": low, "high": high}


def _identities(counts: list[IdentityCounts]) -> list[dict[str, object]]:
    if not counts:
        return []
    summary: list[dict[str, object]] = []
    for name, of in (("hota", "hota"), ("idf1", "idf1"), ("association_accuracy", "association")):

        def value(kept: np.ndarray, of: str = of) -> np.ndarray:
            total = sum((counts[int(k)] for k in kept), NOTHING)
            return np.array(getattr(total, of))

        summary.append({"metric": name, **_over_items(value, len(counts), 1.0)})
    nan = float("nan")
    switches = float(sum(count.switches for count in counts))
    summary.append({"metric": "identity_switches", "value": switches, "low": nan, "high": nan})
    n = sum(count.known for count in counts)
    return [{**row, "n": n, "cluster": "item", "clusters": len(counts)} for row in summary]


def _average_precision(judged: JudgedDetector) -> list[dict[str, object]]:
    frames = judged.frames
    boxes = FramesOfBoxes.of(frames, judged.known, judged.found)
    whole = np.arange(len(frames))
    summary = _precision_rows(("average_precision", "average_precision_50"), frames, whole, boxes)
    anchors = np.flatnonzero(apart(frames))
    about = [_about(frames, int(anchor)) for anchor in anchors]
    if not any(len(near) > 1 for near in about):
        return summary
    worst, best = (np.array(chosen) for chosen in worst_and_best(boxes, anchors.tolist(), about))
    for name, chosen in (
        ("average_precision_anchors", anchors),
        ("average_precision_worst_neighbour", worst),
        ("average_precision_best_neighbour", best),
    ):
        summary += _precision_rows((name,), frames.iloc[anchors], chosen, boxes)
    return summary


def _about(frames: pd.DataFrame, anchor: int) -> list[int]:
    """Judged frames of the anchor's item within ten frames, the anchor first, then the nearest."""
    item, frame = frames["item"].to_numpy(), frames["frame"].to_numpy(np.int64)
    near = np.flatnonzero((item == item[anchor]) & (np.abs(frame - frame[anchor]) <= WITHIN))
    order = np.argsort(np.abs(frame[near] - frame[anchor]), kind="stable")
    return [int(row) for row in near[order]]


def _precision_rows(
    names: tuple[str, ...], of: pd.DataFrame, chosen: np.ndarray, boxes: FramesOfBoxes
) -> list[dict[str, object]]:
    """Average precision of chosen frames, and where two names are given that at IoU .5."""
    clusters = clusters_of_rows(of)
    group = groups(clusters.label)
    whole, left_out = precisions(boxes, chosen, group, int(group.max(initial=-1)) + 1)
    rows = []
    for name, value, without in zip(names, whole.tolist(), left_out.T, strict=False):
        low, high = left_out_interval(value, without, (0.0, 1.0))
        row: dict[str, object] = {"metric": name, "value": value, "low": low, "high": high}
        rows.append({**row, "n": len(chosen), "cluster": clusters.what, "clusters": clusters.count})
    return rows


NAMES_SAID = 5
MADE = ("label_answers", "neighbour_accuracy")
# The table of a task that has each frame that was looked at.
SEEN = {CLASSIFICATION.name: "frames", DETECTION.name: "box_counts"}
# every table that is made where there are labels
TABLES = (*MADE, "model_pairs", *DETECTION.labelled, "task_truth")


def judged(run: OpenRun, task: Task, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables that labels add for the models of a task, and rows of ``stability``."""
    judges = {CLASSIFICATION.name: _answers, DETECTION.name: judge}
    if task.name not in judges:
        return {} if task.judge is None else dict(task.judge(run, raw))
    if not len(run.inputs.known.labels):
        return {}
    _say_outside(run, raw[SEEN[task.name]])
    return judges[task.name](run, raw)


def _say_outside(run: OpenRun, seen: pd.DataFrame) -> None:
    selection = run.settings.selection
    ranges = {item.name: selection.within(item.start_s, item.end_s) for item in run.inputs.items}
    windows = {name: (part.start_s, part.end_s) for name, part in ranges.items()}
    lost = outside(run.inputs.known.labels, seen.drop_duplicates(["item", "frame"]), windows)
    run.folder.update(labels_outside=lost.as_dict() | {"sentence": lost.sentence()})
    if lost.sentence():
        run.reporter.warn(lost.sentence())


def _answers(run: OpenRun, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    known = run.inputs.known
    frames, probabilities = raw["frames"], raw["probabilities"]
    answers: dict[str, JudgedAnswers] = {}
    notes = {}
    for model in (model for model in run.models if is_classifier(model)):
        mine = [table[table["model"] == model.name] for table in (frames, probabilities)]
        answers[model.name] = answers_of(
            mine[0],
            mine[1],
            known.labels,
            model.class_names,
            sets=known.sets,
            judged_by=known.judged_by,
        )
        one = answers[model.name]
        seen = len(mine[0]), len(one.label_answers), int(one.label_answers["pm0"].notna().sum())
        notes[model.name] = _noted(run, model.name, seen, one.unknown, one.unjudged)
    lost = known.lost + max((each.lost for each in answers.values()), default=0)
    if lost:
        run.reporter.warn(
            f"not in the footage: {plural(lost, 'frame')} about anchors; pm-k is easier to pass without them"
        )
    notes = {
        name: {**each, "lost": known.lost + answers[name].lost} for name, each in notes.items()
    }
    run.folder.update(judged={**run.folder.run.get("judged", {}), **notes})
    made = {name: [getattr(each, name) for each in answers.values()] for name in MADE}
    filled = {name: [part for part in parts if len(part)] for name, parts in made.items()}
    parts_of = dict(zip(frames["item"], frames["part"], strict=True)) if "part" in frames else {}
    summary = {
        name: with_parts(pd.concat(parts, ignore_index=True), parts_of)
        for name, parts in filled.items()
        if parts
    }
    if "label_answers" in summary:
        summary["model_pairs"] = _of_two(summary["label_answers"], list(answers), run.settings.seed)
    if "neighbour_accuracy" in summary:
        summary["neighbour_accuracy"] = with_all_right(summary["neighbour_accuracy"])
    return summary


def write(run: OpenRun, judged: Mapping[str, pd.DataFrame]) -> None:
    for name in TABLES:
        run.folder.write_table(name, judged.get(name, tables.empty(name)))


def with_all_right(neighbours: pd.DataFrame) -> pd.DataFrame:
    """Add ``all_right``: whether every model gets the anchor right; NaN with one model.

    On its own right anchors a weak model is judged on easy ones; on common anchors all are judged alike.
    """
    if neighbours["model"].nunique() < 2:
        return neighbours.assign(all_right=np.nan)
    right = neighbours.groupby(["item", "frame_a"])["anchor_right"].transform("all")
    return neighbours.assign(all_right=right.astype(np.float64))


def _of_two(answers: pd.DataFrame, models: Sequence[str], seed: int) -> pd.DataFrame:
    rows = []
    for a, b in itertools.combinations(models, 2):
        first, second = (answers[answers["model"] == name] for name in (a, b))
        both = first.merge(
            second[["item", "frame", "top1"]], on=["item", "frame"], suffixes=("_a", "_b")
        )
        old, new = (both[f"top1_{side}"].to_numpy(np.float64) > 0 for side in "ab")
        clusters = clusters_of_rows(both)
        compared = two_models(old, new, clusters, seed=seed)
        row: dict[str, object] = {
            "model_a": a,
            "model_b": b,
            "n": len(both),
            "clusters": clusters.count,
        }
        row |= {
            "right_a": old.mean() if len(old) else np.nan,
            "right_b": new.mean() if len(new) else np.nan,
        }
        row |= {
            "kappa": compared.kappa.value,
            "kappa_low": compared.kappa.low,
            "kappa_high": compared.kappa.high,
        }
        row |= {"observed": compared.observed, "expected": compared.expected}
        for name, of in (
            ("negative", compared.negative_flips),
            ("positive", compared.positive_flips),
            ("difference", compared.difference),
        ):
            value = name if name == "difference" else f"{name}_flips"
            row |= {value: of.value, f"{name}_low": of.low, f"{name}_high": of.high}
        rows.append({**row, "relative_nfr": compared.relative_nfr, "mcnemar_p": compared.mcnemar_p})
    return tables.of_rows("model_pairs", rows)


def _noted(
    run: OpenRun, model: str, seen: tuple[int, int, int], unknown: Mapping[str, int], unjudged: int
) -> dict[str, object]:
    """Say and return how many frames were looked at, have labels and are anchors, and what has no class."""
    frames, labelled, anchors = seen
    run.reporter.say(f"{model}: {labelled} of {frames} frames have labels, {anchors} are anchors")
    if unknown:
        names = nouns("label", list(unknown)[:NAMES_SAID])
        more = f" and {len(unknown) - NAMES_SAID} more" if len(unknown) > NAMES_SAID else ""
        run.reporter.warn(
            f"{model}: has no class for the {names}{more}; left out: "
            f"{plural(unjudged, 'frame')} without another label"
        )
    about = {"frames": frames, "labelled": labelled, "anchors": anchors}
    return {**about, "unjudged": unjudged, "unknown": dict(unknown)}
