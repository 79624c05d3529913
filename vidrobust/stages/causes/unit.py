"""A unit of the stage ``causes``: its pairs are replayed once, side by side, and shown to all its models.

::

    new_pairs ─▶ _replay ─┬─▶ side_by_side ─▶ _replayed              pictures of a pair, on several threads
                          └─▶ _ask ─▶ replies ─▶ by_account ─▶ score   rows of one model, pair by pair
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from threadpoolctl import ThreadpoolController

from vidrobust.frame_pairs.transitions import BREAKS
from vidrobust.frames.batch import VideoInfo
from vidrobust.frames.device import trim_heap
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.predict import Model
from vidrobust.models.preprocess import Preprocess
from vidrobust.pipeline.stage import Context, Found
from vidrobust.stages.causes import candidate_fits
from vidrobust.stages.causes.candidate_fits import Candidate, candidates, motions, predicts
from vidrobust.stages.causes.pair_replays import (
    WITH_MEASURE,
    PairReplays,
    study_pair,
    study_strip,
)
from vidrobust.stages.causes.pairs import KEYFRAME, PAIR, new_pairs
from vidrobust.stages.causes.places import PlacesToMap
from vidrobust.stages.causes.recoded import LEAD, quantizer_of, recoded
from vidrobust.stages.causes.scene import ShownMotion
from vidrobust.stages.causes.score import ShownPictures, by_account, replies, score
from vidrobust.stages.causes.shares import ADJACENT
from vidrobust.stages.causes.strips import rows_of_flip
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

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


def work(
    context: Context, source: VideoSource, models: Sequence[Model], unit_tables: Sequence[str]
) -> dict[str, Found]:
    """Return the tables of these names and the facts of each model."""
    chosen = new_pairs(context)
    rows_of: dict[str, list[dict[str, object]]] = {name: [] for name in unit_tables}
    # a model's numbers do not depend on which others are asked besides
    alike: dict[int, list[Model]] = {}
    for model in models:
        alike.setdefault(factor_of(model, source.info), []).append(model)
    for factor, some in alike.items():
        _replay(context, source, some, chosen, factor, rows_of)
    whole = {
        name: pd.DataFrame(rows) if rows else tables.empty(name) for name, rows in rows_of.items()
    }
    return {
        model.name: (
            {name: table[table["model"] == model.name] for name, table in whole.items()},
            {"pairs": int((chosen[model.name]["weight"] > 0).sum())},
        )
        for model in models
    }


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


def _replay(
    context: Context,
    source: VideoSource,
    models: Sequence[Model],
    chosen: Mapping[str, pd.DataFrame],
    factor: int,
    rows_of: dict[str, list[dict[str, object]]],
) -> None:
    """Add the rows of models that see pairs reduced alike."""
    own_pairs = {model.name: chosen[model.name] for model in models}
    weights = {name: mine.set_index(PAIR)["weight"] for name, mine in own_pairs.items()}
    pairs = together(own_pairs)
    most = max((int((mine["weight"] > 0).sum()) for mine in own_pairs.values()), default=0)
    expected = most * len(models) / len(chosen)
    some = list(pairs.itertuples())
    quantizer = float("nan")
    if predicts(source.info.codec) and len(some):
        last = max(int(pair.frame_a) for pair in some)
        numbers = numbers_before(context.need_transitions(), last, 2 * LEAD)
        quantizer = quantizer_of(
            context.item.path, lambda: list(source.at(numbers).pictures) if numbers else []
        )
    replays = side_by_side(
        source,
        context.need_transitions(),
        [(int(pair.frame_a), int(pair.frame_b)) for pair in some],
        partial(_replayed, codec=source.info.codec, factor=factor, quantizer=quantizer),
        [str(pair.stratum) for pair in some],
        [pair.scale == ADJACENT for pair in some],
        [pair.weight > 0 for pair in some],
        factor=factor,
        lead=LEAD if predicts(source.info.codec) else 0,
    )
    maps = {model.name: PlacesToMap(factor) for model in models}
    at_once = gathered(source.info, factor)
    for start in range(0, len(some), at_once):
        group = [(pair, next(replays)) for pair in some[start : start + at_once]]
        for model in models:
            mine = weights[model.name]
            of_model = [
                (float(mine.loc[key]), pair, replayed)
                for pair, replayed in group
                if (key := (pair.scale, pair.frame_a, pair.frame_b)) in mine.index
            ]
            _ask(context, source.info.delivered_on, model, of_model, maps[model.name], rows_of)
        # more are replayed than one model asks for: those of the others, and flips for their strips
        done = [int(k * expected / len(pairs)) for k in (start, start + len(group))]
        if done[1] > done[0]:
            context.advance(done[1] - done[0])
        del group, of_model  # or their pictures would be held while the next ones are made
    for model in models:

        def ask(
            pictures: tuple[np.ndarray, ...],
            motions: tuple[ShownMotion, ...],
            model: Model = model,
        ) -> np.ndarray:
            shown = ShownPictures(pictures, motions)
            (reply,) = replies(model, [shown], source.info.delivered_on)
            return next(by_account(model, shown, reply, context.settings)).z

        rows_of["places"] += maps[model.name].rows(ask)


def together(chosen: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the pairs of all models, each once: neighbours in time order, then those a second apart."""
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    whole = pd.concat(list(chosen.values()), ignore_index=True)
    whole = whole.sort_values([*PAIR, "weight"], ascending=[True] * len(PAIR) + [False])
    return whole.drop_duplicates(PAIR).reset_index(drop=True)


