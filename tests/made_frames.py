"""Small made frames and boxes with a known answer, for tests that need no real footage."""

import av
import cv2
import numpy as np
import torch

from vidrobust.frames.batch import FrameBatch
from vidrobust.predictions import Detections

RATE = 25.0


def texture(seed, height=90, width=160):
    """A smooth coloured random picture, (height, width, 3) uint8, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 15, width // 16, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def batch_of(frames, first=0, corrupt=(), item="made", time_s=None):
    """Frames, (H, W, 3) each or a tensor (N, 3, H, W), as a batch at 25 frames/s, the first of number ``first``."""
    pixels = frames
    if not isinstance(frames, torch.Tensor):
        pixels = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    index = np.arange(first, first + len(pixels))
    return FrameBatch(
        pixels=pixels,
        time_s=index / RATE if time_s is None else np.asarray(time_s, float),
        index=index,
        corrupt=np.isin(index, corrupt),
        item=item,
    )


def boxes_of(boxes, frame, num_frames, *, score=0.9, label=0, names=("part",), shapes=None):
    """Boxes (D, 4) in these rows of a batch as a detector answers; one score and one label may be those of all."""
    boxes, ones = np.asarray(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes))
    return Detections(
        boxes=boxes,
        scores=np.float32(score * ones),
        labels=np.int64(label * ones),
        frame=np.asarray(frame, np.int64),
        num_frames=num_frames,
        class_names=names,
        shapes=shapes,
    )


def film(path, frames, codec="libx264", rate=25, **options):
    """Write frames, (H, W, 3) of even sides, as a video of 4:2:0; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *frames[0].shape[1::-1], "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def flickering(seed, height, width, count, phase=0.0):
    """A picture that moves by a pixel a frame and gets brighter and darker."""
    wide = texture(seed, height, width + 80)
    shown = (wide[:, k : k + width] * (1 + 0.3 * np.sin(k + phase)) for k in range(count))
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in shown]
