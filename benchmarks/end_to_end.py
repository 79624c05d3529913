"""The whole study from end to end: many clips, a long one, and how the time grows.

    python benchmarks/end_to_end.py clips   SOURCES... [--clips 100] [--seconds 10] [--size WxH] [--workers N]
    python benchmarks/end_to_end.py long    SOURCES... [--minutes 60] [--size 1920x1080]
    python benchmarks/end_to_end.py growth  SOURCES... [--seconds 8] [--size 640x480] [--figure FILE.png]
    python benchmarks/end_to_end.py stability SOURCES... [--seconds 60] [--size 1920x1080] [--rounds 2]

SOURCES are real videos. Clips are cut out of them at different places, scaled, and coded as H.264 by the ffmpeg
program; a long one is all of them one after the other, again and again. Every study is ``vidrobust study`` in a
process of its own, process start included; its peak memory is that of the process (and, with workers, of the
largest).

clips   wall time, processor seconds of each stage (of all threads while it runs, so that other work on the
        machine hardly shows) and peak memory; then, in the same run, the loop that only classifies
        (``plain_loop.py``) over the same clips, with the ratio of both, and the seconds of processors that
        decoding and network alone need for the frames
long    an hour of 1080p is to stay within 2 GB
growth  frames and perturbations are made two and four times as many, and models two and three times (the same
        network under other names), all else as it is; the time is to grow along a line. Given are the lines
        fitted to the seconds, and how far the measured ones are from them
stability
        ``vidrobust stability`` (every metric, intervals, noise floor and tables; with an empty cache of exported
        networks in the first round) and the plain loop in turn; the least wall time of the rounds counts, and is
        to be a third of the loop's
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import numpy as np
from harness import say
from plain_loop import decoding, model_alone

from vidrobust.pipeline.estimate import looks, usual

PERTURBATIONS = (
    *("brightness", "rotation", "gaussian_blur", "jpeg", "gaussian_noise", "contrast"),
    *("translation", "hue", "motion_blur", "impulse_noise", "gamma", "shear", "defocus_blur"),
    *("h264", "occlusion", "scale"),
)
COPIES = """
from vidrobust.models.load import load_model

class Copy:
    task, version = "classification", "1"

    def __init__(self, number):
        self.model = load_model("SPEC", device="cpu")
        self.name, self.class_names = f"copy{number}", self.model.class_names

    def __call__(self, pixels):
        return self.model(pixels)

def copy0(): return Copy(0)
def copy1(): return Copy(1)
def copy2(): return Copy(2)
"""
"""A module of models: the same network under three names."""
STAGES_BY_PROCESSORS = """
import time
from types import SimpleNamespace
from vidrobust.cli.app import main
from vidrobust.pipeline import build
from vidrobust.pipeline.workers import worker

