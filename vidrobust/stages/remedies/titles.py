"""Remedies in words, and the effort that each asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidrobust.statistics.levels import FALSE_DISCOVERY, FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.ratios import RatioVerdict, Undecided
from vidrobust.text.numbers import percent, share_with_interval


@dataclass(frozen=True)
class Effort:
    """Words, and points by which effects are divided; the points are ours, and no measurement."""

    points: float
    words: str


CODE = Effort(1, "a few lines of code")
PERSON = Effort(3, "a person looks")
COMPUTE = Effort(2, "computing time")
SOFTWARE = Effort(2, "work on the pictures")
NETWORK = Effort(2, "the network changed, not trained")
BUY = Effort(4, "hardware at the line")

EVENTS = {"uncovered_rate": "missed frames", "flip_rate": "flips"}
"""What a metric counts, in a word; of another task's metric "changes"."""
NOT_REPLAYED = ("sharper-focus", "higher-resolution", "no-keyframe-pulse")
"""What could be bought, and cannot be tried on footage that is there."""
EFFORT: Mapping[str, Effort] = {
    **dict.fromkeys(("majority", "k-of-n", "mean", "median", "hysteresis"), CODE),
    **dict.fromkeys(
        ("two-thresholds", "score-mean", "min-hits", "max-gap", "box-mean", "kalman", "smoother"), CODE
    ),
    **dict.fromkeys(("one-euro", "savgol", "class-vote", "class-hold"), CODE),
    **dict.fromkeys(("abstain-margin", "abstain-unstable"), PERSON),
    **dict.fromkeys(("look-again",), COMPUTE),
    **dict.fromkeys(("abstain-look",), PERSON),
    **dict.fromkeys(("nms", "nms-across-classes", "soft-nms", "weighted-fusion"), CODE),
    **dict.fromkeys(("blur-pool", "batch-norm"), NETWORK),
    **dict.fromkeys(("another-resize-area", "another-resize-plain", "less-noise"), SOFTWARE),
    **dict.fromkeys(("steady-camera", "level-light", "no-flicker", *NOT_REPLAYED), BUY),
}
"""By the name without its numbers; rules that a plugin brings count as code."""

_TITLES = {
    "majority": "majority of the last {} frames",
    "mean": "running mean of the probabilities, weight {}",
    "median": "median of the probabilities of {} frames",
    "hysteresis": "switch only where the lead is more than {}",
    "abstain-margin": "say nothing where the lead is below {}",
    "abstain-unstable": "say nothing unless the last {} frames agree",
    "two-thresholds": "a lower threshold to go on with a track (ByteTrack)",
    "score-mean": "class and score by the track's running mean, weight {}",
    "min-hits": "show a track from its {}. box on",
    "max-gap": "show a track for {} frames without a box",
    "box-mean": "running mean of the corners, weight {}",
    "kalman": "Kalman filter of constant speed, noise times {}",
    "smoother": "mean box of the last {} frames (supervision)",
    "one-euro": "One Euro filter, cutoff {} cycles a frame",
    "savgol": "Savitzky-Golay filter over {} frames, on recordings alone",
    "class-vote": "class of most of the last {} boxes of an object",
    "class-hold": "another class only after {} boxes of an object in a row",
    "look-again": "mean answer over {} changed copies of each frame",
    "steady-camera": "a camera that stands still",
    "level-light": "light that does not drift",
    "no-flicker": "light that does not flicker",
    "less-noise": "less noise in the picture",
    "another-resize-area": "the picture averaged down to the network's size",
    "another-resize-plain": "the picture resized without antialiasing",
    "abstain-look": "say nothing where a changed copy gets another answer",
    "nms": "duplicates go from an overlap of {} on",
    "nms-across-classes": "duplicates go whatever their class",
    "soft-nms": "duplicates lose score instead of going (soft suppression)",
    "weighted-fusion": "duplicates are fused by their scores",
    "blur-pool": "a blur before every sampling within the network (BlurPool)",
    "batch-norm": "normalised by the footage's own statistics",
    "sharper-focus": "a sharper picture",
    "higher-resolution": "a camera of higher resolution",
    "no-keyframe-pulse": "a recording without keyframes",
}


WHY: Mapping[str, str] = {
    Undecided.NOT_MEASURED: "not measured",
    Undecided.FEW_ROWS: f"fewer than {FEWEST_ROWS} pairs",
    Undecided.NO_EVENTS: "nothing to take away",
    Undecided.FEW_CLUSTERS: f"events in fewer than {FEWEST_TESTED} clips or stretches",
    Undecided.INTERVAL: "the interval includes 100 %",
    Undecided.CONTROL: "shifting all frames alike does as much",
    Undecided.FAMILY: f"not after correcting for all remedies tried (q above {FALSE_DISCOVERY:g})",
}
"""Why nothing can be told, in words."""


def title(remedy: str) -> str:
    """The remedy in words."""
    kind = remedy.rstrip("0123456789.-")
    numbers = remedy[len(kind) :].strip("-").split("-")
    if kind == "k-of-n":
        k_in, frames, *k_out = numbers
        back = f", back to the resting label with {k_out[0]}" if k_out else ""
        return f"another label once {k_in} of the last {frames} frames have it{back}"
    return _TITLES[kind].format(*numbers) if kind in _TITLES else remedy


def recommended(summary: Mapping[str, Any]) -> bool:
    """Whether the chosen rule helps on the footage that did not choose it."""
    return bool(summary["rule"]) and summary["verdict"] == RatioVerdict.HELPS


def held_out(summary: Mapping[str, Any], metric: str) -> str:
    """What the chosen rule does on footage that did not choose it; or why there is no such figure."""
    held = summary["held_out"]
    if not held["n"]:
        return f"no held-out figure: {WHY[summary['why']]}"
    left = share_with_interval(held["ratio"], held["low"], held["high"])
    what = EVENTS.get(metric, "changes")
    return (
        f"{what} {percent(held['before'])} → {percent(held['after'])} on the half of the footage that did not "
        f"choose it, {left} remain"
    )
