"""What the answer says of causes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import (
    CATALOGUE,
    EITHER,
    GROUPS,
    KEYFRAMES,
    MOTION,
    NOT_MEASURED,
)
from vidrobust.stages.causes.outcomes import Replication
from vidrobust.stages.causes.section import (
    LEAST_DRAWN,
    alike_in_words,
    excluded,
    named_causes,
    whole,
)
from vidrobust.stages.causes.shares import SMALLEST_SHARE
from vidrobust.stages.stability.rates import not_compared, overall
from vidrobust.statement import NEEDS_MODEL, Level, Question, Statement, figures_of
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, part_with_interval, share
from vidrobust.text.phrases import capital, listing, plural

MORE_FOOTAGE = "Use more or longer clips."
LITTLE = 0.1  # a share that is surely below this is little
# an interval whose ends are further apart, as a ratio, leaves the order of magnitude open: only its ends are said
FAR_APART_ENDS = 10
WIDEST_KNOWN = 0.3  # a share whose interval is wider is undecided
# pairs of a clip from which its own share is compared with that of the other clips
FEWEST_OF_CLIP = 5
# Shares of two clips that differ by more are never given as one figure alone, even without intervals.
FAR_APART = 0.25
# Largest p of Cochran's Q at which clips disagree about a share (Cochran 1954, "The combination of estimates
# from different experiments").
DISAGREE = 0.05


def statements(run: RunTables) -> Iterator[Statement]:
    recorded = {entry.name for entry in run.record.models if entry.is_recorded}
    for model, task in run.tasks.items():
        if model in recorded:
            yield _missing(NEEDS_MODEL, "why_needs_model", model)
            continue
        there = [
            (prefix, of, account)
            for prefix, of in task.accounts.items()
            if len(account := whole(run, model, f"{prefix}account", "group"))
        ]
        if not there:
            yield _not_replayed(run, model)
        for prefix, of, account in there:
            yield from _of_account(run, model, prefix, of, account)


def _missing(text: str, kind: str, model: str, **more: Any) -> Statement:
    return Statement.missing(Question.WHY, text, kind, model, **more)


def _not_replayed(run: RunTables, model: str) -> Statement:
    why = not_compared(run)
    if why:
        return _missing(
            f"Not measured: there is no pair of frames to replay ({why}).", "why_no_pairs", model
        )
    if run.left_out("pairs") == "budget":
        command = f"vidrobust causes {run.folder_name} --pairs 24"
        text = "Not measured: the budget left no time to replay pairs of frames."
        return _missing(text, "why_not_run", model, command=command)
    if "causes" in run.record.stages:
        text = f"Not enough data: no pair of frames could be replayed, {FEWEST_ROWS} needed. {MORE_FOOTAGE}"
        return _missing(text, "why_no_pairs", model)
    leading = run.tasks[model].answered[0]
    n = int(overall(run.rows("stability"), model, leading)["n"])
    if 0 < n < FEWEST_ROWS:
        compared = plural(n, "pair or frame", "pairs or frames")
        text = f"Not enough data to attribute the change: {compared}, {FEWEST_ROWS} needed. {MORE_FOOTAGE}"
        return _missing(text, "why_few_pairs", model, n=n)
    return _missing(
        "Not measured: the footage has not been replayed cause by cause.",
        "why_not_run",
        model,
        command=f"vidrobust causes {run.folder_name}",
    )


def _of_account(
    run: RunTables, model: str, prefix: str, of: str, account: pd.DataFrame
) -> Iterator[Statement]:
    n = int(account["n"].max())
    if n < FEWEST_ROWS:
        text = f"Not enough data to attribute {of}: {plural(n, 'pair')} replayed, {FEWEST_ROWS} needed."
        text += f" {_more(run)}"
        yield _missing(text, "why_few_pairs", model, n=n)
        return
    if not account.loc[account["cause"] != KEYFRAMES, "share"].notna().any():
        text = f"Nothing to attribute: {plural(n, 'pair')} show no {of.removeprefix('the ')}."
        yield _of(model, text, Level.NO_EFFECT, "why_no_change", n=n)
        return
    alike = alike_in_words(run, model)
    if alike:
        text = f"Cannot tell where {of} comes from: {alike}. The model does not answer to what it sees."
        yield _of(model, text, Level.MEASURED, "why_any_change_alike", n=n)
        return
    names = named_causes(run, model, prefix, "group")
    again = _replications(run, model, prefix)
    by_size = account.sort_values("share", ascending=False, kind="stable").to_dict("records")
    groups = [row for row in by_size if row["cause"] != NOT_MEASURED]
    named = [row for row in groups if row["cause"] in names]
    if not names & {*MOTION} and named_causes(run, model, prefix, "either"):
        either = whole(run, model, f"{prefix}account", "either").to_dict("records")
        named, names = [*either, *named], names | {*MOTION}
    for row in named:
        yield _named(run, model, prefix, of, row, again.get(str(row["cause"]), Replication()))
        yield from _within(run, model, prefix, row)
    yield from _of_rest(model, of, [row for row in groups if row["cause"] not in names], n)
    yield from _not_measured(run, model, prefix, of, by_size)


def _not_measured(
    run: RunTables, model: str, prefix: str, of: str, groups: list[dict[str, Any]]
) -> Iterator[Statement]:
    for row in groups:
        if row["cause"] == NOT_MEASURED and row["share"] >= LEAST_DRAWN:
            why = excluded(run, model, f"{prefix}causes")
            why = f" ({why})" if why else ""
            text = f"{capital(share(row['share']))} of {of} could not be measured{why}: any cause may have made it."
            yield _of(model, text, Level.MEASURED, "why_not_measured", row, share_of=NOT_MEASURED)


def _more(run: RunTables) -> str:
    asked = run.record.settings.get("pairs")
    out_of_time = run.record.sample.get("asked", 0) >= FEWEST_ROWS
    if out_of_time or (asked is not None and asked < FEWEST_ROWS):
        return f"Use --pairs {2 * FEWEST_ROWS}."
    return MORE_FOOTAGE


def _replications(run: RunTables, model: str, prefix: str) -> dict[str, Replication]:
    table = run.rows(f"{prefix}named")
    rows = table[(table["model"] == model) & (table["level"] != "cause")].to_dict("records")
    return {str(row["cause"]): Replication.of_row(row) for row in rows}


def _of(
    model: str,
    text: str,
    level: Level,
    kind: str,
    row: dict[str, Any] | None = None,
    *,
    n: int = 0,
    **more: Any,
) -> Statement:
    figures = {"n": n} if row is None else figures_of(row, "share")
    return Statement(Question.WHY, text, level, kind, model, **figures, **more)


def _named(
    run: RunTables, model: str, prefix: str, of: str, row: dict[str, Any], again: Replication
) -> Statement:
    explained = part_with_interval(row["share"], row["low"], row["high"])
    group = {**GROUPS, EITHER.name: EITHER}[row["cause"]]
    text = f"{capital(group.which('account'))} for {explained} of {of}"
    if FAR_APART_ENDS * row["low"] < row["high"]:
        ends = f"between {share(row['low'])} and {share(row['high'])}"
        text = f"{capital(group.which('contribute'))} {ends} to {of}"
    text += (
        f", {again.in_words}."
        if again.tested
        else f". Whether other footage shows it was {again.in_words}."
    )
    if group is EITHER:
        text += " Which of the two cannot be told: nothing at rest is seen beside it."
    span = clip_range(run, model, f"{prefix}account", str(row["cause"]))
    if span:
        text += f" Clips differ: {share(span[0])} to {share(span[1])}."
    sure = again.tested > 0 and not again.fails
    return _of(
        model,
        text,
        Level.REPLICATED if sure else Level.SUGGESTED,
        "why_named",
        row,
        is_open=not sure,
        share_of=group.name,
    )


def clip_range(run: RunTables, model: str, table: str, cause: str) -> tuple[float, float] | None:
    """Smallest and largest share of a group over the clips, where these disagree; else None."""
    rows = run.rows(table)
    mine = rows[(rows["model"] == model) & (rows["item"] != "") & (rows["level"] == "group")]
    mine = mine[mine["cause"] == cause]
    mine = mine[(mine["n"] >= FEWEST_OF_CLIP) & mine["share"].notna()]
    if len(mine) < 2:
        return None
    share = mine["share"].to_numpy(np.float64)
    apart = float(share.max() - share.min())
    # the error of the measurement is much the same in all clips
    error = (mine["pairs_high"] - mine["pairs_low"]).to_numpy(np.float64) / (2 * 1.96)
    if apart > FAR_APART or cochran_p(share, error) <= DISAGREE:
        return float(share.min()), float(share.max())
    return None


def cochran_p(value: np.ndarray, error: np.ndarray) -> float:
    """P-value of Cochran's Q that estimates (n,) share one truth; 1 with fewer than two errors."""
    from scipy.special import chdtrc

    use = np.isfinite(error) & (error > 0)
    if use.sum() < 2:
        return 1.0
    weight = 1 / error[use] ** 2
    mean = (weight * value[use]).sum() / weight.sum()
    return float(chdtrc(use.sum() - 1, (weight * (value[use] - mean) ** 2).sum()))


