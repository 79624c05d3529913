"""Perturbations: checks, signs, and draws for each frame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.files.csv_table import beside
from vidrobust.frames.pixels import check_pixels, each_alone
from vidrobust.perturb.draws import Generators, draw_seed, from_seed, one_per_frame, sign, uniform
from vidrobust.text.numbers import number

Family = Literal[
    "light",
    "colour",
    "geometry",
    "blur",
    "noise",
    "compression",
    "occlusion",
    "weather",
    "camera",
    "time",
]
FAMILIES: tuple[str, ...] = get_args(Family)
NATURAL = "natural"  # the default suite

# (pixels (N, 3, H, W) uint8 RGB, strength, one generator or one per frame) -> pixels of the same shape, dtype
# and device in fresh memory. One generator for a batch hands one seed to each frame in turn, so that
# splitting a batch changes nothing. A function written for the catalogue always receives a list of N
# generators: ``Perturbation`` sees to that. It may be called on several threads at once.
Apply = Callable[[torch.Tensor, float, Generators], torch.Tensor]

# (pixels (T, 3, H, W) uint8 RGB of one clip, times_s (T,) float64, strength, the clip's generator) -> pixels.
# The state of the disturbance (where the dust lies, the phase of the mains) depends on the seed of the
# generator and on the times alone: frames given in several calls with equally seeded generators and their
# true times come out as in one call, unless ``whole_clip`` says that the clip cannot be split.
ApplyClip = Callable[[torch.Tensor, np.ndarray, float, torch.Generator], torch.Tensor]

# (pixels, signed strength) -> pixels, the same for all frames and without chance
Signed = Callable[[torch.Tensor, float], torch.Tensor]

# (boxes (D, 4) float32 xyxy px of one frame, (H, W), strength, that frame's generator) -> moved boxes. The
# generator must be in the state that ``apply`` met. A moved box is the upright box around the four moved
# corners, clipped to the frame; it has no area where the object left the frame.
MoveBoxes = Callable[[np.ndarray, tuple[int, int], float, torch.Generator], np.ndarray]

# ((H, W), strength, a frame's generator) -> 3x3, a point of the clean frame to its place afterwards, both in
# px from the centre of the frame; the generator as for ``MoveBoxes``
Motion = Callable[[tuple[int, int], float, torch.Generator], np.ndarray]

# Signed strength -> 3x3, as ``Motion`` and without chance
SignedMotion = Callable[[float], np.ndarray]

# A single frame under a perturbation that lives in time is taken at a random time of one minute
RANDOM_TIME_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """One way in which a picture changes, with its strengths from mild to strong; strength 0 is the identity.

    Strengths are sizes: a gain or shift draws its sign, and ``apply_signed`` gives either direction without
    chance. The callables are guarded when the record is made: arguments are checked, an empty batch and
    strength 0 give a copy, one generator becomes one per frame.
    """

    name: str
    suite: str
    family: Family
    # Unit of ``strength`` as a camera engineer says it: "relative gain", "px", "deg", "sigma px" ..
    unit: str
    strengths: tuple[float, ...]
    range: tuple[float, float]  # Smallest and largest strength that makes sense; others are refused
    apply: Apply
    # For what lives in time, else None: every frame is then on its own
    apply_clip: ApplyClip | None = None
    whole_clip: bool = False  # True where ``apply_clip`` needs all frames of the clip in one call
    # Named directions, each a function of a signed strength; empty where there is no direction
    signed: Mapping[str, Signed] = field(default_factory=dict)
    move_boxes: MoveBoxes | None = None  # None where boxes stay as they are
    # The same as a map of the whole frame, by which masks and turned boxes go
    motion: Motion | None = None
    # The map of each named direction, where the frame moves
    signed_motion: Mapping[str, SignedMotion] = field(default_factory=dict)
    # Why a frame without its neighbours in time stays as it is; empty where a lone frame is changed
    needs_neighbours: str = ""
    on_cpu: bool = False  # Whether it is computed in main memory, wherever the pixels are
    not_monotone: str = ""  # Why damage need not grow with strength; empty where it grows
    doc: str = ""  # One sentence: what it does and its source
    plain: bool = False  # Known by its bare name, although the suite is not the default
    # Whether ``apply`` draws one of two directions: in training its range then runs from -strength to
    # strength. A signed form alone is not enough: a blur whose signed form sharpens still only blurs.
    either_way: bool = False
    noun: str = ""  # Its name in a sentence or under an axis; from ``name`` where it is empty
    # The subject of a sentence, with the strength as {s}, as a percentage {p}, or as 100 less it {q}
    saying: str = ""
    # Quantities of the table ``spread`` that say how far the footage itself goes this way, if any
    condition: tuple[str, ...] = ()
    per_condition: float = 1.0  # Strength for one unit of the condition
    # Causes of the account that it may stand for in training, and its place there, the plainest lowest
    stands_for: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_record()
        guard = functools.partial(object.__setattr__, self)
        noun = self.name.replace("_", " ")
        unit = "severity" if "severity" in self.unit else "strength"
        guard("noun", self.noun or (noun if self.key == self.name else f"{noun} of {self.suite}"))
        guard("saying", self.saying or f"{self.noun} at {unit} {{s}}")
        guard("apply", _guard_apply(self.key, self.range, self.apply))
        if self.apply_clip is not None:
            guard("apply_clip", _guard_clip(self.key, self.range, self.apply_clip))
        if self.move_boxes is not None:
            guard("move_boxes", _guard_boxes(self.key, self.range, self.move_boxes))
        if self.motion is not None:
            guard("motion", _guard_motion(self.motion))
        guard("signed", {n: _guard_signed(self.key, self.range, f) for n, f in self.signed.items()})

    def _check_record(self) -> None:
        low, high = self.range
        if self.family not in FAMILIES:
            raise SettingsError(
                f"perturbation {self.name!r}: there is no family {self.family!r}; "
                f"families are {', '.join(FAMILIES)}"
            )
        if not self.strengths or list(self.strengths) != sorted(set(self.strengths)):
            raise SettingsError(
                f"perturbation {self.name!r}: strengths {self.strengths} do not grow from mild to strong"
            )
        if not 0 <= low <= self.strengths[0] <= self.strengths[-1] <= high:
            raise SettingsError(
                f"perturbation {self.name!r}: strengths {self.strengths} lie outside its range {self.range}"
            )
        if (self.move_boxes is None) != (self.motion is None):
            raise SettingsError(f"perturbation {self.name!r}: move_boxes and motion go together")
        if self.motion is not None and set(self.signed_motion) != set(self.signed):
            raise SettingsError(
                f"perturbation {self.name!r}: signed_motion needs the directions of signed"
            )
        fitted = set(self.stands_for) & {"light", "colour"}
        if fitted and not self.signed:
            raise SettingsError(
                f"perturbation {self.name!r}: stands for {', '.join(sorted(fitted))}, and so needs a signed form, "
                "which is fitted to the footage"
            )

    @property
    def key(self) -> str:
        """The name in result tables: unique over all suites."""
        return self.name if self.plain or self.suite == NATURAL else f"{self.suite}:{self.name}"

    @property
    def on_single_frames(self) -> bool:
        """Whether it changes a frame on its own; where not, ``needs_neighbours`` says why."""
        return not self.needs_neighbours

    @property
    def is_length(self) -> bool:
        """Whether ``strength`` is a distance in the frame, px ("sigma px" as well): it scales with the frame."""
        return "px" in self.unit.split()

    def said(self, *strengths: float) -> str:
        """Return the perturbation as the subject of a sentence: "a brightness change of 10 %", "... of 5 to 20 %"."""
        ends = dict.fromkeys((strengths[0], strengths[-1]))
        size, share, rest = (
            " to ".join(number(of(end), 3) for end in ends)
            for of in (float, lambda end: 100 * end, lambda end: 100 - end)
        )
        return self.saying.format(s=size, p=f"{share} %", q=rest)

    def apply_signed(
        self, pixels: torch.Tensor, signed_strength: float, direction: str = ""
    ) -> torch.Tensor:
        """Change every frame along a direction, by default the first; SettingsError for one that is not there."""
        direction = direction or next(iter(self.signed), "")
        if direction not in self.signed:
            known = ", ".join(self.signed) or "none: it has no direction, use apply"
            raise SettingsError(f"{self.key}: no direction {direction!r}; directions are {known}")
        return self.signed[direction](pixels, signed_strength)


def apply_at_a_random_time(clip: ApplyClip) -> Apply:
    """Return ``apply`` of what lives in time: each frame is a clip of its own at ``random_time_s``."""

    @functools.wraps(clip)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        owns = one_per_frame(generator, len(pixels))
        frames = zip(each_alone(pixels), owns, strict=True)
        return torch.cat(
            [clip(f, np.array([random_time_s(rng)]), strength, rng) for f, rng in frames]
        )

    return apply


def random_time_s(generator: torch.Generator) -> float:
    """Return the time at which ``apply`` takes a lone frame; the generator stays as it was."""
    before = generator.get_state()
    seed = draw_seed(generator)
    generator.set_state(before)
    return uniform(from_seed(seed ^ 0x5EED, generator.device), 0.0, RANDOM_TIME_S)


def _check(key: str, limits: tuple[float, float], pixels: torch.Tensor, strength: float) -> None:
    check_pixels(pixels, key)
    if strength != 0 and not limits[0] <= abs(strength) <= limits[1]:
        raise SettingsError(
            f"{key}: strength {strength:g} is outside its range; use 0 or {limits[0]:g} to {limits[1]:g}"
        )


def fresh_copy(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.clone(memory_format=torch.contiguous_format)


def _guard_apply(key: str, limits: tuple[float, float], function: Apply) -> Apply:
    @functools.wraps(function)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        _check(key, limits, pixels, strength)
        if strength < 0:
            raise SettingsError(
                f"{key}: strength {strength:g} is negative; a size is meant, see apply_signed"
            )
        generators = one_per_frame(generator, len(pixels))
        if strength == 0 or pixels.numel() == 0:
            return fresh_copy(pixels)
        return function(pixels, float(strength), generators)

    return apply


def _guard_clip(key: str, limits: tuple[float, float], function: ApplyClip) -> ApplyClip:
    @functools.wraps(function)
    def apply_clip(
        pixels: torch.Tensor, times_s: np.ndarray, strength: float, generator: torch.Generator
    ) -> torch.Tensor:
        _check(key, limits, pixels, strength)
        times_s = np.asarray(times_s, dtype=np.float64)
        if times_s.shape != (len(pixels),) or not np.isfinite(times_s).all():
            raise ValueError(f"{key}: expected {len(pixels)} finite times_s, got {times_s}")
        if strength == 0 or pixels.numel() == 0:
            return fresh_copy(pixels)
        fresh = from_seed(generator.initial_seed(), generator.device)
        return function(pixels, times_s, float(strength), fresh)

    return apply_clip


def _guard_signed(key: str, limits: tuple[float, float], function: Signed) -> Signed:
    @functools.wraps(function)
    def apply_signed(pixels: torch.Tensor, signed_strength: float) -> torch.Tensor:
        _check(key, limits, pixels, signed_strength)
        if signed_strength == 0 or pixels.numel() == 0:
            return fresh_copy(pixels)
        return function(pixels, float(signed_strength))

    return apply_signed


def _guard_boxes(key: str, limits: tuple[float, float], function: MoveBoxes) -> MoveBoxes:
    @functools.wraps(function)
    def move_boxes(
        boxes: np.ndarray, size: tuple[int, int], strength: float, generator: torch.Generator
    ) -> np.ndarray:
        boxes = np.asarray(boxes, dtype=np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"{key}: expected boxes of shape (D, 4), got {boxes.shape}")
        if strength == 0:
            return boxes.copy()
        return function(boxes, size, float(strength), generator)

    return move_boxes


def _guard_motion(function: Motion) -> Motion:
    @functools.wraps(function)
    def motion(size: tuple[int, int], strength: float, generator: torch.Generator) -> np.ndarray:
        return np.eye(3) if strength == 0 else function(size, float(strength), generator)

    return motion


# (pixels, one signed strength a frame) -> pixels: what both forms of a signed perturbation share
Core = Callable[[torch.Tensor, Sequence[float]], torch.Tensor]


def either_sign(core: Core) -> Apply:
    """Return ``apply`` of a signed perturbation: each frame draws its sign."""

    @functools.wraps(core)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        return core(pixels, [strength * sign(rng) for rng in one_per_frame(generator, len(pixels))])

    return apply


def given_sign(core: Core) -> Signed:
    """Return the deterministic form of a signed perturbation."""

    def apply_signed(pixels: torch.Tensor, signed_strength: float) -> torch.Tensor:
        return core(pixels, [signed_strength] * len(pixels))

    return apply_signed


def without_chance(core: Core) -> Apply:
    """Return ``apply`` of a perturbation that draws nothing: every frame gets the strength as it is."""

    @functools.wraps(core)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        return core(pixels, [strength] * len(pixels))

    return apply


FrameChange = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]


def frame_by_frame(change: FrameChange) -> Apply:
    """Return ``apply`` made of a function of one frame (3, H, W), the strength and the frame's generator."""

    @functools.wraps(change)
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        owns = one_per_frame(generator, len(pixels))
        made = [change(frame, strength, rng) for frame, rng in zip(pixels, owns, strict=True)]
        return torch.stack([frame.permute(1, 2, 0) for frame in made]).permute(0, 3, 1, 2)

    return apply


