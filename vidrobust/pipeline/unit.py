"""What a unit of work is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vidrobust.footage.item import Item
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch, VideoInfo
from vidrobust.run_folder.settings import Settings
from vidrobust.video.source import VideoSource

Found = tuple[dict[str, pd.DataFrame], dict[str, Any]]
"""The raw tables of a unit by name, and its facts: plain values that are no rows."""


Read = Callable[[str], pd.DataFrame | None]
Trim = Callable[[pd.DataFrame], pd.DataFrame]
"""The name of a raw table of a stage that is needed -> what it says of this segment and one model, or None."""


def _nothing(model: str, table: str) -> pd.DataFrame | None:
    """Where no stage is needed but that of the transitions."""
    return None


@dataclass(frozen=True, kw_only=True)
class Context:
    """One item, open for work.

    content  the key of its content; everything random about it is seeded with this and the seed
    transitions    its table ``transitions``; None while it is being made
    number   which segment of its item this is, from 0, of so many ``pieces``
    count    of a stage that takes a sample: how many frames, or pairs, fall to this segment
    have     how many of them were worked on before; the first of the order
    models   of a stage that takes a sample: the names of those whose units these are
    read     (model, table) -> a raw table of a stage that this one needs; None where it was not made
    advance  called with how many steps were just done
    origin   number and time of the item's first delivered frame; None where the item is one segment
    """

    item: Item
    content: str
    settings: Settings
    info: VideoInfo
    transitions: pd.DataFrame | None
    advance: Callable[[int], None]
    number: int = 0
    pieces: int = 1
    origin: tuple[int, float] | None = None
    count: int = 0
    have: int = 0
    models: Sequence[str] = ()
    read: Callable[[str, str], pd.DataFrame | None] = _nothing

    def own(self, time_s: np.ndarray) -> np.ndarray:
        """(N,) bool: which frames belong to this segment; those about it are read for pairs over its borders."""
        start, end = self.item.start_s, self.item.end_s
        after = np.full(len(time_s), True) if start is None or self.pieces == 1 else time_s >= start
        return after if end is None or self.pieces == 1 else after & (time_s < end)

    def own_part(
        self, batch: FrameBatch, transitions: FrameTransitions
    ) -> tuple[FrameBatch, FrameTransitions]:
        """The part of a batch that belongs to this segment."""
        rows = self.own(batch.time_s)
        return (batch, transitions) if rows.all() else (batch.rows(rows), transitions.rows(rows))

    def need_transitions(self) -> pd.DataFrame:
        """The table ``transitions``, in a stage that needs it."""
        assert self.transitions is not None, "a stage that reads transitions names them in its needs"
        return self.transitions


class StreamWork(Protocol):
    """A unit that is fed with every frame in order; made as (context, model or None)."""

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None: ...

    def finish(self, source: VideoSource) -> Found: ...
