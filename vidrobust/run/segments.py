"""Long items are cut into segments, so that no unit of work is longer than some minutes of footage.

    item      0 ........ 600 ........ 1200 ... end       segment_s = 600
    segments  [0, 600)   [600, 1200)  [1200, end)

The pair across a border is not compared, and a shot begins anew at it: one pair in ten minutes.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from vidrobust.errors import InputError
from vidrobust.footage.item import Item
from vidrobust.run.inputs import open_item
from vidrobust.run.parts import key_of
from vidrobust.run.settings import Settings


@dataclass(frozen=True)
class Segment:
    """A stretch of an item, or all of it.

    item     the stretch as an item of the same name
    number   from 0, of so many ``pieces``
    content  the key of its content: that of the whole item where there is one piece
    """

    item: Item
    number: int
    pieces: int
    content: str


def segments_of(item: Item, content: str, settings: Settings) -> tuple[Segment, ...]:
    """The segments of an item, by the length that its header claims; the last one goes to the end of the file."""
    cuts = _cuts(item, settings)
    if not cuts:
        return (Segment(item, 0, 1, content),)
    starts, ends = [item.start_s, *cuts], [*cuts, item.end_s]
    pieces = len(starts)
    return tuple(
        Segment(
            dataclasses.replace(item, start_s=start, end_s=end),
            number,
            pieces,
            key_of({"content": content, "start_s": start, "end_s": end, "pieces": pieces}),
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def _cuts(item: Item, settings: Settings) -> list[float]:
    """Where an item is cut, seconds; nowhere if it is short, or its length is not known."""
    try:
        with open_item(item, settings) as source:
            info = source.info
    except InputError:
        return []  # told where it is read
    if info.num_frames is None or not info.frame_rate:
        return []
    begin = max(item.start_s or 0.0, settings.start_s or 0.0)
    length = float(info.num_frames / info.frame_rate)
    end = min(x for x in (length, item.end_s, settings.end_s) if x is not None)
    # a rest shorter than half a segment stays with the last one
    count = max(1, math.floor((end - begin) / settings.segment_s + 0.5))
    return [begin + number * settings.segment_s for number in range(1, count)]
