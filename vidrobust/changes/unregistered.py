"""Why two frames could not be registered. No torch here: pages have words for it."""

from __future__ import annotations

from enum import StrEnum

MIN_SIDE = 32
"""Shorter side, px, below which no frame is registered."""


class Unregistered(StrEnum):
    """Why nothing can be said of two frames, or of what moved between them."""

    SMALL_FRAME = "small_frame"
    NO_TEXTURE = "no_texture"
    OTHER_SCENE = "other_scene"
    MUCH_IS_NEW = "much_is_new"
    NO_COMMON_MOTION = "no_common_motion"
