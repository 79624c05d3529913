"""Which perturbation a cause is: its own step of the chain, played again with each perturbation fitted to it.

    before ──the cause──▶ after          along_cause = <z(after) - z(before), d>
    before ──perturbation, fitted──▶ x   along       = <z(x) - z(before), d>

Levels are fitted by least squares to the pictures, places and blur by what was measured. For noise and coding,
which have no direction, the response to noise of the same energy is compared, and the grain: how alike neighbour
pixels of the difference are (0 for noise of the sensor, more for what a codec leaves).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vidrobust.frame_pairs.registration import affine_field
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.causes.catalogue import CATALOGUE, NOISE, REPLAYED
from vidrobust.stages.causes.cause import Step
from vidrobust.stages.causes.fits.noise import fit_noises
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.scene import STEP, Motion

CANDIDATES = {
    cause: tuple(
        sorted(
            (name for name, entry in PERTURBATIONS.items() if cause in entry.stands_for),
            key=lambda name: PERTURBATIONS[name].stands_for[cause],
        )
    )
    for cause in (*REPLAYED, NOISE)
}
"""What may stand for a cause in training, the plainest first, as the records say. What came into view has none.

How one is fitted stands in the cause's record; some fits know those perturbations alone that are of their kind."""


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


def candidates(pair: PairReplays, codec: str = "") -> tuple[tuple[np.ndarray, ...], list[Candidate]]:
    """The pair's pictures with those of its candidates behind them, and what the candidates are.

    codec  of the stream, by FFmpeg's name; "" where it is not known
    """
    album = list(pair.pictures)
    found: list[Candidate] = []
    if pair.excluded or not pair.forwards:
        return pair.pictures, found
    for number, cause in enumerate(REPLAYED):
        before, after, fit = pair.forwards[number], pair.forwards[number + 1], CATALOGUE[cause].fit
        if before == after or fit is None:
            continue
        step = Step(before=album[before], after=album[after], size=pair.sizes[cause], backwards=pair.reversed)
        for name in CANDIDATES[cause]:
            fitted = fit(name, step)
            if fitted is None:
                continue
            album.append(fitted.picture)
            found.append(
                Candidate(
                    cause=cause,
                    perturbation=name,
                    before=before,
                    after=after,
                    played=len(album) - 1,
                    strength=fitted.strength,
                    matrix=fitted.matrix,
                )
            )
    found += _noises(pair, album, codec)
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


def _noises(pair: PairReplays, album: list[np.ndarray], codec: str) -> list[Candidate]:
    """Of noise and coding: the mean of an exchanged pair with noise of the same energy on it, and reversed."""
    found: list[Candidate] = []
    if not pair.exchange:
        return found
    plus, minus = pair.exchange[0]
    for each in fit_noises(album[plus], album[minus], codec):
        album += [each.minus, each.plus]
        found.append(
            Candidate(
                cause=NOISE,
                perturbation=each.perturbation,
                before=len(album) - 2,
                after=plus,
                played=len(album) - 1,
                strength=each.strength,
                grain=each.grain,
                grain_seen=each.grain_seen,
            )
        )
    return found
