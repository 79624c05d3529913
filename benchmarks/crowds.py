"""What a crowd of boxes costs without the model: frames a second of stability, processor seconds a pair of causes.

    python benchmarks/crowds.py [--boxes 1000] [--frames 60] [--pairs 2]

Boxes drift over a real texture; the detector answers from a list and computes nothing. Processor time, so that
other work on the machine does not count.
"""

from __future__ import annotations

import time

import harness
import numpy as np
import torch
from harness import say

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import AlongTime
from vidrobust.predictions import Detections
from vidrobust.stages.causes.boxes import seen_boxes
from vidrobust.stages.causes.scene import STEP, ShownMotion

HEIGHT, WIDTH = 720, 1280
BATCH = 32


def crowd(count: int, frames: int, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """(frames, H, W, 3) uint8 of a drifting texture, and the boxes (count, 4) of each frame."""
    import cv2

    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (HEIGHT + frames, WIDTH + 2 * frames, 3)).astype(np.uint8)
    wide = cv2.GaussianBlur(rough, (0, 0), 2.5)
    columns = int(np.ceil(np.sqrt(count * WIDTH / HEIGHT)))
    at = np.arange(count)
    step_x, step_y = WIDTH / columns, HEIGHT / int(np.ceil(count / columns))
    corner = np.column_stack([(at % columns) * step_x, (at // columns) * step_y])
    side = np.array([0.8 * step_x, 0.8 * step_y])
    pictures, boxes = [], []
    for f in range(frames):
        pictures.append(wide[:HEIGHT, 2 * (frames - f) : 2 * (frames - f) + WIDTH])
        jitter = rng.normal(0, 0.02, (count, 2)) * side
        low = corner + jitter + [2 * f % step_x, 0]
        boxes.append(np.concatenate([low, low + side], axis=1))
    return np.stack(pictures), boxes


def detections(boxes: list[np.ndarray]) -> Detections:
    """The boxes of some frames as a detector says them."""
    rng = np.random.default_rng(len(boxes))
    counts = [len(each) for each in boxes]
    return Detections(
        np.concatenate(boxes).astype(np.float32),
        rng.uniform(0.55, 0.95, sum(counts)).astype(np.float32),
        np.arange(sum(counts)) % 3,
        np.repeat(np.arange(len(boxes)), counts),
        len(boxes),
        ("a", "b", "c"),
    )


def stability(count: int, frames: int) -> float:
    """Frames a second of processor time: the meter of boxes alone, decoded frames and boxes given."""
    pictures, boxes = crowd(count, frames)
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    meter, watcher = DETECTION.meter("crowd", "list", AlongTime(), DETECTION.metrics), PairWatcher()
    spent = 0.0
    for start in range(0, frames, BATCH):
        rows = slice(start, min(start + BATCH, frames))
        n = rows.stop - rows.start
        batch = FrameBatch(
            pixels=pixels[rows],
            time_s=np.arange(rows.start, rows.stop) / 25,
            index=np.arange(rows.start, rows.stop),
            corrupt=np.zeros(n, bool),
            item="crowd",
        )
        links, said = watcher.feed(batch), detections(boxes[rows])
        before = time.process_time()
        meter.feed(batch, links, said)
        spent += time.process_time() - before
    before = time.process_time()
    meter.finish()
    spent += time.process_time() - before
    return frames / spent


ALBUM, MOTIONS = 24, 8
"""Pictures of a pair, and how many of them differ in what moves."""


def replayed() -> list[ShownMotion]:
    """What the pictures of an album show since the first: a camera that pans, and texture that moves beyond it."""
    rng = np.random.default_rng(0)
    own = rng.random((HEIGHT // STEP, WIDTH // STEP)) < 0.3
    found = []
    for k in range(MOTIONS):
        back = np.zeros((*own.shape, 2), np.float32) + np.array([-2.0 * k / MOTIONS, 0], np.float32)
        back[own] += rng.normal(0, 1, 2)
        found.append(ShownMotion(back, own))
    return [found[k % MOTIONS] for k in range(ALBUM)]


def causes(count: int, pairs: int, motions: list[ShownMotion]) -> float:
    """Processor seconds a pair of ``seen_boxes`` on an album, with what was replayed or without."""

    class FromList:
        name, class_names, task = "list", ("a", "b", "c"), "detection"

        def __call__(self, pixels: torch.Tensor) -> Detections:
            return detections([boxes[k % 2] for k in range(len(pixels))])

    pictures, boxes = crowd(count, 2)
    album = [pictures[k % 2] for k in range(ALBUM)]
    before = time.process_time()
    for _ in range(pairs):
        seen_boxes(FromList(), album, motions)
    return (time.process_time() - before) / pairs


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=1)
    given = parser.parse_args()
    say(
        f"stability, {given.boxes} boxes: {stability(given.boxes, given.frames):.1f} frames a processor second"
    )
    for what, motions in (("causes", []), ("causes with replayed motion", replayed())):
        spent = causes(given.boxes, given.pairs, motions)
        say(f"{what}, {given.boxes} boxes: {spent:.2f} processor seconds a pair")


if __name__ == "__main__":
    harness.run(main)
