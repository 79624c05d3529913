"""The line-camera suite: what is fixed is fixed, what lives in time follows the true times."""

import numpy as np
import pytest
import torch

from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins import line_camera as camera


def clip_of(name, pixels, times_s, strength, seed=0):
    entry = PERTURBATIONS[name]
    return entry.apply_clip(pixels, times_s, strength, from_seed(seed))


def grey(level, frames=4, h=60, w=80):
    return torch.full((frames, 3, h, w), level, dtype=torch.uint8)


FIXED = [p.name for p in suite("line-camera") if p.family == "camera"]


def test_every_entry_acts_on_clips():
    assert all(p.apply_clip for p in suite("line-camera"))
    assert {p.family for p in suite("line-camera")} == {"camera", "time", "weather"}


@pytest.mark.parametrize("name", FIXED)
def test_fixed_disturbances_are_the_same_in_all_frames(name):
    """On equal frames the whole clip is one picture; another seed is another picture, but for the vignette."""
    frame = (torch.arange(60 * 80).view(1, 1, 60, 80) % 200 + 20).to(torch.uint8)
    frame = frame.expand(5, 3, 60, 80)
    strength = PERTURBATIONS[name].strengths[-1]
    made = clip_of(name, frame, np.arange(5) / 30, strength)
    assert (made == made[:1]).all()
    assert not torch.equal(made, frame)
    others = [clip_of(name, frame[:1], np.zeros(1), strength, seed) for seed in range(1, 8)]
    assert all(torch.equal(other, made[:1]) for other in others) == (name == "vignetting")


@pytest.mark.parametrize(("name", "level"), [("dead_pixels", 0), ("hot_pixels", 255)])
def test_bad_pixels_are_counted_per_million(name, level):
    """1000 x 1000 px; two draws of one pixel are rare, so nearly 3000 of a million."""
    made = clip_of(name, grey(90, 1, 1000, 1000), np.zeros(1), 3000)
    bad = (made[0] == level).all(dim=0)
    assert 2960 <= int(bad.sum()) <= 3000
    assert (made[0][:, ~bad] == 90).all()
    assert int((clip_of(name, grey(90), np.zeros(4), 1)[0, 0] == level).sum()) == 1  # at least one


def test_stuck_lines_run_through_the_frame():
    for seed in range(6):
        bad = (clip_of("stuck_lines", grey(90, 1), np.zeros(1), 3, seed)[0] != 90).any(dim=0)
        whole = int(bad.all(dim=0).sum()) + int(bad.all(dim=1).sum())
        assert 1 <= whole <= 3
        assert int(bad.sum()) == bad.all(dim=0).sum() * 60 + bad.all(dim=1).sum() * 80


def test_fixed_pattern_has_its_sigma_half_of_it_in_columns():
    clip = clip_of("fixed_pattern_noise", grey(128, 1, 200, 4000), np.zeros(1), 12)
    pattern = clip[0, 0].double() - 128
    assert pattern.std() == pytest.approx(12, rel=0.05)
    assert pattern.mean(dim=0).var() == pytest.approx(72 + 72 / 200, rel=0.12)


def test_vignette_by_hand():
    """At the corner pixel's centre r^2 = (29.5^2 + 39.5^2) / 50^2 = 0.9722; 200 (1 - 0.5 x 0.9722) = 102.8."""
    made = clip_of("vignetting", grey(200, 1), np.zeros(1), 0.5)[0, 0]
    assert int(made[0, 0]) == 103
    assert int(made[30, 40]) == 200


def test_uneven_light_is_a_ramp_around_one():
    made = clip_of("uneven_lighting", grey(100, 1), np.zeros(1), 0.5)[0, 0].double()
    assert made.mean() == pytest.approx(100, abs=0.5)
    assert (made + made.flip(0).flip(1) - 200).abs().max() <= 1
    assert 105 < made.max() <= 150


def test_glare_only_brightens_and_dust_only_darkens():
    glare = clip_of("specular_glare", grey(100, 1), np.zeros(1), 0.9)
    assert int(glare.min()) >= 100
    assert int(glare.max()) > 200
    dust = clip_of("lens_dust", grey(100, 1), np.zeros(1), 0.9)
    assert int(dust.max()) == 100
    assert int(dust.min()) < 30


