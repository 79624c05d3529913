"""The task ``pose``: its meter and metrics, and the record that registers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import (
    AlongTime,
    CorrelationSpec,
    Metric,
    ResponseSpec,
    Tables,
    Task,
    Wording,
    declared,
)
from vidrobust.metrics.task_meter import TABLES, SeenFrame, TaskMeter
from vidrobust.metrics.task_meter import whole as joined
from vidrobust.plugins.pose import people
from vidrobust.plugins.pose.people import KEEP
from vidrobust.report.section import called

# Columns of ``task_parts`` of each joint: number of the person here and in the frame before, place and size, px,
# and how its pixels moved.
PLACES = ("person", "before", "x", "y", "confidence", "moved_x", "moved_y", "size_px")
APART = 2.0  # sigmas of OKS; nearer joints of both sides cannot be told to be swapped
SWAPPED = 0.5  # the way to the other side's place is less than this share of the way to its own


@dataclass(frozen=True)
class PoseStep:
    """The people of a frame (P, J, 3) since the frame before.

    before  (P,) number of the person there; -1 for a new one
    moved   (P, J, 2) px from a joint's pixels to where they were, NaN where that is not known
    off     (P, J, 2) px from the joint before to where this one's pixels were; NaN unless both are found
    swapped (P, J) whether the joint and that of the other side changed places; NaN if that cannot be told
    """

    points: np.ndarray
    before: np.ndarray
    moved: np.ndarray
    off: np.ndarray
    swapped: np.ndarray

    @classmethod
    def first(cls, points: np.ndarray) -> PoseStep:
        moved, off = np.full((2, *points.shape[:2], 2), np.nan)
        return cls(points, np.full(len(points), -1), moved, off, np.full(points.shape[:2], np.nan))


class PoseMeter(TaskMeter):
    """Follows people by their OKS, and measures each of their joints."""

    def __init__(
        self, item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]
    ) -> None:
        super().__init__(item, model, settings, metrics)
        self._step: PoseStep | None = None  # to the frame that is looked at
        self._steps: list[PoseStep] = []  # of the last three frames that belong together

    def pair(self, a: SeenFrame, b: SeenFrame) -> Mapping[str, float]:
        """Compare the people of b, brought back by the flow, with those of a."""
        names = a.answer.class_names
        first, second = a.answer.of_frame(0), b.answer.of_frame(0)
        motion = people.pixel_motion(second[..., :2], a.picture, b.picture)
        if motion is None:
            return {}
        back, step = second.copy(), PoseStep.first(second)
        back[..., :2] += _of_person(motion)
        step.moved[:] = motion
        pairs = people.matched(first, back, names)
        for i, j, _ in pairs:
            step.before[j] = i
            step.swapped[j] = _swapped(first[i], back[j], names)
            both = (first[i, :, 2] >= KEEP) & (second[j, :, 2] >= KEEP)
            step.off[j, both] = (second[j, :, :2] + motion[j] - first[i, :, :2])[both]
        self._step = step
        far, differ = people.change(pairs, len(first), len(second))
        return {"pose_change": far, "people_changed": differ}

    def parts(self, held: Sequence[SeenFrame]) -> Iterable[Mapping[str, object]]:
        """Yield rows of the joints, and of the bones, of the people of the last frame."""
        step, self._step = self._step or PoseStep.first(held[-1].answer.of_frame(0)), None
        self._steps = [*self._steps, step][-len(held) :]
        names = held[-1].answer.class_names
        for person in range(len(step.points)):
            chain, at = list[np.ndarray](), person  # the person here and in the frames before
            for earlier in reversed(self._steps):
                chain.append(earlier.points[at])
                at = int(earlier.before[at])
                if at < 0:
                    break
            of = {"person": person, "before": int(step.before[person])}
            yield from ({**of, **row} for row in self._joints(names, person, chain))
            yield from ({**of, **row} for row in _bones(names, chain))

    def _joints(
        self, names: Sequence[str], person: int, chain: Sequence[np.ndarray]
    ) -> Iterator[dict[str, object]]:
        step, now = self._steps[-1], chain[0]
        size = float(np.sqrt(people.areas(now[None])[0]))
        root = 2 * size * people.sigmas_of(names)
        shake = np.full(len(names), np.nan)
        if len(chain) == 3:
            before = self._steps[-2]
            at = int(step.before[person])
            steady = (step.swapped[person] != 1) & (before.swapped[at] != 1)
            apart = np.linalg.norm(step.off[person] - before.off[at], axis=1) / 2
            shake = np.where(steady, apart, np.nan)
        sides = people.mirrored(names)
        for k, name in enumerate(names):
            x, y, sure = now[k]
            row: dict[str, object] = {"component": name, "x": x, "y": y, "confidence": sure}
            row |= {
                "moved_x": step.moved[person, k, 0],
                "moved_y": step.moved[person, k, 1],
                "size_px": size,
            }
            row |= {"joint_jitter": shake[k], "jitter_sigmas": shake[k] / root[k]}
            row["squared_jitter"] = shake[k] ** 2 / 3  # a quarter of 12 variances of a coordinate
            if len(chain) > 1 and chain[1][k, 2] >= KEEP:
                row["joint_lost"] = float(now[k, 2] < KEEP)
            if k < sides[k]:  # one row a pair
                row["swapped"] = step.swapped[person, k]
            if len(chain) == 3:
                row["confidence_jitter"] = abs(now[k, 2] - 2 * chain[1][k, 2] + chain[2][k, 2]) / 2
            yield row

    def finish(self) -> dict[str, pd.DataFrame]:
        return numbered(super().finish())


def _of_person(motion: np.ndarray) -> np.ndarray:
    """The motion; where it is not known that of the person's other joints."""
    filled = motion.copy()
    for one in filled:
        unknown = np.isnan(one[:, 0])
        one[unknown] = 0 if unknown.all() else np.median(one[~unknown], axis=0)
    return filled


