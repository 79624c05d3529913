"""The unit of the causes stage: chosen pairs of an item, replayed once and shown to every model."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from vidrobust.changes.transitions import BREAKS
from vidrobust.frames.device import trim_heap
from vidrobust.frames.pixels import to_array
from vidrobust.metrics.catalogue import task_of
from vidrobust.models.predict import Model
from vidrobust.pipeline.unit import Context, Found
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.boxes import seen_boxes
from vidrobust.stages.causes.candidate_fits import Candidate, candidates, motions
from vidrobust.stages.causes.candidate_fits import rows as candidate_rows
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.sample import choose_pairs
from vidrobust.stages.causes.scene import Motion
from vidrobust.stages.causes.score import score, seen_by
from vidrobust.stages.causes.tables import UNIT_TABLES
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

PAIR = ["scale", "frame_a", "frame_b"]
"""What names a pair of an item."""
PAIR_BYTES = 512 * 2**20
"""Pairs of frames that are replayed at the same time; larger ones one after the other."""
PAIR_PICTURES = 60
"""What a pair that is replayed holds at once, as pictures of three bytes a pixel, about."""
SECOND_SHARE = 4
"""One pair about a second apart for so many pairs of neighbours."""


def work(context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
    """Replay the pairs that the sample holds; neighbours first, then some about a second apart."""
    pairs = _new_pairs(context)
    found: dict[str, list[dict[str, object]]] = {name: [] for name in UNIT_TABLES}
    for pair, replayed in _each_replayed(source, context.need_transitions(), pairs):
        ids = {"item": context.item.name, "frame_a": pair.frame_a, "frame_b": pair.frame_b}
        ids |= {"weight": pair.weight, "scale": pair.scale, "time_s": pair.time_s}
        for model in models:
            for prefix, z, labels, names in _seen(model, replayed, source.info.device, context.settings):
                found[f"{prefix}causes"] += [
                    {**ids, **row} for row in score(replayed.made, model, (z, labels), names=names)
                ]
                named = {**ids, "model": model.name}
                rows = candidate_rows(replayed.made, replayed.fitted, z)
                found[f"{prefix}candidate_fits"] += [{**named, **row} for row in rows]
        del replayed  # or its pictures would be held while the next ones are made
        context.advance(1)
    whole = {name: pd.DataFrame(each) if each else tables.empty(name) for name, each in found.items()}
    return {
        model.name: (
            {name: table[table["model"] == model.name] for name, table in whole.items()},
            {"pairs": len(pairs)},
        )
        for model in models
    }


class _Replayed(NamedTuple):
    """A pair's replays, the candidates fitted to them, all pictures, and how what each shows has moved."""

    made: PairReplays
    fitted: list[Candidate]
    album: tuple[np.ndarray, ...]
    motions: tuple[Motion, ...]


def _each_replayed(
    source: VideoSource, transitions: pd.DataFrame, pairs: pd.DataFrame
) -> Generator[tuple[Any, _Replayed]]:
    """Each pair replayed, in order; some at a time, on as many threads as there are.

    Models are asked between them, not beside them: engines that share their processors wait for each other.
    """
    threads = torch.get_num_threads()
    few = PAIR_BYTES // (PAIR_PICTURES * 3 * source.info.width * source.info.height)
    size = max(1, min(2 * threads, few))
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(pairs), size):
            if size == 1:
                trim_heap()  # one large pair after the other
            some = list(pairs.iloc[start : start + size].itertuples())
            pictures = [
                pictures_of(source, transitions, int(pair.frame_a), int(pair.frame_b)) for pair in some
            ]
            strata = [str(pair.stratum) for pair in some]
            yield from zip(some, list(pool.map(_replayed, pictures, strata)), strict=True)


def _replayed(
    pictures: tuple[np.ndarray | None, np.ndarray, np.ndarray, np.ndarray | None], stratum: str
) -> _Replayed:
    made = study_pair(*pictures, keyframe=stratum == "keyframe")
    album, fitted = candidates(made)
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
    how = {"start_score": settings.track_start_score, "keep_score": settings.track_keep_score}
    seen = seen_boxes(model, pair.album, pair.motions, backwards=pair.made.reversed, **how)
    yield scores, seen.z, seen.states, seen.names
    yield places[0], seen.places, np.zeros(len(pair.album), np.int64), ("",)


