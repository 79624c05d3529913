"""What you can do: the remedies that were measured, the steps of the policy, else what a sure cause suggests."""

from __future__ import annotations

from dataclasses import dataclass

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.stages.policy.section import PolicyPage
from vidrobust.stages.remedies.section import RemedyPage
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import percent

LEAST_SHARE = 0.05
"""A smaller part of the change is not worth a hint."""
MOST = 5
MOST_REMEDIES = 2
"""Of each model."""


@dataclass(frozen=True)
class Action:
    """One thing to do, for what reason, and on what it stands: "measured", "policy" or "suggested"."""

    what: str
    why: str
    basis: str


def actions(run: RunTables, remedies: list[RemedyPage], policies: list[PolicyPage]) -> list[Action]:
    """What page one proposes, what was measured first; of every model in turn."""
    found = [*_of_remedies(remedies), *_of_policy(policies), *_of_causes(run)]
    return list({action.what: action for action in reversed(found)}.values())[::-1][:MOST]


def _of_remedies(remedies: list[RemedyPage]) -> list[Action]:
    """Of each model the rule that is recommended, then what surely helped, the best for the effort first."""
    found = []
    for page in remedies:
        whose = f" ({page.model})" if len(remedies) > 1 else ""
        chosen, why = page.rule or ("", "")
        rule = [(f"decide over several frames: {chosen}", why)] if chosen else []
        rows = [row for row in page.shown if row["chip"] == "good" and row["title"] != chosen]
        helped = [*rule, *((row["title"], _effect(page, row)) for row in rows)][:MOST_REMEDIES]
        found += [Action(f"{what[0].upper()}{what[1:]}{whose}", why, "measured") for what, why in helped]
    return found


def _effect(page: RemedyPage, row: dict[str, str]) -> str:
    return (
        f"{page.metric} {row['before']}, with it {row['after']}; left: {row['ratio']}; price: {row['price']}"
    )


def _of_policy(policies: list[PolicyPage]) -> list[Action]:
    several = len(policies) > 1
    return [
        Action(
            f"Train{f' {page.model}' if several else ''} with {step['perturbation']} {step['range']}",
            f"trained with this, {page.trial}" if page.trial else _evidence(step),
            "measured" if page.trial else "policy",
        )
        for page in policies
        for step in page.steps
    ]


def _evidence(step: dict[str, str]) -> str:
    due = f"due to it: {step['flips_at_most']}" if step["flips_at_most"] else ""
    said = (f"its cause explains {step['share']} of the change", step["replication"], due)
    return "; ".join(each for each in said if each)


def _of_causes(run: RunTables) -> list[Action]:
    found = []
    for model, task in run.tasks.items():
        for prefix in task.accounts:
            account = whole(run, model, f"{prefix}account")
            sure = account[
                (account["low"] > 0) & (account["share"] >= LEAST_SHARE) & (account["n"] >= FEWEST_ROWS)
            ].sort_values("share", ascending=False, kind="stable")
            named = named_causes(run, model, prefix)
            for row in sure.itertuples():
                cause = CATALOGUE[row.cause]
                if cause.hint and row.cause in named:
                    hint = cause.hint
                    why = f"{cause.title}: {percent(row.share)} of the change"
                    found.append(Action(f"{hint[0].upper()}{hint[1:]}", why, "suggested"))
    return found
