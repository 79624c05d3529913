"""The loop that a user would write, and decoding and the network alone. No script: ``end_to_end.py`` times them."""

from __future__ import annotations

import itertools
import sys
import time

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
