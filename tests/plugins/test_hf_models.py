"""``hf:FOLDER``: equal to the predictions of transformers' own pipelines; nothing is downloaded."""

import numpy as np
import pytest
import torch
from PIL import Image

from vidrobust.api.models_given import models_of
from vidrobust.api.study import study
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.load import load_model
from vidrobust.plugins import hf_models
from vidrobust.predictions import Classifications

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("default")
NAMES = {0: "bolt", 1: "nut", 2: "washer"}


def pictures():
    """(3, 3, 90, 140) uint8: smooth noise."""
    coarse = torch.rand(3, 3, 9, 14, generator=torch.Generator().manual_seed(2))
    smooth = torch.nn.functional.interpolate(coarse, size=(90, 140), mode="bilinear")
    return (smooth * 255).to(torch.uint8)


def images(pixels):
    return [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in pixels]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Networks of drawn weights, saved as the library saves them."""
    root = tmp_path_factory.mktemp("hf")
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"intermediate_size": 64, "patch_size": 16, "initializer_range": 0.5}
    small |= {"id2label": NAMES}
    vit = transformers.ViTConfig(image_size=64, **small)
    transformers.AutoModelForImageClassification.from_config(vit).save_pretrained(root / "vit")
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(root / "vit")
    yolos = transformers.YolosConfig(image_size=[96, 128], num_detection_tokens=20, **small)
    transformers.AutoModelForObjectDetection.from_config(yolos).save_pretrained(root / "yolos")
    sides = {"shortest_edge": 96, "longest_edge": 128}
    transformers.YolosImageProcessor(size=sides).save_pretrained(root / "yolos")
    masked = transformers.ViTForMaskedImageModeling(vit)
    masked.save_pretrained(root / "masked")
    layers = {"hidden_sizes": [64, 64], "depths": [1, 1], "layer_type": "basic"}
    resnet = transformers.ResNetConfig(embedding_size=64, id2label=NAMES, **layers)
    network = transformers.AutoModelForImageClassification.from_config(resnet)
    torch.nn.init.normal_(network.classifier[1].weight)
    network.save_pretrained(root / "resnet")
    processor = transformers.ViTImageProcessor(size={"height": 96, "width": 128})
    processor.save_pretrained(root / "resnet")
    return root


@pytest.mark.parametrize("name", ["vit", "yolos"])
def test_a_network_and_its_processor_are_the_folder(name, folders):
    folder = folders / name
    auto = {"vit": "AutoModelForImageClassification", "yolos": "AutoModelForObjectDetection"}[name]
    module = getattr(transformers, auto).from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    whole = load_model(f"hf:{folder}", device="cpu")(pictures())
    task = "image-classification" if name == "vit" else "object-detection"
    pipeline = transformers.pipeline(task, model=str(folder), device="cpu")
    for given, how in ((module, {"preprocess": processor}), (module, {}), (pipeline, {})):
        (model,) = models_of(given, device="cpu", **how)[1] or ()
        found = model(pictures())
        if isinstance(whole, Classifications):
            assert np.array_equal(found.probabilities, whole.probabilities)
        else:
            assert np.array_equal(found.boxes, whole.boxes)


def test_a_network_without_a_processor_names_the_way_out():
    sizes = {"image_size": 32, "hidden_size": 16, "num_attention_heads": 2}
    config = transformers.ViTConfig(num_hidden_layers=1, **sizes)
    bare = transformers.ViTForImageClassification(config)
    with pytest.raises(SettingsError, match="preprocess=PROCESSOR"):
        models_of(bare, device="cpu")
    with pytest.raises(SettingsError, match="preprocess="):
        study("clip.mp4", bare, transformers.ViTImageProcessor())


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_classes_are_those_of_the_pipeline(name, folders):
    """Of a transformer and of a convolutional network."""
    folder = folders / name
    model = load_model(f"hf:{folder}", device="cpu")
    found = model(pictures())
    assert (model.name, model.class_names) == (name, tuple(NAMES.values()))
    pipeline = transformers.pipeline("image-classification", model=str(folder), device="cpu")
    answers = pipeline(images(pictures()), top_k=1000)
    for row, answer in zip(found.probabilities, answers, strict=True):
        expected = {one["label"]: one["score"] for one in answer}
        np.testing.assert_allclose(row, [expected[name] for name in model.class_names], atol=1e-4)
    assert np.ptp(found.probabilities, axis=0).max() > 0.01
    assert len(model(pictures()[:0])) == 0


def test_boxes_are_those_of_the_library(folders):
    """Its processor, network and post-processing on PIL images; its pipeline rounds boxes to whole px."""
    folder, pixels = folders / "yolos", pictures()
    found = load_model(f"hf:{folder}", device="cpu")(pixels)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    network = transformers.AutoModelForObjectDetection.from_pretrained(folder).eval()
    with torch.no_grad():
        outputs = network(**processor(images=images(pixels), return_tensors="pt"))
    how = {"threshold": 0.05, "target_sizes": [(90, 140)] * 3}
    every = processor.post_process_object_detection(outputs, **how)
    assert min(len(each["scores"]) for each in every) > 3
    for row, expected in enumerate(every):
        order = np.argsort(-expected["scores"].numpy(), kind="stable")
        mine = found.frame == row
        np.testing.assert_allclose(found.boxes[mine], expected["boxes"].numpy()[order], atol=1e-3)
        np.testing.assert_allclose(found.scores[mine], expected["scores"].numpy()[order], atol=1e-4)
        np.testing.assert_array_equal(found.labels[mine], expected["labels"].numpy()[order])
    few = load_model(f"hf:{folder},min_score=0.6", device="cpu")(pixels)
    np.testing.assert_array_equal(few.scores, found.scores[found.scores > 0.6])


def test_what_cannot_be_had(folders, tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="ViTForMaskedImageModeling"):
        load_model(f"hf:{folders / 'masked'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        load_model(f"hf:{tmp_path / 'empty'}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="save_pretrained"):
        load_model("hf:nobody/nothing-here")
    with pytest.raises(SettingsError, match="min_score"):
        load_model(f"hf:{folders / 'yolos'},min_score=2")
    monkeypatch.setattr(hf_models, "installed", lambda name: None)
    with pytest.raises(SettingsError, match="pip install transformers"):
        load_model(f"hf:{folders / 'vit'}")
