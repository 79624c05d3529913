"""The authors' folders of ImageNet, -C and -P are read as they are unpacked, and give what memory gives."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from tests.plugins.published.made_layouts import imagenet, imagenet_c, imagenet_p
from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.expand import expand_sources
from vidrobust.models.classes import imagenet as names_of_imagenet
from vidrobust.models.classes import imagenet_wnids, sets_for
from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.corrupted_files import measure_errors, measure_flips, suite_of
from vidrobust.plugins.published.corruptions import corruptions, crop_224, with_extra
from vidrobust.plugins.published.labelled_images import read_labels, read_layout
from vidrobust.predictions import Classifications

FEW = {"contrast": "digital", "brightness": "weather", "speckle_noise": "extra"}


class Tone:
    """Answers tabby where a picture is dark, airliner where it is bright, by its mean."""

    name = "tone"
    class_names = names_of_imagenet()
    task = "classification"
    device = "cpu"

    def __call__(self, pixels):
        bright = pixels.float().mean(dim=(1, 2, 3)).numpy() / 255
        p = np.full((len(pixels), 1000), 1e-6)
        p[:, imagenet_wnids()["n02123045"]] = 1 - bright
        p[:, imagenet_wnids()["n02690373"]] = bright
        return Classifications(p / p.sum(axis=1, keepdims=True), self.class_names)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    made = {}
    for k, level in enumerate((70, 105, 120, 135, 190)):
        wave = level + 50 * np.sin(np.arange(300)[:, None] / 9) * np.cos(np.arange(260)[None] / 13)
        grain = wave[None] + rng.normal(0, 4, (3, 300, 260))
        picture = torch.from_numpy(np.clip(grain, 0, 255).astype(np.uint8))
        made[f"ILSVRC2012_val_0000000{k}"] = ("n02123045" if k < 3 else "n02690373", picture)
    return made


def test_folders_in_a_class_folder_are_groups_that_widen_the_interval(tmp_path, pictures):
    alone = read_layout(imagenet(tmp_path / "alone", pictures)).plain
    assert alone.groups == ()
    folder = imagenet(tmp_path / "groups", pictures)
    clip = folder / "n02123045" / "clip one"
    clip.mkdir()
    for path in sorted((folder / "n02123045").glob("*.png"))[:2]:
        path.rename(clip / path.name)
    grouped = read_layout(folder).plain
    of = dict(zip((path.name for path in grouped.paths), grouped.labels, strict=True))
    assert of == dict(zip((path.name for path in alone.paths), alone.labels, strict=True))
    assert grouped.groups.count("n02123045/clip one") == 2
    assert len(set(grouped.groups)) == 4
    one, other = (corruptions(each, [Tone()], only=["contrast"]) for each in (alone, grouped))
    assert one["models"]["tone"]["mce"] == other["models"]["tone"]["mce"]
    assert other["models"]["tone"]["groups"] == 4


def test_the_numbers_of_wordnet_are_imagenets_classes_in_order():
    wnids, names = imagenet_wnids(), names_of_imagenet()
    assert len(wnids) == 1000
    assert list(wnids) == sorted(wnids)
    known = {"n02123045": "tabby", "n02690373": "airliner", "n01440764": "tench"}
    known |= {"n15075141": "toilet tissue"}
    assert {w: names[wnids[w]] for w in known} == known
    behind = ("background", *names)
    assert sets_for([frozenset({"n02123045"})], behind)[0] == [frozenset({282})]
    with pytest.raises(SettingsError, match="no class of the model"):
        sets_for([frozenset({"n02123045"})], ("cat", "dog"))


def test_a_picture_of_the_networks_size_goes_in_as_it_is(pictures):
    crop = crop_224(pictures["ILSVRC2012_val_00000000"][1])
    assert crop.shape == (3, 224, 224)
    assert torch.equal(crop_224(crop), crop)
    assert not torch.equal(crop_224(torch.nn.functional.pad(crop, (0, 1))), crop)


def test_class_folders_give_what_a_table_of_labels_gives(pictures, tmp_path):
    folder = imagenet(tmp_path / "val", pictures)
    plain = read_layout(folder).plain
    assert [set(label) for label in plain.labels] == [{"n02123045"}] * 3 + [{"n02690373"}] * 2
    found = corruptions(plain, [Tone()], only=("brightness", "saturate"))
    one = found["models"]["tone"]
    assert list(one["corruptions"]) == ["brightness", "saturate"]
    mean = np.mean(one["corruptions"]["saturate"]["errors"])
    assert one["corruptions"]["saturate"]["ce"] == pytest.approx(100 * mean / 0.658248)
    # an extra one does not count
    assert one["mce"] == pytest.approx(one["corruptions"]["brightness"]["ce"])


def test_files_of_imagenet_c_give_the_errors_of_memory(pictures, tmp_path):
    clean = read_layout(imagenet(tmp_path / "val", pictures)).plain
    layout = read_layout(imagenet_c(tmp_path / "c", pictures, FEW))
    assert suite_of(layout) == "imagenet-c"
    assert layout.corruptions == ("brightness", "contrast", "speckle_noise")
    of_files = measure_errors(layout, [Tone()], clean=clean)["models"]["tone"]
    in_memory = corruptions(clean, [Tone()], only=("brightness", "contrast"))["models"]["tone"]
    for name in ("brightness", "contrast"):
        mine, theirs = (each["corruptions"][name] for each in (of_files, in_memory))
        for key in ("errors", "ce", "relative_ce"):
            assert mine[key] == pytest.approx(theirs[key])
    brightness = of_files["corruptions"]["brightness"]
    ce = 100 * np.sum(brightness["errors"]) / np.sum(alexnet.ERRORS["brightness"])
    assert brightness["ce"] == pytest.approx(ce)
    assert of_files["corruptions"]["speckle_noise"]["extra"]
    assert of_files["mce"] == pytest.approx(in_memory["mce"])
    alone = measure_errors(layout, [Tone()])["models"]["tone"]
    assert np.isnan(alone["clean_error"])
    assert np.isnan(alone["relative_mce"])
    assert alone["mce"] == pytest.approx(of_files["mce"])


def test_what_is_not_there_is_said(pictures, tmp_path):
    folder = imagenet_c(tmp_path / "c", pictures, {"contrast": "", "brightness": ""})
    next((folder / "contrast" / "3" / "n02123045").iterdir()).unlink()
    for path in (folder / "brightness" / "5").rglob("*.png"):
        path.unlink()
    found = measure_errors(read_layout(folder), [Tone()])
    assert found["images"] == 4
    assert found["problems"] == [
        "brightness lacks strength 5, and is left out",
        "1 images are not there in every folder, and are left out",
    ]
    with pytest.raises(InputError, match="holds no class folders"):
        read_layout(tmp_path)
    said = "'fog' is not in the folder; there are brightness, contrast"
    with pytest.raises(SettingsError, match=said):
        measure_errors(read_layout(folder), [Tone()], only=("fog",))


def test_films_of_imagenet_p_give_flip_rates(pictures, tmp_path):
    layout = read_layout(imagenet_p(tmp_path / "p", pictures, ("brightness", "shear")))
    found = measure_flips(layout, [Tone()])
    one = found["models"]["tone"]
    assert (found["suite"], one["n"]) == ("imagenet-p", 5)
    assert list(one["sequences"]) == ["brightness", "shear"]
    flips = one["sequences"]["brightness"]["flip_probability"]
    assert 0 < flips <= 0.1  # the mean of a picture passes one half once on its way, if at all
    rate = 100 * flips / alexnet.FLIP_PROBABILITIES["brightness"]
    assert one["sequences"]["brightness"]["flip_rate"] == pytest.approx(rate)
    assert one["mfr"] == pytest.approx(rate)  # shear does not count
    assert "9 of the ten" not in found["notes"][1]
    assert "over 1 of the ten" in found["notes"][1]


def test_class_folders_as_sources_are_stills(pictures, tmp_path):
    folder = imagenet(tmp_path / "val", pictures)
    items = expand_sources([folder]).items
    assert [item.path.parent.name for item in items] == ["n02123045"] * 3 + ["n02690373"] * 2
    named = expand_sources([str(p) for p in sorted((folder / "n02123045").iterdir())]).items
    assert len(named) == 3


def test_the_command_writes_what_it_says(pictures, tmp_path, printed):
    folder = imagenet(tmp_path / "val", {k: pictures[k] for k in list(pictures)[:2]})
    out = tmp_path / "made" / "errors.csv"
    model = "tests.plugins.published.test_image_layouts:Tone"
    command = ("corruptions", folder, f"--model={model}", "--corruption=contrast", "-q")
    assert "contrast" in printed(0, *command, "--out", out).out
    (row,) = pd.read_csv(out).to_dict("records")
    assert row["model"] == "tone"
    printed(0, *command, "--out", out.with_suffix(".json"))
    told = json.loads(out.with_suffix(".json").read_text())
    assert told["models"]["tone"]["corruptions"]["contrast"]["errors"][0] == row["error_1"]
    for wrong in (("--clean", folder), ("--out", tmp_path / "x.txt")):
        printed(2, *command, *wrong)


def test_extra_adds_the_four():
    extra = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    assert with_extra((), "imagenet-c")[-4:] == extra
    with pytest.raises(SettingsError, match="cifar-c has no extra"):
        with_extra((), "cifar-c")


def test_a_column_says_which_images_depend_on_each_other(pictures, tmp_path):
    folder = imagenet(tmp_path / "val", pictures)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    rows = [f"{file},{file.split('/')[0]},{k // 2}" for k, file in enumerate(files)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["file,label,group", *rows]))
    found = corruptions(read_labels(folder, table), [Tone()], only=("brightness",))
    assert found["models"]["tone"]["groups"] == 3
    table.write_text("\n".join(["file,label,group", *rows, rows[0][:-1] + "9"]))
    with pytest.raises(InputError, match=r"line 7, column group: .* is of 0 already, got 9"):
        read_labels(folder, table)


def test_labels_may_use_the_name_of_imagenet_or_the_one_shown():
    sets, _ = sets_for([frozenset({"nipple"}), frozenset({"bottle teat"})], names_of_imagenet())
    assert sets == [frozenset({680}), frozenset({680})]
    own, _ = sets_for([frozenset({"nipple"})], ("hose", "nipple"))
    assert own == [frozenset({1})]