class Scale(NamedTuple):
    """Family and unit of a perturbation, its strengths from mild to strong, and the limits that make sense."""

    family: Family
    unit: str
    strengths: tuple[float, ...]
    high: float
    low: float = 0.0


@functools.cache
def _declared() -> dict[str, dict[str, Any]]:
    """What ``perturbations.csv`` says of each perturbation of this package, by name; a row is one of them."""
    entries: dict[str, dict[str, Any]] = {}
    for row in beside(__file__, "perturbations.csv"):
        ranks = (pair.split("=") for pair in row["stands_for"].split())
        entries[row["name"]] = {
            **{name: row[name] for name in ("family", "unit", "noun", "saying", "doc")},
            "strengths": tuple(map(float, row["strengths"].split())),
            "range": (float(row["low"] or 0), float(row["high"])),
            "condition": tuple(row["condition"].split()),
            "per_condition": float(row["per_condition"] or 1),
            "stands_for": {cause: int(rank) for cause, rank in ranks},
            "either_way": bool(row["either_way"]),
        }
    return entries


def own_entry(apply: Callable[..., torch.Tensor], **more: Any) -> Perturbation:
    """Return the record of a function of this package, named as the function: ``_hue`` is "hue"."""
    name = more.get("name", apply.__name__.removeprefix("_"))
    return Perturbation(
        **{"name": name, "suite": NATURAL, "apply": apply, **_declared()[name], **more}
    )


def entry(apply: Callable[..., torch.Tensor], scale: Scale, doc: str, **more: Any) -> Perturbation:
    """Return the record of a function of another package, named as the function where no name is given."""
    family, unit, strengths, high, low = scale
    return Perturbation(
        **{"name": apply.__name__.removeprefix("_"), "suite": NATURAL, **more},
        family=family,
        unit=unit,
        strengths=strengths,
        range=(low, high),
        apply=apply,
        doc=doc,
    )
