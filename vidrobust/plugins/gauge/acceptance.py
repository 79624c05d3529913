"""Acceptance: rules in TOML, verdicts from intervals, and the sentence that a person signs.

A verdict needs the standard's sample size and the whole 95 % interval on one side of the limits.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.files.json_text import file_text
from vidrobust.plugins.gauge.figures import GAUGE, TOLERATED, bias_figures, gauge_figures
from vidrobust.plugins.gauge.plan import Verdict, grade, more_needed
from vidrobust.plugins.gauge.stated import WORDS
from vidrobust.plugins.gauge.variables.anova import MAYBE_NESTED, NO_SPREAD, ONE_OPERATOR
from vidrobust.text.numbers import known, p_words
from vidrobust.text.phrases import listing, plural

QUANTITIES: dict[str, tuple[str, ...]] = {
    "gauge": ("percent_grr", "percent_tolerance", "percent_process", "ndc"),
    "attribute": ("effectiveness", "miss_rate", "false_alarm_rate", "kappa"),
    "bias": ("cg", "cgk", "percent_linearity"),
}  # What a rule may be about, by the kind of study
MINIMUM: dict[str, dict[str, int]] = {
    # AIAG, MSA, 4th edition, III-B: 5 parts and 15 ranges (parts x operators); procedure 3 of VDA 5 and Bosch no.
    # 10 for gauges without an operator's influence: 25 parts
    "gauge": {"parts": 5, "trials": 2, "ranges": 15, "parts with one operator": 25},
    # AIAG's example has 50 parts and names no least number. Below 20 the intervals of kappa are not calibrated
    # (benchmarks/results/repeatability.json)
    "attribute": {"parts": 20, "trials": 2},
    # AIAG, MSA, 4th edition, III-B: ten values or more of each part
    "bias": {"values of each part": 10},
}  # The smallest sample on which a gauge may be accepted; ``[minimum.KIND]`` of a profile changes it
NOT_SHOWN: Verdict = "not shown"
NO_VERDICT = "no verdict"
NEVER_VARIES = "all values are the same, and what never varies measures nothing"
RANK = {"unacceptable": 4, "not shown": 3, "marginal": 2, "acceptable": 1}
OPENING = {
    "acceptable": "Acceptable",
    "marginal": "Marginal",
    "unacceptable": "Not acceptable",
    NOT_SHOWN: "Not shown",
    NO_VERDICT: "No verdict",
}
KINDS = {"acceptable": "good", "marginal": "middle", "unacceptable": "bad"}  # Colours of pages
# Quantities that are reported in percent, and so are the limits of their rules
SHARES = ("effectiveness", "miss_rate", "false_alarm_rate")
MANY = 10_000  # Distinct categories that stand for: no spread of the gauge was seen


class Estimate(NamedTuple):
    """A figure that a rule judges, with the ends of its 95 % interval."""

    quantity: str
    of: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AcceptanceRule:
    """A limit of a profile: a quantity is acceptable up to ``accept`` and marginal up to ``marginal``."""

    study: str
    quantity: str
    better: Literal["lower", "higher"]
    accept: float
    marginal: float
    unit: str = ""
    source: str = ""  # where it is not that of the profile

    def judge(self, low: float | None, high: float | None) -> Verdict:
        """Return the verdict on an interval."""
        if not (known(low) and known(high)):
            return NOT_SHOWN
        grades = {grade(asdict(self), end) for end in (low, high) if end is not None}
        return grades.pop() if len(grades) == 1 else NOT_SHOWN

    def text(self) -> str:
        written = (f"{limit:g}{self.unit}" for limit in (self.accept, self.marginal))
        return f"{self.quantity} {limits_in_words(self.better, *written)}"


def limits_in_words(better: str, accept: str, marginal: str) -> str:
    end = "at most" if better == "lower" else "at least"
    text = f"{end} {accept} is acceptable"
    return text if marginal == accept else f"{text}, {end} {marginal} marginal"


@dataclass(frozen=True)
class Profile:
    """A named list of rules with their source, and the smallest samples (MINIMUM where it names none)."""

    name: str
    source: str
    rules: tuple[AcceptanceRule, ...]
    minimum: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MINIMUM)

    @property
    def cited(self) -> str:
        """The source with the name of the profile."""
        return self.source if self.source.startswith(self.name) else f"{self.name}: {self.source}"

    def judges(self, study: str, *quantities: str) -> bool:
        """Whether a rule is about one of these quantities of a study."""
        return any(
            r.study == study and r.quantity in (quantities or QUANTITIES[study]) for r in self.rules
        )


def load_profile(name: str) -> Profile:
    """Load a profile by name or from a TOML file."""
    try:
        if name.endswith(".toml"):
            content = tomllib.loads(file_text(Path(name)))
        else:
            file = resources.files("vidrobust.plugins.gauge") / "profiles" / f"{name}.toml"
            content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"profile {name!r}: not found; give a TOML file, or aiag") from error
    except (ValueError, RecursionError, OSError) as error:
        raise SettingsError(f"profile {name}: cannot be read: {in_plain_words(error)}") from error
    rules = content.get("rule")
    if not isinstance(rules, list) or not rules:
        raise SettingsError(f"profile {name}: expected at least one [[rule]]")
    return Profile(
        str(content.get("name", name)),
        str(content.get("source", "no source given")),
        tuple(_rule(f"profile {name}, rule {k + 1}", rule) for k, rule in enumerate(rules)),
        _minimum(f"profile {name}", content.get("minimum", {})),
    )


def _minimum(where: str, given: Any) -> dict[str, dict[str, int]]:
    minimum = {kind: dict(least) for kind, least in MINIMUM.items()}
    for kind, least in (given if isinstance(given, dict) else {"": {}}).items():
        names = MINIMUM.get(kind)
        if names is None or not isinstance(least, dict) or not set(least) <= set(names):
            named = "; ".join(f"[minimum.{k}] {', '.join(v)}" for k, v in MINIMUM.items())
            raise SettingsError(f"{where}: unknown minimum of {kind or given!r}; there are {named}")
        minimum[kind] |= {name: int(value) for name, value in least.items()}
    return minimum


def _rule(where: str, content: Mapping[str, Any]) -> AcceptanceRule:
    missing = [key for key in ("study", "quantity", "better", "accept") if key not in content]
    if missing:
        raise SettingsError(f"{where}: {', '.join(missing)} is missing")
    unknown = sorted(
        set(content) - {"study", "quantity", "better", "accept", "marginal", "unit", "source"}
    )
    if unknown:
        raise SettingsError(f"{where}: unknown key {', '.join(unknown)}")
    if content["study"] not in QUANTITIES or content["better"] not in ("lower", "higher"):
        raise SettingsError(
            f"{where}: study is one of {', '.join(QUANTITIES)}; better is lower or higher"
        )
    quantities = QUANTITIES[content["study"]]
    if content["quantity"] not in quantities:
        near = get_close_matches(str(content["quantity"]), quantities, n=1)
        raise SettingsError(
            f"{where}: there is no quantity {content['quantity']!r} of a {content['study']} study"
            f"{f'; do you mean {near[0]}?' if near else ''} There are {', '.join(quantities)}."
        )
    try:
        accept, marginal = (
            float(content["accept"]),
            float(content.get("marginal", content["accept"])),
        )
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{where}: accept and marginal are numbers ({in_plain_words(error)})"
        ) from error
    if (marginal < accept) == (content["better"] == "lower") and marginal != accept:
        raise SettingsError(f"{where}: marginal {marginal:g} is stricter than accept {accept:g}")
    unit = str(content.get("unit", ""))
    quantity, source = str(content["quantity"]), str(content.get("source", ""))
    return AcceptanceRule(
        content["study"], quantity, content["better"], accept, marginal, unit, source
    )


def judge(
    profile: Profile,
    study: str,
    estimates: Sequence[Estimate],
    short: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Judge figures by the rules of a profile."""
    rules = {rule.quantity: rule for rule in profile.rules if rule.study == study}
    verdicts = []
    for estimate in estimates:
        if rule := rules.get(estimate.quantity):
            verdict = _verdict(rule, estimate, bool(short))
            fields = {**estimate._asdict(), "verdict": verdict, **asdict(rule)}
            del fields["study"]
            verdicts.append({**fields, "rule": rule.text(), "source": rule.source or profile.cited})
    return verdicts


