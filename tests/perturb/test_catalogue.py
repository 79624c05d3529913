"""Suites, names and keys; seeds; and that adding a perturbation takes a function and an entry."""

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.perturb import draws
from vidrobust.perturb.catalogue import PERTURBATIONS, SUITES, catalogue_of, find, suite
from vidrobust.perturb.perturbation import Perturbation, without_chance

from ..stand_in import stand_in

NATURAL = (
    "brightness illumination light_gradient soft_shadow exposure_offset contrast gamma saturation hue "
    "white_balance translation rotation scale shear "
    "perspective horizontal_flip gaussian_blur motion_blur defocus_blur sharpening gaussian_noise shot_noise "
    "impulse_noise speckle_noise jpeg h264 quantization occlusion patch_gaussian"
)


def test_natural_suite_is_complete_and_the_default():
    assert {p.name for p in suite("natural")} == set(NATURAL.split())
    assert suite() == suite("natural")


def test_suites_share_out_the_catalogue():
    assert sum(len(suite(name)) for name in SUITES) == len(PERTURBATIONS)
    assert all(key == entry.key for key, entry in PERTURBATIONS.items())


def test_unknown_names_get_the_nearest():
    with pytest.raises(SettingsError, match="no suite 'naturl'; did you mean natural"):
        suite("naturl")
    with pytest.raises(SettingsError, match="no perturbation 'brightnes'; did you mean brightness"):
        find("brightnes")
    assert find("hue") is PERTURBATIONS["hue"]


def test_the_catalogue_cannot_be_changed_in_place():
    with pytest.raises(TypeError):
        PERTURBATIONS["new"] = PERTURBATIONS["hue"]


def test_adding_one_is_a_function_and_an_entry():
    """As docs/adding-a-perturbation.md has it: the page's own code, run as a module of the catalogue."""
    page = Path(__file__).parents[2] / "docs" / "adding-a-perturbation.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    module = types.ModuleType("fogged")
    exec(compile(code, str(page), "exec"), module.__dict__)
    table = catalogue_of([module])
    (entry,) = table.values()
    pixels = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    changed = entry.apply(pixels, 0.5, draws.from_seed(0))
    assert (changed == 150).all()  # half way from 100 to 200
    assert torch.equal(entry.apply(pixels, 0, draws.from_seed(0)), pixels)


def test_the_same_key_twice_is_refused():
    def entry():
        core = without_chance(lambda pixels, values: pixels)
        return Perturbation(
            name="twice",
            suite="natural",
            family="light",
            unit="x",
            strengths=(1.0,),
            range=(0, 1),
            apply=core,
        )

    module = types.ModuleType("module")
    module.PERTURBATIONS = (entry(), entry())
    with pytest.raises(SettingsError, match="two perturbations have the key twice"):
        catalogue_of([module])


def test_seeds_are_the_same_in_every_process():
    """A value written down once, and another process: not Python's salted hash."""
    code = "from vidrobust.perturb.draws import seeded; print(seeded('clip.mp4', 3, 1, 'hue', 7).initial_seed())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == draws.seeded("clip.mp4", 3, 1, "hue", 7).initial_seed()
    # int.from_bytes(hashlib.blake2b(b"7\x1fhue\x1fclip.mp4\x1f3\x1f1", digest_size=8).digest(), "big") >> 1
    assert int(other.stdout) == 5630114210983273972


def test_every_argument_changes_the_seed():
    base = ("clip", 1, 2, "hue", 3)
    others = [("clap", 1, 2, "hue", 3), ("clip", 2, 2, "hue", 3), ("clip", 1, 3, "hue", 3)]
    others += [("clip", 1, 2, "gamma", 3), ("clip", 1, 2, "hue", 4), ("clip", 12, 0, "hue", 3)]
    seeds = {draws.seeded(*arguments).initial_seed() for arguments in [base, *others]}
    assert len(seeds) == 7


def test_sixteen_bits_are_uniform():
    """16 cells of 100 000 numbers: chi square with 15 degrees of freedom, 99.9 % below 37.7."""
    bits = draws.SixteenBits(draws.from_seed(0)).next((100_001,)).int()
    assert int(bits.min()) >= 0
    assert int(bits.max()) <= 65535
    counts = torch.bincount(bits >> 12, minlength=16).double()
    expected = counts.sum() / 16
    assert float(((counts - expected) ** 2 / expected).sum()) < 37.7
    low = torch.bincount(bits & 15, minlength=16).double()
    assert float(((low - expected) ** 2 / expected).sum()) < 37.7


@pytest.mark.parametrize("place", ["cpu", "cuda:0"])
def test_bits_are_of_splitmix64(place, monkeypatch):
    """The first five words of the authors' program for the seed 1234567; in parts, and on a device."""
    words = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    words += [4593380528125082431, 16408922859458223821]
    expected = [(word >> shift) & 0xFFFF for word in words for shift in (0, 16, 32, 48)]
    monkeypatch.setattr(draws, "draw_seed", lambda _: 1234567)
    bits = draws.SixteenBits(draws.from_seed(0))
    with stand_in() as copies:
        parts = [bits.next(shape, place) for shape in ((2, 4), (3,), (1, 5))]
        assert {str(part.device) for part in parts} == {place}
        assert not copies.made
        first, second, third = (part.cpu().flatten().tolist() for part in parts)
    assert [*first, *second, *third] == expected[:16]
