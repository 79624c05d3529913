"""Asked: what the networks say of a sample of frames, of the footage and of known footage alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from vidrobust.models.predict import auto_batch
from vidrobust.plugins.unknown.inside import Probe, Readout, joined
from vidrobust.statistics.clusters import Clusters, clusters_of_rows
from vidrobust.video.source import VideoSource

# Frames decoded at a time.
DECODED = 16
# Sides of the tiny pictures by which copies are recognised, px.
SMALL = 24


@dataclass(frozen=True)
class FrameReadouts:
    """What is known of N frames: rows, what each model says of them, and tiny grey pictures (N, SMALL *
    SMALL) uint8.
    """

    rows: pd.DataFrame
    looked: Mapping[str, Readout]
    small: np.ndarray | None = None

    @property
    def clusters(self) -> Clusters:
        """Which of the frames are independent."""
        return clusters_of_rows(self.rows)


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """One clip: how it is opened, its part, and the numbers of the frames asked for; ``still``: a picture or
    folder.
    """

    item: str
    part: str
    frames: frozenset[int]
    opened: Callable[[], AbstractContextManager[VideoSource]]
    still: bool = False


@dataclass
class _ReadoutLists:
    """What was found so far."""

    rows: list[dict[str, object]] = field(default_factory=list)
    looked: dict[str, list[Readout]] = field(default_factory=dict)
    small: list[np.ndarray] = field(default_factory=list)


def ask(
    looks: Mapping[str, Probe], clips: Sequence[ClipRequest], done: Callable[[int], None]
) -> FrameReadouts:
    """Every network on every frame that is wanted, in the order of the clips; ``done`` is called with how many."""
    gathered = _ReadoutLists()
    for clip in clips:
        with clip.opened() as source:
            for pixels, frames, times in _chunks(source, clip.frames):
                for name, look in looks.items():
                    gathered.looked.setdefault(name, []).append(look.frames(pixels))
                for frame, time_s in zip(frames, times, strict=True):
                    at = {
                        "item": clip.item,
                        "frame": frame,
                        "time_s": time_s,
                        "part": clip.part,
                        "still": clip.still,
                    }
                    gathered.rows.append(at)
                if clip.still:
                    gathered.small.append(tiny(pixels))
                done(len(frames))
    rows = pd.DataFrame(gathered.rows, columns=["item", "frame", "time_s", "part", "still"])
    small = np.concatenate(gathered.small) if gathered.small and all(clip.still for clip in clips) else None
    return FrameReadouts(rows, {name: joined(parts) for name, parts in gathered.looked.items()}, small)


def tiny(pixels: torch.Tensor) -> np.ndarray:
    """(N, 3, H, W) uint8 frames in grey, SMALL by SMALL px: (N, SMALL * SMALL) uint8."""
    grey = pixels.to(torch.float32).mean(dim=1, keepdim=True)
    small = torch.nn.functional.interpolate(grey, size=(SMALL, SMALL), mode="area")
    rounded: np.ndarray = small.round().to(torch.uint8).reshape(len(pixels), -1).cpu().numpy()
    return rounded


def spread(count: int, most: int) -> np.ndarray:
    """Numbers of at most so many of ``count`` things, evenly over them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.floor((np.arange(most) + 0.5) * count / most).astype(np.int64))


def _chunks(
    source: VideoSource, wanted: frozenset[int]
) -> Iterator[tuple[torch.Tensor, list[int], list[float]]]:
    """The wanted frames of one size together, as many as go through a network at a time."""
    held: list[tuple[torch.Tensor, int, float]] = []
    left = len(wanted)
    for batch in source.batches(DECODED):
        for row in np.flatnonzero(np.isin(batch.index, list(wanted))):
            picture = batch.pixels[int(row)]
            if held and (len(held) == auto_batch(*picture.shape[-2:]) or held[0][0].shape != picture.shape):
                yield _stacked(held)
                held = []
            held.append((picture.clone(), int(batch.index[row]), float(batch.time_s[row])))
            left -= 1
        if left <= 0:
            break
    if held:
        yield _stacked(held)


def _stacked(held: list[tuple[torch.Tensor, int, float]]) -> tuple[torch.Tensor, list[int], list[float]]:
    return torch.stack([each[0] for each in held]), [each[1] for each in held], [each[2] for each in held]
