"""Decoding at 1080p: vidrobust against PyAV, decord, torchcodec and OpenCV, in CPU time and memory.

    python benchmarks/decode.py CLIP [--frames 200] [--rounds 3] [--json FILE]

CLIP is any real video; it is scaled to 1920x1080 and coded as H.264 with a key frame every 250 frames, in a
temporary folder, by the ffmpeg program. Each reader runs in a process of its own, the readers in turn, and
the least CPU time of the rounds counts. ``ratio`` is the time of the reference over the time of the reader:
a bare PyAV loop with one reused reformatter for plain decoding, the best of the other four for decoding with
a resize. Every reader is given the cheapest antialiased resize that fits it. Memory is the peak of the
process over that of one that imports the same and decodes one frame of a tiny video.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import harness

SIZE = 256  # the shorter side after the resize; 1920 x 1080 becomes 455 x 256
BATCH = 4
PLAIN = ("pyav", "vidrobust", "vidrobust accurate", "opencv", "torchcodec", "decord")
RESIZED = ("pyav", "vidrobust", "opencv", "torchcodec", "decord")


def pyav_loop(path: str) -> Iterator[Any]:
    import av
    import numpy as np
    import torch
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            plane = reformatter.reformat(frame, format="rgb24").planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, -1)
            yield torch.from_numpy(
                rows[:, : frame.width * 3].reshape(1, frame.height, frame.width, 3)
            )


def vidrobust_loop(path: str, color: str) -> Iterator[Any]:
    from vidrobust.video.source import open_video

    with open_video(path, device="cpu", color=color) as video:
        for batch in video.batches(BATCH):
            yield batch.pixels.permute(0, 2, 3, 1)


def opencv_loop(path: str) -> Iterator[Any]:
    import cv2
    import torch

    video = cv2.VideoCapture(path)
    while True:
        there, frame = video.read()
        if not there:
            return
        yield torch.from_numpy(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))[None]


def torchcodec_loop(path: str) -> Iterator[Any]:
    from torchcodec.decoders import VideoDecoder

    for frame in VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=0):
        yield frame[None]


def decord_loop(path: str) -> Iterator[Any]:
    import decord
    import torch

    for frame in decord.VideoReader(path, num_threads=2):
        yield torch.from_numpy(frame.asnumpy())[None]


def loop(name: str, path: str) -> Iterator[Any]:
    """Frames as (n, H, W, 3) uint8 tensors."""
    loops: dict[str, Callable[[str], Iterator[Any]]] = {
        "pyav": pyav_loop,
        "vidrobust": lambda p: vidrobust_loop(p, "fast"),
        "vidrobust accurate": lambda p: vidrobust_loop(p, "accurate"),
        "opencv": opencv_loop,
        "torchcodec": torchcodec_loop,
        "decord": decord_loop,
    }
    return loops[name](path)


def resized(frames: Iterator[Any], how: str) -> Iterator[Any]:
    """The frames with the shorter side at SIZE, by torchvision (strided view) or OpenCV (area)."""
    import cv2
    import torch
    from torchvision.transforms.v2 import functional

    for pictures in frames:
        if how == "torchvision":
            yield functional.resize(pictures.permute(0, 3, 1, 2), [SIZE], antialias=True)
        else:
            height, width = pictures.shape[1:3]
            size = (round(width * SIZE / height), SIZE)
            small = [cv2.resize(p.numpy(), size, interpolation=cv2.INTER_AREA) for p in pictures]
            yield torch.stack([torch.from_numpy(p) for p in small])


def measure_one(name: str, path: str, tiny: str, frames: int, how: str) -> dict[str, float]:
    """CPU ms a frame of this process and its threads, opening included, and its peak memory.

    A tiny clip is read first, so that imports and first calls are not counted.
    """
    import torch

    torch.set_num_threads(1)
    for timed in (tiny, path):
        source = loop(name, timed)
        stream = source if how == "none" else resized(source, how)
        seen = 0
        start = time.process_time()
        for pictures in stream:
            seen += len(pictures)
            if seen >= frames:
                break
        cpu_s = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"frames": seen, "ms": cpu_s / max(seen, 1) * 1e3, "mb": peak}


def in_a_process(name: str, path: str, tiny: str, frames: int, how: str) -> dict[str, float] | None:
    command = [sys.executable, __file__, path, "--tiny", tiny, "--one", name]
    command += ["--frames", str(frames), "--how", how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def make_clips(source: str, folder: Path, frames: int) -> tuple[str, str]:
    """The clip at 1080p, and a tiny one of the same."""
    paths = []
    for name, scale in (("hd.mp4", "1920:1080"), ("tiny.mp4", "64:36")):
        paths.append(str(folder / name))
        command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "9", "-i", source, "-an"]
        command += ["-vf", f"scale={scale}", "-frames:v", str(frames + 20), "-pix_fmt", "yuv420p"]
        command += ["-c:v", "libx264", "-preset", "medium", "-crf", "23", "-g", "250", paths[-1]]
        subprocess.run(command, check=True)
    return paths[0], paths[1]


def compare(source: str, frames: int, rounds: int) -> None:
    """One row for each task and reader: least CPU ms a frame, ratio to the reference, peak MB."""
    tasks = [(name, "none") for name in PLAIN]
    tasks += [(name, how) for name in RESIZED for how in ("torchvision", "area")]
    best: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        hd, tiny = make_clips(source, Path(folder), frames)
        idle = {name: in_a_process(name, tiny, tiny, 1, "none") for name in PLAIN}
        for _ in range(rounds):
            for name, how in tasks:
                result = in_a_process(name, hd, tiny, frames, how)
                if result is not None:
                    known = best.get((name, how), result)
                    best[name, how] = {k: min(known[k], result[k]) for k in result}
    plain = best["pyav", "none"]["ms"]
    peers = min(
        r["ms"] for (name, how), r in best.items() if how != "none" and "vidrobust" not in name
    )
    found = harness.table("task", "reader", "CPU, ms a frame", "ratio", "extra memory, MB")
    for (name, how), result in best.items():
        base = idle[name] or {"mb": 0.0}
        task = "decode" if how == "none" else f"decode and resize to {SIZE} ({how})"
        ratio = (plain if how == "none" else peers) / result["ms"]
        found.row(task, name, result["ms"], ratio, round(result["mb"] - base["mb"]))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--tiny", help=argparse.SUPPRESS)
    parser.add_argument("--how", default="none", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        result = measure_one(
            arguments.one, arguments.clip, arguments.tiny, arguments.frames, arguments.how
        )
        print(json.dumps(result))
        return
    compare(arguments.clip, arguments.frames, arguments.rounds)


if __name__ == "__main__":
    harness.run(main)