def _verdict(rule: AcceptanceRule, estimate: Estimate, short: bool) -> Verdict:
    if not known(estimate.value):
        return "not computed"
    verdict = rule.judge(estimate.low, estimate.high)
    return NOT_SHOWN if short and verdict != "unacceptable" else verdict


def shortages(profile: Profile, study: str, has: Mapping[str, float]) -> list[dict[str, Any]]:
    """What a sample has too few of: what, has and least."""
    least = dict(profile.minimum[study])
    alone = least.pop("parts with one operator", 0)
    if study == "gauge" and has["operators"] < 2:
        # without an operator's influence more parts take the place of further operators
        least |= {"parts": max(alone, least["parts"])}
        least.pop("ranges")
    return [
        {"what": what, "has": has[what], "least": value}
        for what, value in least.items()
        if has[what] < value - 1e-9
    ]


def sample_of(study: Mapping[str, Any], kind: str) -> dict[str, float]:
    """Return the sizes of a study's sample, by the names of MINIMUM."""
    if kind == "gauge":
        ranges = round(study["n"] / study["trials"])
        return {
            "ranges": ranges,
            **{name: study[name] for name in ("parts", "operators", "trials")},
        }
    if kind == "bias":
        return {"values of each part": min(row["n"] for row in study["parts"])}
    operators = len(study["operators"])
    trials = study["n"] / max(1, study["parts"] * operators)
    return {"parts": study["parts"], "operators": operators, "trials": trials}


