"""The sweep on a stand-in device: the rows of the CPU, and frames that are not copied about."""

import numpy as np
import pandas as pd

from tests.stages.causes.test_on_a_device import Means
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.sensitivity.unit import Draws, study_frames
from vidrobust.video.source import first_batch, open_video

from ...stand_in import stand_in

# Warps differ between devices by a level
NATURAL = [one for one in PERTURBATIONS.values() if one.suite == "natural"]
SWEPT = [one for one in NATURAL if one.family != "geometry" and ":" not in one.key]
FRAMES = 3


def swept(path, device):
    with open_video(path, device=device, backend="pyav") as video:
        frames = first_batch(video, FRAMES)
    rows = study_frames(frames, [Means()], SWEPT, Draws(content="clip", each=1))
    keys = ["perturbation", "strength", "frame", "metric"]
    return frames, rows.sort_values(keys, ignore_index=True)


def test_the_sweep_is_the_same_and_frames_stay(public_clips):
    """Only frames that a codec of the CPU changed go up again; what comes down is answers and means of frames."""
    path = public_clips / "dog.mp4"
    _, expected = swept(path, "cpu")
    with stand_in() as copies:
        frames, found = swept(path, "cuda:0")
    size = frames.pixels.nbytes
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)
    assert len(found.loc[found["metric"] == "label_flip"]) == FRAMES * len(SWEPT)
    codecs = [one for one in SWEPT if one.on_cpu]
    assert [one.name for one in codecs] == ["jpeg", "h264"]
    whole = [copy for copy in copies.of("up", size // FRAMES) if "video/" not in copy.place]
    of_frames = [copy for copy in whole if "sensitivity/" in copy.place]
    assert sum(copy.bytes for copy in of_frames) == len(codecs) * size
    assert sum(copy.bytes for copy in copies.of("down")) < 0.02 * size
    assert np.array_equal(frames.pixels.cpu().permute(0, 2, 3, 1).numpy(), frames.pictures)
