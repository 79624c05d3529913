"""Rules such as "flip_rate.high > 0.02" on metrics or plugins' figures, and JUnit XML of their outcome."""

from __future__ import annotations

import contextlib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vidrobust.errors import SettingsError, VidrobustError
from vidrobust.extensions import Extensions, extensions
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import with_interval
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

GROUP = "vidrobust.sections"  # group of entry points in which a package names a FigureSource
# Figure -> of whom or what -> value, low, high, n; a number that is not known is None or NaN.
Figures = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class FigureSource:
    """Named figures of a run folder that are not metrics."""

    name: str  # name of the source
    knows: Callable[[str], bool]  # whether a figure of this name belongs to it, computed or not
    # Run folder -> its figures, and why they are missing or incomplete, "" where they are not.
    of_run: Callable[[Path], tuple[Figures, str]]
    # What stands before the point in names of two parts, as in ``within_operator.fleiss_kappa``.
    sections: tuple[str, ...] = ()
    # Sections that are meant where a rule names none, the first that has the figure.
    bare: tuple[str, ...] = ()

    def find(self, figures: Figures, name: str) -> dict[str, dict[str, Any]]:
        """Return a figure by name, with or without section: whose -> value, low, high, n."""
        full_names = (name, *(f"{section}.{name}" for section in self.bare))
        return next((figures[full] for full in full_names if full in figures), {})

    def names(self, figures: Figures) -> list[str]:
        """Return the figures' names, as short as a rule may write them."""
        return [
            full.partition(".")[2] if full.partition(".")[0] in self.bare else full
            for full in figures
        ]


@cache
def provided() -> Extensions[FigureSource]:
    return extensions(GROUP, FigureSource, lambda source: source.name)


SIDES = ("value", "low", "high", "n")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# How a sentence says when a rule fails.
WORDS = {">": "above", ">=": "at or above", "<": "below", "<=": "at or below"}
_RULE = re.compile(r"^\s*([A-Za-z]\w*(?:\.\w+){0,2})\s*(>=|<=|>|<)\s*(\S+?)\s*(%?)\s*$")


ModelFigures = Mapping[str, Mapping[str, Any]]  # metric -> {value, low, high, n, ...} of one model


@dataclass(frozen=True)
class Gate:
    """A rule that fails where ``metric.side comparison limit`` holds."""

    metric: str  # a metric of metrics.json, or a figure of a plugin
    side: str  # "value", "low" or "high" of its interval, or "n"
    comparison: str
    limit: float
    expected: str = ""  # the rule as it was given, where its opposite is what fails

    @property
    def text(self) -> str:
        if self.expected:
            return self.expected
        side = "" if self.side == "value" else f".{self.side}"
        return f"{self.metric}{side} {self.comparison} {self.limit:g}"


@dataclass(frozen=True)
class Passage:
    """The outcome of a gate for one model or figure."""

    gate: Gate
    of: str  # the model, operator or part that the number belongs to; "" for none
    outcome: str  # "passed", "failed" or "not computed"
    seen: float  # the number compared; NaN if there is none
    sentence: str


def parse_gate(text: str) -> Gate:
    """Return a gate from METRIC[.value|.low|.high|.n] > NUMBER[%]; SettingsError says the form."""
    rule = _RULE.match(text)
    if rule is None:
        raise SettingsError(
            f'--fail-if {text!r}: expected METRIC[.low|.high] > NUMBER, such as "flip_rate.high > 0.02" or '
            '"percent_grr > 30"'
        )
    name, comparison, number, percent = rule.groups()
    metric, _, side = name.partition(".")
    if any(metric in source.sections for source in provided().records) and side:
        figure, _, side = side.partition(".")
        metric = f"{metric}.{figure}"
    if side and side not in SIDES:
        raise SettingsError(
            f"--fail-if {text!r}: .{side} is none of {', '.join('.' + s for s in SIDES)}"
        )
    try:
        limit = float(number) / (100 if percent else 1)
    except ValueError as error:
        raise SettingsError(f"--fail-if {text!r}: {number!r} is no number") from error
    if not math.isfinite(limit):
        raise SettingsError(f"--fail-if {text!r}: the limit must be finite")
    return Gate(metric, side or "value", comparison, limit)


def accepted_limit(text: str) -> Gate:
    """Return the limit METRIC < NUMBER[%] on which an answer says hold, watch or fine.

    Raises
    ------
    SettingsError
        The rule is no upper limit on a metric.
    """
    gate: Gate | None = None
    with contextlib.suppress(SettingsError):
        gate = parse_gate(text)
    if gate is None or gate.comparison not in ("<", "<=") or gate.side != "value":
        raise SettingsError(
            f'--accept {text!r}: expected METRIC < NUMBER[%], such as "flip_rate < 1%"'
        )
    return gate


