"""What a unit's key depends on."""

from pathlib import Path
from types import SimpleNamespace

from vidrobust.errors import InputError
from vidrobust.footage.item import Item
from vidrobust.pipeline import inputs
from vidrobust.pipeline.keys import _word, unit_key
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.transitions.stage import TRANSITIONS
from vidrobust.stages.variation.stage import VARIATION


class Opened:
    """An opened video of which the route is known."""

    def __init__(self, backend, device):
        self.info = SimpleNamespace(backend=backend, device=device)

    def __enter__(self):
        return self

    def __exit__(self, *_): ...


def key(stage=TRANSITIONS, **settings):
    inputs.decoder_of.cache_clear()
    item = Item(name="clip", path=Path("clip.mp4"))
    return unit_key(stage, item, "c0", Settings(**settings), None)


def test_the_key_holds_the_decoder_and_the_device_that_are_taken(monkeypatch):
    """By hand: the CPU; a copy to a GPU; NVDEC of torchcodec, of PyAV; and a file that no route opens."""
    monkeypatch.setattr(inputs, "resolve_or_cpu", lambda device: ("cpu", ""))
    on_cpu = key(device="cpu")
    assert key(device="auto") == on_cpu
    assert key(device="cuda:0") == on_cpu  # it is not there, so the CPU decodes
    keys = {on_cpu, key(device="cpu", color="accurate"), key(device="cpu", backend="torchcodec")}
    monkeypatch.setattr(inputs, "resolve_or_cpu", lambda device: ("cuda:0", ""))
    for backend, device in (("pyav", "cpu"), ("torchcodec", "cuda:0"), ("pyav", "cuda:0")):
        monkeypatch.setattr(inputs, "open_video", lambda *a, b=backend, d=device, **k: Opened(b, d))
        keys.add(key(device="auto"))

    def refuses(*_, **__):
        raise InputError("nothing decodes on the device asked for")

    monkeypatch.setattr(inputs, "open_video", refuses)
    keys.add(key(device="auto"))
    assert len(keys) == 7


def test_the_keys_of_stages_that_need_it_hold_it_too(monkeypatch):
    monkeypatch.setattr(inputs, "resolve_or_cpu", lambda device: ("cuda:0", ""))
    keys = set()
    for device in ("cpu", "cuda:0"):
        monkeypatch.setattr(inputs, "open_video", lambda *a, d=device, **k: Opened("pyav", d))
        keys.add(key(VARIATION, device="auto"))
    assert len(keys) == 2


def test_a_setting_that_is_empty_is_called_unset():
    assert [_word(value) for value in (None, "", [], "60s", 0)] == [
        "unset",
        "unset",
        "empty",
        "60s",
        "0",
    ]
