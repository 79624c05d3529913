"""Acceptance profiles: rules as data, in TOML, and verdicts that name rule and source."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from vidrobust.errors import SettingsError

DEFAULT = "aiag"
OTHERS = ("vda5",)
# The profile of a study where none is named; DEFAULT of all others.
OF_STUDY = {"type1": "vda5", "capability": "vda5"}
# What a rule may be about, by the kind of study.
QUANTITIES: dict[str, tuple[str, ...]] = {
    "gauge": ("percent_grr", "percent_tolerance", "percent_process", "ndc"),
    "attribute": ("effectiveness", "miss_rate", "false_alarm_rate", "kappa", "limit_bias_p"),
    "type1": ("cg", "cgk", "bias_p"),
    "linearity": ("percent_linearity", "percent_bias", "slope_p", "bias_p"),
    "capability": ("q_ms", "q_mp"),
}
Verdict = Literal["acceptable", "marginal", "unacceptable", "not computed"]


@dataclass(frozen=True)
class Rule:
    """One limit: acceptable up to ``accept``, marginal up to ``marginal``; ``better`` is "lower" or "higher"."""

    study: str
    quantity: str
    better: Literal["lower", "higher"]
    accept: float
    marginal: float
    unit: str = ""

    def judge(self, value: float | None) -> Verdict:
        """The verdict on a value."""
        if value is None or not math.isfinite(value):
            return "not computed"
        sign = 1 if self.better == "lower" else -1
        if sign * value <= sign * self.accept:
            return "acceptable"
        return "marginal" if sign * value <= sign * self.marginal else "unacceptable"

    def text(self) -> str:
        """The rule in words."""
        written = (f"{limit:g}{self.unit}" for limit in (self.accept, self.marginal))
        return f"{self.quantity} {limits_in_words(self.better, *written)}"


def limits_in_words(better: str, accept: str, marginal: str) -> str:
    """The limits of a rule as they are written: "at most 10 % is acceptable, at most 30 % marginal"."""
    end = "at most" if better == "lower" else "at least"
    text = f"{end} {accept} is acceptable"
    return text if marginal == accept else f"{text}, {end} {marginal} marginal"


@dataclass(frozen=True)
class Profile:
    """A named list of rules with their source."""

    name: str
    source: str
    rules: tuple[Rule, ...]


def load_profile(name: str) -> Profile:
    """A profile by name, or from a TOML file. SettingsError says what is wrong in it."""
    try:
        if name.endswith(".toml"):
            content = tomllib.loads(Path(name).read_text(encoding="utf-8"))
        else:
            file = resources.files("vidrobust.plugins.gauge") / "profiles" / f"{name}.toml"
            content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join((DEFAULT, *OTHERS))
        raise SettingsError(f"profile {name!r}: not found; give a TOML file, or one of: {known}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"profile {name}: cannot be read: {error}") from error
    rules = content.get("rule")
    if not isinstance(rules, list) or not rules:
        raise SettingsError(f"profile {name}: expected at least one [[rule]]")
    return Profile(
        str(content.get("name", name)),
        str(content.get("source", "no source given")),
        tuple(_rule(f"profile {name}, rule {k + 1}", rule) for k, rule in enumerate(rules)),
    )


def _rule(where: str, content: Mapping[str, Any]) -> Rule:
    missing = [key for key in ("study", "quantity", "better", "accept") if key not in content]
    if missing:
        raise SettingsError(f"{where}: {', '.join(missing)} is missing")
    unknown = sorted(set(content) - {"study", "quantity", "better", "accept", "marginal", "unit"})
    if unknown:
        raise SettingsError(f"{where}: unknown key {', '.join(unknown)}")
    if content["study"] not in QUANTITIES or content["better"] not in ("lower", "higher"):
        raise SettingsError(f"{where}: study is one of {', '.join(QUANTITIES)}; better is lower or higher")
    known = QUANTITIES[content["study"]]
    if content["quantity"] not in known:
        near = get_close_matches(str(content["quantity"]), known, n=1)
        raise SettingsError(
            f"{where}: there is no quantity {content['quantity']!r} of a {content['study']} study"
            f"{f'; do you mean {near[0]}?' if near else ''} There are {', '.join(known)}"
        )
    try:
        accept, marginal = float(content["accept"]), float(content.get("marginal", content["accept"]))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{where}: accept and marginal are numbers ({error})") from error
    if (marginal < accept) == (content["better"] == "lower") and marginal != accept:
        raise SettingsError(f"{where}: marginal {marginal:g} is stricter than accept {accept:g}")
    return Rule(
        content["study"],
        str(content["quantity"]),
        content["better"],
        accept,
        marginal,
        str(content.get("unit", "")),
    )


def judge(
    profile: Profile, study: str, values: Sequence[tuple[str, str, float | None]]
) -> list[dict[str, Any]]:
    """Verdicts on (quantity, of what, value): quantity, of, value, verdict, the rule and its limits, source."""
    rules = {rule.quantity: rule for rule in profile.rules if rule.study == study}
    return [
        {
            "quantity": quantity,
            "of": of,
            "value": value,
            "verdict": rules[quantity].judge(value),
            "better": rules[quantity].better,
            "accept": rules[quantity].accept,
            "marginal": rules[quantity].marginal,
            "unit": rules[quantity].unit,
            "rule": rules[quantity].text(),
            "source": profile.source
            if profile.source.startswith(profile.name)
            else f"{profile.name}: {profile.source}",
        }
        for quantity, of, value in values
        if quantity in rules
    ]


def attribute_values(found: Mapping[str, Any]) -> list[tuple[str, str, float | None]]:
    """What a profile may judge of an attribute study: (quantity, of what, value)."""
    values: list[tuple[str, str, float | None]] = []
    for operator, summary in ((found["against_reference"] or {}).get("operators") or {}).items():
        values += [
            (name, operator, summary[name]["value"])
            for name in ("effectiveness", "miss_rate", "false_alarm_rate", "kappa")
            if summary[name] is not None
        ]
    for pair in found["between_operators"]["cohens_kappa"]:
        values.append(("kappa", " and ".join(pair["operators"]), pair["value"]))
    limits = found.get("analytic_method") or []
    return values + [("limit_bias_p", f"the {each['side']} limit", each["p"]) for each in limits]


def gauge_values(found: Mapping[str, Any]) -> list[tuple[str, str, float | None]]:
    """What a profile may judge of a gauge study; of tolerance and process only where they are known."""
    asked = [
        name
        for name in ("percent_tolerance", "percent_process")
        if found[name] is not None and math.isfinite(found[name])
    ]
    return [(name, "", found[name]) for name in ("percent_grr", *asked, "ndc")]


def plain_values(found: Mapping[str, Any], study: str) -> list[tuple[str, str, float | None]]:
    """What a profile may judge of a study whose figures stand at its top: type1, linearity, capability."""
    return [(name, "", found[name]) for name in QUANTITIES[study] if found.get(name) is not None]
