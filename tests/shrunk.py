"""Footage with smaller pictures: replaying a pair of frames costs as much as its pictures are large."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

WIDTH = 200
"""Width of a shrunk clip, px."""


@functools.cache
def _shrunk(clip: Path) -> bytes:
    pictures, durations = [], []
    with Image.open(clip) as whole:
        size = (WIDTH, round(whole.height * WIDTH / whole.width))
        for frame in ImageSequence.Iterator(whole):
            durations.append(frame.info["duration"])
            small = frame.convert("RGB").resize(size, Image.Resampling.BOX)
            pictures.append(Image.fromarray(np.asarray(small)))  # without the notes on transparency
    made = io.BytesIO()
    pictures[0].save(made, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return made.getvalue()


def shrink(clip: Path, to: Path) -> Path:
    """Write a GIF with as many frames at the same times, 200 px wide; ``to`` is a file or a folder."""
    to = to / clip.name if to.is_dir() else to
    to.write_bytes(_shrunk(clip))
    return to
