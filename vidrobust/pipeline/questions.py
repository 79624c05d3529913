"""Which questions a study can answer, before its work begins.

A stage names its question and the least sample that answers it. Where footage or time do not reach that, the
sample is left out, and the time goes to the other stages.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vidrobust.pipeline.estimate import Counts
from vidrobust.pipeline.stage import Stage
from vidrobust.run_folder.settings import Settings
from vidrobust.text.durations import duration
from vidrobust.text.phrases import plural

# What a least sample counts, one of them and several.
NOUNS = {
    "neighbours": ("pair of neighbouring frames", "pairs of neighbouring frames"),
    "frames": ("perturbed frame", "perturbed frames"),
    "pairs": ("replayed pair", "replayed pairs"),
}


@dataclass(frozen=True)
class Footage:
    """How much footage there is, by the headers of its files."""

    frames: int  # frames of the inputs whose headers say so
    segments: int  # stretches that are worked on one by one; no pair lies across two of them
    is_known: bool  # False where some header does not say how long its input is: then nothing is left out

    def most(self, counted: str) -> int:
        """Return the largest possible sample of "frames", "pairs" or "neighbours"."""
        return self.frames if counted == "frames" else max(0, self.frames - self.segments)


@dataclass(frozen=True)
class Outlook:
    """Whether one question can be answered."""

    question: str  # as in the answer of the run
    answerable: bool  # footage and time reach the least sample
    why: str  # what it would take where it cannot, else from what it is answered

    @property
    def text(self) -> str:
        """A line for the console."""
        return f"{self.question}: {'yes' if self.answerable else 'no'}, {self.why}"


def least_of(stage: Stage, settings: Settings) -> dict[str, int]:
    """Return the least sample of a stage and of all the stages it needs."""
    found = dict(stage.least(settings))
    for needed in stage.needs:
        for counted, least in least_of(needed, settings).items():
            found[counted] = max(least, found.get(counted, 0))
    return found


def reachable(counts: Counts, least: Counts, footage: Footage, settings: Settings) -> Counts:
    """Return the counts without the samples whose least size the footage does not hold.

    A number that was asked for (``--frames``, ``--pairs``) stays.
    """
    if not footage.is_known:
        return counts
    left = counts
    if settings.frames is None and footage.most("frames") < least.frames:
        left = dataclasses.replace(left, frames=0)
    if settings.pairs is None and footage.most("pairs") < least.pairs:
        left = dataclasses.replace(left, pairs=0)
    return left


def outlooks(
    stages: Sequence[Stage],
    settings: Settings,
    counts: Counts,
    footage: Footage,
    each_s: Mapping[str, float] | None = None,
    *,
    has_model: bool = True,
) -> Iterator[Outlook]:
    """Yield whether each question of these stages can be answered.

    ``each_s`` are the seconds of one more frame and pair, where a budget is the limit. Without ``has_model``
    all answers are recorded, and no sample can be taken.
    """
    for stage in stages:
        if stage.question:
            found = [
                _sample(counted, least, settings, counts, footage, each_s, has_model=has_model)
                for counted, least in least_of(stage, settings).items()
            ]
            short = [why for can, why in found if not can]
            yield Outlook(stage.question, not short, "; ".join(short) or found[0][1])


def _sample(
    counted: str,
    least: int,
    settings: Settings,
    counts: Counts,
    footage: Footage,
    each_s: Mapping[str, float] | None,
    *,
    has_model: bool,
) -> tuple[bool, str]:
    """Whether one least sample is reached, and why."""
    sampled = counted in ("frames", "pairs")
    if sampled and not has_model:
        return False, "recorded predictions cannot answer for new pictures"
    there = footage.most(counted) if footage.is_known else least
    if there < least:
        return False, f"this footage has {plural(there, *NOUNS[counted])}, {least} needed: use longer clips"
    planned = counts.of(counted) if sampled else there
    if planned >= least:
        if not (footage.is_known or sampled):
            return True, "if the footage is long enough, which its header does not say"
        most = min(planned, there) if footage.is_known else planned
        return True, f"from {plural(most, *NOUNS[counted])}"
    asked = settings.frames if counted == "frames" else settings.pairs
    if asked is not None:
        return False, f"--{counted} {asked} is less than the {least} needed"
    takes = f", about {duration(least * each_s[counted])}" if each_s else ""
    return False, f"the budget leaves no time for the {plural(least, *NOUNS[counted])} needed{takes}"
