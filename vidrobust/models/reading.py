"""From a network's raw output to its answer: logits, probabilities, sigmoids, or one number.

One number is a logit, a probability, or an anomaly score with a threshold. The kind is declared, or found on
a first batch; ambiguous outputs are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models import classes
from vidrobust.predictions import Classifications

# What a user declares. logit, probability and score: networks of one output. multilabel: a sigmoid a class.
Output = Literal["logits", "probabilities", "logit", "probability", "multilabel", "score"]
# What it was found to be: multilabel is "sigmoid logits", or "sigmoids" where they are inside the network
Scores = Literal[
    "logits", "probabilities", "logit", "probability", "sigmoid logits", "sigmoids", "score"
]
Value = str | float | Mapping[str, float]

NONE = "none"  # The class of a multi-label network in which no label is present
# What a sidecar or the options of a spec may say about the answer
KEYS = ("output", "threshold", "scale", "one_vs_rest")
_SINGLE = ("logit", "probability", "score")
_DETECTOR = "looks like a detector or a segmenter; this version studies image classifiers only"
# Rows of probabilities may miss a sum of 1 by so much: the accuracy of half precision
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the user says of a network's outputs; None: not said."""

    output: str | None = None  # One of ``Output``
    # Probability from which the class of each name wins; a number for an anomaly score
    threshold: Mapping[str, float] | float | None = None
    # Of an anomaly score: so far above its threshold the answer is certain
    scale: float | None = None
    one_vs_rest: str | None = None  # A class of a multi-label network: is it there or not?

    @classmethod
    def read(cls, given: Mapping[str, Value], where: str) -> Declared:
        """Read the values of a sidecar or a spec, such as ``threshold=defect:0.3+scratch:0.5``."""
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
        given = {key: value for key in KEYS if (value := getattr(self, key)) is not None}
        return replace(other, **given)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows of scores become Classifications of ``class_names``."""

    scores: Scores  # What the network gives
    class_names: tuple[str, ...]
    thresholds: tuple[tuple[int, float], ...] = ()  # Operating points, as in Classifications
    column: int | None = None  # Of the one class that is asked for, of a multi-label network
    # threshold, scale: Of an anomaly score
    threshold: float = math.nan
    scale: float = math.nan

    def __call__(self, rows: np.ndarray, where: str) -> Classifications:
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
        words = {
            "logits": "logits, softmax",
            "probabilities": "probabilities",
            "logit": "one logit, sigmoid",
            "probability": "one probability",
            "score": f"anomaly score, threshold {self.threshold!r}, certain from {self.scale!r} above it",
        }
        one = self.column is not None
        rule = f"{self.class_names[1]!r} against the rest" if one else "one label or none"
        text = words.get(self.scores, f"{self.scores}, {rule}")
        points = [f"{self.class_names[k]!r} from {point:g}" for k, point in self.thresholds]
        return text if not points or self.scores == "score" else f"{text}; {', '.join(points)}"


def settle(
    rows: np.ndarray, declared: Declared, names: tuple[str, ...] | None, where: str
) -> tuple[Reading, tuple[str, ...]]:
    """Return the reading of a network from its first batch and declarations, and notes on what was found out.

    Raises SettingsError where rows, declarations and names do not fit.
    """
    scores, note = find_scores(rows, declared.output, where)
    if declared.scale is not None and scores != "score":
        raise SettingsError(f'{where}: scale goes with output = "score"')
    if declared.one_vs_rest is not None and declared.output != "multilabel":
        raise SettingsError(f'{where}: one_vs_rest goes with output = "multilabel"')
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
    if not isinstance(threshold, Mapping):
        raise SettingsError(
            f"{where}: threshold: say of which class, as threshold={names[-1]}:{threshold:g}"
        )
    for name in threshold:
        if names.count(name) != 1:
            some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
            raise SettingsError(
                f"{where}: threshold: there is no one class {name!r}; classes are {some}"
            )
    return tuple((names.index(name), float(point)) for name, point in threshold.items())


def as_rows(outputs: object, where: str) -> np.ndarray:
    """Return a network's output as (N, K) float32 in main memory; SettingsError for other shapes.

    Trailing sides of 1 are dropped; (N,) becomes (N, 1).
    """
    if isinstance(outputs, torch.Tensor):
        outputs = outputs.detach().float().cpu().numpy()
    if not isinstance(outputs, np.ndarray):
        raise SettingsError(
            f"{where}: expected one array (N, classes) of class scores, got {type(outputs).__name__}: {_DETECTOR}"
        )
    rows = outputs.astype(np.float32, copy=False)
    if rows.ndim > 2 and all(side == 1 for side in rows.shape[2:]):
        rows = rows.reshape(rows.shape[:2])
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise SettingsError(
            f"{where}: expected outputs of shape (N, classes), got {rows.shape}: {_DETECTOR}"
        )
    return rows


def in_fixed_batches(
    run: Callable[[torch.Tensor], np.ndarray], inputs: torch.Tensor, size: int | None
) -> np.ndarray:
    """Run inputs (N, ...) through a network that takes ``size`` at a time (None: any number)."""
    if size is None:
        return run(inputs)
    rows = []
    for start in range(0, len(inputs), size):
        part = inputs[start : start + size]
        missing = size - len(part)
        if missing:
            part = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])])
        rows.append(run(part)[: size - missing])
    return np.concatenate(rows)


def check_finite(rows: np.ndarray, where: str) -> None:
    """Raise an InputError that counts the rows with NaN or infinite scores."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(
            f"{where}: the network gave NaN or infinite outputs for {len(bad)} of {len(rows)} frames, the first "
            f"in row {bad[0]}; check its weights, its preprocessing and its precision"
        )


