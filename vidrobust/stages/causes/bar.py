"""The account of causes as one bar: what a page draws of it, and says of each part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import CATALOGUE, UNEXPLAINED
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import interval_figures, percent
from vidrobust.text.phrases import plural

LENGTH = 1000  # of the bar, in units of its drawing
ABOVE_ALL = 1.005  # from here on a share or its limit is written as more than 100 %
LEAST_DRAWN = 0.005  # a smaller share would be a line thinner than a pixel or two, and no cause to look at


@dataclass(frozen=True)
class BarPart:
    """One cause's piece of the bar, of LENGTH; ``sure``: it is named, or is what no cause explains."""

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
            account = whole(run, model, f"{prefix}account")
            if len(account) and account["share"].notna().any():
                found.append(_bar(model, of, account, named_causes(run, model, prefix)))
    return found


def _bar(model: str, of: str, account: pd.DataFrame, named: Collection[str]) -> AccountBar:
    pairs = int(account["n"].max())
    if pairs < FEWEST_ROWS:
        said = (
            f"{plural(pairs, 'pair')} of frames replayed: too few to share {of} out (at least {FEWEST_ROWS})"
        )
        return AccountBar(model, of, (), said)
    drawn = account[account["share"] >= LEAST_DRAWN]
    scale = LENGTH / max(1.0, float(drawn["share"].sum()))
    parts, start = [], 0.0
    for row in drawn.itertuples():
        length = float(row.share) * scale
        rest, cause = row.cause == UNEXPLAINED, CATALOGUE[row.cause]
        parts.append(
            BarPart(
                name=cause.title,
                colour=cause.colour,
                start=round(start, 1),
                length=round(length, 1),
                share=percent(float(row.share)),
                interval="" if rest else interval_figures(max(0.0, row.low), row.high),
                sure=rest or row.cause in named,
            )
        )
        start += length
    clusters = plural(int(account["clusters"].max()), "separate stretch", "separate stretches")
    stretches = f"based on {clusters} of footage"
    beyond = "; a share or its limit above 100 % is chance" if (drawn["high"] > ABOVE_ALL).any() else ""
    return AccountBar(model, of, tuple(parts), f"{plural(pairs, 'pair')} replayed, {stretches}{beyond}")
