"""Which pairs of an item are replayed for each model.

Neighbours are drawn with probabilities proportional to ::

    size = root of (the picture's change x the model's own change), each in units of its mean;
           of a detector the squared change that causes have to explain

Each stands for 1 / its probability pairs, so that sums stay unbiased. A larger sample holds the smaller one,
and models share random numbers, so most of their pairs. Flips are drawn first, up to half of the sample. Some
pairs about a second apart are drawn besides. Further flips of a first sample, ``strips_of`` it, have weight 0: each is
replayed for its strip alone, outside of the account.
"""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import BREAKS
from vidrobust.metrics.catalogue import tasks
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.pipeline.stage import Context, Read, Trim
from vidrobust.statistics.samples import sized_order

# Pairs count as changing at least by this share of the mean change, so that none weighs more than ten times.
FLOOR = 0.1
# At most one pair in so many of the sample lies across a keyframe, but one at least where there is one.
KEYFRAME_SHARE = 4
FLIPS_SHARE = (1, 2)  # of the sample, at most, are flips; the rest stands for pairs without one
# Strips that the report has room for, about; with so few pairs an input is one of many, whose drawn flips fill it.
MOST_STRIPS, OF_MANY = 56, 11
SECOND_SHARE = 4  # one pair about a second apart for so many pairs of neighbours
KEYFRAME, PLAIN = "keyframe", ""  # strata of the sample
PAIR = ["scale", "frame_a", "frame_b"]  # columns that identify a pair of an item


def new_pairs(context: Context) -> dict[str, pd.DataFrame]:
    """Return per model the pairs of its sample that were not replayed before."""
    transitions, content, seed = context.need_transitions(), context.content, context.settings.seed
    by_model = {}
    for model in context.models:
        change = own_change(lambda table, model=model: context.read(model, table))  # type: ignore[misc]
        pairs = chosen_pairs(transitions, change, context.count, content, seed)
        labelled = context.read(model, CLASSIFICATION.correlation.pairs)
        if not context.settings.pictures or labelled is None or labelled.empty:
            pairs = pairs[pairs["weight"] > 0]  # strips are made of classifiers
        if context.have:
            before = chosen_pairs(transitions, change, context.have, content, seed)
            weight = before.set_index(PAIR)["weight"].reindex(pd.MultiIndex.from_frame(pairs[PAIR]))
            # a flip that was replayed for its strip may be drawn into a larger sample, which needs no further strips
            pairs = pairs[(pairs["weight"] > 0) & ~(weight > 0).to_numpy()]
        by_model[model] = pairs
    return by_model


def own_change(read: Read) -> pd.DataFrame:
    """Return how much a model's answer changes from each frame to the next, and whether it flips.

    Columns ``own_change`` and ``flip`` by the number of the first frame, and ``squared_change`` where a task tells
    what causes have to explain; no row where they are not known.
    """
    for task in tasks().values():
        pairs = read(task.correlation.pairs)
        if pairs is not None and len(pairs) and task.correlation.primary in pairs:
            near = pairs[pairs["kind"] == "adjacent"] if "kind" in pairs else pairs
            turns = [name for name in task.response.turns if name in near]
            flip = (near[turns] > 0).any(axis=1) if turns else False
            change = near[["frame_a"]].assign(own_change=near[task.correlation.primary], flip=flip)
            if task.squared_change is not None:
                change["squared_change"] = task.squared_change(near, read)
            how = dict.fromkeys(change.columns[1:], "mean") | {"flip": "any"}
            return change.groupby("frame_a").agg(how)
    return pd.DataFrame({"own_change": np.zeros(0), "flip": np.zeros(0, bool)})


