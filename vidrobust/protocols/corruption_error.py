"""Corruption errors and flip rates of Hendrycks & Dietterich 2019 (arXiv 1903.12261), section 4.

All are linear in what each image did, so that their intervals follow from the spread over images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vidrobust.protocols import alexnet

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What errors are divided by.

    errors       corruption -> top-1 errors at its severities; empty: nothing is divided
    clean_error  of the same model without corruption
    name         "AlexNet", or the user's own
    """

    errors: Mapping[str, tuple[float, ...]]
    clean_error: float
    name: str


ALEXNET = Baseline(errors=alexnet.ERRORS, clean_error=alexnet.CLEAN_ERROR, name="AlexNet")
NONE = Baseline(errors={}, clean_error=NAN, name="")
"""For sets without a baseline (CIFAR-10-C, ImageNet-C-bar): a mean error in percent."""


def corruption_error(errors: np.ndarray, baseline: np.ndarray) -> float:
    """CE in percent: the sum of errors over severities over that of the baseline. A ratio of sums.

    errors, baseline  (S,) in [0, 1]
    """
    return float(100 * np.sum(errors) / np.sum(baseline))


def relative_corruption_error(
    errors: np.ndarray, clean: float, baseline: np.ndarray, baseline_clean: float
) -> float:
    """The same of what corruption adds to the clean error, in percent."""
    return float(100 * np.sum(np.asarray(errors) - clean) / np.sum(np.asarray(baseline) - baseline_clean))


@dataclass(frozen=True, kw_only=True)
class CorruptionErrors:
    """One model under every corruption and severity of a suite.

    wrong        (n, C, S) bool: image, corruption, severity
    clean_wrong  (n,) bool
    names        the C corruptions
    """

    names: tuple[str, ...]
    wrong: np.ndarray
    clean_wrong: np.ndarray
    baseline: Baseline = ALEXNET

    def __post_init__(self) -> None:
        n, c = len(self.clean_wrong), len(self.names)
        if self.wrong.ndim != 3 or self.wrong.shape[:2] != (n, c):
            raise ValueError(f"CorruptionErrors.wrong: expected ({n}, {c}, S), got {self.wrong.shape}")

    def summary(self) -> dict[str, object]:
        """What the command prints: fractions for errors, percent for CE, mCE and relative mCE.

        mce and relative_mce come with 95 % intervals over images (Student's t), the baseline taken as exact.
        """
        ce, relative = self._per_image()
        each = {
            name: {
                "errors": [float(e) for e in self.wrong[:, k].mean(axis=0)],
                "ce": float(ce[:, k].mean()),
                "relative_ce": float(relative[:, k].mean()),
            }
            for k, name in enumerate(self.names)
        }
        return {
            "n": len(self.clean_wrong),
            "clean_error": float(self.clean_wrong.mean()),
            **_with_interval("mce", ce.mean(axis=1)),
            **_with_interval("relative_mce", relative.mean(axis=1)),
            "normalised_by": self.baseline.name,
            "corruptions": each,
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
    """One model on the sequences of ImageNet-P.

    flips          (n, P) share of compared frames whose label differs: image, sequence
    top5_distance  (n, P) mean T5D of the compared frames, 0 to 18
    scored         (P,) bool, the ten that count
    clean_wrong    (n,) bool on the clean image; a constant answer never flips, so read both
    """

    names: tuple[str, ...]
    flips: np.ndarray
    top5_distance: np.ndarray
    scored: np.ndarray
    clean_wrong: np.ndarray

    def summary(self) -> dict[str, object]:
        """flip_probability and t5d: plain means over the scored sequences; mfr in percent of AlexNet's.

        T5D has no published baseline per sequence, so it is not divided.
        """
        base = np.array([alexnet.FLIP_PROBABILITIES[name] for name in self.names])
        rate = 100 * self.flips / base
        each = {
            name: {
                "flip_probability": float(self.flips[:, k].mean()),
                "flip_rate": float(rate[:, k].mean()),
                "t5d": float(self.top5_distance[:, k].mean()),
                "scored": bool(self.scored[k]),
            }
            for k, name in enumerate(self.names)
        }
        return {
            "n": len(self.clean_wrong),
            "clean_error": float(self.clean_wrong.mean()),
            **_with_interval("flip_probability", self.flips[:, self.scored].mean(axis=1)),
            **_with_interval("mfr", rate[:, self.scored].mean(axis=1)),
            **_with_interval("t5d", self.top5_distance[:, self.scored].mean(axis=1)),
            "normalised_by": "AlexNet",
            "sequences": each,
        }


def _with_interval(name: str, values: np.ndarray) -> dict[str, float]:
    """The mean over images and its 95 % interval; NaN with fewer than two."""
    mean = float(values.mean())
    if len(values) < 2:
        return {name: mean, f"{name}_low": NAN, f"{name}_high": NAN}
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
