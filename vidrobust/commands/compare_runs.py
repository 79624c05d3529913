"""Two run folders compared: which footage and models belong together, and paired differences of every metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.protocols.two_models import two_models
from vidrobust.repeatability.compare import MARGIN, churn, compare_metric
from vidrobust.run.folder import RunFolder
from vidrobust.statistics.clusters import independent_clusters
from vidrobust.tasks.catalogue import metrics_of
from vidrobust.tasks.metric import Metric

KEYS = (
    "item",
    "frame",
    "frame_a",
    "frame_b",
    "track",
    "kind",
    "delta_frames",
    "object",
    "x1",
    "y1",
    "x2",
    "y2",
)
"""Columns that say which rows of a raw table belong together, where they are there."""

MOST_SHOWN = 6
"""Changes of label of which a frame is shown."""
OF_FRAMES = (
    *("churn", "mcnemar_p", "negative_flips", "positive_flips"),
    *("both_right", "both_wrong", "error_consistency", "changed_labels", "changed_frames"),
)
"""What is told of equal frames of the same footage; null on other footage, and of labels without them."""


@dataclass(frozen=True)
class Side:
    """One model of one run, its items under names that both runs share."""

    folder: RunFolder
    model: str
    task: str
    names: Mapping[str, str]  # item of the run -> shared name
    part: Mapping[str, str]  # shared name -> part, "" where unknown

    def table(self, name: str) -> pd.DataFrame:
        """The rows of the model on shared items, with the column ``part``."""
        table = self.folder.table_or_empty(name)
        table = table[(table["model"] == self.model) & table["item"].isin(list(self.names))]
        table = table.assign(item=table["item"].map(dict(self.names)))
        return table.assign(part=table["item"].map(dict(self.part)))


def compare_runs(
    a: RunFolder,
    b: RunFolder,
    *,
    model_a: str | None = None,
    model_b: str | None = None,
    margin: float = MARGIN,
    seed: int = 0,
) -> dict[str, Any]:
    """The comparison of one model of run A with one of run B.

    margin  differences that do not matter, as a share of what a metric can differ by

    Items are matched by content, so their names may differ; other footage of the same parts is matched by part,
    pass and station, that of other cameras or stations by part and pass, and then each metric's mean of such a
    pass counts. Keys: a, b, paired_by, items, task, margin, metrics, those of OF_FRAMES, by_item, notes.
    """
    if margin <= 0:
        raise SettingsError(f"--margin: expected a share above 0, got {margin:g}")
    first, second, by, notes = _sides(a, b, model_a, model_b)
    found: dict[str, Any] = {}
    for metric in metrics_of(first.task, a.settings.anchor_deltas):
        compared = _metric(metric, first, second, by, margin)
        if compared is not None:
            found[metric.name] = compared
    if not found:
        raise InputError(
            f"{a.path}, {b.path}: no metric was computed in both; run the stability stage on both"
        )
    labels = _frames(first, second, seed) if by == "content" else {}
    return {
        "a": {"run": str(a.path), "model": first.model},
        "b": {"run": str(b.path), "model": second.model},
        "paired_by": by,
        "items": len(set(first.names.values())),
        "task": first.task,
        "margin": margin,
        "metrics": found,
        **{name: labels.get(name) for name in OF_FRAMES},
        "by_item": by_item(metrics_of(first.task)[0], first, second),
        "notes": notes,
    }


def _metric(metric: Metric, a: Side, b: Side, by: str, margin: float) -> dict[str, Any] | None:
    """One metric of both sides; None where one has no values of it, or no values one by one."""
    if metric.summed or not metric.table:
        return None
    tables = [metric.values(side.table(metric.table)) for side in (a, b)]
    if any(table.empty for table in tables):
        return None
    keys = [key for key in KEYS if key in tables[0] and key in tables[1]]
    if metric.of_tracks:
        tables, keys = [_seconds(table, metric.column) for table in tables], ["item", "second"]
    if by != "content":
        tables = [
            table.groupby(["item", "part"], as_index=False).agg({metric.column: "mean"}) for table in tables
        ]
        keys = ["item"]
    parts = (tables[0]["part"] != "").any()
    found = compare_metric(
        *tables,
        keys=keys,
        column=metric.column,
        worse=metric.worse,
        bounds=metric.bounds,
        margin=margin * _width(metric, tables[0]),
        part="part" if parts else None,
        same_footage=by == "content",
    )
    return asdict(found)


def _seconds(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The mean of each second of each item: tracks of two detectors are no pairs, what they do at a time is."""
    rows = table.assign(second=np.floor(table["time_s"]).astype(np.int64))
    found = rows.groupby(["item", "part", "second"], as_index=False)[column].mean()
    return found.assign(time_s=found["second"].astype(np.float64))


