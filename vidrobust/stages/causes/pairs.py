"""Which pairs of an item are replayed for each model, and their frames.

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
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from threadpoolctl import ThreadpoolController

from vidrobust.frame_pairs.transitions import BREAKS
from vidrobust.frames.batch import VideoInfo
from vidrobust.frames.device import trim_heap
from vidrobust.metrics.catalogue import tasks
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.models.predict import Model
from vidrobust.models.preprocess import Preprocess
from vidrobust.pipeline.stage import Context, Read, Trim
from vidrobust.stages.causes.pair_replays import WITH_MEASURE
from vidrobust.statistics.samples import sized_order
from vidrobust.video.source import VideoSource

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
# Memory for pairs that are replayed at the same time; larger ones are replayed one after the other.
PAIR_BYTES = 512 * 2**20
# Approximate number of pictures, of three bytes a pixel, that a replayed pair holds at once: of its chains, and
# whole ones of a pair that is reduced.
PAIR_PICTURES, WHOLE_PICTURES = 60, 24
# Px along a side of what is replayed for one px that the network averages them to, at least: 640x360 through a
# resize to 256 px. Smaller pictures lose what the network could show.
MARGIN = 1.4
# Shorter side, px, that is left at least: on 180 lines 3 of 81 shares left their interval.
LEAST_SIDE = 360

# Frames t-1, t, t+1, t+2 as (H, W, 3) uint8; None where there is none, or a break lies between.
Pictures = tuple[np.ndarray | None, np.ndarray, np.ndarray, np.ndarray | None]
Made = TypeVar("Made")


def factor_of(model: Model, info: VideoInfo) -> int:
    """Return the side, px, of the squares over which pairs may be averaged before this model sees them.

    1 where it is not known that the model averages at least as much: of any callable, a detector (which looks
    at single pixels), or where a package brings a cause that is measured on whole frames.
    """
    preprocess = getattr(getattr(model, "network", None), "preprocess", None)
    if not isinstance(preprocess, Preprocess) or WITH_MEASURE:
        return 1
    shown = int(preprocess.frame_px(info.height, info.width) / MARGIN)
    return max(1, min(shown, min(info.height, info.width) // LEAST_SIDE))


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


def together(chosen: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the pairs of all models, each once: neighbours in time order, then those a second apart."""
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    whole = pd.concat(list(chosen.values()), ignore_index=True)
    whole = whole.sort_values([*PAIR, "weight"], ascending=[True] * len(PAIR) + [False])
    return whole.drop_duplicates(PAIR).reset_index(drop=True)


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


def strips_of(count: int) -> int:
    """Return the flips of an input that have a strip, of a sample of ``count`` pairs."""
    return count // 2 if count <= OF_MANY else min(count, MOST_STRIPS)


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


def abreast(info: VideoInfo, factor: int) -> int:
    """Return how many pairs are held at once."""
    held = PAIR_PICTURES if factor == 1 else PAIR_PICTURES // factor**2 + WHOLE_PICTURES
    return max(
        1, min(2 * torch.get_num_threads(), PAIR_BYTES // (held * 3 * info.width * info.height))
    )


def gathered(info: VideoInfo, factor: int) -> int:
    """Return of how many pairs a model is asked together: one on the CPU; on a device, half of what is held."""
    return 1 if info.delivered_on == "cpu" else max(1, abreast(info, factor) // 2)


def side_by_side(
    source: VideoSource,
    transitions: pd.DataFrame,
    pairs: Sequence[tuple[int, int]],
    make: Callable[..., Made],
    *columns: Sequence[Any],
    factor: int = 1,
    lead: int = 0,
) -> Generator[Made]:
    """Yield ``make(pictures, *row of the columns)`` of each pair of frames, in order, several at a time.

    The next ones are made while the models are asked about one. With ``lead`` the pictures are followed by a list of
    so many frames before the pair, fewer where a break lies between.
    """
    threads, size = torch.get_num_threads(), abreast(source.info, factor)
    rest = zip(pairs, *columns, strict=True)
    coming: deque[Future[Made]] = deque()
    # linear algebra on several threads in each of these would wait for the others' processors
    algebra = ThreadpoolController().select(user_api="blas")
    with ThreadPoolExecutor(threads) as pool, algebra.limit(limits=1):
        try:
            while True:
                for (a, b), *row in islice(rest, size - len(coming)):
                    shown = _frames_of(source, transitions, a, b, lead)
                    coming.append(pool.submit(make, *shown, *row))
                if not coming:
                    return
                yield coming.popleft().result()
                if size == 1:
                    trim_heap()  # one large pair after the other
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _frames_of(
    source: VideoSource, transitions: pd.DataFrame, a: int, b: int, lead: int
) -> tuple[Any, ...]:
    wanted, before, after = frames_about(transitions, a, b)
    numbers = frames_shown(transitions, a, b, lead)
    shown = dict(zip(numbers, source.at(numbers).pictures, strict=True))
    taken = [shown[number] for number in wanted]
    at = int(before)
    pictures = (taken[0] if before else None, *taken[at : at + 2], taken[-1] if after else None)
    if not lead:
        return (pictures,)
    return pictures, [shown[number] for number in numbers_before(transitions, a, lead)]


def frames_shown(transitions: pd.DataFrame, a: int, b: int, lead: int) -> list[int]:
    """Return the numbers of all frames that a pair's replays are made of, with up to ``lead`` before it."""
    return sorted({*frames_about(transitions, a, b)[0], *numbers_before(transitions, a, lead)})


def numbers_before(transitions: pd.DataFrame, a: int, count: int) -> list[int]:
    """Return the numbers of up to ``count`` frames before frame a."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first = last = int(np.searchsorted(frame, a))
    while first > max(0, last - count) and reason[first] not in BREAKS:
        first -= 1
    return [int(number) for number in frame[first:last]]


def frames_about(transitions: pd.DataFrame, a: int, b: int) -> tuple[list[int], bool, bool]:
    """Return the numbers of a pair's frames and those beside it; whether one is before, one behind."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first, last = int(np.searchsorted(frame, a)), int(np.searchsorted(frame, b))
    before = first > 0 and reason[first] not in BREAKS
    after = last + 1 < len(frame) and reason[last + 1] not in BREAKS
    wanted = [int(frame[first - 1])] if before else []
    behind = [int(frame[last + 1])] if after else []
    return [*wanted, a, b, *behind], before, after
