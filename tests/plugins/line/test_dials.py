"""Every dial does what its unit and statistic say, measured in the pictures by means of their own.

PLATE is a piece of the machine that stands still, BELT one of the belt without part.
"""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from dials_page import dial_table
from scipy import ndimage

from vidrobust.errors import SettingsError
from vidrobust.plugins.line.camera import SENSOR_LEVELS
from vidrobust.plugins.line.dials import BY_NAME, DIALS, FRAME_RATE, courses, station_settings

PLATE = (slice(4, 50), slice(20, 620))
BELT = (slice(330, 360), slice(20, 620))


def gains(frames):
    """(N,) mean level of the plate, beside that of the first frame."""
    means = frames[(slice(None), *PLATE)].mean(axis=(1, 2, 3), dtype=np.float64)
    return means / means[0]


@pytest.mark.parametrize("dial", ["light=0.1", "drift=0.2", "flicker=0.1", "exposure=0.1"])
def test_light_multiplies_the_levels_by_the_gain_of_the_truth(shot, dial):
    seen = shot(dial)
    gain = seen.truth["gain"].to_numpy()
    assert np.ptp(gain) > 0.08
    # half a level of 110
    np.testing.assert_allclose(gains(seen.frames), gain / gain[0], atol=0.004)


def test_light_is_the_amplitude_of_a_sine():
    light = courses(station_settings(["light=0.1"], 1)[0], 90, [1])["light"]
    assert np.abs(light).max() == pytest.approx(0.1, rel=0.02)
    # a sine's, were the periods whole
    assert light.std() == pytest.approx(0.1 / np.sqrt(2), rel=0.2)


def test_drift_is_the_change_over_the_clip():
    drift = courses(station_settings(["drift=0.3"], 1)[0], 50, [1])["drift"]
    assert abs(drift[-1] - drift[0]) == pytest.approx(0.3)
    np.testing.assert_allclose(np.diff(drift), (drift[-1] - drift[0]) / 49)


def test_flicker_of_100_hz_is_met_at_a_third_of_the_frame_rate():
    flicker = courses(station_settings(["flicker=0.2"], 1)[0], 30, [1])["flicker"]
    np.testing.assert_allclose(flicker[3:], flicker[:-3], atol=1e-9)  # 100 Hz less 3 x 30 is 10 Hz
    # three phases a third of a turn apart: their squares add up to 3/2 of the amplitude's
    assert np.sqrt((flicker[:3] ** 2).sum() * 2 / 3) == pytest.approx(0.2)


def test_exposure_holds_for_four_frames_and_has_the_spread_of_its_dial():
    exposure = courses(station_settings(["exposure=0.1"], 1)[0], 40, [2])["exposure"]
    assert len(np.unique(np.round(exposure, 9))) == 10
    np.testing.assert_array_equal(np.flatnonzero(np.diff(exposure)) % 4, 3)
    assert exposure.std() == pytest.approx(0.1)


def test_shake_moves_the_machine_as_the_truth_says(shot):
    seen = shot("shake=2", frames=16)
    window = cv2.createHanningWindow((600, 104), cv2.CV_32F)
    greys = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in seen.frames)
    plates = [grey[4:108, 20:620].astype(np.float32) for grey in greys]
    found = np.array([cv2.phaseCorrelate(plates[0], plate, window)[0] for plate in plates])
    planted = seen.truth[["shake_x_px", "shake_y_px"]].to_numpy()
    np.testing.assert_allclose(found, planted - planted[0], atol=0.3)
    np.testing.assert_allclose(planted.std(axis=0), 2.0)
    np.testing.assert_allclose(found.std(axis=0), 2.0, atol=0.12)


def test_hue_turns_by_the_degrees_of_the_truth(shot, still):
    seen = shot("hue=8", frames=6)
    found = []
    for frame, before in zip(seen.frames, still.frames, strict=True):
        shares = (each.astype(np.float32) / 255 for each in (frame, before))
        hsv, rest = (cv2.cvtColor(each, cv2.COLOR_RGB2HSV) for each in shares)
        coloured = (rest[..., 1] > 0.35) & (rest[..., 2] > 0.2)
        turned = (hsv[coloured, 0] - rest[coloured, 0] + 180) % 360 - 180
        found.append(float(np.median(turned)))
    np.testing.assert_allclose(found, seen.truth["hue_deg"], atol=0.6)
    assert seen.truth["hue_deg"].std(ddof=0) == pytest.approx(8.0)


def test_focus_is_a_gaussian_blur_of_the_sigma_in_the_truth(shot, still):
    seen = shot("focus=3", frames=6)
    sigma = seen.truth["focus_px"].to_numpy()
    assert sigma.max() > 0.5
    for frame, sharp, blur in zip(seen.frames, still.frames, sigma, strict=True):
        expected = ndimage.gaussian_filter(sharp.astype(np.float64), (blur, blur, 0), mode="mirror")
        assert np.abs(frame - expected)[10:-10, 10:-10].mean() < 0.6
    course = courses(station_settings(["focus=3"], 1)[0], 150, [1])["focus_px"]
    assert course.max() == pytest.approx(3.0, rel=0.01)
    assert course.min() == pytest.approx(0.0, abs=0.02)


