"""Where a model is unstable: classes that swap, and rates of each clip and class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import usable_pairs
from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import clock, percent_with_interval
from vidrobust.text.phrases import cut, plural

MOST_ROWS = 6  # of each table on page one; the rest is counted
MOST_MODELS = 4  # columns of the table of clips; the further models stand in the details


@dataclass(frozen=True)
class ShortTable:
    """Columns and rows of text; ``more`` rows were left out, and ``said`` replaces an empty table."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    more: int = 0
    said: str = ""


def swaps(run: RunTables, most: int = MOST_ROWS) -> ShortTable:
    """Return which two classes swap between neighbouring frames: how often, and where first."""
    changes = pd.concat([_label_changes(run), _box_renames(run)], ignore_index=True)
    if changes.empty:
        return ShortTable((), [], said="No class takes the place of another.")
    first, second = np.sort(changes[["before", "after"]].to_numpy(str), axis=1).T
    changes = changes.assign(first=first, second=second)
    keys = ["model", "first", "second"]
    counted = changes.groupby(keys, sort=False).agg(
        times=("item", "size"),
        clips=("item", "nunique"),
        item=("item", "first"),
        time_s=("time_s", "first"),
    )
    counted = counted.sort_values("times", ascending=False, kind="stable").reset_index()
    several = len(run.tasks) > 1
    rows = [
        (
            *((row.model,) if several else ()),
            cut(row.first, 34),
            cut(row.second, 34),
            str(row.times),
            f"{cut(row.item, 28)} at {clock(row.time_s)}"
            + (f", and {plural(row.clips - 1, 'other clip')}" if row.clips > 1 else ""),
        )
        for row in counted.head(most).itertuples()
    ]
    columns = (*(("Model",) if several else ()), "One class", "The other", "Times", "First in")
    return ShortTable(columns, rows, max(0, len(counted) - most))


def flips_of(run: RunTables) -> pd.DataFrame:
    """Return every flip: model, item, time_s, frame_a, frame_b, before, after, size.

    For classifiers ``size`` is the total variation; for detectors the class of a followed object changes.
    """
    columns = ["model", "item", "time_s", "frame_a", "frame_b", "before", "after", "size"]
    every = pd.concat([_label_changes(run), _box_renames(run)], ignore_index=True).reindex(
        columns=columns
    )
    return every.astype({"frame_a": np.int64, "frame_b": np.int64}).sort_values(
        ["model", "item", "time_s"], kind="stable", ignore_index=True
    )


def _label_changes(run: RunTables) -> pd.DataFrame:
    flips = usable_pairs(run.rows("pairs")).query("label_flip")
    for side, column in (("frame_a", "before"), ("frame_b", "after")):
        flips = _with_names(run, flips, side, column)
    flips = flips.rename(columns={"total_variation": "size"})
    return flips[
        ["model", "item", "time_s", "frame_a", "frame_b", "before", "after", "size"]
    ].dropna(subset=["before", "after"])


def _with_names(run: RunTables, pairs: pd.DataFrame, side: str, column: str) -> pd.DataFrame:
    """The pairs, with the name of the label of one of their frames."""
    keys = ["model", "item", "track", "frame"]
    names = run.rows("frames").drop_duplicates(keys)[[*keys, "label_name"]]
    names = names.rename(columns={"frame": side, "label_name": column})
    return pairs.merge(names, on=["model", "item", "track", side], how="left")


def _box_renames(run: RunTables) -> pd.DataFrame:
    boxes, steps = run.rows("detections"), run.rows("object_frames")
    keys = ["model", "item", "track"]
    followed = boxes[boxes["track"] >= 0].sort_values([*keys, "frame"], kind="stable")
    earlier = followed.groupby(keys, sort=False)
    followed = followed.assign(
        before=earlier["label_name"].shift(), frame_a=earlier["frame"].shift()
    )
    renamed = steps.loc[steps["flip"] == 1, [*keys, "frame"]]
    changes = renamed.merge(followed, on=[*keys, "frame"], how="inner")
    changes = changes.rename(columns={"label_name": "after", "frame": "frame_b"}).dropna(
        subset=["before"]
    )
    return changes[["model", "item", "time_s", "frame_a", "frame_b", "before", "after"]].astype(
        {"frame_a": "int64"}
    )


