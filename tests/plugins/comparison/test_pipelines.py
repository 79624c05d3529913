"""Variants of a chain against the libraries' own: PyAV, OpenCV, Pillow, ONNX Runtime in a loop of a user."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.pixels import Loop, by_opencv, by_pyav, jpeg
from vidrobust.footage.item import Item
from vidrobust.models.load import load_model
from vidrobust.plugins.comparison.chain import VARIANTS, Chain
from vidrobust.plugins.comparison.pipelines import _row, agreement_of_answers
from vidrobust.predictions import Detections

FRAMES = 24
SILENT = SimpleNamespace(name="silent")
LOOPS = {
    "pil": "pil",
    "opencv-linear": "opencv-linear",
    "opencv-area": "opencv-area",
    "torch-no-antialias": "torch, not antialiased",
}


@pytest.fixture(scope="module")
def clip(corpus):
    return corpus / "factory" / "intel_bottle-detection.mp4"


@pytest.fixture(scope="module")
def network(models):
    return models / "mobilenet_v2_1.0_224.onnx"


@pytest.fixture(scope="module")
def chain(clip, network):
    model = load_model(f"onnx:{network}", device="cpu")
    return Chain(item=Item(name="clip", path=clip), frames=FRAMES, model=model)


def labels(chain):
    return chain.answer(chain.edited(chain.pixels())).labels.tolist()


def variant(name, stage):
    return next(each for each in VARIANTS if (each.name, each.stage) == (name, stage))


def test_variants_give_the_labels_of_the_libraries_themselves(chain, clip, network):
    loop, frames = Loop(network), list(itertools.islice(by_pyav(str(clip)), FRAMES))
    assert labels(chain) == [loop.label(frame) for frame in frames]
    for name, theirs in LOOPS.items():
        changed = variant(name, "resize").change(chain)
        assert labels(changed) == [loop.label(frame, theirs) for frame in frames], name
    coded = variant("jpeg-90", "coding").change(chain)
    assert labels(coded) == [loop.label(jpeg(frame)) for frame in frames]
    swapped = variant("swapped", "channels").change(chain)
    theirs = [loop.label(np.ascontiguousarray(frame[..., ::-1])) for frame in frames]
    assert labels(swapped) == theirs
    decoded = variant("opencv", "decoder").change(chain)
    theirs = [loop.label(frame) for frame in itertools.islice(by_opencv(str(clip)), FRAMES)]
    assert labels(decoded) == theirs


def test_a_variant_that_is_the_chain_is_left_out(chain):
    assert variant("torch", "resize").change(chain) is None
    assert variant("stretch", "letterbox").change(chain) is None  # a classifier that crops


def test_the_command_counts_frames_whose_label_changes(chain, clip, network, printed, tmp_path):
    asked = (
        "pipelines",
        str(clip),
        f"--model=onnx:{network}",
        f"--frames={FRAMES}",
        f"--out={tmp_path}",
    )
    rows = json.loads(printed(0, *asked, "--json").out)
    by_name = {(row["stage"], row["variant"]): row for row in rows}
    usual = np.array(labels(chain))
    row = by_name["resize", "opencv-linear"]
    other = np.array(labels(variant("opencv-linear", "resize").change(chain)))
    assert (row["changed"], row["n"]) == (pytest.approx((usual != other).mean()), FRAMES)
    assert row["flips"] == (other[1:] != other[:-1]).sum()
    assert row["low"] <= row["changed"] <= row["high"]
    assert by_name["batch", "one"]["changed"] == 0
    assert {row["variant"] for row in rows if row["mistake"]} >= {"swapped", "twice"}
    said = printed(0, *asked).out
    assert "the labels of" in said
    assert "Noise floor" in said
    assert (tmp_path / "pipelines.parquet").is_file()
    assert "Probable mistakes" in (tmp_path / "pipelines.html").read_text()


def test_of_a_detector_layout_and_padding_are_tried(corpus, models, printed):
    clip = corpus / "objects" / "sam2_01_dog.mp4"
    asked = ("pipelines", str(clip), f"--model=onnx:{models / 'yolox_nano.onnx'}", "--frames=10")
    rows = json.loads(printed(0, *asked, "--json").out)
    stages = {row["stage"]: row for row in rows}
    assert {"letterbox", "resize", "channels", "scaling", "batch"} <= set(stages)
    assert all(row["flips"] is None for row in rows)
    assert (stages["batch"]["changed"], stages["batch"]["n"]) == (0, 10)


def test_two_silent_detectors_are_not_the_same():
    none = np.empty(0, np.float32)
    silent = Detections(none.reshape(0, 4), none, none.astype(int), none.astype(int), 12, ("bolt",))
    found = agreement_of_answers(silent, silent, "clip")
    assert not found.has_answers
    assert found.sentence == "Neither finds a box in 12 frames."
    row = _row(Chain(item=Item(name="clip", path=Path("clip")), frames=12, model=SILENT),
               VARIANTS[0], (silent, silent), (None, None))  # fmt: skip
    assert row["n"] == 0
    assert np.isnan([row["changed"], row["low"], row["high"]]).all()
