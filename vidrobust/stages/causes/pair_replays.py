"""All replays of one pair of frames: made once, and shown to every model.

t-1    t ───▶ t+1    t+2        t-1 (or t+2) is what the changes from t to t+1 are played on
third  └ measured ┘  content    t+2 shows what came into view at t+1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from vidrobust.frame_pairs.registration import affine_field, moves, warp
from vidrobust.frames.pixels import brightest, to_levels
from vidrobust.stages.causes.aligned import aligned, in_light_of, measure_all, saturated
from vidrobust.stages.causes.catalogue import CATALOGUE, NOISE, REPLAYED, together_with
from vidrobust.stages.causes.cause import Levels, Size
from vidrobust.stages.causes.exchange import content_seed, exchanged, noise_levels, with_noise_alone
from vidrobust.stages.causes.excluded import Excluded, NoThirdFrame
from vidrobust.stages.causes.lights import FULL
from vidrobust.stages.causes.measured import Change
from vidrobust.stages.causes.scene import PLACEBOS, Motion, Scene, sparse

# How bright the saturated pixels of a third frame are: what other frames, in less light, show of them.
#
#     third   255 255 255 ─light of t─▶ 230 230 230     t   238 251 255     t+1, back in the light of t   270
#                                                   ▶ 238 251 270
#
# Brought into less light, a pixel at full level becomes a grey that no frame showed, and a replay that
# begins there
# takes the light's change for something else. It is shown as t has it; where t is saturated, too, as t+1 has it;
# and at least as bright as the brightest of the three says.

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


# What frame t+1 would have been without one of the causes: the cause taken back in it, its own noise kept.
#
#     t ───▶ t+1 ─────one cause, as measured back from t+1 to t─────▶ t+1 without it
#     t ─────everything measured from t to t+1────────────────────▶ t+1 with the noise of t
#
# A replay on a third frame has the cause's change and another noise, to which a network may answer otherwise by
# as much as it lacks for a flip. Where it matters whether one label would have stayed, the cause is taken back in
# the very picture. Without a motion nothing comes into view: both are taken back together. What a blur took
# cannot be given back; a frame that got sharper is blurred. Noise cannot be measured back: t+1 without its noise
# is t, with its own, once all that was measured is done to it.


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


DRAWS = 2
"""Exchanges of noise and coding per pair."""
TOO_BLURRED = -0.3
"""A third frame so much blurrier than t, px, is taken only where the other is worse."""


@dataclass(frozen=True, kw_only=True)
class PairReplays:
    """The pictures of one pair and what each of them is.

    pictures   (H, W, 3) uint8, each different one once; 0 is frame t, 1 is frame t+1
    forwards   pictures: nothing, then one cause of REPLAYED after the other switched on
    backwards  pictures: nothing, then the same from the last cause to the first
    placebo    cause -> pairs of pictures, before and with each of the cause's placebos
    exchange   pairs of pictures with noise and coding exchanged
    beside     pictures (t-1, t) and (t+1, t+2), where these frames are known
    undone     cause -> frame t+1 with it taken back, noise too, where that was asked for (``undone.py``)
    reversed   the chain leads from t+1 to t, because the picture gets sharper
    sizes      how large each change is
    motions    one a picture: how what it shows has moved since the chain's first frame; empty if not replayed
    excluded   why the pair cannot be replayed; None where it can, else the chains are empty

    All but ``pictures``, ``sizes`` and ``motions`` are places in ``pictures``.
    """

    pictures: tuple[np.ndarray, ...]
    forwards: tuple[int, ...] = ()
    backwards: tuple[int, ...] = ()
    placebo: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    exchange: tuple[tuple[int, int], ...] = ()
    beside: tuple[tuple[int, int], ...] = ()
    undone: Mapping[str, int] = field(default_factory=dict)
    reversed: bool = False
    sizes: Mapping[str, Size] = field(default_factory=dict)
    motions: tuple[Motion, ...] = ()
    excluded: Excluded | None = None


def study_pair(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    *,
    keyframe: bool = False,
    flips: bool = False,
) -> PairReplays:
    """Every replay of one pair.

    before, a, b, after  frames t-1, t, t+1, t+2 as (H, W, 3) uint8 RGB; None where there is none or a cut lies
                         between
    keyframe             a keyframe lies at t+1: no neighbour's coding is independent, and nothing is replayed
    flips                the label changes: t+1 with each cause taken back is asked for as well
    """
    outer = [None if x is None or np.array_equal(x, inner) else x for x, inner in ((before, a), (after, b))]
    album = _Album([a, b])
    if keyframe:
        beside = []
        if outer[0] is not None:
            beside.append((album.add(outer[0]), 0))
        if outer[1] is not None:
            beside.append((1, album.add(outer[1])))
        why = None if beside else NoThirdFrame.MISSING
        return PairReplays(pictures=tuple(album.pictures), beside=tuple(beside), excluded=why)
    if outer[0] is None and outer[1] is None:
        return PairReplays(pictures=(a, b), excluded=NoThirdFrame.MISSING)
    there = measure_all(a, b)
    if there.failed:
        return PairReplays(pictures=(a, b), excluded=there.failed)
    sharper = there.blur.sigma_px < 0
    # played backwards in time everything is the same, and the picture gets blurrier
    change = measure_all(b, a) if sharper else there
    first, second, outer = (b, a, outer[::-1]) if sharper else (a, b, outer)
    scene = _scene(outer[0], first, second, outer[1], change)
    if not isinstance(scene, Scene):
        return PairReplays(pictures=(first, second), excluded=scene)
    made = _replays(album, scene, change, first, second, reverse=sharper)
    if not flips:
        return made
    back = change if sharper else measure_all(b, a)
    return _with_undone(made, undone(a, b, there, back))


def _with_undone(pair: PairReplays, found: Mapping[str, np.ndarray]) -> PairReplays:
    """The pair with one more picture for each cause that was taken back in t+1."""
    still = replace(pair.motions[1], back=np.zeros_like(pair.motions[1].back))
    return replace(
        pair,
        pictures=(*pair.pictures, *found.values()),
        motions=(*pair.motions, *[still] * len(found)),
        undone={cause: len(pair.pictures) + k for k, cause in enumerate(found)},
    )


class _Album:
    """Pictures that are collected once each."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures
        self.motions: dict[int, Motion] = {}
        self._place: dict[tuple[str, ...], int] = {}

    def add(self, picture: np.ndarray) -> int:
        self.pictures.append(picture)
        return len(self.pictures) - 1

    def of(self, scene: Scene, on: tuple[str, ...], placebo: tuple[str, str] = ("", "")) -> int:
        """The place of a scene's picture; causes that do not occur change nothing."""
        placebo = placebo if placebo[0] in scene.occurring else ("", "")
        on = tuple(cause for cause in on if cause in scene.occurring)
        key = (*sorted(on), *placebo)
        if key not in self._place:
            self._place[key] = self.add(scene.picture(on, placebo))
            self.motions[self._place[key]] = scene.motion(on, placebo)
        return self._place[key]


