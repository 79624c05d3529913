"""ImageNet-P: a picture becomes 31 or 41 frames, and the rule by which their labels are compared.

Hendrycks & Dietterich 2019 (arXiv 1903.12261), section 4. What comes into view is black; motion blur and snow
use the kernel of ``imagenet-c``, not ImageMagick's. Strength is the frame's number, from 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import each_alone, each_frame
from vidrobust.perturb.draws import Generators, draw_seed, from_seed, normal, one_per_frame
from vidrobust.perturb.geometric import Matrix, boxes_by, sheared, shifted, turned, warp, zoomed
from vidrobust.perturb.perturbation import Family, Motion, Perturbation
from vidrobust.plugins.published.perturbations import imagenet_c, weather

Compare = Literal["first", "previous"]
# (picture (1, 3, H, W) uint8, number of the frame from 0, generator) -> that frame (1, 3, H, W).
At = Callable[[torch.Tensor, int, torch.Generator], torch.Tensor]
# (number of the frame, (H, W)) -> clean point to moved point, px from the centre.
Map = Callable[[int, tuple[int, int]], Matrix]


@dataclass(frozen=True)
class PictureSequence:
    """One of the sequences of ImageNet-P."""

    name: str
    family: Family
    at: At
    num_frames: int = 31
    # "first": every frame with frame 0; "previous": every frame with the one before
    compare: Compare = "previous"
    clean: int | None = None  # Number of the frame that is the clean picture, or None
    # True for the ten of the mean flip rate; the others are for validation.
    scored: bool = True
    matrix: Map | None = None  # How points move, for sequences that are geometric

    def frames(self, picture: torch.Tensor, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """The frames (3, H, W) of one picture (3, H, W), one after the other; the generator is not advanced."""
        state = generator.get_state()
        for number in range(self.num_frames):
            yield self.at(picture[None], number, _at_state(generator, state))[0]


def compared_pairs(num_frames: int, compare: Compare, difficulty: int = 1) -> list[tuple[int, int]]:
    """Return the pairs of frames that are compared: (0, j), or (j - d, j) of every d-th frame."""
    if compare == "first":
        return [(0, j) for j in range(1, num_frames)]
    return [(j - difficulty, j) for j in range(difficulty, num_frames)]


def flip_probability(labels: np.ndarray, compare: Compare, difficulty: int = 1) -> float:
    """Share of compared frames whose label differs."""
    labels = np.asarray(labels)
    if compare == "first":
        return float(np.mean(labels[:, 1:] != labels[:, :1])) if labels[:, 1:].size else math.nan
    phases = [labels[:, start::difficulty] for start in range(difficulty)]
    rates = [np.mean(phase[:, 1:] != phase[:, :-1]) for phase in phases if phase[:, 1:].size]
    return float(np.mean(rates)) if rates else math.nan


def _at_state(generator: torch.Generator, state: torch.Tensor) -> torch.Generator:
    copy = torch.Generator(generator.device)
    copy.set_state(state)
    return copy


def _noise(core: Callable[..., torch.Tensor], amount: float) -> At:
    """Frame 0 is clean."""

    def at(picture: torch.Tensor, number: int, gen: torch.Generator) -> torch.Tensor:
        seed = draw_seed(gen)
        if number == 0:
            return picture.clone()
        return core(picture[0], amount, from_seed((seed + number) % 2**62, gen.device))[None]

    return at


def _by_array(change: Callable[[np.ndarray, int, torch.Generator], np.ndarray]) -> At:
    return lambda picture, number, own: each_frame(
        picture, lambda frame, row: change(frame, number, own)
    )


def _moved(matrix: Map) -> At:
    def at(picture: torch.Tensor, number: int, gen: torch.Generator) -> torch.Tensor:
        size = (picture.shape[2], picture.shape[3])
        return warp(picture, [matrix(number, size)], interpolation="bilinear", border="black")

    return at


def _cut(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values + np.float32(1e-3), 0, 255).astype(np.uint8))


def _motion_blur(frame: np.ndarray, number: int, gen: torch.Generator) -> np.ndarray:
    return _cut(weather.trail(frame.astype(np.float32), 10, 3, 4 * (number - 30)))


def _zoom_blur(frame: np.ndarray, number: int, gen: torch.Generator) -> np.ndarray:
    """Mean of the picture and its first ``number`` enlargements, by 1.004 each."""
    h, w = frame.shape[:2]
    total = frame.astype(np.float32)
    clean = total.copy()
    for k in range(1, number + 1):
        step = 1 / (1 + 0.004 * k)
        matrix = np.array(
            [[step, 0, (1 - step) * (w - 1) / 2], [0, step, (1 - step) * (h - 1) / 2]]
        )
        total += cv2.warpAffine(
            clean,
            matrix,
            (w, h),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(h, w, 3)
    return _cut(total / np.float32(number + 1))


def _snow(frame: np.ndarray, number: int, gen: torch.Generator) -> np.ndarray:
    """One layer of flakes for the whole sequence."""
    h, w = frame.shape[:2]
    noise = normal(gen, weather.snow_noise_size((h, w), 3)).cpu().numpy() * np.float32(
        0.3
    ) + np.float32(0.05)
    layer = cv2.resize(noise, (w, h), interpolation=cv2.INTER_LINEAR)
    layer[layer < 0.5] = 0
    layer = np.floor(np.clip(layer, 0, 1) * 255) / np.float32(255)
    layer = weather.trail(layer, 14, 4, 4 * number - 150)
    return _cut(weather.snow_over(frame.astype(np.float32) / np.float32(255), layer, 0.85))


def _spatter(frame: np.ndarray, number: int, gen: torch.Generator) -> np.ndarray:
    noise = normal(gen, frame.shape[:2]).cpu().numpy() * np.float32(0.27) + np.float32(0.65)
    side = 2 * int(4 * 3.7 + 0.5) + 1
    liquid = cv2.GaussianBlur(noise, (side, side), 3.7, borderType=cv2.BORDER_REPLICATE)
    liquid[liquid < 0.69] = 0
    run = np.array([[0.7], [0.15], [0.1], [0.05]], np.float32)
    for _ in range(number):
        liquid = cv2.filter2D(liquid, -1, run, anchor=(0, 2), borderType=cv2.BORDER_CONSTANT)
    water = np.array([175, 238, 238], np.float32)
    return _cut(frame + weather.water_film(liquid, 0.6)[:, :, None] * water)


def _gaussian_blur(frame: np.ndarray, number: int, gen: torch.Generator) -> np.ndarray:
    sigma = 0.25 + 0.035 * number
    side = 2 * int(6 * sigma + 0.5) + 1
    blurred = cv2.GaussianBlur(
        frame.astype(np.float32), (side, side), sigma, borderType=cv2.BORDER_REPLICATE
    )
    return _cut(blurred)


def _brightness(picture: torch.Tensor, number: int, gen: torch.Generator) -> torch.Tensor:
    return imagenet_c.brightness(picture, 0.02 * (number - 15), gen)


def _tilt(number: int, size: tuple[int, int]) -> Matrix:
    """Turned by the same angle about the x and the y axis, seen from as far away as the diagonal is long."""
    h, w = size
    a = math.radians(number - 15)
    c, s, f = math.cos(a), math.sin(a), math.hypot(h, w)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_y = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    # (x, y, 1): the authors put the picture at depth 1
    onto = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    turn = about_x @ about_y @ onto
    turn[2, 2] += f
    axis = shifted(0.5, 0.5)  # theirs runs through the pixel border beside the centre
    return np.asarray(axis @ np.diag([f, f, 1.0]) @ turn @ np.linalg.inv(axis))


def _noises() -> Iterator[PictureSequence]:
    for name, core, amounts in (
        ("gaussian_noise", imagenet_c.gaussian_noise, (0.03, 0.05, 0.08)),
        ("shot_noise", imagenet_c.shot_noise, (300, 120, 60)),
        ("speckle_noise", imagenet_c.speckle_noise, (0.05, 0.1, 0.15)),
    ):
        for level, amount in enumerate(amounts, start=1):
            yield PictureSequence(
                name if level == 1 else f"{name}_{level}",
                "noise",
                _noise(core, amount),
                clean=0,
                compare="first",
                scored=level == 1 and name != "speckle_noise",
            )


def _motions() -> Iterator[PictureSequence]:
    for name, matrix, clean, num_frames in (
        ("translate", lambda number, size: shifted(number - 20, 0), 20, 41),
        ("rotate", lambda number, size: turned(15 - number), 15, 31),
        ("tilt", _tilt, 15, 31),
        ("scale", lambda number, size: zoomed((2.5 * number + 40) / 100), 24, 31),
        ("shear", lambda number, size: sheared(-math.tan(math.radians(number - 15))), 15, 31),
    ):
        yield PictureSequence(
            name,
            "geometry",
            _moved(matrix),
            clean=clean,
            num_frames=num_frames,
            scored=name != "shear",
            matrix=matrix,
        )


_ALL = (
    *_noises(),
    PictureSequence("motion_blur", "blur", _by_array(_motion_blur)),
    PictureSequence("zoom_blur", "blur", _by_array(_zoom_blur), clean=0),
    PictureSequence("snow", "weather", _by_array(_snow)),
    PictureSequence("brightness", "weather", _brightness, clean=15),
    *_motions(),
    PictureSequence("gaussian_blur", "blur", _by_array(_gaussian_blur), scored=False),
    PictureSequence("spatter", "weather", _by_array(_spatter), scored=False),
)
# All sequences by name: the ten scored, the validation ones, and the noises at difficulty 2 and 3.
SEQUENCES: Mapping[str, PictureSequence] = MappingProxyType({entry.name: entry for entry in _ALL})


def _frame_of(
    sequence: PictureSequence,
) -> Callable[[torch.Tensor, float, Generators], torch.Tensor]:
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        number = _number(sequence, strength)
        owns = one_per_frame(generator, len(pixels))
        return torch.cat(
            [sequence.at(p, number, rng) for p, rng in zip(each_alone(pixels), owns, strict=True)]
        )

    return apply


def _motion_of(sequence: PictureSequence) -> Motion | None:
    if sequence.matrix is None:
        return None
    matrix = sequence.matrix
    return lambda size, strength, generator: matrix(_number(sequence, strength), size)


def _number(sequence: PictureSequence, strength: float) -> int:
    if strength != round(strength):
        raise SettingsError(
            f"imagenet-p:{sequence.name}: there is no frame {strength:g}; frames are whole numbers"
        )
    return int(strength) - 1


def _entry(sequence: PictureSequence) -> Perturbation:
    last = sequence.num_frames
    quarter = (last - 1) / 4
    kept = " It counts for the mean flip rate." if sequence.scored else " A validation sequence."
    motion = _motion_of(sequence)
    rule = "the first frame" if sequence.compare == "first" else "the frame before"
    return Perturbation(
        name=sequence.name,
        suite="imagenet-p",
        family=sequence.family,
        unit="frame of the sequence, from 1",
        strengths=tuple(float(1 + round(k * quarter)) for k in range(5)),
        range=(1.0, float(last)),
        apply=_frame_of(sequence),
        move_boxes=None if motion is None else boxes_by(motion),
        motion=motion,
        not_monotone="The strength is a place in a sequence, whose clean frame may lie anywhere or nowhere.",
        doc=f"{last} frames, each compared with {rule}.{kept}",
    )


PERTURBATIONS: tuple[Perturbation, ...] = tuple(
    _entry(sequence) for sequence in _ALL if not sequence.name.endswith(("_2", "_3"))
)
