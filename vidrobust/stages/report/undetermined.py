"""What could not be determined, and what would settle it: said beside the answers, with the same weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import CATALOGUE, UNEXPLAINED
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.stages.correlate.section import ShownStudy
from vidrobust.stages.correlate.verdicts import CANNOT_TELL
from vidrobust.stages.policy.section import PolicyPage
from vidrobust.stages.sensitivity import shift as of_size
from vidrobust.stages.stability.overall import not_compared
from vidrobust.stages.stability.section import ModelCard
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import number, percent_interval
from vidrobust.text.phrases import listing
from vidrobust.text.printable import printable

WORTH_ASKING = 0.05
"""A cause whose interval stays below this share is answered: it plays no part worth a word."""
UNKNOWN_SCENE = 0.3
"""Median top probability below which a classifier does not seem to know what it sees."""
MANY_CLASSES = 10
"""Taken where the number of a model's classes is not known."""
MOST = 5


@dataclass(frozen=True)
class Undetermined:
    """A question that stays open, why, and what is needed to answer it; all without a full stop."""

    question: str
    why: str
    needed: str


def undetermined(
    run: RunTables, cards: list[ModelCard], policies: list[PolicyPage], studies: list[ShownStudy]
) -> list[Undetermined]:
    """The open questions of page one."""
    found = [
        *_rates(cards),
        *_scenes(run),
        *_causes(run),
        *_steps(policies),
        *_proxies(studies),
    ]
    return found[:MOST]


def _rates(cards: list[ModelCard]) -> Iterator[Undetermined]:
    for card in cards:
        if card.judgement.kind == "unknown":
            needed = "footage whose neighbouring frames differ and show the same scene"
            if card.judgement.word != "not measured":
                needed = "more footage, best as further clips"
            yield Undetermined(f"How stable {card.name} is", card.judgement.why, needed)


def _scenes(run: RunTables) -> Iterator[Undetermined]:
    frames = run.table("frames")
    if frames is None:
        return
    known = {model.name: model.num_classes for model in run.record.models}
    for model in run.models:
        of = frames.loc[frames["model"] == model, "probability"]
        classes = known.get(model) or MANY_CLASSES
        if len(of) >= FEWEST_ROWS and float(of.median()) < max(UNKNOWN_SCENE, 1.5 / classes):
            yield Undetermined(
                f"Whether {model} knows this scene",
                f"its median top probability is {number(float(of.median()))}: it does not seem to know the scene, "
                "and near ties flip for any reason",
                "a model trained on such pictures, or the rates on frames it is sure of",
            )


def _causes(run: RunTables) -> Iterator[Undetermined]:
    several = len(run.tasks) > 1
    if run.models and all(run.table(f"{p}account") is None for t in run.tasks.values() for p in t.accounts):
        if not_compared(run):
            return
        yield Undetermined(
            "Why the answers change",
            "the footage was not replayed cause by cause in this run",
            f"vidrobust causes {printable(run.folder)}",
        )
        return
    for model, task in run.tasks.items():
        for prefix, of in task.accounts.items():
            account = whole(run, model, f"{prefix}account")
            if not len(account):
                continue
            n = int(account["n"].max())
            about = f" ({model})" if several else ""
            if n < FEWEST_ROWS:
                yield Undetermined(
                    f"What {of} comes from{about}", f"only {n} pairs could be replayed", "more pairs: --pairs"
                )
                continue
            alike = of_size.in_words(run, model)
            if alike:
                yield Undetermined(
                    f"What {of} comes from{about}", alike, "a model that answers to what the picture shows"
                )
                continue
            settled = account["cause"].isin({*named_causes(run, model, prefix), UNEXPLAINED})
            # it plays a part, as any change would
            as_any = (account["low"] > 0) & account["specific"].notna()
            unsure = account[~settled & ~as_any & (account["high"] >= WORTH_ASKING)]
            unsure = unsure.sort_values("high", ascending=False, kind="stable")
            names = [
                f"{CATALOGUE[r.cause].title} ({percent_interval(max(0.0, r.low), r.high)})"
                for r in unsure.itertuples()
                if np.isfinite(r.high)
            ]
            if names:
                yield Undetermined(
                    f"Whether these make 5 % of {of} or more{about}",
                    listing(names, 4),
                    "more pairs (--pairs), from more clips",
                )


def _steps(policies: list[PolicyPage]) -> Iterator[Undetermined]:
    for page in policies[:1]:
        unsure = page.undetermined
        if unsure:
            names = listing([row["perturbation"] for row in unsure], 4)
            why = unsure[0]["reason"]
            yield Undetermined(f"Whether to train with {names}", why, "more clips of the same line")


def _proxies(studies: list[ShownStudy]) -> Iterator[Undetermined]:
    if not studies:
        return
    open_ = [s for s in studies if all(v["verdict"] == CANNOT_TELL for v in s.verdicts if v["count"])]
    if len(open_) == len(studies):
        why = next((v["why"] for s in studies for v in s.verdicts if v["why"]), "too little footage")
        yield Undetermined(
            "Which lab test predicts the line (a proxy)", why, "more clips, or more models on the same clips"
        )
