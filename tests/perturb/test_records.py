"""What the record of a perturbation says of it, held against what the perturbation does."""

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed
from vidrobust.perturb.perturbation import Perturbation, either_sign, given_sign, without_chance
from vidrobust.stages.causes.candidate_fits import CANDIDATES
from vidrobust.stages.causes.catalogue import ACCOUNT_CAUSES
from vidrobust.stages.variation.spread import CONDITIONS

DIRECTED = [key for key, entry in PERTURBATIONS.items() if entry.signed]


def picture():
    rng = np.random.default_rng(0)
    rough = rng.integers(30, 220, (3, 6, 8)).repeat(8, axis=1).repeat(8, axis=2)
    return torch.from_numpy(rough.astype(np.uint8))[None]


@pytest.mark.parametrize("key", DIRECTED)
def test_either_way_means_that_apply_draws_both_directions(key):
    """A blur's signed form sharpens, but the blur itself only blurs: not either way."""
    entry, pixels = PERTURBATIONS[key], picture()
    strength = entry.strengths[-1]
    ways = {-1: False, 1: False}
    for seed in range(32):
        made = entry.apply(pixels, strength, from_seed(seed))
        for way in ways:
            both = [entry.apply_signed(pixels, way * strength, of) for of in entry.signed]
            ways[way] |= any(torch.equal(made, each) for each in both)
    assert ways[1]
    assert ways[-1] == entry.either_way


def test_a_shear_leans_either_way_though_it_has_no_signed_form():
    entry = PERTURBATIONS["shear"]
    ramp = torch.arange(64, dtype=torch.uint8).repeat(3, 48, 1)[None] * 3
    # upright rows slide: the top of the picture moves to one side in some draws, to the other in others
    drawn = (entry.apply(ramp, 5.0, from_seed(seed)) for seed in range(32))
    slides = [float(each[0, 0, 8, 20:44].float().mean()) for each in drawn]
    middle = float(ramp[0, 0, 8, 20:44].float().mean())
    assert min(slides) < middle - 3 < middle + 3 < max(slides)
    assert entry.either_way
    assert not entry.signed


def test_lengths_are_those_whose_unit_is_of_pixels():
    lengths = {key for key, entry in PERTURBATIONS.items() if entry.is_length}
    natural = {key for key in lengths if PERTURBATIONS[key].suite == "natural"}
    assert natural == {"translation", "gaussian_blur", "motion_blur", "defocus_blur"}


@pytest.mark.parametrize("key", ["gaussian_blur", "defocus_blur"])
def test_a_blur_is_a_length(key):
    """Twice the picture with twice the strength, made smaller again, is the picture with the strength."""
    entry, pixels = PERTURBATIONS[key], picture()
    large = pixels.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    made = entry.apply(large, 8.0, from_seed(0)).float()
    small = torch.nn.functional.avg_pool2d(made, 2)
    wanted = entry.apply(pixels, 4.0, from_seed(0)).float()
    assert float((small - wanted).abs().mean()) < 1.0
    assert float((pixels.float() - wanted).abs().mean()) > 10


def test_conditions_and_causes_exist():
    for entry in PERTURBATIONS.values():
        assert set(entry.condition) <= set(CONDITIONS), entry.key
        assert set(entry.stands_for) <= set(ACCOUNT_CAUSES), entry.key


def test_candidates_are_those_that_say_so_the_plainest_first():
    assert CANDIDATES["colour"][:3] == ("white_balance", "hue", "saturation")
    assert CANDIDATES["sharpness"] == ("gaussian_blur", "defocus_blur", "motion_blur")
    assert CANDIDATES["came_into_view"] == ()


def _lifted(pixels, signed):
    return pixels


def test_what_stands_for_light_has_a_signed_form():
    summary = {
        "name": "veil",
        "suite": "natural",
        "family": "light",
        "unit": "amount",
        "strengths": (1.0,),
        "range": (0.0, 2.0),
        "stands_for": {"light": 9},
    }
    with pytest.raises(SettingsError, match=r"veil.*stands for light, and so needs a signed form"):
        Perturbation(**summary, apply=without_chance(_lifted))
    made = Perturbation(**summary, apply=either_sign(_lifted), signed={"veil": given_sign(_lifted)})
    assert (made.noun, made.said(1.0)) == ("veil", "veil at strength 1")
    assert made.said(1.0, 1.5, 2.0) == "veil at strength 1 to 2"