def chosen_pairs(
    transitions: pd.DataFrame, change: pd.DataFrame, count: int, content: str, seed: int
) -> pd.DataFrame:
    """Draw ``count`` neighbours of an item, and pairs a second apart, with their weights and strata.

    Flips that were not drawn follow with weight 0, those of the largest change first, until there are ``strips_of``.
    """
    key, neighbours = f"{seed} {content}", _neighbours(transitions, change)
    near = choose_pairs(neighbours, count, key)
    flips = neighbours[neighbours["flip"] & (neighbours["excluded"] == "")]
    drawn = flips["frame_a"].isin(near["frame_a"])
    others = flips[~drawn].sort_values("own_change", ascending=False, kind="stable")
    others = others.head(max(0, strips_of(count) - int(drawn.sum())))
    stratum = np.where(others["keyframe"], KEYFRAME, PLAIN)
    others = others[["frame_a", "frame_b"]].assign(weight=0.0, stratum=stratum)
    near = pd.concat([near, others] if len(others) else [near]).assign(scale="adjacent")
    step = float(transitions["time_s"].diff().median())
    far = _apart(transitions, max(2, round(1 / step)) if step > 0 else 2)
    some = choose_pairs(far, max(min(1, count), count // SECOND_SHARE), f"second {key}").assign(
        scale="second"
    )
    pairs = pd.concat([part for part in (near, some) if len(part)] or [near], ignore_index=True)
    times = transitions.set_index("frame")["time_s"]
    return pairs.assign(time_s=times.reindex(pairs["frame_a"]).to_numpy())


def _neighbours(transitions: pd.DataFrame, change: pd.DataFrame) -> pd.DataFrame:
    frame, later = transitions.iloc[:-1], transitions.iloc[1:]
    changes = change.reindex(frame["frame"])
    pairs = pd.DataFrame(
        {
            "frame_a": frame["frame"].to_numpy(),
            "frame_b": later["frame"].to_numpy(),
            "pixel_change": later["pixel_change"].to_numpy(),
            "own_change": changes["own_change"].to_numpy(float),
            "flip": changes["flip"].eq(True).to_numpy(bool),
            "excluded": later["reason"].to_numpy(),
            "keyframe": later["keyframe"].to_numpy(),
        }
    )
    if "squared_change" in changes:
        pairs["squared_change"] = changes["squared_change"].to_numpy()
    return pairs


def choose_pairs(transitions: pd.DataFrame, count: int, seed_key: str) -> pd.DataFrame:
    """Draw a probability sample of pairs: frame_a, frame_b, weight, stratum ("keyframe" or "").

    Sequential Poisson sampling, spread over time (``statistics/samples.py``), proportional to ``sizes``;
    weights are the inverse probabilities (Horvitz & Thompson 1952). Pairs across a keyframe, those whose label flips
    (column ``flip``) and all others are drawn apart, flips all where there are few enough.
    """
    usable = transitions[(transitions["excluded"] == "") & has_third(transitions)]
    keyframe = (
        usable["keyframe"].to_numpy(bool) if "keyframe" in usable else np.zeros(len(usable), bool)
    )
    rng = np.random.default_rng(zlib.crc32(seed_key.encode()))
    wanted = min(int(keyframe.sum()), max(min(1, count), count // KEYFRAME_SHARE))
    flip = usable["flip"].to_numpy(bool) if "flip" in usable else np.zeros(len(usable), bool)
    flip = flip & ~keyframe
    (part, whole), rest = FLIPS_SHARE, int((~keyframe & ~flip).sum())
    flips = min(int(flip.sum()), max((count - wanted) * part // whole, count - wanted - rest))
    strata = (
        _draw(usable[keyframe], wanted, rng).assign(stratum=KEYFRAME),
        _draw(usable[flip], flips, rng).assign(stratum=PLAIN),
        _draw(usable[~keyframe & ~flip], count - wanted - flips, rng).assign(stratum=PLAIN),
    )
    chosen = pd.concat([part for part in strata if len(part)] or list(strata))
    chosen = chosen[["frame_a", "frame_b", "weight", "stratum"]]
    return chosen.sort_values("frame_a", kind="stable").reset_index(drop=True)


def has_third(transitions: pd.DataFrame) -> np.ndarray:
    """Return whether a frame before frame_a or after frame_b can be joined to the pair, (n,) bool.

    Pairs further apart than neighbours need none.
    """
    first, second = (transitions[name].to_numpy(np.int64) for name in ("frame_a", "frame_b"))
    if not len(transitions) or not (second == first + 1).all():
        return np.ones(len(transitions), bool)
    joined = set(first[(transitions["excluded"] == "").to_numpy(bool)].tolist())
    return np.array(
        [a - 1 in joined or b in joined for a, b in zip(first, second, strict=True)], bool
    )


def _draw(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    size = sizes(rows)
    chosen = sized_order(size, rng)[:count]
    return rows.iloc[chosen].assign(weight=1 / inclusion(size, count)[chosen])


def sizes(pairs: pd.DataFrame) -> np.ndarray:
    """Return how much of the account a pair holds, (n,) > 0: its squared change, where that is known.

    Else the root of the picture's times the model's change, or the picture's alone.
    """
    if "squared_change" in pairs:
        return known_size(pairs["squared_change"].to_numpy(float))
    picture = known_size(pairs["pixel_change"].to_numpy(float))
    answers = (
        pairs["own_change"].to_numpy(float)
        if "own_change" in pairs
        else np.full(len(pairs), np.nan)
    )
    return np.sqrt(picture * known_size(answers)) if np.isfinite(answers).any() else picture


def known_size(change: np.ndarray) -> np.ndarray:
    """Return the change, at least a tenth of its mean; the mean where it is not known, (n,) > 0."""
    if not len(change):
        return change
    known = np.where(
        np.isfinite(change), change, np.nanmean(change) if np.isfinite(change).any() else 1.0
    )
    mean = float(known.mean())
    return np.maximum(known, FLOOR * mean) if mean > 0 else np.ones(len(known))


def inclusion(size: np.ndarray, count: int) -> np.ndarray:
    """Return probabilities (n,) proportional to size > 0, none above 1, that sum to ``count``."""
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


def strips_of(count: int) -> int:
    """Return the flips of an input that have a strip, of a sample of ``count`` pairs."""
    return count // 2 if count <= OF_MANY else min(count, MOST_STRIPS)


def _apart(transitions: pd.DataFrame, distance: int) -> pd.DataFrame:
    """Pairs so many frames apart with no break between, two starts a distance; change along the path."""
    reason = transitions["reason"].to_numpy(str)
    broken = np.concatenate([[0], np.cumsum(np.isin(reason, BREAKS))])
    change = np.concatenate([[0.0], np.cumsum(transitions["pixel_change"].fillna(0.0))])
    rows = []
    for start in range(0, len(transitions) - distance, max(1, distance // 2)):
        stop = start + distance
        if broken[stop + 1] > broken[start + 1]:
            continue
        rows.append(
            {
                "frame_a": int(transitions["frame"].iloc[start]),
                "frame_b": int(transitions["frame"].iloc[stop]),
                "pixel_change": float(change[stop + 1] - change[start + 1]),
                "excluded": "",
                "keyframe": False,
            }
        )
    return pd.DataFrame(
        rows, columns=["frame_a", "frame_b", "pixel_change", "excluded", "keyframe"]
    )


def trimmed_to(read: Read, content: str, seed: int, count: int) -> Trim:
    """Return what keeps the rows of a sample of ``count`` pairs, with its weights."""
    transitions = read("transitions")
    assert transitions is not None, "a unit that is there has its transitions"
    chosen = chosen_pairs(transitions, own_change(read), count, content, seed)[[*PAIR, "weight"]]

    def trimmed(rows: pd.DataFrame) -> pd.DataFrame:
        weight = rows[PAIR].merge(chosen, on=PAIR, how="left")["weight"].to_numpy(float)
        rows = rows.assign(weight=weight)
        if "picture" in rows:  # the strip of a flip, which may have been replayed twice
            return rows[np.isfinite(weight)].drop_duplicates([*PAIR, "place"])
        return rows[weight > 0]

    return trimmed
