"""Lamps that flicker: how deep, how fast as seen, which lamps alias to that, and which exposure cures it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vidrobust.frames.pixels import LUMA
from vidrobust.plugins.camera.finding import Finding, Found, cannot_tell, judged, kinds
from vidrobust.plugins.camera.periodic import Line, strongest_line
from vidrobust.plugins.camera.view import ClipView
from vidrobust.text.phrases import listing

BANDS = 9  # waves of light over the height of the picture that are tried, from 0
MAINS_HZ = (100.0, 120.0)  # of light: twice 50 and 60 Hz
CLOCKS = 0.001  # relative error of mains and frame clock together
HIGHEST_HZ = 1000.0  # of lamps that are listed
AGREE, AGREEING = (0.5, 1.5), 0.7  # column's light over that of all, and share of columns within
FEW_COLUMNS = 4
SHAKES_PX = 0.05  # amplitude from which a vibration moves light over rows
SLOW_HZ = 2.0  # below it automatic exposure oscillates as well
MISTIMED = 0.002  # relative error of an exposure that should be a multiple of the lamp's period


@dataclass(frozen=True, kw_only=True)
class LampSeen:
    """A modulation of light in one clip."""

    frame_rate: float
    seen_hz: float
    error_hz: float
    band_rows: float  # px between bands, NaN where the whole picture is lit alike
    downwards: bool  # bands: whether the phase grows from row to row
    height: int

    def fits(self, lamp_hz: float) -> bool:
        """Whether a lamp would look like this."""
        error = 2 * self.error_hz + CLOCKS * lamp_hz
        turns = round(lamp_hz / self.frame_rate)
        signed = lamp_hz - turns * self.frame_rate
        if abs(abs(signed) - self.seen_hz) > error:
            return False
        if math.isnan(self.band_rows) or self.seen_hz < error:
            return True
        # rows are read one after the other, and all within a frame
        readout_s = self.height / self.band_rows / lamp_hz
        return (signed > 0) == self.downwards and readout_s < 1 / self.frame_rate

    def lamps(self) -> list[float]:
        """Return frequencies of lamps that look like this, Hz; the mains first."""
        turns = np.arange(int(HIGHEST_HZ / self.frame_rate) + 2)[:, None] * self.frame_rate
        others = np.unique(np.abs(turns + np.array([self.seen_hz, -self.seen_hz])).round(3))
        mains = [hz for hz in MAINS_HZ if self.fits(hz)]
        near = [hz for hz in others if min(abs(hz / m - 1) for m in MAINS_HZ) > 2 * CLOCKS]
        return mains + [float(hz) for hz in near if 30 < hz <= HIGHEST_HZ and self.fits(hz)]


def lamp_findings(
    view: ClipView, exposure_ms: float | None, line_us: float | None
) -> tuple[list[Finding], LampSeen | None]:
    """Return the findings about the lamp in one clip, and the modulation if there is one."""
    light = relative_light(view)
    rows = np.nanmedian(light, axis=2) if light.shape[2] >= FEW_COLUMNS else light[..., 0]
    time_s = np.array(view.time_s)
    rows = without_pulse(rows, np.array(view.keyframe))
    waves = np.exp(
        -2j * math.pi * np.outer(np.arange(BANDS), np.arange(rows.shape[1])) / rows.shape[1]
    )
    line = strongest_line(time_s, rows @ waves.T / rows.shape[1], view.frame_rate / 2)
    if line is None:
        return [cannot_tell("lamp", "3 s of a scene at rest or more", len(view))], None
    z, error = at_frequency(time_s, rows, line.frequency_hz)
    depth = float(np.sqrt(max((np.abs(z) ** 2).mean() - error**2, 0.0)))
    # the mean of rows errs less than a row; that bounds what may have been missed
    bound = max(1.96 * line.amplitude_error * (2 if line.series else 1), 1e-5)
    low, high = max(depth - bound, 0.0), depth + bound
    if not line.stands_out:
        limit = line.detectable * (2 if line.series else 1)
        level = Found.NOT_FOUND if limit < 5 * kinds()["lamp"].least else Found.CANNOT_TELL
        text = "" if level is Found.NOT_FOUND else "record 10 s of a scene at rest instead"
        return [
            Finding(
                name="lamp", level=level, value=0.0, low=0.0, high=limit, n=len(view), text=text
            )
        ], None
    judgement = judged("lamp", depth, low, high, len(view))
    if judgement.level is not Found.FOUND:
        return [judgement], None
    seen = _seen(view, line, z)
    n = len(view)
    if not _everywhere(time_s, light, z, line) or _moves_so(view, line):
        why = "the line empty and at rest: something moves in the same rhythm"
        return [cannot_tell("lamp", why, n)], None
    if math.isnan(seen.band_rows) and line.frequency_hz < SLOW_HZ:
        why = "10 s with ExposureAuto off, or at another frame rate: so slow a wave may be automatic exposure"
        return [cannot_tell("lamp", why, n)], None
    if not math.isnan(seen.band_rows) and _shakes_so(view, line):
        return [cannot_tell("lamp", "with the mount held: it vibrates in the same rhythm", n)], None
    own = 1.96 * line.frequency_error
    found = [
        judged("lamp", depth, low, high, len(view), _bands_text(seen)),
        Finding(
            name="lamp_beat",
            level=Found.FOUND,
            value=seen.seen_hz,
            low=seen.seen_hz - own,
            high=seen.seen_hz + own,
            n=len(view),
        ),
        *which_lamp([seen], depth, exposure_ms, line_us),
    ]
    return found, seen


def relative_light(view: ClipView) -> np.ndarray:
    """Return the log of the light of each place against its median over time, (N, rows, columns).

    Columns have places that are clipped or dark left out; those without any are dropped.
    """
    levels = np.stack(view.thumbnails) @ LUMA
    usual = np.median(levels, axis=0)
    light = np.log(levels + 1) - np.log(usual + 1)
    light[:, (usual < 8) | (usual > 245)] = np.nan
    full = np.isfinite(light[0]).mean(axis=0) > 0.5
    kept = light[:, :, full] if full.any() else np.zeros((*light.shape[:2], 1))
    return np.nan_to_num(kept) if not full.all() or np.isnan(kept).any() else kept


def without_pulse(rows: np.ndarray, keyframe: np.ndarray) -> np.ndarray:
    """Return series (N, R) less the mean step of frames at which the coding is refreshed."""
    if not 3 <= keyframe.sum() < len(keyframe) / 2:
        return rows
    step = rows[keyframe].mean(axis=0) - rows[~keyframe].mean(axis=0)
    return np.asarray(rows - keyframe[:, None] * step)


def at_frequency(time_s: np.ndarray, series: np.ndarray, hz: float) -> tuple[np.ndarray, float]:
    """Return complex amplitudes (K,) of series (N, K) at a frequency, and the error of their size."""
    window = np.hanning(len(time_s) + 2)[1:-1][:, None]
    turn = 2 * math.pi * hz * time_s
    waves = np.stack([np.cos(turn), -np.sin(turn), np.ones_like(turn), time_s], axis=1)
    weights, *_ = np.linalg.lstsq(waves * window, series * window, rcond=None)
    left = (series - waves @ weights).std()
    return weights[0] + 1j * weights[1], float(left * math.sqrt(3 / len(time_s)))


def _everywhere(time_s: np.ndarray, light: np.ndarray, z: np.ndarray, line: Line) -> bool:
    """Whether all columns are lit alike, as by a lamp and unlike by something that moves."""
    if light.shape[2] < FEW_COLUMNS:
        return False
    flat = light.reshape(len(light), -1)
    each, _ = at_frequency(time_s, flat, line.frequency_hz)
    # the median over rows leaves out what passes a column
    share = np.median(
        (each.reshape(light.shape[1:]) * z.conj()[:, None]).real / (np.abs(z) ** 2)[:, None], axis=0
    )
    return bool(((share > AGREE[0]) & (share < AGREE[1])).mean() >= AGREEING)


def _moves_so(view: ClipView, line: Line) -> bool:
    """Whether parts come in the same slow rhythm, to which automatic exposure answers."""
    if line.frequency_hz > SLOW_HZ:
        return False
    moving = np.nan_to_num(np.array(view.moving))[:, None]
    other = strongest_line(np.array(view.time_s), moving, view.frame_rate / 2)
    span = view.time_s[-1] - view.time_s[0]
    near = other is not None and abs(other.frequency_hz - line.frequency_hz) < 1 / span
    return bool(near and other is not None and other.stands_out)


def _shakes_so(view: ClipView, line: Line) -> bool:
    """Whether the picture moves at this frequency: edges along rows then look like bands."""
    shift = np.nan_to_num(np.array(view.shift)[:, :2])
    other = strongest_line(np.array(view.time_s), shift, view.frame_rate / 2)
    if other is None or not other.stands_out or other.amplitude < SHAKES_PX:
        return False
    return abs(other.frequency_hz - line.frequency_hz) < 2 / (view.time_s[-1] - view.time_s[0])


def _seen(view: ClipView, line: Line, z: np.ndarray) -> LampSeen:
    """Whether bands stand in the picture: by the slope of the phase over the rows."""
    turn = np.angle((z[1:] * z[:-1].conj()).sum())  # rad a thumbnail row
    height = view.info.height
    banded = (
        abs(turn) * len(z) > 0.5
    )  # rad over the picture that are more than noise and a global shutter
    return LampSeen(
        frame_rate=view.frame_rate,
        seen_hz=line.frequency_hz,
        error_hz=line.frequency_error,
        band_rows=float(2 * math.pi / abs(turn) * height / len(z)) if banded else math.nan,
        downwards=bool(turn > 0),
        height=height,
    )


def _bands_text(seen: LampSeen) -> str:
    if math.isnan(seen.band_rows):
        return "all rows alike: a global shutter, or one much faster than the lamp"
    return f"in bands {seen.band_rows:.0f} rows apart: a rolling shutter"


def which_lamp(
    seen: list[LampSeen], depth: float, exposure_ms: float | None, line_us: float | None
) -> list[Finding]:
    """Return which lamp it is by one clip or by several of other frame rates, and what cures it."""
    first = seen[0]
    lamps = [hz for hz in first.lamps() if all(other.fits(hz) for other in seen[1:])]
    if line_us and not math.isnan(first.band_rows):
        by_rows = 1e6 / (first.band_rows * line_us)
        lamps = [hz for hz in lamps if abs(hz / by_rows - 1) < 0.1] or [by_rows]
    mains = [hz for hz in lamps if hz in MAINS_HZ]
    if len(mains) == 1 or len(lamps) == 1:
        hz = (mains or lamps)[0]
        error = 1.96 * first.error_hz + (0 if hz in MAINS_HZ else CLOCKS * hz)
        known = f"{hz / 2:.0f} Hz mains" if hz in MAINS_HZ else "no mains: a driver's PWM"
        line = (
            f"; a line takes {1e6 / (first.band_rows * hz):.1f} us" if first.band_rows > 0 else ""
        )
        advice = f"{known}{line}; exposure a multiple of {1000 / hz:.2f} ms"
        named = Finding(
            name="lamp_frequency",
            level=Found.FOUND,
            value=hz,
            low=hz - error,
            high=hz + error,
            n=len(seen),
            text=advice,
        )
        return [named, _left(hz, depth, exposure_ms)]
    shown = (
        listing([f"{hz:.0f}" for hz in lamps[:4]], joined="or") if lamps else "a lamp that varies"
    )
    second = second_rate(lamps, first.frame_rate)
    return [
        cannot_tell(
            "lamp_frequency",
            f"a second clip at {second:g} frames/s ({shown} Hz look alike)",
            len(seen),
        )
    ]


def second_rate(lamps: list[float], frame_rate: float) -> float:
    """Return the frame rate near this one at which lamps look least alike."""

    def apart(rate: float) -> float:
        aliases = np.sort([abs(hz - round(hz / rate) * rate) for hz in lamps[:6]])
        return float(np.diff(aliases).min()) if len(aliases) > 1 else 0.0

    rates = [round(frame_rate * share, 1) for share in np.arange(0.7, 1.0, 0.02)]
    return max(rates, key=apart)


def _left(hz: float, depth: float, exposure_ms: float | None) -> Finding:
    """Depth left at the nearest multiple of the period: a sine averaged over the exposure is a sinc."""
    turns = max(1, round((exposure_ms or 0) / 1000 * hz))
    cured = abs(float(np.sinc(turns * (1 + MISTIMED))))
    if exposure_ms:
        whole = min(depth / max(abs(float(np.sinc(hz * exposure_ms / 1000))), 1e-3), 1.0)
        text = f"at {turns * 1000 / hz:.2f} ms instead of {exposure_ms:g} ms"
    else:
        whole, text = 1.0, f"at most, at {1000 / hz:.2f} ms; --exposure-ms tells it better"
    return Finding(
        name="lamp_left",
        level=Found.FOUND,
        value=whole * cured,
        low=0.0,
        high=cured,
        n=1,
        text=text,
    )
