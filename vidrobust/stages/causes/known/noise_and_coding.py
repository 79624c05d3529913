"""Noise and coding: what is left between aligned frames, exchanged at random (``causes/exchange.py``)."""

from __future__ import annotations

from vidrobust.stages.causes.cause import Cause

NOISE_AND_CODING = Cause(
    name="noise_and_coding",
    title="noise and coding",
    colour="#9a9a9a",
    chosen="grain",
    several=True,
    hint="more light, less gain, less compression; or average the answers of several frames",
)
