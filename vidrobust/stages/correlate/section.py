"""Correlation in the report: which perturbations are proxies for what happens in the footage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.correlate.coefficients import PARTIAL
from vidrobust.stages.correlate.studies import FILE, Conclusions
from vidrobust.stages.correlate.verdicts import CANNOT_TELL, ProxyJudgement
from vidrobust.text.numbers import interval, number
from vidrobust.text.phrases import listing

VERDICTS = tuple(ProxyJudgement)
PLAIN = "spearman"
ACROSS = {
    "frames": "across the frames of one model",
    "clips": "across clips",
    "models": "across models",
    "parts": "across parts",
    "classes": "across classes",
    "runs": "across runs",
}


def studies(run: RunTables) -> list[dict[str, Any]]:
    conclusions = _conclusions(run)
    studied = []
    for across, model, rows in each_study(run.rows("correlation")):
        words = conclusions.study(across, model)
        main = primary_rows(rows)
        verdict = main.set_index("perturbation")["verdict"].to_dict()
        studied.append(
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
    return studied


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


def each_study(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
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


def rows(run: RunTables) -> list[dict[str, str]]:
    lines = []
    for across, model, each in each_study(run.rows("correlation")):
        for row in primary_rows(each).itertuples():
            lines.append(
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
    return lines
