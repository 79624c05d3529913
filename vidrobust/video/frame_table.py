"""What is known of a video's frames by number: their time stamps, and where decoding can begin.

      0   1   2   3   4   5   6   7      number, in order of presentation
pts   0  40  80 120 160 200 240 280      in ticks of the stream, strictly rising, or it is of no use
key   *               *                  decoding can begin here
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from typing import Self

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

NO_STAMP = -(2**63)


def refreshes(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the stream has keyframes that stand out: its coding loses something, and is refreshed there.

    Not so where the codec knows no other frames (MJPEG, ProRes) or loses nothing (GIF, FFV1), nor where every
    packet of the file is a keyframe. Moves the container; reads to the first other packet.
    """
    codec = stream.codec_context.codec
    if codec.intra_only or (codec.lossless and not codec.lossy):
        return False
    with suppress(av.error.FFmpegError, OSError):
        return any(packet.size and not packet.is_keyframe for packet in container.demux(stream))
    return False


class FrameTable:
    """Time stamps of frames 0, 1, 2 ... as far as they are known; eight bytes a frame."""

    def __init__(self, stamps: array[int] | None = None, keys: array[int] | None = None) -> None:
        self.stamps = array("q") if stamps is None else stamps
        self.keys = array("q") if keys is None else keys
        self.rising = True

    def __len__(self) -> int:
        return len(self.stamps)

    def copy(self) -> FrameTable:
        other = FrameTable(self.stamps[:], self.keys[:])
        other.rising = self.rising
        return other

    def see(self, index: int, stamp: int | None, key: bool) -> None:
        """Add frame ``index`` if it is the next one."""
        if index != len(self.stamps):
            return
        value = NO_STAMP if stamp is None else stamp
        self.rising = self.rising and value > (self.stamps[-1] if self.stamps else NO_STAMP)
        self.stamps.append(value)
        if key:
            self.keys.append(index)

    def begins_like(self, other: FrameTable) -> bool:
        """Whether the frames that both know have the same time stamps."""
        both = min(len(self), len(other))
        return self.stamps[:both] == other.stamps[:both]

    def index_of(self, stamp: int | None) -> int | None:
        """The number of the frame with this time stamp."""
        if stamp is None or not self.rising:
            return None
        place = bisect_left(self.stamps, stamp)
        return place if place < len(self.stamps) and self.stamps[place] == stamp else None

    def index_after(self, stamp: int) -> int:
        """The number of the first frame whose time stamp is ``stamp`` or later."""
        return bisect_left(self.stamps, stamp)

    def key_before(self, index: int) -> int:
        """The last frame at or before ``index`` at which decoding can begin."""
        place = bisect_right(self.keys, index)
        return self.keys[place - 1] if place and self.rising else 0

    @classmethod
    def from_packets(cls, container: InputContainer, stream: VideoStream) -> Self | None:
        """The table that the packets promise, without decoding; None where they cannot be trusted.

        It holds for a sound file. Where packets are damaged in a way that only the decoder can see, fewer
        frames come out than are counted here.
        """
        found: list[tuple[int, bool]] = []
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    return None
                found.append((packet.pts, packet.is_keyframe))
        except (av.error.FFmpegError, OSError):
            return None
        found.sort()
        table = cls()
        for index, (stamp, key) in enumerate(found):
            table.see(index, stamp, key)
        return table if table.rising else None
