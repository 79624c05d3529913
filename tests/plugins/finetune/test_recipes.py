"""Recipes of the user: each kind of file, what it does to a picture, and what is refused."""

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.plugins.finetune.recipes import (
    applied,
    by_request,
    of_file,
    of_policy,
    usual,
    usual_of_boxes,
)
from vidrobust.plugins.finetune.request import NAMED
from vidrobust.plugins.finetune.steps import AugmentationStep

PICTURE = torch.arange(3 * 4 * 6, dtype=torch.uint8).reshape(3, 4, 6)


def test_the_portfolio_of_classifiers_and_of_detectors():
    step = [AugmentationStep(key="brightness", low=-0.1, high=0.1)]
    assert [each.name for each in (*usual(), *of_policy(step, boxes=False))] == [
        *("plain", "colorjitter", "trivialaugment", "randaugment", "augmix"),
        *("policy", "policy-next-frame"),
    ]
    boxes = [each.name for each in (*usual_of_boxes(), *of_policy(step, boxes=True))]
    assert boxes == ["plain", "colorjitter", "ssd", "policy"]
    assert of_policy([], boxes=False) == ()


def test_recipes_that_the_help_names_are_there():
    assert [each.name for each in by_request(boxes=False)] == list(NAMED)
    assert {each.name for each in by_request(boxes=True)} == {*NAMED[:4]}


def test_patches_and_gains_are_drawn_anew_and_stay_pictures():
    by_name = {each.name: each for each in by_request(boxes=False)}
    grey = torch.full((3, 32, 48), 120, dtype=torch.uint8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        patched = [applied(by_name["patch-gaussian"].transform, grey) != grey for _ in range(20)]
        gained = [applied(by_name["gains-shifts"].transform, grey) for _ in range(20)]
    shares = [float(one.any(dim=0).float().mean()) for one in patched]
    assert 0 < min(shares) < 0.3 < max(shares) <= 1
    levels = torch.stack([one[:, 16, 24] for one in gained]).float()
    assert 0.8 * 120 - 20 <= levels.min() < 100 < 140 < levels.max() <= 1.2 * 120 + 20
    assert (levels.std(dim=1) > 1).all()  # channel by channel


def test_a_python_file(tmp_path):
    path = tmp_path / "My Flip.py"
    code = "transform = v2.RandomHorizontalFlip(1.0)\n"
    path.write_text(f"from torchvision.transforms import v2\n{code}")
    recipe = of_file(path)
    assert recipe.name == "my-flip"
    assert torch.equal(applied(recipe.transform, PICTURE), PICTURE.flip(-1))


def test_an_albumentations_file(tmp_path):
    albumentations = pytest.importorskip("albumentations")
    path = tmp_path / "flip.yaml"
    flip = albumentations.Compose([albumentations.VerticalFlip(p=1.0)])
    albumentations.save(flip, str(path), data_format="yaml")
    transform = of_file(path).transform
    assert torch.equal(applied(transform, PICTURE), PICTURE.flip(-2))


def test_an_ultralytics_file(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "hyp.yaml"
    path.write_text("lr0: 0.01\nfliplr: 1.0\nmosaic: 1.0\n")
    transform = of_file(path).transform
    assert torch.equal(applied(transform, PICTURE), PICTURE.flip(-1))
    path.write_text("hsv_v: 0.4\n")
    bright = of_file(path).transform
    grey = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    means = [float(applied(bright, grey).float().mean()) for _ in range(40)]
    assert 60 <= min(means) < 80  # times .6 to 1.4
    assert 120 < max(means) <= 140


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.py", "x = 1\n", "defines no callable named transform"),
        ("broken.py", "import nothing_of_that_name\n", "cannot be imported"),
        ("other.yaml", "a: 1\n", "holds neither an Albumentations transform nor any of hsv_h"),
        ("recipe.txt", "", "give a Python file that defines transform"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, said):
    pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=said):
        of_file(tmp_path / name)


def test_a_transform_that_changes_size_or_type_is_refused():
    for transform in (lambda picture: picture[:, :2], lambda picture: picture.float() / 255):
        with pytest.raises(SettingsError, match="it must keep size and type"):
            applied(transform, PICTURE)
    same = applied(lambda picture: np.asarray(picture), PICTURE)
    assert torch.equal(same, PICTURE)
