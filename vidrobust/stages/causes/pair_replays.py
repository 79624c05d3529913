"""All replays of one pair of frames: made once, and shown to every model.

::

    t-1    t ───▶ t+1    t+2        t-1 (or t+2) is what the changes from t to t+1 are played on
    third  └ measured ┘  content    t+2 shows what came into view at t+1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
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
from vidrobust.frame_pairs.registration import inside, length_px, warp
from vidrobust.frames.pixels import reduced, to_levels
from vidrobust.stages.causes.catalogue import (
    CAME_INTO_VIEW,
    CAMERA,
    CATALOGUE,
    NOISE,
    NOT_MEASURED,
    REPLAYED,
    UNDIVIDED,
)
from vidrobust.stages.causes.cause import Filter, LevelReplay, Size
from vidrobust.stages.causes.outcomes import Excluded, NoThirdFrame
from vidrobust.stages.causes.remainder import divided, grown
from vidrobust.stages.causes.scene import NO_PLACEBO, PLACEBOS, ReplayScene, ShownMotion, too_dark

# share of the picture that is new from which t+2 is measured; less is shown by t+1
LEAST_NEW = 3e-4
# a third frame so much blurrier than t, px, is taken only where the other is worse
TOO_BLURRED = -0.3
# px of a whole frame: blocks are coded with motion in quarters of a px, which what is blurred by focus, or noisy, gets,
# and others lag behind the camera, as they are left where they were
SLIGHT_PX = 0.5
# Causes that ``frame_pairs.change`` does not measure.
WITH_MEASURE = tuple(cause for cause in CATALOGUE.values() if cause.measure is not None)
# Whose the parts of a remainder are. They are taken in this order and in reverse, except noise, which always lies
# next to the real frame: to a model that answers to any change alike it is all there is.
OF_REMAINDER: Mapping[str, str] = {
    "noise": NOISE,
    "detail": UNDIVIDED["noise_and_detail"],
    "moving": UNDIVIDED["moving"],
    "light": UNDIVIDED["light"],
    "camera": CAMERA.name,
}


@dataclass(frozen=True, kw_only=True)
class AccountStep:
    """One step on a way from t to t+1 and the cause that it is; its pictures by their places."""

    cause: str
    before: int
    after: int
    weight: float = 0.5  # There are two ways; what both share is one step
    unsure: float = 0.0  # Part of it that may be another cause's: it comes from a remainder


@dataclass(frozen=True, kw_only=True)
class PairReplays:
    """The pictures of one pair and what each of them is."""

    # (H, W, 3) uint8: Each different one once; 0 is frame t, 1 is frame t+1. The next five are places
    # in it. Of a reduced pair the frames and exchanges are whole, the chains and placebos reduced
    pictures: tuple[np.ndarray, ...]
    # Two ways from the chain's first frame to its second: whatever a model answers, the changes along the steps add
    # up to its change from frame to frame
    steps: tuple[AccountStep, ...] = ()
    # forwards, backwards: The base, then one cause of ``REPLAYED`` after the other switched on; and the same
    # from the last to the first
    forwards: tuple[int, ...] = ()
    backwards: tuple[int, ...] = ()
    # By cause, before and with each of the cause's placebos
    placebo: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    exchange: tuple[tuple[int, int], ...] = ()  # Noise and coding exchanged
    # Frames t and t+1 coded once more, as finely and coarser, of footage that is coded
    recoded: tuple[tuple[int, int], ...] = ()
    # (t-1, t) and (t+1, t+2), of a pair across a keyframe, where these frames are known
    beside: tuple[tuple[int, int], ...] = ()
    px: float = 1.0  # Px of the whole frame for one px of the chains' pictures
    reversed: bool = False  # The chain leads from t+1 to t, because the picture gets sharper
    sizes: Mapping[str, Size] = field(default_factory=dict)  # How large each change is
    # One a picture: how what it shows has moved since the chain's first frame; empty where nothing was
    # replayed
    motions: tuple[ShownMotion, ...] = ()
    alone: bool = False  # What moves may be the camera, and the reverse (``PairChange``)
    # Share of what moves beyond the camera that moves as a codec's blocks do by themselves, behind such a codec
    slight: float = 0.0
    excluded: Excluded | None = None  # Why the pair cannot be replayed; then the chains are empty


def study_pair(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    *,
    keyframe: bool = False,
    coded: bool = False,
    again: tuple[np.ndarray, ...] = (),
    factor: int = 1,
) -> PairReplays:
    """Make every replay of one pair from frames t-1, t, t+1, t+2; None where a cut lies between.

    With a ``keyframe`` at t+1 no neighbour's coding is independent, and nothing is replayed. ``coded``: by a codec
    that predicts from frame to frame; ``again`` are t and t+1 coded once more, twice. What moved and what light did is
    measured and replayed on frames averaged over squares of ``factor`` px, noise and coding on whole frames.
    """
    scene = _prepared((before, a, b, after), keyframe=keyframe, factor=factor)
    if isinstance(scene, PairReplays):
        return scene
    made = _replays(scene, coded=coded)
    count = len(made.pictures)
    return replace(
        made,
        pictures=(*made.pictures, *again),
        motions=(*made.motions, *(made.motions[k % 2] for k in range(len(again)))),
        recoded=tuple((k, k + 1) for k in range(count, count + len(again), 2)),
    )


def study_strip(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    *,
    keyframe: bool = False,
    factor: int = 1,
) -> PairReplays:
    """Make what a strip shows of a pair, as ``study_pair``: its base, and on it one change after the other."""
    scene = _prepared((before, a, b, after), keyframe=keyframe, factor=factor)
    return scene if isinstance(scene, PairReplays) else _forwards(scene)


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    pictures: _Pictures
    scene: ReplayScene
    # the whole frames, in the order of the chain, and the change between them; in their px noise is compared
    # and sizes are told
    frames: tuple[np.ndarray, np.ndarray]
    whole: PairChange
    reverse: bool


def _prepared(
    frames: tuple[np.ndarray | None, np.ndarray, np.ndarray, np.ndarray | None],
    *,
    keyframe: bool,
    factor: int,
) -> _Prepared | PairReplays:
    before, a, b, after = frames
    outer = [
        None if x is None or np.array_equal(x, inner) else x
        for x, inner in ((before, a), (after, b))
    ]
    pictures = _Pictures([a, b])
    if keyframe:
        beside = [] if outer[0] is None else [(pictures.add(outer[0]), 0)]
        beside += [] if outer[1] is None else [(1, pictures.add(outer[1]))]
        why = None if beside else NoThirdFrame.MISSING
        return PairReplays(pictures=tuple(pictures.items), beside=tuple(beside), excluded=why)
    if outer[0] is None and outer[1] is None:
        return PairReplays(pictures=(a, b), excluded=NoThirdFrame.MISSING)
    small_a, small_b = reduced(a, factor), reduced(b, factor)
    outer = [None if x is None else reduced(x, factor) for x in outer]
    there = measure_all(small_a, small_b)
    if there.failed:
        return _not_registered(pictures, there.failed)
    sharper = there.blur.sigma_px < 0
    # played backwards in time everything is the same, and the picture gets blurrier
    change = measure_all(small_b, small_a) if sharper else there
    both = [(a, small_a), (b, small_b)]
    (first, small_first), (second, small_second) = reversed(both) if sharper else both
    outer = outer[::-1] if sharper else outer
    scene = _scene(outer[0], small_first, small_second, outer[1], change)
    if not isinstance(scene, ReplayScene):
        return _not_registered(pictures, scene)
    whole = change if factor == 1 else enlarged(change, first, second)
    return _Prepared(
        pictures=pictures, scene=scene, frames=(first, second), whole=whole, reverse=sharper
    )


def _not_registered(pictures: _Pictures, why: Excluded) -> PairReplays:
    # no motion leads from one to the other: new content, motion, light or focus, and nothing tells which
    step = AccountStep(cause=UNDIVIDED[NOT_MEASURED], before=0, after=1, weight=1.0)
    return PairReplays(pictures=tuple(pictures.items), steps=(step,), excluded=why)


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
    brought, measured = aligned(first, second, change), {}
    plays: list[Callable[[PairChange, np.ndarray], np.ndarray]] = []
    for cause in WITH_MEASURE:
        size = cause.measure(brought, second.astype(np.float32)) if cause.measure else None
        if size is None:
            continue
        measured[cause.name] = size
        if isinstance(cause.replay, LevelReplay):
            plays.append(_everywhere(cause.replay))
        elif isinstance(cause.replay, Filter):
            plays.append(cause.replay.play)
    return replace(change, own=measured, own_plays=tuple(plays))


def _everywhere(replay: LevelReplay) -> Callable[[PairChange, np.ndarray], np.ndarray]:
    return lambda change, levels: replay.play(change, levels, None)


def _scene(
    before: np.ndarray | None,
    a: np.ndarray,
    b: np.ndarray,
    after: np.ndarray | None,
    change: PairChange,
) -> ReplayScene | Excluded:
    chosen = _third(before, a, after, change)
    if not isinstance(chosen, tuple):
        return chosen
    third, to_a = chosen
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
    blurred: list[tuple[np.ndarray, PairChange]] = []
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
            blurred.append((frame, change))
    return max(blurred, key=lambda each: each[1].blur.sigma_px) if blurred else why


def _replays(prepared: _Prepared, *, coded: bool) -> PairReplays:
    made = _forwards(prepared)
    pictures, scene = prepared.pictures, prepared.scene
    (a, b), change = prepared.frames, scene.change
    first, second = int(prepared.reverse), int(not prepared.reverse)
    forwards, count = made.forwards, len(REPLAYED)
    backwards = tuple(pictures.of(scene, REPLAYED[count - n :]) for n in range(count + 1))
    steps = (
        *_to_the_base(pictures, (first, forwards[0]), change, coded=coded),
        *_along(pictures, forwards, backwards, change),
        *_to_the_frame(pictures, (forwards[-1], second), change, coded=coded),
    )
    placebo = {
        cause: tuple(
            (pictures.of(scene, REPLAYED[:n]), pictures.of(scene, REPLAYED[:n], (cause, how)))
            for how in hows
        )
        for n, (cause, hows) in enumerate(PLACEBOS.items())
    }
    brought, real = noise_beside(a, b, prepared.whole), b.astype(np.float32)
    every = pictures.motions[second]
    exchange = tuple(
        (pictures.add(plus, every), pictures.add(minus, every))
        for plus, minus in exchanged(brought, real, draws=1, seed=scene.seed)
    )
    noise = noise_levels(brought, real)
    size = Size(size=noise, unit="levels", measured=f"{noise:.1f} levels")
    return replace(
        made,
        pictures=tuple(pictures.items),
        steps=tuple(step for step in steps if step.before != step.after),
        backwards=backwards,
        placebo=placebo,
        exchange=exchange,
        sizes={**made.sizes, NOISE: size},
        alone=change.alone,
        slight=slight_of(change, made.px) if coded else 0.0,
        motions=tuple(pictures.motions[place] for place in range(len(pictures.items))),
    )


def _forwards(prepared: _Prepared) -> PairReplays:
    pictures, scene, reverse = prepared.pictures, prepared.scene, prepared.reverse
    change = scene.change
    every = ShownMotion.of(change.motion, change.objects_move)
    pictures.motions |= {int(reverse): scene.motion(()), int(not reverse): every}
    forwards = tuple(pictures.of(scene, REPLAYED[:n]) for n in range(len(REPLAYED) + 1))
    first, second = prepared.frames
    # sizes are from t to t+1 even where the chain is played backwards
    sizes = {
        name: cause.size(prepared.whole, first, reverse)
        for name, cause in CATALOGUE.items()
        if cause.size
    }
    return PairReplays(
        pictures=tuple(pictures.items),
        forwards=forwards,
        px=second.shape[1] / change.new.shape[1],
        reversed=reverse,
        sizes=sizes,
    )


class _Pictures:
    def __init__(self, items: list[np.ndarray]) -> None:
        self.items = items
        self.motions: dict[int, ShownMotion] = {}
        self._place: dict[tuple[str, ...], int] = {}

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

    def add(self, picture: np.ndarray, motion: ShownMotion | None = None) -> int:
        self.items.append(picture)
        place = len(self.items) - 1
        if motion is not None:
            self.motions[place] = motion
        return place

    def like(self, levels: np.ndarray, place: int) -> int:
        """Add a picture in which everything is where another one shows it."""
        return self.add(to_levels(levels), self.motions[place])

    def reduced(self, place: int, shape: tuple[int, ...]) -> int:
        """Return the place of a picture averaged down to a shape; its own where it has that."""
        picture = self.items[place]
        if picture.shape[:2] == shape:
            return place
        return self.add(reduced(picture, picture.shape[0] // shape[0]), self.motions[place])

    def levels(self, place: int) -> np.ndarray:
        return self.items[place].astype(np.float32)


def _to_the_base(
    pictures: _Pictures, ends: tuple[int, int], change: PairChange, *, coded: bool
) -> Iterator[AccountStep]:
    """Steps from the chain's first frame to its base: the noise of the one for that of the third frame."""
    moving = _moving(change)
    if change.has_camera and moving.any():
        back = change.camera_forth
        moving = warp(moving.view(np.uint8), back, interpolation=cv2.INTER_NEAREST).astype(bool)
    start = pictures.reduced(ends[0], change.new.shape)
    noise, hidden, rest = _divided(pictures, (start, ends[1]), moving, coded=coded)
    noisy = pictures.like(pictures.levels(start) + noise, start) if rest else ends[1]
    yield AccountStep(cause=UNDIVIDED["noise_and_detail"], before=ends[0], after=start, weight=1.0)
    yield AccountStep(cause=NOISE, before=start, after=noisy, weight=1.0, unsure=hidden)
    yield from _both_ways(pictures, (noisy, ends[1]), rest)