def judged(
    profile: Profile, study: str, results: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the verdicts on a gauge or attribute study, and what its sample has too few of."""
    short = shortages(profile, study, sample_of(results, study))
    of_kind = {"gauge": gauge_estimates, "attribute": attribute_estimates, "bias": bias_estimates}
    estimates = of_kind[study](results)
    return judge(profile, study, estimates, short), short


def attribute_estimates(study: Mapping[str, Any]) -> list[Estimate]:
    """Return what a profile may judge of an attribute study."""
    values: list[Estimate] = []
    for operator, summary in ((study["against_reference"] or {}).get("operators") or {}).items():
        for name in ("effectiveness", "miss_rate", "false_alarm_rate", "kappa"):
            if summary[name] is not None:
                ends = summary.get(f"{name}_over_parts") or summary[name]
                values.append(
                    Estimate(
                        name, operator, summary[name]["value"], ends.get("low"), ends.get("high")
                    )
                )
    for pair in study["between_operators"]["cohens_kappa"]:
        who = " and ".join(pair["operators"])
        values.append(Estimate("kappa", who, pair["value"], pair["low"], pair["high"]))
    return values


def bias_estimates(study: Mapping[str, Any]) -> list[Estimate]:
    """Return what a profile may judge of a bias study."""
    return [
        Estimate(name, "" if of == GAUGE else of, row["value"], row["low"], row["high"])
        for name, entries in bias_figures(study).items()
        for of, row in entries.items()
        if name != "bias"
    ]


def gauge_estimates(study: Mapping[str, Any]) -> list[Estimate]:
    """Return what a profile may judge of a gauge study."""
    figures = gauge_figures(study)
    names = [name for name in ("percent_grr", "ndc", *TOLERATED) if name in figures]
    of = [(name, figures[name][GAUGE]) for name in names]
    return [Estimate(name, "", row["value"], row["low"], row["high"]) for name, row in of]


def _undecided(verdict: str, sentence: str, **known: Any) -> dict[str, Any]:
    """The whole of a study of which no figure decides."""
    nothing: dict[str, Any] = {
        "quantity": "",
        "of": "",
        "value": None,
        "reasons": [],
        "short": [],
        "needed": [],
    }
    counts = {"rules": 0, "not_computed": 0}
    return {**nothing, **counts, "verdict": verdict, "sentence": sentence, **known}


def overall(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return the worst of the verdicts on a study as in its JSON, in a sentence with the figure that decides it.

    ``reasons`` prevent acceptance, ``short`` is what the sample lacks, ``needed`` would settle it.
    """
    verdicts = study["verdicts"]
    judged = [row for row in verdicts if row["verdict"] in RANK]
    missing = len(verdicts) - len(judged)
    if verdicts and study.get("total_sd") == 0:
        return _undecided(NO_VERDICT, f"No verdict: {NEVER_VARIES}.", not_computed=missing)
    short, needs = list(study.get("short") or ()), list(study.get("needs") or ())
    reasons = [*needs, *charts_words(study.get("charts"))]
    if short:
        lacks = [f"{lack['has']:.3g} {lack['what']}, at least {lack['least']}" for lack in short]
        reasons.append(f"The sample is below the minimum: {listing(lacks, 5)}.")
    if not judged:
        if not (verdicts or needs):
            return _undecided(NO_VERDICT, "No verdict: no rule applies to this study.")
        reasons = reasons or ["No figure that a rule is about could be computed."]
        sentence = " ".join(["Not shown:", *reasons])
        return _undecided(NOT_SHOWN, sentence, reasons=reasons, short=short, not_computed=missing)
    if missing:
        names = list(dict.fromkeys(row["quantity"] for row in verdicts if row not in judged))
        reasons.append(
            f"{missing} of {len(verdicts)} rules could not be applied ({', '.join(names)})."
        )
    decides = max(judged, key=lambda one: (RANK[one["verdict"]], _beyond(one)))
    if decides["verdict"] == NOT_SHOWN and _ends_differ(decides):
        reasons.append("The interval crosses a limit.")
    # a gauge that is shown to be bad stays bad; a good one needs everything in order
    missing_proof = bool(reasons) and decides["verdict"] != "unacceptable"
    verdict = NOT_SHOWN if missing_proof else decides["verdict"]
    open_ = sorted(
        (row for row in judged if row["verdict"] == NOT_SHOWN),
        key=lambda one: (one is not decides, -_beyond(one)),
    )
    needed = more_needed(study, open_, short)
    text = _sentence(decides, verdict)
    gauge = (study if study["study"] == "gauge" else study.get("gauge")) or {}
    text += "".join(f" {reason}" for reason in reasons)
    if verdict == NOT_SHOWN and needed:
        text += f" Needed {needed[0]}."
    for doubt in (MAYBE_NESTED, NO_SPREAD):
        text += f" Doubtful: {doubt}." if doubt in gauge.get("notes", ()) else ""
    if ONE_OPERATOR in gauge.get("notes", ()):
        text += f" {ONE_OPERATOR[0].upper()}{ONE_OPERATOR[1:]}."
    return {
        "verdict": verdict,
        "sentence": text,
        "quantity": decides["quantity"],
        "of": decides["of"],
        "value": decides["value"],
        "reasons": reasons,
        "short": short,
        "needed": needed,
        "rules": len(judged),
        "not_computed": missing,
    }


def charts_words(charts: Mapping[str, Any] | None) -> list[str]:
    """Return why control charts keep a study from being accepted."""
    if not charts or charts["in_control"]:
        return []
    where = listing([f"{operator} on part {part}" for operator, part in charts["out"]], 3)
    return [
        f"The range chart is out of control: {where or 'the widest range'} "
        f"({p_words(charts['p'])} for {plural(charts['points'], 'range')}); repeat these measurements."
    ]


def _beyond(verdict: Mapping[str, Any]) -> float:
    limit = verdict["accept"]
    gap = (verdict["value"] - limit) if verdict["better"] == "lower" else (limit - verdict["value"])
    return float(gap / max(abs(limit), 1e-12))


def _ends_differ(verdict: Mapping[str, Any]) -> bool:
    ends = [verdict["low"], verdict["high"]]
    return not all(map(known, ends)) or len({grade(verdict, end) for end in ends}) > 1


def value_words(verdict: Mapping[str, Any]) -> str:
    """Return the value of a verdict with its interval."""
    share = verdict["quantity"] in SHARES
    unit = " %" if share or verdict["quantity"].startswith("percent") else ""

    def text(value: float) -> str:
        value = 100 * value if share else value
        if verdict["quantity"] == "ndc" and value >= MANY:
            return "many"
        return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.3g}"

    ends = [verdict["low"], verdict["high"]]
    if not all(map(known, ends)) or ends[0] == ends[1]:
        return f"{text(verdict['value'])}{unit}"
    return f"{text(verdict['value'])}{unit} [{text(ends[0])}, {text(ends[1])}]"


def _sentence(decides: Mapping[str, Any], verdict: str) -> str:
    text = str(WORDS["quantity"][decides["quantity"]]["says"])
    text = text.format(value=value_words(decides), of=decides["of"] or "all")
    limits = (decides["accept"], decides["marginal"])
    in_percent = decides["quantity"] in SHARES
    written = [
        f"{100 * limit:g} %" if in_percent else f"{limit:g}{decides['unit']}" for limit in limits
    ]
    rule = limits_in_words(decides["better"], *written)
    return f"{OPENING[verdict]}: {text} ({rule}; {decides['source']})."
