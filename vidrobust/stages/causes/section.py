"""Why the outputs changed: the account of causes as one bar, and its figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import ACCOUNT_CAUSES, CATALOGUE
from vidrobust.stages.causes.excluded import in_words
from vidrobust.stages.causes.shares import ADJACENT
from vidrobust.stages.sensitivity.of_size import answers_to_any_change_alike
from vidrobust.text.numbers import percent, share_with_interval
from vidrobust.text.phrases import plural

SMALLEST_LABEL = 0.06  # a smaller part of the bar has no room for its name


def whole(run: RunTables, model: str, name: str = "account") -> pd.DataFrame:
    """The account of a model over all items, from the table ``name``, in the order of the causes; may be empty."""
    table = run.table(name)
    if table is None:
        return pd.DataFrame(columns=["cause", "share", "low", "high", "n"])
    rows = table[(table["model"] == model) & (table["item"] == "")].set_index("cause")
    return rows.reindex([cause for cause in ACCOUNT_CAUSES if cause in rows.index]).reset_index()


def named_causes(run: RunTables, model: str, prefix: str = "") -> frozenset[str]:
    """The causes that are named of a model; none of one that any change moves alike, as noise would do all of
    it.
    """
    table = run.table(f"{prefix}named")
    if table is None or answers_to_any_change_alike(run, model):
        return frozenset()
    return frozenset(str(cause) for cause in table.loc[table["model"] == model, "cause"])


def rows(run: RunTables) -> list[dict[str, str]]:
    return [
        {"model": model if len(task.accounts) == 1 else f"{model}, {of}", **_row(row, excluded)}
        for model, task in run.tasks.items()
        for prefix, of in task.accounts.items()
        for excluded in [_excluded(run, model, f"{prefix}causes")]
        for row in whole(run, model, f"{prefix}account").to_dict("records")
    ]


def _excluded(run: RunTables, model: str, name: str) -> str:
    table = run.table(name)
    if table is None:
        return ""
    return in_words(table[(table["model"] == model) & (table["scale"] == ADJACENT)])


def _row(row: dict[str, Any], excluded: str) -> dict[str, str]:
    specific = share_with_interval(row["specific"], row["specific_low"], row["specific_high"])
    flips = int(row["flips"])
    return {
        "cause": CATALOGUE[row["cause"]].title,
        "share": share_with_interval(row["share"], row["low"], row["high"]),
        "specific": specific if np.isfinite(row["specific"]) else "",
        "flips": f"{int(row['flips_mostly'])} of {flips}" if flips else "no flip among these pairs",
        "due": _due(row),
        "n": f"{int(row['n'])} in {plural(int(row['clusters']), 'stretch')}",
        "excluded": excluded,
    }


def _due(row: dict[str, Any]) -> str:
    if not np.isfinite(row["flips_due"]):
        return ""
    low, high = row["flips_due_low"], row["flips_due_high"]
    return f"{row['flips_due']:.0f}" + (f" [{low:.0f}, {high:.0f}]" if high > low else "")


def bars(run: RunTables) -> list[Picture]:
    """The account of each model that is no detector as one bar of a length of 100 %."""
    return _bars(run, [*run.models, *run.others], "the model's output")


def detector_bars(run: RunTables) -> list[Picture]:
    """The same of the scores of each detector's boxes, and of where they lie."""
    return [
        *_bars(run, run.detectors, "the scores of its boxes"),
        *_bars(run, run.detectors, "where its boxes lie about what they hold", "place_account"),
    ]


def _bars(run: RunTables, models: list[str], of: str, name: str = "account") -> list[Picture]:
    found = []
    for model in models:
        account = whole(run, model, name)
        if len(account) and account["share"].notna().any():
            found.append(_bar(model, account, of, several=len(run.tasks) > 1))
    return found


def _bar(model: str, account: pd.DataFrame, of: str, *, several: bool) -> Picture:
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 1.15)
        ax, left = axes[0, 0], 0.0
        for row in account.to_dict("records"):
            size = max(0.0, float(row["share"]))
            if not size > 0:
                continue
            ax.barh(
                [0], [100 * size], left=[100 * left], color=CATALOGUE[row["cause"]].colour, edgecolor="white"
            )
            if size >= SMALLEST_LABEL:
                name = CATALOGUE[row["cause"]].title.replace(" of ", "\nof ").replace(" and ", "\nand ")
                text = f"{name}\n{percent(size)}"
                ax.text(100 * (left + size / 2), 0, text, ha="center", va="center", fontsize=7)
            left += size
        ax.set_yticks([])
        ax.set_xlim(0, 100 * max(1.0, left))
        ax.set_xlabel(f"share of the change of {of} between neighbouring frames, %")
        n = int(account["n"].max())
        whose = f"{model}: " if several else ""
        what = "the model's change" if of == "the model's output" else f"the change of {of}"
        caption = f"{whose}what {what} from frame to frame comes from. n = {n} pairs."
        return drawing.encode(figure, f"The account of causes of {model} as one bar", caption)