def clips(run: RunTables, most: int = MOST_ROWS) -> ShortTable:
    """Return the leading rate of every model on each clip, the least stable first."""
    stability = run.table("stability")
    if stability is None:
        return ShortTable((), [], said="")
    rates = {
        model: stability[
            (stability["model"] == model) & (stability["metric"] == task.answered[0])
        ].set_index("item")
        for model, task in run.tasks.items()
    }
    of_items = {model: rows[rows.index != ""] for model, rows in rates.items()}
    worst = pd.concat([rows["value"] for rows in of_items.values()] or [pd.Series(dtype=float)])
    order = worst.groupby(level=0).max().reindex(run.items).fillna(-1.0)
    order = order.sort_values(ascending=False, kind="stable")
    columns = ("Clip", *(f"{model}: {_called(run, model)}" for model in rates))
    rows = [
        (cut(str(item), 40), *(_rate(rows, item) for rows in of_items.values()))
        for item in order.index[:most]
    ]
    return ShortTable(columns, rows, max(0, len(order) - most))


def _called(run: RunTables, model: str) -> str:
    metric = find_metric(run.tasks[model].answered[0], run.tasks[model].name)
    return metric.title if metric else ""


def _rate(rows: pd.DataFrame, item: object) -> str:
    if item not in rows.index:
        return "not measured"
    row: Mapping[str, Any] = rows.loc[item].to_dict()
    return rate_in_words(row["value"], row["low"], row["high"], int(row["n"]))


def rate_in_words(value: float, low: float, high: float, n: int) -> str:
    """Return "8.3 % [4, 14], n = 240"; no rate from fewer than FEWEST_ROWS."""
    if n < FEWEST_ROWS:
        return f"too few to say (n = {n})"
    if not np.isfinite(value):
        return "not measured"
    return f"{percent_with_interval(value, low, high)}, n = {n}"


def classes(run: RunTables, most: int = MOST_ROWS) -> ShortTable:
    """Return how often a classifier leaves a class, and how often objects of a class have no box."""
    rows = [*_left_classes(run), *_uncovered_classes(run)]
    if not rows:
        return ShortTable((), [], said="")
    rows.sort(key=lambda row: -row[0])
    several = len(run.tasks) > 1
    columns = (*(("Model",) if several else ()), "Class", "What happens", "How often")
    return ShortTable(
        columns,
        [row[1] if several else row[1][1:] for row in rows[:most]],
        max(0, len(rows) - most),
    )


def _left_classes(run: RunTables) -> Iterator[tuple[float, tuple[str, ...]]]:
    used = _with_names(run, usable_pairs(run.rows("pairs")), "frame_a", "label_name")
    for (model, name), of in used.groupby(["model", "label_name"], sort=False):
        n, flips = len(of), int(of["label_flip"].sum())
        often = f"{flips} of {n} times" if n >= FEWEST_ROWS else f"too few to say (n = {n})"
        rate = flips / n if n >= FEWEST_ROWS else -1.0
        yield rate, (str(model), cut(str(name), 34), "the label flips", often)


def _uncovered_classes(run: RunTables) -> Iterator[tuple[float, tuple[str, ...]]]:
    table = run.rows("stability_by")
    of = table[
        table["model"].isin(run.detectors)
        & (table["by"] == "class")
        & (table["metric"] == "uncovered_rate")
    ]
    for row in of[of["item"] == ""].itertuples():
        rate = float(row.value) if row.n >= FEWEST_ROWS and np.isfinite(row.value) else -1.0
        often = rate_in_words(float(row.value), float(row.low), float(row.high), int(row.n))
        name = cut(str(row.group), 34)
        yield rate, (str(row.model), name, "no box lies where an object is", often)
