"""The leading classes over time, item by item, with flips and cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import GAPS
from vidrobust.metrics.metric import usable_pairs
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture, Plot, path, written
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.phrases import cut, plural, short_names

MOST_ITEMS = 8  # items drawn in full, the most unstable first
MOST_MODELS = 4
MOST_FRAMES = (
    900  # frames in one drawing; of a longer item the stretch with the most flips is drawn
)
CLASSES = 5
LEFT, RIGHT = 56.0, 770.0  # of the axes, px


@dataclass(frozen=True)
class Timelines:
    pictures: list[Picture] = field(default_factory=list)
    left_out: str = ""


def timelines(run: RunTables) -> Timelines:
    frames, pairs = run.table("frames"), run.table("pairs")
    if frames is None or pairs is None:
        return Timelines()
    near = pairs[pairs["kind"] == "adjacent"]
    used = usable_pairs(pairs)
    worst = used.groupby("item", sort=False).agg(
        flip=("label_flip", "mean"), change=("total_variation", "mean")
    )
    worst = worst.reindex([i for i in run.items if i in set(frames["item"])]).fillna(0.0)
    order = worst.sort_values(["flip", "change"], ascending=False, kind="stable")
    shown = list(order.index[:MOST_ITEMS])
    models = run.models[:MOST_MODELS]
    pictures = [
        _item(item, models, frames[frames["item"] == item], near[near["item"] == item])
        for item in shown
    ]
    said = []
    if len(order) > len(shown):
        rest = order.iloc[len(shown) :]
        flipping = int((rest["flip"] > 0).sum())
        said.append(
            f"Drawn are the {len(shown)} least stable of {plural(len(order), 'clip')}; of the other {len(rest)}, "
            f"{flipping} flip at all."
        )
    if len(run.models) > len(models):
        said.append(f"Of {len(run.models)} models the first {len(models)} are drawn.")
    return Timelines(pictures, " ".join(said))


def stretch(frame: np.ndarray, flips: np.ndarray, most: int = MOST_FRAMES) -> tuple[int, int]:
    """Return the rows [start, stop) to draw: all, or the ``most`` rows with most flips.

    ``flips`` are the frames at which a flip ends.
    """
    if len(frame) <= most:
        return 0, len(frame)
    here = np.concatenate([[0], np.cumsum(np.isin(frame, flips))])
    counts = here[most:] - here[:-most]
    best = np.flatnonzero(counts == counts.max())
    start = int(
        best[len(best) // 2]
    )  # the middle of equally good ones, so that flips do not lie at the rim
    return start, start + most


def _item(item: str, models: list[str], frames: pd.DataFrame, near: pd.DataFrame) -> Picture:
    present = [m for m in models if (frames["model"] == m).any()]
    order = np.unique(frames["frame"].to_numpy())
    flips = usable_pairs(near).query("label_flip")["frame_b"].to_numpy()
    start, stop = stretch(order, flips)
    part = frames[frames["frame"].isin(order[start:stop])]
    pairs = near[near["frame_a"].isin(order[start:stop]) & near["frame_b"].isin(order[start:stop])]
    parts, counted, y = list[str](), 0, 40.0
    for model in present:
        of = part[part["model"] == model].sort_values("frame")
        names = short_names(frames.loc[frames["model"] == model, "label_name"])
        if len(present) > 1:
            parts.append(written(LEFT, y, model, "start"))
            y += 8
        found, flipped = _model(y, of, pairs[pairs["model"] == model], names)
        parts, counted, y = parts + found, counted + flipped, y + 175
    parts.append(
        written(10, 18, f"{cut(item, 60)}: {plural(counted, 'flip')}", "start", drawing.TITLE)
    )
    caption = _caption(item, len(order), stop - start)
    alt = f"Probability of the leading classes of {item} over time"
    return drawing.by_hand(parts, y - 5, alt, caption)


def _caption(item: str, total: int, drawn: int) -> str:
    said = (
        f"{item}: probability of the {CLASSES} classes that lead most often, wherever a class is first "
        "(dot) or second (line only); elsewhere it is smaller and not recorded. Strokes on top: label "
        "flips; dashed: cuts and other breaks, across which nothing is compared. n = "
        f"{plural(drawn, 'frame')}"
    )
    if drawn < total:
        said += f", the stretch of {plural(total, 'frame')} with the most flips"
    return said + "."


def _model(
    top: float, of: pd.DataFrame, pairs: pd.DataFrame, names: Mapping[str, str]
) -> tuple[list[str], int]:
    """Return a model's axes, 170 px high, and the number of its flips."""
    time = of["time_s"].to_numpy(np.float64)
    first, last = (time[0], time[-1]) if len(time) > 1 else (time[0] - 0.5, time[0] + 0.5)
    plot = Plot(LEFT, top, RIGHT, top + 125, (first, last), (0, 1.12))
    label, second = of["label"].to_numpy(), of["second_label"].to_numpy()
    probability = of["probability"].to_numpy(np.float64)
    runner_up = probability - of["margin"].to_numpy(np.float64)
    name_of = dict(zip(of["label"], of["label_name"], strict=True))
    parts = plot.axes(
        drawing.ticks(first, last), {0: "0", 0.5: "0.5", 1: "1"}, ("time, s", "probability")
    )
    size = 0.7 if len(of) <= 300 else 0.4
    leading = list(of["label"].value_counts().index[:CLASSES])
    legend = [
        (k, names.get(name_of[each], name_of[each]), label == each)
        for k, each in enumerate(leading)
    ]
    others = ~np.isin(label, leading)
    x = plot.px(time)
    for row, (k, name, here) in enumerate(
        [*([(-1, "other classes", others)] if others.any() else []), *legend]
    ):
        colour = drawing.GREY if k < 0 else drawing.COLOURS[k % len(drawing.COLOURS)]
        if k >= 0:
            value = np.where(here, probability, np.where(second == leading[k], runner_up, np.nan))
            parts.append(drawing.line(x, plot.py(value), colour, "opacity='.8'"))
        parts.append(
            drawing.marks(
                x[here], plot.py(probability[here]), max(k, 0), colour, 0.4 if k < 0 else size
            )
        )
        y = top + 20 + 16 * row
        parts += [
            drawing.marks([RIGHT + 16], [y], max(k, 0), colour, size),
            written(RIGHT + 28, y + 4, name, "start"),
        ]
    at = of.drop_duplicates("frame").set_index("frame")["time_s"]
    flips = usable_pairs(pairs).query("label_flip")
    strokes = plot.px(at.reindex(flips["frame_b"]).dropna().to_numpy(np.float64))
    parts += [path(each, plot.py(1.12), f"V{plot.py(1.04):.1f}", "black") for each in strokes]
    gaps = plot.px(
        at.reindex(pairs.loc[pairs["excluded"].isin(GAPS), "frame_b"]).dropna().to_numpy(np.float64)
    )
    dashed = "stroke-dasharray='3 2'"
    parts += [path(each, top, f"V{plot.bottom:.1f}", more=dashed) for each in gaps]
    return parts, len(flips)
