"""Which perturbation a cause is: its own step of the chain, played again with each perturbation fitted to it.

    before ──the cause──▶ after          along_cause = <z(after) - z(before), d>
    before ──perturbation, fitted──▶ x   along       = <z(x) - z(before), d>

Levels are fitted by least squares to the pictures, places and blur by what was measured. For noise and coding,
which have no direction, the response to noise of the same energy is compared, and the grain: how alike neighbour
pixels of the difference are (0 for noise of the sensor, more for what a codec leaves).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy import optimize

from vidrobust.changes.registration import affine_field
from vidrobust.changes.sharpness import Blur
from vidrobust.frames.pixels import luma, to_array, to_levels, to_tensor
from vidrobust.frames.spline_field import lattice_side, spline_basis
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.perturb.illumination import PATCHES
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.scene import CAUSES, STEP, Motion
from vidrobust.stages.causes.score import NOISE
from vidrobust.stages.causes.sizes import Size

CANDIDATES = {
    cause: tuple(
        sorted(
            (name for name, entry in PERTURBATIONS.items() if cause in entry.stands_for),
            key=lambda name: PERTURBATIONS[name].stands_for[cause],
        )
    )
    for cause in (*CAUSES, NOISE)
}
"""What may stand for a cause in training, the plainest first, as the records say. What came into view has none.

Of light and colour the signed form is fitted, of sharpness the strength; of light from place to place,
of motion and of noise only those below."""
SAMPLED = 6
"""Every so many-th pixel along each axis is enough to fit levels."""
SMALLEST_PX = 0.05
SMALLEST_GAIN = 0.002
"""A field of gain that spreads by less is within the rounding of 8 bits."""
RATE_STEPS = 7
"""Halvings of the range of bit rates, by its logarithm: to within 6 %."""
SEARCHED_PX = 640
"""Side of the middle of a picture on which the bit rate is searched."""
NEAR_ENERGY = 1.5
"""An error is made as large as the footage's by no more than this."""
BLOCK = 8
"""Side, px, of the blocks whose means tell a field of gain."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One perturbation fitted to one cause of one pair.

    before, after, played  places in the album of pictures: the cause's step, and the perturbation on ``before``
    strength               signed, in the catalogue's unit; of a translation the length, px
    grain                  of noise and coding: correlation of neighbouring pixels of the difference; else NaN
    matrix                 (2, 3) how ``before`` was moved, or None
    """

    cause: str
    perturbation: str
    before: int
    after: int
    played: int
    strength: float
    grain: float = math.nan
    grain_seen: float = math.nan
    matrix: np.ndarray | None = None


def candidates(pair: PairReplays) -> tuple[tuple[np.ndarray, ...], list[Candidate]]:
    """The pair's pictures with those of its candidates behind them, and what the candidates are."""
    album = list(pair.pictures)
    found: list[Candidate] = []
    if pair.excluded or not pair.forwards:
        return pair.pictures, found
    for number, cause in enumerate(CAUSES):
        before, after = pair.forwards[number], pair.forwards[number + 1]
        if before == after or not CANDIDATES[cause]:
            continue
        for name, strength, picture, matrix in _fitted(pair, cause, album[before], album[after]):
            album.append(picture)
            found.append(
                Candidate(
                    cause=cause,
                    perturbation=name,
                    before=before,
                    after=after,
                    played=len(album) - 1,
                    strength=strength,
                    matrix=matrix,
                )
            )
    if pair.exchange:
        for each in _noises(pair, album):
            found.append(each)
    return tuple(album), found


def motions(pair: PairReplays, made: list[Candidate]) -> tuple[Motion, ...]:
    """How what the pictures of the whole album show has moved: the pair's own, and those of its candidates."""
    found = dict(enumerate(pair.motions))
    for each in made if pair.motions else ():
        if each.cause == NOISE:
            found |= dict.fromkeys((each.before, each.played), pair.motions[each.after])
        else:
            found[each.played] = _carried(found[each.before], each.matrix)
    return tuple(found[place] for place in range(len(found)))


