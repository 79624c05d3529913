"""Figures in one style, readable on white and in print, encoded as SVG, or as PNG where that is smaller."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # a study begins without matplotlib: functions import it when they draw
    from matplotlib.axes import Axes as Axes  # also for annotations elsewhere, as drawing.Axes
    from matplotlib.figure import Figure as Figure
    from matplotlib.font_manager import FontEntry
    from matplotlib.ticker import NullLocator

WIDTH_IN = 9.6  # full width of a figure in inches; the page shows 100 px an inch
DPI = 160
LARGE_SVG = 250_000  # bytes from which on a picture made of pixels may be smaller
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
    "svg.fonttype": "none",
    "svg.hashsalt": "vidrobust",
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, what it shows for those who do not see it, its width in px."""

    uri: str
    alt: str
    width: int
    caption: str = ""


@contextmanager
def styled() -> Iterator[None]:
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", "Glyph")  # texts are laid out here, and drawn with a reader's fonts
        yield


def panels(
    rows: int,
    columns: int,
    height_in: float,
    *,
    width_in: float = WIDTH_IN,
    sharey: bool = False,
    margins: tuple[float, float, float, float] | None = None,
) -> tuple[Figure, np.ndarray]:
    """``margins``, inches (left, bottom, right, top), instead of a layout by the texts take half the time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout=None if margins else "constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    if margins:
        left, bottom, right, top = np.array(margins) / [width_in, height_in, width_in, height_in]
        figure.subplots_adjust(left, bottom, 1 - right, 1 - top, hspace=0.6)
    return figure, axes


def no_ticks() -> NullLocator:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def tick_step(most: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that gives two to four ticks up to ``most``."""
    power = 10.0 ** np.floor(np.log10(most / 2))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most / 2))


def encode(figure: Figure, alt: str, caption: str = "") -> Picture:
    """Return SVG, or where that is large the smaller of SVG and PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    _lay_out(figure)
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
        stream, metadata={"Date": None, "Creator": None}
    )
    kind, data = "svg+xml", _short_numbers(stream.getvalue())
    if len(data) > LARGE_SVG and set(data.decode()) <= _letters_of_usual() | {"\n"}:
        stream = io.BytesIO()
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(  # type: ignore[no-untyped-call]
            stream, metadata={"Software": None}
        )
        if stream.tell() < len(data):
            kind, data = "png", stream.getvalue()
    return Picture(data_uri(kind, data), alt, round(100 * figure.get_size_inches()[0]), caption)


def _lay_out(figure: Figure) -> None:
    """Lay out once: ``savefig`` does twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def letters_without_font(text: str) -> str:
    missing = frozenset(letter for letter in text if letter.isprintable()) - _letters_of_usual()
    return "".join(sorted(_families_for(missing)[1])) if missing else ""


@cache
def _letters_of_usual() -> frozenset[str]:
    from matplotlib import font_manager

    path = font_manager.findfont(font_manager.FontProperties(family=STYLE["font.family"]))
    return _letters_of(path)


def _letters_of(font: str) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    return frozenset(map(chr, FT2Font(font).get_charmap()))


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
            has = left & _letters_of(entry.fname)
        except (OSError, RuntimeError):
            continue
        if has:
            families.append(entry.name)
            left -= has
    return families, frozenset(left)


def _every_font() -> Iterator[FontEntry]:
    from matplotlib import font_manager

    known = list(font_manager.fontManager.ttflist)
    yield from known
    for path in sorted(set(font_manager.findSystemFonts()) - {entry.fname for entry in known}):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, UnicodeError):
            continue
        yield font_manager.fontManager.ttflist[-1]


def _short_numbers(svg: bytes) -> bytes:
    svg = svg.replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")
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
