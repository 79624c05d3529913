"""Light and colour that all of the picture shares, and light from place to place: fitted in turn, and laid on."""

from __future__ import annotations

import numpy as np

from vidrobust.frame_pairs import tone
from vidrobust.frame_pairs.local_light import LocalLight, fit_local_light
from vidrobust.frames.pixels import brightest

Lights = tuple[tone.Tone, LocalLight]
"""What all of the picture shares, and what is left from place to place."""
STRONG_COLOUR = 6.0
"""Change of colour, levels rms, from which motion is looked for again in frames of equal colour."""
ROUNDS = 3
"""Rounds in which light that all of the picture shares and light from place to place are fitted in turn."""
FULL = 254
"""A level from which a pixel may have been brighter than it could be recorded."""


def in_lights(light: Lights, picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 levels in this light, and in its colour where that is strong."""
    lit = light[1].of(light[0].light(picture))
    return light[0].colour(lit) if strong(light[0], picture) else lit


def strong(levels: tone.Tone, picture: np.ndarray) -> bool:
    """Whether the colour changes the picture, (H, W, 3) levels, by much."""
    some = picture[::4, ::4].astype(np.float32)
    return levels.has_colour and tone.root_mean_square(levels.colour(some) - some) >= STRONG_COLOUR


def fit_lights(
    moved: np.ndarray,
    second: np.ndarray,
    clear: np.ndarray,
    noise: float = 0.0,
    still: np.ndarray | None = None,
) -> Lights:
    """What light and colour all of the picture shares, and what is left from place to place.

    Where there is light from place to place the two are fitted in turn, beginning with the field: a curve fitted
    to a picture of which one side became brighter takes the levels of that side for bright ones. Colour comes
    last, since a lamp at the side of something red would pass for one.

    moved   (H, W, 3) levels of the first frame, moved onto the second (H, W, 3); clear (H, W) bool, what both show
    noise   as in ``fit_tone``; still as in ``fit_local_light``
    """
    levels = tone.fit_tone(moved, second, clear, noise)
    clear = clear & (brightest(moved) < FULL - 1)  # in its new light what was saturated does not look it
    local = fit_local_light(levels.colour(levels.light(moved)), second, clear, still=still)
    if not local.there or levels.hues is not None:
        # a strong turn of hue makes no curve of light, and what it does scales with a gain
        return levels, local
    seen = clear & tone.unclipped(moved, second)
    local = fit_local_light(moved, second, clear, still=still)
    for _ in range(ROUNDS):
        local = local.about_its_middle(clear.shape)
        levels = tone.fit_light(moved, second / local.gain(*clear.shape)[..., None], seen)
        local = fit_local_light(levels.light(moved), second, clear, still=still)
    return tone.fit_colour(levels, local.of(levels.light(moved)), second, seen), local
