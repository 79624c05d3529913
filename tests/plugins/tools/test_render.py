"""The rendered files, the contact sheet and the page of the catalogue."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from perturbations_page import page
from PIL import Image

from tests.perturb.conftest import make_picture
from vidrobust.errors import InputError, SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, SUITES, suite
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.tools.render import THUMBNAIL_PX, read_picture, render


def size_of(path):
    with Image.open(path) as image:
        return image.size


def array_of(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "part.png"
    Image.fromarray(make_picture(48, 64).permute(1, 2, 0).numpy()).save(path)
    return path


def test_every_perturbation_and_strength_is_written(picture, tmp_path):
    out, name = tmp_path / "out", "natural"
    written = render(picture, out, seed=5, suite_name=name)
    wanted = {out / p.name / f"{s:g}.png" for p in suite(name) for s in p.strengths}
    wanted |= {out / "contact_sheet.png"}
    assert set(written) == wanted
    assert {path for path in out.rglob("*") if path.is_file()} == wanted
    assert all(size_of(path) == (64, 48) for path in wanted if path.name != "contact_sheet.png")


def test_pictures_are_those_of_the_seeded_draw(picture, tmp_path):
    """Whatever the file is called; another seed gives other noise."""
    render(picture, tmp_path / "a", seed=5)
    render(picture, tmp_path / "b", seed=6)
    renamed = picture.rename(tmp_path / "other name.png")
    render(renamed, tmp_path / "c", seed=5)
    picture = renamed
    entry, pixels = PERTURBATIONS["gaussian_noise"], read_picture(picture)
    content = hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
    made = entry.apply(pixels, 20.0, [seeded(content, 0, 0, "gaussian_noise", 5)])
    expected = made[0].permute(1, 2, 0)
    found = array_of(tmp_path / "a" / "gaussian_noise" / "20.png")
    assert np.array_equal(found, expected.numpy())
    assert np.array_equal(found, array_of(tmp_path / "c" / "gaussian_noise" / "20.png"))
    assert not np.array_equal(found, array_of(tmp_path / "b" / "gaussian_noise" / "20.png"))


def test_contact_sheet_has_a_row_each_and_a_column_each_strength(picture, tmp_path):
    render(picture, tmp_path, suite_name="shift")
    sheet = array_of(tmp_path / "contact_sheet.png")
    assert sheet.shape[1] == 4 * (64 + 6) + 6  # the clean picture and at most three strengths
    assert sheet.shape[0] == 6 * (48 + 18 + 6) + 6
    clean = sheet[6 + 18 : 6 + 18 + 48, 6 : 6 + 64]
    assert np.array_equal(clean, array_of(picture))


def test_large_pictures_are_shrunk_on_the_sheet_only(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(make_picture(300, 528).permute(1, 2, 0).numpy()).save(path)
    render(path, tmp_path / "out", suite_name="shift")
    assert size_of(tmp_path / "out" / "circular_shift" / "8.png") == (528, 300)
    _, height = size_of(tmp_path / "out" / "contact_sheet.png")
    assert height == 6 * (THUMBNAIL_PX * 300 // 528 + 24) + 6


def test_mistakes_are_named(tmp_path, picture):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png: cannot be read as a picture"):
        render(tmp_path / "text.png", tmp_path)
    with pytest.raises(InputError, match=r"missing\.png: cannot be read as a picture"):
        render(tmp_path / "missing.png", tmp_path)
    with pytest.raises(SettingsError, match="did you mean natural"):
        render(picture, tmp_path, suite_name="naturl")


def test_the_page_has_a_row_for_every_perturbation():
    lines = (line for line in page().splitlines() if line.startswith("| "))
    rows = Counter(line.split(" | ")[0].removeprefix("| ") for line in lines)
    names = Counter(p.name for p in PERTURBATIONS.values())
    assert rows - Counter({"name": len(SUITES)}) == names
