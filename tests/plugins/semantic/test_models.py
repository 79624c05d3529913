"""Segmentation networks as models: torchvision, ONNX and folders of maps, against the libraries themselves."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.plugins.semantic.networks import SIDE, colours_of, normalised, write_onnx
from vidrobust.errors import SettingsError
from vidrobust.footage.labels.formats import read_labels
from vidrobust.models.load import load_model
from vidrobust.models.network import check_frames
from vidrobust.models.predict import predict

SIZE = (96, 128)


def test_a_torchvision_network_says_what_it_says_alone(tmp_path):
    """Random weights; the reference is torchvision's own transform and network, resized and argmax."""
    from torchvision.models import get_model, get_model_weights

    torch.manual_seed(0)
    plain = {"weights": None, "weights_backbone": None, "num_classes": 5}
    module = get_model("lraspp_mobilenet_v3_large", **plain).eval()
    torch.save(module.state_dict(), tmp_path / "five.pth")
    own = f"weights={tmp_path / 'five.pth'},num_classes=5"
    model = load_model(f"semantic:lraspp_mobilenet_v3_large,{own}")
    frames = check_frames()[:1]
    transform = get_model_weights("lraspp_mobilenet_v3_large").DEFAULT.transforms()
    with torch.inference_mode():
        scores = module(transform(frames))["out"]
    wanted = torch.nn.functional.interpolate(scores, SIZE, mode="bilinear").argmax(dim=1)
    found = model(frames)
    assert (found.labels == wanted.numpy()).mean() > 0.99
    assert found.cells.sum(axis=1) == pytest.approx(np.ones((1, 12, 16)), abs=1e-5)
    assert (model.task, len(model.class_names)) == ("semantic", 5)


def test_an_onnx_network_says_what_its_formula_says(tmp_path):
    frames = check_frames()
    pictures = frames.permute(0, 2, 3, 1).numpy()
    colours = colours_of(pictures, 4)
    write_onnx(tmp_path / "four.onnx", colours, SIZE)
    found = predict(load_model(f"semantic:{tmp_path / 'four.onnx'}"), frames)
    means = np.stack([cv2.blur(each, (SIDE, SIDE)) for each in normalised(pictures)])
    wanted = np.square(means[..., None, :] - colours).sum(axis=-1).argmin(axis=-1)
    inner = np.s_[:, SIDE:-SIDE, SIDE:-SIDE]  # the border is padded otherwise
    assert (found.labels[inner] == wanted[inner]).mean() > 0.999
    assert 0.25 < found.sure.min() <= found.sure.max() <= 1


@pytest.fixture
def folder(tmp_path):
    """Maps of two inputs, one frame each, and the names of their classes."""
    for number, item in enumerate(("a", "b")):
        (tmp_path / item).mkdir()
        Image.fromarray(np.full(SIZE, number, np.uint8)).save(tmp_path / item / "frame_000007.png")
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    return tmp_path


def test_a_folder_of_maps_is_a_model(folder):
    model = load_model(f"semantic:{folder}")
    assert model.class_names == ("road", "sky")
    assert np.unique(model.predict_frames("b.mp4", np.array([7])).labels).tolist() == [1]
    with pytest.raises(SettingsError):
        load_model(f"semantic:{folder / 'nothing'}")


def test_a_folder_of_maps_is_a_label_format(folder):
    labels = read_labels(folder)
    assert labels.format == "class-maps"
    assert labels.rows[["item", "frame"]].to_numpy().tolist() == [["a", 7], ["b", 7]]
    assert labels.classes == {0: "road", 1: "sky"}
