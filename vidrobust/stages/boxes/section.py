"""Detectors: their numbers, tracks over time with gaps and renames, thresholds, and the worst moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from vidrobust.metrics.box_differences import KINDS
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.metric import Metric
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.report.perturbation_words import phrase
from vidrobust.report.pictures import BUDGET_BYTES
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.section import overall
from vidrobust.text.durations import clock
from vidrobust.text.numbers import (
    FEWEST,
    NOT_MEASURED,
    known,
    number,
    percent,
    percent_interval,
    percent_with_interval,
    with_interval,
)
from vidrobust.text.phrases import cut, plural

MOST_ITEMS = 6
MOST_TRACKS = 30
"""Tracks drawn of an item, the longest first."""
GAP, RENAME = "#D55E00", "#000000"
CLASS_COLOURS = tuple(colour for colour in drawing.COLOURS if colour != GAP)
MOVES = ("lost", "new", "renamed", "moved")
LEAST_KIND = 0.01
"""A rarer kind of error is not told."""


@dataclass(frozen=True)
class BoxMoment:
    """Two frames with boxes drawn, and what went wrong between them; pictures are data URIs or empty."""

    model: str
    item: str
    when: str
    what: str
    a: str
    b: str
    frame_a: int
    frame_b: int


def numbers(run: RunTables) -> list[dict[str, Any]]:
    """Every metric of the detectors over all items: name, sentence, and a text a model."""
    stability = run.table("stability")
    if stability is None or not run.detectors:
        return []
    rows = []
    for metric in (metric for metric in metrics_of("detection") if not metric.of_labels):
        found = [overall(stability, model, metric.name) for model in run.detectors]
        if any(each["n"] for each in found):
            values = [
                {"text": _value(metric, each), "n": f"n = {int(each['n'])}{_of(each)}"} for each in found
            ]
            rows.append({"name": metric.title, "sentence": metric.sentence, "values": values})
    return [*rows, _floor(run, stability)]


def _value(metric: Metric, row: Any) -> str:
    if 0 < row["n"] < FEWEST:
        return "too few to say"
    ends = row["value"], row["low"], row["high"]
    return with_interval(*ends, metric.unit) if metric.unit else percent_with_interval(*ends)


def _of(row: Any) -> str:
    return f" in {plural(int(row['clusters']), str(row['cluster']))}" if row["clusters"] else ""


def _floor(run: RunTables, stability: pd.DataFrame) -> dict[str, Any]:
    values = []
    for model in run.detectors:
        changed = overall(stability, model, "noise_floor_boxes_changed")
        text = NOT_MEASURED
        if known(changed["value"]):
            text = (
                f"{percent(changed['value'])} of the boxes at most" if changed["value"] else "no box changes"
            )
        values.append({"text": text, "n": f"n = {int(changed['n'])}"})
    sentence = "The same picture tested again in different batches: how many of its boxes come out otherwise."
    return {"name": "noise floor", "sentence": sentence, "values": values}


def by_group(run: RunTables) -> list[dict[str, str]]:
    """Dropouts, renames and jitter of the centre, by class and by size of the box."""
    table = run.table("stability_by")
    if table is None or not run.detectors:
        return []
    of = table[table["model"].isin(run.detectors)]
    rows = []
    for (model, by, group), part in of.groupby(["model", "by", "group"], sort=False):
        value = part.set_index("metric")
        if "dropout_rate" not in value.index:
            continue
        row = {"model": str(model), "by": str(by), "group": str(group)}
        for name in ("dropout_rate", "flip_rate", "center_jitter"):
            known_here = name in value.index
            row[name] = (
                percent_with_interval(*(float(value.loc[name, c]) for c in ("value", "low", "high")))
                if known_here
                else NOT_MEASURED
            )
        row["n"] = str(int(value.loc["dropout_rate", "n"]))
        rows.append(row)
    return rows


def sensitivity_rows(run: RunTables) -> list[dict[str, str]]:
    """What each perturbation does to the boxes of clean frames, at its mildest and strongest."""
    table = run.table("sensitivity")
    if table is None or not run.detectors:
        return []
    of = table[table["model"].isin(run.detectors)]
    mean = of.groupby(["model", "perturbation", "strength", "metric"], sort=False)["value"].mean().unstack()
    rows = []
    for (model, perturbation), part in mean.groupby(level=[0, 1], sort=False):
        row = {"model": str(model), "perturbation": phrase(str(perturbation)).noun}
        # a strength whose frames hold no box tells nothing
        tried = part.dropna(how="all").sort_index(level="strength")
        for name in MOVES:
            known_at = tried[name].dropna().to_numpy(np.float64) if name in tried else np.empty(0)
            row[name] = percent_interval(known_at[0], known_at[-1]) if len(known_at) else NOT_MEASURED
        row["kinds"] = _kinds(tried.iloc[-1]) if len(tried) else ""
        rows.append(row)
    return rows


def _kinds(strongest: pd.Series) -> str:
    """What goes wrong with the boxes, by TIDE's words, the most frequent first."""
    found = {kind: float(strongest.get(f"tide_{kind}", np.nan)) for kind in KINDS}
    told = sorted((kind for kind in KINDS if found[kind] >= LEAST_KIND), key=lambda kind: -found[kind])
    return ", ".join(f"{kind} {percent(found[kind])}" for kind in told)


