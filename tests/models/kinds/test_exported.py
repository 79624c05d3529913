"""torch.export archives and TorchScript, with a free and with a fixed batch size."""

import contextlib
import io
import json
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torchvision
from PIL import Image
from torchvision import transforms

from tests.models.made_sidecar import sidecar
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import model_info
from vidrobust.models.load import load_model
from vidrobust.models.preprocess import Preprocess

MORE = 'classes = ["good", "dent", "scratch"]\noutput = "logits"\n'
"""The output is said, since SqueezeNet ends in a ReLU: untrained it gives small positive logits, like sigmoids."""
SIDECAR = sidecar(64, 0.875, [127.5] * 3, [60.0] * 3, "BGR", MORE)
PREPROCESS = Preprocess(size=64, crop=0.875, mean=(127.5,) * 3, std=(60,) * 3, channels="BGR")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None, num_classes=3).eval()


def export(network, path, batch):
    shapes = ({0: torch.export.Dim("batch")},) if batch is None else None
    example = (torch.zeros(batch or 2, 3, 64, 64),)
    torch.export.save(torch.export.export(network, example, dynamic_shapes=shapes), path)
    path.with_name(path.name + ".toml").write_text(SIDECAR)
    return f"pt2:{path}"


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """The network, exported for batches of any size."""
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    export(network, path, None)
    return path


@pytest.mark.parametrize("batch", [None, 2])
def test_equals_the_module(network, exported, tmp_path, noise, batch):
    fixed = "" if batch is None else export(network, tmp_path / "net.pt2", batch)
    model = load_model(fixed or f"pt2:{exported}")
    with torch.inference_mode():
        expected = network(PREPROCESS(noise)).softmax(1).numpy()
    assert np.abs(model(noise).probabilities - expected).max() < 1e-5
    assert (model.name, model.class_names) == ("net", ("good", "dent", "scratch"))
    info = model_info(model)
    assert "exported program" in info.engine
    assert any("exported for batches" in note for note in info.notes) == (batch is not None)


def test_exported_in_training_mode_is_refused(network, tmp_path):
    """SqueezeNet has a dropout, which an export in training mode keeps alive."""
    try:
        spec = export(network.train(), tmp_path / "net.pt2", None)
    finally:
        network.eval()
    said = r"dropout or batch normalisation is in training mode.*export in eval mode"
    with pytest.raises(InputError, match=said):
        load_model(spec)


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "net.pt2"
    path.write_bytes(b"no archive")
    with pytest.raises(SettingsError, match="no sidecar"):
        load_model(f"pt2:{path}")
    path.with_name("net.pt2.toml").write_text(SIDECAR)
    with pytest.raises(InputError, match=r"cannot be read as a torch\.export archive"):
        load_model(f"pt2:{path}")


