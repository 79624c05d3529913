"""The answer in a few lines: how stable, where it is worst, why, what to train with, what is undetermined."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.report.section import brought
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes import section as account_section
from vidrobust.stages.causes.catalogue import CATALOGUE, UNEXPLAINED
from vidrobust.stages.policy import section as policy_section
from vidrobust.stages.remedies import section as remedies_section
from vidrobust.stages.sensitivity import shift as of_size
from vidrobust.stages.stability.overall import not_compared, overall, reported_first
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.durations import clock
from vidrobust.text.numbers import known, number, percent, percent_with_interval, share_with_interval
from vidrobust.text.phrases import cut, listing, plural

SMALLEST_SAID = 0.05
"""A smaller share of the account is not named."""
LEAST_LEFT = 0.01
"""Less than this left unexplained is not worth a word."""


@dataclass(frozen=True)
class Answer:
    """What one model's run comes to: (question, answer in plain words) in the order of saying."""

    model: str
    lines: tuple[tuple[str, str], ...]


def answers(run: RunTables) -> list[Answer]:
    """One answer a model, from whatever stages have run."""
    pages = {page.model: page for page in policy_section.policies(run)}
    return [Answer(model, tuple(_lines(run, model, pages.get(model)))) for model in run.tasks]


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
        against = reported_first(stability, model)
        if against:
            yield "With labels", "; ".join(f"{words} {value}" for words, value in against)
        yield "How stable", _how_stable(run, stability, model)
        worst = _worst(run, model)
        if worst:
            yield "Worst", worst
    alike = of_size.in_words(run, model)
    for prefix, of in run.tasks[model].accounts.items():
        account = account_section.whole(run, model, f"{prefix}account")
        if len(account):
            named = account_section.named_causes(run, model, prefix)
            yield "Why", f"no cause can be named: {alike}" if alike else _why(account, named, of)
    yield from brought().each(lambda section: section.answer(run, model))
    yield from remedies_section.console_lines(run, model)
    if page is not None:
        yield "Train with", _train(page)
        unknown = _undetermined(page)
        if unknown:
            yield "Undetermined", unknown


def _how_stable(run: RunTables, stability: pd.DataFrame, model: str) -> str:
    scope = plural(len(run.items), "clip") if len(run.items) > 1 else "one clip"
    task, said = run.tasks[model], []
    for name in task.answered:
        metric = find_metric(name, task.name)
        found = overall(stability, model, name)
        if metric is None or metric.wording is None or not found["n"] or not known(found["value"]):
            continue
        rate = percent_with_interval(found["value"], found["low"], found["high"])
        words = metric.wording.happens if found["value"] else metric.wording.never
        said.append(f"{words}: {rate} of {plural(int(found['n']), metric.wording.of, metric.wording.many)}")
    if said:
        return f"{'; '.join(said)} in {scope}"
    why = not_compared(run)
    return f"{task.nothing}: {why}" if why else task.nothing


def _worst(run: RunTables, model: str) -> str:
    files = (f for f in ("moments.json", "box_moments.json") for f in run.json(f).get("moments", []))
    first = next((moment for moment in files if moment["model"] == model), None)
    if first is None:
        return ""
    item = cut(str(first["item"]), 40)
    if "what" in first:
        when, score = clock(float(first["time_b_s"])), number(first["score_before"])
        return f"{item} at {when}: {first['what']}, after a score of {score}"
    where = f"{item} at {clock(float(first['time_a_s']))}"
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


def _why(account: pd.DataFrame, named: Collection[str], of: str) -> str:
    """What is named, then what was measured and does no more than any change of its size, then what is left."""
    pairs = int(account["n"].max())
    if pairs < FEWEST_ROWS:
        return f"{plural(pairs, 'pair')} could be replayed, too few to say what {of} comes from (--pairs)"
    summary = account[(account["share"] >= SMALLEST_SAID) & (account["cause"] != UNEXPLAINED)]
    summary = summary.sort_values("share", ascending=False)
    found = summary[summary["cause"].isin(list(named))]
    alike = summary[~summary["cause"].isin(list(named)) & (summary["low"] > 0) & summary["specific"].notna()]
    said = []
    if len(found):
        said.append(f"{of} comes from {_shares(found)}")
    else:
        said.append(f"what {of} comes from cannot be determined from these {pairs} pairs")
    if len(alike):
        size = "motion" if all(CATALOGUE[cause].moves for cause in alike["cause"]) else "change"
        said.append(f"measured, but any {size} of that size does as much: {_shares(alike)}")
    rest = account.loc[account["cause"] == UNEXPLAINED, "share"]
    if len(rest) and known(rest.iloc[0]) and rest.iloc[0] >= LEAST_LEFT:
        said.append(f"{percent(float(rest.iloc[0]))} is not explained")
    return "; ".join(said)


def _shares(rows: pd.DataFrame) -> str:
    return listing(
        [
            f"{CATALOGUE[row.cause].title} {share_with_interval(row.share, row.low, row.high)}"
            for row in rows.itertuples()
        ]
    )


def _train(page: policy_section.PolicyPage) -> str:
    if not page.steps:
        said = "this footage gives no reason to train with a change of the whole frame"
        return f"{said}. {page.advice[0]}" if page.advice else said
    steps = listing(
        [
            f"{s['perturbation']} {s['range']} ({'; '.join(filter(None, (s['flips_at_most'], s['replication'])))})"
            for s in page.steps
        ]
    )
    return f"{steps}; trained with this, {page.trial}" if page.trial else steps


def _undetermined(page: policy_section.PolicyPage) -> str:
    unsure = page.undetermined
    if not unsure:
        return ""
    what = unsure[0]["reason"]
    more = f" (and {len(unsure) - 1} more, see the report)" if len(unsure) > 1 else ""
    return f"{unsure[0]['perturbation']}: {what}{more}"