def _carried(motion: Motion, matrix: np.ndarray | None) -> Motion:
    """The motion of a picture that was moved once more."""
    if matrix is None:
        return motion
    height, width = motion.own.shape
    back = affine_field(cv2.invertAffineTransform(matrix), height * STEP, width * STEP)[::STEP, ::STEP]
    x = np.arange(width, dtype=np.float32)[None] + back[..., 0] / STEP
    y = np.arange(height, dtype=np.float32)[:, None] + back[..., 1] / STEP
    reflect = cv2.BORDER_REFLECT_101
    before = cv2.remap(motion.back, x, y, cv2.INTER_LINEAR, borderMode=reflect)
    own = cv2.remap(motion.own.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=reflect)
    return Motion(np.asarray(before + back), np.asarray(own.astype(bool)))


def rows(pair: PairReplays, made: list[Candidate], z: np.ndarray) -> list[dict[str, Any]]:
    """One row a candidate: cause, perturbation, strength, along, along_cause, grain, grain_seen.

    z  (N, K) the model's coordinates of all pictures of the album
    """
    d = (z[0] - z[1]) if pair.reversed else (z[1] - z[0])
    lines = []
    for each in made:
        if each.cause == NOISE:
            along = float(np.square(z[each.played] - z[each.before]).sum())
            plus, minus = pair.exchange[0]
            whole = float(np.square(z[plus] - z[minus]).sum())
        else:
            along = float((z[each.played] - z[each.before]) @ d)
            whole = float((z[each.after] - z[each.before]) @ d)
        lines.append(
            {
                "cause": each.cause,
                "perturbation": each.perturbation,
                "strength": each.strength,
                "along": along,
                "along_cause": whole,
                "grain": each.grain,
                "grain_seen": each.grain_seen,
            }
        )
    return lines


def _fitted(
    pair: PairReplays, cause: str, before: np.ndarray, after: np.ndarray
) -> Iterator[tuple[str, float, np.ndarray, np.ndarray | None]]:
    for name in CANDIDATES[cause]:
        found: tuple[float, np.ndarray, np.ndarray | None] | None
        if cause in ("light", "colour"):
            found = _levels(name, before, after)
        elif cause == "local_light":
            found = _lit(name, before, after)
        elif cause == "sharpness":
            found = _blurred(pair.sizes[cause], name, before)
        else:
            found = _moved(pair, cause, name, before)
        if found is not None:
            yield name, *found


