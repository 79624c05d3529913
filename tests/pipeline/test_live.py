"""A stream is recorded into the run folder and studied as a file; nothing of its password is kept."""

import json

from tests.pipeline.conftest import run
from tests.video.rtsp_server import RtspServer
from tests.video.test_record import piped, transport
from vidrobust.run_folder.folder import RunFolder

__all__ = ["piped", "transport"]  # fixtures
MODEL = "--model=tests.fuzz.tiny:model"


def test_a_camera_is_recorded_once_and_studied(transport, tmp_path, said):
    out = tmp_path / "run"
    with RtspServer(transport, login="eve:hush") as server:
        address = f"rtsp://eve:hush@127.0.0.1:{server.port}/cam"
        command = ("stability", address, "--for=1.5s", MODEL, f"--out={out}")
        assert run(*command) == 0
        assert server.clients == 1
        frames = RunFolder(out).table("frames")
        assert 35 < len(frames) <= 45
        assert set(frames["item"]) == {"127.0.0.1_cam"}
        assert run(*command) == 0  # the same command continues: nothing is recorded again
        assert server.clients == 1
        assert "is recorded already" in said()
        assert run(*command, "--overwrite") == 0
        assert server.clients == 2
        assert run("stability", address, "--for=9s", MODEL, f"--out={out}") == 2
        assert "record anew" in said()
    (note,) = json.loads((out / "recordings" / "recordings.json").read_text())
    assert note["source"] == f"rtsp://127.0.0.1:{server.port}/cam"
    for path in out.rglob("*"):
        assert not path.is_file() or b"hush" not in path.read_bytes(), path


def test_a_pipe_becomes_an_item(transport, tmp_path, piped):
    piped(transport)
    assert run("stability", "-", "--for", "1s", MODEL, f"--out={tmp_path / 'run'}", "--quiet") == 0
    (entry,) = RunFolder(tmp_path / "run").run["inputs"]
    assert entry["item"] == "pipe"
    assert entry["codec"] == "h264"
    assert entry["frames"] == 29


def test_what_is_said_where_it_cannot_be(tmp_path, public_clips, said, monkeypatch):
    monkeypatch.setattr("vidrobust.video.record.TRIES", 0)
    out = f"--out={tmp_path / 'run'}"
    assert run("stability", "rtsp://me:pw@127.0.0.1:9/x", MODEL, out) == 2
    summary = said()
    assert "say how long to record it with --for" in summary
    assert "pw" not in summary
    assert run("stability", "rtsp://me:pw@127.0.0.1:9/x", "--for=2s", MODEL, out) == 3
    summary = said()
    assert "Connection refused" in summary
    assert "pw@" not in summary
    assert run("stability", str(public_clips / "hevc.mp4"), "--for=2s", MODEL, out) == 2
    assert "is for addresses and pipes" in said()
    assert run("stability", "rtsp://127.0.0.1:9/x", "--for=soon", MODEL, out) == 2
    assert "--for: expected a time such as" in said()
    assert run("stability", "ftp://me:pw@host/x.mp4", "--for=2s", MODEL, out) == 2
    assert "ftp:// is no address that can be recorded" in said()
