"""Figures of every page: matplotlib, as SVG that follows the theme of the page, readable in print."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # a study begins without matplotlib: functions import it when they draw
    from matplotlib.axes import Axes as Axes  # also for annotations elsewhere, as drawing.Axes
    from matplotlib.figure import Figure as Figure

WIDTH_IN = 9.6  # full width of a figure in inches; the page shows 100 px an inch
NARROW_IN = 3.9  # width of a figure's second form, for telephones

# Five hues and a grey. Found by a search for the largest smallest distance between any two (CAM02-UCS, for normal
# vision and full protanopia, deuteranopia and tritanopia after Machado et al. 2009), at a contrast of 3:1 to the
# paper; ``tests/report/test_colours.py`` measures both.
THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "c1": "#2954e7",
        "c2": "#d16506",
        "c3": "#06a76a",
        "c4": "#8e0579",
        "c5": "#5b4b01",
        "grey": "#707076",
        "ink": "#1d1d1f",
        "line": "#d9d9de",
        "paper": "#ffffff",
    },
    "dark": {
        "c1": "#37adff",
        "c2": "#fe5a30",
        "c3": "#5ef1a5",
        "c4": "#e967c7",
        "c5": "#cad155",
        "grey": "#888890",
        "ink": "#ececf0",
        "line": "#3d3d44",
        "paper": "#18181b",
    },
}
COLOURS = tuple(THEMES["light"][f"c{k}"] for k in range(1, 6))
MARKERS = ("o", "s", "^", "D", "v")
GREY, DARK, LIGHT, PAPER = (THEMES["light"][name] for name in ("grey", "ink", "line", "paper"))
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
    "axes.facecolor": PAPER,
    "axes.labelcolor": DARK,
    "axes.titlecolor": DARK,
    "text.color": DARK,
    "axes.linewidth": 0.8,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "axes.grid": False,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "vidrobust",
    "figure.facecolor": PAPER,
}


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, what it shows for those who do not see it, its width in px.

    ``narrow`` is the same figure laid out for a telephone, where there is one.
    """

    uri: str
    alt: str
    width: int
    caption: str = ""
    narrow: str = ""


def in_both_widths(draw: Callable[[float], Picture], width_in: float = WIDTH_IN) -> Picture:
    """Draw a figure for a screen and for a telephone; ``draw`` takes its width in inches."""
    return replace(draw(width_in), narrow=draw(NARROW_IN).uri)


@contextmanager
def styled() -> Iterator[None]:
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        # texts are laid out here, and drawn with a reader's fonts
        warnings.filterwarnings("ignore", "Glyph")
        yield


def panels(
    rows: int, columns: int, height_in: float, *, width_in: float = WIDTH_IN, sharey: bool = False
) -> tuple[Figure, np.ndarray]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey)


def encode(figure: Figure, alt: str, caption: str = "") -> Picture:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # Lay out once: ``savefig`` does twice.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
        stream, metadata={"Date": None, "Creator": None}
    )
    uri = data_uri("svg+xml", _themed(_short_numbers(stream.getvalue())))
    return Picture(uri, alt, round(100 * figure.get_size_inches()[0]), caption)


def _short_numbers(svg: bytes) -> bytes:
    svg = svg.replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")
    return re.sub(rb"(scale\([^)]*\))|(\d\.\d\d)\d+", lambda m: m[1] or m[2], svg)


def _themed(svg: bytes) -> bytes:
    """Let the colours of the light theme follow the theme of the page: an image asks for it by itself."""
    text = svg.decode()
    for name, colour in THEMES["light"].items():
        text = text.replace(colour, f"var(--{name})")
    sheets = {
        theme: "".join(f"--{name}:{colour};" for name, colour in colours.items())
        for theme, colours in THEMES.items()
    }
    sheet = f":root{{{sheets['light']}}}@media screen and (prefers-color-scheme:dark){{:root{{{sheets['dark']}}}}}"
    return text.replace('<style type="text/css">', f'<style type="text/css">{sheet}', 1).encode()


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
) -> None:
    """Draw values with intervals, one row a label, the first on top."""
    each = [colours] * len(labels) if isinstance(colours, str) else list(colours)
    for i in range(len(labels)):
        if np.isfinite(low[i]) and np.isfinite(high[i]):
            axes.plot(
                [low[i], high[i]], [i, i], color=each[i], linewidth=1.6, solid_capstyle="butt"
            )
        axes.plot([value[i]], [i], "o", color=each[i], markersize=4.5)
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
