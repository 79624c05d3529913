"""How bright the saturated pixels of a third frame are: what other frames, in less light, show of them.

    third   255 255 255 ─light of t─▶ 230 230 230     t   238 251 255     t+1, back in the light of t   270
                                                  ▶ 238 251 270

Brought into less light, a pixel at full level becomes a grey that no frame showed, and a replay that begins there
takes the light's change for something else. It is shown as t has it; where t is saturated, too, as t+1 has it;
and at least as bright as the brightest of the three says.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.changes.registration import affine_field, warp
from vidrobust.frames.pixels import brightest
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.cause import Levels
from vidrobust.stages.causes.lights import FULL
from vidrobust.stages.causes.measured import Change

LEAST = 1.0
"""Levels by which a pixel must be brighter than it was brought: less is rounding."""


def beyond_full(
    on_a: np.ndarray, full: np.ndarray, a: np.ndarray, b: np.ndarray, change: Change
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool, pixels of t that the third frame shows too dark, and (H, W, 3) float32, t, also above 255.

    on_a    (H, W, 3) float32, the third frame brought onto t and into its light
    full    (H, W) bool, where that comes of a saturated pixel
    a, b    (H, W, 3) uint8, frames t and t+1; change  between them
    """
    known = a.astype(np.float32)
    over = full & (brightest(a) >= FULL)
    if over.any():
        known[over] = np.maximum(known[over], _as_at_a(b, change, over)[over])
    return full & np.any(known > on_a + LEAST, axis=2), known


def _as_at_a(b: np.ndarray, change: Change, over: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: t+1 in the light of t and where its camera was, at the pixels ``over`` (H, W) of t."""
    moved = change.has_camera
    where = (
        warp(over.astype(np.float32), change.camera, interpolation=cv2.INTER_LINEAR) > 0 if moved else over
    )
    found = b.astype(np.float32)
    for cause in reversed([*CATALOGUE.values()]):
        if isinstance(cause.replay, Levels) and cause.occurs and cause.occurs(change):
            found[where] = cause.replay.undo(change, found[where], where)
    if not moved:
        return found
    back = np.linalg.inv(np.vstack([change.affine, [0, 0, 1]]))[:2]
    return warp(found, affine_field(back, *over.shape), interpolation=cv2.INTER_LINEAR)
