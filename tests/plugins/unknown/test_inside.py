"""What lies inside: of torch modules and ONNX files against the same numbers computed by hand from the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

from vidrobust.api.models_given import models_of
from vidrobust.models.load import load_as_it_is
from vidrobust.models.modules import from_module
from vidrobust.models.network import NetworkClassifier, as_classifier
from vidrobust.models.preprocess import Preprocess
from vidrobust.plugins.unknown.inside import probe_of
from vidrobust.predictions import Classifications

SIZE = 16
PREPROCESS = Preprocess(size=SIZE, resize="stretch", mean=(100.0,) * 3, std=(50.0,) * 3)
NAMES = ("a", "b", "c", "d", "e")


class Net(nn.Module):
    """Convolution, pool, and a head; a layer of as many outputs lies before the head."""

    def __init__(self, *, softmax: bool = False, head: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, len(NAMES), 3, stride=2)
        self.body = nn.Conv2d(len(NAMES), 8, 3)
        self.head = nn.Linear(8, len(NAMES)) if head else None
        self.weight = nn.Parameter(torch.randn(len(NAMES), 8))
        self.softmax = softmax

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.first(x).relu()).relu().mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pooled(x)
        found = self.head(pooled) if self.head is not None else pooled @ self.weight.T
        return found.softmax(dim=1) if self.softmax else found


def classifier(module: nn.Module) -> NetworkClassifier:
    network = from_module(
        module,
        PREPROCESS,
        torch.device("cpu"),
        name="net",
        weights="none",
        weights_sha256="0",
        class_names=NAMES,
        output=None,
    )
    return as_classifier(network, "net")


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    coarse = torch.rand(5, 3, 6, 8, generator=torch.Generator().manual_seed(3))
    return (nn.functional.interpolate(coarse, size=(SIZE, SIZE)) * 255).to(torch.uint8)


def made(**more: bool) -> Net:
    torch.manual_seed(0)
    return Net(**more).eval()


def test_a_module_gives_what_goes_into_its_head_and_its_logits(pixels: torch.Tensor) -> None:
    net = made()
    look = probe_of(classifier(net))
    found = look.frames(pixels)
    with torch.inference_mode():
        inputs = PREPROCESS(pixels)
        pooled, logits = net.pooled(inputs).numpy(), net(inputs).numpy()
        upside_down = net.pooled(PREPROCESS(torch.rot90(pixels, 2, (2, 3)))).numpy()
    assert look.head == "what goes into its layer head"
    assert not look.lacks
    assert found.features == pytest.approx(pooled, abs=1e-5)
    assert found.logits == pytest.approx(logits, abs=1e-5)
    assert found.surest == pytest.approx(special.softmax(logits, axis=1).max(axis=1), abs=1e-5)
    assert found.answer.tolist() == logits.argmax(axis=1).tolist()
    assert found.turned is not None
    assert found.turned.shape == (5, 4, 8)
    assert found.turned[:, 2] == pytest.approx(upside_down, abs=1e-5)


def test_a_softmax_inside_a_module_is_looked_behind(pixels: torch.Tensor) -> None:
    net = made(softmax=True)
    look = probe_of(classifier(net))
    found = look.frames(pixels)
    with torch.inference_mode():
        expected = net.head(net.pooled(PREPROCESS(pixels))).numpy()  # type: ignore[misc]
    assert found.logits == pytest.approx(expected, abs=1e-5)
    assert look.lacks == {}


def test_without_a_layer_that_gives_the_scores_there_are_no_features(pixels: torch.Tensor) -> None:
    net = made(head=False)
    net.first = nn.Conv2d(3, 6, 3, stride=2)
    net.body = nn.Conv2d(6, 8, 3)
    look = probe_of(classifier(net.eval()))
    found = look.frames(pixels)
    assert look.lacks == {
        "features": "no layer of it gives its 5 scores, and none is fully connected"
    }
    assert found.features is None
    assert found.turned is None
    assert found.logits is not None


def test_probabilities_without_a_head_have_no_energy(pixels: torch.Tensor) -> None:
    net = made(head=False, softmax=True)
    net.first, net.body = nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 8, 3)
    look = probe_of(classifier(net.eval()))
    assert set(look.lacks) == {"features", "logits"}
    assert "the energy is always the same" in look.lacks["logits"]
    assert look.frames(pixels).logits is None


def test_a_callable_gives_its_answer_alone(pixels: torch.Tensor) -> None:
    class Own:
        name, class_names, task = "own", ("x", "y"), "classification"

        def __call__(self, frames: torch.Tensor) -> Classifications:
            return Classifications(np.tile([0.2, 0.8], (len(frames), 1)), self.class_names)

    look = probe_of(Own())  # type: ignore[arg-type]
    found = look.frames(pixels)
    assert found.surest == pytest.approx([0.8] * 5)
    assert found.answer.tolist() == [1] * 5
    assert set(look.lacks) == {"logits", "features"}


def test_a_module_given_from_python_has_features(pixels: torch.Tensor) -> None:
    net = made()
    model = models_of(net, preprocess=of_one, class_names=NAMES, device="cpu")[1][0]
    look = probe_of(model)
    found = look.frames(pixels)
    with torch.inference_mode():
        inputs = (pixels.float() - 100) / 50
        pooled, logits = net.pooled(inputs).numpy(), net(inputs).numpy()
        quarter = net.pooled(torch.rot90(inputs, 1, (2, 3))).numpy()
    assert found.features == pytest.approx(pooled, abs=1e-5)
    assert found.logits == pytest.approx(logits, abs=1e-5)
    assert found.turned is not None
    assert found.turned[:, 1] == pytest.approx(quarter, abs=1e-5)
    assert look.lacks == {}


def of_one(frame: torch.Tensor) -> torch.Tensor:
    return (nn.functional.interpolate(frame[None].float(), size=(SIZE, SIZE))[0] - 100) / 50


def onnx_file(folder: Path, *, softmax: bool) -> tuple[Path, dict[str, np.ndarray]]:
    """3 channels averaged, a Gemm, and a Softmax; with its sidecar, and the weights."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((5, 3)).astype(np.float32),
        "b": rng.standard_normal(5).astype(np.float32),
    }
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["x"], ["pool"]),
        onnx.helper.make_node("Flatten", ["pool"], ["flat"]),
        onnx.helper.make_node("Gemm", ["flat", "w", "b"], ["z" if softmax else "y"], transB=1),
    ]
    if softmax:
        nodes.append(onnx.helper.make_node("Softmax", ["z"], ["y"], axis=1))
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", 3, SIZE, SIZE])],
        [onnx.helper.make_tensor_value_info("y", kind, ["n", 5])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8
    )
    path = folder / f"net{int(softmax)}.onnx"
    onnx.save(made, path)
    path.with_suffix(".toml").write_text(
        f'size = {SIZE}\nresize = "stretch"\nmean = [100, 100, 100]\nstd = [50, 50, 50]\n'
        f'interpolation = "bilinear"\nchannels = "RGB"\n'
        f'output = "{"probabilities" if softmax else "logits"}"\nclasses = ["a", "b", "c", "d", "e"]\n'
    )
    return path, weights


