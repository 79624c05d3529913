"""Why the outputs changed: the account of causes in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import ACCOUNT_CAUSES, CATALOGUE, EITHER, GROUPS, UNDIVIDED
from vidrobust.stages.causes.outcomes import in_words
from vidrobust.stages.causes.shares import ADJACENT, Level
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import PairedRatio, paired_ratio
from vidrobust.text.numbers import number, part_with_interval, share, share_with_interval
from vidrobust.text.phrases import plural

LEAST_DRAWN = 0.005  # a smaller share rounds to nothing, and is no cause to look at
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
    table = run.rows(name)
    rows = table[(table["model"] == model) & (table["item"] == "") & (table["level"] == level)]
    rows = rows.set_index("cause")
    order = {"group": GROUPS, "cause": ACCOUNT_CAUSES, "either": (EITHER.name,)}[level]
    return rows.reindex([cause for cause in order if cause in rows.index]).reset_index()


def named_causes(
    run: RunTables, model: str, prefix: str = "", level: Level = "cause"
) -> frozenset[str]:
    """The causes or groups that are named of a model; none of one that any change moves alike."""
    table = run.rows(f"{prefix}named")
    if answers_to_any_change_alike(run, model):
        return frozenset()
    named = table[(table["model"] == model) & (table["level"] == level)]
    return frozenset(str(cause) for cause in named["cause"])


def rows(run: RunTables) -> list[dict[str, str]]:
    return [
        {
            "model": model if len(task.accounts) == 1 else f"{model}, {of}",
            **_row(row, left_out),
            "q": number(q.get(row["cause"]), missing="-"),
        }
        for model, task in run.tasks.items()
        for prefix, of in task.accounts.items()
        for left_out in [excluded(run, model, f"{prefix}causes")]
        for q in [_q_of(run, model, prefix)]
        for row in whole(run, model, f"{prefix}account").to_dict("records")
        if row["cause"] not in UNDIVIDED.values() or row["share"] >= LEAST_DRAWN
    ]


def _q_of(run: RunTables, model: str, prefix: str) -> dict[str, float]:
    table = run.rows(f"{prefix}named")
    named = table[(table["model"] == model) & (table["level"] == "cause")]
    return {str(row.cause): float(row.q) for row in named.itertuples()}


def excluded(run: RunTables, model: str, name: str) -> str:
    """Say how many neighbours could not be replayed, by reason; "" where all were."""
    table = run.rows(name)
    return in_words(table[(table["model"] == model) & (table["scale"] == ADJACENT)])


def _row(row: dict[str, Any], excluded: str) -> dict[str, str]:
    specific = part_with_interval(row["specific"], row["specific_low"], row["specific_high"])
    flips = int(row["flips"])
    return {
        "cause": CATALOGUE[row["cause"]].title,
        "share": part_with_interval(row["share"], row["low"], row["high"]),
        "specific": specific if np.isfinite(row["specific"]) else "",
        "flips": f"{int(row['flips_mostly'])} of {flips}" if flips else "no flip among these pairs",
        "due": f"{row['flips_due']:.0f}" if np.isfinite(row["flips_due"]) else "",
        "n": f"{int(row['n'])} in {plural(int(row['clusters']), 'stretch')}",
        "excluded": excluded,
    }


@dataclass(frozen=True)
class GroupShare:
    title: str
    share: str
    sure: bool  # it is named


@dataclass(frozen=True)
class SharedOut:
    """The groups of one account of one model; none where there are too few pairs, as ``said`` says."""

    model: str
    of: str
    groups: tuple[GroupShare, ...]
    said: str


def shared_out(run: RunTables) -> list[SharedOut]:
    """Return the groups of each model and account, in the order of the models."""
    accounts = []
    for model, task in run.tasks.items():
        for prefix, of in task.accounts.items():
            account = whole(run, model, f"{prefix}account", "group")
            if not account["share"].notna().any():
                continue
            pairs = int(account["n"].max())
            if pairs < FEWEST_ROWS:
                text = f"{plural(pairs, 'pair')} of frames replayed: too few to share {of} out (at least {FEWEST_ROWS})"
                accounts.append(SharedOut(model, of, (), text))
                continue
            named = named_causes(run, model, prefix, "group")
            groups = tuple(
                GroupShare(GROUPS[row.cause].title, share(row.share), row.cause in named)
                for row in account[account["share"] >= LEAST_DRAWN].itertuples()
            )
            text = (
                f"{plural(pairs, 'pair')} replayed; shares are of this footage and add up to 100 %"
            )
            accounts.append(SharedOut(model, of, groups, text))
    return accounts


def mildest_to_strongest(run: RunTables, model: str) -> PairedRatio | None:
    """Return response to the mildest over that to the strongest changes; None if unclear."""
    table = run.rows("sensitivity")
    rows = table[(table["model"] == model) & (table["metric"] == METRIC) & table["value"].notna()]
    moved = rows.groupby(["perturbation", "strength"], sort=True)["value"].mean()
    several = [curve.to_numpy(float) for _, curve in moved.groupby(level=0) if len(curve) > 1]
    if len(several) < FEWEST_KINDS:
        return None
    mildest, strongest = (np.array([curve[k] for curve in several]) for k in (0, -1))
    if strongest.mean() < LEAST_MOVED:
        return None
    return paired_ratio(strongest, mildest, np.arange(len(several)), events=False)


def answers_to_any_change_alike(run: RunTables, model: str) -> bool:
    """Return whether the mildest changes surely move the model nearly as far as the strongest."""
    return bool(alike_in_words(run, model))


def alike_in_words(run: RunTables, model: str) -> str:
    """Return the same in words with its figure; "" where the response grows with strength."""
    alike = mildest_to_strongest(run, model)
    if alike is None or not alike.low >= ALIKE:
        return ""
    ratio = share_with_interval(alike.ratio, alike.low, alike.high)
    return f"the mildest changes tried move the answer as far as the strongest ({ratio})"
