"""Engines against the plain loop that a user would write: PyAV, Pillow, torch, a batch at a time.

python benchmarks/engines.py CLIP [--model SPEC] [--frames N]

Both sides decode the same frames and run the same network; they take turns, and the best of three is reported,
with everything on its way from file to labels, and the network alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import av
import harness
import numpy as np
import torch
from harness import say
from PIL import Image
from torchvision import transforms

from vidrobust.models.load import load_as_it_is, load_model
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import predict
from vidrobust.video.source import open_video


def plain_loop(clip: str, model: NetworkClassifier, frames: int) -> np.ndarray:
    """Decode, resize by Pillow, normalise, torch in batches of 16: no line of this project but the weights."""
    preprocess = model.network.preprocess
    to_input = transforms.Compose(
        [
            transforms.Resize(preprocess.resized[0], transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(preprocess.shape),
            transforms.PILToTensor(),
        ]
    )
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (preprocess.mean, preprocess.std))
    module = model.network.module
    assert module is not None
    labels: list[int] = []
    with av.open(clip) as container, torch.inference_mode():
        batch: list[torch.Tensor] = []
        for number, frame in enumerate(container.decode(video=0)):
            if number == frames:
                break
            picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
            batch.append((to_input(picture).float() - mean) / std)
            if len(batch) == 16:
                labels += module(torch.stack(batch)).argmax(1).tolist()
                batch = []
        if batch:
            labels += module(torch.stack(batch)).argmax(1).tolist()
    return np.array(labels)


def with_vidrobust(clip: str, model: NetworkClassifier, frames: int) -> np.ndarray:
    """The project's own way from file to labels."""
    labels: list[int] = []
    with open_video(clip, device="cpu") as video:
        for batch in video.batches(32):
            labels += predict(model, batch.pixels).labels.tolist()
            if len(labels) >= frames:
                break
    return np.array(labels[:frames])


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--frames", type=int, default=128)
    asked = parser.parse_args()
    eager = load_as_it_is(asked.model, device="cpu")
    assert isinstance(eager, NetworkClassifier)
    with open_video(asked.clip, device="cpu") as video:
        sample = next(video.batches(32)).pixels
    fast = load_model(asked.model, device="cpu", engine="auto", sample=sample)
    assert isinstance(fast, NetworkClassifier)
    sides: dict[str, Callable[[], np.ndarray]] = {
        "plain loop, torch": lambda: plain_loop(asked.clip, eager, asked.frames),
        "vidrobust, torch": lambda: with_vidrobust(asked.clip, eager, asked.frames),
        f"vidrobust, {fast.info.engine}": lambda: with_vidrobust(asked.clip, fast, asked.frames),
    }
    best = dict.fromkeys(sides, float("inf"))
    labels: dict[str, np.ndarray] = {}
    for _ in range(3):
        for name, run in sides.items():
            before = time.perf_counter()
            labels[name] = run()
            best[name] = min(best[name], time.perf_counter() - before)
    first, reference = next(iter(best.values())), next(iter(labels.values()))
    say(f"{torch.get_num_threads()} threads, {len(reference)} frames of {asked.clip}")
    for name, seconds in best.items():
        other = int((labels[name] != reference).sum())
        say(
            f"{name:40} {len(reference) / seconds:7.1f} frames/s  {first / seconds:5.2f} x  {other} labels differ"
        )
    for note in fast.info.notes:
        say(note)


if __name__ == "__main__":
    harness.run(main)