def moments(run: RunTables) -> list[BoxMoment]:
    """The worst moments, in the order in which the run found them, as far as there is room."""
    left, found = BUDGET_BYTES // 2, []
    folder = run.folder.resolve()
    for each in run.json("box_moments.json").get("moments", []):
        uris = []
        for side in ("a", "b"):
            path = (folder / str(each.get(f"picture_{side}") or "-")).resolve()
            data = path.read_bytes() if path.is_relative_to(folder) and path.is_file() else b""
            left -= len(data) * 4 // 3
            uris.append(drawing.data_uri("jpeg", data) if data and left > 0 else "")
        score = f", after a score of {number(each.get('score_before'))}"
        found.append(
            BoxMoment(
                model=str(each["model"]),
                item=str(each["item"]),
                when=clock(float(each["time_b_s"])),
                what=f"{each['what']}{score}",
                a=uris[0],
                b=uris[1],
                frame_a=int(each["frame_a"]),
                frame_b=int(each["frame_b"]),
            )
        )
    return found


def timelines(run: RunTables) -> list[Picture]:
    """Tracks over time of the items with most missed frames and renames, a drawing an item."""
    along = run.table("track_steps")
    if along is None:
        return []
    bad = along.assign(bad=(along["missed"] == 1) | (along["flip"] == 1))
    order = bad.groupby("item", sort=False)["bad"].sum().sort_values(ascending=False, kind="stable")
    return [
        _item(str(item), run.detectors, along[along["item"] == item]) for item in order.index[:MOST_ITEMS]
    ]


def _item(item: str, models: list[str], along: pd.DataFrame) -> Picture:
    present = [model for model in models if (along["model"] == model).any()]
    longest = {m: along[along["model"] == m]["track"].value_counts().index[:MOST_TRACKS] for m in present}
    heights = [0.5 + 0.16 * len(longest[model]) for model in present]
    with drawing.styled():
        figure, axes = drawing.panels(len(present), 1, sum(heights) + 0.5)
        for axis, model in zip(axes[:, 0], present, strict=True):
            of = along[(along["model"] == model) & along["track"].isin(longest[model])]
            _tracks(axis, of, f"{item}, {model}")
        axes[-1, 0].set_xlabel("time, s")
        missed, renamed = int((along["missed"] == 1).sum()), int((along["flip"] == 1).sum())
        caption = (
            "Each line is an object that was followed, in the colour of its class; orange: frames in which it was "
            "missed; grey: frames without a box that are no fault (border, behind another); black: renamed."
        )
        said = f"Tracks of {item}: {plural(missed, 'missed frame')}, {plural(renamed, 'rename')}"
        return drawing.encode(figure, said, caption)


def _tracks(axis: Axes, along: pd.DataFrame, title: str) -> None:
    order = along.groupby("track")["time_s"].min().sort_values(kind="stable").index
    classes = list(along["label_name"].value_counts().index[: len(CLASS_COLOURS)])
    shade_of = dict(zip(classes, CLASS_COLOURS, strict=False))
    step = float(np.median(np.diff(np.unique(along["time_s"])))) if along["time_s"].nunique() > 1 else 0.04
    for place, track in enumerate(order):
        of = along[along["track"] == track].sort_values("frame")
        colour = shade_of.get(of["label_name"].iloc[0], drawing.GREY)
        time = of["time_s"].to_numpy()
        seen = (of["missed"] == 0).to_numpy()
        axis.plot(
            time, np.where(seen, place, np.nan), "-", color=colour, linewidth=2.2, solid_capstyle="butt"
        )
        for gap, shade in ((of["missed"] == 1, GAP), (of["reason"] != "", drawing.LIGHT)):
            axis.hlines(
                np.full(gap.sum(), place), time[gap] - step / 2, time[gap] + step / 2, shade, linewidth=4
            )
        axis.plot(
            time[of["flip"] == 1], np.full(int((of["flip"] == 1).sum()), place), "|", color=RENAME, ms=7
        )
    names = [str(along.loc[along["track"] == track, "label_name"].iloc[0]) for track in order]
    axis.set_yticks(np.arange(len(order)), [cut(name, 16) for name in names], fontsize=6.5)
    axis.set_ylim(len(order) - 0.4, -0.6)
    axis.set_title(title)


def threshold_figure(run: RunTables) -> Picture | None:
    """Missed frames, number of tracks and jitter at every threshold."""
    curve = run.table("box_curve")
    if curve is None:
        return None
    with drawing.styled():
        figure, axes = drawing.panels(1, 3, 2.4)
        for k, model in enumerate(run.detectors):
            of = curve[curve["model"] == model]
            rate = of["missed"] / of["frames"].where(of["frames"] > 0)
            for axis, values in zip(
                axes[0], (100 * rate, of["tracks"], 100 * of["center_jitter"]), strict=True
            ):
                axis.plot(
                    of["threshold"],
                    values,
                    marker=drawing.MARKERS[k % len(drawing.MARKERS)],
                    color=drawing.COLOURS[k % len(drawing.COLOURS)],
                    markersize=3,
                    label=model,
                )
        titles = ("frames missed, %", "tracks", "jitter of the centre, % of the size")
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title)
            axis.set_xlabel("threshold")
            axis.set_ylim(bottom=0)
        axes[0, 0].legend()
        caption = (
            "A detector is as stable as it is at the threshold it is used with: no single one is compared."
        )
        return drawing.encode(figure, "Stability of the detectors over thresholds", caption)
