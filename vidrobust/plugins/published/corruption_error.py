"""Corruption errors and flip rates of Hendrycks & Dietterich 2019 (arXiv 1903.12261), section 4.

All are linear in the images, so intervals follow from the spread over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.files.json_text import file_text, parsed_json
from vidrobust.plugins.published.authors import stated
from vidrobust.statistics.standard_errors import t_quantile
from vidrobust.text.printable import printable

_ALEXNET = stated("alexnet")
CLEAN_ERROR: float = _ALEXNET["clean_error"]
ERRORS: Mapping[str, tuple[float, ...]] = MappingProxyType(_ALEXNET["errors"])
# Means over the five severities: all that CE needs.
EXTRA_ERRORS: Mapping[str, float] = MappingProxyType(_ALEXNET["extra_errors"])
FLIP_PROBABILITIES: Mapping[str, float] = MappingProxyType(_ALEXNET["flip_probabilities"])


NAN = float("nan")
T5D_MOST = 18.0  # The distance of five leading ranks that have nothing in common


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Top-1 errors by corruption and severity that errors are divided by, and the clean error."""

    errors: Mapping[str, tuple[float, ...]]
    clean_error: float
    name: str


# Of the four extra corruptions only the mean over severities is known, which is all that CE needs.
ALEXNET = Baseline(
    errors={**ERRORS, **{name: (mean,) * 5 for name, mean in EXTRA_ERRORS.items()}},
    clean_error=CLEAN_ERROR,
    name="AlexNet",
)
NONE = Baseline(errors={}, clean_error=NAN, name="")  # Without a baseline: a mean error in percent


@dataclass(frozen=True, kw_only=True)
class FlipBaseline:
    """Flip probabilities and T5D by sequence that flip rates are divided by."""

    flip_probability: Mapping[str, float]
    top5_distance: Mapping[str, float]
    name: str


ALEXNET_FLIPS = FlipBaseline(
    flip_probability=FLIP_PROBABILITIES, top5_distance=MappingProxyType({}), name="AlexNet"
)


