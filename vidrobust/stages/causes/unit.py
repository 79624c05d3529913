"""The unit of the causes stage: chosen pairs of an item, replayed once and shown to every model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import task_of
from vidrobust.models.predict import Model
from vidrobust.pipeline.stage import Context, Found
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.boxes import seen_boxes
from vidrobust.stages.causes.candidate_fits import Candidate, candidates, motions
from vidrobust.stages.causes.candidate_fits import rows as candidate_rows
from vidrobust.stages.causes.pair_choice import PAIR, flipped, new_pairs, together
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.scene import Motion
from vidrobust.stages.causes.score import score, seen_by
from vidrobust.stages.causes.side_by_side import Pictures, frames_about, side_by_side
from vidrobust.stages.causes.tables import UNIT_TABLES
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource


def work(context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
    """Replay the pairs that each model's sample holds, once; neighbours first, then some about a second apart."""
    chosen = new_pairs(context)
    weights = {name: pairs.set_index(PAIR)["weight"] for name, pairs in chosen.items()}
    pairs = together(chosen)
    expected = max((len(each) for each in chosen.values()), default=0)
    found: dict[str, list[dict[str, object]]] = {name: [] for name in UNIT_TABLES}
    pairs = pairs.assign(flipped=flipped(context, pairs))
    some = list(pairs.itertuples())
    each = side_by_side(
        source,
        context.need_transitions(),
        [(int(pair.frame_a), int(pair.frame_b)) for pair in some],
        partial(_replayed, codec=source.info.codec),
        [str(pair.stratum) for pair in some],
        [bool(pair.flipped) for pair in some],
    )
    for number, pair in enumerate(some):
        replayed = next(each)
        ids = {"item": context.item.name, "frame_a": pair.frame_a, "frame_b": pair.frame_b}
        ids |= {"scale": pair.scale, "time_s": pair.time_s}
        key = (pair.scale, pair.frame_a, pair.frame_b)
        for model in models:
            if key not in weights[model.name].index:
                continue
            own = ids | {"weight": float(weights[model.name].loc[key])}
            for prefix, z, labels, names in _seen(model, replayed, source.info.device, context.settings):
                found[f"{prefix}causes"] += [
                    {**own, **row} for row in score(replayed.made, model, (z, labels), names=names)
                ]
                named = {**own, "model": model.name}
                rows = candidate_rows(replayed.made, replayed.fitted, z)
                found[f"{prefix}candidate_fits"] += [{**named, **row} for row in rows]
        del replayed  # or its pictures would be held while the next ones are made
        # models share most of their pairs, so that a few more are replayed than one of them asks for
        done = [(number + k) * expected // len(pairs) for k in (0, 1)]
        context.advance(done[1] - done[0])
    whole = {name: pd.DataFrame(each) if each else tables.empty(name) for name, each in found.items()}
    return {
        model.name: (
            {name: table[table["model"] == model.name] for name, table in whole.items()},
            {"pairs": len(chosen[model.name])},
        )
        for model in models
    }


class _Replayed(NamedTuple):
    """A pair's replays, the candidates fitted to them, all pictures, and how what each shows has moved."""

    made: PairReplays
    fitted: list[Candidate]
    album: tuple[np.ndarray, ...]
    motions: tuple[Motion, ...]


def _replayed(pictures: Pictures, stratum: str, flip: bool, codec: str) -> _Replayed:
    made = study_pair(*pictures, keyframe=stratum == "keyframe", flips=flip)
    album, fitted = candidates(made, codec)
    return _Replayed(made, fitted, album, motions(made, fitted))


def _seen(
    model: Model, pair: _Replayed, device: str, settings: Settings
) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]]:
    """For each account: the prefix of its tables, coordinates and labels of all pictures, and the labels' names.

    A classifier has one, of its classes; a detector two: of its scores, with the states of what is followed for
    labels, and of its boxes' places, which have no labels.
    """
    scores, *places = task_of(model.task).accounts
    if model.task == "classification":
        yield (scores, *seen_by(model, pair.album, device), model.class_names)
        return
    seen = seen_boxes(
        model,
        pair.album,
        pair.motions,
        backwards=pair.made.reversed,
        start_score=settings.track_start_score,
        keep_score=settings.track_keep_score,
        only=settings.only,
        ignored=settings.tracks.ignored,
    )
    yield scores, seen.z, seen.states, seen.names
    yield places[0], seen.places, np.zeros(len(pair.album), np.int64), ("",)


def extra_key(settings: Settings, model: Model) -> dict[str, Any]:
    """Which boxes count, on which the account of a detector depends besides: their scores, classes and places."""
    if model.task != "detection":
        return {}
    scores = {"track_start_score": settings.track_start_score, "track_keep_score": settings.track_keep_score}
    return {**scores, **settings.chosen_boxes}


def frames_needed(context: Context) -> list[int]:
    """The frames of the pairs that are to be replayed, and those beside them."""
    transitions = context.need_transitions()
    pairs = together(new_pairs(context))[["frame_a", "frame_b"]].to_numpy(np.int64)
    return [frame for a, b in pairs for frame in frames_about(transitions, int(a), int(b))[0]]
