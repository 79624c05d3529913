"""All replays of one pair of frames: made once, and shown to every model.

::

    t-1    t ───▶ t+1    t+2        t-1 (or t+2) is what the changes from t to t+1 are played on
    third  └ measured ┘  content    t+2 shows what came into view at t+1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vidrobust.frame_pairs.change import (
    PairChange,
    aligned,
    enlarged,
    in_light_of,
    measure_change,
    noise_beside,
    saturated,
)
from vidrobust.frame_pairs.noise import content_seed, exchanged, noise_levels
from vidrobust.frames.pixels import reduced, to_levels
from vidrobust.stages.causes.catalogue import CATALOGUE, NOISE, REPLAYED, together_with
from vidrobust.stages.causes.cause import Filter, LevelReplay, Size
from vidrobust.stages.causes.outcomes import Excluded, NoThirdFrame
from vidrobust.stages.causes.scene import NO_PLACEBO, PLACEBOS, ReplayScene, ShownMotion, too_dark

DRAWS = 2  # exchanges of noise and coding per pair
LEAST_NEW = (
    3e-4  # share of the picture that is new from which t+2 is measured; less is shown by t+1
)
TOO_BLURRED = (
    -0.3
)  # a third frame so much blurrier than t, px, is taken only where the other is worse
# Causes that ``frame_pairs.change`` does not measure.
WITH_MEASURE = tuple(cause for cause in CATALOGUE.values() if cause.measure is not None)


@dataclass(frozen=True, kw_only=True)
class PairReplays:
    """The pictures of one pair and what each of them is."""

    # (H, W, 3) uint8: Each different one once; 0 is frame t, 1 is frame t+1. The next six are places
    # in it. Of a reduced pair the frames and exchanges are whole, the chains and placebos reduced
    pictures: tuple[np.ndarray, ...]
    # forwards, backwards: The base, then one cause of ``REPLAYED`` after the other switched on; and the same
    # from the last to the first
    forwards: tuple[int, ...] = ()
    backwards: tuple[int, ...] = ()
    # By cause, before and with each of the cause's placebos
    placebo: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    exchange: tuple[tuple[int, int], ...] = ()  # Noise and coding exchanged
    # (t-1, t) and (t+1, t+2), of a pair across a keyframe, where these frames are known
    beside: tuple[tuple[int, int], ...] = ()
    # By cause, and noise, frame t+1 with it undone, where that was asked for
    undone: Mapping[str, int] = field(default_factory=dict)
    small: int | None = (
        None  # Frame t+1 reduced, of a reduced pair that flips: what ``undone`` is beside
    )
    px: float = 1.0  # Px of the whole frame for one px of the chains' pictures
    reversed: bool = False  # The chain leads from t+1 to t, because the picture gets sharper
    sizes: Mapping[str, Size] = field(default_factory=dict)  # How large each change is
    # One a picture: how what it shows has moved since the chain's first frame; empty where nothing was
    # replayed
    motions: tuple[ShownMotion, ...] = ()
    excluded: Excluded | None = None  # Why the pair cannot be replayed; then the chains are empty


def measure_all(
    first: np.ndarray,
    second: np.ndarray,
    *,
    beside: PairChange | None = None,
    content: bool = False,
) -> PairChange:
    """Measure everything between two frames, as ``measure_change``, and what causes measure by themselves."""
    change = measure_change(first, second, beside=beside, content=content)
    if change.failed or not WITH_MEASURE:
        return change
    brought, own = aligned(first, second, change), {}
    plays: list[Callable[[PairChange, np.ndarray], np.ndarray]] = []
    for cause in WITH_MEASURE:
        found = cause.measure(brought, second.astype(np.float32)) if cause.measure else None
        if found is None:
            continue
        own[cause.name] = found
        if isinstance(cause.replay, LevelReplay):
            plays.append(_everywhere(cause.replay))
        elif isinstance(cause.replay, Filter):
            plays.append(cause.replay.play)
    return replace(change, own=own, own_plays=tuple(plays))


def _everywhere(replay: LevelReplay) -> Callable[[PairChange, np.ndarray], np.ndarray]:
    return lambda change, levels: replay.play(change, levels, None)


def study_pair(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    *,
    keyframe: bool = False,
    flips: bool = False,
    factor: int = 1,
) -> PairReplays:
    """Make every replay of one pair from frames t-1, t, t+1, t+2; None where a cut lies between.

    With a ``keyframe`` at t+1 no neighbour's coding is independent, and nothing is replayed. ``flips`` also
    makes t+1 with each cause undone. What moved and what light did is measured and replayed on frames averaged
    over squares of ``factor`` px, noise and coding on whole frames.
    """
    outer = [
        None if x is None or np.array_equal(x, inner) else x
        for x, inner in ((before, a), (after, b))
    ]
    album = _Album([a, b])
    if keyframe:
        beside = [] if outer[0] is None else [(album.add(outer[0]), 0)]
        beside += [] if outer[1] is None else [(1, album.add(outer[1]))]
        why = None if beside else NoThirdFrame.MISSING
        return PairReplays(pictures=tuple(album.pictures), beside=tuple(beside), excluded=why)
    if outer[0] is None and outer[1] is None:
        return PairReplays(pictures=(a, b), excluded=NoThirdFrame.MISSING)
    small_a, small_b = reduced(a, factor), reduced(b, factor)
    outer = [None if x is None else reduced(x, factor) for x in outer]
    there = measure_all(small_a, small_b)
    if there.failed:
        return PairReplays(pictures=(a, b), excluded=there.failed)
    sharper = there.blur.sigma_px < 0
    # played backwards in time everything is the same, and the picture gets blurrier
    change = measure_all(small_b, small_a) if sharper else there
    both = [(a, small_a), (b, small_b)]
    (first, small_first), (second, small_second) = reversed(both) if sharper else both
    outer = outer[::-1] if sharper else outer
    scene = _scene(outer[0], small_first, small_second, outer[1], change)
    if not isinstance(scene, ReplayScene):
        return PairReplays(pictures=(first, second), excluded=scene)
    whole = change if factor == 1 else enlarged(change, first, second)
    brought = noise_beside(first, second, whole)
    made = _replays(album, scene, (first, second), brought, whole, reverse=sharper)
    if not flips:
        return made
    if sharper:
        brought = noise_beside(a, b, there if factor == 1 else enlarged(there, a, b))
    found = undone(small_a, small_b, change if sharper else measure_all(small_b, small_a))
    found[NOISE] = to_levels(brought)
    small = [] if factor == 1 else [small_b]
    return replace(
        made,
        pictures=(*made.pictures, *found.values(), *small),
        motions=(*made.motions, *[made.motions[1].at_rest()] * (len(found) + len(small))),
        undone={cause: len(made.pictures) + k for k, cause in enumerate(found)},
        small=len(made.pictures) + len(found) if small else None,
    )


def undone(a: np.ndarray, b: np.ndarray, back: PairChange) -> dict[str, np.ndarray]:
    """Make frame t+1 as it would have been without one of the causes.

    A replay on a third frame has another noise, which may decide a flip; here the very picture is changed, by
    what was measured back from t+1 to t. Without a motion nothing comes into view: both are undone together.
    """
    if back.failed:
        return {}
    own, still = b.astype(np.float32), np.zeros((*b.shape[:2], 2), np.float32)
    dark, known = too_dark(own, still, saturated(b), b, a, back)
    content = a.astype(np.float32)
    scene = ReplayScene(
        third=own, to_third=still, gaps=dark, fill=known, change=back, seed=0, content=content
    )
    return {
        cause: scene.picture(together_with(cause)) for cause in REPLAYED if cause in scene.occurring
    }


class _Album:
    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures
        self.motions: dict[int, ShownMotion] = {}
        self._place: dict[tuple[str, ...], int] = {}

    def add(self, picture: np.ndarray) -> int:
        self.pictures.append(picture)
        return len(self.pictures) - 1

    def of(
        self, scene: ReplayScene, on: tuple[str, ...], placebo: tuple[str, str] = NO_PLACEBO
    ) -> int:
        placebo = placebo if placebo[0] in scene.occurring else NO_PLACEBO
        on = tuple(cause for cause in on if cause in scene.occurring)
        key = (*sorted(on), *placebo)
        if key not in self._place:
            self._place[key] = self.add(scene.picture(on, placebo))
            self.motions[self._place[key]] = scene.motion(on, placebo)
        return self._place[key]


def _replays(
    album: _Album,
    scene: ReplayScene,
    frames: tuple[np.ndarray, np.ndarray],
    brought: np.ndarray,
    whole: PairChange,
    *,
    reverse: bool,
) -> PairReplays:
    # ``frames`` and ``whole`` are of the whole frames; in their px noise is compared and sizes are told
    (a, b), change = frames, scene.change
    small, real = change.new.shape, b.astype(np.float32)
    pairs, noise = (
        exchanged(brought, real, draws=DRAWS, seed=scene.seed),
        noise_levels(brought, real),
    )
    steps = range(len(REPLAYED) + 1)
    forwards = tuple(album.of(scene, REPLAYED[:n]) for n in steps)
    backwards = tuple(album.of(scene, REPLAYED[len(REPLAYED) - n :]) for n in steps)
    placebo = {
        cause: tuple(
            (album.of(scene, REPLAYED[:n]), album.of(scene, REPLAYED[:n], (cause, how)))
            for how in hows
        )
        for n, (cause, hows) in enumerate(PLACEBOS.items())
    }
    exchange = tuple((album.add(plus), album.add(minus)) for plus, minus in pairs)
    every = ShownMotion.of(change.motion, change.objects_move)
    album.motions |= dict.fromkeys((k for both in exchange for k in both), every)
    album.motions |= {int(reverse): scene.motion(()), int(not reverse): every}
    # sizes are from t to t+1 even where the chain is played backwards
    sizes = {name: cause.size(whole, a, reverse) for name, cause in CATALOGUE.items() if cause.size}
    sizes[NOISE] = Size(size=noise, unit="levels", measured=f"{noise:.1f} levels")
    return PairReplays(
        pictures=tuple(album.pictures),
        forwards=forwards,
        backwards=backwards,
        placebo=placebo,
        exchange=exchange,
        px=b.shape[1] / small[1],
        reversed=reverse,
        sizes=sizes,
        motions=tuple(album.motions[place] for place in range(len(album.pictures))),
    )


def _scene(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    change: PairChange,
) -> ReplayScene | Excluded:
    found = _third(before, a, after, change)
    if not isinstance(found, tuple):
        return found
    third, to_a = found
    lit, motion = in_light_of(third, to_a), to_a.motion
    dark, known = too_dark(lit, motion, saturated(third, motion), a, b, change)
    content = b.astype(np.float32)
    if after is not None and change.new.mean() >= LEAST_NEW:
        to_b = measure_all(after, b, beside=change, content=True)
        content = content if to_b.failed else aligned(after, b, to_b)
    return ReplayScene(
        third=lit,
        to_third=motion,
        gaps=to_a.new | dark,
        fill=known,
        change=change,
        seed=content_seed(a, b),
        content=content,
    )


def _third(
    before: np.ndarray | None, a: np.ndarray, after: np.ndarray | None, beside: PairChange
) -> tuple[np.ndarray, PairChange] | Excluded:
    """The third frame and the change from it to t: t-1, or t+2 where t-1 is missing, other or blurred."""
    # Where there is none, the reason of the last one that was tried.
    found: list[tuple[np.ndarray, PairChange]] = []
    why: Excluded = NoThirdFrame.MISSING
    for frame in (before, after):
        if frame is None:
            continue
        change = measure_all(frame, a, beside=beside)
        if change.failed:
            why = change.failed
        elif change.blur.sigma_px >= TOO_BLURRED:
            return frame, change
        else:
            found.append((frame, change))
    return max(found, key=lambda each: each[1].blur.sigma_px) if found else why
