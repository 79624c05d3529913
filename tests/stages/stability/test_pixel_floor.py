"""The noise floor of the way to a model's input, in a run and in its report."""

import dataclasses
import errno
import importlib.util
import itertools
import json
import re

import av
import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from torchvision.transforms import v2

from tests.pipeline.conftest import run
from tests.skips import need
from vidrobust.errors import InputError
from vidrobust.models.sidecar import read_sidecar
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import FloorRecord
from vidrobust.stages.stability import summary
from vidrobust.stages.stability.section import _floor_by_way

ASKED = ("--model=tests.fuzz.tiny:model", "--quiet")


def floor(path, clip):
    assert run("stability", str(clip), f"--out={path}", *ASKED) == 0
    return json.loads((path / "run.json").read_text())["noise_floor"]["bright"]


def test_decoders_that_agree(public_clips, tmp_path):
    """torchcodec is preferred: FFmpeg in decord is of 2021."""
    need(importlib.util.find_spec("torchcodec"), "the package torchcodec is not installed")
    found = floor(tmp_path / "run", public_clips / "hevc.mp4")
    same = {"total_variation": 0.0, "flips": 0, "n": 10}  # all of its frames
    assert found["decoder"] == {**same, "decoders": ["pyav", "torchcodec"]}
    assert {"batch size", "batch position"} <= set(found)


def test_resize_and_crop_are_beside_the_decoder_on_64_frames(corpus, models, tmp_path):
    """The flips of 64 frames, counted by a plain loop over PyAV's pictures with OpenCV's resize in the place."""
    clip, net = corpus / "objects/sam2_01_dog.mp4", models / "mobilenet_v1_0.25_128.onnx"
    assert (
        run("stability", str(clip), f"--model={net}", f"--out={tmp_path / 'run'}", "--quiet") == 0
    )
    (found,) = json.loads((tmp_path / "run/run.json").read_text())["noise_floor"].values()
    assert {"resize", "resize, averaged", "crop"} <= set(found)
    session = onnxruntime.InferenceSession(net)
    name, how = session.get_inputs()[0].name, read_sidecar(net).preprocess

    def label(crop):
        values = (crop.astype(np.float32) - np.float32(how.mean)) / np.float32(how.std)
        return int(session.run(None, {name: values.transpose(2, 0, 1)[None]})[0].argmax())

    def crops(frame):
        height, width = frame.shape[:2]
        short = how.resized[0]
        sides = (
            (short, int(short * height / width))
            if width < height
            else (int(short * width / height), short)
        )
        linear = cv2.resize(frame, sides, interpolation=cv2.INTER_LINEAR)
        area = cv2.resize(frame, sides, interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(frame).permute(2, 0, 1)
        ours = v2.functional.resize(pixels, [short], antialias=True).permute(1, 2, 0).numpy()
        top, left = (round((side - 128) / 2) for side in ours.shape[:2])
        pairs = [
            (ours, top, left),
            (linear, top, left),
            (area, top, left),
            (ours, top - 1, left - 1),
        ]
        return [made[y : y + 128, x : x + 128] for made, y, x in pairs]

    with av.open(str(clip)) as video:
        frames = itertools.islice(video.decode(video=0), 64)
        labels = np.array([[*map(label, crops(f.to_ndarray(format="rgb24")))] for f in frames])
    flips = (labels[:, 1:] != labels[:, :1]).sum(axis=0).tolist()
    assert [found[way]["flips"] for way in ("resize", "resize, averaged", "crop")] == flips
    assert {found[way]["n"] for way in ("resize", "resize, averaged", "crop")} == {64}
    assert max(flips) > 3


def test_a_decoder_that_gives_brighter_pictures(public_clips, tmp_path, monkeypatch):
    """The model tells the mean brightness: 51 of 255 levels more are a fifth of the probability, for certain."""
    read = summary._batches

    def batches(item, settings):
        other = settings.backend != "auto"
        for batch in read(item, settings.changed({"backend": "auto"}, "test")):
            darker = batch.pixels.clamp(0, 204)
            yield dataclasses.replace(batch, pixels=darker + 51 if other else darker)

    monkeypatch.setattr(summary, "_batches", batches)
    found = floor(tmp_path / "run", public_clips / "hevc.mp4")
    assert found["decoder"]["total_variation"] == pytest.approx(0.2, abs=1e-6)
    stability = RunFolder(tmp_path / "run").table("stability").set_index("metric")["value"]
    assert stability["noise_floor_total_variation"] == 0  # the run itself has one decoder


@pytest.mark.parametrize(
    ("cause", "code"), [(OSError(errno.EIO, "lost", "a.mp4"), 3), (OSError("no library"), 0)]
)
def test_a_lost_file_is_no_missing_decoder(cause, code, public_clips, tmp_path, monkeypatch):
    read = summary._batches

    def batches(item, settings):
        if settings.backend != "auto":
            raise InputError("cannot be opened") from cause
        yield from read(item, settings)

    monkeypatch.setattr(summary, "_batches", batches)
    clip, out = str(public_clips / "hevc.mp4"), f"--out={tmp_path / 'run'}"
    assert run("stability", clip, out, *ASKED) == code


def test_pictures_in_a_folder_have_no_decoder(public_clips, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    with av.open(str(public_clips / "hevc.mp4")) as source:
        for number, frame in enumerate(source.decode(video=0)):
            frame.to_image().save(folder / f"{number}.png")
    assert "decoder" not in floor(tmp_path / "run", folder)


def test_the_report_has_a_line_for_each_way():
    lines = _floor_by_way(
        {
            "batch size": FloorRecord(total_variation=0.0, flips=0, n=8),
            "precision": FloorRecord(total_variation=0.031, flips=2, n=8),
            "decoder": FloorRecord(flips=1, n=8, decoders=("pyav", "decord")),
        }
    )
    figures = {way: re.findall(r"[\d.]+", text) for way, text in lines.items()}
    assert figures == {
        "Noise floor, batch size": ["8"],
        "Noise floor, precision": ["3.1", "2", "8"],
        "Noise floor, decoder": ["1", "8"],
    }
    assert "decord instead of pyav" in lines["Noise floor, decoder"]
