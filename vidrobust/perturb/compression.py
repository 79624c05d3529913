"""Compression: JPEG and H.264. Codecs work on the CPU; frames of another device go there and back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.perturb.arrays import each_frame
from vidrobust.perturb.perturbation import Perturbation, without_chance

LARGEST_JPEG_SIDE = 65500
"""Limit of libjpeg."""


def _jpeg(pixels: torch.Tensor, quality_lost: Sequence[float]) -> torch.Tensor:
    if max(pixels.shape[2:]) > LARGEST_JPEG_SIDE:
        raise InputError(
            f"jpeg: frames of {pixels.shape[3]}x{pixels.shape[2]} px do not fit; "
            f"a side of a JPEG has at most {LARGEST_JPEG_SIDE} px, so cut or shrink the frames"
        )
    return each_frame(pixels, lambda frame, row: jpeg(frame, round(100 - quality_lost[row])))


def jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) through a baseline JPEG with 4:2:0 chroma and back."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality]
    how += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), how)
    return np.asarray(cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="jpeg",
        suite="natural",
        family="compression",
        unit="100 - quality",
        strengths=(10.0, 30.0, 50.0, 70.0, 90.0),
        range=(0.0, 99.0),
        apply=without_chance(_jpeg),
        doc="Through a JPEG of quality 100 - s (libjpeg's scale) with 4:2:0 chroma.",
    ),
)
