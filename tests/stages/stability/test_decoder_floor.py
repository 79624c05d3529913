"""The noise floor of the decoder, in a run and in its report."""

import dataclasses
import errno
import importlib.util
import json
import re

import pytest

from tests.pipeline.conftest import run
from tests.skips import need
from vidrobust.errors import InputError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import FloorRecord
from vidrobust.stages.stability import summary as decoder_floor
from vidrobust.stages.stability.section import _floor_by_way

ASKED = ("--model=tests.fuzz.tiny:model", "--quiet")


def floor(path, clip):
    assert run("stability", str(clip), f"--out={path}", *ASKED) == 0
    return json.loads((path / "run.json").read_text())["noise_floor"]["bright"]


def test_decoders_that_agree(public_clips, tmp_path):
    """torchcodec is preferred: FFmpeg in decord is of 2021."""
    need(importlib.util.find_spec("torchcodec"), "the package torchcodec is not installed")
    found = floor(tmp_path / "run", public_clips / "hevc.mp4")
    same = {"total_variation": 0.0, "flips": 0, "n": 8}
    assert found["decoder"] == {**same, "decoders": ["pyav", "torchcodec"]}
    assert {"batch size", "batch position"} <= set(found)


def test_a_decoder_that_gives_brighter_pictures(public_clips, tmp_path, monkeypatch):
    """The model tells the mean brightness: 51 of 255 levels more are a fifth of the probability, for certain."""
    read = decoder_floor._first

    def first(item, settings):
        if settings.backend == "auto":
            batch = read(item, settings)
            return dataclasses.replace(batch, pixels=batch.pixels.clamp(0, 204))
        batch = read(item, settings.changed({"backend": "auto"}, "test"))
        return dataclasses.replace(batch, pixels=batch.pixels.clamp(0, 204) + 51)

    monkeypatch.setattr(decoder_floor, "_first", first)
    found = floor(tmp_path / "run", public_clips / "hevc.mp4")
    assert found["decoder"]["total_variation"] == pytest.approx(0.2, abs=1e-6)
    stability = RunFolder(tmp_path / "run").table("stability").set_index("metric")["value"]
    assert stability["noise_floor_total_variation"] == 0  # the run itself has one decoder


@pytest.mark.parametrize(
    ("cause", "code"), [(OSError(errno.EIO, "lost", "a.mp4"), 3), (OSError("no library"), 0)]
)
def test_a_lost_file_is_no_missing_decoder(cause, code, public_clips, tmp_path, monkeypatch):
    def first(item, settings):
        raise InputError("cannot be opened") from cause

    monkeypatch.setattr(decoder_floor, "_first", first)
    clip, out = str(public_clips / "hevc.mp4"), f"--out={tmp_path / 'run'}"
    assert run("stability", clip, out, *ASKED) == code


def test_pictures_in_a_folder_have_no_decoder(public_clips, tmp_path):
    import av

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
