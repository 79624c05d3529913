"""Frames by PyAV (FFmpeg inside the wheel): the default reader, and the one that decides what is right."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from vidrobust.errors import InputError
from vidrobust.frames import VideoInfo
from vidrobust.video.stream import Decoded

RATE_UNKNOWN = Fraction(25)  # what FFmpeg assumes of a raw stream that does not say


def open_container(path: Path) -> av.container.InputContainer:
    """A local file as a container with a video stream; every failure is one InputError."""
    av.logging.set_level(None)
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    try:
        container = av.open(
            f"file:{path}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a video ({error})") from error
    if container.streams.best("video") is None:
        container.close()
        raise InputError(f"{path}: has no video stream")
    return container


class PyAVReader:
    """One local video file; every pass opens and closes a container of its own."""

    def __init__(self, path: Path, *, item: str, color: str, reason: str) -> None:
        self.path, self.color = path, color
        self.problems: list[str] = []
        with open_container(path) as container:
            stream = container.streams.best("video")
            frame = next(self._raw(container, stream), None)
            if frame is None:
                raise InputError(f"{path}: no frame could be decoded")
            turned = frame.rotation % 180 != 0
            self.info = VideoInfo(
                name=item,
                width=frame.height if turned else frame.width,
                height=frame.width if turned else frame.height,
                frame_rate=stream.average_rate or stream.guessed_rate or RATE_UNKNOWN,
                num_frames=stream.frames or None,
                codec=stream.codec_context.name,
                pixel_format=frame.format.name,
                rotation=frame.rotation % 360,
                backend="pyav",
                device="cpu",
                reason=reason,
            )

    def _raw(self, container, stream) -> Iterator[av.VideoFrame]:
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.FFmpegError as error:
                self.problems.append(f"{self.path}: {error}")

    def frames(self) -> Iterator[Decoded]:
        """Every frame from the first, each valid until the next is asked for."""
        reformatter = av.video.reformatter.VideoReformatter()
        with open_container(self.path) as container:
            stream = container.streams.best("video")
            last = None
            step = float(1 / self.info.frame_rate)
            for index, frame in enumerate(self._raw(container, stream)):
                time = frame.time
                if time is None:
                    time = 0.0 if last is None else last + step
                last = time

                def rgb(frame=frame) -> np.ndarray:
                    plane = reformatter.reformat(frame, format="rgb24").planes[0]
                    rows = np.frombuffer(plane, np.uint8).reshape(frame.height, -1)
                    picture = rows[:, : frame.width * 3].reshape(frame.height, frame.width, 3)
                    return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture

                yield Decoded(index=index, time_s=time, corrupt=bool(frame.is_corrupt), rgb=rgb)
