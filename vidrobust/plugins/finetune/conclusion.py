"""What the arms come to: is the policy better than random, which weights to take, what each step was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.plugins.finetune.arms import ARMS, BEFORE
from vidrobust.plugins.finetune.metrics import CLASSES, FOOTAGE, Headline
from vidrobust.plugins.finetune.steps import Step
from vidrobust.stages.remedies.titles import WHY
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import plural

MEASURED = ("before", "after", "ratio", "low", "high", "q", "verdict", "why")


def sentences(table: pd.DataFrame, of: Headline = CLASSES) -> list[str]:
    """One an arm, then whether the policy is better than no augmentation and than random."""
    found = []
    for arm in dict.fromkeys(table["arm"]):
        row = one(table, arm, BEFORE, metric=of.steady)
        if row:
            found.append(f"{arm}: {_went(row, of)}{_right(table, arm, of)}")
    for arm in (name for name in dict.fromkeys(table["arm"]) if ARMS[name].mix in ("policy", "mixed")):
        for other, words in (("none", "no augmentation"), ("random", "random augmentation")):
            row = one(table, arm, other, metric=of.steady)
            if row:
                found.append(_compared(arm, words, row, of))
            for trained in one_each(table, arm, other, of):
                found.append(f"under {trained['judged']} at its range, {_compared(arm, words, trained, of)}")
    return found


def one(
    table: pd.DataFrame, arm: str, against: str, judged: str = FOOTAGE, metric: str = CLASSES.steady
) -> dict[str, Any]:
    """The row of an arm; empty where there is none."""
    rows = table[
        (table["arm"] == arm)
        & (table["against"] == against)
        & (table["judged"] == judged)
        & (table["metric"] == metric)
        & table["times"].isin([0.0, 1.0])
    ]
    return dict(rows.to_dict("records")[0]) if len(rows) else {}


def one_each(table: pd.DataFrame, arm: str, against: str, of: Headline = CLASSES) -> list[dict[str, Any]]:
    """The rows of an arm under each step that it was trained with, at its range."""
    rows = table[
        (table["arm"] == arm)
        & (table["against"] == against)
        & (table["times"] == 1.0)
        & table["trained"]
        & (table["metric"] == of.moved)
    ]
    return [dict(row) for row in rows.to_dict("records")]


def better_than_random(table: pd.DataFrame, of: Headline = CLASSES, arm: str = "policy") -> bool | None:
    """On held-out footage, or surely under every step that it was trained with; None where random was not
    tried.
    """
    row = one(table, arm, "random", metric=of.steady)
    if not row:
        return None
    steps = one_each(table, arm, "random", of)
    if row["verdict"] == "harms":
        return False
    return row["verdict"] == "helps" or (bool(steps) and all(step["verdict"] == "helps" for step in steps))


def verdict_on_policy(table: pd.DataFrame, of: Headline = CLASSES) -> str:
    """One plain sentence; "" where policy or random were not tried."""
    found = better_than_random(table, of)
    if found is None:
        return ""
    if found:
        return "The policy is better than random augmentation of equal strength."
    row = one(table, "policy", "random", metric=of.steady)
    if row["verdict"] == "cannot tell":
        why = WHY.get(str(row["why"]), "")
        return f"The policy is not shown to be better than random augmentation of equal strength: {why}."
    why = {"harms": "it is worse", "does not": "they differ by less than a tenth"}.get(
        str(row["verdict"]), "only on some of what it was trained with"
    )
    return f"The policy is no better than random augmentation of equal strength: {why}."


def best_arm(table: pd.DataFrame, of: Headline = CLASSES) -> str:
    """Return the arm that surely makes held-out footage steadiest without more errors; "" where none does.

    Where no error is known, a detector that has lost a tenth of its boxes is not steadier.
    """
    found = []
    for arm in dict.fromkeys(table["arm"]):
        row, errors, other = (
            one(table, arm, BEFORE, metric=name) for name in (of.steady, of.wrong, of.other)
        )
        right = errors["verdict"] != "harms" if errors else other.get("after", 0.0) <= of.most
        if row and row["verdict"] == "helps" and right:
            found.append((row["ratio"], arm))
    return min(found)[1] if found else ""


def measured(table: pd.DataFrame, steps: Sequence[Step], of: Headline = CLASSES) -> dict[str, Any]:
    """What the policy was worth: ``footage`` for the whole of it, ``steps`` for each, under its own
    perturbation.
    """

    def figures(row: Mapping[str, Any], what: str) -> dict[str, Any]:
        return {name: row[name] for name in MEASURED} | ({} if of == CLASSES else {"of": what}) if row else {}

    return dict(
        plain(
            {
                "footage": figures(one(table, "policy", BEFORE, metric=of.steady), of.what),
                "steps": {
                    step.key: figures(one(table, "policy", BEFORE, step.key, of.moved), of.what_moved)
                    for step in steps
                },
            }
        )
    )


def _went(row: Mapping[str, Any], of: Headline) -> str:
    ratio = ""
    if row["ratio"] == row["ratio"]:
        ratio = f", {percent_with_interval(row['ratio'], row['low'], row['high'])} left"
    return (
        f"{of.what} of held-out footage went from {percent(row['before'])} to {percent(row['after'])}"
        f"{ratio} ({_decided(row)}; {plural(int(row['seeds']), 'seed')})"
    )


def _decided(row: Mapping[str, Any]) -> str:
    """The verdict, why it cannot be told, and q where the row was corrected with others."""
    why = WHY.get(str(row["why"]), "")
    q = f"q {number(row['q'])}" if row["q"] == row["q"] else ""
    return ", ".join(each for each in (str(row["verdict"]), why, q) if each)


def _right(table: pd.DataFrame, arm: str, of: Headline) -> str:
    row = one(table, arm, BEFORE, metric=of.wrong)
    return f"; {of.what_wrong} from {percent(row['before'])} to {percent(row['after'])}" if row else ""


def _compared(arm: str, other: str, row: Mapping[str, Any], of: Headline) -> str:
    ratio = percent_with_interval(row["ratio"], row["low"], row["high"])
    what = of.what if row["metric"] == of.steady else of.what_moved
    if row["ratio"] != row["ratio"]:
        return f"{arm} against {other}: no {what} there to compare"
    word = {"helps": "better", "harms": "worse", "does not": "the same"}.get(
        str(row["verdict"]), "cannot tell"
    )
    q = f" (q {number(row['q'])})" if row["q"] == row["q"] else ""
    return f"{arm} has {ratio} of the {what} of {other}: {word}{q}"