def _swapped(before: np.ndarray, now: np.ndarray, names: Sequence[str]) -> np.ndarray:
    other = people.mirrored(names)
    far = APART * 2 * people.sigmas_of(names) * np.sqrt(people.areas(before[None])[0])

    def way(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm(a[:, :2] - b[:, :2], axis=1)

    same, crossed = way(before, now), way(before, now[other])
    same, crossed = same + same[other], crossed + crossed[other]
    seen = (before[:, 2] >= KEEP) & (now[:, 2] >= KEEP)
    told = (
        seen & seen[other] & (np.minimum(way(before, before[other]), way(now, now[other])) >= far)
    )
    return np.where(told & (other != np.arange(len(names))), crossed < SWAPPED * same, np.nan)


def _bones(names: Sequence[str], chain: Sequence[np.ndarray]) -> Iterator[dict[str, object]]:
    for a, b in people.bones_of(names) if len(chain) == 3 else ():
        if min(pose[[a, b], 2].min() for pose in chain) >= KEEP:
            third, second, first = (
                float(np.linalg.norm(pose[a, :2] - pose[b, :2])) for pose in chain
            )
            shake = abs(first - 2 * second + third) / 2 / max(second, 1.0)
            yield {"component": f"{names[a]} to {names[b]}", "bone_change": shake}


def numbered(tables: Tables) -> dict[str, pd.DataFrame]:
    """Return the tables with ``track``: the same for a person from frame to frame."""
    parts = tables["task_parts"]
    if "person" not in parts:
        return dict(tables)
    track: dict[tuple[int, int], int] = {}
    last, frame, count = dict[int, int](), None, 0
    here: dict[int, int] = {}
    for row in (
        parts[["frame", "person", "before"]]
        .drop_duplicates()
        .sort_values("frame", kind="stable")
        .itertuples()
    ):
        if row.frame != frame:
            last, here, frame = here, {}, row.frame
        here[row.person] = last.get(row.before, count)
        count += row.before not in last
        track[row.frame, row.person] = here[row.person]
    tracks = [track[key] for key in zip(parts["frame"], parts["person"], strict=True)]
    return {**tables, "task_parts": parts.assign(track=tracks)}


def whole(
    tables: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    """Return the tables of an input from those of its segments."""
    return numbered(joined(tables, transitions, size, along))


METRICS = declared(
    "pose",
    {"pose_change": people.changes, "people_changed_rate": people.lost_or_new},
    {
        "lost_joint_rate": Wording(
            "followed joints are lost",
            "followed joints are never lost",
            "joint of followed people",
            many="joints of followed people",
            event="joints of followed people is lost in the next frame",
            none_seen="no lost joint seen",
            called="rate of lost joints",
        )
    },
    __file__,
)


TASK = Task(
    name="pose",
    tables=TABLES,
    meter=PoseMeter,
    whole=whole,
    metrics=METRICS,
    labelled=("task_truth",),
    columns=MappingProxyType({"task_parts": PLACES}),
    answered=("lost_joint_rate",),
    nothing="no person was found and followed",
    response=ResponseSpec(
        columns=("pose_change",),
        turns=("people_changed",),
        floors={"noise_floor_pose_change": ("pose_change",)},
        of="of the similarity",
        happens="loses or adds a person in",
        many="of the frames",
    ),
    correlation=CorrelationSpec(
        pairs="task_pairs",
        metrics=("pose_change", "people_changed"),
        primary="pose_change",
        frames=lambda table: table("task_frames"),
        sure="sure",
        sure_is="the mean confidence of the joints",
    ),
    accounts=MappingProxyType({"": "the change of the joints' places and confidences"}),
    groups=MappingProxyType({"class": "component"}),
    moved=people.moved,
    said=people.said,
    drawn=people.drawn,
    coordinates=people.coordinates,
    judge=called("vidrobust.plugins.pose.truth:judged"),
    remedies=called("vidrobust.plugins.pose.filters:studied"),
)
