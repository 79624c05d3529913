"""Frames in memory become a file without loss: an array, an iterator of frames, or a list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidrobust.errors import InputError, SettingsError

EXPECTED = (
    "expected uint8 RGB frames: an array (T, H, W, 3) or (T, 3, H, W), or one frame (H, W, 3) after the other"
)


def write_frames(frames: Any, folder: Path, name: str, frame_rate: float) -> Path:
    """Write frames as ``folder/NAME-HASH.mkv`` (FFV1 in RGB: every value comes back), and return its path.

    frames      an array or tensor (T, H, W, 3) or (T, 3, H, W), or an iterable of frames (H, W, 3), uint8 RGB; an
                iterable is gone through once, and only one frame of it is held
    frame_rate  frames a second, from which the times follow
    The hash of the frames in the name lets the same call find its file again. Raises SettingsError for other
    shapes or types, InputError where there is no frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}.mkv.part"
    digest, shape = hashlib.sha256(f"{frame_rate}".encode()), (0, 0)
    with av.open(str(beside), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=Fraction(frame_rate).limit_denominator(100_000))
        for number, frame in enumerate(_frames(frames, name)):
            if not number:
                shape = frame.shape[:2]
                stream.height, stream.width, stream.pix_fmt = *shape, "bgr0"
            if frame.shape[:2] != shape:
                raise SettingsError(
                    f"{name}: frame {number} is {frame.shape[1]} x {frame.shape[0]} px, the first one "
                    f"{shape[1]} x {shape[0]}; give frames of one size, or several sources"
                )
            digest.update(frame.tobytes())
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(picture))
        if shape == (0, 0):
            beside.unlink(missing_ok=True)
            raise InputError(f"{name}: holds no frame")
        container.mux(stream.encode(None))
    path = folder / f"{name}-{digest.hexdigest()[:12]}.mkv"
    if path.is_file():  # the same frames again: their file stays as it is
        beside.unlink()
    else:
        beside.replace(path)
    return path


def is_array(source: Any) -> bool:
    """Whether a source is an array or tensor of frames."""
    return hasattr(source, "shape") and hasattr(source, "dtype")


def _frames(frames: Any, name: str) -> Iterator[np.ndarray]:
    each: Iterable[Any] = frames
    if is_array(frames):
        if len(frames.shape) != 4:
            raise SettingsError(f"{name}: {EXPECTED}; got an array {tuple(frames.shape)}")
        each = (frames[k] for k in range(frames.shape[0]))
    for number, frame in enumerate(each):
        yield _frame(frame, f"{name}, frame {number}")


def _frame(frame: Any, where: str) -> np.ndarray:
    """One frame as a contiguous (H, W, 3) uint8 array; a channel axis in front is moved behind."""
    array = np.asarray(frame.detach().cpu() if hasattr(frame, "detach") else frame)
    if array.dtype != np.uint8:
        raise SettingsError(f"{where}: {EXPECTED}; got {array.dtype}")
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] != 3:
        raise SettingsError(f"{where}: {EXPECTED}; got shape {array.shape}")
    return np.ascontiguousarray(array)
