"""Figures in one style, readable on white and in print, encoded as SVG, or as PNG where that is smaller."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import NullLocator

WIDTH_IN = 9.6  # full width of a figure in inches; the page shows 100 px an inch
DPI = 160
LARGE_SVG = 120_000  # bytes from which on a picture made of pixels may be smaller
# Okabe & Ito: distinguished by people with any kind of colour vision. Markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY, DARK, LIGHT = "#8a8a8a", "#333333", "#d9d9d9"
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "axes.grid": False,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "vidrobust",
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Picture:
    """A figure ready for the page: its data URI, what it shows (for those who do not see it), width in px."""

    uri: str
    alt: str
    width: int
    caption: str = ""


@contextmanager
def styled() -> Iterator[None]:
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def panels(
    rows: int, columns: int, height_in: float, *, width_in: float = WIDTH_IN, sharey: bool = False
) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    return figure, axes


def no_ticks() -> NullLocator:
    return NullLocator()


def encode(figure: Figure, alt: str, caption: str = "") -> Picture:
    """The figure as a data URI: SVG, or where that is large the smaller of SVG and PNG."""
    caption += _spell(figure)
    _lay_out(figure)
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
        stream, metadata={"Date": None, "Creator": None}
    )
    kind, data = "svg+xml", _short_numbers(stream.getvalue())
    if len(data) > LARGE_SVG:
        stream = io.BytesIO()
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(  # type: ignore[no-untyped-call]
            stream, metadata={"Software": None}
        )
        if stream.tell() < len(data):
            kind, data = "png", stream.getvalue()
    return Picture(data_uri(kind, data), alt, round(100 * figure.get_size_inches()[0]), caption)


def _lay_out(figure: Figure) -> None:
    """Lay out once: ``savefig`` draws twice, and lays out each time."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def _spell(figure: Figure) -> str:
    """Choose fonts that have the letters; return a note for the caption if none has."""
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    every = {letter for text in texts for letter in text.get_text() if letter not in "\n\t"}
    missing = every - _letters_of_usual()
    if not missing:
        return ""
    families, left = _families_for(frozenset(missing))
    numbers: dict[str, str] = {}

    def spelled(summary: str) -> str:
        return numbers.setdefault(summary, f"no. {len(numbers) + 1}") if left & set(summary) else summary

    every_family = [str(STYLE["font.family"]), *families]
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = [label.get_text() for label in axis.get_majorticklabels()]
        if set("".join(labels)) & missing:  # a tick's label is written anew when it is drawn
            axis.set_ticklabels([spelled(label) for label in labels], fontfamily=every_family)
    for text in texts:
        summary = text.get_text()
        text.set_text(spelled(summary))
        if set(summary) & missing - left:
            text.set_fontfamily(every_family)
    if not numbers:
        return ""
    return (
        " In the figure " + ", ".join(f"{number} is {summary}" for summary, number in numbers.items()) + "."
    )


def letters_without_font(text: str) -> str:
    missing = frozenset(letter for letter in text if letter.isprintable()) - _letters_of_usual()
    return "".join(sorted(_families_for(missing)[1])) if missing else ""


@cache
def _letters_of_usual() -> frozenset[str]:
    path = font_manager.findfont(font_manager.FontProperties(family=STYLE["font.family"]))
    return frozenset(map(chr, FT2Font(path).get_charmap()))


@cache
def _families_for(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    families: list[str] = []
    left = set(letters)
    for entry in _every_font():
        if not left:
            break
        if entry.style != "normal" or entry.name in families or entry.name.startswith("Last Resort"):
            continue
        try:
            has = left & set(map(chr, FT2Font(entry.fname).get_charmap()))
        except (OSError, RuntimeError):
            continue
        if has:
            families.append(entry.name)
            left -= has
    return families, frozenset(left)


def _every_font() -> Iterator[font_manager.FontEntry]:
    known = list(font_manager.fontManager.ttflist)
    yield from known
    for path in sorted(set(font_manager.findSystemFonts()) - {entry.fname for entry in known}):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, UnicodeError):
            continue
        yield font_manager.fontManager.ttflist[-1]


def _short_numbers(svg: bytes) -> bytes:
    return re.sub(rb"(scale\([^)]*\))|(\d\.\d\d)\d+", lambda m: m[1] or m[2], svg)


def data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def forest(
    axes: Axes,
    labels: Sequence[str],
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    colours: Sequence[str] | str = COLOURS[0],
    hollow: Sequence[bool] | None = None,
    offset: float = 0.0,
    marker: str = "o",
) -> None:
    """Draw values with intervals, one row a label, the first on top; hollow marks are left in doubt."""
    rows = np.arange(len(labels), dtype=float) + offset
    each = [colours] * len(labels) if isinstance(colours, str) else list(colours)
    for i, row in enumerate(rows):
        if np.isfinite(low[i]) and np.isfinite(high[i]):
            axes.plot([low[i], high[i]], [row, row], color=each[i], linewidth=1.6, solid_capstyle="butt")
        face = "white" if hollow is not None and hollow[i] else each[i]
        axes.plot([value[i]], [row], marker, color=each[i], markerfacecolor=face, markersize=4.5)
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
