"""Whether one frequency stands out of a series of uneven times: Lomb-Scargle against its own noise floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from scipy.optimize import minimize_scalar
from scipy.signal import lombscargle

LEVEL = 0.002  # chance of a false line over all frequencies and places
OVERSAMPLED = 4  # frequencies of the grid for each that the length of the clip tells apart
SLOWEST = 5.0  # waves that a clip must hold, at least: fewer may be any slow change
FLOOR = 161  # frequencies of the grid over whose median the floor is taken: 40 that are told apart
FLOOR_ERROR = 1.3  # a median of some twenty independent powers errs by about this factor
FEWEST = 24  # frames


@dataclass(frozen=True, kw_only=True)
class Line:
    """A spectral line in one of several series."""

    series: int
    frequency_hz: float
    frequency_error: float  # standard error
    amplitude: float  # of the sine, in units of the series
    amplitude_error: float
    detectable: float  # amplitude that would just stand out of the usual noise
    stands_out: bool


def strongest_line(time_s: np.ndarray, series: np.ndarray, fastest_hz: float) -> Line | None:
    """Return the strongest line of series (N, K), real or complex; None of too few frames.

    A line stands out where its power exceeds the local median by what noise does in ``LEVEL`` of all clips. The
    power of white noise is exponential (Scargle 1982); steps and drift raise the floor where they have power.
    """
    count, span = len(time_s), float(time_s[-1] - time_s[0])
    if count < FEWEST or span <= 0:
        return None
    frequency = np.arange(SLOWEST / span, fastest_hz, 1 / (OVERSAMPLED * span))
    if len(frequency) < OVERSAMPLED * 4:
        return None
    window = np.hanning(count + 2)[1:-1][:, None]
    level = series - np.mean(series, axis=0)
    slope = np.polyfit(time_s, level, 1)
    level = (level - time_s[:, None] * slope[0] - slope[1]) * window
    power = np.stack([_power(time_s, column, frequency) for column in level.T])
    wide = min(FLOOR, (len(frequency) - 1) // 2 * 2 + 1)
    # of a random walk power falls with the square of the frequency, and the median would lie too low at its foot
    slope_of = (np.ones_like(frequency), frequency**2)
    floors = [[median_filter(row * w, wide, mode="reflect") / w for row in power] for w in slope_of]
    floor = np.max(floors, axis=0) + 1e-18
    ratio = power / floor * math.log(2)
    k, at = np.unravel_index(int(ratio.argmax()), ratio.shape)
    tests = series.shape[1] * len(frequency) / OVERSAMPLED * 1.5
    best = _top(time_s, level[:, k], frequency[at], 1 / (OVERSAMPLED * span))
    amplitude, noise = _sine(time_s, level[:, k], window[:, 0], best)
    # Montgomery & O'Donoghue 1999, with 1.5 for what the window takes of the frames
    least = FLOOR_ERROR * math.log(tests / LEVEL)
    # a sine of amplitude A has the power (A sum(window))^2 / 4 N
    usual = float(np.median(floor)) / math.log(2)
    error = 1.5 * math.sqrt(6 / count) * noise / (math.pi * span * max(amplitude, 1e-12))
    return Line(
        series=int(k),
        frequency_hz=best,
        frequency_error=error,
        amplitude=amplitude,
        amplitude_error=math.sqrt(2 * count * float(floor[k, at]) / math.log(2))
        / float(window.sum()),
        detectable=2 * math.sqrt(count * usual * least) / float(window.sum()),
        stands_out=bool(ratio[k, at] > least),
    )


def _power(time_s: np.ndarray, column: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    parts = (column.real, column.imag) if np.iscomplexobj(column) else (column,)
    turns = 2 * math.pi * frequency
    return np.asarray(sum(lombscargle(time_s, part, turns) for part in parts))


def _top(time_s: np.ndarray, column: np.ndarray, hz: float, within_hz: float) -> float:
    """The frequency near ``hz`` at which a windowed series has most power."""

    def missing(near: float) -> float:
        turn = np.exp(-2j * math.pi * near * time_s)
        return -float(abs(turn @ column) ** 2 + abs(turn.conj() @ column) ** 2)

    return float(
        minimize_scalar(missing, bounds=(hz - within_hz, hz + within_hz), method="bounded").x
    )


def _sine(
    time_s: np.ndarray, column: np.ndarray, window: np.ndarray, hz: float
) -> tuple[float, float]:
    """Amplitude of a sine in a windowed series, and the standard deviation of what it leaves."""
    turn = np.exp(-2j * math.pi * hz * time_s)
    waves = np.stack([window * turn, window * turn.conj()], axis=1)
    if np.iscomplexobj(column):
        weights = np.linalg.lstsq(waves, column, rcond=None)[0]
        left = column - waves @ weights
        return float(np.abs(weights).max()), float(np.sqrt((np.abs(left) ** 2).mean() / 0.375))
    weights = np.linalg.lstsq(waves, column.astype(complex), rcond=None)[0]
    left = column - (waves @ weights).real
    return float(np.abs(weights).sum()), float(np.sqrt((left**2).mean() / 0.375))