def _width(metric: Metric, table: pd.DataFrame) -> float:
    """What a metric can differ by; of one without bounds, what it is in the first run."""
    width = metric.bounds[1] - metric.bounds[0]
    return width if np.isfinite(width) else float(table[metric.column].mean())


def _frames(a: Side, b: Side, seed: int) -> dict[str, Any]:
    """Churn of the labels of equal frames, and right and wrong where both runs have labels."""
    tables = [side.table("frames") for side in (a, b)]
    if any(table.empty for table in tables):
        return {}
    keys = ["item", "frame", *(["track"] if "track" in tables[0] else [])]
    both = tables[0].merge(tables[1][[*keys, "label_name"]], on=keys, suffixes=("_a", "_b"))
    if both.empty:
        return {}
    clusters = independent_clusters(both["item"], both["time_s"], part=both["part"])
    share = churn(both["label_name_a"].to_numpy(str), both["label_name_b"].to_numpy(str), clusters)
    changed = both[both["label_name_a"] != both["label_name_b"]]
    counts = (
        changed.groupby(["label_name_a", "label_name_b"]).size().sort_values(ascending=False, kind="stable")
    )
    told: dict[str, Any] = {
        "churn": asdict(share),
        "changed_labels": [
            {"a": str(one), "b": str(other), "frames": int(n)} for (one, other), n in counts.items()
        ],
        "changed_frames": [_typical(changed, pair, a) for pair in list(counts.index)[:MOST_SHOWN]],
    }
    return told | _right(a, b, seed)


