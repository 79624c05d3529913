"""Why did the output change, here? Which measured change, replayed alone, makes the model do what it did.

Per pair of frames and cause, with p the probabilities at t, q at t+1 and r on the replay:

    left        TV(r, q) / TV(p, q)          0: the replay is the real thing, 1: as if nothing had been done
    cosine      between z(r) - z(p) and z(q) - z(p), z the centred log-probabilities (which are the centred logits)
    reproduced  the label flips from t to t+1, and the replay has the label of t+1

and the same of the placebos and of the interpolation alone. What counts is what a cause explains beyond them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from scipy import stats

from vidrobust import tables
from vidrobust.account.replay import CAUSES, Replay, replays
from vidrobust.differences.classes import total_variation
from vidrobust.frames import FrameBatch
from vidrobust.pixels import to_array, to_tensor
from vidrobust.predictions import Classifier
from vidrobust.statistics.intervals import LEVEL, clustered_rate

CHUNK = 8
"""Frames given to a model at once."""
SMALLEST_CHANGE = 1e-3
"""Total variation below which an output has not changed, and there is nothing to explain."""
UNCHANGED = "output unchanged"
TINY = 1e-12
"""Probabilities are not taken for smaller than this before the logarithm."""

MIN_CLUSTERS = 5
"""Fewest items, or stretches of items, that count as the independent units of an interval."""
WINDOW = 25
"""Length, frames, of a stretch of one item."""
UNEXPLAINED = "unexplained"
"""The last row of a summary: what not even all causes together reproduce."""


@dataclass(frozen=True, kw_only=True)
class CausesResult:
    """Causes of the studied pairs.

    table  the ``causes`` table, one row a pair, model and cause; behind the contract's columns:
           excluded (why it could not be replayed, or empty), size and unit (of the change), measured (in words),
           label and probability (of the replay's top class), placebo_share_reproduced (of all draws),
           interpolation_left, interpolation_cosine (NaN where nothing was warped), occurs (whether any such
           change was measured)
    """

    table: pd.DataFrame


def study_pairs(
    item: str,
    frames_a: FrameBatch,
    frames_b: FrameBatch,
    models: Sequence[Classifier],
    *,
    seed: int,
    placebos: int = 2,
) -> CausesResult:
    """Replay every cause on every pair of one item.

    frames_a, frames_b  row i of both is a pair; full resolution
    seed                of the placebos' directions; a pair's depend on the seed and on its frames alone
    placebos            random directions per cause

    One pair is held at a time. Rows of what could not be replayed have NaN and a reason.
    """
    if len(frames_a) != len(frames_b):
        raise ValueError(
            f"study_pairs: expected pairs, got {len(frames_a)} first and {len(frames_b)} second frames"
        )
    rows: list[dict[str, Any]] = []
    for number in range(len(frames_a)):
        a, b = (to_array(frames.pixels[number]) for frames in (frames_a, frames_b))
        first, second = int(frames_a.index[number]), int(frames_b.index[number])
        ids = {"item": item, "frame_a": first, "frame_b": second}
        generator = np.random.default_rng([seed, first, second])
        made = replays(a, b, generator=generator, placebos=placebos)
        for model in models:
            rows += _rows(ids, a, b, made, model, frames_a.pixels.device)
    table = pd.DataFrame(rows) if rows else tables.empty("causes")
    return CausesResult(table=tables.check("causes", table))


def summarise(table: pd.DataFrame, *, by_item: bool = False) -> pd.DataFrame:
    """The share of the change that each cause explains beyond its placebo, and the flips it reproduces.

    table    of ``study_pairs``, any number of items and models
    by_item  one set of rows per item; otherwise one over all items, with item ""

    value, low, high       explained less control, 95 % interval over clusters; NaN with fewer than two clusters
    explained              1 - sum TV(r, q) / sum TV(p, q): pairs count by how much the output changed
    placebo, interpolation the same of the placebos and of the warp's blur alone; NaN where nothing was warped
    control                the larger of the two, and at least 0: what is taken off
    cosine, placebo_cosine means over the pairs
    n, clusters            pairs that could be replayed, and independent units among them
    flips, reproduced      flips seen among these, and of them reproduced; flip_rate, flip_low, flip_high their
                           share with its interval; placebo_flips, how many a placebo reproduces on average
    occurs                 pairs in which any such change was measured
    excluded, reasons      pairs that could not be replayed, and why

    The cause ``unexplained`` is 1 - value of ``all``; its ``reproduced`` are the flips that no cause reproduced.
    """
    rows: list[dict[str, Any]] = []
    groups = ["model", "item"] if by_item else ["model"]
    for key, group in table.groupby(groups, sort=False):
        ids = {"model": str(key[0]), "item": str(key[1]) if by_item else ""}
        found = [{**ids, **_summary(cause, group[group["cause"] == cause])} for cause in CAUSES]
        rows += [*found, {**ids, **_unexplained(found[-1], group)}]
    return pd.DataFrame(rows, columns=["model", "item", "cause", *_SUMMARY])


_SUMMARY = [
    *("value", "low", "high", "explained", "control", "placebo", "interpolation", "cosine", "placebo_cosine"),
    *("n", "clusters", "flips", "reproduced", "flip_rate", "flip_low", "flip_high", "placebo_flips"),
    *("occurs", "excluded", "reasons"),
]


def _summary(cause: str, rows: pd.DataFrame) -> dict[str, Any]:
    kept = rows[rows["excluded"] == ""]
    out = rows.loc[rows["excluded"] != "", "excluded"].value_counts()
    result: dict[str, Any] = dict.fromkeys(_SUMMARY, float("nan"))
    result |= {"cause": cause, "n": len(kept), "clusters": 0, "flips": 0, "reproduced": 0, "occurs": 0}
    result |= {"excluded": int(out.sum()), "reasons": "; ".join(f"{why} ({n})" for why, n in out.items())}
    if not len(kept):
        return result
    clusters, weight = independent_units(kept), kept["total_variation"].to_numpy(float)
    gains = {
        name: 1 - kept[column].to_numpy(float)
        for name, column in (("explained", "left"), ("placebo", "placebo_left"))
    }
    # a warp that was not made explains nothing
    gains["interpolation"] = 1 - kept["interpolation_left"].fillna(1.0).to_numpy(float)
    shares = {name: float(np.average(gain, weights=weight)) for name, gain in gains.items()}
    name = max(("placebo", "interpolation"), key=lambda control: shares[control])
    control = gains[name] if shares[name] > 0 else np.zeros(len(kept))
    value, low, high = _weighted_mean(gains["explained"] - control, weight, clusters)
    if kept["interpolation_left"].isna().all():
        shares["interpolation"] = float("nan")
    flips = kept[kept["flip"]]
    rate = clustered_rate(flips["reproduced"].to_numpy(bool), clusters[kept["flip"].to_numpy(bool)])
    return result | {
        "value": value,
        "low": low,
        "high": high,
        **shares,
        "control": max(0.0, shares[name]),
        "cosine": float(kept["cosine"].mean()),
        "placebo_cosine": float(kept["placebo_cosine"].mean()),
        "clusters": len(np.unique(clusters)),
        "flips": len(flips),
        "reproduced": int(flips["reproduced"].sum()),
        "flip_rate": rate.value,
        "flip_low": rate.low,
        "flip_high": rate.high,
        "placebo_flips": float(flips["placebo_share_reproduced"].sum()),
        "occurs": int(kept["occurs"].sum()),
    }


def _unexplained(everything: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    """What ``all`` leaves, and the flips that no cause reproduced."""
    result: dict[str, Any] = dict.fromkeys(_SUMMARY, float("nan"))
    same = ("n", "clusters", "occurs", "excluded", "reasons")
    result |= {"cause": UNEXPLAINED, **{name: everything[name] for name in same}}
    result |= {"value": 1 - everything["value"], "low": 1 - everything["high"], "high": 1 - everything["low"]}
    usable = rows[rows["flip"] & (rows["excluded"] == "")]
    each = usable.groupby(["item", "frame_a", "frame_b"])["reproduced"].any()
    return result | {"flips": len(each), "reproduced": int((~each).sum())}


def independent_units(rows: pd.DataFrame) -> np.ndarray:
    """The unit of each row that an interval counts: columns item and frame_a -> (n,) str.

    Items where there are at least five; else stretches of 25 frames of an item where there are at least five; else
    the pairs themselves, and the interval speaks of this footage alone.
    """
    items = rows["item"].astype(str).to_numpy(str)
    stretches, pairs = (
        np.char.add(items, ("\x1f" + (rows["frame_a"] // length).astype(str)).to_numpy(str))
        for length in (WINDOW, 1)
    )
    for units in (items, stretches):
        if len(np.unique(units)) >= MIN_CLUSTERS:
            return units
    return pairs


def _weighted_mean(
    values: np.ndarray, weights: np.ndarray, clusters: np.ndarray
) -> tuple[float, float, float]:
    """Ratio sum(w v) / sum(w) with its t interval over clusters (Cochran 1977, section 6.3: linearised)."""
    mean = float(np.average(values, weights=weights))
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    if count < 2:
        return mean, float("nan"), float("nan")
    sums = np.bincount(code, weights=weights * (values - mean))
    error = np.sqrt(count / (count - 1) * np.square(sums).sum()) / weights.sum()
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * error)
    return mean, mean - half, mean + half


@dataclass(frozen=True, kw_only=True)
class StripPicture:
    """One picture of the strip: frame t, each replay, frame t+1.

    picture      (h, w, 3) uint8 RGB, made smaller for the report; the model saw it at full size
    title        "frame t", a cause, or "frame t+1"
    measured     what was changed, in words
    label, probability  the model's top class and how sure it is
    excluded     why this cause could not be replayed, or empty
    """

    picture: np.ndarray
    title: str
    measured: str
    label: str
    probability: float
    excluded: str = ""


def strip(
    a: torch.Tensor, b: torch.Tensor, model: Classifier, *, seed: int = 0, width: int = 240
) -> tuple[StripPicture, ...]:
    """What one model sees at frame t, under each replayed cause, and at frame t+1.

    a, b (3, H, W) uint8 RGB; width of the pictures in px, where the frame is wider
    """
    first, last = to_array(a), to_array(b)
    made = replays(first, last, generator=np.random.default_rng(seed), placebos=0)
    titles = ["frame t", *(replay.cause for replay in made), "frame t+1"]
    words = ["", *(replay.measured for replay in made), ""]
    why = ["", *(replay.excluded for replay in made), ""]
    pictures = [first, *(replay.image for replay in made), last]
    p = predict(model, pictures, a.device)
    return tuple(
        StripPicture(
            picture=_smaller(each, width),
            title=title,
            measured=measured,
            label=model.class_names[int(row.argmax())],
            probability=float(row.max()),
            excluded=excluded,
        )
        for each, title, measured, excluded, row in zip(pictures, titles, words, why, p, strict=True)
    )


def _smaller(rgb: np.ndarray, width: int) -> np.ndarray:
    if rgb.shape[1] <= width:
        return rgb.copy()
    size = (width, max(1, round(rgb.shape[0] * width / rgb.shape[1])))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))


def predict(model: Classifier, pictures: Sequence[np.ndarray], device: torch.device) -> np.ndarray:
    """(N, K) float64 probabilities of N pictures (H, W, 3), a few at a time."""
    parts = []
    for start in range(0, len(pictures), CHUNK):
        parts.append(model(to_tensor(pictures[start : start + CHUNK], device)).probabilities)
    return np.concatenate(parts).astype(np.float64)


def centred_logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits up to their mean, from probabilities (N, K): log p less its mean over the classes."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), TINY))
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """Cosine of two changes (K,); 0 where either is no change, since that points nowhere."""
    scale = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / scale if scale > 0 else 0.0


def _rows(
    ids: Mapping[str, Any],
    a: np.ndarray,
    b: np.ndarray,
    made: Sequence[Replay],
    model: Classifier,
    device: torch.device,
) -> list[dict[str, Any]]:
    """One row per cause for one pair and model. Pictures that are frame t itself are not computed again."""
    pictures = [a, b]
    places = []
    for replay in made:
        wanted = [replay.image, *replay.placebos]
        wanted += [] if replay.interpolation is None else [replay.interpolation]
        places.append([0] if not replay.changes else list(range(len(pictures), len(pictures) + len(wanted))))
        pictures += wanted if replay.changes else []
    p = predict(model, pictures, device)
    return [
        {**ids, "model": model.name, **_row(replay, p[[0, 1]], p[place], model)}
        for replay, place in zip(made, places, strict=True)
    ]


def _row(replay: Replay, real: np.ndarray, made: np.ndarray, model: Classifier) -> dict[str, Any]:
    """The figures of one cause: real (2, K) of t and t+1; made (1 + placebos [+ 1], K)."""
    change = float(total_variation(real[:1], real[1:])[0])
    excluded = replay.excluded or (UNCHANGED if change < SMALLEST_CHANGE else "")
    before, after = (int(label) for label in real.argmax(axis=1))
    draws = made[1 : 1 + len(replay.placebos)] if replay.placebos else made[:1]
    left, turned, same = _scores(real, made[:1], change)
    placebo_left, placebo_turned, placebo_same = _scores(real, draws, change)
    alone = _scores(real, made[-1:], change) if replay.interpolation is not None else None
    top = int(made[0].argmax())
    nan = float("nan")
    return {
        "cause": replay.cause,
        "total_variation": change,
        "left": nan if excluded else float(left[0]),
        "cosine": nan if excluded else float(turned[0]),
        "flip": before != after,
        "reproduced": not excluded and before != after and bool(same[0]),
        "placebo_left": nan if excluded else float(placebo_left.mean()),
        "placebo_cosine": nan if excluded else float(placebo_turned.mean()),
        "placebo_reproduced": not excluded and before != after and bool(placebo_same[0]),
        "excluded": excluded,
        "size": nan if replay.excluded else replay.size,
        "unit": replay.unit,
        "measured": replay.measured,
        "label": model.class_names[top],
        "probability": float(made[0, top]),
        "placebo_share_reproduced": nan if excluded or before == after else float(placebo_same.mean()),
        "interpolation_left": nan if excluded or alone is None else float(alone[0][0]),
        "interpolation_cosine": nan if excluded or alone is None else float(alone[1][0]),
        "occurs": replay.changes,
    }


def _scores(real: np.ndarray, made: np.ndarray, change: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """left, cosine and "has the label of t+1" of each row of ``made``."""
    left = total_variation(made, np.repeat(real[1:], len(made), axis=0)) / max(change, SMALLEST_CHANGE)
    z, moved = centred_logits(real), centred_logits(made)
    turned = np.array([cosine(row - z[0], z[1] - z[0]) for row in moved])
    return left, turned, made.argmax(axis=1) == real[1].argmax()
