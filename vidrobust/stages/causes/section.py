"""Why the outputs changed: the account of causes as one bar, and its figures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import ACCOUNT_CAUSES, CATALOGUE, GROUPS, UNDIVIDED
from vidrobust.stages.causes.outcomes import in_words
from vidrobust.stages.causes.shares import ADJACENT, Level
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import PairedRatio, paired_ratio
from vidrobust.text.numbers import (
    interval_figures,
    number,
    part_with_interval,
    share,
    share_with_interval,
)
from vidrobust.text.phrases import plural

LENGTH = 1000  # of the bar, in units of its drawing
LEAST_DRAWN = (
    0.005  # a smaller share would be a line thinner than a pixel or two, and no cause to look at
)
METRIC = "total_variation"
# From here on the mildest changes do as much as the strongest: networks .08 to .25, a hash of a picture 1.00.
ALIKE = 0.8
# A model whose probability the strongest changes move by less on average answers to nothing.
LEAST_MOVED = 0.01
FEWEST_KINDS = 5  # perturbations with several strengths, from which on anything is said


def whole(
    run: RunTables, model: str, name: str = "account", level: Level = "cause"
) -> pd.DataFrame:
    """The account of a model over all items, by cause or by group in the order of the report; may be empty."""
    table = run.table(name)
    if table is None:
        return pd.DataFrame(columns=["cause", "share", "low", "high", "n"])
    rows = table[(table["model"] == model) & (table["item"] == "") & (table["level"] == level)]
    rows = rows.set_index("cause")
    order = GROUPS if level == "group" else ACCOUNT_CAUSES
    return rows.reindex([cause for cause in order if cause in rows.index]).reset_index()


def named_causes(
    run: RunTables, model: str, prefix: str = "", level: Level = "cause"
) -> frozenset[str]:
    """The causes or groups that are named of a model; none of one that any change moves alike."""
    table = run.table(f"{prefix}named")
    if table is None or answers_to_any_change_alike(run, model):
        return frozenset()
    named = table[(table["model"] == model) & (table["level"] == level)]
    return frozenset(str(cause) for cause in named["cause"])


def rows(run: RunTables) -> list[dict[str, str]]:
    return [
        {
            "model": model if len(task.accounts) == 1 else f"{model}, {of}",
            **_row(row, excluded),
            "q": number(q.get(row["cause"]), missing="-"),
        }
        for model, task in run.tasks.items()
        for prefix, of in task.accounts.items()
        for excluded in [_excluded(run, model, f"{prefix}causes")]
        for q in [_q_of(run, model, prefix)]
        for row in whole(run, model, f"{prefix}account").to_dict("records")
        if row["cause"] not in UNDIVIDED.values() or row["share"] >= LEAST_DRAWN
    ]


def _q_of(run: RunTables, model: str, prefix: str) -> dict[str, float]:
    table = run.table(f"{prefix}named")
    if table is None or "q" not in table:
        return {}
    named = table[(table["model"] == model) & (table["level"] == "cause")]
    return {str(row.cause): float(row.q) for row in named.itertuples()}


def _excluded(run: RunTables, model: str, name: str) -> str:
    table = run.table(name)
    if table is None:
        return ""
    return in_words(table[(table["model"] == model) & (table["scale"] == ADJACENT)])


def _row(row: dict[str, Any], excluded: str) -> dict[str, str]:
    specific = part_with_interval(row["specific"], row["specific_low"], row["specific_high"])
    flips = int(row["flips"])
    return {
        "cause": CATALOGUE[row["cause"]].title,
        "share": part_with_interval(row["share"], row["low"], row["high"]),
        "specific": specific if np.isfinite(row["specific"]) else "",
        "flips": f"{int(row['flips_mostly'])} of {flips}" if flips else "no flip among these pairs",
        "due": _due(row),
        "n": f"{int(row['n'])} in {plural(int(row['clusters']), 'stretch')}",
        "excluded": excluded,
    }


def _due(row: dict[str, Any]) -> str:
    if not np.isfinite(row["flips_due"]):
        return ""
    return f"{row['flips_due']:.0f}"


@dataclass(frozen=True)
class BarPart:
    """One group's piece of the bar, of LENGTH; ``sure``: it is named."""

    name: str
    colour: str
    start: float
    length: float
    share: str
    interval: str
    sure: bool


@dataclass(frozen=True)
class AccountBar:
    """The account of one model; without parts where there are too few pairs, as ``said`` says."""

    model: str
    of: str
    parts: tuple[BarPart, ...]
    said: str

    @property
    def alt(self) -> str:
        return f"What {self.of} comes from: " + ", ".join(f"{p.name} {p.share}" for p in self.parts)


def account_bars(run: RunTables) -> list[AccountBar]:
    """One bar a model and account, in the order of the models."""
    found = []
    for model, task in run.tasks.items():
        for prefix, of in task.accounts.items():
            account = whole(run, model, f"{prefix}account", "group")
            if len(account) and account["share"].notna().any():
                found.append(_bar(model, of, account, named_causes(run, model, prefix, "group")))
    return found


def _bar(model: str, of: str, account: pd.DataFrame, named: Collection[str]) -> AccountBar:
    pairs = int(account["n"].max())
    if pairs < FEWEST_ROWS:
        said = f"{plural(pairs, 'pair')} of frames replayed: too few to share {of} out (at least {FEWEST_ROWS})"
        return AccountBar(model, of, (), said)
    drawn = account[account["share"] >= LEAST_DRAWN]
    scale = LENGTH / max(1.0, float(drawn["share"].sum()))
    parts, start = [], 0.0
    for row in drawn.itertuples():
        length = float(row.share) * scale
        cause = GROUPS[row.cause]
        parts.append(
            BarPart(
                name=cause.title,
                colour=cause.colour,
                start=round(start, 1),
                length=round(length, 1),
                share=share(row.share),
                interval=interval_figures(max(0.0, row.low), min(row.high, 1.0)),
                sure=row.cause in named,
            )
        )
        start += length
    said = f"{plural(pairs, 'pair')} replayed; shares are of this footage and add up to 100 %"
    return AccountBar(model, of, tuple(parts), said)


def mildest_to_strongest(run: RunTables, model: str) -> PairedRatio | None:
    """Return response to the mildest over that to the strongest changes; None if unclear."""
    table = run.table("sensitivity")
    if table is None:
        return None
    rows = table[(table["model"] == model) & (table["metric"] == METRIC) & table["value"].notna()]
    moved = rows.groupby(["perturbation", "strength"], sort=True)["value"].mean()
    several = [each.to_numpy(float) for _, each in moved.groupby(level=0) if len(each) > 1]
    if len(several) < FEWEST_KINDS:
        return None
    mildest, strongest = (np.array([each[k] for each in several]) for k in (0, -1))
    if strongest.mean() < LEAST_MOVED:
        return None
    return paired_ratio(strongest, mildest, np.arange(len(several)), events=False)


def answers_to_any_change_alike(run: RunTables, model: str) -> bool:
    """Return whether the mildest changes surely move the model nearly as far as the strongest."""
    return bool(alike_in_words(run, model))


def alike_in_words(run: RunTables, model: str) -> str:
    """Return the same in words with its figure; "" where the response grows with strength."""
    found = mildest_to_strongest(run, model)
    if found is None or not found.low >= ALIKE:
        return ""
    ratio = share_with_interval(found.ratio, found.low, found.high)
    return f"the mildest changes tried move the answer as far as the strongest ({ratio})"
