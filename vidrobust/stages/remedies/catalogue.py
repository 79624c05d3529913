"""Every decision rule that is tried, by its name; a name says all numbers of its rule."""

from __future__ import annotations

from collections.abc import Callable

from vidrobust.errors import SettingsError
from vidrobust.stages.remedies.label_rules import Hysteresis, KOfN, LabelRule, Majority, Mean, Median

# The grid. k-of-n-K-N: K of N frames; k-of-n-K-N-L: K to leave the resting label, L to come back to it.
LABEL_RULES: tuple[str, ...] = (
    *("majority-3", "majority-5", "majority-9", "majority-15"),
    *("k-of-n-2-3", "k-of-n-4-6", "k-of-n-2-6-5", "k-of-n-3-10-8"),
    *("mean-0.7", "mean-0.5", "mean-0.3", "mean-0.2", "mean-0.1"),
    *("median-3", "median-5", "median-9"),
    *("hysteresis-0.05", "hysteresis-0.1", "hysteresis-0.2", "hysteresis-0.3"),
)

# Kinds that need probabilities, and take the most probable class for the model's answer.
ON_PROBABILITIES = ("mean", "median", "hysteresis")

_KINDS: dict[str, tuple[Callable[..., LabelRule], tuple[type, ...]]] = {
    "majority": (Majority, (int,)),
    "k-of-n": (KOfN, (int, int, int)),
    "mean": (Mean, (float,)),
    "median": (Median, (int,)),
    "hysteresis": (Hysteresis, (float,)),
}


def kind_of(name: str) -> str:
    """majority of majority-5."""
    kind = next((kind for kind in _KINDS if name.startswith(f"{kind}-")), None)
    if kind is None:
        raise SettingsError(f"unknown rule {name!r}: expected {', '.join(f'{k}-...' for k in _KINDS)}")
    return kind


def numbers_of(name: str) -> tuple[int | float, ...]:
    """(5,) of majority-5; SettingsError for what is no number of such a rule."""
    kind = kind_of(name)
    types, parts = _KINDS[kind][1], name.removeprefix(f"{kind}-").split("-")
    try:
        found = tuple(of(part) for of, part in zip(types, parts, strict=False))
    except ValueError as error:
        raise SettingsError(f"rule {name!r}: expected numbers behind {kind}-, got {parts}") from error
    fewest = 2 if kind == "k-of-n" else 1
    if not fewest <= len(parts) <= len(types) or min(found) <= 0:
        raise SettingsError(f"rule {name!r}: expected {fewest} to {len(types)} numbers above 0")
    if (kind == "mean" and found[0] > 1) or (kind == "k-of-n" and max(found) > found[1]):
        raise SettingsError(f"rule {name!r}: a weight is at most 1, and K and L are at most N")
    return found


def label_rule(name: str, rest: int = -1) -> LabelRule:
    """The rule of this name; ``rest``: the resting label, for k-of-n-K-N-L."""
    kind, numbers = kind_of(name), numbers_of(name)
    if kind == "k-of-n" and len(numbers) == 3:
        return KOfN(int(numbers[0]), int(numbers[1]), int(numbers[2]), rest)
    return _KINDS[kind][0](*numbers)


def needs_rest(name: str) -> bool:
    """Whether the rule treats one label as that of a line at rest."""
    return kind_of(name) == "k-of-n" and len(numbers_of(name)) == 3


def bounded(name: str) -> bool:
    """Whether so many frames in a row of one answer are always enough for it, however unsure the model is."""
    return kind_of(name) in ("majority", "k-of-n")


def window_of(rule: LabelRule) -> int:
    """Frames that the rule looks at, at most: shorter events may vanish in it."""
    if isinstance(rule, Mean):
        return max(1, round(1 / rule.weight))
    return int(getattr(rule, "frames", 1))
