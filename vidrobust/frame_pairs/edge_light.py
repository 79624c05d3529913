"""Light with edges and light by rows between two aligned frames: shadows that end, bands of a rolling shutter.

::

    b  =  a  r(y)  g(x, y)        r a profile of the rows, g piecewise smooth

r is the median of each row's log ratio. It counts where that of the even stripes of columns predicts the odd ones'.
g is what a median and a bilateral filter leave of the log ratio (Tomasi & Manduchi 1998). A shadow multiplies and
leaves texture, a thing replaces it: along the edge of g, where the shadow itself has no slope, the slopes of both
frames' logarithms are those of one surface under light, and of two where something moved. g is kept where they
correlate, and as well as they do along the motion that was measured.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.frame_pairs import robust

OF_RATIO = 0.7  # px, of the pictures whose ratio is taken
FLOOR = 4.0  # levels added before the logarithm: black has no ratio
MOST_MOVES = 0.2  # share of a picture that may move for a profile of rows to leave it out
STRIPE = 8  # px, width of the stripes of columns that cross-check a profile of rows
MIN_ROW = 0.3  # least share of a row that must be clear
OF_ROWS = 1.5  # px, standard deviation of the smoothing of a profile
# Least share of the odd stripes' profile that the even ones' must predict, and smallest profile, rms of the log.
LEAST_PREDICTED, SMALLEST_PROFILE = 0.6, 0.004
MEDIAN, BILATERAL, SIGMA_LOG, SIGMA_PX = 5, 9, 0.08, 4.0
LEAST_LOG = 0.03  # smallest change of light, as a logarithm, that has an edge
SMOOTH = 1.0  # px, of the pictures whose slopes are compared
WINDOW = 13  # px, side of the window of a correlation
# Least correlation of slopes of a surface that stays, and by how much that along the motion may be larger.
STAYS, AS_WELL = 0.7, 0.02
TEXTURE = 0.012  # root mean square of slopes, log per px, from which a window has a say
SPREAD = 31  # px, side of the window in which places with a say speak for those without
LEAST_PART = 0.002  # smallest share of a picture that such a light covers


def _log(picture: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(picture, 0) + np.float32(FLOOR)), np.float32)


def row_profile(ratio: np.ndarray, clear: np.ndarray) -> np.ndarray | None:
    """Return the log ratio (H,) that all columns share, or None.

    ``ratio`` (H, W) float32: log of second over first frame; ``clear`` (H, W) bool: what is asked.
    """
    even = (np.arange(ratio.shape[1]) // STRIPE) % 2 == 0
    halves = [_of_rows(ratio[:, side], clear[:, side]) for side in (even, ~even)]
    one, other = (half - half.mean() for half in halves)
    total = float(one @ one + other @ other) / 2
    missed = float(np.square(one - other).sum()) / 2
    profile = (halves[0] + halves[1]) / 2
    if robust.root_mean_square(profile - profile.mean()) < SMALLEST_PROFILE:
        return None
    return profile if missed <= (1 - LEAST_PREDICTED) * total else None


def _of_rows(ratio: np.ndarray, clear: np.ndarray) -> np.ndarray:
    known = np.where(clear, ratio, np.nan)
    enough = clear.mean(axis=1) >= MIN_ROW
    if enough.sum() < 2:
        return np.zeros(len(ratio))
    rows = np.arange(len(ratio))
    medians = np.interp(rows, rows[enough], np.nanmedian(known[enough], axis=1))
    smooth = cv2.GaussianBlur(
        medians[:, None].astype(np.float32), (1, 0), sigmaX=1e-6, sigmaY=OF_ROWS
    )
    return np.asarray(smooth[:, 0], float)


def fit_edges(
    still: np.ndarray, moved: np.ndarray, second: np.ndarray, moves: np.ndarray, clear: np.ndarray
) -> np.ndarray | None:
    """Return the gain (H, W) float32 of light with edges and by rows; None where there is none.

    Parameters
    ----------
    still, moved : np.ndarray
        Luma (H, W) float32 of the first frame, brought onto the second by the camera's motion alone, and by all
        motion that was measured.
    second : np.ndarray
        Luma (H, W) float32 of the second frame.
    moves : np.ndarray
        (H, W) bool: where things were taken to move; they have no say in a profile of rows.
    clear : np.ndarray
        (H, W) bool: clipped in neither frame.
    """
    inside = clear & (np.minimum(still, second) > 1)
    if not inside.any():
        return None
    first, last = (_log(cv2.GaussianBlur(x, (0, 0), OF_RATIO)) for x in (still, second))
    ratio = last - first
    # what all of the picture shares is no light with edges
    ratio -= np.float32(np.median(ratio[inside]))
    # where most of a picture is taken to move, it was the light that a flow followed
    profile = row_profile(ratio, inside & ~moves if moves.mean() < MOST_MOVES else inside)
    rows = np.zeros((len(ratio), 1), np.float32)
    if profile is not None:
        rows = profile[:, None].astype(np.float32)
    rest = ratio - rows
    flat = cv2.bilateralFilter(cv2.medianBlur(rest, MEDIAN), BILATERAL, SIGMA_LOG, SIGMA_PX)
    lit = inside & (np.abs(flat) > LEAST_LOG)
    if lit.mean() >= LEAST_PART:  # else the texture can only take more of it
        lit &= light(still, moved, second, flat)
    lit = cv2.morphologyEx(lit.view(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    if lit.mean() < LEAST_PART:
        lit[:] = False
        if profile is None:
            return None
    lit = cv2.dilate(lit.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.asarray(np.exp(rows + np.where(lit, flat, 0)), np.float32)


def spread_of(gain: np.ndarray) -> float:
    """Return the root mean square of the logarithm of a gain (H, W) about its median."""
    logarithm = np.log(gain)
    return robust.root_mean_square(logarithm - np.median(logarithm))


def light(still: np.ndarray, moved: np.ndarray, second: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return where (H, W) bool the surface stays and only its light changed, as its texture tells."""
    a, m, b = (_log(cv2.GaussianBlur(x, (0, 0), SMOOTH)) for x in (still, moved, second))
    # the tangent of the edges: where there is none, both slopes count
    gx, gy = _slopes(cv2.GaussianBlur(flat, (0, 0), 1.5))
    edge = np.hypot(gx, gy)
    slopes = [_slopes(x) for x in (a, m, b)]
    strong = edge > 0.004
    tx, ty = (np.where(strong, side / np.maximum(edge, 1e-9), 0) for side in (-gy, gx))

    def along(slope: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        tangent = tx * slope[0] + ty * slope[1]
        return np.where(strong, tangent, slope[0]), np.where(strong, 0, slope[1])

    a_, m_, b_ = map(along, slopes)
    of_a, of_b = (
        np.maximum(_mean(x**2 + y**2), 0) for x, y in (a_, b_)
    )  # running sums round below 0
    at_rest = _correlation(a_, b_, of_b)
    in_motion = _correlation(m_, b_, of_b)
    enough = np.sqrt(np.minimum(of_a, of_b)) > TEXTURE
    stays = (at_rest >= STAYS) & (at_rest >= in_motion - AS_WELL)
    return _spread(stays, enough)


def _slopes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = 1 / 8
    return cv2.Sobel(x, cv2.CV_32F, 1, 0, scale=scale), cv2.Sobel(x, cv2.CV_32F, 0, 1, scale=scale)


def _mean(x: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.blur(x.astype(np.float32), (WINDOW, WINDOW)))


def _correlation(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], of_other: np.ndarray
) -> np.ndarray:
    both = _mean(one[0] * other[0] + one[1] * other[1])
    of_one = _mean(one[0] ** 2 + one[1] ** 2)
    return np.asarray(both / np.sqrt(np.maximum(of_one * of_other, 1e-14)))


def _spread(stays: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Places without texture follow the vote of those about them that have some; without any, it is no light."""
    say = cv2.blur(enough.astype(np.float32), (SPREAD, SPREAD))
    yes = cv2.blur((enough & stays).astype(np.float32), (SPREAD, SPREAD))
    about = (yes > 0.5 * say) & (say > 0.02)
    return np.asarray(np.where(enough, stays & (yes > 0.3 * say), about))
