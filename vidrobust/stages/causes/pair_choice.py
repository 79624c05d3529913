"""Which pairs of an item are replayed for each model: neighbours, and some about a second apart.

Of neighbours the change of the picture and the model's own change are known for all pairs once its stability is;
both together say where a cause may be met (``sample.py``). The samples of several models are drawn by the same
random numbers, so that they share most of their pairs, and each is the same whichever models are along.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vidrobust.changes.transitions import BREAKS
from vidrobust.metrics.catalogue import TASKS
from vidrobust.pipeline.unit import Context, Read
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.sample import choose_pairs

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


def trim(rows: pd.DataFrame, read: Read, content: str, settings: Settings, count: int) -> pd.DataFrame:
    """The rows of a sample of ``count`` pairs, with its weights, of a part that may hold more."""
    transitions = read("transitions")
    assert transitions is not None, "a unit that is there has its transitions"
    chosen = chosen_pairs(transitions, own_change(read), count, content, settings.seed)
    weight = rows[PAIR].merge(chosen[[*PAIR, "weight"]], on=PAIR, how="left")["weight"].to_numpy(float)
    return rows.assign(weight=weight)[np.isfinite(weight)]


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
