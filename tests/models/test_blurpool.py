"""BlurPool in networks: the paper's own example, the blurs by hand, and networks of torchvision and timm."""

import numpy as np
import pytest
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.models.blurpool import blurred
from vidrobust.models.load import load_as_it_is

# Zhang 2019, section 4.2: Rect-2, Tri-3 and Bin-5
TAPS = {
    "rectangle-2": [1, 1],
    "triangle-3": [1, 2, 1],
    "binomial-5": [1, 4, 6, 4, 1],
}


def after_first(*layers):
    """Behind a first convolution that passes everything on and is left as it is."""
    first = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(first.weight)
    return nn.Sequential(first, *layers)


def test_the_papers_signal_keeps_its_shape_when_it_moves():
    """Figure 3: 0 0 1 1 0 0 1 1 gives 0 1 0 1 or 1 1 1 1 by max pooling; .5 1 .5 1 and .75 ... with the blur."""
    signal = torch.tensor([0.0, 0, 1, 1, 0, 0, 1, 1]).repeat(4).expand(8, 32)[None, None]
    plain = after_first(nn.MaxPool2d(2, 2))
    blur = blurred(plain, "triangle-3")
    here, moved = (
        [net(signal.roll(k, -1))[0, 0, 2, 4:8].tolist() for k in (0, 1)] for net in (plain, blur)
    )
    assert here == [[0, 1, 0, 1], [1, 1, 1, 1]]
    assert moved[0] == pytest.approx([0.5, 1, 0.5, 1])
    assert moved[1] == pytest.approx([0.75] * 4)


@pytest.mark.parametrize("kernel", TAPS)
def test_every_kind_of_layer_is_blurred_with_the_kernel(kernel):
    """An impulse through each kind of layer is the kernel, at every second place."""
    taps = np.array(TAPS[kernel]) / sum(TAPS[kernel])
    dense = nn.Conv2d(1, 1, 1, stride=2, bias=False)
    nn.init.ones_(dense.weight)
    for layer in (nn.MaxPool2d(1, 2), nn.AvgPool2d(2, 2), dense):
        impulse = torch.zeros(1, 1, 16, 16)
        impulse[..., 8, 8] = 1
        made = blurred(after_first(layer), kernel)(impulse)[0, 0].detach().numpy()
        reach = np.zeros(16 + 8)
        begin = 8 + 4 - len(taps) // 2  # of the mirrored kernel around place 8
        reach[begin : begin + len(taps)] = taps
        expected = reach[4:-4][::2]
        assert made == pytest.approx(np.outer(expected, expected), abs=1e-6)


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        ((nn.MaxPool2d(3, 2, ceil_mode=True),), 14),
        ((nn.MaxPool2d(3, 2, 1),), 15),
        ((nn.AvgPool2d(2),), 15),
        ((nn.Conv2d(1, 2, 5, 3, 2), nn.BatchNorm2d(2), nn.SiLU()), 17),
    ],
)
@pytest.mark.parametrize("kernel", TAPS)
def test_sizes_and_names_of_parameters_stay(layers, size, kernel):
    plain = after_first(*layers).eval()
    made = blurred(plain, kernel)
    maps = torch.rand(1, 1, size, size + 3)
    assert made(maps).shape == plain(maps).shape
    assert made.state_dict().keys() == plain.state_dict().keys()
    assert made.blurs == 1


def test_the_blur_stands_behind_the_activation():
    plain = after_first(nn.Conv2d(1, 1, 1, 2, bias=False), nn.BatchNorm2d(1), nn.ReLU()).eval()
    with torch.no_grad():
        plain[1].weight.fill_(1.0)
    waves = torch.ones(1, 1, 8, 8)
    waves[..., ::2] = -1
    made = blurred(plain)(waves)[0, 0]
    assert made[1, 1:].tolist() == pytest.approx([0.5] * 3, abs=1e-4)  # before it: 0


@pytest.mark.parametrize(
    ("spec", "blurs"),
    [
        ("torchvision:resnet18", 7),  # a max pool, and two convolutions in each of three blocks
        ("torchvision:mobilenet_v3_small", 4),
        ("torchvision:googlenet", 4),
        ("timm:resnet26d", 7),
        ("timm:densenet121", 4),
    ],
)
def test_networks_of_libraries_are_blurred_and_keep_their_parameters(spec, blurs):
    import timm
    import torchvision

    kind, _, name = spec.partition(":")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        build = timm.create_model if kind == "timm" else torchvision.models.get_model
        extra = {"init_weights": False} if name == "googlenet" else {}
        network = build(name, **extra).eval()
        picture = torch.rand(1, 3, 128, 128)
    made = blurred(network)
    assert made.state_dict().keys() == network.state_dict().keys()
    with torch.inference_mode():
        assert made(picture).shape == network(picture).shape
    assert made.blurs == blurs


def test_a_spec_builds_the_blurs_of_its_weights(tmp_path):
    import torchvision

    path = tmp_path / "mine.pt"
    torch.save(torchvision.models.squeezenet1_1(num_classes=4).state_dict(), path)
    spec = f"torchvision:squeezenet1_1,weights={path}"
    plain, made = (
        load_as_it_is(one, device="cpu") for one in (spec, f"{spec},blurpool=binomial-5")
    )
    pixels = torch.randint(0, 255, (1, 3, 240, 240), dtype=torch.uint8)
    assert made(pixels).probabilities != pytest.approx(plain(pixels).probabilities, abs=1e-4)
    assert (
        made.info.code_sha256 != plain.info.code_sha256
    )  # answers of one are not taken for the other's
    with pytest.raises(SettingsError, match="kernels are rectangle-2, triangle-3, binomial-5"):
        load_as_it_is(f"{spec},blurpool=square", device="cpu")


class Branches(nn.Module):
    def forward(self, maps):
        return maps if maps.sum() > 0 else -maps


def test_what_cannot_be_blurred_says_why():
    with pytest.raises(SettingsError, match=r"torch\.fx cannot trace this network"):
        blurred(Branches())
    with pytest.raises(SettingsError, match="no stride that a blur could take"):
        blurred(after_first(nn.Conv2d(1, 1, 3), nn.AvgPool2d(7)))