def _typical(changed: pd.DataFrame, pair: tuple[str, str], a: Side) -> dict[str, Any]:
    """The middle frame of a change of label, in the item that has most of it; frames as numbered in the file."""
    rows = changed[(changed["label_name_a"] == pair[0]) & (changed["label_name_b"] == pair[1])]
    item = rows["item"].value_counts().index[0]
    own = rows[rows["item"] == item].sort_values("frame")
    labels = {entry["item"]: str(entry.get("label") or "") for entry in a.folder.run["inputs"]}
    frame = int(own["frame"].iloc[len(own) // 2])
    return {"item": str(item), "frame": frame, "a": pair[0], "b": pair[1], "reference": labels.get(item, "")}


def by_item(metric: Metric, a: Side, b: Side) -> dict[str, Any]:
    """The mean of a metric in each item (or pass) of both runs, the one that differs most first."""
    means = [
        metric.values(side.table(metric.table)).groupby("item", sort=False)[metric.column].mean()
        for side in (a, b)
    ]
    both = pd.concat(means, axis=1, join="inner", keys=["a", "b"]).reset_index()
    both = both.iloc[np.argsort(-(both["b"] - both["a"]).abs().to_numpy(), kind="stable")]
    rows = both.assign(part=both["item"].map(dict(a.part)))
    return {"metric": metric.name, "items": rows.to_dict("records")}


def _right(a: Side, b: Side, seed: int) -> dict[str, Any]:
    """Right and wrong on equal frames that both runs have labels for; empty without such."""
    tables = [side.table("answers") for side in (a, b)]
    both = tables[0].merge(tables[1][["item", "frame", "top1"]], on=["item", "frame"], suffixes=("_a", "_b"))
    if both.empty:
        return {}
    clusters = independent_clusters(both["item"], both["time_s"], part=both["part"])
    found = two_models(both["top1_a"].to_numpy() > 0, both["top1_b"].to_numpy() > 0, clusters, seed=seed)
    right = both["top1_a"].to_numpy() > 0
    return {
        "mcnemar_p": found.mcnemar_p,
        "negative_flips": found.negative_count,
        "positive_flips": found.positive_count,
        "both_right": int(right.sum()) - found.negative_count,
        "both_wrong": int((~right).sum()) - found.positive_count,
        "error_consistency": asdict(found.kappa),
    }


def _sides(
    a: RunFolder, b: RunFolder, model_a: str | None, model_b: str | None
) -> tuple[Side, Side, str, list[str]]:
    models = [_models(folder) for folder in (a, b)]
    shared = [name for name in models[0] if name in models[1]]
    wanted = [model_a, model_b]
    for k, name in enumerate(wanted):
        if name is None:
            if len(models[k]) > 1 and not (len(shared) == 1 and wanted == [None, None]):
                several = ", ".join(models[k])
                raise SettingsError(
                    f"{(a, b)[k].path} has several models; choose with --model-{'ab'[k]}: {several}"
                )
            wanted[k] = shared[0] if len(models[k]) > 1 else next(iter(models[k]))
        elif name not in models[k]:
            raise SettingsError(f"{(a, b)[k].path} has no model {name}; it has {', '.join(models[k])}")
    tasks = [models[k][str(wanted[k])] for k in (0, 1)]
    if tasks[0] != tasks[1]:
        raise SettingsError(f"a {tasks[0]} model and a {tasks[1]} model cannot be compared")
    names, by, notes = _footage(a, b)
    part = {**_parts(b, names[1]), **_parts(a, names[0])}
    sides = [Side(folder, str(wanted[k]), tasks[k], names[k], part) for k, folder in enumerate((a, b))]
    return sides[0], sides[1], by, notes


def _models(folder: RunFolder) -> dict[str, str]:
    """Name -> task of each model of a run."""
    return {str(m["name"]): str(m.get("task", "classification")) for m in folder.run["models"]}


def _parts(folder: RunFolder, names: Mapping[str, str]) -> dict[str, str]:
    inputs = [entry for entry in folder.run["inputs"] if entry["item"] in names]
    return {names[entry["item"]]: str(entry.get("part") or "") for entry in inputs}


def _footage(a: RunFolder, b: RunFolder) -> tuple[list[dict[str, str]], str, list[str]]:
    """Per run item -> shared name, by what they are matched, what is left out; InputError without shared ones."""
    inputs = [folder.run["inputs"] for folder in (a, b)]
    for by, key in (
        ("content", _content),
        ("part, pass and station", _place),
        ("part and pass", _part_and_pass),
    ):
        keyed = [[(key(entry), str(entry["item"])) for entry in entries if key(entry)] for entries in inputs]
        shared = dict(reversed(keyed[0]))  # key -> its first item in A
        shared = {k: name for k, name in shared.items() if k in dict(keyed[1])}
        if shared:
            names = [{item: shared[k] for k, item in each if k in shared} for each in keyed]
            return names, by, _left_out((a, b), inputs, names)
    told = [
        f"{folder.path} ({_some([str(entry['item']) for entry in entries])})"
        for folder, entries in zip((a, b), inputs, strict=True)
    ]
    raise InputError(
        f"compare: {told[0]} and {told[1]} share no footage, neither by content nor by part and pass"
    )


def _left_out(
    folders: Sequence[RunFolder],
    inputs: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[Mapping[str, str]],
) -> list[str]:
    notes = []
    for folder, entries, kept in zip(folders, inputs, names, strict=True):
        alone = [str(entry["item"]) for entry in entries if entry["item"] not in kept]
        if alone:
            notes.append(f"{len(alone)} item(s) only in {folder.path} are left out: {_some(alone)}")
    return notes


def _content(entry: Mapping[str, Any]) -> str:
    return str(entry.get("sha256") or "")


def _place(entry: Mapping[str, Any]) -> str:
    station, rest = entry.get("station"), _part_and_pass(entry)
    return f"{rest}\x1f{station}" if rest and station else ""


def _part_and_pass(entry: Mapping[str, Any]) -> str:
    part = entry.get("part")
    return f"{part}\x1f{entry.get('pass') or ''}" if part else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
