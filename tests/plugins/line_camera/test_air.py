"""Steam and heat haze: how thick, how far, and coherent in time."""

import numpy as np
import pytest
import torch

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.line_camera import HAZE_LENGTHS, STEAM_LENGTHS, VEIL, waves


def clip_of(name, pixels, times_s, strength, seed):
    entry = PERTURBATIONS[name]
    return entry.apply_clip(pixels, np.array(times_s), strength, from_seed(seed))


@pytest.mark.parametrize("lengths", [STEAM_LENGTHS, HAZE_LENGTHS])
def test_the_field_has_mean_0_and_variance_1_over_draws(lengths):
    still = np.zeros(1)
    fields = torch.cat([waves((48, 64), still, lengths, from_seed(k)) for k in range(120)])
    assert float(fields.mean()) == pytest.approx(0.0, abs=0.1)
    assert float(fields.var()) == pytest.approx(1.0, rel=0.1)


def test_the_field_is_alike_in_neighbouring_frames_and_another_one_later():
    def alike(gap_s):
        times_s = np.array([0.0, gap_s])
        drawn = (waves((48, 64), times_s, STEAM_LENGTHS, from_seed(k)) for k in range(8))
        pairs = [each.numpy() for each in drawn]
        return float(np.mean([np.corrcoef(pair.reshape(2, -1))[0, 1] for pair in pairs]))

    assert alike(1 / 30) > 0.95
    assert abs(alike(20.0)) < 0.35


def test_a_draught_carries_a_wave_by_its_speed_alone(monkeypatch):
    """Without boiling the field after t is the field before, moved: found by the best of all shifts."""
    monkeypatch.setattr("vidrobust.plugins.line_camera.BOIL_S", (1e12, 1e12))
    monkeypatch.setattr("vidrobust.plugins.line_camera.DRAUGHT", (0.25, 0.25))
    before, after = waves((128, 128), np.array([0.0, 0.25]), STEAM_LENGTHS, from_seed(5)).numpy()
    found = [
        (
            float(
                np.abs(
                    after[16:-16, 16:-16] - before[16 - dy : 112 - dy, 16 - dx : 112 - dx]
                ).mean()
            ),
            dy,
            dx,
        )
        for dy in range(-10, 11)
        for dx in range(-10, 11)
    ]
    off, dy, dx = min(found)
    assert np.hypot(dy, dx) == pytest.approx(0.25 * 0.25 * 128, abs=0.8)  # 8 px
    assert off < 0.1


def test_steam_veils_towards_its_level_and_leaves_what_has_it():
    black = torch.zeros((1, 3, 60, 80), dtype=torch.uint8)
    made = torch.cat([clip_of("steam", black, [0.0], 0.5, seed) for seed in range(40)]).double()
    assert made.mean() == pytest.approx(0.25 * VEIL, rel=0.1)  # half of s on average
    assert made.max() <= 0.5 * VEIL + 0.5
    white = torch.full_like(black, int(VEIL))
    assert torch.equal(clip_of("steam", white, [0.0], 0.5, 1), white)


def test_haze_moves_a_ramp_by_its_strength_and_leaves_a_plain_picture():
    """On a ramp of 2 levels a pixel the change is twice the shift along it: root mean square 2 s."""
    ramp = (2 * torch.arange(100)).to(torch.uint8).expand(1, 3, 80, 100).contiguous()
    made = [clip_of("heat_haze", ramp, [0.0], 1.5, seed) for seed in range(30)]
    inner = [(each.double() - ramp.double())[..., 10:-10] for each in made]
    assert float(torch.cat(inner).pow(2).mean().sqrt()) == pytest.approx(3.0, rel=0.1)
    plain = torch.full_like(ramp, 77)
    assert torch.equal(clip_of("heat_haze", plain, [0.0], 3.0, 1), plain)


@pytest.mark.parametrize("name", ["steam", "heat_haze"])
def test_a_clip_may_come_in_parts(name):
    frames = torch.randint(0, 256, (4, 3, 40, 50), dtype=torch.uint8, generator=from_seed(1))
    times = [0.0, 0.04, 0.08, 0.12]
    whole = clip_of(name, frames, times, 0.5, 3)
    parts = [clip_of(name, frames[a : a + 2], times[a : a + 2], 0.5, 3) for a in (0, 2)]
    assert torch.equal(whole, torch.cat(parts))
