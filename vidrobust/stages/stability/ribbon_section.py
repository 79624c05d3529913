"""What a classifier says along a clip, as a ribbon: one colour a class, with its name beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vidrobust.frame_pairs.transitions import GAPS
from vidrobust.metrics.metric import usable_pairs
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.phrases import cut, plural, short_names

MOST_FRAMES = 900  # frames in one ribbon; of a longer clip the stretch with the most flips
RIBBON_IN = 11.6  # width of the page
ROW_IN, LETTER_IN = 0.7, 0.085  # height of a ribbon with its labels; width of a letter of them
LABEL_LINES = 2  # lines of labels above a ribbon
NO_ANSWER = ""


@dataclass(frozen=True)
class Ribbon:
    """What one model, or a rule behind it, says of each frame of a stretch."""

    title: str
    time_s: np.ndarray  # (N,) float64
    label: np.ndarray  # (N,) str; NO_ANSWER where there is none
    breaks_s: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def edges_s(self) -> np.ndarray:
        """(N + 1,) begin of each frame, and the end of the last."""
        steps = np.diff(self.time_s)
        return np.append(self.time_s, self.time_s[-1] + (np.median(steps) if len(steps) else 0.04))

    def runs(self) -> list[tuple[str, float, float]]:
        """Return label, begin and end of each stretch of one label."""
        starts = np.flatnonzero(np.r_[True, self.label[1:] != self.label[:-1]])
        edges = self.edges_s
        ends = np.r_[starts[1:], len(self.label)]
        return [
            (str(self.label[a]), float(edges[a]), float(edges[b]))
            for a, b in zip(starts, ends, strict=True)
        ]


def drawn(
    ribbons: Sequence[Ribbon], words: tuple[str, str], worst_s: float | None = None
) -> Picture:
    """Draw ribbons of one clip below each other, in the same colours; ``words``: alt and caption.

    ``worst_s`` marks the worst moment on the first one.
    """
    named = colours_of(ribbons[0].label.tolist()) or colours_of(ribbons[-1].label.tolist())
    others = [k for ribbon in ribbons for k in ribbon.label if k not in named]
    colours = dict(zip([*named, *colours_of(others)], drawing.COLOURS, strict=False))
    within_s = (
        min(float(ribbon.edges_s[0]) for ribbon in ribbons),
        max(float(ribbon.edges_s[-1]) for ribbon in ribbons),
    )

    def at(width_in: float) -> Picture:
        with drawing.styled():
            figure, axes = drawing.panels(
                len(ribbons), 1, 0.35 + (ROW_IN + 0.12) * len(ribbons), width_in=width_in
            )
            for k, (axis, ribbon) in enumerate(zip(axes[:, 0], ribbons, strict=True)):
                _draw(axis, ribbon, colours, width_in, within_s, worst_s if k == 0 else None)
            axes[-1, 0].set_xlabel("time, s")
            return drawing.encode(figure, *words)

    return drawing.in_both_widths(at, RIBBON_IN)


def colours_of(labels: Sequence[str]) -> Mapping[str, str]:
    """Give each of the most frequent labels a hue, as the player does; the others are grey."""
    counted = Counter(label for label in labels if label != NO_ANSWER)
    leading = [label for label, _ in counted.most_common(len(drawing.COLOURS))]
    return dict(zip(leading, drawing.COLOURS, strict=False))


def _draw(
    axis: drawing.Axes,
    ribbon: Ribbon,
    colours: Mapping[str, str],
    width_in: float,
    within_s: tuple[float, float],
    worst_s: float | None,
) -> None:
    runs = [run for run in ribbon.runs() if run[0] != NO_ANSWER]
    axis.broken_barh(
        [(begin, end - begin) for _, begin, end in runs],
        (0, 1),
        facecolors=[colours.get(label, drawing.GREY) for label, _, _ in runs],
        linewidth=0,
    )
    for each in ribbon.breaks_s:
        axis.axvline(each, color=drawing.DARK, linestyle=":", linewidth=1)
    if worst_s is not None:
        axis.plot([worst_s], [-0.28], "^", color=drawing.DARK, markersize=5, clip_on=False)
    axis.set_xlim(*within_s)
    axis.set_ylim(-0.4 if worst_s is not None else 0, 1 + LABEL_LINES * 0.75)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_title(ribbon.title, fontsize=9)
    _labels(axis, runs, colours, (within_s[1] - within_s[0]) / (width_in - 0.2))


def _labels(
    axis: drawing.Axes,
    runs: Sequence[tuple[str, float, float]],
    colours: Mapping[str, str],
    second_per_inch: float,
) -> None:
    """Write each class above its longest stretch, where two lines have room for it."""
    longest: dict[str, tuple[str, float, float]] = {}
    for run in runs:
        if (
            run[0] in colours
            and run[2] - run[1]
            > longest.get(run[0], ("", 0.0, 0.0))[2] - longest.get(run[0], ("", 0.0, 0.0))[1]
        ):
            longest[run[0]] = run
    names = short_names(longest)
    first, last = axis.get_xlim()
    taken: list[list[tuple[float, float]]] = [[] for _ in range(LABEL_LINES)]
    for label in (name for name in colours if name in longest):
        _, begin, end = longest[label]
        text = cut(names.get(label, label), 24)
        half = len(text) * LETTER_IN * second_per_inch / 2
        middle = float(np.clip((begin + end) / 2, first + half, max(first + half, last - half)))
        span = middle - half, middle + half
        for level, spans in enumerate(taken):
            if all(span[1] <= low or span[0] >= high for low, high in spans):
                spans.append(span)
                y = 1.12 + 0.75 * level
                axis.plot(2 * [(begin + end) / 2], [1, y], color=colours[label], linewidth=1)
                axis.text(
                    middle,
                    y,
                    text,
                    color=colours[label],
                    ha="center",
                    va="bottom",
                    fontweight="bold",
                )
                break


def stretch(frame: np.ndarray, flips: np.ndarray, most: int = MOST_FRAMES) -> tuple[int, int]:
    """Return the rows [start, stop) to draw: all, or the ``most`` rows with most flips.

    ``flips`` are the frames at which a flip ends.
    """
    if len(frame) <= most:
        return 0, len(frame)
    here = np.concatenate([[0], np.cumsum(np.isin(frame, flips))])
    counts = here[most:] - here[:-most]
    best = np.flatnonzero(counts == counts.max())
    start = int(best[len(best) // 2])  # the middle of equally good ones: no flip lies at the rim
    return start, start + most


def of_clip(run: RunTables, model: str, item: str) -> Ribbon | None:
    """Return what a model says along one clip, or along its stretch with the most flips."""
    frames, pairs = run.rows("frames"), run.rows("pairs")
    rows = frames[(frames["model"] == model) & (frames["item"] == item)]
    rows = rows.drop_duplicates("frame").sort_values("frame")
    if rows.empty:
        return None
    near = pairs[
        (pairs["model"] == model) & (pairs["item"] == item) & (pairs["kind"] == "adjacent")
    ]
    flips = usable_pairs(near).query("label_flip")["frame_b"].to_numpy()
    start, stop = stretch(rows["frame"].to_numpy(), flips)
    part = rows.iloc[start:stop]
    time_of = part.set_index("frame")["time_s"]
    gaps = near.loc[near["excluded"].isin(GAPS), "frame_b"]
    counted = int(np.isin(flips, part["frame"]).sum())
    return Ribbon(
        title=f"{cut(item, 60)}: {plural(counted, 'flip')}",
        time_s=part["time_s"].to_numpy(np.float64),
        label=part["label_name"].fillna(NO_ANSWER).to_numpy().astype(str),
        breaks_s=time_of.reindex(gaps).dropna().to_numpy(np.float64),
    )


def least_stable(run: RunTables) -> list[str]:
    """Return the clips that a classifier has seen, the least stable first."""
    frames, used = run.rows("frames"), usable_pairs(run.rows("pairs"))
    worst = used.groupby("item", sort=False).agg(
        flip=("label_flip", "mean"), change=("total_variation", "mean")
    )
    worst = worst.reindex([i for i in run.items if i in set(frames["item"])]).fillna(0.0)
    return list(worst.sort_values(["flip", "change"], ascending=False, kind="stable").index)
