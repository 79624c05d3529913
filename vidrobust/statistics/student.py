"""Student's t by scipy.special, equal to scipy.stats to the bit, which takes half a second to import."""

from __future__ import annotations

import numpy as np
from scipy import special


def quantile(level: float, freedom: float) -> float:
    """The t below which a share ``level`` lies, with so many degrees of freedom."""
    return float(special.stdtrit(freedom, level))


def upper_tail(t: np.ndarray | float, freedom: float) -> np.ndarray:
    """The share above t (any shape), with so many degrees of freedom."""
    return np.asarray(special.stdtr(freedom, -np.asarray(t)))


def two_sided(mean: float, error: float, freedom: float) -> float:
    """Two-sided p of a mean of zero, of such a standard error; of one without error 0, or 1 where it is zero."""
    if error <= 1e-12 * max(abs(mean), 1e-300):
        return 1.0 if mean == 0 else 0.0
    return float(2 * upper_tail(abs(mean) / error, freedom))