def are_probabilities(rows: np.ndarray) -> bool:
    return bool(
        rows.min(initial=0) >= -1e-6
        and np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max() < _SUM_TOLERANCE
    )


def are_shares(rows: np.ndarray) -> bool:
    return bool(rows.min(initial=0) >= -1e-6 and rows.max(initial=1) <= 1 + _SUM_TOLERANCE)


def farthest_sum(rows: np.ndarray) -> float:
    sums = rows.sum(axis=1, dtype=np.float64)
    return float(sums[np.abs(sums - 1).argmax()])


def find_scores(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    """Return what the rows of the first batch are, and a note if it was not declared."""
    if declared is not None and declared not in get_args(Output):
        names = ", ".join(f'"{name}"' for name in get_args(Output))
        raise SettingsError(f"{where}: output: expected one of {names}, got {declared!r}")
    check_finite(rows, where)
    if rows.shape[1] == 1:
        return _single(rows, declared, where)
    if declared in _SINGLE:
        raise SettingsError(
            f'{where}: output = "{declared}" is for a network of one output; it has {rows.shape[1]}'
        )
    if declared == "multilabel":
        if are_shares(rows):
            return "sigmoids", "all outputs lie in 0..1: the sigmoids are inside the network"
        return "sigmoid logits", ""
    return _several(rows, declared, where)


def _single(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    if declared not in _SINGLE:
        raise SettingsError(
            f'{where}: the network has one output; say output = "logit" or "probability" of the second of two '
            'classes, or "score" with a threshold for an anomaly score'
        )
    if declared == "probability" and not are_shares(rows):
        raise SettingsError(
            f'{where}: output = "probability", but values go from {rows.min():.4g} to {rows.max():.4g}; if the '
            'network gives a logit, say output = "logit"'
        )
    return cast(Scores, declared), ""


def _several(rows: np.ndarray, declared: str | None, where: str) -> tuple[Scores, str]:
    distributions = are_probabilities(rows)
    if declared == "probabilities" and not distributions:
        raise SettingsError(
            f'{where}: output = "probabilities", but a row sums to {farthest_sum(rows):.4g} and the least '
            f'value is {rows.min():.4g}; if the network gives logits, say output = "logits"'
        )
    if declared == "logits" and distributions:
        raise SettingsError(
            f'{where}: output = "logits", but every row sums to 1 with nothing below 0: the softmax is inside '
            'the network already; say output = "probabilities"'
        )
    if distributions:
        note = "outputs sum to 1 with nothing below 0: taken as probabilities, no softmax added"
        return "probabilities", "" if declared else note
    if declared is None and rows.min() >= 0 and rows.max() <= 1:
        raise SettingsError(
            f"{where}: all outputs lie in 0..1, but rows sum to {farthest_sum(rows):.4g}, as with a sigmoid for "
            'each class; for a network of several labels at once say output = "multilabel"; if they are logits '
            'all the same, say output = "logits"'
        )
    return "logits", ""


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
        raise SettingsError(
            f"{where}: the network has {outputs}, but {len(given)} class names are given"
        )
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
            raise SettingsError(
                f"{where}: a threshold of 0 gives no scale of the score: say scale = ..."
            )
        scale = abs(threshold)
        units = f"the score is measured in units of its threshold, {scale:g}"
        note = f"{units}: certain from twice it on"
    points = ((1, 0.5),)  # so that a score just at the threshold is anomalous
    reading = Reading(
        scores="score", class_names=names, thresholds=points, threshold=threshold, scale=scale
    )
    return reading, note


def _several_labels(
    scores: Scores, declared: Declared, names: tuple[str, ...], where: str
) -> tuple[Reading, str]:
    one = declared.one_vs_rest
    if one is not None:
        ((column, _),) = operating_points(
            {one: 1.0}, names, where.replace("threshold", "one_vs_rest")
        )
        return Reading(scores=scores, class_names=(f"not {one}", one), column=column), ""
    if declared.threshold is not None:
        raise SettingsError(
            f"{where}: an operating point of a multi-label network is one of a class against the rest: "
            "say one_vs_rest too"
        )
    note = f"of several labels the leading one, or {NONE!r} where none has a probability of 0.5"
    return Reading(scores=scores, class_names=(NONE, *names)), note


def _softmax(rows: np.ndarray) -> np.ndarray:
    z = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares: np.ndarray = z / z.sum(axis=1, keepdims=True)
    return shares


def _two(second: np.ndarray) -> np.ndarray:
    return np.stack([1 - second, second], axis=1)


def _points(text: str, where: str) -> Mapping[str, float] | float:
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
