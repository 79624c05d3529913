"""What the answer says of proxies: which perturbations track the instability in this footage, or what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.correlate.section import ACROSS, primary_rows
from vidrobust.stages.correlate.verdicts import CANNOT_TELL, PROXY, ProxyReason
from vidrobust.statement import Level, Question, Statement
from vidrobust.text.numbers import number, with_interval
from vidrobust.text.phrases import capital, listing, plural

MOST_NAMED = 3  # proxies that are named one by one; the others are counted
# Studies whose units are clips or models speak for more than one clip's frames.
ORDER = ("clips", "models", "frames")


def statements(run: RunTables) -> Iterator[Statement]:
    """Yield the families that are proxies, of the widest study that has any, or what would settle it."""
    table = run.rows("correlation")
    of_model = table["model"].fillna("").astype(str)
    for model in run.tasks:
        studies = [
            (across, primary_rows(table[(table["across"] == across) & of_model.isin(("", model))]))
            for across in ORDER
        ]
        known = [(across, rows) for across, rows in studies if len(rows)]
        if not known:
            continue
        proxies = [(across, rows[rows["family_verdict"] == PROXY]) for across, rows in known]
        across, best = next(((a, rows) for a, rows in proxies if len(rows)), ("", known[0][1][:0]))
        if len(best):
            yield _found(model, across, best)
            continue
        alone = [(across, rows[rows["verdict"] == PROXY]) for across, rows in known]
        across, best = next(((a, rows) for a, rows in alone if len(rows)), known[0])
        if (best["verdict"] == PROXY).any():
            yield _found_alone(model, across, best[best["verdict"] == PROXY])
        rest = dict(known)[across]
        if len(rest := rest[rest["verdict"] != PROXY]):  # the others have been told
            yield _none(model, across, rest)


def _found(model: str, across: str, rows: pd.DataFrame) -> Statement:
    key = rows["family"].where(rows["family"] != "", rows["perturbation"])
    of = {name: row["family_value"].iloc[0] for name, row in rows.groupby(key)}
    ordered = [rows[key == name] for name in sorted(of, key=lambda name: -of[name])]
    first = {**ordered[0].iloc[0].to_dict()}
    first |= {name: first[f"family_{name}"] for name in ("value", "low", "high")}
    names = [_named(members) for members in ordered[:MOST_NAMED]]
    more = len(ordered) - len(names)
    several = len(ordered) > 1 or len(ordered[0]) > 1
    text = f"{capital(listing(names))} {'track' if several else 'tracks'} the instability "
    text += f"{ACROSS[across]}, beyond {plural(int(first['family_others']), 'other family', 'other families')}"
    text += " of perturbations."
    text += f" {plural(more, 'other proxy', 'other proxies')} in the details." if more > 0 else ""
    return _statement(model, text, Level.MEASURED, "proxies_found", first)


def _found_alone(model: str, across: str, rows: pd.DataFrame) -> Statement:
    """Say which perturbations are proxies whose family cannot be told from the others."""
    ordered = rows.sort_values("value", ascending=False, kind="stable")
    names = [
        f"{phrase(str(row.perturbation)).noun} (partial correlation {with_interval(row.value, row.low, row.high)})"
        for row in ordered.head(MOST_NAMED).itertuples()
    ]
    tracks = "tracks" if len(rows) == 1 else "track"
    text = f"{capital(listing(names))} {tracks} the instability {ACROSS[across]}. Whether other perturbations of "
    text += f"{'its family' if len(rows) == 1 else 'their families'} do cannot be told yet."
    return _statement(model, text, Level.MEASURED, "proxies_found", ordered.iloc[0].to_dict())


def _named(members: pd.DataFrame) -> str:
    """A family, and those of its perturbations that cannot be told apart."""
    row = members.iloc[0]
    partial = with_interval(row["family_value"], row["family_low"], row["family_high"])
    alike = members[~(members["below_best"] > 0)].sort_values(
        "value", ascending=False, kind="stable"
    )
    nouns = [phrase(str(one)).noun for one in alike["perturbation"]]
    if len(members) == 1:
        return f"{nouns[0]} (partial correlation {partial})"
    return f"perturbations of {row['family']} ({listing(nouns, joined='or')}; partial correlation {partial})"


def _none(model: str, across: str, rows: pd.DataFrame) -> Statement:
    unclear = rows[(rows["verdict"] == CANNOT_TELL) | (rows["family_verdict"] == CANNOT_TELL)]
    n = int(rows["n"].max())
    if not len(unclear):
        text = f"No proxy {ACROSS[across]}: no family of {plural(len(rows), 'perturbation')} tracks it."
        return _statement(model, text, Level.NO_EFFECT, "proxies_none", {"n": n})
    needs = unclear[unclear["needs"].fillna("") != ""]
    missing = "more clips needed"
    if len(needs):
        row = needs.sort_values("needs_count", kind="stable").iloc[0]
        of = row["needs"].removeprefix("more ")
        counted = {"units": across, "footage": "sampled frames (--frames)"}.get(of, of)
        missing = f"about {number(row['needs_count'], 2)} {counted} needed"
        if row["needs_now"] == row["needs_now"]:
            missing += f", you have {number(row['needs_now'], 2)}"
    text, judged = f"No proxy can be named yet: {missing}.", len(rows) - len(unclear)
    if judged:
        are = f"{'is no proxy' if judged == 1 else 'are no proxies'} {ACROSS[across]}"
        if (rows["why"].drop(unclear.index) == ProxyReason.ABSENT).all():
            imitate = "imitates" if judged == 1 else "imitate"
            are = f"{imitate} changes that hardly occur in this footage"
        text = f"{judged} of {plural(len(rows), 'perturbation')} {are}. "
        text += f"Undecided for the rest: {missing}."
    return _statement(model, text, Level.MEASURED, "proxies_open", {"n": n}, is_open=True)


def _statement(
    model: str, text: str, level: Level, kind: str, row: dict[str, Any], *, is_open: bool = False
) -> Statement:
    value, low, high = (float(row.get(name, math.nan)) for name in ("value", "low", "high"))
    return Statement(
        Question.PROXIES,
        text,
        level,
        kind,
        model,
        value=value,
        low=low,
        high=high,
        n=int(row["n"]),
        is_open=is_open,
    )
