"""torchvision and timm networks with local weights, and what is said when the hub is out of reach."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from vidrobust.api.models_given import models_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import file_sha256, model_info, state_sha256
from vidrobust.models.load import load_model
from vidrobust.models.modules import class_count, from_module, full_precision
from vidrobust.models.network import as_classifier
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.spec import parse_spec
from vidrobust.plugins.library_models import torchvision_choice


def seeded(name, **arguments):
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, **arguments).eval()


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    path = tmp_path_factory.mktemp("resnet") / "parts.pth"
    torch.save(seeded("resnet18", num_classes=4).state_dict(), path)
    return path


def test_torchvision_equals_its_own_transforms_and_module(resnet, cat):
    module = seeded("resnet18", num_classes=4)
    preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    cat = cat[:2]
    images = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in cat]
    with torch.inference_mode():
        expected = module(torch.stack([preset(image) for image in images])).softmax(1).numpy()
    model = load_model(f"torchvision:resnet18,weights={resnet},num_classes=4")
    got = model(cat)
    assert np.abs(got.probabilities - expected).max() < 2e-3
    assert got.class_names == ("class 0", "class 1", "class 2", "class 3")
    info = model_info(model)
    assert (model.name, info.weights_sha256) == ("resnet18@parts", file_sha256(resnet))
    assert "preprocessing of ResNet18_Weights.IMAGENET1K_V1" in info.notes
    said = "shorter side to 256 px (bilinear, antialiased, uint8), centre crop 224x224"
    assert info.preprocessing.startswith(said)


def test_class_names_from_a_file_set_the_number(tmp_path, noise):
    torch.save(seeded("shufflenet_v2_x0_5", num_classes=4).state_dict(), tmp_path / "w.pth")
    (tmp_path / "names.txt").write_text("good\nscratch\ndent\nempty\n")
    own = f"weights={tmp_path / 'w.pth'},classes={tmp_path / 'names.txt'}"
    model = load_model(f"torchvision:shufflenet_v2_x0_5,{own}")
    assert model(noise).class_names == ("good", "scratch", "dent", "empty")


def test_the_number_of_classes_is_read_off_the_weights(resnet):
    assert len(load_model(f"torchvision:resnet18,weights={resnet}").class_names) == 4
    with pytest.raises(SettingsError, match=r"fc\.(bias|weight) is \(4"):
        load_model(f"torchvision:resnet18,weights={resnet},num_classes=5")
    with pytest.raises(SettingsError, match="another architecture"):
        load_model(f"torchvision:squeezenet1_1,weights={resnet}")


def test_presets_are_found_by_file_name_or_asked_for(tmp_path):
    """ResNet-50 has two sets of weights: V1 resizes to 256 px, V2 (the default) to 232."""
    entries = torchvision.models.ResNet50_Weights
    official = tmp_path / entries.IMAGENET1K_V1.url.rpartition("/")[2]
    mine = tmp_path / "mine.pth"
    for path, options, entry in (
        (official, "", entries.IMAGENET1K_V1),
        (mine, "", entries.IMAGENET1K_V2),
        (mine, ",preset=IMAGENET1K_V1", entries.IMAGENET1K_V1),
    ):
        path.touch()
        spec = parse_spec(f"torchvision:resnet50,weights={path}{options}")
        assert torchvision_choice(spec, entries) == (entry, path)
    bare = parse_spec("torchvision:resnet50")
    assert torchvision_choice(bare, entries) == (entries.DEFAULT, None)
    by_name = parse_spec("torchvision:resnet50,weights=IMAGENET1K_V1")
    assert torchvision_choice(by_name, entries) == (entries.IMAGENET1K_V1, None)
    said = "has no weights 'V1'; it has IMAGENET1K_V1, IMAGENET1K_V2"
    with pytest.raises(SettingsError, match=said):
        torchvision_choice(parse_spec(f"torchvision:resnet50,weights={mine},preset=V1"), entries)


def test_googlenet_gets_the_input_scaling_of_its_weights(tmp_path, noise):
    """torchvision's own weights of GoogLeNet set transform_input; a local copy must act the same.

    Untrained, the network's probabilities differ little whatever goes in, so the distance to the network with
    the scaling is held against the distance to the one without.
    """
    module = seeded("googlenet", num_classes=2, init_weights=False)
    torch.save(module.state_dict(), tmp_path / "g.pth")
    preset = torchvision.models.GoogLeNet_Weights.DEFAULT.transforms()
    image = preset(Image.fromarray(noise[0].permute(1, 2, 0).numpy()))
    rows = {}
    with torch.inference_mode():
        for module.transform_input in (True, False):
            rows[module.transform_input] = module(image[None]).softmax(1).numpy()
    model = load_model(f"torchvision:googlenet,weights={tmp_path / 'g.pth'},num_classes=2")
    got = model(noise[:1]).probabilities
    assert np.abs(got - rows[True]).max() < 0.05 * np.abs(got - rows[False]).max()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:resnet19", r"no model 'resnet19'; did you mean resnet"),
        ("torchvision:fcn_resnet50", "Segmentation, not ImageClassification: .*classifiers only"),
        ("torchvision:resnet18,weights=gone.pth", r"no such file: /.*gone\.pth"),
        ("torchvision:resnet18,weights=IMAGENET1K_V9", r"weights: a file, or one of IMAGENET1K_V1"),
        ("torchvision:resnet18,num_classes=3", "num_classes goes with weights=FILE"),
        ("timm:no_such_net", "has no model 'no_such_net'"),
        ("timm:resnet10t,weights=gone.pth", "no such file"),
    ],
)
def test_wrong_specs(spec, message):
    with pytest.raises(SettingsError, match=message):
        load_model(spec)


def test_hub_out_of_reach_says_how_to_go_on(tmp_path, monkeypatch):
    """The proxy is a port where nothing listens, so that the real download fails, with a network or without."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    said = r"from the hub \(URLError.*torchvision:squeezenet1_1,weights=FILE"
    with pytest.raises(InputError, match=said):
        load_model("torchvision:squeezenet1_1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"from the hub .*timm:resnet10t\.c3_in1k,weights=FILE"):
        load_model("timm:resnet10t.c3_in1k")


def test_timm_with_local_weights(tmp_path, cat):
    from timm.data.config import resolve_model_data_config
    from timm.data.transforms_factory import create_transform

    torch.manual_seed(0)
    module = timm.create_model("test_vit", pretrained=False, num_classes=3).eval()
    torch.save(module.state_dict(), tmp_path / "best.pth")
    transform = create_transform(**resolve_model_data_config(module))
    images = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in cat]
    with torch.inference_mode():
        expected = module(torch.stack([transform(image) for image in images])).softmax(1).numpy()
    model = load_model(f"timm:test_vit,weights={tmp_path / 'best.pth'},num_classes=3")
    assert np.abs(model(cat).probabilities - expected).max() < 2e-3
    assert (model.name, len(model.class_names)) == ("test_vit@best", 3)
    same = load_model(f"timm:test_vit,weights={tmp_path / 'best.pth'}")
    assert len(same.class_names) == 3


DETECTORS = (
    "ssdlite320_mobilenet_v3_large",
    pytest.param("fasterrcnn_mobilenet_v3_large_320_fpn", marks=pytest.mark.nightly),
)


@pytest.mark.parametrize(
    "name", torchvision.models.list_models(module=torchvision.models.detection)
)
def test_classes_of_a_detector_show_in_its_weights(name):
    """Parameters without memory: their shapes alone count. SSDlite has six anchors for each place."""

    def build(count):
        without = {"weights": None, "weights_backbone": None}
        return torchvision.models.get_model(name, num_classes=count, **without)

    with torch.device("meta"):
        state = build(5).state_dict()
    assert class_count(build, state) == 5


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_of_torchvision_as_file_and_as_object(name, tmp_path, cat):
    """Four kinds of parts and the background; boxes are those that torchvision's own code gives."""
    torch.manual_seed(0)
    bare = {"weights": None, "weights_backbone": None, "num_classes": 5}
    module = torchvision.models.get_model(name, **bare).eval()
    torch.save(module.state_dict(), tmp_path / "parts.pth")
    (tmp_path / "names.txt").write_text("bolt\nnut\nwasher\npin\n")
    spec = f"torchvision:{name},weights={tmp_path / 'parts.pth'}"
    model = load_model(f"{spec},classes={tmp_path / 'names.txt'}", device="cpu")
    assert model.class_names == ("__background__", "bolt", "nut", "washer", "pin")
    _, models = models_of(module, class_names=["bolt", "nut", "washer", "pin"], device="cpu")
    (given,) = models or ()
    assert given.class_names == model.class_names
    found, same = model(cat[:2]), given(cat[:2])
    with torch.inference_mode():
        expected = module([frame.float() / 255 for frame in cat[:2]])
    assert len(found.boxes) == sum(len(each["boxes"]) for each in expected) > 0
    first = expected[0]["scores"].numpy()
    np.testing.assert_allclose(np.sort(found.scores[found.frame == 0]), np.sort(first), atol=1e-5)
    assert np.array_equal(found.boxes, same.boxes)
    with pytest.raises(SettingsError, match="5 classes, the background as class 0"):
        models_of(module, class_names=["bolt", "nut"], device="cpu")


class Views(torch.nn.Module):
    """Flattens with view, which channels_last memory does not allow."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3 * 8 * 8, 4)

    def forward(self, x):
        return self.layer(x.view(len(x), -1))


def test_a_network_that_cannot_take_channels_last_runs_contiguous(noise):
    torch.manual_seed(0)
    module, p = Views(), Preprocess(size=8, mean=(127,) * 3, std=(64,) * 3)
    about = {"name": "views", "weights": "", "weights_sha256": state_sha256(module)}
    network = from_module(module, p, torch.device("cpu"), **about)
    model = as_classifier(network, "spec")
    assert "contiguous" in model.info.engine
    assert any("not run in channels_last" in note for note in model.info.notes)
    with torch.inference_mode():
        expected = module(p(noise).contiguous()).softmax(1).numpy()
    assert np.abs(model(noise).probabilities - expected).max() < 1e-6


def test_state_hash_changes_with_one_weight_and_with_nothing_else():
    first, second = Views(), Views()
    second.load_state_dict(first.state_dict())
    assert state_sha256(first) == state_sha256(second)
    with torch.no_grad():
        second.layer.bias[2] += 1e-6
    assert state_sha256(first) != state_sha256(second)


def test_tf32_is_off_for_a_gpu_and_nothing_else_changes():
    """The flags can be read without a GPU; cudnn.flags by its defaults would switch cuDNN off."""
    cudnn = torch.backends.cudnn

    def state():
        return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32

    before = state()
    with full_precision(torch.device("cuda")):
        assert state() == (*before[:3], False)
    assert state() == before
    with full_precision(torch.device("cpu")):
        assert state() == before
