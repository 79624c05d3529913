"""How far features lie from those of known footage: nearest neighbours, and the distance of Mahalanobis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The k of k nearest neighbours: a small one, since known footage has hundreds of frames, not a million.
NEIGHBOURS = 5
# Frames of one answer from which on it has a mean of its own; the others share one.
FEWEST_OF_ANSWER = 10
CHUNK = 256


@dataclass(frozen=True)
class Neighbours:
    """Known features (N, D), each of length 1."""

    known: np.ndarray

    @classmethod
    def fitted(cls, features: np.ndarray) -> Neighbours:
        """From features (N, D) of known frames."""
        return cls(of_length_one(features))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(M,) float64: the distance to the k-th nearest known feature (Sun et al., ICML 2022, 2204.06507)."""
        k = min(NEIGHBOURS, len(self.known)) - 1
        parts = [
            np.partition(_distances(of_length_one(part), self.known), k, axis=1)[:, k]
            for part in np.array_split(features, max(1, -(-len(features) // CHUNK)))
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Mahalanobis:
    """means (G, D), and a square root (D, R) of the inverse of the covariance about them."""

    means: np.ndarray
    whitening: np.ndarray

    @classmethod
    def fitted(cls, features: np.ndarray, answer: np.ndarray) -> Mahalanobis:
        """Fit features (N, D) of known frames: a mean for each answer and one covariance (Lee et al., NeurIPS
        2018, 1807.03888).

        The covariance is shrunk by the rule of Ledoit & Wolf, since there are more features than frames.
        """
        x = np.asarray(features, np.float64)
        group = groups_of(answer)
        means = np.stack([x[group == g].mean(axis=0) for g in range(int(group.max()) + 1)])
        covariance = shrunk_covariance(x - means[group])
        size, axes = np.linalg.eigh(covariance)
        return cls(means, axes / np.sqrt(np.maximum(size, 1e-12 * max(float(size.max()), 1e-300))))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(M,) float64: the distance to the nearest of the means, in units of the known spread."""
        x = np.asarray(features, np.float64) @ self.whitening
        return np.asarray(_distances(x, self.means @ self.whitening).min(axis=1))


def groups_of(answer: np.ndarray) -> np.ndarray:
    """(N,) int64 0..G-1: a group for each answer of ten frames or more, and one for all the others."""
    _, code, count = np.unique(answer, return_inverse=True, return_counts=True)
    own = count >= FEWEST_OF_ANSWER
    number = np.where(own, np.cumsum(own), 0)
    return np.asarray(np.unique(number[code], return_inverse=True)[1], np.int64)


def shrunk_covariance(centred: np.ndarray) -> np.ndarray:
    """Return (D, D) from centred rows (N, D): (1 - s) S + s m I, s after Ledoit & Wolf (J. Multivariate
    Analysis 88, 2004).
    """
    n, d = centred.shape
    sample = centred.T @ centred / n
    mean = float(np.trace(sample)) / d
    off = float(np.square(sample - mean * np.eye(d)).sum())
    spread = float((np.square(np.square(centred).sum(axis=1)).sum() / n - np.square(sample).sum()) / n)
    share = min(1.0, max(0.0, spread / off)) if off > 0 else 1.0
    return np.asarray((1 - share) * sample + share * mean * np.eye(d))


def of_length_one(features: np.ndarray) -> np.ndarray:
    """(N, D) float64 rows of length 1; a row of zeros stays one."""
    x = np.asarray(features, np.float64)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) Euclidean distances of rows."""
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