def _within(run: RunTables, model: str, prefix: str, group: dict[str, Any]) -> Iterator[Statement]:
    """Which causes of a group are named, with their shares of it, as the page shows both: of 100 % at most."""
    account = whole(run, model, f"{prefix}account")
    names = named_causes(run, model, prefix)
    inside = account[(account["group"] == group["cause"]) & account["cause"].isin(names)]
    # a group of one cause has been told
    if len(account[account["group"] == group["cause"]]) < 2 or not group["share"] > 0:
        return
    for row in inside.sort_values("share", ascending=False, kind="stable").to_dict("records"):
        part = {
            name: float(np.clip(row[name] / min(group["share"], 1.0), 0, 1))
            for name in ("share", "low", "high")
        }
        explained = part_with_interval(part["share"], part["low"], part["high"])
        text = f"{explained} of that is {CATALOGUE[row['cause']].title}."
        yield _of(model, text, Level.MEASURED, "why_within", {**row, **part})


def _of_rest(model: str, of: str, rest: list[dict[str, Any]], n: int) -> Iterator[Statement]:
    """What is said of groups that are not named: a size, a limit, or that it is undecided."""
    # what occurs in no pair has a share of 0 by construction, which is no finding
    known_rows = [row for row in rest if known(row["high"]) and row["occurs"]]
    wide = [row for row in known_rows if row["high"] - max(row["low"], 0.0) > WIDEST_KNOWN]
    for row in known_rows:
        if row in wide or row["low"] <= 0 or row["share"] < SMALLEST_SHARE:
            continue
        title = GROUPS[row["cause"]].title
        explained = part_with_interval(row["share"], row["low"], row["high"])
        text = f"{capital(title)}: {explained} of {of}."
        yield _of(model, text, Level.MEASURED, "why_measured", row, share_of=row["cause"])
        wide.append(row)
    rest = [row for row in known_rows if row not in wide]
    small = [row for row in rest if row["high"] < LITTLE]
    open_ = [row for row in wide if row["high"] - max(row["low"], 0.0) > WIDEST_KNOWN]
    for begin, some, level, kind in (
        ("", [row for row in rest if row not in small], Level.MEASURED, "why_at_most"),
        (f"Little or nothing of {of} comes from ", small, Level.NO_EFFECT, "why_no_effect"),
    ):
        if not some:
            continue
        limits = [f"{GROUPS[row['cause']].title} (at most {share(row['high'])})" for row in some]
        figures = {
            "value": max(row["share"] for row in some),
            "low": min(row["low"] for row in some),
            "high": max(row["high"] for row in some),
        }
        contribute = "" if begin else f" may contribute to {of}"
        text = f"{capital(begin + listing(limits))}{contribute}."
        yield Statement(Question.WHY, text, level, kind, model, n=n, **figures)
    for help_ in (True, False):
        some = [r for r in open_ if (r["pairs_high"] - r["pairs_low"] > WIDEST_KNOWN) == help_]
        if some:
            begin, *others = [
                f"{GROUPS[row['cause']].title} may account for up to {share(row['high'])} of {of}"
                for row in some[:1]
            ] + [f"{GROUPS[row['cause']].title} up to {share(row['high'])}" for row in some[1:]]
            end = "more pairs would help" if help_ else "more pairs would not help"
            text = f"{capital(listing([begin, *others], 4))}; not settled, and {end}."
            yield _of(model, text, Level.MEASURED, "why_open", n=n, is_open=help_)