@pytest.mark.parametrize("softmax", [False, True])
def test_an_onnx_file_is_cut_before_its_last_layer_and_its_softmax(
    tmp_path: Path, pixels: torch.Tensor, softmax: bool
) -> None:
    path, weights = onnx_file(tmp_path, softmax=softmax)
    model = load_as_it_is(f"onnx:{path}")
    assert isinstance(model, NetworkClassifier)
    look = probe_of(model)
    found = look.frames(pixels)
    pooled = PREPROCESS(pixels).mean(dim=(2, 3)).numpy()
    assert found.features == pytest.approx(pooled, abs=1e-5)
    assert found.logits == pytest.approx(pooled @ weights["w"].T + weights["b"], abs=1e-5)
    assert look.lacks == {}
    assert look.head.startswith("what goes into its last layer, Gemm")


@pytest.mark.parametrize(
    ("name", "width"), [("mobilenet_v1_0.25_128", 256), ("squeezenet1_1_227", 512)]
)
def test_real_onnx_networks_have_features(models: Path, name: str, width: int) -> None:
    model = load_as_it_is(f"onnx:{models / name}.onnx")
    assert isinstance(model, NetworkClassifier)
    pixels = torch.randint(
        0, 256, (2, 3, 40, 60), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    found = probe_of(model).frames(pixels)
    assert found.features is not None
    assert found.features.shape == (2, width)
    assert found.surest == pytest.approx(model(pixels).probabilities.max(axis=1), abs=1e-5)


def test_the_lines_own_network_has_features() -> None:
    model = load_as_it_is("line-classifier", device="cpu")
    assert isinstance(model, NetworkClassifier)
    look = probe_of(model)
    found = look.frames(torch.zeros(1, 3, 48, 64, dtype=torch.uint8))
    assert look.head == "what goes into its layer kind"
    assert found.features is not None
    assert found.features.shape == (1, 192)
