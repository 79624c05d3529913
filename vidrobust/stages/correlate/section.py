"""Correlation in the report: which perturbations are proxies for what happens in the footage."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric, metric_of_column
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture, Plot, mark, path, written
from vidrobust.report.glossary import family_order, phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.correlate.coefficients import PARTIAL
from vidrobust.stages.correlate.stage import FILE
from vidrobust.stages.correlate.studies import Conclusions
from vidrobust.stages.correlate.verdicts import CANNOT_TELL, NO_EVIDENCE, PROXY, ProxyJudgement
from vidrobust.text.numbers import interval, number, with_interval
from vidrobust.text.phrases import listing, span

VERDICTS = tuple(ProxyJudgement)
COLOUR_OF = {PROXY: drawing.COLOURS[0], NO_EVIDENCE: drawing.COLOURS[1], CANNOT_TELL: drawing.GREY}
PLAIN = "spearman"
ACROSS = {
    "frames": "across the frames of one model",
    "clips": "across clips",
    "models": "across models",
}
MOST_CELLS = 60  # perturbations drawn in one figure
MOST_FORESTS = 6  # studies whose coefficients are drawn
MOST_MATRICES = 3  # studies whose matrices are drawn
PALE = "4d"  # opacity, of ff, of a cell whose interval holds zero
SCALE = {
    k / 4: f"{k / 4:.2f}".replace("-", "\u2212") for k in range(-4, 5)
}  # ticks of a coefficient
THICK = "stroke-width='2.2'"
# RdBu of Brewer 2003, from -1 to 1.
RED_TO_BLUE = (
    *("#67001f", "#b2182b", "#d6604d", "#f4a582", "#fddbc7", "#f7f7f7"),
    *("#d1e5f0", "#92c5de", "#4393c3", "#2166ac", "#053061"),
)


def studies(run: RunTables) -> list[dict[str, Any]]:
    said = _conclusions(run)
    found = []
    for across, model, rows in _each(run.rows("correlation")):
        words = said.study(across, model)
        main = primary_rows(rows)
        verdict = main.set_index("perturbation")["verdict"].to_dict()
        together = words.together
        found.append(
            {
                "title": _title(across, model),
                "verdicts": [
                    _verdict(v, [n for n, each in verdict.items() if each == v], main)
                    for v in VERDICTS
                ],
                "groups": [
                    listing(phrase(one).noun for one in group.members) for group in words.groups
                ],
                "notes": words.notes,
                "together": together.sentence if together else "",
                "together_tells": together is not None and together.verdict != CANNOT_TELL,
            }
        )
    return found


def left_out(run: RunTables) -> list[str]:
    return list(_conclusions(run).left_out)


def _conclusions(run: RunTables) -> Conclusions:
    return Conclusions.of(run.json(FILE), str(run.folder / FILE))


def primary_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the row of each perturbation on which its verdict rests, of one study."""
    if "primary" in rows:
        marked = rows[rows["primary"].fillna(False).astype(bool)]
        rows = marked if len(marked) else rows
    for method in (PARTIAL, PLAIN):
        of = rows[rows["method"] == method]
        if len(of):
            rows = of
            break
    overall_first = rows.assign(_strength=rows["strength"].notna()).sort_values(
        "_strength", kind="stable"
    )
    return overall_first.drop_duplicates("perturbation").drop(columns="_strength")


