"""Which pairs are replayed: a probability sample, drawn by how much picture and answer changed, weights known.

    size = root of (the picture's change x the model's own change), each in units of its mean

Pairs in which more happens are likelier: they hold most of the change that is to be accounted for, and what
changed in the picture alone, or in the answer alone, shows no cause. Each stands for 1 / its probability pairs,
so that sums over the sample stay unbiased whatever the size. A larger sample holds the smaller one.
"""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd

from vidrobust.statistics.samples import sized_order

FLOOR = 0.1
"""Pairs count as changing at least by this share of the mean change, so that none weighs more than ten times."""
KEYFRAME_SHARE = 4
"""At most one pair in so many of the sample lies across a keyframe, but one at least where there is one."""
KEYFRAME, PLAIN = "keyframe", ""


def choose_pairs(transitions: pd.DataFrame, count: int, seed_key: str) -> pd.DataFrame:
    """The pairs of one item to replay: columns frame_a, frame_b, weight, stratum ("keyframe" or "").

    transitions     one row per pair of the item: frame_a, frame_b, pixel_change, excluded ("" where usable), and,
              where they are known, own_change (of the model's answer) and keyframe (bool: a keyframe that is no
              cut lies at frame_b)
    count     how many pairs; all where there are no more
    seed_key  what the draw depends on, e.g. the item's content key and the run's seed

    Inclusion probabilities are proportional to the size (``sizes``), cut at 1; the sample is drawn by sequential
    Poisson sampling, spread over time (``statistics/nested.py``). Weights are the inverse (Horvitz & Thompson
    1952).
    """
    usable = transitions[(transitions["excluded"] == "") & has_third(transitions)]
    keyframe = usable["keyframe"].to_numpy(bool) if "keyframe" in usable else np.zeros(len(usable), bool)
    rng = np.random.default_rng(zlib.crc32(seed_key.encode()))
    wanted = min(int(keyframe.sum()), max(1, count // KEYFRAME_SHARE))
    strata = (
        _draw(usable[keyframe], wanted, rng).assign(stratum=KEYFRAME),
        _draw(usable[~keyframe], count - wanted, rng).assign(stratum=PLAIN),
    )
    found = pd.concat([part for part in strata if len(part)] or list(strata))
    found = found[["frame_a", "frame_b", "weight", "stratum"]]
    return found.sort_values("frame_a", kind="stable").reset_index(drop=True)


def has_third(transitions: pd.DataFrame) -> np.ndarray:
    """(n,) bool: a frame before frame_a or after frame_b can be joined to the pair.

    frames  t-1   t   t+1   t+2      the pair (t, t+1) needs the link (t-1, t) or the link (t+1, t+2)

    Links are the neighbours among the rows (frame_b = frame_a + 1); for pairs further apart, with no neighbours
    among the rows, nothing is asked.
    """
    first, second = (transitions[name].to_numpy(np.int64) for name in ("frame_a", "frame_b"))
    if not len(transitions) or not (second == first + 1).all():
        return np.ones(len(transitions), bool)
    joined = set(first[(transitions["excluded"] == "").to_numpy(bool)].tolist())
    return np.array([a - 1 in joined or b in joined for a, b in zip(first, second, strict=True)], bool)


def _draw(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    size = sizes(rows)
    probability = inclusion(size, count)
    chosen = sized_order(size, rng)[:count]
    return rows.iloc[chosen].assign(weight=1 / probability[chosen])


def sizes(pairs: pd.DataFrame) -> np.ndarray:
    """(n,) sizes above 0: the root of picture's and model's change, each at least a tenth of its mean.

    Where nothing is known of the model it is the picture's change.
    """
    picture = known_size(pairs["pixel_change"].to_numpy(float))
    own = pairs["own_change"].to_numpy(float) if "own_change" in pairs else np.full(len(pairs), np.nan)
    if not np.isfinite(own).any():
        return picture
    return np.sqrt(picture * known_size(own))


def known_size(change: np.ndarray) -> np.ndarray:
    """(n,) sizes above 0: the change, at least a tenth of its mean; the mean where it is not known."""
    if not len(change):
        return change
    known = np.where(np.isfinite(change), change, np.nanmean(change) if np.isfinite(change).any() else 1.0)
    mean = float(known.mean())
    return np.maximum(known, FLOOR * mean) if mean > 0 else np.ones(len(known))


def inclusion(size: np.ndarray, count: int) -> np.ndarray:
    """(n,) probabilities proportional to size (n,) > 0, none above 1, that add up to ``count``, or n if less."""
    n = len(size)
    if count >= n:
        return np.ones(n)
    certain = np.zeros(n, bool)
    while True:
        rest = size[~certain].sum()
        p = np.where(certain, 1.0, size * (count - certain.sum()) / rest if rest > 0 else 0.0)
        if (p <= 1).all():
            return np.asarray(p)
        certain |= p > 1