def _replays(
    album: _Album, scene: Scene, change: Change, a: np.ndarray, b: np.ndarray, *, reverse: bool
) -> PairReplays:
    pairs, noise = _exchanged(a, b, change)
    steps = range(len(REPLAYED) + 1)
    forwards = tuple(album.of(scene, REPLAYED[:n]) for n in steps)
    backwards = tuple(album.of(scene, REPLAYED[len(REPLAYED) - n :]) for n in steps)
    placebo = {
        cause: tuple(
            (album.of(scene, REPLAYED[:n]), album.of(scene, REPLAYED[:n], (cause, how))) for how in hows
        )
        for n, (cause, hows) in enumerate(PLACEBOS.items())
    }
    exchange = tuple((album.add(plus), album.add(minus)) for plus, minus in pairs)
    whole = sparse(change.motion, moves(change.objects))
    album.motions |= dict.fromkeys((k for both in exchange for k in both), whole)
    album.motions |= {int(reverse): scene.motion(()), int(not reverse): whole}
    return PairReplays(
        pictures=tuple(album.pictures),
        forwards=forwards,
        backwards=backwards,
        placebo=placebo,
        exchange=exchange,
        reversed=reverse,
        sizes=_sizes(change, a, noise, reverse=reverse),
        motions=tuple(album.motions[place] for place in range(len(album.pictures))),
    )


def _sizes(change: Change, a: np.ndarray, noise: float, *, reverse: bool) -> dict[str, Size]:
    """From t to t+1 even where the chain is played backwards; a: the frame it begins with; noise in levels."""
    found = {
        name: cause.size(change, a, reverse) for name, cause in CATALOGUE.items() if cause.size is not None
    }
    return {**found, NOISE: Size(size=noise, unit="levels", measured=f"{noise:.1f} levels")}


def _exchanged(
    a: np.ndarray, b: np.ndarray, change: Change
) -> tuple[tuple[tuple[np.ndarray, np.ndarray], ...], float]:
    """Pairs of pictures with noise and coding exchanged, and the noise in levels."""
    real = b.astype(np.float32)
    brought = with_noise_alone(aligned(a, b, change), real)
    return exchanged(brought, real, draws=DRAWS, seed=content_seed(a, b)), noise_levels(brought, real)


def _scene(
    before: np.ndarray | None, a: np.ndarray, b: np.ndarray, after: np.ndarray | None, change: Change
) -> Scene | Excluded:
    """The pair's scene on the better of the two third frames, or why there is none."""
    found = _third(before, a, after)
    if not isinstance(found, tuple):
        return found
    third, to_a = found
    lit, motion = in_light_of(third, to_a), to_a.motion
    full = saturated(third, motion)
    on_a = warp(lit, motion) if motion.any() and full.any() else lit  # asked where it was saturated
    dark, known = beyond_full(on_a, full, a, b, change)
    return Scene(
        third=lit,
        to_third=motion,
        gaps=to_a.new | dark,
        fill=known,
        change=change,
        seed=content_seed(a, b),
        content=_content(b, after),
    )


def _third(
    before: np.ndarray | None, a: np.ndarray, after: np.ndarray | None
) -> tuple[np.ndarray, Change] | Excluded:
    """The third frame and what was measured from it to t: t-1, or t+2 where t-1 is missing, other, or blurred.

    Where there is none, the reason of the last one that was tried.
    """
    found: list[tuple[np.ndarray, Change]] = []
    why: Excluded = NoThirdFrame.MISSING
    for frame in (before, after):
        if frame is None:
            continue
        change = measure_all(frame, a, fine=False)
        if change.failed:
            why = change.failed
        elif change.blur.sigma_px >= TOO_BLURRED:
            return frame, change
        else:
            found.append((frame, change))
    return max(found, key=lambda each: each[1].blur.sigma_px) if found else why


def _content(b: np.ndarray, after: np.ndarray | None) -> np.ndarray:
    """What t+1 shows, from t+2 brought onto it wherever that shows it; else t+1's own pixels."""
    own = b.astype(np.float32)
    if after is None:
        return own
    change = measure_all(after, b, fine=False)
    if change.failed:
        return own
    return aligned(after, b, change)
