"""What noise and coding may be in training: each candidate as large as the difference, told by its grain."""

import cv2
import numpy as np
import pytest
import torch

from tests.frame_pairs.planted import recorded, still, view
from vidrobust.frames.pixels import to_array, to_levels, to_tensor
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.causes.candidate_fits import CANDIDATES, candidates
from vidrobust.stages.causes.catalogue import REPLAYED
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.policy.candidates import GRAIN_NEAR


def scene():
    """Textured at all scales, as real pictures are."""
    rng = np.random.default_rng(0)
    grain = [(s, rng.normal(0, 1, (240, 320, 3))) for s in (0.7, 2, 6, 18)]
    parts = [cv2.GaussianBlur(drawn, (0, 0), s) * s for s, drawn in grain]
    return np.clip(128 + 25 * sum(parts), 0, 255).astype(np.float32)


def fitted(half, codec=""):
    """The candidates of a pair whose noise and coding differ by twice this."""
    mean = scene()
    both = tuple(to_levels(mean + sign * half) for sign in (1, -1))
    steps = (0,) * (len(REPLAYED) + 1)
    pictures, there_and_back = (*both, *both), {"forwards": steps, "backwards": steps}
    pair = PairReplays(pictures=pictures, exchange=((2, 3),), **there_and_back)
    album, found = candidates(pair, codec)
    for each in found:
        played = (album[each.played].astype(np.float32) - album[each.before]) / 2
        energies = [np.sqrt(np.square(each).mean()) for each in (played, half)]
        assert np.isclose(*energies, rtol=0.1)
    return {each.perturbation: each for each in found}


def test_of_what_h264_leaves_h264_has_the_grain_and_the_bit_rate():
    picture = to_levels(scene())
    coded = to_array(PERTURBATIONS["h264"].apply(to_tensor([picture]), 80.0, torch.Generator())[0])
    found = fitted(coded.astype(np.float32) - picture)
    apart = {name: abs(each.grain - each.grain_seen) for name, each in found.items()}
    assert apart["h264"] <= GRAIN_NEAR / 2
    assert 80 / 1.3 < found["h264"].strength < 80 * 1.3
    assert min(apart["gaussian_noise"], apart["shot_noise"]) > GRAIN_NEAR


@pytest.mark.parametrize(
    ("cause", "made", "perturbation", "strength"),
    [
        ("light", lambda scene, k: view(scene, gain=(1, 0.92, 1.08, 1)[k]), "brightness", 0.16),
        ("camera", lambda scene, k: view(scene, shift=(3.0 * k, -2.0 * k)), "translation", 13**0.5),
    ],
)
def test_a_cause_is_played_as_strong_as_it_was(corpus, cause, made, perturbation, strength):
    scene = still(corpus)
    pair = study_pair(*recorded([made(scene, k) for k in range(4)], 1.0, 0))
    pictures, fits = candidates(pair)
    (found,) = (one for one in fits if (one.cause, one.perturbation) == (cause, perturbation))
    assert abs(found.strength) == pytest.approx(strength, rel=0.15)
    places = (found.before, found.after, found.played)
    before, after, played = (pictures[k].astype(float)[20:-20, 20:-20] for k in places)
    assert np.abs(played - after).mean() < 0.3 * np.abs(before - after).mean()
    assert not {one.cause for one in fits} & ({"light", "camera"} - {cause})


def test_where_no_bit_rate_is_as_gentle_as_the_noise_there_is_none():
    found = fitted(np.random.default_rng(1).normal(0, 1.0, (240, 320, 3)).astype(np.float32))
    assert set(found) == {"gaussian_noise", "shot_noise", "jpeg"}
    assert CANDIDATES["noise_and_coding"] == ("gaussian_noise", "shot_noise", "jpeg", "h264")


def test_what_the_stream_rules_out_is_not_asked_for():
    picture = to_levels(scene())
    coded = to_array(PERTURBATIONS["h264"].apply(to_tensor([picture]), 80.0, torch.Generator())[0])
    error = coded.astype(np.float32) - picture
    of_sensor = {"gaussian_noise", "shot_noise"}
    others = {"hevc": {"h264"}, "mjpeg": {"jpeg"}, "ffv1": {"jpeg"}, "no codec": {"jpeg", "h264"}}
    for codec, more in others.items():
        assert set(fitted(error, codec)) == of_sensor | more