def test_noise_has_the_standard_deviation_of_its_dial(shot):
    for planted in (3.0, 8.0):
        frames = shot(f"noise={planted}", frames=3).frames.astype(np.float64)
        plates = frames[(slice(None), *PLATE)]
        sigma = np.diff(plates, axis=0).std(axis=(1, 2, 3)) / np.sqrt(2)
        rounding = 1 / 12
        expected = np.sqrt(planted**2 + SENSOR_LEVELS**2 + rounding)
        np.testing.assert_allclose(sigma, expected, rtol=0.02)
        first, second = (plate - plate.mean() for plate in np.diff(plates, axis=0)[..., 1])
        # differences that share a frame correlate by -1/2, and by nothing else if every frame has its own noise
        correlation = (first * second).mean() / (first.std() * second.std())
        assert correlation == pytest.approx(-0.5, abs=0.03)


def test_dust_takes_its_share_of_light_where_a_speck_is_thickest(shot, still):
    ratio = shot("dust=0.5", frames=1).frames[0].astype(np.float64) / np.maximum(still.frames[0], 1)
    assert np.quantile(ratio, 0.002) < 0.56
    assert np.median(ratio) > 0.97
    frame = shot("dust=0.25", frames=1).frames[0].astype(np.float64)
    twice = frame / np.maximum(still.frames[0], 1)
    dark = ratio.mean(axis=2) < 0.6
    assert dark.sum() > 200
    np.testing.assert_allclose(1 - twice[dark].mean(), (1 - ratio[dark].mean()) / 2, rtol=0.12)


def test_the_belt_runs_at_its_speed_and_the_machine_stands(shot):
    seen = shot("speed=5", frames=4)
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in seen.frames]
    for a, b in pairwise(grays):
        bands = (ndimage.gaussian_filter(g, 1) - ndimage.gaussian_filter(g, 9) for g in (a, b))
        belt = [np.ascontiguousarray(band[BELT]) for band in bands]
        window = cv2.createHanningWindow(belt[0].shape[::-1], cv2.CV_32F)
        shift, _ = cv2.phaseCorrelate(*(np.ascontiguousarray(x) for x in belt), window)
        assert shift == pytest.approx((5.0, 0.0), abs=0.25)
        assert np.abs(a[PLATE] - b[PLATE]).mean() < 1


def test_traffic_is_the_number_of_parts_that_come_into_view(shot):
    settings = ("traffic=2", "speed=4")
    seen = shot(*settings, frames=150)
    parts = [set(row) - {"part-02"} for row in seen.truth["box_parts"]]
    entered = len(set().union(*parts) - parts[0])
    assert entered == pytest.approx(2 * 150 / FRAME_RATE, abs=2)
    left = len(parts[0] - parts[-1])
    assert left > 0


def test_faster_traffic_than_the_belt_brings_and_unknown_dials_are_refused():
    with pytest.raises(SettingsError, match="there is no dial 'lite'; there are light, drift"):
        station_settings(["lite=1"], 1)
    with pytest.raises(SettingsError, match="there is no station 3; --stations is 2"):
        station_settings(["3:light=0.1"], 2)
    with pytest.raises(SettingsError, match=r"light takes 0 to 0\.9 relative gain"):
        station_settings(["light=2"], 1)
    with pytest.raises(SettingsError, match="expected NAME=SIZE or STATION:NAME=SIZE"):
        station_settings(["light"], 1)


@pytest.mark.parametrize("text", ["2:light=0.1", "station-2:light=0.1", "station2:light=0.1"])
def test_a_dial_of_one_station_leaves_the_others(text):
    first, second = station_settings([text, "noise=2"], 2)
    assert (first["light"], second["light"]) == (0.0, 0.1)
    assert first["noise"] == second["noise"] == 2.0


def test_a_dial_leaves_the_draws_of_the_others_as_they_were():
    alone = courses(station_settings(["shake=2"], 1)[0], 20, [5])
    both = courses(station_settings(["shake=2", "hue=4", "light=0.1"], 1)[0], 20, [5])
    np.testing.assert_array_equal(alone["shake_x_px"], both["shake_x_px"])


def test_every_dial_at_rest_changes_nothing_and_its_sizes_are_in_range():
    rest = courses(station_settings([], 1)[0], 12, [1])
    np.testing.assert_array_equal(rest["gain"], 1.0)
    for name in (
        "shake_x_px",
        "shake_y_px",
        "hue_deg",
        "focus_px",
        "noise",
        "dust",
        "traffic",
        "shadow",
        "lamp2",
    ):
        np.testing.assert_array_equal(rest[name], 0.0)
    assert len(BY_NAME) == len(DIALS)
    for dial in DIALS:
        assert dial.low <= dial.sizes[0] < dial.sizes[1] < dial.sizes[2] <= dial.high


def test_the_page_has_a_row_for_every_dial():
    rows = [line.split(" | ")[0].removeprefix("| ") for line in dial_table().splitlines()[2:]]
    assert rows == [dial.name for dial in DIALS]
