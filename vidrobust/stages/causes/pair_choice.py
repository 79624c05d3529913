"""Which pairs of an item are replayed for each model: neighbours, and some about a second apart.

Of neighbours the change of the picture and the model's own change are known for all pairs once its stability is;
both together say where a cause may be met (``sample.py``). The samples of several models are drawn by the same
random numbers, so that they share most of their pairs, and each is the same whichever models are along.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import BREAKS
from vidrobust.metrics.catalogue import TASKS
from vidrobust.pipeline.stage import Context, Read, Trim
from vidrobust.run_folder.settings import Settings
from vidrobust.statistics.samples import sized_order

# Which pairs are replayed: a probability sample, drawn by how much picture and answer changed, weights known.
#
#     size = root of (the picture's change x the model's own change), each in units of its mean
#
# Pairs in which more happens are likelier: they hold most of the change that is to be accounted for, and what
# changed in the picture alone, or in the answer alone, shows no cause. Each stands for 1 / its probability pairs,
# so that sums over the sample stay unbiased whatever the size. A larger sample holds the smaller one.

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
    Poisson sampling, spread over time (``statistics/samples.py``). Weights are the inverse (Horvitz & Thompson
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


PAIR = ["scale", "frame_a", "frame_b"]
"""What names a pair of an item."""
SECOND_SHARE = 4
"""One pair about a second apart for so many pairs of neighbours."""


def new_pairs(context: Context) -> dict[str, pd.DataFrame]:
    """Per model the pairs of its sample that were not replayed before (``chosen_pairs``)."""
    transitions, content, seed = context.need_transitions(), context.content, context.settings.seed
    found = {}
    for model in context.models:
        change = own_change(lambda table, model=model: context.read(model, table))  # type: ignore[misc]
        pairs = chosen_pairs(transitions, change, context.count, content, seed)
        if context.have:
            before = chosen_pairs(transitions, change, context.have, content, seed)
            pairs = pairs[~_names(pairs).isin(_names(before))]
        found[model] = pairs
    return found


def together(chosen: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The pairs of all models, each once: neighbours in the order of time, then those a second apart."""
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    whole = pd.concat(list(chosen.values()), ignore_index=True)[[*PAIR, "stratum", "time_s"]]
    return whole.drop_duplicates(PAIR).sort_values(PAIR, kind="stable").reset_index(drop=True)


def own_change(read: Read) -> pd.Series:
    """How much a model's answer changes from each frame to the next, by the first one's number; may be empty.

    read  reads the raw tables of its stability; the metric is that of its task on which verdicts rest
    """
    for task in TASKS.values():
        pairs = read(task.correlation.pairs)
        if pairs is not None and len(pairs):
            near = pairs[pairs["kind"] == "adjacent"] if "kind" in pairs else pairs
            return near.groupby("frame_a")[task.correlation.primary].mean()
    return pd.Series(dtype=np.float64)


def flipped(context: Context, pairs: pd.DataFrame) -> np.ndarray:
    """(n,) bool: the label of some classifier flips from frame to frame in this pair, as its stability says."""
    first: set[int] = set()
    for model in context.models:
        seen = context.read(model, "pairs")
        if seen is not None and len(seen):
            flips = (seen["kind"] == "adjacent") & (seen["label_flip"] == 1)
            first |= set(seen.loc[flips, "frame_a"].tolist())
    return ((pairs["scale"] == "adjacent") & pairs["frame_a"].isin(first)).to_numpy(bool)


def steps(settings: Settings) -> float:
    """How many pairs are replayed for one pair of neighbours that is asked for, about."""
    return 1 + 1 / SECOND_SHARE


def trim(read: Read, content: str, settings: Settings, count: int) -> Trim:
    """What keeps the rows of a sample of ``count`` pairs, with its weights, of a unit that may hold more."""
    transitions = read("transitions")
    assert transitions is not None, "a unit that is there has its transitions"
    chosen = chosen_pairs(transitions, own_change(read), count, content, settings.seed)[[*PAIR, "weight"]]

    def trimmed(rows: pd.DataFrame) -> pd.DataFrame:
        weight = rows[PAIR].merge(chosen, on=PAIR, how="left")["weight"].to_numpy(float)
        return rows.assign(weight=weight)[np.isfinite(weight)]

    return trimmed


def chosen_pairs(
    transitions: pd.DataFrame, change: pd.Series, count: int, content: str, seed: int
) -> pd.DataFrame:
    """frame_a, frame_b, weight, stratum, scale, time_s: of an item's neighbours, and of pairs a second apart.

    change  the model's own, by the first frame of the pair; of pairs a second apart it is not known
    The pairs of a smaller ``count`` are among them.
    """
    key = f"{seed} {content}"
    near = choose_pairs(_neighbours(transitions, change), count, key).assign(scale="adjacent")
    far = _apart(transitions, _frames_a_second(transitions))
    some = choose_pairs(far, max(1, count // SECOND_SHARE), f"second {key}").assign(scale="second")
    found = pd.concat([part for part in (near, some) if len(part)] or [near], ignore_index=True)
    times = transitions.set_index("frame")["time_s"]
    return found.assign(time_s=times.reindex(found["frame_a"]).to_numpy())


def _frames_a_second(transitions: pd.DataFrame) -> int:
    """Delivered frames a second, about; two at least."""
    step = float(transitions["time_s"].diff().median())
    return max(2, round(1 / step)) if step > 0 else 2


def _names(pairs: pd.DataFrame) -> pd.Index:
    return pd.MultiIndex.from_frame(pairs[PAIR])


def _neighbours(transitions: pd.DataFrame, change: pd.Series) -> pd.DataFrame:
    """One row a pair of neighbours, as ``choose_pairs`` wants it."""
    frame, later = transitions.iloc[:-1], transitions.iloc[1:]
    return pd.DataFrame(
        {
            "frame_a": frame["frame"].to_numpy(),
            "frame_b": later["frame"].to_numpy(),
            "pixel_change": later["pixel_change"].to_numpy(),
            "own_change": change.reindex(frame["frame"]).to_numpy(float),
            "excluded": later["reason"].to_numpy(),
            "keyframe": later["keyframe"].to_numpy(),
        }
    )


def _apart(transitions: pd.DataFrame, distance: int) -> pd.DataFrame:
    """Pairs so many frames apart with no break between, two starts a distance; their change by its path."""
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
    columns = ["frame_a", "frame_b", "pixel_change", "excluded", "keyframe"]
    return pd.DataFrame(rows, columns=columns)