build.time = worker.time = SimpleNamespace(**{**vars(time), "perf_counter": time.process_time})
main()
"""


@dataclass(frozen=True)
class Study:
    """What a study took. stages: processor seconds of each; peak_mb: memory of the largest process.

    samples, pairs: perturbed frames and replayed neighbours.
    """

    wall_s: float
    processor_s: float
    peak_mb: float
    frames: int
    samples: int
    pairs: int
    stages: dict[str, float]


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


def length_s(path: str) -> float:
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def coded(size: str) -> list[str]:
    scaled = f"scale={size.replace('x', ':')},setsar=1"
    how = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23")
    return ["-an", "-vf", scaled, "-r", "25", "-pix_fmt", "yuv420p", *how]


def cut_clips(sources: Sequence[str], count: int, seconds: float, size: str, folder: Path) -> None:
    """So many clips, from the sources in turn, each beginning elsewhere; a short source is repeated."""
    folder.mkdir()
    for number in range(count):
        source = sources[number % len(sources)]
        begin = (number // len(sources)) * 0.7 % max(length_s(source), 0.1)
        looped = ("-stream_loop", "-1", "-ss", f"{begin:.2f}", "-i", source, "-t", str(seconds))
        ffmpeg(*looped, *coded(size), str(folder / f"clip_{number:04d}.mp4"))


def long_clip(sources: Sequence[str], seconds: float, size: str, folder: Path) -> None:
    """One video of so many seconds: the sources one after the other, as often as it needs."""
    folder.mkdir()
    parts = folder.parent / "cache"
    parts.mkdir()
    for number, source in enumerate(sources):
        ffmpeg("-i", source, *coded(size), str(parts / f"{number}.mp4"))
    once = sum(length_s(str(path)) for path in parts.iterdir())
    turns = int(np.ceil(seconds / once))
    listed = [f"file '{parts / f'{number}.mp4'}'\n" for number in range(len(sources))]
    (parts / "list.txt").write_text("".join(listed * turns))
    joined = ("-f", "concat", "-safe", "0", "-i", str(parts / "list.txt"))
    ffmpeg(*joined, "-t", str(seconds), "-c", "copy", str(folder / "long.mp4"))


def study(sources: Path, out: Path, *more: str) -> Study:
    """A whole study in a process of its own; its stages are timed by processors, engines by the clock."""
    asked = ["study", str(sources), "-o", str(out), *more]
    command = [sys.executable, "-c", STAGES_BY_PROCESSORS, *asked]
    took = harness.timed(command)
    if "it was estimated at " in took.said:  # a study's own estimate, beside what it took
        span = took.said.partition("it was estimated at ")[2].partition("\n")[0]
        say(f"  estimated at {span}, took {took.wall_s:.0f} s with its start")
    record = json.loads((out / "run.json").read_text())
    stages = {name: float(stage["seconds"]) for name, stage in record["stages"].items()}
    frames = sum(int(entry["frames"]) for entry in record["inputs"])
    samples = int(record["sample"]["frames"])
    used = took.wall_s, took.processor_s, took.peak_mb
    return Study(*used, frames, samples, _pairs(record), stages)


def _pairs(record: dict[str, Any]) -> int:
    """Pairs of the last look."""
    sample = record["sample"]
    sizes = looks(sample["pairs"], max(usual(1).pairs, usual(len(record["inputs"])).pairs // 2))
    return sizes[min(sample.get("look", 0), len(sizes) - 1)]


def plain(model: str, paths: Sequence[str]) -> harness.Took:
    """The plain loop over these clips in a process of its own."""
    here = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import plain_loop as s; "
    )
    return harness.timed([sys.executable, "-c", f"{here}s.plain_loop({model!r}, *{paths!r})"])


def stability(clips: Path, model: str, rounds: int, folder: Path) -> None:
    """``vidrobust stability`` and the plain loop in turn: the least wall seconds of each, and their ratio."""
    cache = {"VIDROBUST_CACHE": str(folder / "networks")}
    clip = str(next(clips.iterdir()))
    ours, loops = [], []
    for turn in range(rounds):
        loops.append(plain(model, [clip]).wall_s)
        asked = ["stability", clip, "-m", model, "-q", "-o", str(folder / f"run{turn}")]
        command = [sys.executable, "-c", "from vidrobust.cli.app import main; main()", *asked]
        ours.append(harness.timed(command, **cache).wall_s)
        say(f"plain loop {loops[-1]:.1f} s, vidrobust stability {ours[-1]:.1f} s")
    say(f"vidrobust is {min(loops) / min(ours):.2f} times as fast")


def beside_plain(clips: Path, model: str, summary: Study) -> None:
    """The plain loop over the same clips, decoding and network alone, and the study's ratio to each."""
    paths = [str(path) for path in sorted(clips.iterdir())]
    took = plain(model, paths)
    wall, work = took.wall_s, took.processor_s
    say(f"  plain loop: {wall:.1f} s, {work:.1f} of processors")
    for what, ratio in (
        ("seconds", summary.wall_s / wall),
        ("seconds of processors", summary.processor_s / work),
    ):
        say(f"  the study takes {ratio:.2f} times its {what}")
    decoded = [decoding(path) for path in paths]
    _, _, network = model_alone(paths[0], model, sum(frames for frames, _, _ in decoded))
    least = sum(busy for _, _, busy in decoded) + network
    cores = os.cpu_count() or 1
    say(
        f"  decoding and network alone, each frame once: {least:.0f} s of processors, so at least "
        f"{least / cores:.0f} s on {cores}"
    )


def tell(name: str, summary: Study) -> None:
    in_stages = ", ".join(f"{stage} {s:.0f}" for stage, s in summary.stages.items() if s >= 0.5)
    wall = f"{summary.wall_s:.0f} s ({summary.wall_s / 60:.1f} min)"
    say(
        f"{name}: {wall}, {summary.processor_s:.0f} s of processors for {summary.frames} frames, "
        f"{summary.samples} of them perturbed, and {summary.pairs} pairs; peak {summary.peak_mb:.0f} MB"
    )
    say(f"  processor seconds by stage: {in_stages}")


