"""Engines on real networks and frames: the same answers, and what is done where they are not."""

import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from scipy.special import softmax

from vidrobust.errors import SettingsError
from vidrobust.models import engines
from vidrobust.models.engines import EngineRequest, with_engine
from vidrobust.models.exported import made_once
from vidrobust.models.info import code_sha256, identity, state_sha256
from vidrobust.models.load import load_model, pinned_spec
from vidrobust.models.modules import from_module
from vidrobust.models.network import GuardedRun, as_classifier, disagreement
from vidrobust.models.preprocess import Preprocess

ENGINES = ["openvino", "onnxruntime"]
NET = "mobilenet_v1_0.25_128.onnx"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """One cache for the tests of this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDROBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def of_module(module):
    cut, about = Preprocess(size=16, mean=(127,) * 3, std=(64,) * 3), {"name": "own", "weights": ""}
    about |= {"weights_sha256": state_sha256(module)}
    return from_module(module, cut, torch.device("cpu"), **about)


class Small(torch.nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.layer = torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(self.conv(x).relu().mean(dim=(2, 3)))


class Branching(Small):
    """Another answer for bright frames, which no trace of a black example holds."""

    def forward(self, x):
        scores = super().forward(x)
        return -scores if x.mean() > 0.5 else scores


class Unexportable(Small):
    def forward(self, x):
        scores = super().forward(x)
        return torch.from_numpy(np.sort(scores.numpy(), axis=1) + scores.numpy())


def test_lite0_says_the_same_in_openvino(lite0, teddy):
    model = load_model("efficientnet-lite0,threads=1", device="cpu", engine="openvino")
    assert model.info.engine.startswith("openvino")
    expected, found = lite0(teddy), model(teddy)
    assert 0.5 * np.abs(expected.probabilities - found.probabilities).sum(axis=1).max() < 1e-4
    assert np.array_equal(expected.labels, found.labels)
    assert not model.network.run.rejected


def test_openvino_makes_its_first_array_before_its_threads_do(monkeypatch, lite0):
    # at their first arrays, two threads can wait for each other for ever: 1 of 60 processes with 24 threads did
    package, made = engines._openvino(), []

    def tensor(array):
        made.append(threading.current_thread())
        return package.Tensor(array)

    spied = SimpleNamespace(Core=package.Core, Tensor=tensor)
    monkeypatch.setattr(engines, "_openvino", lambda: spied)
    load_model("efficientnet-lite0,threads=2", device="cpu", engine="openvino")
    assert made == [threading.main_thread()]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_onnx_file_says_what_a_bare_session_says(engine, models, cat):
    model = load_model(f"onnx:{models / NET},engine={engine},threads=1")
    assert (model.info.engine.partition(" ")[0], model.info.threads) == (engine, 1)
    session = onnxruntime.InferenceSession(models / NET, providers=["CPUExecutionProvider"])
    inputs = model.network.preprocess(cat).contiguous().numpy()
    logits = session.run(None, {session.get_inputs()[0].name: inputs})[0].astype(np.float64)
    assert np.abs(model(cat).probabilities - softmax(logits, axis=1)).max() < 1e-5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_shared_among_threads_is_answered_in_order(engine, models):
    file = load_model(f"onnx:{models / NET}").network.onnx
    opened = engines.ENGINES[engine].open
    alone, shared = (opened(file, threads, "float32", threads) for threads in (1, 3))
    inputs = torch.rand(7, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    for count in (1, 2, 7):
        rows = np.concatenate([alone(frame[None]) for frame in inputs[:count]])
        assert np.abs(shared(inputs[:count]) - rows).max() < 1e-5 * np.abs(rows).max()


def test_auto_takes_the_first_engine_that_is_installed_and_agrees(noise, monkeypatch):
    network = of_module(Small())
    taken = with_engine(network, EngineRequest(), noise)
    assert (taken.engine.partition(" ")[0], taken.notes) == ("openvino", network.notes)
    expected, scores = as_classifier(network, "s")(noise), as_classifier(taken, "s")(noise)
    assert np.abs(expected.probabilities - scores.probabilities).max() < 1e-6
    monkeypatch.setattr(engines, "installed", lambda name: name == "onnxruntime" and "1")
    assert with_engine(network, EngineRequest(), noise).engine == "onnxruntime 1"
    monkeypatch.setattr(engines, "installed", lambda name: None)
    assert with_engine(network, EngineRequest(), noise) is network
    with pytest.raises(SettingsError, match="engine openvino needs the package openvino: pip"):
        with_engine(network, EngineRequest(engine="openvino"), noise)


def test_a_network_compiled_before_gives_the_same_bits(models, teddy, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDROBUST_CACHE", str(tmp_path))
    spec = f"onnx:{models / NET},engine=openvino"
    first, again = (load_model(spec)(teddy[:2]).probabilities for _ in range(2))
    assert [path.suffix for path in (tmp_path / "compiled").iterdir()] == [".blob"]
    assert np.array_equal(first, again)


def test_a_spec_that_pins_the_engine_loads_the_same(models):
    model = load_model(f"onnx:{models / NET}", engine="auto")
    spec = pinned_spec(model)
    assert spec.startswith(f"onnx:{models / NET},engine={model.info.engine.partition(' ')[0]}")
    again = load_model(spec)
    assert identity(again) == identity(model)
    assert again.info.threads == model.info.threads


def test_a_module_that_cannot_be_exported_stays_in_torch_and_says_why(noise):
    network = of_module(Unexportable())
    stayed = with_engine(network, EngineRequest(), noise)
    assert stayed.run is network.run
    assert any("computed by torch: " in note or "not openvino: " in note for note in stayed.notes)
    with pytest.raises(SettingsError, match="model own: "):
        with_engine(network, EngineRequest(engine="openvino"), noise)


def test_what_torch_prints_of_a_module_that_cannot_be_exported_is_not_heard(noise, capfd):
    class Drawn(Small):
        def forward(self, x):
            return super().forward(x) + torch.randn(4, generator=torch.Generator().manual_seed(3))

    with_engine(of_module(Drawn()), EngineRequest(), noise)
    assert capfd.readouterr() == ("", "")


def test_a_trace_that_lost_a_branch_is_caught_on_the_frames(noise):
    """Bright frames take the branch that the trace of black ones does not have."""
    bright = (noise.int() // 4 + 190).to(torch.uint8)
    network = of_module(Branching())
    stayed = with_engine(network, EngineRequest(), bright)
    assert stayed.engine == network.engine
    assert any("not openvino: scores differ by" in note for note in stayed.notes)
    with pytest.raises(SettingsError, match="model own: not openvino: scores differ by"):
        with_engine(network, EngineRequest(engine="openvino"), bright)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lost_branch_that_only_footage_shows_is_given_up_then(engine, noise):
    """Dark frames agree on loading; the first bright batch is right nonetheless, and it is said."""
    dark, bright = noise // 8, (noise.int() // 4 + 190).to(torch.uint8)
    network = of_module(Branching(seed=3))
    chosen = with_engine(network, EngineRequest(engine=engine), dark)
    assert isinstance(chosen.run, GuardedRun)
    chosen.run.left = 2
    model = as_classifier(network, "s")
    model = dataclasses.replace(model, network=chosen)
    model.info = dataclasses.replace(model.info, engine=chosen.engine)
    expected = as_classifier(network, "s")(bright).probabilities
    assert np.array_equal(model(bright).probabilities, expected)
    assert model.info.engine == network.engine
    assert f"not {chosen.engine}: scores differ by" in model.info.notes[-1]
    plain = as_classifier(network, "s")(noise)
    assert np.array_equal(model(noise).probabilities, plain.probabilities)


def test_int8_changes_scores_and_counts_labels(cat, models):
    plain = load_model(f"onnx:{models / NET}")
    how = {"precision": "int8", "engine": "onnxruntime", "sample": cat}
    model = load_model(f"onnx:{models / NET},threads=1", **how)
    expected, found = plain(cat), model(cat)
    apart = 0.5 * np.abs(found.probabilities - expected.probabilities).sum(axis=1)
    assert 1e-3 < apart.mean() < 0.5
    assert model.info.precision == "int8"
    flips = int((expected.labels != found.labels).sum())
    assert f"int8 as asked for: {flips} of {len(cat)} labels differ" in model.info.notes[0]
    assert identity(model) != identity(plain)


def test_bfloat16_of_a_module_rounds_to_eight_bits(noise):
    network = of_module(Small())
    asked = EngineRequest(precision="bfloat16", engine="torch")
    model = as_classifier(with_engine(network, asked, noise), "s")
    plain = as_classifier(network, "s")(noise).probabilities
    assert 1e-6 < np.abs(model(noise).probabilities - plain).max() < 0.02
    assert model.info.precision == "bfloat16"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"engine": "tensorrt"},
            "expected one of auto, torch, openvino, onnxruntime, got 'tensorrt'",
        ),
        ({"precision": "fp4"}, "precision: expected one of float32, bfloat16, int8"),
        ({"engine": "onnxruntime", "precision": "bfloat16"}, "no bfloat16: use openvino"),
        ({"engine": "torch", "precision": "int8"}, "engine torch has no int8"),
    ],
)
def test_what_cannot_be_asked(how, message, models):
    with pytest.raises(SettingsError, match=message):
        load_model(f"onnx:{models / NET}", **how)


def test_a_cache_that_cannot_be_written_leaves_torch(noise, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIDROBUST_CACHE", str(tmp_path / "file" / "cache"))
    network = of_module(Small(seed=5))
    stayed = with_engine(network, EngineRequest(), noise)
    assert stayed.run is network.run
    assert "the cache cannot be written" in stayed.notes[-1]


def test_plain_attributes_are_part_of_the_code():
    first, second = torch.nn.LeakyReLU(0.1), torch.nn.LeakyReLU(0.2)
    assert state_sha256(first) == state_sha256(second)
    assert code_sha256(first) != code_sha256(second)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1.0, 0.0]], ""),
        ([[1.0 + 9e-5, 0.0]], ""),
        ([[1.0 + 2e-4, 0.0]], "scores differ by 0.0002 of the largest"),
        ([[np.nan, 0.0]], "scores differ by inf"),
        ([[1.0, 0.0], [0.0, 1.0]], r"answers of shape (2, 2), expected (1, 2)"),
    ],
)
def test_disagreement_by_hand(rows, expected):
    assert disagreement(np.array([[1.0, 0.0]]), np.array(rows)).startswith(expected)


def test_labels_may_differ_in_ties_alone():
    """The largest score is 10, so scores may differ by 1e-3, and a lead of 2e-3 may be lost."""
    reference = np.array([[10.0, 0.0, 0.0], [1.0, 1.0 - 1.5e-3, 0.0]])
    tied = np.array([[10.0, 0.0, 0.0], [1.0 - 9e-4, 1.0 - 7e-4, 0.0]])
    assert disagreement(reference, tied) == ""


def test_the_cache_is_where_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("VIDROBUST_CACHE", str(tmp_path))
    made = []

    def make(path):
        made.append(path)
        path.write_text("net")

    for _ in range(2):
        assert made_once("k", "n.onnx", make) == tmp_path / "networks" / "k" / "n.onnx"
    assert len(made) == 1
    assert [p.name for p in (tmp_path / "networks").iterdir()] == ["k"]

    def fail(path):
        path.write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        made_once("other", "n.onnx", fail)
    assert [p.name for p in (tmp_path / "networks").iterdir()] == ["k"]
