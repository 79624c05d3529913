"""The check of one batch: training mode, counts of classes and rows, NaN."""

import pytest
import torch
from torch import nn

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.network import Network, as_classifier, check_frames
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.reading import Declared


def network(module, **changes):
    """A bare module as a Network, in whatever mode it is: .eval() is not called here."""
    cut, device = Preprocess(size=8, mean=(127,) * 3, std=(64,) * 3), torch.device("cpu")
    about = {"name": "net", "engine": "torch", "weights": "", "weights_sha256": "", **changes}
    return Network(run=module, preprocess=cut, device=device, **about)


def layers(*inside, classes=3):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), *inside, nn.Flatten(), nn.Linear(4 * 6 * 6, classes))


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (nn.Dropout(0.5), "on a second pass over the same frame: dropout or batch normalisation"),
        (nn.BatchNorm2d(4), "when a frame comes alone instead of in a batch of three"),
    ],
    ids=["dropout", "batch norm"],
)
def test_training_mode_is_refused(inside, message):
    module = layers(inside)
    with pytest.raises(InputError, match=rf"model net: probabilities change by .*{message}"):
        as_classifier(network(module.train()), "spec")
    names = as_classifier(network(module.eval()), "spec").class_names
    assert names == ("class 0", "class 1", "class 2")


def test_a_batch_of_one_that_fails_in_training_mode_is_an_error_too():
    """Batch normalisation of (N, C) features raises on a single frame in training mode."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 3), nn.BatchNorm1d(3)).train()
    with pytest.raises(InputError, match="model net: failed on a first batch"):
        as_classifier(network(module), "spec")


def test_background_class_is_asked_about():
    with pytest.raises(SettingsError, match="model net: the network has 1001 outputs"):
        as_classifier(network(layers(classes=1001)), "spec")


def test_nan_weights_are_refused_at_once():
    module = layers()
    with torch.no_grad():
        module[-1].bias[0] = float("nan")
    said = "model net: the network gave NaN or infinite outputs for 3 of 3"
    with pytest.raises(InputError, match=said):
        as_classifier(network(module), "spec")


def test_rows_must_be_as_many_as_frames():
    with pytest.raises(SettingsError, match="3 frames went in, 1 rows came out"):
        as_classifier(network(lambda x: torch.randn(1, 3)), "spec")


def test_softmax_inside_is_noticed_and_not_repeated(noise):
    plain = layers()
    inside = nn.Sequential(plain, nn.Softmax(1))
    first = as_classifier(network(plain), "spec")(noise)
    model = as_classifier(network(inside), "spec")
    assert abs(model(noise).probabilities - first.probabilities).max() < 1e-6
    assert any("no softmax added" in note for note in model.info.notes)
    with pytest.raises(SettingsError, match="the softmax is inside the network already"):
        as_classifier(network(inside, declared=Declared(output="logits")), "spec")


def test_check_frames_are_three_different_pictures_each_time_the_same():
    frames = check_frames()
    assert frames.shape == (3, 3, 96, 128)
    assert torch.equal(frames, check_frames())
    assert all(not torch.equal(frames[i], frames[j]) for i in range(3) for j in range(i))
