"""The answer in a few lines: how stable, where it is worst, why, what to train with, what could not be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from vidrobust.report import account_section, policy_section, stability_section
from vidrobust.report.run_tables import RunTables
from vidrobust.report.words import (
    CAUSES,
    clock,
    cut,
    known,
    listing,
    percent,
    percent_with_interval,
    plural,
)

LEAST_TOLD = 0.05
"""A smaller share of the account is not told by name."""


@dataclass(frozen=True)
class Answer:
    """What one model's run comes to: (question, answer in plain words) in the order of telling."""

    model: str
    lines: tuple[tuple[str, str], ...]


def answers(run: RunTables) -> list[Answer]:
    """One answer a model, from whatever stages have run."""
    pages = {page.model: page for page in policy_section.policies(run)}
    return [Answer(model, tuple(_lines(run, model, pages.get(model)))) for model in run.models]


def text_of(run: RunTables) -> str:
    """The answers as the console shows them."""
    found = []
    for answer in answers(run):
        found.append(answer.model)
        found += [f"  {question:<12} {said}" for question, said in answer.lines]
    report = run.folder / "report.html"
    if report.is_file():
        found.append(f"The whole report: {report}")
    return "\n".join(found)


def _lines(run: RunTables, model: str, page: policy_section.PolicyPage | None) -> Iterator[tuple[str, str]]:
    stability = run.table("stability")
    if stability is not None:
        yield "How stable", _how_stable(run, stability, model)
        worst = _worst(run, model)
        if worst:
            yield "Worst", worst
    account = account_section.whole(run, model)
    if len(account):
        yield "Why", _why(account)
    if page is not None:
        yield "Train with", _train(page)
        unknown = _not_told(page, account)
        if unknown:
            yield "Not told", unknown


def _how_stable(run: RunTables, stability: pd.DataFrame, model: str) -> str:
    flip = stability_section.overall(stability, model, "flip_rate")
    if not flip["n"] or not known(flip["value"]):
        return "no two neighbouring frames could be compared"
    rate = percent_with_interval(flip["value"], flip["low"], flip["high"])
    scope = plural(len(run.items), "clip") if len(run.items) > 1 else "one clip"
    steady = "the answer never changes" if flip["value"] == 0 else "the answer changes"
    return f"{steady} between neighbouring frames: {rate} of {int(flip['n'])} pairs in {scope}"


def _worst(run: RunTables, model: str) -> str:
    moments = [m for m in run.json("moments.json").get("moments", []) if m["model"] == model]
    if not moments:
        return ""
    first = moments[0]
    where = f"{cut(str(first['item']), 40)} at {clock(float(first['time_a_s']))}"
    if not first["flip"]:
        moved = percent(float(first["total_variation"]))
        return f"{where}: {cut(str(first['label_a']))} keeps the lead, {moved} of the probability moves"
    swaps = _swaps(run, model)
    often = f"; most often {swaps}" if swaps else ""
    return f"{where}: {cut(str(first['label_a']))} becomes {cut(str(first['label_b']))}{often}"


def _swaps(run: RunTables, model: str) -> str:
    """The two classes that change places most often between neighbours."""
    pairs, frames = run.table("pairs"), run.table("frames")
    if pairs is None or frames is None:
        return ""
    flips = pairs[
        (pairs["model"] == model)
        & (pairs["kind"] == "adjacent")
        & (pairs["excluded"] == "")
        & pairs["label_flip"]
    ]
    names = frames[frames["model"] == model].set_index(["item", "frame"])["label_name"]
    both = [
        frozenset((names.get((p.item, p.frame_a), ""), names.get((p.item, p.frame_b), "")))
        for p in flips.itertuples()
    ]
    counted = pd.Series(both).value_counts() if both else pd.Series(dtype=int)
    if counted.empty or counted.iloc[0] < 2:
        return ""
    one, other = (cut(name) for name in sorted(counted.index[0]))
    return f"{one} and {other} change places ({plural(int(counted.iloc[0]), 'time')})"


def _why(account: pd.DataFrame) -> str:
    told = account[(account["share"] >= LEAST_TOLD) & (account["cause"] != "unexplained")]
    parts = [
        f"{CAUSES[row.cause]} {percent_with_interval(row.share, row.low, row.high)}"
        for row in told.sort_values("share", ascending=False).itertuples()
    ]
    if not parts:
        return "nothing that was measured explains the change"
    rest = account.loc[account["cause"] == "unexplained", "share"]
    left = f"; {percent(float(rest.iloc[0]))} is not explained" if len(rest) and known(rest.iloc[0]) else ""
    return f"the change comes from {listing(parts)}{left}"


def _train(page: policy_section.PolicyPage) -> str:
    if not page.steps:
        return "no augmentation of the whole frame is recommended by this footage"
    return listing(
        [f"{s['perturbation']} {s['range']} (comes back in {s['comes_back']} of halves)" for s in page.steps]
    )


def _not_told(page: policy_section.PolicyPage, account: pd.DataFrame) -> str:
    unsure = [row for row in page.rejected if row["reason"].startswith("cannot tell")]
    if not unsure:
        return ""
    what = unsure[0]["reason"].removeprefix("cannot tell: ")
    more = f" (and {len(unsure) - 1} more, see the report)" if len(unsure) > 1 else ""
    return f"{unsure[0]['perturbation']}: {what}{more}"
