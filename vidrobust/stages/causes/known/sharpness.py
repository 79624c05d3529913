"""Sharpness: the blur between the frames. Where the picture gets sharper the pair is played backwards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import Cause, Filter, Size
from vidrobust.stages.causes.fits.blur import fit_blur

if TYPE_CHECKING:
    from vidrobust.frame_pairs.blur import Kernel
    from vidrobust.stages.causes.measured import Change


def _size(change: Change, a: np.ndarray, reverse: bool) -> Size:
    """Standard deviation of the blur along its main direction, negative for sharper."""
    blur = change.blur
    sigma, more = (-1 if reverse else 1) * blur.sigma_px, {"blur_angle_deg": math.degrees(blur.angle)}
    if sigma == 0:
        words = "none" if blur.known else "cannot be measured: no detail above the noise"
        return Size(size=0.0, unit="px", measured=words, more=more)
    words = f"{'blurrier' if sigma > 0 else 'sharper'}, sigma {abs(sigma):.2f} px"
    if not math.isnan(blur.angle):
        words += f": motion blur, {_line(blur.kernel)}"
    if blur.back.there:
        words += f", in place of one {_line(blur.back)}"
    return Size(size=sigma, unit="px", measured=words, more=more)


def _line(kernel: Kernel) -> str:
    return f"{kernel.length_px:.1f} px long at {math.degrees(kernel.angle):.0f} deg"


SHARPNESS = Cause(
    name="sharpness",
    title="sharpness",
    colour="#b5834a",
    replay=Filter(play=lambda change, x: change.in_focus_of(x)),
    occurs=lambda change: change.blur.sigma_px > 0,
    size=_size,
    columns=("blur_angle_deg",),
    fit=fit_blur,
    drifts=True,
    hint="fix the focus and shorten the exposure",
)
