"""Correlation in the report: which perturbations are proxies for what happens in the footage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.correlate.coefficients import PARTIAL
from vidrobust.stages.correlate.stage import FILE
from vidrobust.stages.correlate.studies import Conclusions
from vidrobust.stages.correlate.verdicts import CANNOT_TELL, NO_EVIDENCE, PROXY, ProxyJudgement
from vidrobust.text.numbers import interval, number
from vidrobust.text.phrases import listing, span

VERDICTS = tuple(ProxyJudgement)
COLOUR_OF = {PROXY: drawing.COLOURS[0], NO_EVIDENCE: drawing.COLOURS[1], CANNOT_TELL: drawing.GREY}
PLAIN = "spearman"
ACROSS = {
    "frames": "across the frames of one model",
    "clips": "across clips",
    "models": "across models",
}
MOST_CELLS = 15  # perturbations drawn in one figure; all of them are in the table
MOST_FORESTS = 6  # studies whose coefficients are drawn


def studies(run: RunTables) -> list[dict[str, Any]]:
    said = _conclusions(run)
    found = []
    for across, model, rows in _each(run.rows("correlation")):
        words = said.study(across, model)
        main = primary_rows(rows)
        verdict = main.set_index("perturbation")["verdict"].to_dict()
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
    method = "partial Spearman" if main["method"].iloc[0] == PARTIAL else "Spearman"
    label = f"{method} correlation of sensitivity and instability" + (
        f", given {given}" if given else ""
    )
    counts = main["verdict"].value_counts()
    verdicts = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 0.75 + 0.155 * len(main))
        axis = axes[0, 0]
        drawing.forest(
            axis,
            [phrase(str(name)).noun for name in main["perturbation"]],
            *(main[name].to_numpy(np.float64) for name in ("value", "low", "high")),
            colours=[COLOUR_OF.get(verdict, drawing.GREY) for verdict in main["verdict"]],
        )
        axis.axvline(0, color=drawing.DARK, linewidth=0.8)
        axis.set_xlim(-1.02, 1.02)
        axis.set_xlabel(label)
        axis.set_title(f"{_title(across, model)}: {verdicts}")
        for verdict in VERDICTS:
            axis.plot([], [], "o-", color=COLOUR_OF[verdict], markersize=4.5, label=verdict)
        axis.legend(loc="lower right")
        caption = (
            f"Where {across} that are sensitive to a perturbation are also those that are unstable in the "
            f"footage, the mark lies right of zero. n = {span(main['n'])} {across}; bars are 95 % intervals "
            "over clusters. A coefficient is not a verdict: several conditions must hold, and the colour "
            "shows the study's verdict."
        )
        return drawing.encode(
            figure, f"Correlations with intervals {_title(across, model)}", caption
        )


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
