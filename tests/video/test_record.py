"""Streams are recorded as they come: every packet the source's own, credentials nowhere, every end said."""

import contextlib
import io
import os
import socket
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.video.rtsp_server import PACKET, RtspServer
from vidrobust.errors import InputError, SettingsError
from vidrobust.video import record as recorder
from vidrobust.video.record import is_stream, name_of, record
from vidrobust.video.source import open_video


@pytest.fixture(scope="module")
def transport(public_clips):
    """A clip of the repository as MPEG-TS, its packets as they are."""
    memory = io.BytesIO()
    with (
        av.open(str(public_clips / "dog.mp4")) as source,
        av.open(memory, "w", format="mpegts") as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return memory.getvalue()


def packets(path):
    with av.open(path if isinstance(path, io.BytesIO) else str(path)) as container:
        return [
            bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size
        ]


def frames(path):
    with open_video(path) as video:
        return sum(map(len, video.batches(16)))


@pytest.fixture
def piped(monkeypatch):
    """Standard input becomes a pipe that a thread fills with bytes, and closes unless it is told to leave it."""
    opened = []

    def begin(data, *, close=True):
        reading, writing = os.pipe()
        opened.append(os.fdopen(reading))
        if not close:
            monkeypatch.setattr(sys, "stdin", opened[-1])
            opened.append(os.fdopen(writing, "w"))
            return

        def fill():
            with contextlib.suppress(OSError), os.fdopen(writing, "wb") as end:
                end.write(data)

        threading.Thread(target=fill, daemon=True).start()
        monkeypatch.setattr(sys, "stdin", opened[-1])

    yield begin
    monkeypatch.undo()
    for each in opened:
        each.close()


def test_a_stream_with_a_password_is_recorded_without_it(transport, tmp_path):
    with RtspServer(transport, login="inspector:s3cret") as server:
        made = record(f"rtsp://inspector:s3cret@127.0.0.1:{server.port}/line/3", tmp_path, 1.5)
    (path,) = made.files
    assert made.source == f"rtsp://127.0.0.1:{server.port}/line/3"
    assert path.name == "127.0.0.1_line_3.mkv"
    assert "s3cret" not in repr(made)
    assert b"s3cret" not in path.read_bytes()
    assert 1.3 < made.seconds <= 1.5
    assert not made.ended
    whole = tmp_path / "whole.ts"
    whole.write_bytes(transport)
    with open_video(whole) as one, open_video(path) as other:
        some = range(made.packets - 4)  # the last ones lean on frames behind the end
        found = other.at(some)
        assert torch.equal(found.pixels, one.at(some).pixels)  # nothing was coded again
    # Matroska counts in milliseconds
    assert np.allclose(np.diff(found.time_s), 1001 / 30000, atol=0.0011)


def test_a_wrong_password_and_a_closed_port_are_said_without_the_password(
    transport, tmp_path, monkeypatch
):
    monkeypatch.setattr(recorder, "TRIES", 0)
    with RtspServer(transport, login="a:b") as server, pytest.raises(InputError) as refused:
        record(f"rtsp://a:hidden@127.0.0.1:{server.port}/x", tmp_path, 1, timeout_s=5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="Connection refused") as closed:
        record(f"rtsp://a:hidden@127.0.0.1:{port}/x", tmp_path, 1)
    for error in (refused, closed):
        assert "nothing was recorded" in str(error.value)
        assert "hidden" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_broken_connection_is_opened_again_into_a_file_of_its_own(
    transport, tmp_path, monkeypatch
):
    monkeypatch.setattr(recorder, "FIRST_PAUSE_S", 0.02)
    said = []
    at = len(transport) // PACKET // 2
    with RtspServer(transport, breaks=(at,)) as server:
        made = record(
            f"rtsp://127.0.0.1:{server.port}/", tmp_path, 6.0, timeout_s=2, say=said.append
        )
    assert server.clients >= 2
    assert [path.name for path in made.files[:2]] == ["127.0.0.1.mkv", "127.0.0.1-2.mkv"]
    assert "ended after" in made.ended
    assert any("was opened again" in note for note in made.notes)
    assert said
    assert sum(frames(path) for path in made.files) == pytest.approx(
        made.packets, abs=2 * len(made.files)
    )


def test_a_stream_that_stalls_ends_at_the_timeout(transport, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "TRIES", 0)
    with RtspServer(transport, stalls=len(transport) // PACKET - 20) as server:
        made = record(f"rtsp://127.0.0.1:{server.port}/", tmp_path, 30.0, timeout_s=0.8)
    assert "nothing came for 0.8 s" in made.ended
    assert made.packets > 20


def test_a_pipe_is_recorded_to_its_time_or_to_its_end(transport, public_clips, tmp_path, piped):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    piped(transport)
    made = record("-", tmp_path / "a", 1.0)
    assert made.files[0].name == "pipe.mkv"
    assert 0.8 < made.seconds <= 1.0
    piped((public_clips / "bunny.webm").read_bytes())
    made = record("pipe:", tmp_path / "b", 60.0)
    assert made.ended.startswith("it ended after")
    assert packets(made.files[0]) == packets(public_clips / "bunny.webm")


def test_pipes_that_hold_nothing_or_nothing_usable(tmp_path, piped):
    piped(b"no video at all\n" * 100)
    with pytest.raises(InputError, match="standard input: cannot be opened"):
        record("-", tmp_path, 1.0)
    piped(b"", close=False)
    with pytest.raises(InputError, match=r"nothing came for 0\.3 s"):
        record("-", tmp_path, 1.0, timeout_s=0.3)
    assert not list(tmp_path.iterdir())


def test_what_is_a_stream_and_what_it_is_called():
    assert is_stream("rtsp://cam/1")
    assert is_stream("-")
    assert not is_stream("clips/-.mp4")
    assert not is_stream("file:///tmp/a.mp4")
    assert name_of("rtsp://u:p@cam-7:554/line 3/../x?user=a&password=b") == "cam-7_line_3_.._x"
    assert name_of("rtsp://u:p@") == "stream"
    assert name_of("pipe:0") == "pipe"
    with pytest.raises(SettingsError, match="ftp:// is no address that can be recorded"):
        record("ftp://me:pw@host/a.mp4", Path("/tmp"), 1.0)


def test_secrets_are_left_out_of_addresses():
    from vidrobust.text.printable import without_secrets

    assert without_secrets("rtsp://u:p%40w@cam:554/a?x=1&Password=q&token=z") == (
        "rtsp://cam:554/a?x=1&Password=***&token=***"
    )
    assert without_secrets("rtsp://cam/user=admin&password=abc&channel=1.sdp") == (
        "rtsp://cam/user=***&password=***&channel=1.sdp"
    )
    assert without_secrets("clips/a@b.mp4") == "clips/a@b.mp4"
