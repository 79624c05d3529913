"""ImageNet-P on real frames: each frame becomes a sequence of 31 or 41, compared by the rule of its sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.class_differences import distances, top1_flip
from vidrobust.metrics.classification import label_flip
from vidrobust.models.predict import Batch, predict
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES, PictureSequence, compared_pairs
from vidrobust.predictions import Classifier
from vidrobust.stages.sensitivity.unit import Step


def study_sequences(
    frames: FrameBatch,
    models: Sequence[Classifier],
    *,
    content: str,
    draws: int = 1,
    seed: int = 0,
    batch: Batch = "auto",
    step: Step | None = None,
) -> pd.DataFrame:
    """Return ``sensitivity`` rows of the ImageNet-P sequences: perturbation ``imagenet-p:NAME``, strength the
    frame number.

    Values compare a frame with the one before, or with the clean first one for noise. The mean of
    ``top1_flip`` is the
    flip probability (Hendrycks & Dietterich 2019, section 4.2), that of ``top5_distance`` is uT5D.
    """
    rows = []
    for sequence in SEQUENCES.values():
        for draw in range(draws):
            for frame, number in zip(frames.pixels, frames.index, strict=True):
                rows.append(
                    _rows(frames.item, content, frame, int(number), sequence, models, draw, seed, batch)
                )
                if step is not None:
                    step(sequence.num_frames)
    return pd.concat(rows, ignore_index=True)


def _rows(
    item: str,
    content: str,
    frame: torch.Tensor,
    number: int,
    sequence: PictureSequence,
    models: Sequence[Classifier],
    draw: int,
    seed: int,
    batch: Batch,
) -> pd.DataFrame:
    key = f"imagenet-p:{sequence.name}"
    pictures = torch.stack(list(sequence.frames(frame, seeded(content, number, draw, key, seed))))
    pairs = np.array(compared_pairs(sequence.num_frames, sequence.compare))
    parts = []
    for model in models:
        seen = predict(model, pictures, batch)
        before, after = seen.take(pairs[:, 0]), seen.take(pairs[:, 1])
        p, q = before.probabilities, after.probabilities
        found = {"label_flip": label_flip(before, after), "top1_flip": top1_flip(p, q), **distances(p, q)}
        for metric in found:
            parts.append(
                pd.DataFrame(
                    {
                        "model": model.name,
                        "item": item,
                        "frame": number,
                        "perturbation": key,
                        "strength": pairs[:, 1].astype(np.float64),
                        "draw": draw,
                        "metric": metric,
                        "value": found[metric].astype(np.float64),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
