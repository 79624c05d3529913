"""Long items are cut into segments, so that no unit of work is longer than some minutes of footage.

    item      0 ........ 600 ........ 1200 ... end       segment_s = 600
    segments  [0, 600)   [600, 1200)  [1200, end)
    read      [0, 602)   [598, 1202)  [1198, end)

Of each segment some frames before and behind are read as well, so that the pairs over its borders are compared:
the rows of stability and of transitions are those of an item in one piece. Samples (sensitivity, causes,
variation) are drawn in each segment by itself.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction

from vidrobust.footage.item import Item
from vidrobust.metrics.metric import ANCHOR_DELTAS
from vidrobust.pipeline.inputs import open_item, window
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.video.source import VideoSource, first_batch

LEAST_OVERLAP_S = 1.0
RULES = 2
"""Raised where the numbers of segments change."""


@dataclass(frozen=True)
class Segment:
    """A stretch of an item, or all of it.

    item     the stretch as an item of the same name
    number   from 0, of so many ``pieces``
    content  the key of its content: that of the whole item where there is one piece
    reads    the same with the frames about it that are read for the pairs over its borders
    origin   number and time of the item's first delivered frame; None where there is one piece
    """

    item: Item
    number: int
    pieces: int
    content: str
    reads: Item
    origin: tuple[int, float] | None = None


def segments_of(item: Item, content: str, settings: Settings, *, tried: bool = True) -> tuple[Segment, ...]:
    """The segments of an item, by the length that its header claims; the last one goes to the end of the file.

    tried  also a picture is decoded, so that what cannot be read is known before any work begins

    Raises InputError where it cannot be opened, or has no picture that can be decoded.
    """
    with open_item(item, settings) as source:
        cuts = cuts_of(item, settings, source)
        if cuts:
            first = first_batch(source, 1)
            rate = source.info.frame_rate
        elif tried:
            next(source.batches(1), None)  # none: the range of time is empty, which is no error
    if not cuts:
        return (Segment(item, 0, 1, content, item),)
    origin = int(first.index[0]), float(first.time_s[0])
    overlap = overlap_s(settings, rate)
    starts, ends = [item.start_s, *cuts], [*cuts, item.end_s]
    pieces = len(starts)
    return tuple(
        Segment(
            dataclasses.replace(item, start_s=start, end_s=end),
            number,
            pieces,
            key_of({"content": content, "start_s": start, "end_s": end, "pieces": pieces, "rules": RULES}),
            dataclasses.replace(
                item,
                start_s=start if number == 0 or start is None else max(start - overlap, item.start_s or 0.0),
                end_s=end if number == pieces - 1 or end is None else _earlier(end + overlap, item.end_s),
            ),
            origin,
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def overlap_s(settings: Settings, rate: Fraction) -> float:
    """How long before and behind a segment is read: twice the frames over which anything is compared."""
    reach = max(2, settings.revert_within, *ANCHOR_DELTAS)
    step = settings.every / float(rate) if settings.fps is None else 1 / settings.fps
    return max(LEAST_OVERLAP_S, 2 * reach * step)


def _earlier(end_s: float, of_item: float | None) -> float:
    return end_s if of_item is None else min(end_s, of_item)


def range_of(item: Item, settings: Settings, source: VideoSource) -> tuple[float, float] | None:
    """From when to when an item is looked at, seconds, by the length its header claims; None: it claims none."""
    info = source.info
    if info.num_frames is None or not info.frame_rate:
        return None
    length = float(info.num_frames / info.frame_rate)
    start, end = window(item, settings)
    return start or 0.0, length if end is None else min(length, end)


def frames_of(item: Item, settings: Settings, source: VideoSource) -> int | None:
    """How many frames of an item are delivered, by its header; None: it does not say."""
    count = source.info.num_frames
    reach = range_of(item, settings, source)
    if count is None:
        return None
    if reach is None:
        return -(-count // settings.every)
    seconds = max(0.0, reach[1] - reach[0])
    within = min(count, math.ceil(seconds * float(source.info.frame_rate or 0)))
    return min(within, math.ceil(seconds * settings.fps)) if settings.fps else -(-within // settings.every)


def cuts_of(item: Item, settings: Settings, source: VideoSource) -> list[float]:
    """Where an item is cut, seconds; nowhere if it is short, or its length is not known."""
    reach = range_of(item, settings, source)
    if reach is None:
        return []
    begin, end = reach
    # a rest shorter than half a segment stays with the last one
    count = max(1, math.floor((end - begin) / settings.segment_s + 0.5))
    return [begin + number * settings.segment_s for number in range(1, count)]
