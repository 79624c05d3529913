"""What a decoded frame carries beside its picture, also where PyAV does not know every kind of it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import cast

import av
from av.buffer import Buffer
from av.filter import Graph

from vidrobust.errors import InputError

VIEW_ID = 29  # AV_FRAME_DATA_VIEW_ID of libavutil/frame.h
MOST_KINDS = 64
SEVERAL_VIEWS = "holds several views a frame (multiview HEVC); the base layer is read, as ffmpeg reads it"
_ANY_TIME_BASE = Fraction(1, 1000)


def display_matrix(frame: av.VideoFrame) -> bytes | None:
    """The frame's display matrix, or None where it is shown as stored.

    PyAV ties the frame to its side data in a cycle here, so that its memory is only freed by the garbage
    collector: not to be asked of every frame.
    """
    known, _ = readable(frame)
    data = known.side_data.get("DISPLAYMATRIX")
    return None if data is None else bytes(cast(Buffer, data))


def has_several_views(frame: av.VideoFrame) -> bool:
    """Whether the frame is one view of several that its file holds."""
    return VIEW_ID in readable(frame)[1]


def readable(frame: av.VideoFrame) -> tuple[av.VideoFrame, tuple[int, ...]]:
    """A frame whose side data PyAV can list, and the numbers of the kinds that were taken off for that.

    PyAV lists all side data or none, and fails at a kind that is not in its enumeration: that of multiview
    HEVC, or EXIF in a JPEG. The picture is not touched. Raises InputError for a frame on a device.
    """
    unknown: list[int] = []
    while len(unknown) < MOST_KINDS:
        try:
            frame.side_data.get("DISPLAYMATRIX")
        except ValueError as error:
            number = re.match(r"(\d+) is not a valid", str(error))
            if number is None:
                raise
            unknown.append(int(number[1]))
            frame = _without(frame, unknown[-1])
        else:
            break
    return frame, tuple(unknown)


def _without(frame: av.VideoFrame, kind: int) -> av.VideoFrame:
    if frame.sw_format is not None:
        raise InputError(f"side data of kind {kind} cannot be read of a frame on a device")
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or _ANY_TIME_BASE,
    )
    strip = graph.add("sidedata", f"mode=delete:type={kind}")
    graph.link_nodes(source, strip, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()
