"""Pairs of frames that are worked on side by side, as many at a time as threads and memory allow."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from threadpoolctl import ThreadpoolController

from vidrobust.frame_pairs.transitions import BREAKS
from vidrobust.frames.device import trim_heap
from vidrobust.frames.pixels import to_array
from vidrobust.video.source import VideoSource

PAIR_BYTES = 512 * 2**20
"""Pairs of frames that are replayed at the same time; larger ones one after the other."""
PAIR_PICTURES = 60
"""What a pair that is replayed holds at once, as pictures of three bytes a pixel, about."""

Pictures = tuple[np.ndarray | None, np.ndarray, np.ndarray, np.ndarray | None]
"""Frames t-1, t, t+1, t+2 as (H, W, 3) uint8; None where there is none, or a break lies between."""
Made = TypeVar("Made")


def side_by_side(
    source: VideoSource,
    transitions: pd.DataFrame,
    pairs: Sequence[tuple[int, int]],
    make: Callable[..., Made],
    *columns: Sequence[Any],
) -> Generator[Made]:
    """``make(pictures, *row of the columns)`` of each pair of frames, in order.

    Models are asked between them, not beside them: engines that share their processors wait for each other. So
    does linear algebra that takes threads of its own for matrices this small: it gets one.
    """
    threads = torch.get_num_threads()
    few = PAIR_BYTES // (PAIR_PICTURES * 3 * source.info.width * source.info.height)
    size = max(1, min(2 * threads, few))
    algebra = ThreadpoolController().select(user_api="blas")
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(pairs), size):
            if size == 1:
                trim_heap()  # one large pair after the other
            some = slice(start, start + size)
            pictures = [pictures_of(source, transitions, a, b) for a, b in pairs[some]]
            with algebra.limit(limits=1):
                made = list(pool.map(make, pictures, *(column[some] for column in columns)))
            yield from made
            del made  # or it would be held while the next ones are made


def pictures_of(source: VideoSource, transitions: pd.DataFrame, a: int, b: int) -> Pictures:
    """Frames t-1, t, t+1, t+2 as arrays; None where there is none, or a break lies between."""
    wanted, before, after = frames_about(transitions, a, b)
    taken = [to_array(pixels).copy() for pixels in source.at(wanted).pixels]
    at = int(before)
    return taken[0] if before else None, taken[at], taken[at + 1], taken[-1] if after else None


def frames_about(transitions: pd.DataFrame, a: int, b: int) -> tuple[list[int], bool, bool]:
    """The frames of a pair and those beside it, and whether there is one before and one behind."""
    frame, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy(str)
    first, last = int(np.searchsorted(frame, a)), int(np.searchsorted(frame, b))
    before = first > 0 and reason[first] not in BREAKS
    after = last + 1 < len(frame) and reason[last + 1] not in BREAKS
    wanted = [int(frame[first - 1])] if before else []
    behind = [int(frame[last + 1])] if after else []
    return [*wanted, a, b, *behind], before, after
