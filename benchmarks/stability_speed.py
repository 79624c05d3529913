"""The stability stage against the loop that a user would write, process start included.

    python benchmarks/stability_speed.py CLIP [--model SPEC] [--seconds 60] [--size 1920x1080] [--rounds 2]

CLIP is any real video; it is scaled and repeated by the ffmpeg program to so many seconds. Every side is a process
of its own, and the sides take turns; the least wall time of the rounds counts:

    plain loop       PyAV, Pillow and torch in batches of 16, labels and flips of neighbours counted
    vidrobust        ``vidrobust stability``, every metric, intervals, noise floor and tables; once with an empty
                     cache of exported networks, and then with a full one
    decoding alone   the frames of the clip as the project decodes them, and nothing else
    model alone      the same number of frames, already decoded, through the model as the project runs it

The aims: three times the plain loop, and 0.85 of what the slower of decoding and model alone allows (both of these
without process start). Beside the second stands what the processors allow: where decoding and model each keep all
of them busy, no program is done before the sum of their work, over the number of processors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
from harness import say

BATCH = 16


def plain_loop(spec: str, *clips: str) -> int:
    """What a user would write: no line of this project but the network and its preprocessing's figures."""
    import av
    import torch
    from PIL import Image
    from torchvision import transforms

    from vidrobust.models.load import load_as_it_is
    from vidrobust.models.network import NetworkClassifier

    model = load_as_it_is(spec, device="cpu")
    assert isinstance(model, NetworkClassifier)
    # a module, or a file in ONNX Runtime
    preprocess, run = (model.network.preprocess, model.network.run)
    mean, std = (tuple(each / 255 for each in of) for of in (preprocess.mean, preprocess.std))
    to_input = transforms.Compose(
        [
            transforms.Resize(
                preprocess.resized[0], transforms.InterpolationMode(preprocess.interpolation)
            ),
            transforms.CenterCrop(preprocess.shape),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )
    frames = flips = 0
    for clip in clips:
        labels: list[int] = []
        batch: list[torch.Tensor] = []
        with av.open(clip) as container, torch.inference_mode():
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                batch.append(to_input(Image.fromarray(frame.to_ndarray(format="rgb24"))))
                if len(batch) == BATCH:
                    labels += torch.as_tensor(run(torch.stack(batch))).argmax(1).tolist()
                    batch = []
            if batch:
                labels += torch.as_tensor(run(torch.stack(batch))).argmax(1).tolist()
        frames, flips = (
            frames + len(labels),
            flips + sum(a != b for a, b in itertools.pairwise(labels)),
        )
    print(f"{flips} pairs of {frames} frames flip", file=sys.stderr)
    return frames


def decoding(clip: str) -> tuple[int, float, float]:
    """Frames, and seconds and seconds of processors without the start of the process."""
    from vidrobust.video.source import open_video

    before, work, count = time.perf_counter(), time.process_time(), 0
    with open_video(clip, device="cpu") as video:
        for batch in video.batches(32):
            count += len(batch)
    return count, time.perf_counter() - before, time.process_time() - work


def model_alone(clip: str, spec: str, frames: int) -> tuple[int, float, float]:
    """Frames, and seconds and seconds of processors without the start of the process and the loading."""
    from vidrobust.frames.device import tune_process

    tune_process()  # as the command does

    from vidrobust.models.load import load_model
    from vidrobust.models.predict import predict
    from vidrobust.video.source import open_video

    model = load_model(spec, device="cpu")
    with open_video(clip, device="cpu") as video:
        pixels = next(video.batches(32)).pixels
    predict(model, pixels)
    before, work, count = time.perf_counter(), time.process_time(), 0
    while count < frames:
        predict(model, pixels[: min(len(pixels), frames - count)])
        count += min(len(pixels), frames - count)
    return count, time.perf_counter() - before, time.process_time() - work


def made(clip: str, seconds: float, size: str, folder: Path) -> str:
    """The clip scaled, and repeated to at least so many seconds."""
    path = str(folder / "clip.mp4")
    command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", clip, "-an"]
    command += ["-t", str(seconds)]
    command += ["-vf", f"scale={size.replace('x', ':')}", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "medium", "-crf", "23", path], check=True)
    return path


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        if asked.one == "plain":
            print(json.dumps([plain_loop(asked.model, asked.clip), 0.0]))
        elif asked.one == "decoding":
            print(json.dumps(decoding(asked.clip)))
        else:
            print(json.dumps(model_alone(asked.clip, asked.model, asked.frames)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = made(asked.clip, asked.seconds, asked.size, folder)
        cache = {"VIDROBUST_CACHE": str(folder / "cache")}
        this = [sys.executable, __file__, clip, "--model", asked.model]
        command = "from vidrobust.cli.app import main; main()"
        study = [sys.executable, "-c", command, "stability", clip, "-m", asked.model, "-q"]
        best: dict[str, float] = {}
        inner: dict[str, float] = {}
        work: dict[str, float] = {}
        frames = 0
        for turn in range(asked.rounds):
            took = harness.timed([*this, "--one", "plain"], **cache)
            frames = int(json.loads(took.printed.splitlines()[-1])[0])
            best["plain loop"] = min(took.wall_s, best.get("plain loop", took.wall_s))
            for what in ("cold", "warm"):
                if what == "cold":
                    cache["VIDROBUST_CACHE"] = str(folder / f"cache{turn}")
                out = str(folder / f"run {what} {turn}")
                wall = harness.timed([*study, "-o", out], **cache).wall_s
                best[f"vidrobust, {what}"] = min(wall, best.get(f"vidrobust, {what}", wall))
            for what, more in (("decoding", []), ("model", ["--frames", str(frames)])):
                took = harness.timed([*this, "--one", what, *more], **cache)
                best[f"{what} alone"] = min(took.wall_s, best.get(f"{what} alone", took.wall_s))
                _, alone, busy = json.loads(took.printed.splitlines()[-1])
                inner[what] = min(alone, inner.get(what, alone))
                work[what] = min(busy, work.get(what, busy))
    say(
        f"{frames} frames of {asked.size}, {asked.model}, {os.cpu_count()} processors; process start included"
    )
    for name, seconds in best.items():
        say(
            f"{name:18} {seconds:7.1f} s {frames / seconds:7.1f} frames/s "
            f"{best['plain loop'] / seconds:6.2f} of the plain loop's speed"
        )
    bound = max(inner.values())
    both = sum(work.values()) / (os.cpu_count() or 1)
    say(
        "without process start: "
        + ", ".join(
            f"{what} alone {s:.1f} s, {work[what]:.1f} s of processors" for what, s in inner.items()
        )
    )
    for what in ("warm", "cold"):
        took = best[f"vidrobust, {what}"]
        say(
            f"vidrobust, {what}: {bound / took:.2f} of what the slower of them allows, {both / took:.2f} of what "
            "these processors allow, which have both to do"
        )


if __name__ == "__main__":
    harness.run(main)
