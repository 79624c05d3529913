"""Planted pairs: four frames rendered from a real still with one thing changing, and a small model to see them."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.predictions import Classifications
from vidrobust.video.source import open_video

WIDTH, HEIGHT, MARGIN = 224, 168, 16


def still(corpus):
    """(HEIGHT + 2 MARGIN, WIDTH + 2 MARGIN, 3) float32 of a real clip."""
    with open_video(corpus / "objects/sam2_02_cups.mp4") as source:
        picture = to_array(source.at([30]).pixels[0])
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def view(scene, shift=(0, 0), gain=1, blur=0):
    """What a camera moved by ``shift`` px sees: content moves the other way."""
    matrix = np.array([[1, 0, MARGIN + shift[0]], [0, 1, MARGIN + shift[1]]], np.float32)
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    x = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=flags)
    x = cv2.GaussianBlur(x, (0, 0), blur) if blur else x
    return np.clip(gain * x, 0, 255)


def recorded(clean, sigma, seed):
    """Each frame with noise of its own, 8 bit."""
    rng = np.random.default_rng(seed)
    return [to_levels(x + rng.normal(0, sigma, x.shape)) for x in clean]


@dataclass(frozen=True)
class Grid:
    """Logits that are a fixed random linear map of a patchwork of pixels: 48 x 36 averages."""

    classes: int = 12
    name: str = "grid"
    task: str = "classification"

    @property
    def class_names(self):
        return tuple(f"class {k}" for k in range(self.classes))

    def __call__(self, pixels):
        weights = np.random.default_rng(7).normal(0, 0.1, (36 * 48 * 3, self.classes))
        small = torch.nn.functional.interpolate(pixels.float(), (36, 48), mode="area")
        patches = small.flatten(1).numpy() / 255 - 0.5
        return Classifications.from_logits(patches @ weights, self.class_names)
