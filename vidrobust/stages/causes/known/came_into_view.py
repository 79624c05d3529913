"""What came into view: pixels of t+1 that t does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Content, Size
from vidrobust.text.numbers import percent

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    share = float(change.new.mean())
    return Size(size=share, unit="share", measured=f"{percent(share)} of the picture")


CAME_INTO_VIEW = Cause(
    name="came_into_view",
    title="newly visible content",
    colour="#8fc7e8",
    replay=Content(where=lambda change: change.new),
    occurs=lambda change: bool(change.new.any()),
    size=_size,
    moves=True,
    hint="judge a part only while all of it is in view: a trigger, or a region of interest (--roi)",
    advice="train with footage of more surroundings and parts",
)
