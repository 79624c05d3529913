"""The corruption suites on real images with a real network, against the reference package run by hand."""

import contextlib
import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torchvision import transforms

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the package's own dependencies
    import imagecorruptions

from vidrobust.cli import app as cli
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.classes import sets_for
from vidrobust.models.load import load_model
from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.corruptions import corruptions, without_second_resize
from vidrobust.plugins.published.labelled_images import LabelledImages, pictures, read_labels
from vidrobust.predictions import Classifications
from vidrobust.video.source import open_video

CLIPS = {"objects/cotracker_cat.mp4": range(281, 286), "objects/sam2_01_dog.mp4": range(151, 269)}
DETERMINISTIC = ("brightness", "contrast", "defocus_blur", "jpeg_compression", "pixelate")
DETERMINISTIC = (*DETERMINISTIC, "zoom_blur")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, corpus):
    """A frame of each of two clips as PNG, and labels.csv with the indices of ImageNet that are right."""
    made = tmp_path_factory.mktemp("images")
    rows = ["file,label"]
    for clip, classes in CLIPS.items():
        with open_video(corpus / clip) as source:
            frames = source.at([5])
        for k, pixels in enumerate(frames.pixels):
            name = f"{Path(clip).stem}_{k}.png"
            Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(made / name)
            rows += [f"{name},{c}" for c in classes]
    (made / "labels.csv").write_text("\n".join(rows) + "\n")
    return made


@pytest.fixture(scope="module")
def spec(models):
    return f"onnx:{models / 'mobilenet_v2_1.0_224.onnx'}"


