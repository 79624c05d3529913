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
