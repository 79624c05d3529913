"""Draw the concept picture, ``docs/concept.jpg``, from a finished run of the demo.

    python docs/concept.py reports/demo

Pair of frames -> replay of one measured change -> share of the change. All figures come from the run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import FancyArrowPatch

OUT = Path(__file__).parent / "concept.jpg"
INK, GREY, BLUE, ORANGE = "#1c2430", "#6b7683", "#2b6cb0", "#c05621"
SMALLEST_BAR = 0.05
"""Smaller shares are drawn as one bar, "other measured changes"."""
COLUMNS = ((0.03, 0.27), (0.36, 0.27), (0.70, 0.27))
"""Left edge and width of each third of the picture, in figure coordinates."""
ROWS = (0.535, 0.11)
"""Lower edges of the two rows of frames."""
HEIGHT = 0.29


def draw(run: Path, out: Path = OUT) -> None:
    """Write the picture of the run in folder ``run`` to ``out``."""
    moment, step = _explained(
        json.loads((run / "moments.json").read_text(encoding="utf-8"))["moments"]
    )
    strip = moment["strip"]
    cause = strip[step]["title"].removeprefix("and ")
    figure = plt.figure(figsize=(12.6, 5.6), dpi=130, facecolor="white")
    _heading(figure, 0, "1", "The label flips between two frames")
    _heading(figure, 1, "2", "One measured change is replayed")
    _heading(figure, 2, "3", "Each cause gets its share")
    for row, each in enumerate((strip[0], strip[-1])):
        _frame(figure, run, each, 0, row, each["title"], changed=row == 1)
    before, after = strip[step - 1], strip[step]
    _frame(figure, run, before, 1, 0, "a third frame, aligned with the first")
    _frame(
        figure, run, after, 1, 1, f"the same with the {cause}: {after['measured']}", changed=True
    )
    _bars(figure, run)
    for start, end in ((0.295, 0.34), (0.625, 0.67)):
        figure.add_artist(_arrow((start, 0.46), (end, 0.46)))
    figure.savefig(out, pil_kwargs={"quality": 90, "optimize": True})
    plt.close(figure)


def _explained(moments: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    """The first flip whose label turns once along its replays, and the replay at which it turns."""
    for moment in moments:
        labels = [each["label"] for each in moment.get("strip", [])]
        turns = [k for k in range(1, len(labels)) if labels[k] != labels[k - 1]]
        if len(turns) == 1 and 1 < turns[0] < len(labels) - 1:
            return moment, turns[0]
    raise SystemExit("no flip of this run turns once along its replays: there is nothing to draw")


def _heading(figure: Figure, column: int, number: str, text: str) -> None:
    left, _ = COLUMNS[column]
    figure.text(left, 0.93, number, fontsize=19, color=BLUE, weight="bold", va="center")
    figure.text(left + 0.02, 0.93, text, fontsize=12, color=INK, weight="bold", va="center")


def _frame(
    figure: Figure,
    run: Path,
    each: dict[str, Any],
    column: int,
    row: int,
    title: str,
    *,
    changed: bool = False,
) -> None:
    left, width = COLUMNS[column]
    axes = figure.add_axes((left, ROWS[row], width, HEIGHT))
    axes.imshow(imread(run / each["picture"]))
    axes.set_axis_off()
    axes.set_anchor("W")
    figure.text(left, ROWS[row] + HEIGHT + 0.025, title, fontsize=9.5, color=GREY, va="center")
    said = f"{each['label']}  {100 * each['probability']:.0f} %"
    figure.text(
        left,
        ROWS[row] - 0.03,
        said,
        fontsize=11.5,
        color=ORANGE if changed else BLUE,
        weight="bold",
        va="center",
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle="simple,head_width=14,head_length=12,tail_width=4", color=BLUE
    )


def _bars(figure: Figure, run: Path) -> None:
    account = pd.read_parquet(run / "account.parquet")
    account = account[account["item"] == ""].set_index("cause")
    titles = {cause: cause.replace("_", " ") for cause in account.index}
    titles |= {
        "objects": "motion of objects",
        "came_into_view": "newly visible content",
        "unexplained": "not explained",
    }
    large = account[
        (account["share"] >= SMALLEST_BAR) & (account.index != "unexplained")
    ].sort_values("share")
    rest = float(
        account["share"].sum() - large["share"].sum() - account["share"].get("unexplained", 0.0)
    )
    rows = [("not explained", account.loc["unexplained"]), ("other measured changes", rest)]
    rows += [(titles[str(cause)], row) for cause, row in large.iterrows()]
    axes: Axes = figure.add_axes((0.82, 0.2, 0.15, 0.6))
    ends = []
    for place, (name, row) in enumerate(rows):
        share = row if isinstance(row, float) else float(row["share"])
        axes.barh(place, share, color="#cbd3dc" if place < 2 else "#7fb0e0", height=0.55)
        if not isinstance(row, float):
            axes.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=1.4)
        axes.text(-0.015, place, name, ha="right", va="center", fontsize=10.5, color=INK)
        end = share if isinstance(row, float) else max(share, float(row["high"]))
        ends.append(end)
        axes.text(end + 0.015, place, f"{100 * share:.2g} %", va="center", fontsize=10.5, color=INK)
    # room for the longest line and its number behind it
    axes.set_xlim(0, 1.35 * max(ends))
    axes.set_axis_off()
    pairs = int(account["n"].max())
    figure.text(
        0.70,
        0.12,
        f"share of the change in the scores, {pairs} pairs\n(lines: 95 % intervals)",
        fontsize=9.5,
        color=GREY,
        va="center",
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/demo"))