@pytest.fixture(scope="module")
def found(folder, spec):
    """What the command prints as JSON."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        given = ["corruptions", str(folder), f"--labels={folder / 'labels.csv'}"]
        cli.main([*given, f"--model={spec}", "--json", "-q"])
    return json.loads(said.getvalue())


def reference(folder, models):
    """The error of the same network by other means: Pillow's resize, the package's corruption, onnxruntime."""
    images = read_labels(folder, folder / "labels.csv")
    cut = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    crops = [np.array(cut(Image.open(path).convert("RGB"))) for path in images.paths]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    providers, file = ["CPUExecutionProvider"], models / "mobilenet_v2_1.0_224.onnx"
    session = onnxruntime.InferenceSession(file, options, providers=providers)
    entry = session.get_inputs()[0]
    outputs = load_model(f"onnx:{models / 'mobilenet_v2_1.0_224.onnx'}", device="cpu").class_names
    shift = len(outputs) - 1000  # a background class in front

    def error(name, severity):
        wrong = []
        for crop, label in zip(crops, images.labels, strict=True):
            if severity:
                crop = imagecorruptions.corrupt(crop, corruption_name=name, severity=severity)
            x = (crop.astype(np.float32) - 127.5) / 127.5
            x = x[None] if entry.shape[-1] == 3 else x.transpose(2, 0, 1)[None]
            top = int(np.ravel(session.run(None, {entry.name: x})[0]).argmax())
            wrong.append(str(top - shift) not in label)
        return float(np.mean(wrong))

    return error


def test_errors_are_those_of_the_reference_package(folder, models, found):
    """Those without chance; random ones pixel by pixel: perturbations/test_imagenet_c.py."""
    error = reference(folder, models)
    (one,) = found["models"].values()
    assert one["n"] == 2
    assert one["clean_error"] == pytest.approx(error("", 0))
    for name in DETERMINISTIC:
        ours = one["corruptions"][name]["errors"]
        assert ours == pytest.approx([error(name, s) for s in range(1, 6)]), name


def test_mce_is_the_mean_of_ratios_of_sums(found):
    (one,) = found["models"].values()
    errors = {name: sum(each["errors"]) for name, each in one["corruptions"].items()}
    ce = {name: 100 * error / sum(alexnet.ERRORS[name]) for name, error in errors.items()}
    assert {name: each["ce"] for name, each in one["corruptions"].items()} == pytest.approx(ce)
    assert one["mce"] == pytest.approx(np.mean(list(ce.values())))
    assert list(ce) == list(alexnet.ERRORS)
    assert set(one) >= {"clean_error", "mce", "relative_mce", "corruptions"}
    assert "the photographs of ice of frost" in found["notes"][1]


def test_results_depend_on_content_and_seed_alone(folder, tmp_path):
    """Two of the images under other names, in another order and batch: each answers as when it is alone."""
    some, label, model = ("sam2_01_dog_0.png", "cotracker_cat_0.png"), frozenset({"cow"}), Levels()
    for new, old in zip(("0.png", "1.png"), some, strict=True):
        with Image.open(folder / old) as picture:
            picture.resize((64, 64)).save(tmp_path / old)
        shutil.copy(tmp_path / old, tmp_path / new)

    def answers(names, **how):
        images = LabelledImages(tuple(tmp_path / name for name in names), (label,) * len(names))
        return corruptions(images, [model], suite="tiny-imagenet-c", **how)

    few = answers(("0.png", "1.png"), batch=1)
    each = [answers([name]) for name in some]
    found = (one["models"]["levels"]["corruptions"].values() for one in (few, *each))
    together, *apart = ([c["errors"] for c in of] for of in found)
    np.testing.assert_allclose(together, np.mean(apart, axis=0))
    assert 0 < np.mean(together) < 1


def test_the_model_sees_the_crop_without_a_second_resize(models, spec):
    """A crop of 224 px goes through pixel by pixel; a network of 128 px resizes it once and cuts nothing."""
    drawn = torch.Generator().manual_seed(0)
    crop = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8, generator=drawn)
    as_is = without_second_resize(load_model(spec, device="cpu"))
    assert torch.equal(as_is.network.preprocess.cut(crop), crop)
    tiny = f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}"
    small = without_second_resize(load_model(tiny, device="cpu"))
    assert small.network.preprocess.resized == (128,)
    assert small.network.preprocess.cut(crop).shape == (1, 3, 128, 128)


class Constant:
    """Always the same class: it never flips, and is wrong on all but that."""

    name = "constant"
    class_names = ("cat", "dog", "cow", "pig", "hen", "bee")
    task = "classification"

    def __call__(self, pixels):
        shares = np.float32([0.5, 0.3, 0.1, 0.05, 0.03, 0.02])
        return Classifications(np.tile(shares, (len(pixels), 1)), self.class_names)


class Dog(Constant):
    """Always another class."""

    name = "dog"
    class_names = ("dog", "cat", "cow", "pig", "hen", "bee")


class Levels(Constant):
    """Answers by the mean level of the frame, in six steps: noise flips it, a constant picture does not."""

    name = "levels"

    def __call__(self, pixels):
        level = pixels.float().mean(dim=(1, 2, 3)).numpy()
        near = -np.abs(level[:, None] - np.arange(6) * 51)
        return Classifications.from_logits(near / 10, self.class_names)


def test_flip_suite_on_real_images(folder):
    """A constant model never flips; brightness steps of .02 flip a model of levels where they cross a step."""
    labels = LabelledImages((folder / "cotracker_cat_0.png",), (frozenset({"dog"}),))
    found = corruptions(labels, [Constant(), Levels()], suite="imagenet-p")
    constant, levels = found["models"]["constant"], found["models"]["levels"]
    names = ("flip_probability", "mfr", "t5d", "clean_error")
    assert [constant[name] for name in names] == [0, 0, 0, 1]
    assert len(constant["sequences"]) == 14
    assert sum(each["scored"] for each in constant["sequences"].values()) == 10
    flips = levels["sequences"]["brightness"]["flip_probability"] * 30
    assert flips == pytest.approx(round(flips))  # of 30 compared frames
    assert 1 <= flips <= 6
    assert levels["mfr"] > 0


# -------------------------------------------------------------------------------------- labels and images


def test_labels_are_read_with_sets_and_what_is_missing_is_counted(folder, tmp_path):
    table = tmp_path / "labels.csv"
    rows = "cotracker_cat_0.png,281\ncotracker_cat_0.png,282\nnowhere.png,3\n"
    table.write_text(f"File, Label\n{rows}")
    images = read_labels(folder, table)
    assert images.labels == (frozenset({"281", "282"}),)
    assert images.unlabelled == 1
    assert "1 files are not in" in images.problems[0]
    assert "nowhere.png" in images.problems[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na,b\n", "line 1: lacks the column file"),
        ("file,label\ncotracker_cat_0.png,\n", "line 2, column label: is empty"),
        ("file,label\n", "labels nothing"),
        ("file,label\nx.png,1\n", "holds none of the 1 files"),
    ],
)
def test_wrong_tables_name_line_and_column(text, message, folder, tmp_path):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(folder, tmp_path / "labels.csv")
    with pytest.raises(InputError, match="no such file"):
        read_labels(folder, tmp_path / "missing.csv")
    with pytest.raises(InputError, match="no such folder"):
        read_labels(tmp_path / "missing", tmp_path / "labels.csv")


def test_names_numbers_and_a_background_class():
    names = ("crane", "dog", "crane")
    assert sets_for([frozenset({"Crane", "1"})], names) == ([frozenset({0, 1, 2})], "")
    background = ("background", *(f"class {k}" for k in range(1000)))
    assert sets_for([frozenset({"0"})], background)[0] == [frozenset({1})]
    assert "ImageNet's" in sets_for([frozenset({"0"})], background)[1]
    said = "label 'cow': no class of the model, which has 3: crane, dog"
    with pytest.raises(SettingsError, match=said):
        sets_for([frozenset({"cow"})], names)
    with pytest.raises(SettingsError, match="label '3'"):
        sets_for([frozenset({"3"})], names)


def test_an_image_that_cannot_be_read_is_a_problem_and_the_others_go_on(folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    shutil.copy(folder / "cotracker_cat_0.png", tmp_path / "good.png")
    (tmp_path / "labels.csv").write_text("file,label\nbroken.png,cat\ngood.png,cat\n")
    images = read_labels(tmp_path, tmp_path / "labels.csv")
    assert [number for number, _ in pictures(images)] == [1]
    assert "broken.png: cannot be read as an image" in images.problems[0]
    lone = LabelledImages((tmp_path / "broken.png",), (frozenset({"cat"}),))
    with pytest.raises(InputError, match="none of the 1 images can be read"):
        corruptions(lone, [Constant()])
    with pytest.raises(SettingsError, match="suite: expected one of imagenet-c"):
        corruptions(lone, [Constant()], suite="imagenet-x")


@pytest.mark.parametrize(("suite", "side"), [("cifar-c", 32), ("tiny-imagenet-c", 64)])
def test_small_pictures_have_suites_that_divide_by_nothing(folder, tmp_path, suite, side):
    """A model that is always wrong has a mean error of 100 percent; a larger picture is refused by name."""
    with Image.open(folder / "cotracker_cat_0.png") as picture:
        picture.resize((side, side)).save(tmp_path / "small.png")
    small = LabelledImages((tmp_path / "small.png",), (frozenset({"dog"}),))
    (one,) = corruptions(small, [Constant()], suite=suite)["models"].values()
    assert (one["mce"], one["relative_mce"], one["normalised_by"]) == (100, 0, "")
    assert len(one["corruptions"]) == 15
    large = LabelledImages((folder / "cotracker_cat_0.png",), (frozenset({"dog"}),))
    with pytest.raises(InputError, match=f"the suite is made for {side}x{side}"):
        corruptions(large, [Constant()], suite=suite)


def test_c_bar_has_its_ten_and_divides_by_nothing(folder):
    """On a dog a model that always says cat is wrong at every severity, and one that always says dog is right."""
    lone = LabelledImages((folder / "cotracker_cat_0.png",), (frozenset({"dog"}),))
    found = corruptions(lone, [Constant(), Dog()], suite="imagenet-c-bar")["models"]
    for name, error in (("constant", 100), ("dog", 0)):
        one = found[name]
        assert (one["mce"], one["normalised_by"], len(one["corruptions"])) == (error, "", 10)
