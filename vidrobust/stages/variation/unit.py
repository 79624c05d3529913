"""The unit of the stage variation: the pixels of one input, frame by frame."""

from __future__ import annotations

import dataclasses

import numpy as np

from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.pipeline.stage import Context, Found
from vidrobust.stages.variation.changes import VariationMeter
from vidrobust.video.source import VideoSource


class VariationUnit:
    """How much the footage of one item varies."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._meter = VariationMeter(
            context.item.name,
            float(context.info.frame_rate),
            content=context.content,
            seed=context.settings.seed,
        )

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None:
        batch, transitions = self.context.own_part(batch, transitions)
        self._meter.feed(batch, np.asarray(transitions.reason).tolist())

    def finish(self, source: VideoSource) -> Found:
        result = self._meter.finish()
        facts = {
            "stride": result.stride,
            **result.counts,
            "excluded": result.excluded,
            "timing": dataclasses.asdict(result.timing),
        }
        return {"changes": result.pairs}, facts
