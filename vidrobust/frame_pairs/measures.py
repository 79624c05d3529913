"""All quick measures between two frames, in the order of the tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidrobust.frame_pairs.light import LightChange, measure_light, measure_the_rest
from vidrobust.frame_pairs.motion import MIN_POINTS, PairMotion, Similarity, at_rest, measure_motion
from vidrobust.frame_pairs.prepared import UNKNOWN, Measure, PreparedFrame
from vidrobust.frame_pairs.texture import TextureChange, measure_texture


@dataclass(frozen=True, kw_only=True)
class PairMeasures:
    """Light, colour, motion, sharpness, noise and block edges from frame a to frame b."""

    light: LightChange
    uneven_light: Measure
    motion: PairMotion
    texture: TextureChange
    other_change: Measure

    def measures(self) -> Iterator[tuple[str, str, Measure]]:
        """Yield (quantity, "frame", "camera" or "part", measure) in the order of the table ``variation``."""
        light, valid = self.light, self.motion.camera_valid
        yield "gain", "frame", light.gain
        yield "offset", "frame", light.offset
        yield "uneven_light", "frame", self.uneven_light
        for name in (
            "saturation",
            "hue_deg",
            "white_balance",
            "white_balance_rg",
            "white_balance_bg",
        ):
            yield name, "frame", getattr(light, name)
        yield from _of_motion(self.motion.camera if valid else None, "", "camera", valid)
        for name in ("sharpness", "noise_sigma", "blockiness"):
            yield name, "frame", getattr(self.texture, name)
        yield "other_change", "frame", self.other_change
        share = self.motion.moving_share if valid else math.nan
        yield "moving_share", "part", Measure(value=share, valid=valid, error=math.nan)
        yield from _of_motion(
            self.motion.part if valid else None, "part_", "part", self.motion.part_has_turn
        )


def _of_motion(
    motion: Similarity | None, prefix: str, who: str, turns: bool
) -> Iterator[tuple[str, str, Measure]]:
    for name, error, valid in (
        ("shift_x", "shift_error", True),
        ("shift_y", "shift_error", True),
        ("rotation_deg", "rotation_error", turns),
        ("zoom", "zoom_error", turns),
    ):
        quantity = f"{prefix}{name}_px" if name.startswith("shift") else prefix + name
        if motion is None:
            yield quantity, who, UNKNOWN
        else:
            value = Measure(value=getattr(motion, name), valid=valid, error=getattr(motion, error))
            yield quantity, who, value


def measure_pair(a: PreparedFrame, b: PreparedFrame) -> PairMeasures:
    motion = measure_motion(a, b)
    blank = len(a.corners) < MIN_POINTS  # nothing to align, and nothing that needs it
    camera, left_out = motion.camera, ~motion.with_camera
    if not motion.camera_valid:
        camera, left_out = at_rest(motion.camera.centre), np.zeros(len(a.corners), bool)
    light = measure_light(a, b, camera, left_out, aligned=motion.camera_valid or blank)
    gain, offset = (light.gain.value, light.offset.value) if light.gain.valid else (1.0, 0.0)
    uneven, other = measure_the_rest(a, b, camera, left_out, light)
    return PairMeasures(
        light=light,
        uneven_light=uneven,
        other_change=other,
        motion=motion,
        texture=measure_texture(a, b, motion, gain, offset),
    )