def numbers_before(transitions: pd.DataFrame, a: int, count: int) -> list[int]:
    """Return the numbers of up to ``count`` frames before frame a."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first = last = int(np.searchsorted(frame, a))
    while first > max(0, last - count) and reason[first] not in BREAKS:
        first -= 1
    return [int(number) for number in frame[first:last]]


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


def abreast(info: VideoInfo, factor: int) -> int:
    """Return how many pairs are held at once."""
    held = PAIR_PICTURES if factor == 1 else PAIR_PICTURES // factor**2 + WHOLE_PICTURES
    return max(
        1, min(2 * torch.get_num_threads(), PAIR_BYTES // (held * 3 * info.width * info.height))
    )


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


def frames_about(transitions: pd.DataFrame, a: int, b: int) -> tuple[list[int], bool, bool]:
    """Return the numbers of a pair's frames and those beside it; whether one is before, one behind."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first, last = int(np.searchsorted(frame, a)), int(np.searchsorted(frame, b))
    before = first > 0 and reason[first] not in BREAKS
    after = last + 1 < len(frame) and reason[last + 1] not in BREAKS
    wanted = [int(frame[first - 1])] if before else []
    behind = [int(frame[last + 1])] if after else []
    return [*wanted, a, b, *behind], before, after


def frames_shown(transitions: pd.DataFrame, a: int, b: int, lead: int) -> list[int]:
    """Return the numbers of all frames that a pair's replays are made of, with up to ``lead`` before it."""
    return sorted({*frames_about(transitions, a, b)[0], *numbers_before(transitions, a, lead)})


def frames_needed(context: Context) -> list[int]:
    """Return the numbers of all frames that the unit is going to ask for."""
    transitions, pairs = context.need_transitions(), together(new_pairs(context))
    lead = LEAD if predicts(context.info.codec) else 0
    numbers = zip(pairs["frame_a"].tolist(), pairs["frame_b"].tolist(), strict=True)
    return [frame for a, b in numbers for frame in frames_shown(transitions, a, b, lead)]


class ReplayedPair(NamedTuple):
    """A pair's replays, the candidates fitted to them, and all their pictures."""

    made: PairReplays
    fitted: list[Candidate]
    shown: ShownPictures


def _replayed(
    pictures: Pictures,
    *more: Any,
    codec: str,
    factor: int,
    quantizer: float,
) -> ReplayedPair:
    *ahead, stratum, adjacent, counts = more
    if not counts:  # for its strip alone
        made = study_strip(*pictures, keyframe=stratum == KEYFRAME, factor=factor)
        return ReplayedPair(made, [], ShownPictures((), ()))
    again: tuple[np.ndarray, ...] = ()
    if adjacent and ahead and ahead[0] and not math.isnan(quantizer) and stratum != KEYFRAME:
        again = recoded([*ahead[0], *pictures[1:3]], quantizer)
    made = study_pair(
        *pictures,
        keyframe=stratum == KEYFRAME,
        coded=bool(predicts(codec)),
        again=again,
        factor=factor,
    )
    asked, fitted = candidates(made, codec)
    shown = ShownPictures(asked, motions(made, fitted), made.reversed)
    return ReplayedPair(made, fitted, shown)


def gathered(info: VideoInfo, factor: int) -> int:
    """Return of how many pairs a model is asked together: one on the CPU; on a device, half of what is held."""
    return 1 if info.delivered_on == "cpu" else max(1, abreast(info, factor) // 2)


def _ask(
    context: Context,
    device: str,
    model: Model,
    pairs: Sequence[tuple[float, Any, ReplayedPair]],
    places: PlacesToMap,
    rows_of: dict[str, list[dict[str, object]]],
) -> None:
    """Add the rows of one model, which sees the pictures of all these weighted pairs together."""
    answers = iter(replies(model, [pair.shown for weight, _, pair in pairs if weight], device))
    strips = context.settings.pictures and is_classifier(model)
    for weight, pair, replayed in pairs:
        of_pair = {"item": context.item.name, "frame_a": pair.frame_a, "frame_b": pair.frame_b}
        of_pair |= {"scale": pair.scale, "time_s": pair.time_s, "weight": weight}
        named = {**of_pair, "model": model.name}
        if weight == 0:
            rows_of["strips"] += rows_of_flip(replayed.made, model, named, device)
            continue
        for seen in by_account(model, replayed.shown, next(answers), context.settings):
            prefix = seen.account
            rows = score(replayed.made, model, seen)
            rows_of[f"{prefix}causes"] += [{**of_pair, **row} for row in rows]
            if not prefix and replayed.made.steps and pair.scale == ADJACENT:
                explains = weight * rows[0]["squared_change"]
                if explains > 0:
                    places.add(explains, named, replayed.made)
            if strips and rows[0]["flip"] and pair.scale == ADJACENT:
                rows_of["strips"] += rows_of_flip(replayed.made, model, named, device)
            rows = candidate_fits.rows(replayed.made, replayed.fitted, seen.z)
            rows_of[f"{prefix}candidate_fits"] += [{**named, **row} for row in rows]