def pass_gates(gates: Sequence[Gate], models: Mapping[str, ModelFigures]) -> list[Passage]:
    if not models:
        return [
            _nothing(gate, "no model has metrics; run the stability stage first") for gate in gates
        ]
    return [_of_model(gate, name, figures) for gate in gates for name, figures in models.items()]


def passages_of(
    gates: Sequence[Gate], asked: Callable[[str], Mapping[str, ModelFigures]], folder: Path
) -> list[Passage]:
    """Check each gate on a run's metrics, or on figures of the plugin that knows its name.

    ``asked`` gives the figures of models that have a metric, as ``Metrics.asked``.
    """
    passages: list[Passage] = []
    for gate in gates:
        source = next((one for one in provided().records if one.knows(gate.metric)), None)
        if source is None:
            passages += pass_gates([gate], asked(gate.metric))
        else:
            try:
                figures, why = source.of_run(folder)
            except VidrobustError:
                raise
            except Exception as error:  # whatever the code of another package raises
                fault = printable(f"{type(error).__name__}: {error}")
                figures, why = {}, f"{source.name} failed ({fault})"
            passages += pass_figures([gate], source, figures, why=why)
    return passages


def pass_figures(
    gates: Sequence[Gate], source: FigureSource, figures: Figures, *, why: str = ""
) -> list[Passage]:
    """Check each gate on all that have its figure; ``why`` says why there may be none."""
    passages = []
    for gate in gates:
        figure = source.find(figures, gate.metric)
        passages += [_pass(gate, who, entry) for who, entry in figure.items()]
        if not figure:
            known = ", ".join(source.names(figures))
            there = f"computed are {known}" if figures else "there is no study"
            passages.append(_nothing(gate, f"was not computed; {there}{why and f'; {why}'}"))
    return passages


def _nothing(gate: Gate, sentence: str, of: str = "") -> Passage:
    return Passage(gate, of, "not computed", math.nan, f"{gate.text}: {sentence}")


def _of_model(gate: Gate, model: str, figures: ModelFigures) -> Passage:
    entry = figures.get(gate.metric)
    if entry is None:
        known = ", ".join(sorted(figures)) or "none"
        return _nothing(gate, f"{model} has no metric {gate.metric}; it has {known}", model)
    count = int(entry.get("n") or 0)
    if gate.side != "n" and 0 < count < FEWEST_ROWS:
        # nothing passes on so little: the same limit as in the answer of the run
        few = f"{gate.metric} of {model} rests on {count} values, {FEWEST_ROWS} are needed"
        return _nothing(gate, few, model)
    return _pass(gate, model, entry)


def _pass(gate: Gate, of: str, entry: Mapping[str, Any]) -> Passage:
    side = "" if gate.side == "value" else f".{gate.side}"
    what = f"{gate.metric}{side} of {of}"
    number = entry.get(gate.side)
    seen = math.nan if number is None else float(number)
    if math.isnan(seen):
        return _nothing(gate, f"{what} could not be computed (n = {entry.get('n', 0)})", of)
    failed = COMPARISONS[gate.comparison](seen, gate.limit)
    estimate = with_interval(entry.get("value"), entry.get("low"), entry.get("high"), digits=4)
    outcome = "failed" if failed else "passed"
    fails = f"fails {WORDS[gate.comparison]} {gate.limit:g}"
    if gate.expected:
        fails = f"expected {gate.expected}"
    sentence = f"{outcome}: {what} is {seen:.4g} ({fails}; estimate {estimate}{_scope(entry)})"
    return Passage(gate, of, outcome, seen, sentence)


def _scope(entry: Mapping[str, Any]) -> str:
    kind, count = str(entry.get("cluster") or ""), int(entry.get("clusters") or 0)
    if not kind or not count:
        return ""
    if kind == "stretch":
        return f"; of these clips alone, based on {plural(count, 'stretch')} of them"
    return f"; of footage like these {plural(count, kind)}"


def exit_code(passages: Sequence[Passage]) -> int:
    outcomes = {passage.outcome for passage in passages}
    return 2 if "not computed" in outcomes else 1 if "failed" in outcomes else 0


def junit_xml(passages: Sequence[Passage], *, suite: str = "vidrobust") -> str:
    """Return a JUnit test suite; what could not be computed is an error."""
    count = {kind: sum(p.outcome == kind for p in passages) for kind in ("failed", "not computed")}
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(passages)),
        failures=str(count["failed"]),
        errors=str(count["not computed"]),
    )
    for passage in passages:
        case = ElementTree.SubElement(
            root, "testcase", classname=f"{suite}.{passage.of or 'run'}", name=passage.gate.text
        )
        if passage.outcome != "passed":
            tag = "failure" if passage.outcome == "failed" else "error"
            ElementTree.SubElement(case, tag, message=passage.sentence).text = passage.sentence
        else:
            ElementTree.SubElement(case, "system-out").text = passage.sentence
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