@dataclass(frozen=True, kw_only=True)
class CorruptionErrors:
    """Errors (n, C, S) bool of images, corruptions and severities of a suite.

    CE is 100 times the sum of errors over severities by that of the baseline; relative CE uses what
    corruption adds to the clean error. ``group`` is what images depend with.
    """

    names: tuple[str, ...]
    wrong: np.ndarray
    clean_wrong: np.ndarray
    baseline: Baseline = ALEXNET
    extra: tuple[str, ...] = ()
    group: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, c = len(self.clean_wrong), len(self.names)
        if self.wrong.ndim != 3 or self.wrong.shape[:2] != (n, c):
            raise ValueError(
                f"CorruptionErrors.wrong: expected ({n}, {c}, S), got {self.wrong.shape}"
            )

    def summary(self) -> dict[str, object]:
        """Return fractions for errors, percent for CE, mCE and relative mCE, with 95 % intervals over groups."""
        ce, relative = self._per_image()
        counts = np.array([name not in self.extra for name in self.names])
        if not counts.any():
            counts[:] = True
        by_name = {
            name: {
                "errors": [float(e) for e in self.wrong[:, k].mean(axis=0)],
                "ce": float(ce[:, k].mean()),
                "relative_ce": float(relative[:, k].mean()),
                **({} if counts[k] else {"extra": True}),
            }
            for k, name in enumerate(self.names)
        }
        return {
            "n": len(self.clean_wrong),
            **_groups(self.group),
            "clean_error": float(self.clean_wrong.mean()),
            **_with_interval("mce", ce[:, counts].mean(axis=1), self.group, (0.0, np.inf)),
            **_with_interval("relative_mce", relative[:, counts].mean(axis=1), self.group),
            "normalised_by": self.baseline.name,
            "corruptions": by_name,
        }

    def _per_image(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) what each image contributes to CE and relative CE: their means over images are these."""
        total = self.wrong.sum(axis=2)
        strengths = self.wrong.shape[2]
        added = total - strengths * self.clean_wrong[:, None].astype(np.float64)
        if not self.baseline.errors:
            return 100 * total / strengths, 100 * added / strengths
        sums = np.array([np.sum(self.baseline.errors[name]) for name in self.names])
        return 100 * total / sums, 100 * added / (sums - strengths * self.baseline.clean_error)


@dataclass(frozen=True, kw_only=True)
class FlipRates:
    """Flips and mean T5D (n, P) of one model on the sequences of ImageNet-P."""

    names: tuple[str, ...]
    flips: np.ndarray
    top5_distance: np.ndarray
    scored: np.ndarray
    clean_wrong: np.ndarray
    baseline: FlipBaseline = ALEXNET_FLIPS
    group: np.ndarray | None = None

    def summary(self) -> dict[str, object]:
        """Return flip_probability and t5d as plain means over the scored sequences."""
        baseline = np.array([self.baseline.flip_probability[name] for name in self.names])
        rate = 100 * self.flips / baseline
        by_name: dict[str, dict[str, object]] = {
            name: {
                "flip_probability": float(self.flips[:, k].mean()),
                "flip_rate": float(rate[:, k].mean()),
                "t5d": float(self.top5_distance[:, k].mean()),
                "scored": bool(self.scored[k]),
            }
            for k, name in enumerate(self.names)
        }
        measured = [
            ("flip_probability", self.flips, 1.0),
            ("mfr", rate, np.inf),
            ("t5d", self.top5_distance, T5D_MOST),
        ]
        if self.baseline.top5_distance:
            by = np.array([self.baseline.top5_distance[name] for name in self.names])
            ratio = 100 * self.top5_distance / by
            measured.append(("mt5d", ratio, np.inf))
            for k, name in enumerate(self.names):
                by_name[name]["t5d_rate"] = float(ratio[:, k].mean())
        means: dict[str, float] = {}
        for figure, values, most in measured:
            of_images = values[:, self.scored].mean(axis=1)
            means |= _with_interval(figure, of_images, self.group, (0.0, most))
        return {
            "n": len(self.clean_wrong),
            **_groups(self.group),
            "clean_error": float(self.clean_wrong.mean()),
            **means,
            "normalised_by": self.baseline.name,
            "sequences": by_name,
        }


def _groups(group: np.ndarray | None) -> dict[str, int]:
    return {} if group is None else {"groups": len(np.unique(group))}


def _with_interval(
    name: str,
    values: np.ndarray,
    group: np.ndarray | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> dict[str, float]:
    mean, n = float(values.mean()), len(values)
    of = np.arange(n) if group is None else np.unique(group, return_inverse=True)[1]
    count = int(of.max()) + 1 if n else 0
    if count < 2:
        return {name: mean, f"{name}_low": NAN, f"{name}_high": NAN}
    sums = np.bincount(of, values - mean, minlength=count)
    error = float(np.sqrt(count / (count - 1) * np.sum(sums**2))) / n
    half = float(t_quantile(0.975, count - 1)) * error
    low, high = np.clip((mean - half, mean + half), *bounds)
    return {name: mean, f"{name}_low": float(low), f"{name}_high": float(high)}


def read_baseline(path: Path, suite: str) -> Baseline | FlipBaseline:
    """Read the errors, or flip probabilities and T5D, of the one model in a file."""
    try:
        content = parsed_json(file_text(path))
        models: Mapping[str, Any] = content["models"]
        of_suite = str(content["suite"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)}: is no baseline ({in_plain_words(error)}); it is what vidrobust "
            "corruptions --json prints of one model"
        ) from error
    if of_suite != suite:
        raise SettingsError(
            f"{printable(path)}: is of the suite {of_suite}, and cannot be a baseline for {suite}"
        )
    if len(models) != 1:
        raise SettingsError(f"{printable(path)}: holds {len(models)} models; a baseline is one")
    ((name, one),) = models.items()
    try:
        return _flips(name, one) if "sequences" in one else _errors(name, one)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{printable(path)}: model {name} lacks {error}") from error
    except ZeroDivisionError as error:
        raise SettingsError(
            f"{printable(path)}: model {name} {error}, by which nothing can be divided"
        ) from error


def _errors(name: str, one: Mapping[str, Any]) -> Baseline:
    errors = {
        key: tuple(float(e) for e in entry["errors"]) for key, entry in one["corruptions"].items()
    }
    clean = float(one["clean_error"])
    for key, values in errors.items():
        if sum(values) <= 0 or np.isclose(sum(values), len(values) * clean):
            raise ZeroDivisionError(
                f"makes no more errors under {key} than without"
                if sum(values)
                else f"never fails under {key}"
            )
    return Baseline(errors=errors, clean_error=clean, name=name)


def _flips(name: str, one: Mapping[str, Any]) -> FlipBaseline:
    flips = {key: float(row["flip_probability"]) for key, row in one["sequences"].items()}
    moved = {key: float(row["t5d"]) for key, row in one["sequences"].items()}
    for key in flips:
        if flips[key] <= 0 or moved[key] <= 0:
            raise ZeroDivisionError(f"never flips on {key}")
    return FlipBaseline(flip_probability=flips, top5_distance=moved, name=name)
