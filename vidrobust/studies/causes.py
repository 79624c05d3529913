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

import numpy as np
import pandas as pd
import torch

from vidrobust import tables
from vidrobust.differences.classes import total_variation
from vidrobust.frames import FrameBatch
from vidrobust.predictions import Classifier
from vidrobust.studies.replay import Replay, replays

CHUNK = 8
"""Frames given to a model at once."""
SMALLEST_CHANGE = 1e-3
"""Total variation below which an output has not changed, and there is nothing to explain."""
UNCHANGED = "output unchanged"
TINY = 1e-12
"""Probabilities are not taken for smaller than this before the logarithm."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "light": ("brightness", "exposure_offset", "contrast", "gamma"),
    "colour": ("saturation", "hue", "white_balance"),
    "shift": ("translation",),
    "affine": ("translation", "rotation", "scale", "shear"),
    "motion": ("translation", "rotation", "scale", "shear", "perspective"),
    "sharpness": ("gaussian_blur", "defocus_blur", "motion_blur"),
}
"""The perturbations of the catalogue that a cause speaks for."""


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
        a, b = (picture(frames.pixels[number]) for frames in (frames_a, frames_b))
        first, second = int(frames_a.index[number]), int(frames_b.index[number])
        ids = {"item": item, "frame_a": first, "frame_b": second}
        generator = np.random.default_rng([seed, first, second])
        made = replays(a, b, generator=generator, placebos=placebos)
        for model in models:
            rows += _rows(ids, a, b, made, model, frames_a.pixels.device)
    table = pd.DataFrame(rows) if rows else tables.empty("causes")
    return CausesResult(table=tables.check("causes", table))


def picture(pixels: torch.Tensor) -> np.ndarray:
    """(3, H, W) uint8 on any device -> (H, W, 3) uint8 array, contiguous."""
    return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())


def predict(model: Classifier, pictures: Sequence[np.ndarray], device: torch.device) -> np.ndarray:
    """(N, K) float64 probabilities of N pictures (H, W, 3), a few at a time."""
    parts = []
    for start in range(0, len(pictures), CHUNK):
        stacked = torch.from_numpy(np.stack(pictures[start : start + CHUNK]))
        parts.append(model(stacked.permute(0, 3, 1, 2).to(device)).probabilities)
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