def _moving(change: PairChange) -> np.ndarray:
    """Pixels of the second frame, (H, W) bool, that move or came into view otherwise."""
    return np.asarray(change.objects_move | (change.new & ~_border(change)))


def _border(change: PairChange) -> np.ndarray:
    """Pixels of the second frame, (H, W) bool, that the camera's motion brought in."""
    return ~inside(change.camera) if change.has_camera else np.zeros_like(change.new)


def _divided(
    pictures: _Pictures, ends: tuple[int, int], moving: np.ndarray, *, coded: bool
) -> tuple[np.ndarray, float, list[tuple[str, np.ndarray]]]:
    """Divide what lies between two pictures: noise, what of it is hidden, and whose each other part is."""
    start, end = (pictures.levels(place) for place in ends)
    remainder = divided(start, end, grown(moving), coded=coded)
    parts = ((cause, getattr(remainder, name)) for name, cause in OF_REMAINDER.items())
    return (
        remainder.noise,
        remainder.hidden,
        [(cause, part) for cause, part in parts if part is not None][1:],
    )


def _both_ways(
    pictures: _Pictures, ends: tuple[int, int], parts: Sequence[tuple[str, np.ndarray]]
) -> Iterator[AccountStep]:
    for order in (parts, parts[::-1]):
        before, levels = ends[0], pictures.levels(ends[0])
        for number, (cause, part) in enumerate(order):
            levels = levels + part
            after = ends[1] if number == len(order) - 1 else pictures.like(levels, ends[0])
            yield AccountStep(cause=cause, before=before, after=after, unsure=1.0)
            before = after


