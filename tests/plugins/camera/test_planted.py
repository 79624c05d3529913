"""Faults planted in clips of the simulated line are found, with their figures; a sound clip has none."""

import camera_truth
import numpy as np
import pytest

from vidrobust.plugins.camera.answer import diagnosed
from vidrobust.plugins.camera.finding import Found

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        ("lamp", {"lamp_frequency": 0.02, "lamp": 0.1}),
        ("vibration", {"vibration_frequency": 0.02, "vibration": 0.15}),
    ],
)
def test_a_planted_fault_is_found_with_its_figures(tmp_path, fault, most):
    clip, planted = camera_truth.world(fault, 7001, tmp_path)
    assert clip[fault].level is Found.FOUND
    for name, error in most.items():
        assert clip[name].value == pytest.approx(planted[name], rel=error)


def test_dust_is_found_where_it_lies(tmp_path):
    clip, _ = camera_truth.world("dust", 7001, tmp_path)
    assert clip["dust"].level is Found.FOUND
    assert clip.dust.any()


def test_hot_pixels_are_counted(tmp_path):
    clip, planted = camera_truth.world("hot_pixels", 7001, tmp_path)
    assert clip["hot_pixels"].value == pytest.approx(planted["hot_pixels"], abs=1)


def test_a_sound_clip_has_no_fault(tmp_path):
    clip, _ = camera_truth.world("", 7001, tmp_path)
    assert [
        f.name for f in clip.findings if f.level is Found.FOUND and f.name in camera_truth.SILENT
    ] == []


def test_two_clips_of_other_frame_rates_tell_the_lamp_together(tmp_path):
    # at 22 and 20.4 frames/s, where 100 Hz looks like 120 Hz in the first clip
    paths = []
    for rate in (22, 20.4):
        scene = np.random.default_rng(1).integers(60, 180, (30, 40, 1)).astype(np.float32)
        flat = np.kron(scene, np.ones((16, 16, 3), np.float32))
        times = np.arange(120) / rate
        lit = (flat * (1 + 0.03 * np.sin(2 * np.pi * 100 * t)).astype(np.float32) for t in times)
        rate_ = camera_truth.Fraction(rate).limit_denominator(100)
        paths.append(str(camera_truth.write_clip(lit, tmp_path / f"{rate}.mkv", rate_)))
    chosen = dict.fromkeys(("model", "start_s", "end_s", "exposure_ms", "line_us", "static"))
    alone, _ = diagnosed(paths[:1], chosen)
    assert alone[0]["lamp_frequency"].level is Found.CANNOT_TELL
    both, _ = diagnosed(paths, chosen)
    assert both[0]["lamp_frequency"].value == 100.0
