"""McNemar's test where events of one cluster may depend: two sides, equally often each, or not."""

from __future__ import annotations

import numpy as np

from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import cluster_codes

MOST_FLIPS_LISTED = 12
"""Clusters up to which all their sign flips are listed; above, they are drawn."""
DRAWS = 20_000


def clustered_mcnemar(
    first: np.ndarray, second: np.ndarray, clusters: Clusters | np.ndarray, *, seed: int = 0
) -> float:
    """Two-sided p of as many events ``first`` as ``second``, (n,) bool, that exclude each other.

    By the flips of the signs of whole clusters, which for independent rows is McNemar's exact test (Durkalski et
    al., Statistics in Medicine 22, 2003, p. 2417-2428).
    """
    code, count, _ = cluster_codes(clusters)
    net = np.bincount(code, weights=second.astype(np.float64) - first, minlength=count)
    net = net[net != 0]
    if not len(net):
        return 1.0
    if len(net) <= MOST_FLIPS_LISTED:
        signs = 1 - 2 * ((np.arange(2 ** len(net))[:, None] >> np.arange(len(net))) & 1)
        return float(np.mean(np.abs(signs @ net) >= abs(net.sum()) - 1e-9))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(DRAWS, len(net)))
    return float((1 + np.sum(np.abs(signs @ net) >= abs(net.sum()) - 1e-9)) / (1 + DRAWS))
