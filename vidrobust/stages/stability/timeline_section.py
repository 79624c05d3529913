"""The leading classes over time, item by item, with flips and cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import GAPS
from vidrobust.metrics.metric import usable_pairs
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.phrases import cut, plural, short_names

MOST_ITEMS = 8  # items drawn in full, the most unstable first
MOST_MODELS = 4
MOST_FRAMES = 900  # frames in one drawing; of a longer item the stretch with the most flips is drawn
CLASSES = 5


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
        _item(item, models, frames[frames["item"] == item], near[near["item"] == item]) for item in shown
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
    start = int(best[len(best) // 2])  # the middle of equally good ones, so that flips do not lie at the rim
    return start, start + most


def _item(item: str, models: list[str], frames: pd.DataFrame, near: pd.DataFrame) -> Picture:
    present = [m for m in models if (frames["model"] == m).any()]
    order = np.unique(frames["frame"].to_numpy())
    flips = usable_pairs(near).query("label_flip")["frame_b"].to_numpy()
    start, stop = stretch(order, flips)
    part = frames[frames["frame"].isin(order[start:stop])]
    pairs = near[near["frame_a"].isin(order[start:stop]) & near["frame_b"].isin(order[start:stop])]
    with drawing.styled():
        figure, axes = drawing.panels(len(present), 1, 0.45 + 1.75 * len(present))
        counted = 0
        for k, model in enumerate(present):
            of = part[part["model"] == model].sort_values("frame")
            names = short_names(frames.loc[frames["model"] == model, "label_name"])
            counted += _model(axes[k, 0], of, pairs[pairs["model"] == model], names)
            if len(present) > 1:
                axes[k, 0].text(
                    0.0, 1.13, model, transform=axes[k, 0].transAxes, fontsize=8, color=drawing.DARK
                )
        axes[-1, 0].set_xlabel("time, s")
        figure.suptitle(f"{cut(item, 60)}: {plural(counted, 'flip')}", x=0.01, ha="left", fontsize=9.5)
        caption = _caption(item, len(order), stop - start)
        return drawing.encode(figure, f"Probability of the leading classes of {item} over time", caption)


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


def _model(panel: drawing.Axes, of: pd.DataFrame, pairs: pd.DataFrame, names: Mapping[str, str]) -> int:
    time = of["time_s"].to_numpy(np.float64)
    label, second = of["label"].to_numpy(), of["second_label"].to_numpy()
    top = of["probability"].to_numpy(np.float64)
    runner_up = top - of["margin"].to_numpy(np.float64)
    name_of = dict(zip(of["label"], of["label_name"], strict=True))
    leading = of["label"].value_counts().index[:CLASSES]
    small = 2.6 if len(of) <= 300 else 1.4
    others = ~np.isin(label, leading)
    if others.any():
        panel.plot(
            time[others], top[others], ".", color=drawing.GREY, markersize=small, label="other classes"
        )
    for k, each in enumerate(leading):
        colour = drawing.COLOURS[k % len(drawing.COLOURS)]
        value = np.where(label == each, top, np.where(second == each, runner_up, np.nan))
        panel.plot(time, value, "-", color=colour, linewidth=0.8, alpha=0.8)
        first = np.where(label == each, top, np.nan)
        marker = drawing.MARKERS[k % len(drawing.MARKERS)]
        panel.plot(
            time, first, marker, color=colour, markersize=small, label=names.get(name_of[each], name_of[each])
        )
    panel.set_ylim(0, 1.12)
    panel.set_yticks([0, 0.5, 1])
    panel.set_ylabel("probability")
    if len(time) > 1:
        panel.set_xlim(time[0], time[-1])
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2, borderaxespad=0.3)
    at = of.drop_duplicates("frame").set_index("frame")["time_s"]
    flips = usable_pairs(pairs).query("label_flip")
    panel.vlines(at.reindex(flips["frame_b"]), 1.04, 1.12, color="black", linewidth=0.9)
    for _, row in pairs[pairs["excluded"].isin(GAPS)].iterrows():
        panel.axvline(
            float(at.get(row["frame_b"], np.nan)), color=drawing.GREY, linewidth=0.9, linestyle=(0, (3, 2))
        )
    return len(flips)
