"""Figures in one style, readable on white and in print.

Those of the usual run are SVG by hand: with matplotlib they cost as much as the rest of both pages.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import escape

if TYPE_CHECKING:  # a study begins without matplotlib: functions import it when they draw
    from matplotlib.axes import Axes as Axes  # also for annotations elsewhere, as drawing.Axes
    from matplotlib.figure import Figure as Figure
    from matplotlib.font_manager import FontEntry

WIDTH_IN = 9.6  # full width of a figure in inches; the page shows 100 px an inch
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


WIDTH_PX = 960
# Marks, from their middle: circle, square, triangle, diamond, triangle upside down, plus.
SHAPES = (
    *(
        "m-2.6,0a2.6,2.6 0 1,0 5.2,0a2.6,2.6 0 1,0 -5.2,0",
        "m-2.4,-2.4h4.8v4.8h-4.8z",
        "m0,-3l2.8,5.2h-5.6z",
    ),
    *(
        "m0,-3.4l2.6,3.4l-2.6,3.4l-2.6,-3.4z",
        "m0,3l2.8,-5.2h-5.6z",
        "m-1,-3h2v2h2v2h-2v2h-2v-2h-2v-2h2z",
    ),
)
TITLE = "font-size='13'"


def written(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {more}>{escape(text)}</text>"


def turned(x: float, y: float) -> str:
    return f"transform='rotate(-90 {x:.1f} {y:.1f})'"


def path(
    x: float, y: float, path: str, colour: str = GREY, *, fill: str = "none", more: str = ""
) -> str:
    return f"<path d='M{x:.1f},{y:.1f}{path}' stroke='{colour}' fill='{fill}' {more}/>"


def mark(x: float, y: float, place: int, colour: str = "", *, hollow: bool = False) -> str:
    colour = colour or COLOURS[place % len(COLOURS)]
    return path(x, y, SHAPES[place % len(SHAPES)], colour, fill="white" if hollow else colour)


def marks(x: Iterable[float], y: Iterable[float], place: int, colour: str, size: float) -> str:
    """Draw many marks, which are given once, at points in px."""
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    name, shape = f"m{place}{size:g}{colour[1:]}", SHAPES[place % len(SHAPES)]
    ends = " ".join(f"marker-{at}='url(#{name})'" for at in ("start", "mid", "end"))
    return (
        f"<marker id='{name}' overflow='visible' markerUnits='userSpaceOnUse'><path d='M0,0{shape}' "
        f"fill='{colour}' transform='scale({size})'/></marker><polyline points='{points}' fill='none' {ends}/>"
    )


def line(x: np.ndarray, y: np.ndarray, colour: str, more: str = "") -> str:
    """Join points in px, but for those that are not finite."""
    known = np.isfinite(x) & np.isfinite(y)
    pen = np.where(np.r_[False, known[:-1]], "L", "M")
    points = "".join(
        f"{p}{a:.1f},{b:.1f}" for p, a, b in zip(pen[known], x[known], y[known], strict=True)
    )
    return f"<path d='{points}' stroke='{colour}' fill='none' {more}/>"


def by_hand(
    parts: Iterable[str], height: float, alt: str, caption: str, width: float = WIDTH_PX
) -> Picture:
    size = f"viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' height='{height:.0f}'"
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} font-family='DejaVu Sans, Verdana, sans-serif' "
        f"font-size='11.5'><rect width='100%' height='100%' fill='white'/>{''.join(parts)}</svg>"
    )
    return Picture(data_uri("svg+xml", svg.encode()), alt, round(width), caption)


@dataclass(frozen=True)
class Plot:
    """A system of axes by hand; its sides in px, and what lies at left and right, bottom and top."""

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, x: Any) -> Any:
        return self.left + (self.right - self.left) * (x - self.x[0]) / (self.x[1] - self.x[0])

    def py(self, y: Any) -> Any:
        return self.bottom - (self.bottom - self.top) * (y - self.y[0]) / (self.y[1] - self.y[0])

    def axes(
        self,
        x: Mapping[float, str],
        y: Mapping[float, str],
        labels: tuple[str, str],
        grid: str = "none",
    ) -> list[str]:
        """Draw both axes with their ticks; ``grid`` is the colour of lines at those of x."""
        parts = []
        for at, text in x.items():
            place = self.px(at)
            parts += [
                path(place, self.top, f"V{self.bottom:.1f}", grid),
                path(place, self.bottom, "v4"),
            ]
            parts.append(written(place, self.bottom + 17, text))
        for at, text in y.items():
            parts.append(path(self.left, self.py(at), "h-4"))
            parts.append(written(self.left - 7, self.py(at) + 4, text, "end"))
        middle = (self.top + self.bottom) / 2
        parts.append(path(self.left, self.top, f"V{self.bottom:.1f}H{self.right:.1f}"))
        parts.append(written((self.left + self.right) / 2, self.bottom + 34, labels[0]))
        parts.append(
            written(self.left - 38, middle, labels[1], more=turned(self.left - 38, middle))
        )
        return parts


def ticks(low: float, high: float, parts: int = 2) -> dict[float, str]:
    """Return round values between two, two to four in each of so many parts, as text."""
    step = tick_step((high - low) / parts)
    return {
        k * step: f"{k * step:g}" for k in range(int(np.ceil(low / step)), int(high / step) + 1)
    }


@contextmanager
def styled() -> Iterator[None]:
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        warnings.filterwarnings(
            "ignore", "Glyph"
        )  # texts are laid out here, and drawn with a reader's fonts
        yield


def panels(
    rows: int, columns: int, height_in: float, *, width_in: float = WIDTH_IN, sharey: bool = False
) -> tuple[Figure, np.ndarray]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey)


def tick_step(most: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that gives two to four ticks up to ``most``."""
    power = 10.0 ** np.floor(
        np.log10(half := max(1e-9, most / 2))
    )  # also of nothing, or what is not known
    return float(max(step * power for step in (1, 2, 5) if step * power <= half * (1 + 1e-9)))


def encode(figure: Figure, alt: str, caption: str = "") -> Picture:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    _lay_out(figure)
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
        stream, metadata={"Date": None, "Creator": None}
    )
    uri = data_uri("svg+xml", _short_numbers(stream.getvalue()))
    return Picture(uri, alt, round(100 * figure.get_size_inches()[0]), caption)


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
        if (
            entry.style != "normal"
            or entry.name in families
            or entry.name.startswith("Last Resort")
        ):
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
    offset: float = 0.0,
    marker: str = "o",
) -> None:
    """Draw values with intervals, one row a label, the first on top."""
    rows = np.arange(len(labels), dtype=float) + offset
    each = [colours] * len(labels) if isinstance(colours, str) else list(colours)
    for i, row in enumerate(rows):
        if np.isfinite(low[i]) and np.isfinite(high[i]):
            axes.plot(
                [low[i], high[i]], [row, row], color=each[i], linewidth=1.6, solid_capstyle="butt"
            )
        axes.plot([value[i]], [row], marker, color=each[i], markersize=4.5)
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
