"""Noise, pixels and lines of the sensor; dust before it; and sharpness of its lens and exposure."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from scipy.ndimage import find_objects, label

from vidrobust.frame_pairs.robust import MAD_TO_SIGMA
from vidrobust.plugins.camera.finding import (
    Finding,
    Found,
    cannot_tell,
    judged,
    over_stretches,
)
from vidrobust.plugins.camera.view import ClipView

ROUNDING = 1 / 12  # variance of half the difference of two frames that are rounded to levels
# Lower quartile of a variance of 64 values over its expectation (chi-squared, Wilson & Hilferty).
LOWER_QUARTILE = 0.875
SKIPPED = 0.1  # share of blocks without any difference from which a codec has taken the noise away
BINS, FEWEST_BLOCKS = 16, 40  # bins of level, and blocks that a bin needs
FEWEST_BINS, LEAST_SPAN = 4, 60.0  # of a photon transfer curve, and the levels that it must span
HOT_LEVELS, ALONE = 8.0, 0.12  # levels beyond the neighbours, and what of it these may share
MOST_HOT = 0.001  # share of pixels from which single pixels are texture or dither, not faults
MOVING_NOISE = 1.3  # times the noise that a place varies over time where the scene moves
OFTEN = 0.5  # share of pairs of frames in which a place changes where the scene moves
DUST_DEPTH, DUST_AREA, DUST_SIGMAS = 0.015, 9, 4.0  # share of the light, px, standard errors
LEAST_MOVING = 0.02  # share of the picture that must see the scene move
TILES, FEWEST_EDGES = 3, 30  # of a side, and edges that a tile needs
FEWEST_BLURS = 4
FEWEST_SEEN = 40  # frames in each half of the time, so that many contents pass a spot
STILL, FEWEST_STILL = 0.001, 50  # share of pixels that may move, and frames, of a still scene


def noise_findings(view: ClipView, lossy: bool) -> list[Finding]:
    """Return noise and its photon transfer: variance against level at places at rest."""
    blocks = [b for b in view.blocks if len(b)]
    every = np.concatenate(blocks) if blocks else np.zeros((0, 3))
    if len(every) < BINS * FEWEST_BLOCKS:
        return [
            cannot_tell("noise", "20 frames of a scene at rest that is not clipped", len(every))
        ]
    if (every[:, 2] < 1e-6).mean() > SKIPPED:
        return [
            cannot_tell(
                "noise", "without loss or at crf 10: the codec has taken the noise away", len(every)
            )
        ]
    order = np.arange(len(blocks))

    def figure(which: int) -> Callable[[np.ndarray], float]:
        def of(rows: np.ndarray) -> float:
            return transfer(np.concatenate([blocks[int(k)] for k in rows]))[which]

        return of

    values = transfer(every)
    ends = [over_stretches(order, figure(k), min(8, len(blocks))) for k in range(4)]
    found = [judged("noise", values[0], max(ends[0][0], 0.0), ends[0][1], len(every))]
    if lossy or view.info.codec == "gif":
        return [
            *found,
            cannot_tell(
                "full_well",
                "a grey wedge without loss, with Gamma=1: coding changes noise",
                len(every),
            ),
        ]
    if not (values[2] > 0 and ends[2][0] > 0):
        instead = "a grey wedge without loss, with Gamma=1: variance does not rise with level"
        return [*found, cannot_tell("full_well", instead, len(every))]
    wells = sorted(255 / slope for slope in ends[2])
    text = "if Gamma=1 and the recorder does not smooth"
    rows: tuple[tuple[str, float, float, float], ...] = (
        ("read_noise", values[1], max(ends[1][0], 0.0), ends[1][1]),
        ("full_well", 255 / values[2], wells[0], wells[1]),
        ("noise_left", values[3], ends[3][0], ends[3][1]),
    )
    return found + [
        Finding(name=name, level=Found.FOUND, value=v, low=a, high=b, n=len(every), text=text)
        for name, v, a, b in rows
    ]


def static_findings(view: ClipView, noise: list[Finding]) -> list[Finding]:
    """Return figures of EMVA 1288 that a clip of a still scene can give, and say which it cannot."""
    by_name = {finding.name: finding for finding in noise}
    if view.pixels[3] > STILL * view.pixels[0] or len(view) < FEWEST_STILL:
        return [
            cannot_tell(name, "100 frames of a scene in which nothing moves")
            for name in ("snr_max", "dynamic_range")
        ]
    well, read = by_name.get("full_well"), by_name.get("read_noise")
    if well is None or read is None or well.level is not Found.FOUND:
        wedge = "100 frames of a grey wedge without loss, with Gamma=1"
        return [cannot_tell(name, wedge) for name in ("snr_max", "dynamic_range")]

    def row(name: str, of: list[float], text: str) -> Finding:
        value, low, high = of[0], min(of), max(of)
        return Finding(
            name=name, level=Found.FOUND, value=value, low=low, high=high, n=well.n, text=text
        )

    ends = [(well.value, read.value), (well.low, read.high), (well.high, max(read.low, 0.1))]
    ratio = [20 * math.log10(w / max(w * r / 255, 0.5)) for w, r in ends]
    cannot = "not from video: quantum efficiency, absolute sensitivity, dark current, DSNU and PRNU (flat fields)"
    return [
        row("snr_max", [10 * math.log10(w) for w, _ in ends], "EMVA 1288 SNR_max at level 255"),
        row("dynamic_range", ratio, f"EMVA 1288 DR by read noise; {cannot}"),
    ]


def transfer(blocks: np.ndarray) -> tuple[float, float, float, float]:
    """Return noise at the middle level, read noise, gain (levels an electron) and noise left at four times the light.

    blocks (B, 3): level, mean and variance of half the difference. Variance = read noise^2 + gain * level (EMVA 1288).
    With four times the light and a quarter of the gain, read noise in levels is a quarter and shot noise half.
    """
    variance = blocks[:, 2] - ROUNDING
    bins = np.minimum(blocks[:, 0] / 256 * BINS, BINS - 1).astype(int)
    levels, variances, weights = [], [], []
    for k in range(BINS):
        at = bins == k
        if at.sum() >= FEWEST_BLOCKS:
            levels.append(float(blocks[at, 0].mean()))
            quartile = float(np.quantile(variance[at] + ROUNDING, 0.25)) / LOWER_QUARTILE - ROUNDING
            variances.append(max(quartile, 0.0))
            weights.append(math.sqrt(at.sum()) / max(quartile, ROUNDING))
    if not levels:
        return (math.nan,) * 4
    middle = float(np.median(blocks[:, 0]))
    at_middle = float(np.interp(middle, levels, variances))
    if len(levels) < FEWEST_BINS or levels[-1] - levels[0] < LEAST_SPAN:
        return math.sqrt(at_middle), math.nan, math.nan, math.nan
    slope, read = np.polyfit(levels, variances, 1, w=weights)
    read, shot = max(float(read), 0.0), max(float(slope), 0.0) * middle
    left = math.sqrt((read / 16 + shot / 4) / max(read + shot, 1e-9))
    return math.sqrt(at_middle), math.sqrt(read), float(slope), left


def pixel_findings(view: ClipView, coded: bool) -> list[Finding]:
    """Return hot and dead pixels, with their places, and lines that stay."""
    assert view.sums is not None
    halves = [s / c for s, c in zip(view.sums, view.counts, strict=True) if c]
    hot = np.logical_and.reduce([_alone(half) for half in halves])
    count, palette = int(hot.sum()), view.info.codec == "gif"
    if palette or count > MOST_HOT * hot.size:
        found = [
            cannot_tell("hot_pixels", "without a palette or dither, a scene out of focus", hot.size)
        ]
    elif coded:
        found = [cannot_tell("hot_pixels", "without loss, a scene out of focus", hot.size)]
    else:
        places = ", ".join(f"({x}, {y})" for y, x in np.argwhere(hot)[:6])
        found = [
            judged("hot_pixels", count, count, count, hot.size, f"at {places}" if count else "")
        ]
        if count == 1:
            found = [
                Finding(
                    name="hot_pixels",
                    level=Found.FOUND,
                    value=1,
                    low=1,
                    high=1,
                    n=hot.size,
                    text=f"at {places}",
                )
            ]
    lines = np.concatenate([_line_levels(view.mean), _line_levels(view.mean.T)])
    size = MAD_TO_SIGMA * float(np.median(np.abs(lines)))
    low, high = over_stretches(lines, lambda part: MAD_TO_SIGMA * float(np.median(np.abs(part))))
    return [*found, judged("fixed_pattern", size, max(low, 0.0), high, len(lines))]


def _alone(mean: np.ndarray) -> np.ndarray:
    """Pixels that stand out of a mean picture alone; a lens spreads any point over its neighbours."""
    x = mean.astype(np.float32)
    beyond = x - cv2.medianBlur(x, 5)
    around = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    shared = cv2.filter2D(beyond, -1, around, borderType=cv2.BORDER_REFLECT)
    strong = np.maximum(HOT_LEVELS, 6 * MAD_TO_SIGMA * np.median(np.abs(beyond)))
    local = cv2.blur(np.abs(beyond), (9, 9)) * 81 - np.abs(beyond)  # texture about it
    return (
        (np.abs(beyond) > strong)
        & (np.abs(shared) < ALONE * np.abs(beyond))
        & (local / 80 < np.abs(beyond) / 6)
    )


def _line_levels(mean: np.ndarray) -> np.ndarray:
    """Level of each column beyond its neighbours, by the median over rows, which no object fills."""
    x = mean.astype(np.float32)
    return np.asarray(np.median(x - cv2.blur(x, (9, 1)), axis=0))[5:-5]


def dust_findings(
    view: ClipView, noise: float, *, at_rest: bool
) -> tuple[list[Finding], np.ndarray | None]:
    """Return spots that stay while the scene moves, and where they are, (H, W) bool."""
    assert view.sums is not None
    assert view.squares is not None
    if not at_rest:
        return [
            cannot_tell("dust", "with the mount at rest: here all edges move with it", len(view))
        ], None
    if view.counts.min() < FEWEST_SEEN:
        return [cannot_tell("dust", "4 s or more while the scene moves", len(view))], None
    total = view.counts.sum()
    variance = np.maximum(view.squares.sum(axis=0) / total - view.mean**2, 0)
    often = np.asarray(view.moved) / max(len(view.grid_steps), 1)
    moves = (variance > max(MOVING_NOISE * noise, 1.0) ** 2) & (often > OFTEN)
    moves = cv2.morphologyEx(moves.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9))) > 0
    moves = cv2.erode(moves.astype(np.uint8), np.ones((9, 9))) > 0
    if moves.mean() < LEAST_MOVING:
        return [
            cannot_tell(
                "dust",
                "while the scene moves, or a white sheet is moved before the lens",
                len(view),
            )
        ], None
    deep = []
    for s, c in zip(view.sums, view.counts, strict=True):
        x = np.log(np.maximum(s / c, 1.0)).astype(np.float32)
        deep.append(_below_surroundings(x, moves))
    # what passes leaves streaks in one half of the time that the other has not; half their difference is the error
    error = MAD_TO_SIGMA * float(np.median(np.abs(deep[0] - deep[1])[moves])) / math.sqrt(2) + 1e-4
    least = max(DUST_DEPTH, DUST_SIGMAS * error)
    spots, _ = label((deep[0] > least) & (deep[1] > least) & moves)
    kept = np.zeros_like(moves)
    for k, place in enumerate(find_objects(spots), 1):
        spot = spots[place] == k
        if (
            spot.sum() >= DUST_AREA
            and spot.sum() > 0.3 * spot.size
            and max(spot.shape) < 4 * min(spot.shape)
        ):
            kept[place] |= spot
    share = float(kept.sum() / moves.sum())
    spread = (
        1.96 * math.sqrt(share * DUST_AREA * 4 / moves.sum())
        if share
        else 3 * DUST_AREA / moves.sum()
    )
    places = label(kept)[1]
    found = judged(
        "dust", share, max(share - spread, 0.0), share + spread, int(moves.sum()), f"{places} spots"
    )
    return [found], kept if found.level is Found.FOUND else None


def _below_surroundings(x: np.ndarray, where: np.ndarray) -> np.ndarray:
    """How far a picture of logarithms lies below its surroundings of the places ``where``."""
    weight = where.astype(np.float32)
    size = (0, 0)
    sigma = max(x.shape) / 25
    fine = cv2.GaussianBlur(x, size, 1.5)
    wide = cv2.GaussianBlur(x * weight, size, sigma) / np.maximum(
        cv2.GaussianBlur(weight, size, sigma), 1e-3
    )
    return np.asarray(wide - fine)


def blur_findings(view: ClipView) -> list[Finding]:
    """Return blur of motion, the exposure that it shows, and focus from place to place.

    The derivative of an edge blurred over L px has a variance larger by L^2 / 12 across the motion than along it.
    """
    if len(view.blurs) < FEWEST_BLURS:
        found = [
            cannot_tell(
                "motion_blur",
                "parts with edges in both directions, moving by 2 px a frame or more",
                len(view.blurs),
            )
        ]
    else:
        rows = np.array(view.blurs)

        def length(part: np.ndarray) -> float:
            return math.sqrt(12 * max(float(np.median(part[:, 1] ** 2 - part[:, 2] ** 2)), 0.0))

        def share(part: np.ndarray) -> float:
            return length(part) / float(np.median(part[:, 0]))

        ends = [over_stretches(rows, f, min(8, len(rows))) for f in (length, share)]
        value, of_frame = length(rows), share(rows)
        found = [judged("motion_blur", value, max(ends[0][0], 0.0), ends[0][1], len(rows))]
        if found[0].level is Found.FOUND:
            cured = 1 / float(np.median(rows[:, 0]))
            frame_ms = 1000 / view.frame_rate
            text = f"{of_frame * frame_ms:.1f} ms; below {cured * frame_ms:.1f} ms blur is less than 1 px"
            low, high = max(ends[1][0], 0.0), min(ends[1][1], 1.0)
            found.append(
                Finding(
                    name="exposure_share",
                    level=Found.FOUND,
                    value=of_frame,
                    low=low,
                    high=high,
                    n=len(rows),
                    text=text,
                )
            )
    return [*found, _tilt(view)]


def _tilt(view: ClipView) -> Finding:
    edges = view.edges if view.edges is not None else np.zeros((0, 5))
    column = (edges[:, 0] / view.info.width * TILES).astype(int).clip(0, TILES - 1)
    row = (edges[:, 1] / view.info.height * TILES).astype(int).clip(0, TILES - 1)
    sharp = {}
    for k in range(TILES * TILES):
        sigma = edges[row * TILES + column == k, 2]
        if len(sigma) >= FEWEST_EDGES:
            parts = np.array_split(sigma, 4)
            quartiles = [float(np.quantile(part, 0.25)) for part in parts]
            sharp[k] = (float(np.quantile(sigma, 0.25)), float(np.std(quartiles)) / 2)
    if len(sharp) < 4:
        return cannot_tell("tilt", "a plane with texture in all corners", len(edges))
    best, worst = min(sharp, key=lambda k: sharp[k]), max(sharp, key=lambda k: sharp[k])
    value = sharp[worst][0] - sharp[best][0]
    wide = 2.5 * math.hypot(sharp[worst][1], sharp[best][1])
    names = [
        f"{('top', 'middle', 'bottom')[k // TILES]} {('left', 'middle', 'right')[k % TILES]}"
        for k in (best, worst)
    ]
    return judged(
        "tilt",
        value,
        max(value - wide, 0.0),
        value + wide,
        len(edges),
        f"sharpest {names[0]}, softest {names[1]}",
    )
