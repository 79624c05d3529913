"""``python -m tests.fuzz.videos --seed K --out FILE``: damaged videos, as a study, ``inspect`` and ffmpeg see them.

Clips of real footage in eight codecs are damaged. Each is inspected, goes through the stage ``stability``, and is
decoded six times in this process. A fault is a study that is silent where ``inspect`` or the ffmpeg program speaks,
marks that differ between decodes, and a decode that does not end.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.cli.app import main as command
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.run_folder.folder import RunFolder
from vidrobust.video.source import open_video

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SOURCE = CORPUS / "factory" / "intel_bottle-detection.mp4"
X265 = ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=12:bframes=2")
X264 = ("-c:v", "libx264", "-g", "12", "-bf", "2")
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "200k", "-g", "12", "-deadline", "realtime", "-cpu-used", "8")
CLIPS: dict[str, tuple[str, ...]] = {
    "h264.mp4": X264,
    "h264.mkv": X264,
    "h264.ts": X264,
    "hevc.mp4": X265,
    "hevc.mkv": X265,
    "hevc.ts": X265,
    "mpeg4.mp4": ("-c:v", "mpeg4", "-g", "12", "-bf", "2"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-g", "12", "-bf", "1"),
    "vp9.webm": VP9,
    "vp9.mp4": VP9,
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "300k", "-g", "12"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"),
    "ffv1.mkv": ("-c:v", "ffv1", "-level", "3", "-g", "1"),
}
FRAMES = 35
DECODES = 6
OTHER = "torchcodec"
HANG_S = 120
"""Seconds after which one file counts as a hang; a sound one takes about two."""


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    copy = bytearray(data)
    for place in rng.integers(len(data) // 8, len(data), int(rng.choice([1, 1, 3, 20]))):
        copy[place] ^= 1 << int(rng.integers(8))
    return bytes(copy)


def overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    start, length = int(rng.integers(len(data) // 8, len(data) - 200)), int(rng.integers(20, 200))
    filler = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
    return data[:start] + filler + data[start + length :]


def shortened(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(data) // 8, len(data)))
    if rng.random() < 0.5:
        return data[:start]
    return data[:start] + data[start + int(rng.integers(1, 2000)) :]


def resized(data: bytes, rng: np.random.Generator) -> bytes:
    """One entry of stsz, the sizes of packets in MP4, is 0 or another number."""
    place = data.find(b"stsz")
    if place < 0:
        return flipped(data, rng)
    count = struct.unpack(">I", data[place + 12 : place + 16])[0]
    entry = place + 16 + 4 * int(rng.integers(count))
    size = 0 if rng.random() < 0.7 else int(rng.integers(1, 3000))
    return data[:entry] + struct.pack(">I", size) + data[entry + 4 :]


DAMAGE: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    flipped,
    overwritten,
    flipped,
    shortened,
    resized,
)


def clips(folder: Path) -> dict[str, bytes]:
    """The sound clips, coded by the ffmpeg program."""
    made = {}
    for name, options in CLIPS.items():
        path = folder / name
        scaled = ("-an", "-frames:v", str(FRAMES), "-vf", "scale=160:120", *options)
        coded = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-ss", "5", "-i", SOURCE, *scaled, path]
        subprocess.run(coded, check=True, timeout=120)
        made[name] = path.read_bytes()
    return made


def complaints(path: Path) -> list[str]:
    """What the ffmpeg program says on standard error while it decodes."""
    check = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-an", "-f", "null", "-"]
    return subprocess.run(
        check, capture_output=True, timeout=HANG_S, check=False, errors="replace", text=True
    ).stderr.splitlines()


def studied(path: Path, out: Path) -> dict[str, Any]:
    """Exit code, damaged frames and problems of the stage ``stability``."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            command(
                ["stability", str(path), "--model=tests.fuzz.tiny:model", f"--out={out}", "--quiet"]
            )
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    if code:
        return {"code": code, "corrupt": 0, "problems": [said.getvalue()[-500:]]}
    (entry,) = RunFolder(out).record.inputs
    shutil.rmtree(out)
    return {"code": 0, "corrupt": entry.corrupt_frames, "problems": list(entry.problems)}


def decoded(path: Path, backend: str = "auto") -> tuple[list[int], list[str], int]:
    """Numbers of damaged frames, problems, and a checksum of all pictures."""
    marks, digest = [], 0
    try:
        with open_video(path, device="cpu", backend=backend, color="fast") as video:
            for batch in video.batches(8):
                marks += batch.index[batch.corrupt].tolist()
                digest = zlib.crc32(batch.pixels.contiguous().numpy().tobytes(), digest)
            return marks, list(video.problems), digest
    except Exception as error:
        return [], [str(error)], 0


def examined(path: Path, out: Path) -> dict[str, Any]:
    """What a study, ``inspect`` and ffmpeg say of a file, and its faults."""
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    heard = complaints(path)
    (entry,) = inspect_paths([str(path)])
    study = studied(path, out)
    runs = []
    for _ in range(DECODES):
        runs.append(decoded(path))
    other = decoded(path, OTHER) if find_spec(OTHER) else runs[0]
    faulthandler.cancel_dump_traceback_later()
    speaks = bool(study["problems"])
    faults = []
    if entry["problems"] and not speaks:
        faults.append("silent where inspect speaks")
    if heard and not speaks:
        faults.append("silent where ffmpeg speaks")
    if entry["frames"] and entry["corrupt_frames"] != study["corrupt"]:
        faults.append("marks other frames than inspect")
    stopped = any("stopped at frame" in what for what in other[1])
    if speaks and (not other[1] or (runs[0][0] and not other[0] and not stopped)):
        faults.append(f"silent by {OTHER}")
    if any(run[:2] != runs[0][:2] for run in runs):
        faults.append("marks vary")
    if any(run[2] != runs[0][2] for run in runs):
        faults.append("pictures vary")
    return {
        "faults": faults,
        "ffmpeg": heard[:2],
        "inspect": [entry["frames"], entry["corrupt_frames"], entry["problems"]],
        "study": study,
        "marks": [len(run[0]) for run in runs],
        OTHER: [len(other[0]), other[1]],
    }


def main() -> int:
    """Exit code 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.videos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="what the damage is drawn from")
    parser.add_argument("--count", type=int, default=100, help="damaged videos")
    parser.add_argument("--out", type=Path, required=True, help="a JSON line a video")
    asked = parser.parse_args()
    keep = asked.out.with_suffix(".faults")
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="videos-") as base, asked.out.open("w") as out:
        sound = clips(Path(base))
        names = list(sound)
        for number in range(asked.count):
            rng = np.random.default_rng([asked.seed, number])
            name = names[number % len(names)]
            damage = DAMAGE[number // len(names) % len(DAMAGE)]
            path = Path(base) / f"{number:03d}_{damage.__name__}_{name}"
            path.write_bytes(damage(sound[name], rng))
            record = {"file": path.name, **examined(path, Path(base) / "run")}
            print(json.dumps(record), file=out, flush=True)
            for fault in record["faults"]:
                counts[fault] = counts.get(fault, 0) + 1
            if record["faults"]:
                keep.mkdir(exist_ok=True)
                shutil.copy(path, keep)
                print(f"{path.name}: {', '.join(record['faults'])}", flush=True)
    print(json.dumps({"videos": asked.count, "faults": counts}))
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
