"""The task ``semantic``: its meter, metrics and remedy, and the record that registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

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
from vidrobust.metrics.task_meter import TABLES, SeenFrame, TaskMeter, whole
from vidrobust.plugins.semantic import maps
from vidrobust.plugins.semantic.maps import UNKNOWN

# Remedies: column of the flips that each leaves, and frames by which a lasting change is shown later.
RULES = {
    "map-majority-3": ("pixel_flip_majority", 1),
    "map-majority-5": ("pixel_flip_majority_5", 2),
    "map-hold-2": ("pixel_flip_hold", 1),
}
MAPS_KEPT = 5  # maps on the grid of the last frame


class MapMeter(TaskMeter):
    """Compares each map with the one before, which the flow brings to its frame."""

    def __init__(
        self, item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]
    ) -> None:
        super().__init__(item, model, settings, metrics)
        self._number = -1
        # the last MAPS_KEPT maps on the grid of the last frame, newest first
        self._along: list[np.ndarray] = []
        self._calm: dict[str, np.ndarray] = {}  # what each rule makes of them
        self._classes: Mapping[int, tuple[float, int]] = {}
        self._areas: list[np.ndarray] = []

    def pair(self, a: SeenFrame, b: SeenFrame) -> Mapping[str, float]:
        now, classes = _map_of(b), len(b.answer.class_names)
        if self._number != a.number:
            self._along, self._calm = [_map_of(a)], {}
        motion = maps.flow_between(a.picture, b.picture)
        self._number, self._classes = b.number, {}
        if motion is None:
            self._along, self._calm = [now], {}
            return {}
        flow, seen = motion
        kept = self._along[: MAPS_KEPT - 1]
        moved = maps.carried([*kept, *self._calm.values()], flow)
        before, calm = moved[: len(kept)], dict(zip(self._calm, moved[len(kept) :], strict=True))
        self._along = [now, *before]
        table = maps.confusion(before[0], now, classes)
        self._classes = _of_classes(table)
        judged = np.where(seen, before[0], UNKNOWN).astype(np.uint8)
        some = np.s_[:: self._step(b), :: self._step(b)]
        both = (now[some], before[0][some])
        appeared, vanished = (maps.lone_regions(*pair, seen[some]) for pair in (both, both[::-1]))
        return {
            "pixel_flip": maps.changed_share(maps.confusion(judged, now, classes)),
            "consistency": maps.mean_iou(table),
            "appeared": appeared,
            "vanished": vanished,
            "regions_changed": float(appeared + vanished > 0),
            **self._by_rules(calm, seen, classes),
        }

    @staticmethod
    def _step(frame: SeenFrame) -> int:
        """Subsampling step of large maps."""
        return max(1, round(frame.picture.shape[1] / maps.FLOW_SIDE))

    def _by_rules(
        self, before: Mapping[str, np.ndarray], seen: np.ndarray, classes: int
    ) -> Mapping[str, float]:
        """Pixel flips that each rule leaves."""
        now, held = self._along, before.get("map-hold-2")
        held = now[0] if held is None else np.where(now[0] == now[1], now[0], held)
        made = {"map-hold-2": held}
        made |= {f"map-majority-{k}": maps.majority(now[:k]) for k in (3, 5) if len(now) >= k}
        self._calm, rates = made, dict[str, float]()
        for rule in before.keys() & made:
            judged = np.where(seen, before[rule], UNKNOWN).astype(np.uint8)
            rates[RULES[rule][0]] = maps.changed_share(maps.confusion(judged, made[rule], classes))
        return rates

    def triple(self, a: SeenFrame, b: SeenFrame, c: SeenFrame) -> Mapping[str, float]:
        if len(self._along) < 3:
            return {}
        step = self._step(c)
        some = [grid[::step, ::step] for grid in reversed(self._along[:3])]
        return {"boundary_jitter": step * maps.boundary_jitter(*some)}

    def parts(self, held: Sequence[SeenFrame]) -> Iterable[Mapping[str, object]]:
        """A row per class: IoU with the map before, and how much its area shakes over three frames."""
        frame = held[-1]
        areas = np.bincount(_map_of(frame).ravel(), minlength=UNKNOWN + 1).astype(np.float64)
        self._areas = [*self._areas, areas][-len(held) :]
        if len(held) < 2:
            return
        for label, name in enumerate(frame.answer.class_names):
            shake, size = np.nan, self._areas[-2][label]
            if len(held) == 3 and size >= maps.LEAST_REGION * areas.sum():
                shake = abs(areas[label] - 2 * size + self._areas[-3][label]) / 2 / size
            if label in self._classes or np.isfinite(shake):
                iou, union = self._classes.get(label, (np.nan, np.nan))
                yield {"component": name, "class_iou": iou, "union": union, "area_jitter": shake}


def _of_classes(table: np.ndarray) -> Mapping[int, tuple[float, int]]:
    both, either = maps.overlaps(table)
    return {int(k): (float(both[k] / either[k]), int(either[k])) for k in np.flatnonzero(either)}


def _map_of(frame: SeenFrame) -> np.ndarray:
    return maps.at_size(frame.answer.labels[0], frame.picture.shape[:2])


METRICS = declared(
    "semantic",
    {"pixel_flip_rate": maps.flipped, "mtc": maps.consistency, "region_flicker_rate": maps.regions},
    {
        "pixel_flip_rate": Wording(
            "the class of a pixel changes",
            "the class of no pixel changes",
            "pair of neighbouring frames",
            many="pairs of neighbouring frames",
            event="pixels changes its class in the next frame",
            none_seen="no pixel changes its class",
            called="pixel flip rate",
        )
    },
    __file__,
)


def summed_iou(rows: pd.DataFrame, name: str, tables: np.ndarray, model: str) -> dict[str, Any]:
    """Return a row of ``stability``: an IoU over all rows together, with a jackknife interval over clusters.

    ``tables`` (n, 2, K): intersections and unions of the rows.
    """
    from vidrobust.statistics.clusters import clusters_of_rows
    from vidrobust.statistics.standard_errors import groups, leave_one_out, left_out_interval

    clusters = clusters_of_rows(rows)

    def value(kept: np.ndarray) -> np.ndarray:
        both, either = tables[kept].sum(axis=0)
        return np.array(
            (both[either > 0] / either[either > 0]).mean() if (either > 0).any() else np.nan
        )

    whole_value = float(value(np.arange(len(rows))))
    without = leave_one_out(value, groups(clusters.label)) if clusters.count > 2 else np.empty(0)
    low, high = left_out_interval(whole_value, without, (0.0, 1.0))
    of = {
        "model": model,
        "item": "",
        "metric": name,
        "value": whole_value,
        "low": low,
        "high": high,
    }
    return {**of, "n": len(rows), "cluster": clusters.what, "clusters": clusters.count}


def judge(run: Any, raw: Tables) -> dict[str, pd.DataFrame]:
    """Return TC of each model, and its mIoU where maps of the frames are known."""
    from vidrobust.plugins.semantic.truth import judged_frames

    rows, truth = [], []
    for model in (model for model in run.models if model.task == "semantic"):
        parts = raw["task_parts"][raw["task_parts"]["model"] == model.name]
        if "union" in parts and len(parts := parts[parts["union"].notna()]):
            rows.append(_consistency(parts, model.name))
        judged, tables = judged_frames(run, model)
        if tables:
            truth.append(judged)
            both = np.stack([np.stack(maps.overlaps(table)) for table in tables])
            rows.append(summed_iou(judged, "miou", both, model.name))
    made = {"stability": pd.DataFrame(rows)} if rows else {}
    return made | ({"task_truth": pd.concat(truth, ignore_index=True)} if truth else {})


def _consistency(parts: pd.DataFrame, model: str) -> dict[str, Any]:
    """TC: intersections and unions of each class summed over all pairs."""
    of_pairs = parts.pivot_table(
        index=["item", "frame", "time_s"], columns="component", values=["union", "class_iou"]
    )
    union, iou = of_pairs["union"].fillna(0), of_pairs["class_iou"].fillna(0)
    either = union.to_numpy(np.float64)
    both = (iou.reindex(columns=union.columns, fill_value=0) * union).to_numpy(np.float64)
    frames = union.index.to_frame(index=False)
    if "part" in parts:
        frames["part"] = frames["item"].map(parts.drop_duplicates("item").set_index("item")["part"])
    return summed_iou(frames, "tc", np.stack([both, either], axis=1), model)


def remedies(
    model: str, read: Callable[[str], pd.DataFrame], footage: Any, max_delay_ms: float
) -> Any:
    """Return each rule against the maps themselves, by pixel flips of the same pairs."""
    from vidrobust.stages.remedies.recommend import recommended
    from vidrobust.stages.remedies.row import Costs, row
    from vidrobust.stages.remedies.study import Studied, marked
    from vidrobust.statistics.clusters import clusters_of_rows
    from vidrobust.statistics.ratios import paired_ratio

    pairs, columns = read("task_pairs"), [column for column, _ in RULES.values()]
    if not set(columns) <= set(pairs):
        return None
    rows = pairs[(pairs["model"] == model) & (pairs["excluded"] == "")].dropna(subset=columns)
    if not len(rows):
        return None
    rows = rows.assign(part=[footage.parts.get(item, "") for item in rows["item"]])
    before, clusters = rows["pixel_flip"].to_numpy(np.float64), clusters_of_rows(rows)
    frame_ms = float(rows["delta_ms"].median())
    made, after, delays = [], dict[str, np.ndarray](), dict[str, float]()
    for rule, (column, late) in RULES.items():
        after[rule], delays[rule] = rows[column].to_numpy(np.float64), late * frame_ms
        ratio = paired_ratio(before, after[rule], clusters, events=False)
        costs = Costs(delay_frames=late, delay_ms=delays[rule])
        made.append(row("rule", rule, model, "pixel_flip_rate", ratio, costs))
    best = recommended(after, before, clusters, delays, max_delay_ms)
    return Studied(marked(made, best, "pixel_flip_rate"), best)


TASK = Task(
    name="semantic",
    tables=TABLES,
    meter=MapMeter,
    whole=whole,
    metrics=METRICS,
    answered=("pixel_flip_rate",),
    nothing="no two neighbouring maps could be compared",
    response=ResponseSpec(
        columns=("pixel_flip",),
        turns=("regions_changed",),
        floors={"noise_floor_pixel_flip": ("pixel_flip",)},
        of="of the pixels",
        happens="makes regions appear or vanish in",
        many="of the frames",
    ),
    correlation=CorrelationSpec(
        pairs="task_pairs",
        metrics=("pixel_flip", "consistency", "regions_changed"),
        primary="pixel_flip",
        frames=lambda table: table("task_frames"),
        sure="sure",
        sure_is="the mean probability of the classes",
    ),
    accounts=MappingProxyType({"": "the change of the maps"}),
    groups=MappingProxyType({"class": "component"}),
    labelled=("task_truth",),
    moved=maps.moved,
    said=maps.said,
    drawn=maps.drawn,
    coordinates=maps.coordinates,
    judge=judge,
    remedies=remedies,
)