def _each(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    order = {"clips": 0, "models": 1, "frames": 2}
    table = table.assign(_model=table["model"].fillna("").astype(str) if "model" in table else "")
    keys = sorted(
        table[["across", "_model"]].drop_duplicates().itertuples(index=False, name=None),
        key=lambda key: order.get(key[0], 3),
    )
    for across, model in keys:
        yield across, model, table[(table["across"] == across) & (table["_model"] == model)]


def _title(across: str, model: str) -> str:
    return ACROSS.get(across, f"across {across}") + (f", {model}" if model else "")


def _verdict(verdict: str, names: list[str], main: pd.DataFrame) -> dict[str, Any]:
    rows = main[main["perturbation"].isin(names)].sort_values("value", ascending=False)
    reasons = list(rows["reason"].unique()) if "reason" in rows else []
    every = len(names) == len(main)
    return {
        "verdict": verdict,
        "count": len(names),
        "names": "all"
        if every and verdict != "proxy"
        else listing((phrase(str(n)).noun for n in rows["perturbation"]), 12),
        "why": str(reasons[0]) if len(reasons) == 1 and verdict == CANNOT_TELL else "",
    }


def forest_figures(run: RunTables) -> tuple[list[Picture], str]:
    """Draw the coefficients on which verdicts rest; also return what was not drawn, in words."""
    every = sorted(
        _each(run.rows("correlation")),
        key=lambda study: not (study[2]["verdict"] != CANNOT_TELL).any(),
    )
    left = [_title(across, model) for across, model, _ in every[MOST_FORESTS:]]
    drawn = [_forest(across, model, rows) for across, model, rows in every[:MOST_FORESTS]]
    return drawn, f"Not drawn, but in the table below: {listing(left)}." if left else ""


def _forest(across: str, model: str, rows: pd.DataFrame) -> Picture:
    main = (
        primary_rows(rows)
        .sort_values("value", ascending=False, na_position="last")
        .head(MOST_CELLS)
    )
    given = str(main["given"].iloc[0])
    names = [phrase(str(name)).noun for name in main["perturbation"]]
    plot = Plot(*_corner(names), 950, 58 + 18.5 * len(main), (-1.02, 1.02), (len(main) - 0.4, -0.6))
    method = "partial Spearman" if main["method"].iloc[0] == PARTIAL else "Spearman"
    label = f"{method} correlation of sensitivity and instability" + (
        f", given {given}" if given else ""
    )
    parts = plot.axes(SCALE, dict(enumerate(names)), (label, ""), drawing.LIGHT)
    parts.append(path(plot.px(0), plot.top, f"V{plot.bottom:.1f}", drawing.DARK))
    for k, row in enumerate(main.itertuples()):
        colour, hollow = COLOUR_OF.get(row.verdict, drawing.GREY), row.verdict != PROXY
        if np.isfinite(row.low) and np.isfinite(row.high):
            parts.append(
                path(plot.px(row.low), plot.py(k), f"H{plot.px(row.high):.1f}", colour, more=THICK)
            )
        if np.isfinite(row.value):
            parts.append(mark(plot.px(row.value), plot.py(k), 0, colour, hollow=hollow))
    counts = main["verdict"].value_counts()
    verdicts = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
    parts.append(
        written(plot.left, 40, f"{_title(across, model)}: {verdicts}", "start", drawing.TITLE)
    )
    for k, verdict in enumerate(VERDICTS):
        x, colour = (650, 735, 850)[k], COLOUR_OF[verdict]
        parts += [path(x, 16, "h28", colour, more=THICK), written(x + 36, 20, verdict, "start")]
        parts.append(mark(x + 14, 16, 0, colour, hollow=verdict != PROXY))
    caption = (
        f"Where {across} that are sensitive to a perturbation are also those that are unstable in the "
        f"footage, the mark lies right of zero. n = {span(main['n'])} {across}; bars are 95 % intervals "
        "over clusters. A coefficient is not a verdict: several conditions must hold, and the colour "
        "shows the study's verdict."
    )
    alt = f"Correlations with intervals {_title(across, model)}"
    return drawing.by_hand(parts, plot.bottom + 44, alt, caption)


def _corner(names: list[str]) -> tuple[float, float]:
    """Return where axes begin that have these names on the left, px."""
    return 16 + 6.7 * max(map(len, names)), 50


def matrix_figures(run: RunTables) -> tuple[list[Picture], str]:
    """Draw perturbations against stability metrics and against each other, given the confounder."""
    every = sorted(
        _each(run.rows("correlation_matrix")), key=lambda study: not _tells(run, study[0], study[1])
    )
    found = []
    for across, model, rows in every[:MOST_MATRICES]:
        table = run.rows("correlation")
        families = dict(zip(table["perturbation"], table["family"], strict=True))
        names = [n for n in rows["row"].drop_duplicates() if n in families]
        place = {name: k for k, name in enumerate(family_order())}
        perturbations = sorted(names, key=lambda n: place.get(families[n], len(place)))[:MOST_CELLS]
        others = [name for name in rows["row"].drop_duplicates() if name not in set(perturbations)]
        method = PARTIAL if (rows["method"] == PARTIAL).any() else PLAIN
        of = rows[rows["method"] == method]
        columns = [name for name in others if (of["column"] == name).any()]
        if len(of) and columns:
            found.append(
                _against_stability(of, perturbations, columns, method, _title(across, model))
            )
        if len(of) and len(perturbations) > 1:
            found.append(_against_each_other(of, perturbations, _title(across, model)))
    left = [_title(across, model) for across, model, _ in every[MOST_MATRICES:]]
    return (
        found,
        f"Matrices not drawn: {listing(left)}; see correlation_matrix.parquet." if left else "",
    )


def _tells(run: RunTables, across: str, model: str) -> bool:
    return any(
        (a, m) == (across, model) and (rows["verdict"] != CANNOT_TELL).any()
        for a, m, rows in _each(run.rows("correlation"))
    )


def _square(of: pd.DataFrame, rows: list[str], columns: list[str], what: str) -> np.ndarray:
    wide = of.pivot_table(index="row", columns="column", values=what, sort=False, dropna=False)
    return wide.reindex(index=rows, columns=columns).to_numpy(np.float64)


def _against_stability(
    of: pd.DataFrame, perturbations: list[str], columns: list[str], method: str, title: str
) -> Picture:
    given = "given the confounder" if method == PARTIAL else "as it is, confounded"
    caption = (
        "Sensitivity to each perturbation (rows) against what the footage shows (columns). n = "
        f"{int(of['n'].max())}; in brackets 95 % intervals over clusters; pale: the interval holds zero. After "
        "Gu et al. 2019, with intervals."
    )
    title, alt = f"{title}: Spearman, {given}", f"Correlation matrix {title}, {given}"
    return _matrix(of, perturbations, columns, (title, alt, caption))


def _against_each_other(of: pd.DataFrame, names: list[str], title: str) -> Picture:
    caption = (
        "Spearman correlation of the sensitivities, given the confounder where there is one, n = "
        f"{int(of['n'].max())}. Pale: the interval holds zero. Perturbations that always move together "
        "are one proxy."
    )
    alt = f"Perturbations against each other, {title}"
    return _matrix(of, names, names, (f"{title}: perturbations against each other", alt, caption))


def _matrix(
    of: pd.DataFrame, names: list[str], columns: list[str], words: tuple[str, str, str]
) -> Picture:
    """Draw a cell a coefficient; against other columns than the rows with its value and interval."""
    value, low, high = (_square(of, names, columns, what) for what in ("value", "low", "high"))
    sure, spoken, nouns = (
        (low > 0) | (high < 0),
        names != columns,
        [phrase(name).noun for name in names],
    )
    (left, top), (title, alt, caption) = _corner(nouns), words
    wide = min(118.0 if spoken else 25.0, (drawing.WIDTH_PX - left - 100) / len(columns))
    tall = 30.0 if spoken else wide
    right, bottom = left + wide * len(columns), top + tall * len(names)
    parts = [written(left, top - 8, title, "start", drawing.TITLE)]
    for i, noun in enumerate(nouns):
        parts.append(written(left - 7, top + (i + 0.5) * tall + 4, noun, "end"))
    for j, name in enumerate(columns):
        x, y = left + (j + 0.5) * wide, bottom + 10
        if spoken:
            lines = enumerate(textwrap.wrap(_short(name), 16))
            parts += [written(x, y + 6 + 14 * k, text) for k, text in lines]
        else:
            parts.append(written(x + 4, y, nouns[j], "end", drawing.turned(x + 4, y)))
    for i, j in zip(*np.nonzero(~np.isnan(value)), strict=True):
        x, y, fill = (
            left + j * wide,
            top + i * tall,
            _colour(value[i, j]) + ("" if sure[i, j] else PALE),
        )
        parts.append(path(x, y, f"h{wide:.1f}v{tall:.1f}h-{wide:.1f}z", "none", fill=fill))
        if spoken:
            white = sure[i, j] and abs(value[i, j]) > 0.62
            style = f"font-size='8.8' fill='{'white' if white else 'black'}'"
            style += " font-weight='bold'" if sure[i, j] else ""
            says = with_interval(value[i, j], low[i, j], high[i, j]).partition(" [")
            parts.append(written(x + wide / 2, y + tall / 2 - 2, says[0], more=style))
            parts.append(
                written(x + wide / 2, y + tall / 2 + 9, "".join(says[1:]).strip(), more=style)
            )
    half, middle = max(0.3 * (bottom - top), 60), max((top + bottom) / 2, top + 60)
    bar = Plot(right + 14, middle - half, right + 29, middle + half, (0, 1), (-1, 1))
    stops = (f"<stop offset='{k / 10}' stop-color='{each}'/>" for k, each in enumerate(RED_TO_BLUE))
    parts.append(f"<linearGradient id='bar' y1='1' x2='0' y2='0'>{''.join(stops)}</linearGradient>")
    parts.append(path(bar.left, bar.top, f"h15V{bar.bottom:.1f}h-15z", fill="url(#bar)"))
    for at, text in SCALE.items():
        parts += [
            path(bar.right, bar.py(at), "h4"),
            written(bar.right + 8, bar.py(at) + 4, text, "start"),
        ]
    x = bar.right + 60
    parts.append(written(x, middle, "correlation", more=drawing.turned(x, middle)))
    below = 54 if spoken else 16 + 6.7 * max(map(len, nouns))
    width = max(right + 110, left + 7.5 * len(title))
    return drawing.by_hand(parts, max(bottom + below, bar.bottom + 12), alt, caption, width)


def _colour(value: float) -> str:
    parts = ([int(each[k : k + 2], 16) for each in RED_TO_BLUE] for k in (1, 3, 5))
    return "#" + "".join(
        f"{round(np.interp(value, np.linspace(-1, 1, 11), part)):02x}" for part in parts
    )


def _short(metric: str) -> str:
    known = find_metric(metric) or metric_of_column(metric)
    return (metric.replace("_", " ") if known is None else known.title).split(" (")[0]


def rows(run: RunTables) -> list[dict[str, str]]:
    found = []
    for across, model, each in _each(run.rows("correlation")):
        for row in primary_rows(each).itertuples():
            found.append(
                {
                    "study": _title(across, model),
                    "perturbation": phrase(str(row.perturbation)).noun,
                    "value": number(row.value),
                    "interval": interval(row.low, row.high),
                    "given": str(row.given) or "nothing",
                    "q": number(row.q),
                    "n": str(row.n),
                    "verdict": str(row.verdict),
                    "reason": str(getattr(row, "reason", "") or ""),
                }
            )
    return found