def test_flicker_is_met_at_the_true_times():
    """Gain 1 + s sin(2 pi 2 f t + phase), f within a thousandth of 50 or 60 Hz: fitted over 0.2 s."""
    times_s = np.arange(200) / 1000
    found = set()
    for seed in range(12):
        clip = clip_of("flicker", grey(100, 200, 2, 2), times_s, 0.5, seed)
        level = clip[:, 0, 0, 0].numpy() / 100 - 1
        fits = {}
        for hz in (100.0, 120.0):
            basis = np.stack([f(2 * np.pi * hz * times_s) for f in (np.sin, np.cos)], axis=1)
            fits[hz] = np.linalg.lstsq(basis, level, rcond=None)[0]
        best = max(fits, key=lambda hz: float(np.hypot(*fits[hz])))
        assert np.hypot(*fits[best]) == pytest.approx(0.5, rel=0.02)
        found.add(best)
    assert found == {100.0, 120.0}


def test_bands_lie_across_the_rows_and_wander():
    made = clip_of("banding", grey(100, 3), np.array([0.0, 0.01, 0.2]), 0.3)
    assert (made == made[..., :1]).all()
    rows = made[:, 0, :, 0].double()
    assert rows[0].max() == pytest.approx(130, abs=1.5)
    assert rows[0].min() == pytest.approx(70, abs=1.5)
    assert (rows[1] - rows[0]).abs().max() < (rows[2] - rows[0]).abs().max()


def test_drifts_are_slow_and_bounded():
    """Between frames 1/30 s apart the exponent of the gain moves at most 2 pi / (4 s x 30) = 0.0524."""
    times_s = np.arange(3000) / 30
    for seed in range(5):
        wave = camera.slow_wave(times_s, from_seed(seed))
        assert np.abs(wave).max() <= 1
        assert np.abs(wave).max() > 0.5
        assert np.abs(np.diff(wave)).max() <= 2 * np.pi / (4 * 30) + 1e-9
    level = clip_of("exposure_drift", grey(100, 50, 2, 2), times_s[:50] * 20, 1.0)[:, 0, 0, 0]
    assert 50 <= int(level.min()) < 90
    assert 110 < int(level.max()) <= 200


def test_focus_drift_blurs_and_comes_back():
    frames = torch.zeros(120, 3, 33, 33, dtype=torch.uint8)
    frames[:, :, 16, 16] = 255
    peak = clip_of("focus_drift", frames, np.arange(120) / 4, 3.0)[:, 0, 16, 16]
    assert int(peak.max()) > 200
    assert int(peak.min()) < 30
    assert clip_of("focus_drift", frames, np.arange(120) / 4, 3.0).float().sum() > 0


def test_lost_frames_by_hand():
    """Frames carry their number; which are lost is asked of ``lost``, and the stand-ins are counted out here."""
    times_s = np.arange(40) / 25
    clip = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 3, 2, 2)
    missing = camera.lost(times_s, 0.4, from_seed(3))
    assert 5 < missing.sum() < 28
    frozen = clip_of("repeated_frames", clip, times_s, 0.4, 3)[:, 0, 0, 0].tolist()
    jumped = clip_of("dropped_frames", clip, times_s, 0.4, 3)[:, 0, 0, 0].tolist()
    for k in range(40):
        before = [j for j in range(k + 1) if j == 0 or not missing[j]]
        after = [j for j in range(k, 40) if j == 39 or not missing[j]]
        assert frozen[k] == before[-1]
        assert jumped[k] == after[0]


def test_whether_a_frame_is_lost_depends_on_its_time_alone():
    times_s = np.arange(200) / 30
    whole = camera.lost(times_s, 0.2, from_seed(1))
    assert np.array_equal(whole[70:], camera.lost(times_s[70:], 0.2, from_seed(1)))
    assert 0.2 - 0.15 < whole.mean() < 0.2 + 0.15


def test_which_entries_need_the_whole_clip():
    whole = {p.name for p in PERTURBATIONS.values() if p.whole_clip}
    assert whole == {"h264", "repeated_frames", "dropped_frames"}


def test_what_needs_neighbours_is_lost_frames_alone():
    found = {key for key, entry in PERTURBATIONS.items() if not entry.on_single_frames}
    assert found == {"repeated_frames", "dropped_frames"}


def test_lengths_are_those_whose_unit_is_of_pixels():
    assert len(suite("line-camera")) == 18
    assert PERTURBATIONS["rolling_shutter"].is_length
    assert not PERTURBATIONS["dead_pixels"].is_length  # pixels of a million are a share
