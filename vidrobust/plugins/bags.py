"""MCAP files and ROS bags as videos: the topic with the most pictures, at its messages' times.

Read by rosbags (ROS 1 and 2) or mcap (Foxglove's JSON), imported when needed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.frames.batch import VideoInfo
from vidrobust.text.printable import printable
from vidrobust.video.source import VideoFormat
from vidrobust.video.stream import Decoded

COMPRESSED, RAW = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image"
FOXGLOVE = "foxglove.CompressedImage"
# Encodings of raw pictures -> channels, and what makes RGB of them
ENCODINGS = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "8UC3": (3, cv2.COLOR_BGR2RGB),
}
Messages = Iterator[tuple[int, Callable[[], np.ndarray]]]  # time in ns, and what gives the picture


def _of_bytes(data: Any) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("no JPEG and no PNG")
    return np.ascontiguousarray(image[..., ::-1])


def _of_json(data: bytes) -> np.ndarray:
    return _of_bytes(base64.b64decode(json.loads(data)["data"]))


def _of_message(message: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image of ROS."""
    if hasattr(message, "format"):
        return _of_bytes(message.data)
    if message.encoding not in ENCODINGS:
        raise ValueError(f"encoding {message.encoding}; read are {', '.join(ENCODINGS)}")
    channels, code = ENCODINGS[message.encoding]
    rows = np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.step)
    picture = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return np.ascontiguousarray(picture if code is None else cv2.cvtColor(picture, code))


class BagReader:
    """The pictures of one topic of a bag."""

    device = "cpu"

    def __init__(self, path: Path, item: str) -> None:
        self.path, self._unreadable = path, dict[int, str]()
        with self._topics() as topics:
            if not topics:
                raise InputError(
                    f"{printable(path)}: no topic of {COMPRESSED}, {RAW} or {FOXGLOVE} as JSON"
                )
            every = {topic: [time for time, _ in messages()] for topic, messages in topics.items()}
        self._topic = max(every, key=lambda topic: len(every[topic]))
        self._times = np.array(every[self._topic], np.int64)
        first = next(self.frames(), None)
        if first is None:
            raise InputError(
                f"{printable(path)}: {self._topic} holds no picture that can be read: {self.problems}"
            )
        height, width = first.rgb().shape[:2]
        steps = np.diff(self._times)
        rate = 1e9 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 25.0
        others = ", ".join(
            f"{topic} ({len(times)})" for topic, times in every.items() if topic != self._topic
        )
        self.info = VideoInfo(
            name=item,
            width=width,
            height=height,
            frame_rate=Fraction(rate).limit_denominator(1000),
            num_frames=len(self._times),
            codec="messages",
            pixel_format="rgb24",
            backend="bag",
            device="cpu",
            reason=f"pictures of the topic {self._topic}",
            notes=(f"other topics with pictures are left out: {others}",) if others else (),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        if not self._unreadable:
            return ()
        first = self._unreadable[min(self._unreadable)]
        return (
            f"{len(self._unreadable)} of {len(self._times)} pictures cannot be read, the first: {first}",
        )

    def frames(self, first: int = 0) -> Generator[Decoded]:
        with self._topics() as topics:
            for index, (time, picture) in enumerate(topics[self._topic]()):
                if index < first:
                    continue
                try:
                    pixels = picture()
                except (ValueError, cv2.error) as error:
                    self._unreadable[index] = str(error)
                    continue
                seconds = (time - int(self._times[0])) / 1e9
                yield Decoded(
                    index=index, time_s=seconds, corrupt=False, rgb=partial(np.asarray, pixels)
                )

    def start_before(self, index: int) -> int:
        """Every picture is coded alone."""
        return index

    def index_before(self, time_s: float) -> int:
        """A number not after the first picture at a time."""
        return max(int(np.searchsorted(self._times - self._times[0], time_s * 1e9)) - 1, 0)

    def close(self) -> None:
        """Nothing is held between passes."""

    @contextmanager
    def _topics(self) -> Iterator[dict[str, Callable[[], Messages]]]:
        if self.path.suffix == ".mcap":
            with self._foxglove() as topics:
                if topics:
                    yield topics
                    return
        try:
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import Stores, get_typestore
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"{printable(self.path)}: needs the package rosbags: pip install rosbags"
            ) from error
        folder = self.path.parent if (self.path.parent / "metadata.yaml").is_file() else self.path
        with (
            self._reading(),
            AnyReader([folder], default_typestore=get_typestore(Stores.LATEST)) as bag,
        ):

            def picture(raw: bytes, kind: str) -> np.ndarray:
                return _of_message(bag.deserialize(raw, kind))

            def messages(connection: Any) -> Messages:
                for message, time, raw in bag.messages(connections=[connection]):
                    yield time, partial(picture, raw, message.msgtype)

            pictures = [c for c in bag.connections if c.msgtype in (COMPRESSED, RAW)]
            yield {c.topic: partial(messages, c) for c in pictures}

    @contextmanager
    def _foxglove(self) -> Iterator[dict[str, Callable[[], Messages]]]:
        try:
            from mcap.reader import make_reader
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"{printable(self.path)}: needs the package mcap: pip install mcap"
            ) from error
        with self._reading(), self.path.open("rb") as file:
            summary = make_reader(file).get_summary()
            schemas = {} if summary is None else summary.schemas
            channels = () if summary is None else summary.channels.values()
            topics = [
                c.topic
                for c in channels
                if c.message_encoding == "json"
                and c.schema_id
                and schemas[c.schema_id].name == FOXGLOVE
            ]

            def messages(topic: str) -> Messages:
                file.seek(0)
                for _, _, message in make_reader(file).iter_messages(topics=[topic]):
                    yield message.log_time, partial(_of_json, message.data)

            yield {topic: partial(messages, topic) for topic in topics}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (InputError, SettingsError, GeneratorExit):
            raise
        except Exception as error:  # these libraries raise whatever they like
            raise InputError(
                f"{printable(self.path)}: cannot be read as a bag ({in_plain_words(error)})"
            ) from error


FORMAT = VideoFormat(name="bags", suffixes=(".mcap", ".bag", ".db3"), open=BagReader)
