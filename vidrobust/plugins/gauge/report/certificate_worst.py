"""What stands under "What is worst" on a certificate: who or what it is, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.plugins.gauge.differing_operators import worst_words
from vidrobust.plugins.gauge.study_words import equal_variances_words, shifted_words
from vidrobust.plugins.gauge.variables.type1 import least_cg, least_cgk
from vidrobust.text.numbers import number, p_words
from vidrobust.text.phrases import plural


def worst(found: Mapping[str, Any], unit: str = "") -> list[str]:
    """What is worst and by how much, a sentence each; or that nobody is shown to be worse."""
    unit = f" {unit}" if unit else ""
    alone = {"type1": _of_type1, "linearity": _of_linearity, "stability": _of_stability}
    if found["study"] in alone:
        return alone[found["study"]](found, unit)
    rows = [*(found.get("differences") or []), *((found.get("attribute") or {}).get("differences") or [])]
    shifted = [shifted_words(each, unit) for each in found.get("analytic_method") or []]
    lines = [f"{sentence}." for sentence in [*filter(None, shifted), *worst_words(rows, unit)]]
    if not lines and rows:
        compared = plural(len(rows), "comparison")
        lines = [f"No operator is shown to be worse than the others ({compared}, Bonferroni)."]
    if found.get("equal_variances"):
        sentence = equal_variances_words(found["equal_variances"])
        lines.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return lines


def _of_type1(found: Mapping[str, Any], unit: str) -> list[str]:
    """Whether spread or bias keeps the gauge from passing, and the tolerance from which on it would pass."""
    limits = {
        each["quantity"]: each["accept"] for each in found["verdicts"] if each["quantity"] in ("cg", "cgk")
    }
    if found["cg"] is None or not limits:
        return []
    n, half, share = found["n"], found["width"] / 2 * found["sd"], found["share"]
    wanted = [2 * half * least_cg(limits["cg"], n) / share] if "cg" in limits else []
    if "cgk" in limits:
        needed = least_cgk(limits["cgk"], n, found["width"] / 2)
        wanted.append(2 * (half * needed + abs(found["bias"])) / share)
    line = f"Spread and bias as they are would do for tolerances from {number(max(wanted), 3)}{unit} on"
    biased = found["p"] < 0.05
    return [f"{line}; a bias is {'' if biased else 'not '}shown ({p_words(found['p'])})."]


def _of_linearity(found: Mapping[str, Any], unit: str) -> list[str]:
    """The part with the largest bias."""
    part = max(found["parts"], key=lambda each: abs(each["bias"]))
    ends = f"{number(part['low'], 3)} to {number(part['high'], 3)}"
    return [
        f"Part {part['part']}, reference {number(part['reference'])}{unit}, has the largest bias: "
        f"{number(part['bias'], 3)}{unit} ({ends}; {p_words(part['p'])}, {plural(part['n'], 'reading')})."
    ]


def _of_stability(found: Mapping[str, Any], unit: str) -> list[str]:
    """Where the level changes most, of a gauge that is not stable."""
    change = found["change"]
    if not found["wrong"] or change is None:
        return []
    return [
        f"The level changes most at {change['time']}, by {number(change['by'], 3)}{unit}: that explains "
        f"{100 * change['share']:.0f} % of what the averages differ."
    ]
