"""What frame t+1 would have been without one of the causes: the cause taken back in it, its own noise kept.

    t ───▶ t+1 ─────one cause, as measured back from t+1 to t─────▶ t+1 without it
    t ─────everything measured from t to t+1────────────────────▶ t+1 with the noise of t

A replay on a third frame has the cause's change and another noise, to which a network may answer otherwise by
as much as it lacks for a flip. Where it matters whether one label would have stayed, the cause is taken back in
the very picture. Without a motion nothing comes into view: both are taken back together. What a blur took
cannot be given back; a frame that got sharper is blurred. Noise cannot be measured back: t+1 without its noise
is t, with its own, once all that was measured is done to it.
"""

from __future__ import annotations

import numpy as np

from vidrobust.frames.pixels import to_levels
from vidrobust.stages.causes.aligned import aligned, saturated
from vidrobust.stages.causes.beyond_full import beyond_full
from vidrobust.stages.causes.catalogue import NOISE, REPLAYED, together_with
from vidrobust.stages.causes.exchange import with_noise_alone
from vidrobust.stages.causes.measured import Change
from vidrobust.stages.causes.scene import Scene


def undone(a: np.ndarray, b: np.ndarray, there: Change, back: Change) -> dict[str, np.ndarray]:
    """By cause, and of noise, frame t+1 (H, W, 3) uint8 with it taken back; of those that were measured.

    there, back  everything measured from t to t+1, and from t+1 to t
    """
    found = {} if back.failed else _causes_undone(a, b, back)
    return found if there.failed else {**found, NOISE: _noise_undone(a, b, there)}


def _causes_undone(a: np.ndarray, b: np.ndarray, back: Change) -> dict[str, np.ndarray]:
    height, width = b.shape[:2]
    own, still = b.astype(np.float32), np.zeros((height, width, 2), np.float32)
    dark, known = beyond_full(own, saturated(b, still), b, a, back)
    scene = Scene(
        third=own,
        to_third=still,
        gaps=dark,
        fill=known,
        change=back,
        seed=0,
        content=a.astype(np.float32),
    )
    return {cause: scene.picture(together_with(cause)) for cause in REPLAYED if cause in scene.occurring}


def _noise_undone(a: np.ndarray, b: np.ndarray, there: Change) -> np.ndarray:
    """Frame t with everything measured from t to t+1, of which nothing but its noise differs from t+1."""
    return to_levels(with_noise_alone(aligned(a, b, there), b.astype(np.float32)))