class OnePicture(torch.nn.Module):
    """A network whose trace holds for one picture alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pictures):
        return self.network(pictures).reshape(1, 3)


class Cells(torch.nn.Module):
    """Boxes (N, 4 + classes, cells) as YOLOv8 gives them: of a cell of 16 px each, scored by its colours."""

    def forward(self, pictures):
        scores = torch.nn.functional.avg_pool2d(pictures, 16).flatten(2)
        middle = torch.arange(4) * 16.0 + 8
        y, x = (each.flatten() for each in torch.meshgrid(middle, middle, indexing="ij"))
        boxes = torch.stack([x, y, torch.full((16,), 16.0), torch.full((16,), 16.0)])
        return torch.cat([boxes.expand(pictures.shape[0], 4, 16), scores], dim=1)


def scripted(network, path, config=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(network, torch.zeros(1, 3, 64, 64))
        extra = {} if config is None else {"config.txt": json.dumps(config)}
        torch.jit.save(traced, str(path), _extra_files=extra)
    return path


@pytest.mark.parametrize("alone", [False, True])
def test_torchscript_equals_the_module(network, tmp_path, noise, alone):
    path = scripted(OnePicture(network) if alone else network, tmp_path / "net.torchscript")
    with pytest.raises(SettingsError, match="no sidecar"):
        load_model(str(path))
    path.with_name(path.name + ".toml").write_text(SIDECAR)
    model = load_model(str(path), device="cpu")
    with torch.inference_mode():
        expected = network(PREPROCESS(noise)).softmax(1).numpy()
    assert np.abs(model(noise).probabilities - expected).max() < 1e-5
    assert any("exported for batches" in note for note in model_info(model).notes) == alone
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be read as TorchScript"):
        load_model(str(path))


def test_torchscript_of_ultralytics_describes_itself(tmp_path):
    """Three classes by their numbers, "10" after "2"; the frame is twice as large, so boxes are of 32 px."""
    names = {"0": "bolt", "10": "washer", "2": "nut"}
    config = {"names": names, "imgsz": [64, 64], "task": "detect", "stride": 32, "batch": 1}
    model = load_model(str(scripted(Cells(), tmp_path / "v8.torchscript", config)), device="cpu")
    pixels = torch.zeros(2, 3, 128, 128, dtype=torch.uint8)
    pixels[0, 1, 32:64, 64:96] = 204  # green, which is the second class
    found = model(pixels)
    assert model.class_names == ("bolt", "nut", "washer")
    np.testing.assert_allclose(found.boxes, [[64, 32, 96, 64]])
    np.testing.assert_allclose(found.scores, [0.8], atol=0.01)
    assert (found.labels.tolist(), found.frame.tolist()) == ([1], [0])


def test_torchscript_of_one_class(tmp_path):
    """The cells of 16 px that are green; drawn as above."""
    config = {"names": {"0": "nut"}, "imgsz": [64, 64], "task": "detect"}
    model = load_model(str(scripted(Greens(), tmp_path / "one.torchscript", config)), device="cpu")
    pixels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    pixels[0, 1, 16:32, 32:48] = 204
    found = model(pixels)
    assert model.class_names == ("nut",)
    np.testing.assert_allclose(found.boxes, [[32, 16, 48, 32]])
    np.testing.assert_allclose(found.scores, [0.8], atol=0.01)


class Greens(Cells):
    def forward(self, pictures):
        """(N, 4 + 1, 16)."""
        return super().forward(pictures)[:, [0, 1, 2, 3, 5]]


class Softmaxed(torch.nn.Module):
    """A network that ends with a softmax, sharp enough for a classifier that was not trained."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pictures):
        return (30 * self.network(pictures)).softmax(1)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("ending", [".onnx", ".torchscript"])
def test_a_classifier_of_ultralytics_describes_itself(network, tmp_path, noise, ending):
    """Against the steps of the library's ``classify_transforms``, in Pillow."""
    names = {k: f"part {k}" for k in range(network(torch.zeros(1, 3, 64, 64)).shape[1])}
    about = {"names": names, "imgsz": [64, 64], "task": "classify"}
    path = tmp_path / f"cls{ending}"
    sharp = Softmaxed(network).eval()
    if ending == ".onnx":
        torch.onnx.export(sharp, (torch.zeros(1, 3, 64, 64),), path, dynamo=True)
        described = onnx.load(path)
        onnx.helper.set_model_props(described, {key: str(value) for key, value in about.items()})
        onnx.save(described, path)
    else:
        scripted(sharp, path, about)
    model = load_model(str(path), device="cpu", engine="torch")
    steps = transforms.Compose(
        [transforms.Resize(64), transforms.CenterCrop([64, 64]), transforms.ToTensor()]
    )
    given = [steps(Image.fromarray(frame.permute(1, 2, 0).numpy())) for frame in noise]
    with torch.inference_mode():
        expected = sharp(torch.stack(given)).numpy()
    assert (model.task, model.class_names) == ("classification", tuple(names.values()))
    # torchvision's resize of uint8 tensors and Pillow's differ by one level of 255
    np.testing.assert_allclose(model(noise).probabilities, expected, atol=0.01)


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_an_archive_that_would_run_code_is_refused(exported, tmp_path):
    """torch.export.load alone runs it, as the first lines show; here it is not run, and the way out is said."""
    sign = tmp_path / "it ran"
    hostile = tmp_path / "hostile.pt2"
    with zipfile.ZipFile(exported) as source, zipfile.ZipFile(hostile, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if "sample_inputs" in name:
                buffer = io.BytesIO()
                torch.save((Touches(sign),), buffer)
                content = buffer.getvalue()
            target.writestr(name, content)
    with contextlib.suppress(Exception):
        torch.export.load(hostile)
    assert sign.exists()
    sign.unlink()
    said = r"without running code from it; .*package\.module:factory"
    with pytest.raises(InputError, match=said):
        load_model(f"pt2:{hostile},sidecar={exported}.toml")
    assert not sign.exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
