"""Every rule on boxes that is tried, by its name; a name says the number of its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.stages.remedies.box_rules import (
    BoxMean,
    BoxRule,
    ClassHold,
    ClassVote,
    Kalman,
    MaxGap,
    MinHits,
    OneEuro,
    ScoreMean,
    Smoother,
)

BOX_RULES: tuple[str, ...] = (
    *("two-thresholds",),
    *("score-mean-0.5", "score-mean-0.3", "score-mean-0.1"),
    *("min-hits-2", "min-hits-3", "min-hits-5"),
    *("max-gap-1", "max-gap-3", "max-gap-5"),
    *("box-mean-0.7", "box-mean-0.5", "box-mean-0.3"),
    *("kalman-1", "kalman-2"),
    *("smoother-3", "smoother-5"),
    *("one-euro-0.1", "one-euro-0.02"),
    *("savgol-5", "savgol-9"),
    *("class-vote-5", "class-vote-9"),
    *("class-hold-2", "class-hold-5"),
)
_KINDS: dict[str, Callable[..., BoxRule]] = {
    "two-thresholds": BoxRule,
    "score-mean": ScoreMean,
    "min-hits": MinHits,
    "max-gap": MaxGap,
    "box-mean": BoxMean,
    "kalman": Kalman,
    "smoother": Smoother,
    "one-euro": OneEuro,
    "savgol": BoxRule,
    "class-vote": ClassVote,
    "class-hold": ClassHold,
}
OFFLINE = "savgol"
"""The kind that needs later frames; it is no rule for a stream."""


def box_kind(name: str) -> str:
    """max-gap of max-gap-3; SettingsError where there is no such rule."""
    kind = name if name in _KINDS else name.rpartition("-")[0]
    if kind not in _KINDS:
        raise SettingsError(f"unknown rule {name!r}: expected {', '.join(_KINDS)} with a number behind")
    return kind


def amount_of(name: str) -> float:
    """3 of max-gap-3, 0 of a rule without a number."""
    text = name.removeprefix(box_kind(name)).removeprefix("-")
    try:
        return float(text) if text else 0.0
    except ValueError as error:
        raise SettingsError(f"rule {name!r}: expected a number at its end, got {text!r}") from error


def numbers(name: str, settings: TrackSettings) -> dict[str, Any]:
    """What the rule is made with, as keyword arguments."""
    amount = amount_of(name)
    memory = max(settings.max_gap, int(amount) if box_kind(name) in ("max-gap", "smoother") else 0)
    known = {
        "start": settings.start_score,
        "keep": settings.keep_score,
        "iou": settings.iou,
        "memory": memory,
    }
    return {**known, "amount": amount}


def box_rule(name: str, settings: TrackSettings) -> BoxRule:
    """The rule of this name, with tracks as the run follows them."""
    if box_kind(name) == OFFLINE:
        raise SettingsError(f"rule {name!r} needs later frames, so it works on recordings alone")
    return _KINDS[box_kind(name)](**numbers(name, settings))


def late_frames(name: str) -> int:
    """Frames by which the rule reports later, in the worst case, that an object is there or gone; known kinds."""
    amount = int(amount_of(name))
    return {"min-hits": amount - 1, "max-gap": amount, "smoother": amount - 1, "savgol": amount // 2}.get(
        box_kind(name), 0
    )
