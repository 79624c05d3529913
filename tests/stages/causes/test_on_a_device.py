"""Pairs on a stand-in device: the rows of the CPU, and several pairs' pictures in a batch."""

import pandas as pd

import vidrobust
from vidrobust.models.preprocess import Preprocess
from vidrobust.predictions import Classifications
from vidrobust.stages.causes import unit

from ...stand_in import stand_in

STAGES = ("transitions", "stability", "causes")


class Means:
    """A classifier of the frame's mean colours after a resize, which notes what it is shown."""

    name, class_names, version = "means", ("red", "green", "blue"), "1"
    task: str = "classification"
    preprocess = Preprocess(size=64, mean=(0.0,) * 3, std=(64.0,) * 3)

    def __init__(self):
        self.shown = []

    def __call__(self, pixels):
        self.shown.append((pixels.device.type, len(pixels)))
        means = self.preprocess(pixels).double().mean(dim=(2, 3)).softmax(dim=1)
        return Classifications(means.float().cpu().numpy(), self.class_names)


def studied(folder, clip, device):
    model, folder = Means(), folder / device[:3]
    settings = {"device": device, "backend": "pyav", "pairs": 8, "resamples": 199}
    run = vidrobust.study(clip, model, folder, settings, stages=STAGES)
    return model, [run.table(name) for name in ("causes", "account", "places")]


def test_pairs_are_the_same_and_shown_together(tmp_path, public_clips, monkeypatch):
    monkeypatch.setattr(unit, "abreast", lambda info, factor: 4)  # however many threads there are
    clip = public_clips / "dog.mp4"
    on_cpu, expected = studied(tmp_path, clip, "cpu")
    with stand_in() as copies:
        model, made = studied(tmp_path, clip, "cuda:0")
    for one, other in zip(made, expected, strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-6)
    assert {kind for kind, _ in model.shown} == {"cuda"}
    assert max(count for _, count in on_cpu.shown) <= 32
    # after the noise floors, which ask about frames alone; a map of places has 50 pictures, a pair 25 to 27
    asked = [count for _, count in model.shown]
    alone = max(place for place, count in enumerate(asked) if count == 1)
    assert max(asked[alone + 2 :]) > 50
    pictures = [copy for copy in copies.of("up") if copy.place.startswith("frames/pixels.py")]
    assert pictures
    assert not any(copy.waits for copy in pictures if copy.bytes > 2**20)
