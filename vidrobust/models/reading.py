"""From a network's scores to its answer: softmax or sigmoid, operating points, a threshold on an anomaly score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vidrobust.errors import InputError, SettingsError
from vidrobust.models import classes
from vidrobust.models.outputs import (
    Scores,
    are_probabilities,
    are_shares,
    check_finite,
    farthest_sum,
    find_scores,
)
from vidrobust.predictions import Classifications

NONE = "none"
"""The class of a multi-label network in which no label is present."""
KEYS = ("output", "threshold", "scale", "one_vs_rest")
"""What a sidecar or the options of a spec may say about the answer."""

Value = str | float | Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the user says of a network's outputs; None: not said.

    output       one of ``outputs.Output``
    threshold    from which the class of each name wins; a number for an anomaly score
    scale        of an anomaly score: so far above its threshold the answer is certain
    one_vs_rest  a class of a multi-label network: is it there or not?
    """

    output: str | None = None
    threshold: Mapping[str, float] | float | None = None
    scale: float | None = None
    one_vs_rest: str | None = None

    @classmethod
    def read(cls, given: Mapping[str, Value], where: str) -> Declared:
        """From the values of a sidecar, or the texts of a spec: ``threshold=defect:0.3+scratch:0.5``."""
        threshold = given.get("threshold")
        if isinstance(threshold, str):
            threshold = _points(threshold, where)
        if isinstance(threshold, Mapping):
            threshold = {str(name): _share(point, where) for name, point in threshold.items()}
        elif threshold is not None:
            threshold = _number("threshold", threshold, where)
        scale = None if given.get("scale") is None else _number("scale", given["scale"], where)
        if scale is not None and scale <= 0:
            raise SettingsError(f"{where}: scale: expected a number above 0, got {scale:g}")
        output, one = given.get("output"), given.get("one_vs_rest")
        return cls(
            output=None if output is None else str(output),
            threshold=threshold,
            scale=scale,
            one_vs_rest=None if one is None else str(one),
        )

    def over(self, other: Declared) -> Declared:
        """These, and what ``other`` says of the rest."""
        said = {key: value for key in KEYS if (value := getattr(self, key)) is not None}
        return replace(other, **said)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows of scores become Classifications of ``class_names``; settled on a first batch by ``settle``.

    scores      what the network gives
    thresholds  operating points as in Classifications
    column      of the one class that is asked for, of a multi-label network
    threshold, scale  of an anomaly score
    """

    scores: Scores
    class_names: tuple[str, ...]
    thresholds: tuple[tuple[int, float], ...] = ()
    column: int | None = None
    threshold: float = math.nan
    scale: float = math.nan

    def __call__(self, rows: np.ndarray, where: str) -> Classifications:
        """(N, K) float32 -> N rows. InputError for scores that are not finite or no longer what they were."""
        check_finite(rows, where)
        if self.scores == "probabilities" and not are_probabilities(rows):
            raise InputError(
                f"{where}: outputs were probabilities on the first batch, but now a row sums to "
                f'{farthest_sum(rows):.4g}; if the network gives logits, say output = "logits"'
            )
        if self.scores in ("probability", "sigmoids") and not are_shares(rows):
            raise InputError(
                f"{where}: outputs lay in 0..1 on the first batch, but now one is {rows.max():.4g} or "
                f"{rows.min():.4g}; if the network gives logits, the sigmoid belongs into it"
            )
        return Classifications(
            self._probabilities(rows.astype(np.float64)), self.class_names, self.thresholds
        )

    def _probabilities(self, rows: np.ndarray) -> np.ndarray:
        if self.scores == "probabilities":
            return np.clip(rows, 0, 1)
        if self.scores == "logits":
            return _softmax(rows)
        if self.scores == "score":
            return _two(np.clip(0.5 + 0.5 * (rows[:, 0] - self.threshold) / self.scale, 0, 1))
        if self.scores == "probability":
            return _two(np.clip(rows[:, 0], 0, 1))
        if self.scores == "sigmoids":
            if self.column is not None:
                return _two(np.clip(rows[:, self.column], 0, 1))
            inside = np.clip(rows, 1e-7, 1 - 1e-7)
            rows = np.log(inside) - np.log1p(-inside)
        if self.scores == "logit" or self.column is not None:
            rows = rows[:, [self.column or 0]]
        return _softmax(np.concatenate([np.zeros((len(rows), 1)), rows], axis=1))

    def describe(self) -> str:
        """In words, for run.json; with all that changes the answers."""
        said = {
            "logits": "logits, softmax",
            "probabilities": "probabilities",
            "logit": "one logit, sigmoid",
            "probability": "one probability",
            "score": f"anomaly score, threshold {self.threshold!r}, certain from {self.scale!r} above it",
        }
        text = said.get(self.scores, f"{self.scores}, {_rule(self.column, self.class_names)}")
        points = [f"{self.class_names[k]!r} from {point:g}" for k, point in self.thresholds]
        return text if not points or self.scores == "score" else f"{text}; {', '.join(points)}"


def settle(
    rows: np.ndarray, declared: Declared, names: tuple[str, ...] | None, where: str
) -> tuple[Reading, tuple[str, ...]]:
    """The reading of a network from its first batch and what was declared, and notes on what was found out."""
    scores, note = find_scores(rows, declared.output, where)
    for key, value, wanted in (
        ("scale", declared.scale, scores == "score"),
        ("one_vs_rest", declared.one_vs_rest, declared.output == "multilabel"),
    ):
        if value is not None and not wanted:
            kind = "score" if key == "scale" else "multilabel"
            raise SettingsError(f'{where}: {key} goes with output = "{kind}"')
    given, naming = _names(rows.shape[1], scores, names, where)
    if scores == "score":
        reading, more = _scored(declared, given, where)
    elif declared.output == "multilabel":
        reading, more = _several_labels(scores, declared, given, where)
    else:
        reading, more = Reading(scores=scores, class_names=given), ""
    if scores != "score" and declared.threshold is not None:
        threshold = declared.threshold
        if len(reading.class_names) == 2 and not isinstance(threshold, Mapping):
            threshold = {reading.class_names[1]: _share(threshold, where)}
        points = operating_points(threshold, reading.class_names, where)
        reading = replace(reading, thresholds=points)
    return reading, tuple(text for text in (note, naming, more) if text)


def operating_points(
    threshold: Mapping[str, float] | float, names: tuple[str, ...], where: str
) -> tuple[tuple[int, float], ...]:
    """Names -> places of classes. Raises SettingsError for a number without a name, or an unknown name."""
    if not isinstance(threshold, Mapping):
        raise SettingsError(f"{where}: threshold: say of which class, as threshold={names[-1]}:{threshold:g}")
    for name in threshold:
        if names.count(name) != 1:
            some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
            raise SettingsError(f"{where}: threshold: there is no one class {name!r}; classes are {some}")
    return tuple((names.index(name), float(point)) for name, point in threshold.items())


def _names(
    count: int, scores: Scores, names: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...], str]:
    wanted = 2 if count == 1 else count
    if names is None and scores == "score":
        return ("normal", "anomalous"), ""
    try:
        given, naming = (names, "") if names is not None else classes.default(wanted)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error
    if len(given) != wanted:
        outputs = "one output, so two classes" if count == 1 else f"{count} outputs"
        raise SettingsError(f"{where}: the network has {outputs}, but {len(given)} class names are given")
    return given, naming


def _scored(declared: Declared, names: tuple[str, ...], where: str) -> tuple[Reading, str]:
    threshold, note = declared.threshold, ""
    if threshold is None or isinstance(threshold, Mapping):
        raise SettingsError(
            f'{where}: output = "score" needs a number, threshold = ...: anomalous from there on'
        )
    scale = declared.scale
    if scale is None:
        if threshold == 0:
            raise SettingsError(f"{where}: a threshold of 0 gives no scale of the score: say scale = ...")
        scale = abs(threshold)
        note = f"the score is measured in units of its threshold, {scale:g}: certain from twice it on"
    points = ((1, 0.5),)  # so that a score just at the threshold is anomalous
    reading = Reading(scores="score", class_names=names, thresholds=points, threshold=threshold, scale=scale)
    return reading, note


def _several_labels(
    scores: Scores, declared: Declared, names: tuple[str, ...], where: str
) -> tuple[Reading, str]:
    one = declared.one_vs_rest
    if one is not None:
        ((column, _),) = operating_points({one: 1.0}, names, where.replace("threshold", "one_vs_rest"))
        return Reading(scores=scores, class_names=(f"not {one}", one), column=column), ""
    if declared.threshold is not None:
        raise SettingsError(
            f"{where}: an operating point of a multi-label network is one of a class against the rest: "
            "say one_vs_rest too"
        )
    note = f"of several labels the leading one, or {NONE!r} where none has a probability of 0.5"
    return Reading(scores=scores, class_names=(NONE, *names)), note


def _rule(column: int | None, names: tuple[str, ...]) -> str:
    return f"{names[1]!r} against the rest" if column is not None else "one label or none"


def _softmax(rows: np.ndarray) -> np.ndarray:
    z = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares: np.ndarray = z / z.sum(axis=1, keepdims=True)
    return shares


def _two(second: np.ndarray) -> np.ndarray:
    return np.stack([1 - second, second], axis=1)


def _points(text: str, where: str) -> Mapping[str, float] | float:
    """ "0.7" -> 0.7; "defect:0.3+scratch:0.5" -> by name."""
    if ":" not in text:
        return _number("threshold", text, where)
    points = {}
    for part in text.split("+"):
        name, _, point = part.rpartition(":")
        points[name] = _number("threshold", point, where)
    return points


def _share(value: object, where: str) -> float:
    number = _number("threshold", value, where)
    if not 0 < number <= 1:
        raise SettingsError(f"{where}: threshold: expected a probability in (0, 1], got {value!r}")
    return number


def _number(key: str, value: object, where: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{where}: {key}: expected a number, got {value!r}")
    return number
