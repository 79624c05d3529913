"""Which perturbation a cause is: its own step of the chain, played again with each perturbation fitted to it.

::

    before ──the cause──▶ after          along_cause = <z(after) - z(before), d>
    before ──perturbation, fitted──▶ x   along       = <z(x) - z(before), d>

Levels are fitted to the pictures, places and blur by what was measured. Noise and coding have no direction: the
response to noise of the same energy is compared, and the grain, the correlation of neighbouring pixels of the
difference. Whether a codec predicts between frames is taken from the stream: JPEG or H.264 is tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from vidrobust.frame_pairs.robust import neighbour_correlation
from vidrobust.frames.pixels import to_array, to_levels, to_tensor
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.stages.causes.catalogue import CATALOGUE, NOISE, REPLAYED
from vidrobust.stages.causes.cause import CauseStep, Size
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.scene import ShownMotion

# What may stand for a cause in training, the plainest first, as the perturbations' records say. What came
# into view has none.
CANDIDATES = {
    cause: tuple(
        sorted(
            (name for name, entry in PERTURBATIONS.items() if cause in entry.stands_for),
            key=lambda name: PERTURBATIONS[name].stands_for[cause],
        )
    )
    for cause in (*REPLAYED, NOISE)
}

LEAST_LEVELS = 0.1  # no noise is fitted to a smaller difference, levels rms
RATE_STEPS = 3  # steps in which the bit rate is searched
FIRST_RATIO = 100.0  # raw bits over coded bits at which the search begins
RISE = 0.5  # the error's size rises about as the root of that ratio
NAMED = ("cause", "perturbation", "strength", "grain", "grain_seen")  # columns of a candidate
# log of an error's size over the footage's at which the search ends; the error is scaled
ENOUGH = 0.1
SEARCHED_PX = 640  # side of the middle of a picture on which the bit rate is searched
NEAR_ENERGY = 1.5  # an error is scaled to the size of the footage's by no more than this


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One perturbation fitted to one cause of one pair."""

    cause: str
    perturbation: str
    # before, after, played: Places in the pictures: the cause's step, and the perturbation on
    # ``before``
    before: int
    after: int
    played: int
    strength: float  # Signed, in the catalogue's unit; of a translation the length, px
    # grain, grain_seen: Of noise and coding, the correlation of neighbouring pixels of the perturbation's
    # difference, and of what lies between the frames; else NaN
    grain: float = math.nan
    grain_seen: float = math.nan
    matrix: np.ndarray | None = None  # (2, 3) float64: How ``before`` was moved


def candidates(
    pair: PairReplays, codec: str = ""
) -> tuple[tuple[np.ndarray, ...], list[Candidate]]:
    """Fit perturbations to a pair's causes; return all pictures, and the candidates.

    ``codec`` is that of the stream, by FFmpeg's name; empty where unknown.
    """
    pictures = list(pair.pictures)
    fits: list[Candidate] = []
    if pair.excluded or not pair.forwards:
        return pair.pictures, fits
    for number, cause in enumerate(REPLAYED):
        before, after, fit = pair.forwards[number], pair.forwards[number + 1], CATALOGUE[cause].fit
        if before == after or fit is None:
            continue
        size = in_px_of_chain(pair.sizes[cause], pair.px)
        step = CauseStep(
            before=pictures[before], after=pictures[after], size=size, backwards=pair.reversed
        )
        for name in CANDIDATES[cause]:
            fitted = fit(name, step)
            if fitted is None:
                continue
            pictures.append(fitted.picture)
            fits.append(
                Candidate(
                    cause=cause,
                    perturbation=name,
                    before=before,
                    after=after,
                    played=len(pictures) - 1,
                    strength=fitted.strength * (pair.px if PERTURBATIONS[name].is_length else 1.0),
                    matrix=fitted.matrix,
                )
            )
    if pair.exchange:
        plus, minus = pair.exchange[0]
        for noise in fit_noises(pictures[plus], pictures[minus], codec):
            pictures += [noise.minus, noise.plus]
            fits.append(
                Candidate(
                    cause=NOISE,
                    perturbation=noise.perturbation,
                    before=len(pictures) - 2,
                    after=plus,
                    played=len(pictures) - 1,
                    strength=noise.strength,
                    grain=noise.grain,
                    grain_seen=noise.grain_seen,
                )
            )
    return tuple(pictures), fits


def in_px_of_chain(size: Size, px: float) -> Size:
    """Return a size of the whole frame as one of pictures of which each px is ``px`` of it."""
    if px == 1:
        return size
    more = {
        name: value / px if name.endswith("_px") else value for name, value in size.more.items()
    }
    return replace(size, size=size.size / px if "px" in size.unit.split() else size.size, more=more)


def motions(pair: PairReplays, made: list[Candidate]) -> tuple[ShownMotion, ...]:
    """Return the motion of what each picture shows, the candidates' included."""
    shown = dict(enumerate(pair.motions))
    for fit in made if pair.motions else ():
        if fit.cause == NOISE:
            shown |= dict.fromkeys((fit.before, fit.played), pair.motions[fit.after])
        else:
            shown[fit.played] = shown[fit.before].carried(fit.matrix)
    return tuple(shown[place] for place in range(len(shown)))


