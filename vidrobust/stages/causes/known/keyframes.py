"""Keyframes of the recording: pairs across one, against those beside it (``causes/keyframes.py``)."""

from __future__ import annotations

from vidrobust.stages.causes.cause import Cause

KEYFRAMES = Cause(
    name="keyframes",
    title="keyframes of the recording",
    colour="#7a6fb8",
    hint="record with more bits or without prediction between frames: coding itself changes the answer",
    advice="record with a longer group of pictures, intra refresh or more bits, or judge before coding",
    several=True,
)
