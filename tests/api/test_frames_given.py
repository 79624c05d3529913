"""Frames in memory become a file that gives every value back."""

import numpy as np
import pytest
import torch

from vidrobust.api.study import write_frames
from vidrobust.errors import InputError, SettingsError
from vidrobust.video.source import open_video


def frames(count=5, height=51, width=70):
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def read(path):
    with open_video(path) as source:
        batches = list(source.batches(3))
    pixels = torch.cat([b.pixels.cpu() for b in batches]).permute(0, 2, 3, 1).numpy()
    return pixels, np.concatenate([b.time_s for b in batches])


@pytest.mark.parametrize("form", ["array", "channels first", "tensor", "iterator"])
def test_every_value_and_time_comes_back(tmp_path, form):
    given = frames()

    def one_by_one():
        yield from given

    forms = {
        "array": given,
        "channels first": given.transpose(0, 3, 1, 2),
        "tensor": torch.from_numpy(given),
        "iterator": one_by_one(),
    }
    pixels, times = read(write_frames(forms[form], tmp_path, "clip", 12.5))
    assert np.array_equal(pixels, given)
    assert times == pytest.approx(np.arange(5) / 12.5)


def test_the_same_frames_keep_their_file_and_others_get_another(tmp_path):
    first = write_frames(frames(), tmp_path, "clip", 25)
    content = first.read_bytes()
    assert write_frames(frames(), tmp_path, "clip", 25) == first
    assert first.read_bytes() == content
    assert write_frames(255 - frames(), tmp_path, "clip", 25) != first
    assert write_frames(frames(), tmp_path, "clip", 30) != first
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 8, 8), np.uint8), r"got an array \(4, 8, 8\)"),
        (np.zeros((4, 8, 8, 3), np.float32), "frame 0: expected uint8 RGB frames.*got float32"),
        (
            [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)],
            "frame 1 is 9 x 8 px, the first one 8 x 8",
        ),
    ],
)
def test_other_shapes_are_refused(tmp_path, given, said):
    with pytest.raises(SettingsError, match=said):
        write_frames(given, tmp_path, "clip", 25)


def test_no_frame_at_all(tmp_path):
    with pytest.raises(InputError, match="clip: holds no frame"):
        write_frames(iter(()), tmp_path, "clip", 25)