def growth(
    sources: Sequence[str], seconds: float, size: str, model: str, folder: Path
) -> dict[str, list[tuple[float, float]]]:
    """Of frames, models and perturbations: how many, and the seconds of a study."""
    found: dict[str, list[tuple[float, float]]] = {"frames": [], "models": [], "perturbations": []}
    few = ("--frames=24", "--pairs=8", "--resamples=999")
    (folder / "copies.py").write_text(COPIES.replace("SPEC", model))
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    one = ("-m", model)
    some = tuple(f"--perturbation={name}" for name in PERTURBATIONS[:4])
    for times in (1, 2, 4):
        clips = folder / f"clips{times}"
        cut_clips(sources, 2, seconds * times, size, clips)
        summary = study(clips, folder / f"frames{times}", *one, *some, *few)
        found["frames"].append((summary.frames, summary.wall_s))
        say(f"{summary.frames} frames: {summary.wall_s:.1f} s")
    for count in (1, 2, 3):
        models = [part for number in range(count) for part in ("-m", f"copies:copy{number}")]
        summary = study(folder / "clips1", folder / f"models{count}", *models, *some, *few)
        found["models"].append((count, summary.wall_s))
        say(f"{count} model(s): {summary.wall_s:.1f} s")
    for count in (4, 8, 16):
        named = tuple(f"--perturbation={name}" for name in PERTURBATIONS[:count])
        summary = study(folder / "clips1", folder / f"perturbations{count}", *one, *named, *few)
        found["perturbations"].append((count, summary.wall_s))
        say(f"{count} perturbations: {summary.wall_s:.1f} s")
    return found


def tell_growth(found: dict[str, list[tuple[float, float]]], figure: str) -> None:
    table = harness.table("what", "of", "seconds", "line", "farthest from it")
    for what, points in found.items():
        x, y = np.array(points).T
        slope, fixed = np.polyfit(x, y, 1)
        off = np.abs(y - (fixed + slope * x)).max() / y.mean()
        counts, seconds = (", ".join(f"{each:.4g}" for each in side) for side in (x, y))
        line = f"{fixed:.1f} s + {slope:.3g} s each"
        table.row(what, counts, seconds, line, f"{100 * off:.1f} %")
    if not figure:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(9, 2.8), layout="constrained")
    FigureCanvasAgg(sheet)
    for panel, (what, points) in zip(sheet.subplots(1, len(found)), found.items(), strict=True):
        x, y = np.array(points).T
        slope, fixed = np.polyfit(x, y, 1)
        panel.plot(x, y, "o", color="#0072b2")
        ends = np.array([0, x.max() * 1.05])
        panel.plot(ends, fixed + slope * ends, "-", color="#8a8a8a", linewidth=1)
        panel.set_xlim(0)
        panel.set_ylim(0, max(y) * 1.15)
        panel.set_xlabel(what)
        panel.set_ylabel("seconds of a whole study")
    sheet.savefig(figure, dpi=120)
    say(f"figure: {figure}")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("what", choices=("clips", "long", "growth", "stability"))
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--size")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--figure", default="")
    parser.add_argument("--keep", help="a folder for clips and runs, which then stay")
    asked = parser.parse_args()
    say(f"{os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(asked.keep or name)
        folder.mkdir(exist_ok=True)
        model = ("-m", asked.model)
        workers = () if asked.workers is None else (f"--workers={asked.workers}",)
        if asked.what == "clips":
            seconds, size, count = asked.seconds or 10, asked.size or "640x480", asked.clips or 100
            cut_clips(asked.sources, count, seconds, size, folder / "clips")
            summary = study(folder / "clips", folder / "run", *model, *workers)
            tell(f"{count} clips of {seconds:g} s, {size}", summary)
            beside_plain(folder / "clips", asked.model, summary)
        elif asked.what == "stability":
            seconds, size = asked.seconds or 60, asked.size or "1920x1080"
            long_clip(asked.sources, seconds, size, folder / "clips")
            stability(folder / "clips", asked.model, asked.rounds, folder)
        elif asked.what == "long":
            size = asked.size or "1920x1080"
            long_clip(asked.sources, 60 * asked.minutes, size, folder / "clips")
            summary = study(folder / "clips", folder / "run", *model, *workers)
            tell(f"{asked.minutes:g} minutes of {size}", summary)
        else:
            seconds, size = asked.seconds or 8, asked.size or "640x480"
            tell_growth(growth(asked.sources, seconds, size, asked.model, folder), asked.figure)


if __name__ == "__main__":
    harness.run(main)
