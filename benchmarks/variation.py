"""What the variation meter costs beside the model: both sides in one run, CPU time, one thread each.

    python benchmarks/variation.py CLIP... [--frames 300] [--repeats 3] [--table]

The stability stage is decoding, resizing and the forward pass of EfficientNet-Lite0, in batches of 16. CPU time
of the process is compared, the best of the repeats, so that other work on the machine does not count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import av
import harness
import torch
from efficientnet_lite_pytorch import EfficientNet
from harness import say

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.batch import FrameBatch
from vidrobust.stages.variation.meter import VariationMeter
from vidrobust.video.source import open_video

BATCH = 16


def batches(path: Path, frames: int) -> Iterator[FrameBatch]:
    """The first frames of a clip, as the video stage delivers them."""
    with open_video(path, device="cpu") as video:
        for batch in video.batches(BATCH):
            yield batch.rows(batch.index < frames)
            if batch.index[-1] >= frames - 1:
                return


def seconds_of_stability(path: Path, frames: int, net: torch.nn.Module) -> tuple[float, int]:
    start, seen = time.process_time(), 0
    for batch in batches(path, frames):
        with torch.inference_mode():
            pixels = batch.pixels.float().div_(255)
            small = torch.nn.functional.interpolate(
                pixels, (224, 224), mode="bilinear", antialias=True
            )
            net(small.sub_(0.5).div_(0.5)).softmax(dim=1)
        seen += len(batch)
    return time.process_time() - start, seen


def seconds_of_meter(path: Path, frames: int) -> tuple[float, VariationMeter]:
    with av.open(str(path)) as container:
        meter = VariationMeter(
            path.name, container.streams.video[0].average_rate, content=path.name
        )
    watcher, spent = PairWatcher(), 0.0
    for batch in batches(path, frames):
        reasons = watcher.feed(batch).reason
        start = time.process_time()
        meter.feed(batch, reasons)
        spent += time.process_time() - start
    start = time.process_time()
    meter.finish()
    return spent + time.process_time() - start, meter


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="print what the meter found, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    net = EfficientNet.from_name("efficientnet-lite0").eval()
    say(
        f"{'clip':42s} {'frames':>6s} {'model ms':>9s} {'meter ms':>9s} {'share':>6s} {'stride':>6s} {'pairs':>6s}"
    )
    for path in arguments.clips:
        model, seen = min(
            seconds_of_stability(path, arguments.frames, net) for _ in range(arguments.repeats)
        )
        spent, meter = min(
            (seconds_of_meter(path, arguments.frames) for _ in range(arguments.repeats)),
            key=lambda x: x[0],
        )
        result = meter.finish()
        counts = result.counts
        pairs = counts["pairs_drawn"] + counts["pairs_second"] + counts["pairs_clip"]
        say(
            f"{path.name:42s} {seen:6d} {model / seen * 1e3:9.2f} {spent / seen * 1e3:9.2f} "
            f"{spent / model:6.1%} {meter.stride:6d} {pairs:6d}"
        )
        if arguments.table:
            say(result.timing, result.excluded, result.counts)
            say(result.table.drop(columns=["item"]).round(4).to_string(index=False))


if __name__ == "__main__":
    harness.run(main)
