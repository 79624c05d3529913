"""What you can do: the remedies that were measured, the steps of the policy, else what a sure cause suggests."""

from __future__ import annotations

from dataclasses import dataclass

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.stages.causes.titles import TITLES
from vidrobust.stages.policy.section import PolicyPage
from vidrobust.stages.remedies.section import RemedyPage
from vidrobust.text.numbers import FEWEST, percent

LEAST_SHARE = 0.05
"""A smaller part of the change is not worth a hint."""
MOST = 5
MOST_REMEDIES = 2
"""Of each model."""
HINTS = {
    "light": "hold the light: a regulated lamp, a shield against daylight, exposure and gain fixed on the camera",
    "local_light": "look for a lamp that flickers or a shadow that moves across the picture, and shield it",
    "colour": "fix the camera's white balance and the lamps' colour",
    "camera": "fasten the camera, or trigger it where the part rests; a steadier picture needs no training",
    "objects": "trigger at the same place of the belt, or judge a part only where it is at rest",
    "came_into_view": "judge a part only while all of it is in view: a trigger, or a region of interest (--roi)",
    "sharpness": "fix the focus and shorten the exposure",
    "keyframes": "record with more bits or without prediction between frames: coding itself changes the answer",
    "noise_and_coding": "more light, less gain, less compression; or average the answers of several frames",
}
"""What can be done about a cause at the station, before anything is trained."""


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
    """Of each model the remedies that surely helped on this footage, the best for the effort first."""
    several = len(remedies) > 1
    return [
        Action(
            f"{row['title'][0].upper()}{row['title'][1:]}{f' ({page.model})' if several else ''}",
            f"{page.metric} {row['before']}, with it {row['after']}; left: {row['ratio']}; price: {row['price']}",
            "measured",
        )
        for page in remedies
        for row in [row for row in page.shown if row["chip"] == "good"][:MOST_REMEDIES]
    ]


def _of_policy(policies: list[PolicyPage]) -> list[Action]:
    several = len(policies) > 1
    return [
        Action(
            f"Train{f' {page.model}' if several else ''} with {step['perturbation']} {step['range']}",
            f"trained with this, {page.trial}"
            if page.trial
            else f"its cause explains {step['share']} of the change",
            "measured" if page.trial else "policy",
        )
        for page in policies
        for step in page.steps
    ]


def _of_causes(run: RunTables) -> list[Action]:
    found = []
    for model, task in run.tasks.items():
        for prefix in task.accounts:
            account = whole(run, model, f"{prefix}account")
            sure = account[
                (account["low"] > 0) & (account["share"] >= LEAST_SHARE) & (account["n"] >= FEWEST)
            ].sort_values("share", ascending=False, kind="stable")
            named = named_causes(run, model, prefix)
            for row in sure.itertuples():
                if row.cause in HINTS and row.cause in named:
                    hint = HINTS[row.cause]
                    why = f"{TITLES[row.cause]}: {percent(row.share)} of the change"
                    found.append(Action(f"{hint[0].upper()}{hint[1:]}", why, "suggested"))
    return found