def extra_key(settings: Settings, model: Model) -> dict[str, float]:
    """The scores from which a box counts, on which the account of a detector depends besides."""
    return (
        {"track_start_score": settings.track_start_score, "track_keep_score": settings.track_keep_score}
        if model.task == "detection"
        else {}
    )


def frames_needed(context: Context) -> list[int]:
    """The frames of the pairs that are to be replayed, and those beside them."""
    transitions = context.need_transitions()
    pairs = _new_pairs(context)[["frame_a", "frame_b"]].to_numpy(np.int64)
    return [frame for a, b in pairs for frame in _about(transitions, int(a), int(b))[0]]


def _new_pairs(context: Context) -> pd.DataFrame:
    """The pairs of the sample that were not replayed before."""
    transitions, content, seed = context.need_transitions(), context.content, context.settings.seed
    pairs = chosen_pairs(transitions, context.count, content, seed)
    if not context.have:
        return pairs
    return pairs[~_named(pairs).isin(_named(chosen_pairs(transitions, context.have, content, seed)))]


def steps(settings: Settings) -> float:
    """How many pairs are replayed for one pair of neighbours that is asked for, about."""
    return 1 + 1 / SECOND_SHARE


def trim(
    rows: pd.DataFrame, transitions: pd.DataFrame, content: str, settings: Settings, count: int
) -> pd.DataFrame:
    """The rows of a sample of ``count`` pairs, with its weights, of a part that may hold more."""
    chosen = chosen_pairs(transitions, count, content, settings.seed)
    weight = rows[PAIR].merge(chosen[[*PAIR, "weight"]], on=PAIR, how="left")["weight"].to_numpy(float)
    return rows.assign(weight=weight)[np.isfinite(weight)]


def chosen_pairs(transitions: pd.DataFrame, count: int, content: str, seed: int) -> pd.DataFrame:
    """frame_a, frame_b, weight, stratum, scale, time_s: of an item's neighbours, and of pairs a second apart.

    The pairs of a smaller ``count`` are among them.
    """
    key = f"{seed} {content}"
    near = choose_pairs(_neighbours(transitions), count, key).assign(scale="adjacent")
    far = _apart(transitions, _frames_a_second(transitions))
    some = choose_pairs(far, max(1, count // SECOND_SHARE), f"second {key}").assign(scale="second")
    found = pd.concat([part for part in (near, some) if len(part)] or [near], ignore_index=True)
    times = transitions.set_index("frame")["time_s"]
    return found.assign(time_s=times.reindex(found["frame_a"]).to_numpy())


def _frames_a_second(transitions: pd.DataFrame) -> int:
    """Delivered frames a second, about; two at least."""
    step = float(transitions["time_s"].diff().median())
    return max(2, round(1 / step)) if step > 0 else 2


def _named(pairs: pd.DataFrame) -> pd.Index:
    return pd.MultiIndex.from_frame(pairs[PAIR])


def _neighbours(transitions: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of neighbours, as ``choose_pairs`` wants it."""
    frame, later = transitions.iloc[:-1], transitions.iloc[1:]
    return pd.DataFrame(
        {
            "frame_a": frame["frame"].to_numpy(),
            "frame_b": later["frame"].to_numpy(),
            "pixel_change": later["pixel_change"].to_numpy(),
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


def pictures_of(
    source: VideoSource, transitions: pd.DataFrame, a: int, b: int
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray, np.ndarray | None]:
    """Frames t-1, t, t+1, t+2 as arrays; None where there is none, or a break lies between."""
    wanted, before, after = _about(transitions, a, b)
    taken = [to_array(pixels).copy() for pixels in source.at(wanted).pixels]
    at = int(before)
    return taken[0] if before else None, taken[at], taken[at + 1], taken[-1] if after else None


def _about(transitions: pd.DataFrame, a: int, b: int) -> tuple[list[int], bool, bool]:
    """The frames of a pair and those beside it, and whether there is one before and one behind."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first, last = int(np.searchsorted(frame, a)), int(np.searchsorted(frame, b))
    before = first > 0 and reason[first] not in BREAKS
    after = last + 1 < len(frame) and reason[last + 1] not in BREAKS
    wanted = [int(frame[first - 1])] if before else []
    behind = [int(frame[last + 1])] if after else []
    return [*wanted, a, b, *behind], before, after
