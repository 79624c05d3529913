"""What more values of the same clusters would buy."""

from __future__ import annotations

import numpy as np


def narrower(values: np.ndarray, cluster: np.ndarray, times: float) -> float:
    """New over old width of the interval of a mean, if each cluster held ``times`` as many values.

    values (n,), cluster (n,) int labels. Of the variance of a mean over clusters the part within them falls with
    their size, and the part between them stays: components of variance from the one-way analysis with groups of
    unequal size (Searle, Casella & McCulloch, Variance Components, 1992, section 3.6). NaN where no cluster has
    two values, there is one cluster, or all values are equal.
    """
    values = np.asarray(values, np.float64)
    code = np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(code).astype(np.float64)
    count, n = len(size), len(values)
    if count < 2 or n <= count:
        return float("nan")
    means = np.bincount(code, weights=values) / size
    within = float(((values - means[code]) ** 2).sum() / (n - count))
    between = float((size * (means - values.mean()) ** 2).sum() / (count - 1))
    typical = (n - (size**2).sum() / n) / (count - 1)
    apart = max(0.0, (between - within) / typical)
    old, new = apart + within * count / n, apart + within * count / (n * times)
    return float(np.sqrt(new / old)) if old > 0 else float("nan")