def _along(
    pictures: _Pictures, forwards: Sequence[int], backwards: Sequence[int], change: PairChange
) -> Iterator[AccountStep]:
    """Steps of the measured causes; what a camera's motion brings in at the border is the camera's."""
    last, border = len(REPLAYED), _border(change)
    for n, cause in enumerate(REPLAYED):
        before, after = forwards[n], forwards[n + 1]
        if cause == CAME_INTO_VIEW.name and before != after and border.any():
            shown = np.where(border[..., None], pictures.items[after], pictures.items[before])
            between = pictures.like(shown, after)
            yield AccountStep(cause=CAMERA.name, before=before, after=between)
            before = between
        yield AccountStep(cause=cause, before=before, after=after)
        yield AccountStep(cause=cause, before=backwards[last - 1 - n], after=backwards[last - n])


def _to_the_frame(
    pictures: _Pictures, ends: tuple[int, int], change: PairChange, *, coded: bool
) -> Iterator[AccountStep]:
    """Steps from the full replay to the chain's second frame, the noise of that frame last."""
    stop = pictures.reduced(ends[1], change.new.shape)
    noise, hidden, rest = _divided(pictures, (ends[0], stop), _moving(change), coded=coded)
    noisy = pictures.like(pictures.levels(stop) - noise, stop) if rest else ends[0]
    yield from _both_ways(pictures, (ends[0], noisy), rest)
    yield AccountStep(cause=NOISE, before=noisy, after=stop, weight=1.0, unsure=hidden)
    yield AccountStep(cause=UNDIVIDED["noise_and_detail"], before=stop, after=ends[1], weight=1.0)


def slight_of(change: PairChange, px: float) -> float:
    """Return the share of what moves beyond the camera that moves little, or lags between rest and the camera.

    One px of the change is ``px`` of the whole frame.
    """
    moving, motion, camera = change.objects_move, change.motion, change.camera
    if not moving.any():
        return 0.0
    along, size = (np.einsum("yxk,yxk->yx", flow, camera) for flow in (motion, camera))
    part = np.clip(along / np.maximum(size, 1e-12), 0, 1)
    off = px * length_px(motion - part[..., None] * camera)
    return float((off < SLIGHT_PX)[moving].mean())
