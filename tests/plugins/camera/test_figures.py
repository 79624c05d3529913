"""What the findings are made of, against hand counts and planted numbers."""

import math

import cv2
import numpy as np
import pytest

from vidrobust.plugins.camera.control import steps_of
from vidrobust.plugins.camera.edges import edge_widths
from vidrobust.plugins.camera.finding import Found, judged, kinds
from vidrobust.plugins.camera.lamp import LampSeen, second_rate, which_lamp
from vidrobust.plugins.camera.periodic import strongest_line
from vidrobust.plugins.camera.sensor import transfer


def seen(rate, hz, band_rows=math.nan, downwards=True):
    return LampSeen(
        frame_rate=rate,
        seen_hz=hz,
        error_hz=0.005,
        band_rows=band_rows,
        downwards=downwards,
        height=480,
    )


@pytest.mark.parametrize(
    ("rate", "hz", "mains"),
    [
        (30, 10.0, 100.0),
        (24, 4.0, 100.0),
        (25, 5.0, 120.0),
        (29.97, 10.09, 100.0),
        (27, 8.0, 100.0),
    ],
)
def test_a_wave_is_traced_to_the_mains_that_alias_to_it(rate, hz, mains):
    # by hand: 100 - 3 * 30 = 10, 100 - 4 * 24 = 4, 5 * 25 - 120 = 5, 100 - 3 * 29.97 = 10.09, 4 * 27 - 100 = 8
    assert seen(rate, hz).lamps()[0] == mains
    frequency, left = which_lamp([seen(rate, hz)], 0.02, None, None)
    assert (frequency.level, frequency.value) == (Found.FOUND, mains)
    assert f"{1000 / mains:.2f} ms" in frequency.text
    assert left.value == pytest.approx(0.002, rel=0.01)  # sinc(1.002) = .002 of all light


def test_where_both_mains_look_alike_a_second_frame_rate_is_asked_for():
    # 100 and 120 Hz are both 10 Hz from a multiple of 22
    both = seen(22, 10.0)
    assert both.lamps()[:2] == [100.0, 120.0]
    (frequency,) = which_lamp([both], 0.02, None, None)
    assert frequency.level is Found.CANNOT_TELL
    rate = second_rate([100.0, 120.0], 22)
    aliases = [abs(hz - round(hz / rate) * rate) for hz in (100, 120)]
    assert abs(aliases[0] - aliases[1]) > 1
    told = which_lamp([both, seen(rate, aliases[0])], 0.02, None, None)
    assert told[0].value == 100.0


def test_the_way_that_bands_drift_tells_the_lamp():
    # at 22 frames/s 100 Hz is 12 above 88 or 10 below 110: its phase falls from row to row
    assert seen(22, 10.0, 400.0, downwards=False).lamps()[0] == 100.0
    assert 120.0 not in seen(22, 10.0, 400.0, downwards=False).lamps()
    assert seen(22, 10.0, 400.0, downwards=True).lamps()[0] == 120.0


def test_an_exposure_of_known_length_tells_what_a_multiple_of_the_period_leaves():
    # a third of the period keeps sinc(1/3) = .827 of the lamp's depth
    _, left = which_lamp([seen(30, 10.0)], 0.0827, 10 / 3, None)
    assert left.value == pytest.approx(0.1 * 0.002, rel=0.02)


def test_a_line_is_found_with_its_frequency_and_noise_and_steps_are_silent():
    rng, false, found = np.random.default_rng(5), 0, 0
    times = np.sort(np.arange(240) / 30 + rng.uniform(-0.004, 0.004, 240))
    for k in range(20):
        noise = rng.standard_normal((240, 4)) * 0.001
        steps = noise + 0.1 * np.cumsum(rng.random((240, 1)) < 0.02, axis=0)
        false += strongest_line(times, noise, 15).stands_out
        false += strongest_line(times, steps, 15).stands_out
        hz = rng.uniform(1.5, 14)
        waves = noise + (steps - noise) / 10
        waves[:, 2] += 0.004 * np.sin(2 * np.pi * hz * times + k)
        line = strongest_line(times, waves, 15)
        found += line.stands_out
        if line.stands_out:
            assert abs(line.frequency_hz - hz) < max(4 * line.frequency_error, 0.002 * hz)
    # of a slow wave under steps there is less to see
    assert found >= 18
    assert false <= 1


def test_steps_are_runs_between_turning_points():
    series = np.r_[np.zeros(10), np.linspace(0, 1, 11), np.linspace(1, 0.7, 6), np.full(10, 0.7)]
    assert [(round(s.size, 3)) for s in steps_of(series, 0.2)] == [1.0, -0.3]
    assert [(round(s.size, 3)) for s in steps_of(series, 0.5)] == [1.0]
    assert steps_of(series, 1.5) == []
    up = steps_of(series, 0.5)[0]
    assert (up.start, up.stop) == (10, 20)  # from 5 % to 95 %


def test_photon_transfer_gives_read_noise_and_gain():
    rng = np.random.default_rng(2)
    level = rng.uniform(20, 230, 40_000)
    variance = 1.5**2 + 0.08 * level
    sampled = variance * rng.chisquare(63, len(level)) / 63 + 1 / 12
    noise, read, gain, left = transfer(np.stack([level, np.zeros_like(level), sampled], axis=1))
    middle = np.median(level)
    assert read == pytest.approx(1.5, rel=0.05)
    assert gain == pytest.approx(0.08, rel=0.02)
    assert noise == pytest.approx(math.sqrt(1.5**2 + 0.08 * middle), rel=0.02)
    # a quarter of the gain: read noise / 4, shot noise / 2
    expected = math.sqrt((1.5**2 / 16 + 0.08 * middle / 4) / (1.5**2 + 0.08 * middle))
    assert left == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_the_width_of_an_edge_is_the_blur_that_made_it(sigma):
    picture = np.full((120, 160), 60, np.float32)
    picture[:, 80:] = 180
    widths = edge_widths(cv2.GaussianBlur(picture, (0, 0), sigma))[:, 2]
    # the derivative of a box of one pixel adds 1/12; the tails below a tenth of the peak are cut off
    assert np.median(widths) == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.12)


def test_a_box_blur_is_told_from_edges_along_and_across_it():
    picture = np.full((200, 200), 60, np.float32)
    picture[50:150, 50:150] = 190
    blurred = cv2.GaussianBlur(cv2.blur(picture, (7, 1)), (0, 0), 0.9)
    edges = edge_widths(blurred)
    along, across = (np.median(edges[np.abs(edges[:, k]) > 0.94, 2]) for k in (3, 4))
    assert math.sqrt(12 * (along**2 - across**2)) == pytest.approx(7, abs=0.5)


def test_a_finding_between_its_threshold_and_its_interval_cannot_be_told():
    assert judged("vibration", 0.5, 0.3, 0.7, 100).level is Found.FOUND
    assert judged("vibration", 0.05, 0.0, 0.09, 100).level is Found.NOT_FOUND
    open_ = judged("vibration", 0.15, 0.05, 0.3, 100)
    assert open_.level is Found.CANNOT_TELL
    assert open_.text.startswith("record")


def test_each_finding_that_matters_names_a_setting_and_its_null():
    for kind in kinds().values():
        assert kind.null or kind.least == 0
        assert kind.least == 0 or kind.genicam
