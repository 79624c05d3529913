"""What fuzzing has found, made again by hand."""

import cv2
import numpy as np
import pytest

from tests.pipeline.conftest import run
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.run_folder.folder import RunFolder


def test_a_duration_in_matroska_that_is_no_number(public_clips, tmp_path):
    """The tag DURATION of a stream, 00:00:01.000000000 with a byte of it changed."""
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(public_clips / "hevc.mp4")) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    data = path.read_bytes()
    assert b"00:00:01.000000000" in data
    for changed in (b"00:00:01.00\xff000000", b"00:00:0..000000000", b"00:0x:01.000000000"):
        path.write_bytes(data.replace(b"00:00:01.000000000", changed))
        (found,) = inspect_paths([str(path)])
        assert found["frames"] == 10
        assert not found["problems"]


@pytest.mark.parametrize("change_at", [1, 3])
def test_a_size_that_changes_among_the_first_frames(tmp_path, change_at):
    """The noise floor is measured on the frames of the first size."""
    footage = tmp_path / "frames"
    footage.mkdir()
    picture = np.random.default_rng(0).integers(256, size=(96, 160, 3), dtype=np.uint8)
    for number in range(6):
        turned = picture if number < change_at else picture.transpose(1, 0, 2)
        cv2.imwrite(str(footage / f"{number}.png"), turned)
    out = tmp_path / "run"
    given = ("--model=tests.fuzz.tiny:model", f"--out={out}", "--quiet")
    assert run("stability", str(footage), *given) == 0
    folder = RunFolder(out)
    assert len(folder.table("frames")) == 6
    pairs = folder.table("pairs")
    near = pairs[pairs["kind"] == "adjacent"].set_index("frame_b")["excluded"]
    assert near[change_at] == "frame_size"