def _levels(name: str, before: np.ndarray, after: np.ndarray) -> tuple[float, np.ndarray, None] | None:
    """The strength that comes nearest to ``after``; None where not even that changes the picture."""
    some, wanted = (
        np.ascontiguousarray(x[SAMPLED // 2 :: SAMPLED, SAMPLED // 2 :: SAMPLED]) for x in (before, after)
    )
    smallest, largest = PERTURBATIONS[name].range
    tensor, target = to_tensor([some]), wanted.astype(np.float32)

    def loss(strength: float) -> float:
        if abs(strength) < smallest:
            return float(np.square(some - target).mean())
        made = PERTURBATIONS[name].apply_signed(tensor, strength)[0].permute(1, 2, 0).numpy()
        return float(np.square(made - target).mean())

    found = optimize.minimize_scalar(
        loss, bounds=(-largest, largest), method="bounded", options={"maxiter": 25, "xatol": 1e-3 * largest}
    )
    strength = float(found.x)
    if abs(strength) < max(smallest, 1e-6):
        return None
    played = to_array(PERTURBATIONS[name].apply_signed(to_tensor([before]), strength)[0]).copy()
    return strength, played, None


def _lit(name: str, before: np.ndarray, after: np.ndarray) -> tuple[float, np.ndarray, None] | None:
    """The gain between the pictures as a plane or as a field of the smoothness of ``illumination``.

    Its strength is the standard deviation of the gain's logarithm over the picture, as the catalogue has it.
    """
    height, width = before.shape[:2]
    size = (max(4, width // BLOCK), max(4, height // BLOCK))
    first, second = (
        cv2.resize(luma(x), size, interpolation=cv2.INTER_AREA).astype(np.float64) for x in (before, after)
    )
    if name == "light_gradient":
        y, x = (np.linspace(-1, 1, n) for n in size[::-1])
        design = np.stack(np.broadcast_arrays(1.0, x[None], y[:, None]), axis=-1).reshape(-1, 3)
    else:
        spacing = max(height, width) / PATCHES
        down, across = (
            spline_basis(count, side / count, spacing, lattice_side(side, spacing))
            for count, side in zip(size[::-1], (height, width), strict=True)
        )
        design = np.einsum("ri,cj->rcij", down, across).reshape(len(down) * len(across), -1)
    weight = ((first > 8) & (second > 8)).ravel().astype(np.float64)
    ratio = np.log(np.maximum(second, 1) / np.maximum(first, 1)).ravel()
    normal = design.T @ (design * weight[:, None]) + 1e-3 * np.eye(design.shape[1])
    field = (design @ np.linalg.solve(normal, design.T @ (weight * ratio))).reshape(size[::-1])
    strength = float(field.std())
    if strength < SMALLEST_GAIN:
        return None
    gain = np.exp(cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
    return strength, to_levels(before * gain[..., None]), None


def _blurred(size: Size, name: str, before: np.ndarray) -> tuple[float, np.ndarray, None] | None:
    """A blur of the same standard deviation along its main direction; a line only where a line was measured."""
    line = Blur(sigma_px=abs(size.size), angle=math.radians(size.more["blur_angle_deg"]))
    if name == "motion_blur":
        if math.isnan(line.angle):
            return None
        return line.length_px, to_levels(line.of(before.astype(np.float32))), None
    strength = line.sigma_px * PERTURBATIONS[name].per_condition
    return strength, _played(name, before, strength), None


def _played(name: str, before: np.ndarray, strength: float) -> np.ndarray:
    """A perturbation without direction, on one picture."""
    smallest, largest = PERTURBATIONS[name].range
    size = min(max(strength, smallest), largest)
    return to_array(PERTURBATIONS[name].apply(to_tensor([before]), size, from_seed(0))[0]).copy()


def _moved(
    pair: PairReplays, cause: str, name: str, before: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray] | None:
    """The whole picture moved, turned or zoomed as the camera, or shifted as the objects in the mean."""
    more = pair.sizes[cause].more
    sign = -1.0 if pair.reversed else 1.0
    x, y = sign * more.get("shift_x_px", 0.0), sign * more.get("shift_y_px", 0.0)
    turn, zoom = sign * more.get("rotation_deg", 0.0), more.get("zoom", 1.0) ** sign
    height, width = before.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    if name == "translation":
        matrix, strength = np.array([[1.0, 0, x], [0, 1, y]]), math.hypot(x, y)
    elif name == "rotation":
        matrix, strength = cv2.getRotationMatrix2D(centre, -turn, 1.0), turn
    elif name == "scale":
        matrix = cv2.getRotationMatrix2D(centre, 0.0, zoom)
        strength = zoom - 1 if zoom >= 1 else 1 - 1 / zoom
    else:
        return None
    corner = matrix @ np.array([width, height, 1.0]) - np.array([width, height])
    if (
        max(math.hypot(*matrix[:, 2]) if name == "translation" else 0.0, float(np.abs(corner).max()))
        < SMALLEST_PX
    ):
        return None
    moved = cv2.warpAffine(
        before, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    return strength, np.asarray(moved), np.asarray(matrix)


def _noises(pair: PairReplays, album: list[np.ndarray]) -> Iterator[Candidate]:
    """The mean of an exchanged pair with noise of the same energy on it, and with the noise reversed."""
    plus, minus = pair.exchange[0]
    first, second = (album[k].astype(np.float32) for k in (plus, minus))
    mean, half = (first + second) / 2, (first - second) / 2
    del first, second
    sigma = float(np.sqrt(np.square(half).mean()))
    if sigma < 0.1:
        return
    seen, rng = grain_of(half), np.random.default_rng(mean.shape[0])
    del half
    white = rng.standard_normal(mean.shape).astype(np.float32)
    shot = white * np.sqrt(np.maximum(mean, 1.0))
    jpeg, quality = _jpeg_of(mean, sigma)
    for name, noise, strength in (
        ("gaussian_noise", white * sigma, math.sqrt(2) * sigma),
        ("shot_noise", shot * (sigma / max(float(np.sqrt(np.square(shot).mean())), 1e-6)), 2 * sigma),
        ("jpeg", jpeg, 100.0 - quality),
        *_h264_of(mean, sigma),
    ):
        album += [to_levels(mean - noise), to_levels(mean + noise)]
        yield Candidate(
            cause=NOISE,
            perturbation=name,
            before=len(album) - 2,
            after=plus,
            played=len(album) - 1,
            strength=strength,
            grain=grain_of(noise),
            grain_seen=seen,
        )


def _jpeg_of(mean: np.ndarray, sigma: float) -> tuple[np.ndarray, float]:
    """What JPEG does to a picture at the quality whose error has about this energy, and that quality."""
    picture = to_levels(mean)

    def coded(quality: int) -> tuple[np.ndarray, float]:
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        error = decoded[..., ::-1].astype(np.float32) - picture
        return error, max(float(np.sqrt(np.square(error).mean())), 1e-3)

    worse, better = 5, 100
    while better - worse > 1:
        middle = (worse + better) // 2
        worse, better = (middle, better) if coded(middle)[1] > sigma else (worse, middle)
    ends = [(coded(quality), quality) for quality in (worse, better)]
    (error, size), quality = min(ends, key=lambda end: abs(math.log(end[0][1] / sigma)))
    return error * (sigma / size), float(quality)


def _h264_of(mean: np.ndarray, sigma: float) -> Iterator[tuple[str, np.ndarray, float]]:
    """What H.264 does to a picture at the bit rate whose error has about this energy, and its ratio to raw bits.

    The rate is searched on the middle of a large picture. Nothing where no rate comes near: it loses more even
    at the highest, or less even at the lowest.
    """
    picture, (least, most) = to_levels(mean), PERTURBATIONS["h264"].range
    height, width = (max(0, (side - SEARCHED_PX) // 2) for side in picture.shape[:2])
    middle = np.ascontiguousarray(picture[height : height + SEARCHED_PX, width : width + SEARCHED_PX])
    low, high = math.log(least), math.log(most)
    for _ in range(RATE_STEPS):
        rate = (low + high) / 2
        low, high = (low, rate) if _size(_coded(middle, rate)) > sigma else (rate, high)
    error = _coded(picture, (low + high) / 2)
    if max(_size(error) / sigma, sigma / _size(error)) <= NEAR_ENERGY:
        yield "h264", error * (sigma / _size(error)), math.exp((low + high) / 2)


def _coded(picture: np.ndarray, log_ratio: float) -> np.ndarray:
    """(H, W, 3) float32: what H.264 changes in a picture at exp(log_ratio) raw bits over coded bits."""
    return _played("h264", picture, math.exp(log_ratio)).astype(np.float32) - picture


def _size(error: np.ndarray) -> float:
    return max(float(np.sqrt(np.square(error).mean())), 1e-3)


def grain_of(difference: np.ndarray) -> float:
    """Correlation of neighbouring pixels of a difference of pictures, (H, W, 3) float32, along both axes."""
    flat = difference - difference.mean(axis=(0, 1))
    power = float(np.square(flat).mean())
    if power <= 0:
        return 0.0
    across = float((flat[:, 1:] * flat[:, :-1]).mean())
    down = float((flat[1:] * flat[:-1]).mean())
    return (across + down) / (2 * power)