def rows(pair: PairReplays, made: list[Candidate], z: np.ndarray) -> list[dict[str, Any]]:
    """Return the rows of ``candidate_fits`` of one pair from the coordinates (N, K) of all pictures."""
    d = (z[0] - z[1]) if pair.reversed else (z[1] - z[0])
    lines = []
    for fit in made:
        if fit.cause == NOISE:
            along = float(np.square(z[fit.played] - z[fit.before]).sum())
            plus, minus = pair.exchange[0]
            whole = float(np.square(z[plus] - z[minus]).sum())
        else:
            along = float((z[fit.played] - z[fit.before]) @ d)
            whole = float((z[fit.after] - z[fit.before]) @ d)
        what = {name: getattr(fit, name) for name in NAMED}
        lines.append({**what, "along": along, "along_cause": whole})
    return lines


# Noise of the energy of what lies between aligned frames: of the sensor, of JPEG, and of H.264


@dataclass(frozen=True, kw_only=True)
class FittedNoise:
    """A kind of noise on the mean of an exchanged pair."""

    perturbation: str
    # minus, plus: (H, W, 3) uint8; The noise reversed, and as it is
    minus: np.ndarray
    plus: np.ndarray
    strength: float  # In the catalogue's unit
    # grain, grain_seen: As of ``Candidate``
    grain: float
    grain_seen: float


def predicts(codec: str) -> bool | None:
    """Say whether a codec, by FFmpeg's name, is lossy and predicts between frames; None if unknown."""
    import av

    try:
        known = av.codec.Codec(codec, "r")
    except (ValueError, av.error.FFmpegError):
        return None
    return bool(known.lossy and not known.intra_only)


def fit_noises(plus: np.ndarray, minus: np.ndarray, codec: str = "") -> Iterator[FittedNoise]:
    """Fit each kind of noise to an exchanged pair (H, W, 3) uint8."""
    mean, half = (
        cv2.addWeighted(plus, 0.5, minus, sign, 0, dtype=cv2.CV_32F) for sign in (0.5, -0.5)
    )
    sigma = _size(half)
    if sigma < LEAST_LEVELS:
        return
    seen, rng = neighbour_correlation(half), np.random.default_rng(mean.shape[0])
    del half  # large pictures: each float copy counts
    white = rng.standard_normal(mean.shape, np.float32)
    inter = predicts(codec) if codec else None
    for name, noise, strength in (
        ("gaussian_noise", white, math.sqrt(2) * sigma),
        ("shot_noise", cv2.multiply(white, cv2.sqrt(cv2.max(mean, 1.0))), 2 * sigma),
        *(_jpeg_of(mean, sigma) if not inter else ()),
        *(_h264_of(mean, sigma) if inter is not False else ()),
    ):
        scale = sigma / _size(noise)
        yield FittedNoise(
            perturbation=name,
            minus=np.asarray(cv2.addWeighted(mean, 1, noise, -scale, 0, dtype=cv2.CV_8U)),
            plus=np.asarray(cv2.addWeighted(mean, 1, noise, scale, 0, dtype=cv2.CV_8U)),
            strength=strength,
            grain=neighbour_correlation(noise),
            grain_seen=seen,
        )


def _jpeg_of(mean: np.ndarray, sigma: float) -> Iterator[tuple[str, np.ndarray, float]]:
    picture = to_levels(mean)

    def lost(quality: int) -> np.ndarray:
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return np.asarray(cv2.subtract(decoded, picture, dtype=cv2.CV_32F))

    worse, better = 5, 100
    while better - worse > 1:
        middle = (worse + better) // 2
        worse, better = (middle, better) if _size(lost(middle)) > sigma else (worse, middle)
    ends = [(lost(quality), quality) for quality in (worse, better)]
    error, quality = min(ends, key=lambda end: abs(math.log(_size(end[0]) / sigma)))
    yield "jpeg", error, 100.0 - quality


def _h264_of(mean: np.ndarray, sigma: float) -> Iterator[tuple[str, np.ndarray, float]]:
    # The rate is searched on the middle of a large picture. Nothing where no rate comes near.
    picture, (least, most) = to_levels(mean), PERTURBATIONS["h264"].range
    height, width = (max(0, (side - SEARCHED_PX) // 2) for side in picture.shape[:2])
    middle = np.ascontiguousarray(
        picture[height : height + SEARCHED_PX, width : width + SEARCHED_PX]
    )
    low, high = math.log(least), math.log(most)
    rate, rise, tried = math.log(FIRST_RATIO), RISE, []
    for _ in range(RATE_STEPS):
        error = _lost(middle, rate)
        tried.append((rate, math.log(_size(error) / sigma)))
        if abs(tried[-1][1]) < ENOUGH:
            break
        if len(tried) > 1 and tried[-1][0] != tried[-2][0]:
            (x0, y0), (x1, y1) = tried[-2:]
            rise = max((y1 - y0) / (x1 - x0), RISE / 4)
        rate = min(max(rate - tried[-1][1] / rise, low), high)
    if middle.shape != picture.shape or rate != tried[-1][0]:
        error = _lost(picture, rate)
    if max(_size(error) / sigma, sigma / _size(error)) <= NEAR_ENERGY:
        yield "h264", error, math.exp(rate)


def _lost(picture: np.ndarray, log_ratio: float) -> np.ndarray:
    """What H.264 changes in a picture at exp(log_ratio) raw bits over coded bits."""
    coded = PERTURBATIONS["h264"].apply(to_tensor([picture]), math.exp(log_ratio), from_seed(0))[0]
    return np.asarray(cv2.subtract(to_array(coded), picture, dtype=cv2.CV_32F))


def _size(error: np.ndarray) -> float:
    return max(cv2.norm(error) / math.sqrt(error.size), 1e-3)
