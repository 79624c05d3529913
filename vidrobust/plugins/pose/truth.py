"""Known key points of COCO's labels: OKS and average precision as COCO evaluates them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import Tables
from vidrobust.plugins.pose.people import sigmas_of

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_POSES = 20  # poses of a frame that COCO judges
# of a frame: known people, (P, J, 3), (P,) scores
Judged = tuple[Sequence["KnownPerson"], np.ndarray, np.ndarray]


@dataclass(frozen=True)
class KnownPerson:
    """One annotation: points (J, 3) x, y px and visibility 0 to 2, in the order of the model's joints."""

    points: np.ndarray
    area: float
    box: tuple[float, float, float, float]  # x, y, width, height
    crowd: bool

    @property
    def ignored(self) -> bool:
        return self.crowd or not (self.points[:, 2] > 0).any()


def known_people(
    labels: pd.DataFrame, names: Sequence[str]
) -> Mapping[tuple[str, int], list[KnownPerson]]:
    """Return the people of rows of ``labels`` by item and frame."""
    people: dict[tuple[str, int], list[KnownPerson]] = {}
    for row in (
        labels[labels["keypoints"].notna()].to_dict("records") if "keypoints" in labels else ()
    ):
        given = np.array(json.loads(row["keypoints"]), np.float64).reshape(-1, 3)
        # a file without names has the model's order
        joints = json.loads(row["joints"]) or list(names)
        place = dict(zip(joints, given, strict=True))
        points = np.array([place.get(name, np.zeros(3)) for name in names])
        width, height = row["x2"] - row["x1"], row["y2"] - row["y1"]
        area, crowd = float(row.get("area") or width * height), str(row.get("iscrowd")) == "1"
        person = KnownPerson(points, area, (row["x1"], row["y1"], width, height), crowd)
        people.setdefault((str(row["item"]), int(row["frame"])), []).append(person)
    return people


def similarity(known: KnownPerson, points: np.ndarray, sigmas: np.ndarray) -> float:
    """Return OKS of a pose (J, 2 or 3) as pycocotools computes it."""
    seen = known.points[:, 2] > 0
    if seen.any():
        apart = points[seen, :2] - known.points[seen, :2]
    else:  # the distance to twice the box
        x, y, width, height = known.box
        low, high = np.array([x - width, y - height]), np.array([x + 2 * width, y + 2 * height])
        apart, seen = (
            np.maximum(0, low - points[:, :2]) + np.maximum(0, points[:, :2] - high),
            seen | True,
        )
    squared = (
        np.square(apart).sum(axis=1)
        / np.square(2 * sigmas[seen])
        / (known.area + np.spacing(1))
        / 2
    )
    return float(np.exp(-squared).mean())


def _assigned(known: Sequence[KnownPerson], table: np.ndarray, threshold: float) -> np.ndarray:
    """(2, P) of each pose, the surest first: whether it is right, and whether ignored."""
    order = sorted(range(len(known)), key=lambda k: known[k].ignored)
    taken: set[int] = set()
    marks = np.zeros((2, len(table)), bool)
    for d, row in enumerate(table):
        best, match = threshold - 1e-10, None
        for k in order:
            if k in taken and not known[k].crowd:
                continue
            if match is not None and not known[match].ignored and known[k].ignored:
                break
            if row[k] >= best:
                best, match = row[k], k
        if match is not None:
            taken.add(match)
            marks[:, d] = not known[match].ignored, known[match].ignored
    return marks


def average_precision(frames: Sequence[Judged], names: Sequence[str]) -> float:
    """Return AP over OKS thresholds .5 to .95; NaN without a person that counts."""
    sigmas, count = sigmas_of(names), sum(not k.ignored for known, *_ in frames for k in known)
    if not count:
        return float("nan")
    scores, judged = [np.empty(0)], [np.empty((len(THRESHOLDS), 2, 0), bool)]
    for known, points, sure in frames:
        order = np.argsort(-sure, kind="stable")[:MOST_POSES]
        table = np.array([[similarity(k, points[d], sigmas) for k in known] for d in order])
        table = table.reshape(len(order), len(known))
        scores.append(sure[order])
        judged.append(np.stack([_assigned(known, table, t) for t in THRESHOLDS]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    values = []
    for right, ignored in np.concatenate(judged, axis=2)[..., order]:
        hits, wrong = np.cumsum(right), np.cumsum(~right & ~ignored)
        precision = hits / np.maximum(hits + wrong, np.spacing(1))
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
        values.append(envelope[np.searchsorted(hits / count, RECALLS, side="left")].mean())
    return float(np.mean(values))


def judged(run: Any, raw: Tables) -> dict[str, pd.DataFrame]:
    """Return ``task_truth``, a row a known person, and rows of ``stability``."""
    from vidrobust.models.predict import predict_footage

    truth, summary, seen = [], [], run.table("task_frames")
    for model in (model for model in run.models if model.task == "pose"):
        there = seen[seen["model"] == model.name].set_index(["item", "frame"])["time_s"].to_dict()
        known = known_people(run.inputs.known.labels, model.class_names)
        frames, sigmas = list[Judged](), sigmas_of(model.class_names)
        for item in dict.fromkeys(item for item, _ in known):
            wanted = sorted(frame for of, frame in known if of == item and (of, frame) in there)
            if not wanted:
                continue
            with run.opened(item) as source:
                for frame in wanted:
                    answer: Any = predict_footage(model, source.at([frame]))
                    people = known[item, frame]
                    frames.append((people, answer.points.astype(np.float64), answer.scores))
                    of = {"item": item, "frame": frame, "time_s": float(there[item, frame])}
                    counted = (person for person in people if not person.ignored)
                    best = [
                        max((similarity(k, p, sigmas) for p in answer.points), default=0.0)
                        for k in counted
                    ]
                    truth += [{**of, "model": model.name, "oks": oks} for oks in best]
        if frames:
            value, nan = average_precision(frames, model.class_names), float("nan")
            of = {
                "model": model.name,
                "item": "",
                "metric": "keypoint_ap",
                "value": value,
                "low": nan,
            }
            summary.append({**of, "high": nan, "n": len(frames), "cluster": "", "clusters": 0})
    made = {"stability": pd.DataFrame(summary)} if summary else {}
    return made | ({"task_truth": pd.DataFrame(truth)} if truth else {})
