"""Which way up is this picture? A linear probe on frozen features, and how little it knows of a frame.

After GeoTrans (Golan & El-Yaniv, NeurIPS 2018, 1805.10917), which trains a network to tell transforms apart and
takes its doubt as a sign of the unknown, and Hendrycks et al. (NeurIPS 2019, 1906.12340), who do it with the four
quarter turns. Here the network stays as it is, and only a linear layer on its features is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

DECAY = 1e-2
"""Weight of the squared length of the probe's weights, on standardised features."""
STEPS = 60


@dataclass(frozen=True)
class Turns:
    """mean, scale (D,) of the features; weights (D + 1, 4), the last row is the constant."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    @classmethod
    def fitted(cls, turned: np.ndarray) -> Turns:
        """From features (N, 4, D) of known frames in their four quarter turns."""
        n, turns, d = turned.shape
        x = np.asarray(turned, np.float64).reshape(n * turns, d)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 1e-9 * max(float(scale.max()), 1e-300), scale, 1.0)
        y = np.tile(np.arange(turns), n)
        return cls(mean, scale, softmax_regression((x - mean) / scale, y, turns))

    def log_probabilities(self, turned: np.ndarray) -> np.ndarray:
        """(M, 4): of each turn the logarithm of the probability that the probe gives to the right one."""
        m, turns, d = turned.shape
        x = (np.asarray(turned, np.float64).reshape(m * turns, d) - self.mean) / self.scale
        found = special.log_softmax(x @ self.weights[:-1] + self.weights[-1], axis=1)
        return np.asarray(found.reshape(m, turns, turns)[:, np.arange(turns), np.arange(turns)])

    def __call__(self, turned: np.ndarray) -> np.ndarray:
        """(M,) float64: the mean over the turns of minus the log probability of the right one."""
        return np.asarray(-self.log_probabilities(turned).mean(axis=1))

    def right(self, turned: np.ndarray) -> np.ndarray:
        """(M,) float64: the share of the four turns that the probe tells."""
        m, turns, d = turned.shape
        x = (np.asarray(turned, np.float64).reshape(m * turns, d) - self.mean) / self.scale
        found = (x @ self.weights[:-1] + self.weights[-1]).argmax(axis=1).reshape(m, turns)
        return np.asarray((found == np.arange(turns)).mean(axis=1))


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """(D + 1, classes): the weights of least mean cross entropy plus decay, the constants free of decay.

    x (N, D) float64; y (N,) int. By L-BFGS.
    """
    n, d = x.shape
    one_hot = np.eye(classes)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(d + 1, classes)
        log_p = special.log_softmax(x @ w[:-1] + w[-1], axis=1)
        off = (np.exp(log_p) - one_hot) / n
        value = -float((log_p * one_hot).sum()) / n + DECAY / 2 * float(np.square(w[:-1]).sum())
        return value, np.vstack([x.T @ off + DECAY * w[:-1], off.sum(axis=0)]).ravel()

    start = np.zeros((d + 1) * classes)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x.reshape(d + 1, classes))
