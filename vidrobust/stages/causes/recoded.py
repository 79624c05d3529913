"""How much of a change coding makes, seen on the footage itself, which is coded once more.

In footage whose codec predicts from frame to frame, what moves carries the errors of coding along. No frame shows them
apart from the scene. But coding the decoded frames once more, x to y, adds errors of much the same size, and there the
scene is known: it is x. With d_x and d_y the changes of the model's answer in x and y::

    share of coding = 1 - <d_x, d_y> / <d_y, d_y>

The quantizer is that of the stream (H.264 tells it), or the one that gives the stream's bits. Footage that was smoothed
by a codec loses less the second time, so this share is too small. With a quantizer that is HARDER the share is too
large. The true one lies between the two, as on planted worlds at crf 18 to 35.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

HARDER = (0, 6)  # steps of the quantizer beyond the stream's: six double it
LEAD = 4  # frames coded before the pair, the first of them as a whole
TOLD = 48  # frames from which the quantizer of a stream is read
FINEST, COARSEST = 14, 46  # quantizers among which one is searched
# AVVideoEncParams of FFmpeg: kinds of quantizers that are read, H.264's own and the scale of MPEG-2 and -4, of which
# twice as much is six steps of H.264; and the bytes of the fields of a block.
OF_H264, OF_MPEG, BLOCK = 1, 2, 20


def quantizer_of(path: Path, frames: Callable[[], Sequence[np.ndarray]]) -> float:
    """Return the mean quantizer of a stream in the scale of H.264; NaN where nothing tells it.

    Parameters
    ----------
    path
        The file.
    frames
        Returns some of its frames in order, (H, W, 3) uint8, from which a stream of another codec is estimated.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"export_side_data": "venc_params"}
            told = []
            for number, frame in enumerate(container.decode(stream)):
                told += [value for data in frame.side_data if (value := _mean(data)) is not None]
                if number >= TOLD:
                    break
            if told:
                return float(np.median(told))
            bits, rate = stream.bit_rate or container.bit_rate, stream.average_rate
    except (av.FFmpegError, OSError, IndexError, ValueError):
        return float("nan")
    if not (bits and rate) or len(shown := frames()) < 2:
        return float("nan")
    low, high = FINEST, COARSEST
    while high - low > 1:
        middle = (low + high) // 2
        coded = 8 * len(_coded(shown, middle)) / len(shown)
        low, high = (middle, high) if coded > float(bits / rate) else (low, middle)
    return float(high)


def recoded(frames: Sequence[np.ndarray], quantizer: float) -> tuple[np.ndarray, ...]:
    """Return the last two of some frames, (H, W, 3) uint8, coded once more by H.264: as finely, and coarser."""
    height, width = frames[0].shape[:2]
    coded: list[np.ndarray] = []
    for steps in HARDER:
        with av.open(io.BytesIO(_coded(frames, round(quantizer) + steps)), "r") as back:
            last = [*back.decode(video=0)][-2:]
        coded += [frame.to_ndarray(format="rgb24")[:height, :width] for frame in last]
    return tuple(coded)


def _mean(data: object) -> float | None:
    """The mean quantizer that a frame's side data tell, in the scale of H.264."""
    if "ENC_PARAMS" not in str(getattr(data, "type", "")):
        return None
    content = bytes(data)  # type: ignore[call-overload]
    count = int(np.frombuffer(content, np.uint32, 1)[0])
    first, size = np.frombuffer(content, np.uint64, 2, offset=8)
    kind, whole = np.frombuffer(content, np.int32, 2, offset=24)
    if kind not in (OF_H264, OF_MPEG):
        return None
    mean = float(whole)
    if count and size >= BLOCK:
        blocks = np.frombuffer(content, np.uint8, count * int(size), offset=int(first))
        mean += float(blocks.reshape(count, int(size))[:, 16:20].copy().view(np.int32).mean())
    # MPEG's is given doubled
    return mean if kind == OF_H264 else 12 + 6 * math.log2(max(mean / 2, 1.0))


def _coded(frames: Sequence[np.ndarray], quantizer: int) -> bytes:
    buffer = io.BytesIO()
    height, width = (side + side % 2 for side in frames[0].shape[:2])
    options = {"qp": str(int(np.clip(quantizer, 0, 51))), "g": "10000", "preset": "fast"}
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in frames:
            spare = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
            whole = np.pad(picture, spare, mode="edge") if any(map(any, spare)) else picture
            out.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
        out.mux(stream.encode(None))
    return buffer.getvalue()
